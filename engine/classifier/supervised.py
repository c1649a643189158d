"""Training a classifier on the samples whose labels count as right (DeFT phase 2; methods §5).

    L = 1/|S∩batch| · Σ_{i ∈ S∩batch} ℓ(z_i, y_i)

ℓ is cross-entropy, as published, or one of the losses of §9 with which the papers' baselines learn every
label. A batch is drawn from all samples and reduced to the selected ones, as DeFT does. Where a picture by
itself decides what becomes of it, the others are dropped before the forward pass (methods §13.6, item 5),
which changes nothing; with batch normalisation they are dropped after it.

Choices: the class of an ambiguous sample is spread over the chosen ones (methods §20); what people settled
is learned by cross-entropy whatever ℓ is; a batch without any selected sample is no step; a probe, which
trains the head only, sees every picture once, not shifted.
"""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch

from engine.augment import Shifts, draw_shifts
from engine.checkpoint import Checkpoint, Progress
from engine.classifier.held_out import Held
from engine.classifier.saved import SavedClassifier
from engine.draws import Draws
from engine.errors import EngineError
from engine.losses import SettingsLoss
from engine.manifest import Manifest
from engine.progress import Report
from engine.rows import Rows
from engine.runtime import every_core
from engine.settings.adaptation import AdaptationConfig, Recipe
from engine.training import Plan, Terms, TermsOf, split, train


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What a classifier learns from. selected: (N,) bool. target: (N, K) float32, rows sum to 1. settled:
    (N,) bool, by people."""

    selected: np.ndarray
    target: np.ndarray
    settled: np.ndarray

    def counts(self) -> np.ndarray:
        """Return how many selected samples each class has, (K,) float64; shares of ambiguous ones."""
        return self.target[self.selected].sum(axis=0, dtype=np.float64)


def choose(manifest: Manifest, p_clean: np.ndarray, config: AdaptationConfig) -> Chosen:
    """Return what is learned: labels above the threshold and what people settled, or all.

    p_clean: (N,) float32 in [0, 1], row i for manifest row i. No sample of `manifest` is excluded. Raises
    EngineError where fewer than two classes have a sample.
    """
    rows, known = manifest.known()
    target_NK = np.zeros((len(manifest), manifest.n_classes), dtype=np.float32)
    target_NK[np.arange(len(manifest)), manifest.current()] = 1.0
    target_NK[rows] = known
    selected = p_clean > config.threshold if config.samples == "clean" else np.ones(len(manifest), dtype=bool)
    selected[rows] = True
    settled = np.isin(np.arange(len(manifest)), rows)
    chosen = Chosen(selected=selected, target=target_NK, settled=settled)
    if config.at_least:
        for k in np.flatnonzero(chosen.counts() == 0):
            of_class = np.flatnonzero((manifest.given == k) & ~settled)
            selected[of_class[np.argsort(-p_clean[of_class], kind="stable")[: config.at_least]]] = True
    n_classes = int((chosen.counts() > 0).sum())
    if n_classes < 2:
        raise EngineError(
            f"{int(selected.sum())} of {len(manifest)} samples count as clean, of {n_classes} classes; a "
            "classifier needs two. Lower the threshold, or settle some labels first."
        )
    return chosen


def fit(
    config: AdaptationConfig,
    recipe: Recipe,
    classifier: SavedClassifier,
    chosen: Chosen,
    pixels: Rows,
    draws: Draws,
    checkpoint: Checkpoint | None,
    report: Report,
    *,
    batch_size: int = 256,
    held: Held | None = None,
) -> tuple[Progress, ...]:
    """Train a classifier in place and return the history.

    pixels: uint8 (N, S, S, 3), row i for sample i of `draws` and `chosen`. batch_size: of passes without
    gradients. held: where it is given, each epoch's figures say "accuracy" and "top5" on it.
    """
    trunk = classifier.trunk
    learns = bool(trunk.parameters)
    loss = SettingsLoss(config, *chosen.target.shape, device=trunk.runtime.device)
    if learns:
        terms = _tower_terms(config, classifier, chosen, loss, pixels, draws)
    else:
        terms = _probe_terms(classifier, chosen, loss, pixels, batch_size, report)

    def batches_of(epoch: int) -> list[np.ndarray]:
        loss.begin()
        return split(draws.order(epoch), recipe.batch_size)

    plan = Plan(
        epochs=recipe.epochs,
        learning_rate=recipe.learning_rate,
        schedule=recipe.schedule,
        optimiser=recipe.optimiser,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        longest_gradient=config.longest_gradient,
    )
    with every_core() if learns else nullcontext():
        return train(
            {**classifier.head, **trunk.parameters},
            terms,
            batches_of,
            plan,
            checkpoint,
            report,
            memory={**trunk.memory, **loss.memory},
            figures_of=_figures_of(classifier, held, batch_size, report) if held else None,
        )


def _tower_terms(
    config: AdaptationConfig,
    classifier: SavedClassifier,
    chosen: Chosen,
    loss: SettingsLoss,
    pixels: Rows,
    draws: Draws,
) -> TermsOf:
    trunk = classifier.trunk
    losses_of = _losses_of(chosen, loss, trunk.runtime.device)

    @lru_cache(maxsize=1)
    def shifts_of(epoch: int) -> Shifts:
        return draw_shifts(draws, epoch, trunk.image_size)

    def terms(rows: np.ndarray, epoch: int) -> Terms:
        drawn, counts = len(rows), chosen.selected[rows]
        if not trunk.sees_the_batch:
            rows, counts = rows[counts], counts[counts]
        if not counts.any():
            return _nothing(drawn)
        shifts = shifts_of(epoch).take(rows) if config.augment else None
        logits_BK = classifier.logits(trunk.pooled(pixels.take(rows), shifts))
        losses = losses_of(logits_BK, rows)
        return _terms(losses[torch.from_numpy(counts).to(losses.device)], drawn)

    return terms


def _probe_terms(
    classifier: SavedClassifier,
    chosen: Chosen,
    loss: SettingsLoss,
    pixels: Rows,
    batch_size: int,
    report: Report,
) -> TermsOf:
    rows = np.flatnonzero(chosen.selected)
    some = replace(pixels, index=pixels.index[rows], keys=tuple(pixels.keys[i] for i in rows))
    trunk = classifier.trunk
    pooled_NW = trunk.pooled_all(some, batch_size=batch_size, report=report, stage="features")
    device = trunk.runtime.device
    losses_of, pooled = _losses_of(chosen, loss, device), torch.from_numpy(pooled_NW).to(device)
    place = np.cumsum(chosen.selected) - 1

    def terms(rows: np.ndarray, epoch: int) -> Terms:
        kept = rows[chosen.selected[rows]]
        if not len(kept):
            return _nothing(len(rows))
        logits_BK = classifier.logits(pooled[torch.from_numpy(place[kept]).to(device)])
        return _terms(losses_of(logits_BK, kept), len(rows))

    return terms


def _losses_of(
    chosen: Chosen, loss: SettingsLoss, device: torch.device
) -> Callable[[torch.Tensor, np.ndarray], torch.Tensor]:
    """Return the loss of each sample of a batch, (B,), from its logits, (B, K), and its rows, (B,) int64."""
    target_NK, settled_N = (torch.from_numpy(each).to(device) for each in (chosen.target, chosen.settled))

    def losses(logits_BK: torch.Tensor, rows: np.ndarray) -> torch.Tensor:
        row_B = torch.from_numpy(rows).to(device)
        return loss(logits_BK, target_NK[row_B], settled_N[row_B], row_B)

    return losses


def _terms(losses: torch.Tensor, drawn: int) -> Terms:
    count = float(len(losses))
    return Terms(losses={"classes": (losses.sum(), count)}, shares={"selected": (count, float(drawn))})


def _nothing(drawn: int) -> Terms:
    return Terms(losses={"classes": (torch.zeros(()), 0.0)}, shares={"selected": (0.0, float(drawn))})


def _figures_of(
    classifier: SavedClassifier, held: Held, batch_size: int, report: Report
) -> Callable[[int], Mapping[str, float]]:
    from engine.metrics import accuracy, top_accuracy  # noqa: PLC0415 - scikit-learn, a second

    trunk = classifier.trunk

    def look() -> np.ndarray:
        return trunk.pooled_all(held.pixels, batch_size=batch_size, report=report, stage="held out")

    still = None if trunk.parameters else look()

    def figures(epoch: int) -> Mapping[str, float]:
        probs_NK = classifier.probabilities(look() if still is None else still)
        return {
            "accuracy": accuracy(probs_NK.argmax(axis=1), held.labels),
            "top5": top_accuracy(probs_NK, held.labels, 5),
        }

    return figures
