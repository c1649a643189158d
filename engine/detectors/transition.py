"""Transition: CLIP's answer and the given label as two annotators; needs no training (methods §16).

CLIP answers by the class names (zero-shot) where it knows them, else through a linear probe on its frozen
features, fitted out of fold. `engine.transition` holds the EM, which the reviewer runs again on the
`probs` of this detection, with every new decision.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.artifacts import Detection
from engine.clip.backbone import Backbone
from engine.detectors import Inputs, softmax, zero_shot_logits
from engine.manifest import Manifest, Pin
from engine.probe import fold_of, out_of_fold
from engine.progress import Report
from engine.runtime import Runtime
from engine.settings import TransitionConfig
from engine.transition import fit_temperature, fit_transition, prior_evidence, temper, trust_zero_shot


@dataclass(frozen=True, kw_only=True)
class _Answer:
    """P, (N, K) float32, at the temperature with the highest evidence (mean log, nats)."""

    probs: np.ndarray
    temperature: float
    evidence: float


def detect(
    config: TransitionConfig,
    manifest: Manifest,
    inputs: Inputs,
    backbone: Backbone,
    runtime: Runtime,
    report: Report,
) -> Detection:
    """Return the posterior of the EM; `probs` is the P that went into it, after its temperature.

    notes: posterior ("zero_shot" or "probe"), reason (a sentence), alpha, temperature, evidence (nats, of
    the prior and of each P that was computed), noise_rate.
    """
    known_rows, known_targets = manifest.known()
    options = {"alpha": config.alpha, "known_rows": known_rows, "known_targets": known_targets}
    answers: dict[str, _Answer] = {}
    if config.posterior != "probe":
        answers["zero_shot"] = _tempered(softmax(zero_shot_logits(inputs, backbone)), manifest, options)
    if config.posterior != "zero_shot":
        answers["probe"] = _tempered(_probe(config, manifest, inputs, runtime), manifest, options)
    prior = prior_evidence(manifest.given, manifest.n_classes)
    chosen, reason = _choose(config, answers, prior)
    answer = answers[chosen]
    fit = fit_transition(answer.probs, manifest.given, **options)
    evidence = {"prior": prior, **{name: each.evidence for name, each in answers.items()}}
    return Detection(
        p_clean=fit.p_clean(manifest.given),
        probs=answer.probs,
        embeddings=inputs.features,
        suggested=fit.posterior.argmax(axis=1),
        suggested_probability=fit.posterior.max(axis=1),
        notes={
            "posterior": chosen,
            "reason": reason,
            "alpha": config.alpha,
            "temperature": answer.temperature,
            "evidence": evidence,
            "noise_rate": fit.noise_rate,
        },
    )


def _tempered(probs: np.ndarray, manifest: Manifest, options: dict[str, Any]) -> _Answer:
    temperature, evidence = fit_temperature(probs, manifest.given, **options)
    return _Answer(probs=temper(probs, temperature), temperature=temperature, evidence=evidence)


def _probe(config: TransitionConfig, manifest: Manifest, inputs: Inputs, runtime: Runtime) -> np.ndarray:
    """Return the out-of-fold answers; an ambiguous sample is asked about and never fitted to."""
    is_single = np.asarray([pin is not Pin.AMBIGUOUS for pin in manifest.pins])
    return out_of_fold(
        inputs.features,
        manifest.current(),
        manifest.n_classes,
        fold_of(manifest.sample_ids, config.folds, inputs.seed),
        fitted=is_single,
        device=runtime.device,
    )


def _choose(config: TransitionConfig, answers: dict[str, _Answer], prior: float) -> tuple[str, str]:
    if config.posterior != "auto":
        return config.posterior, f"the settings ask for {config.posterior}"
    trusted, reason = trust_zero_shot(answers["zero_shot"].evidence, answers["probe"].evidence, prior)
    return ("zero_shot" if trusted else "probe"), reason
