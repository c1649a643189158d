"""Cross-fit: what a tuned tower says of samples that it was not tuned on, weighed with the given label.

`transition` asks a model that has never seen the labels. A tower that learns from them knows the data set
better, but it also remembers what it was told; so F copies of it learn, each from all folds but one, and each
is asked about the one that it has not seen:

    r_i    posterior of the EM on what CLIP says untrained                           methods §16
    f:     min Σ_{i ∉ f} CE(softmax(s·I_f(x_i)·W_fᵀ), r_i)         W_f begins as the text features T, or
                                                                   as `directions` of the images i ∉ f
    P_i    ∝ P_i^{CLIP (1 − w)} · P_i^{f(i) w}                     each at the temperature of highest evidence
    p_clean: the EM on P

Every answer is a mean of softmax over shifted and mirrored views of a picture, which is better calibrated
than one look. Where CLIP does not know the classes by name, a linear probe, also fitted out of fold, stands
for it, as in `transition`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from engine.artifacts import Detection
from engine.augment import Shifts, draw_shifts
from engine.checkpoint import Checkpoint, fingerprint
from engine.clip.backbone import Backbone
from engine.detectors import Inputs, softmax
from engine.draws import Draws
from engine.losses import cross_entropy
from engine.manifest import Manifest
from engine.pooling import Weigher, pool
from engine.probe import ask_probe, fold_of
from engine.progress import Report
from engine.runtime import Runtime, every_core
from engine.scoring import encode_rows
from engine.settings import CrossfitConfig
from engine.tower import ImageTower, load_image_tower
from engine.training import Plan, Terms, TermsOf, split, train
from engine.views import store_views, view_shifts


def detect(
    config: CrossfitConfig,
    manifest: Manifest,
    inputs: Inputs,
    backbone: Backbone,
    runtime: Runtime,
    report: Report,
) -> Detection:
    """Return the posterior of the EM; `probs` is the P that went into it, after its temperature.

    notes: reason (a sentence), posterior ("zero_shot" or "probe", what stands for CLIP), weight, alpha,
    temperature, evidence (nats, of the prior and of each answer), noise_rate, epochs.
    """
    em = Weigher(manifest)
    draws = Draws(manifest.sample_ids, inputs.seed)
    fold = fold_of(manifest.sample_ids, config.folds, inputs.seed)
    shifts = view_shifts(draws, config.views, backbone.image_size)
    shifted = store_views(inputs, backbone, shifts, report)
    views = [inputs.features, *(each.take(slice(None)) for each in shifted)]
    named_NK = _mean([softmax(backbone.logit_scale * (view @ inputs.classes.T)) for view in views])
    named, seen_ND = em.suited(named_NK), _mean(views)
    probed = em.suited(ask_probe(manifest, seen_ND, manifest.current(), fold, runtime.device))
    chosen = em.choose(named, probed)
    untrained, target_NK = chosen.answer, chosen.fit.posterior
    if config.tower == "frozen":
        learned_NK = ask_probe(manifest, seen_ND, target_NK.argmax(axis=1), fold, runtime.device)
    else:
        begin = [
            inputs.classes if chosen.by_name else directions(inputs.features[fold != f], target_NK[fold != f])
            for f in range(config.folds)
        ]
        copies = _tune(config, manifest, inputs, backbone, begin, fold, target_NK, draws, report)
        learned_NK = _ask(copies, fold, inputs, backbone, shifts, report)
    learned = em.suited(learned_NK)
    final = em.suited(pool((untrained.probs, learned.probs), (1 - config.weight, config.weight)))
    fit = em.fit(final)
    asked = "copies of the tower" if config.tower == "adapted" else "a linear probe"
    return Detection(
        p_clean=fit.p_clean(manifest.given),
        probs=final.probs,
        embeddings=inputs.features,
        suggested=fit.posterior.argmax(axis=1),
        suggested_probability=fit.posterior.max(axis=1),
        notes={
            "reason": f"{chosen.reason}; {asked} answer about the fold that they have not seen",
            "posterior": chosen.posterior,
            "weight": config.weight,
            "alpha": final.alpha,
            "temperature": final.temperature,
            "evidence": {
                "prior": em.prior,
                "zero_shot": named.evidence,
                "probe": probed.evidence,
                "learned": learned.evidence,
                "both": final.evidence,
            },
            "noise_rate": fit.noise_rate,
            "epochs": config.epochs if config.tower == "adapted" else 0,
        },
    )


def _mean(answers: Sequence[np.ndarray]) -> np.ndarray:
    return np.stack(answers).mean(axis=0, dtype=np.float32)


# -- the copies ---------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Copy:
    """An image tower and the class vectors W, (K, D), that it is asked with; both learn."""

    tower: ImageTower
    classes: torch.Tensor

    @property
    def parameters(self) -> dict[str, torch.Tensor]:
        return {**self.tower.parameters, "classes": self.classes}

    def logits(self, pixels: np.ndarray, shifts: Shifts | None) -> torch.Tensor:
        """Return s·I·Wᵀ, (B, K) float32, W of unit length."""
        class_KD = functional.normalize(self.classes, dim=-1)
        return self.tower.backbone.logit_scale * (self.tower.features(pixels, shifts) @ class_KD.T)


def _tune(
    config: CrossfitConfig,
    manifest: Manifest,
    inputs: Inputs,
    backbone: Backbone,
    begin: Sequence[np.ndarray],
    fold: np.ndarray,
    target_NK: np.ndarray,
    draws: Draws,
    report: Report,
) -> list[_Copy]:
    """Train a copy for each fold on the samples of the others, step by step in turn; begin: their first W."""
    copies = [_new_copy(config, inputs, backbone, class_KD) for class_KD in begin]
    n = len(manifest)

    def batches_of(epoch: int) -> list[np.ndarray]:
        order = draws.order(epoch)
        # The loop takes a batch as it is: sample i for copy f stands in it as f·N + i.
        turns = [split(f * n + order[fold[order] != f], config.batch_size) for f in range(config.folds)]
        longest = max(map(len, turns))
        return [turn[step] for step in range(longest) for turn in turns if step < len(turn)]

    key = fingerprint(manifest, "crossfit", config.model_dump(), backbone.fingerprint, inputs.seed)
    report("stage", stage="training")
    plan = Plan(
        epochs=config.epochs,
        learning_rate=config.learning_rate,
        is_smooth=True,
        optimiser="adamw",
        weight_decay=config.weight_decay,
    )
    parameters = {f"{f}.{name}": p for f, copy in enumerate(copies) for name, p in copy.parameters.items()}
    target = torch.from_numpy(target_NK).to(backbone.runtime.device)
    terms = _terms_of(copies, inputs, target, draws)
    with every_core():
        train(parameters, terms, batches_of, plan, Checkpoint(inputs.run_dir, key), report)
    return copies


def _new_copy(config: CrossfitConfig, inputs: Inputs, backbone: Backbone, class_KD: np.ndarray) -> _Copy:
    generator = torch.Generator().manual_seed(inputs.seed)
    tower = load_image_tower(backbone, config.adapter, generator)
    classes = torch.from_numpy(class_KD).to(backbone.runtime.device).clone().requires_grad_()
    return _Copy(tower=tower, classes=classes)


def directions(feature_ND: np.ndarray, target_NK: np.ndarray) -> np.ndarray:
    """Return where the images of each class lie, seen from the middle of all, (K, D) float32, unit rows.

    What W begins as where CLIP does not know the names. target_NK: shares of each class; one that nobody
    belongs to points nowhere in particular.
    """
    weight_K1 = np.maximum(target_NK.sum(axis=0), 1e-6)[:, None]
    away_KD = (target_NK.T @ feature_ND) / weight_K1 - feature_ND.mean(axis=0)
    return (away_KD / np.maximum(np.linalg.norm(away_KD, axis=1, keepdims=True), 1e-6)).astype(np.float32)


def _terms_of(copies: Sequence[_Copy], inputs: Inputs, target_NK: torch.Tensor, draws: Draws) -> TermsOf:
    n = len(target_NK)

    def terms(batch: np.ndarray, epoch: int) -> Terms:
        copy, rows = copies[int(batch[0]) // n], batch % n
        shifts = draw_shifts(draws, epoch, copy.tower.image_size).take(rows)
        logits_BK = copy.logits(inputs.pixels.take(rows), shifts)
        target_BK = target_NK[torch.from_numpy(rows).to(target_NK.device)]
        return Terms(losses={"posterior": (cross_entropy(logits_BK, target_BK).sum(), float(len(rows)))})

    return terms


def _ask(
    copies: Sequence[_Copy],
    fold: np.ndarray,
    inputs: Inputs,
    backbone: Backbone,
    shifts: Sequence[Shifts],
    report: Report,
) -> np.ndarray:
    """Return the mean answer over all views of each sample's own copy, (N, K) float32, rows sum to 1."""
    report("stage", stage="scoring")

    def encode(copy: _Copy) -> Callable[[np.ndarray], np.ndarray]:
        def answers(rows: np.ndarray) -> np.ndarray:
            pixels = inputs.pixels.take(rows)
            with torch.inference_mode():
                looks = [copy.logits(pixels, None), *(copy.logits(pixels, s.take(rows)) for s in shifts)]
                return torch.stack(looks).softmax(dim=-1).mean(dim=0).cpu().numpy()

        return answers

    probs_NK = np.empty((len(fold), len(copies[0].classes)), dtype=np.float32)
    for number, copy in enumerate(copies):
        rows = np.flatnonzero(fold == number)
        if len(rows):
            probs_NK[rows] = encode_rows(
                encode(copy),
                rows,
                runtime=backbone.runtime,
                name=backbone.name,
                batch_size=inputs.batch_size,
                report=report,
            )
    return probs_NK
