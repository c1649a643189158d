"""Transition: CLIP's answer and the given label as two annotators; needs no training (methods §16).

CLIP answers by the class names (zero-shot) where it knows them, else through a linear probe on its frozen
features, fitted out of fold. `engine.transition` holds the EM, which the reviewer runs again on the
`probs` of this detection, with every new decision.
"""

from collections.abc import Mapping

from engine.artifacts import Detection
from engine.clip.backbone import Backbone
from engine.detectors import Inputs, softmax, zero_shot_logits
from engine.manifest import Manifest
from engine.pooling import Answer, Choice, Weigher
from engine.probe import ask_probe, fold_of
from engine.progress import Report
from engine.runtime import Runtime
from engine.settings import TransitionConfig


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
        fold = fold_of(manifest.sample_ids, config.folds, inputs.seed)
        probe_NK = ask_probe(manifest, inputs.features, manifest.current(), fold, runtime.device)
        answers["probe"] = em.tempered(probe_NK, config.alpha)
    chosen = _choose(config, em, answers)
    answer, fit = chosen.answer, chosen.fit
    evidence = {"prior": em.prior, **{name: each.evidence for name, each in answers.items()}}
    return Detection(
        p_clean=fit.p_clean(manifest.given),
        probs=answer.probs,
        embeddings=inputs.features,
        suggested=fit.posterior.argmax(axis=1),
        suggested_probability=fit.posterior.max(axis=1),
        notes={
            "posterior": chosen.posterior,
            "reason": chosen.reason,
            "alpha": config.alpha,
            "temperature": answer.temperature,
            "evidence": evidence,
            "noise_rate": fit.noise_rate,
        },
    )


def _choose(config: TransitionConfig, em: Weigher, answers: Mapping[str, Answer]) -> Choice:
    if config.posterior == "auto":
        return em.choose(answers["zero_shot"], answers["probe"])
    answer = answers[config.posterior]
    return Choice(
        answer=answer,
        fit=em.fit(answer),
        by_name=config.posterior == "zero_shot",
        reason=f"the settings ask for {config.posterior}",
    )
