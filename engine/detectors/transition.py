"""Transition: CLIP's answer and the given label as two annotators; needs no training (methods §16).

CLIP answers by the class names (zero-shot) where it knows them, else through a linear probe on its frozen
features, fitted out of fold. `engine.transition` holds the EM, which the reviewer runs again on the
`probs` of this detection, with every new decision.
"""

import numpy as np

from engine.artifacts import Detection
from engine.clip.backbone import Backbone
from engine.detectors import Inputs, softmax, zero_shot_logits
from engine.manifest import Manifest, Pin
from engine.pooling import Answer, Weigher
from engine.probe import fold_of, out_of_fold
from engine.progress import Report
from engine.runtime import Runtime
from engine.settings import TransitionConfig
from engine.transition import named_share, prior_evidence, trust_zero_shot


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
    em = Weigher(manifest)
    answers: dict[str, Answer] = {}
    if config.posterior != "probe":
        answers["zero_shot"] = em.tempered(softmax(zero_shot_logits(inputs, backbone)), config.alpha)
    if config.posterior != "zero_shot":
        answers["probe"] = em.tempered(_probe(config, manifest, inputs, runtime), config.alpha)
    prior = prior_evidence(manifest.given, manifest.n_classes)
    chosen, reason = _choose(config, em, answers, prior)
    answer = answers[chosen]
    fit = em.fit(answer)
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


def _choose(
    config: TransitionConfig, em: Weigher, answers: dict[str, Answer], prior: float
) -> tuple[str, str]:
    if config.posterior != "auto":
        return config.posterior, f"the settings ask for {config.posterior}"
    named, probed = answers["zero_shot"], answers["probe"]
    share = named_share(em.fit(named).matrix)
    trusted, reason = trust_zero_shot(named.evidence, probed.evidence, prior, share)
    return ("zero_shot" if trusted else "probe"), reason
