"""DivideMix's loss (methods §3.3): refined and guessed labels, mixed, with a weight that grows.

    labelled     t = sharp(w·y + (1 − w)·mean of the own softmax of both views)
    unlabelled   t = sharp(mean of the softmax of both heads and both views);   sharp(p) ∝ p^(1/T)
    mixing       x ← λx + (1 − λ)x',  t likewise;   λ ~ Beta(α, α), λ ← max(λ, 1 − λ)
    L = L_x + λ_u·ramp·L_u + Σ_k π_k log(π_k/p̄_k)
        L_x: cross-entropy of the labelled rows; L_u: squared error, mean over rows and classes; π = 1/K

In the warm-up cross-entropy on all samples, and with `confused_pairs` Σ_k p_k log p_k on top.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import betaincinv

from engine.detectors.deft.terms import Labels
from engine.detectors.dividemix.split import HEADS, Split, decode
from engine.draws import Draws
from engine.losses import cross_entropy
from engine.rows import Rows
from engine.settings import DividemixConfig
from engine.tower import head_logits
from engine.training import Terms, TermsOf

COPIES = (0, 1)  # augmented views of each sample in a step
FLOOR = 1e-8  # of p̄ in its logarithm

Head = dict[str, torch.Tensor]


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What chance says of each sample in an epoch, for each head and copy: all (2, 2, N).

    view: int64, which stored features. share: float32, λ in [1/2, 1]. place: float64 in [0, 1), where it
    stands among the partners of its batch.
    """

    view: np.ndarray
    share: np.ndarray
    place: np.ndarray


def draw_epoch(draws: Draws, epoch: int, n_views: int, alpha: float) -> Drawn:
    """Return the draws of an epoch; n_views: stored features of each sample."""

    def each(purpose: str, draw: Callable[[str], np.ndarray]) -> np.ndarray:
        return np.stack([np.stack([draw(f"{purpose} {head} {copy}") for copy in COPIES]) for head in HEADS])

    def share(purpose: str) -> np.ndarray:
        drawn = betaincinv(alpha, alpha, draws.uniform(purpose, epoch))
        return np.maximum(drawn, 1.0 - drawn).astype(np.float32)

    return Drawn(
        view=each("view", lambda purpose: draws.integers(purpose, epoch, n_views)),
        share=each("share", share),
        place=each("place", lambda purpose: draws.uniform(purpose, epoch)),
    )


@dataclass(frozen=True, kw_only=True)
class Views:
    """Stored features. plain: of the pictures as they are, (N, D); shifted: of moved copies; move: what
    standardises both."""

    plain: np.ndarray
    shifted: Sequence[Rows]
    move: Callable[[np.ndarray], np.ndarray]
    device: torch.device

    def __len__(self) -> int:
        return 1 + len(self.shifted)

    def take(self, rows: np.ndarray, which: np.ndarray) -> torch.Tensor:
        """Return the features of these rows, (B, D) float32; which: (B,) int64 in [0, len)."""
        feature_BD = self.plain[rows]
        for number, view in enumerate(self.shifted, start=1):
            drawn = which == number
            if drawn.any():
                feature_BD[drawn] = view.take(rows[drawn])
        return torch.from_numpy(self.move(feature_BD)).to(self.device)


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """What the steps of an epoch know beside the parameters; split: None in the warm-up."""

    drawn: Drawn
    split: Split | None


def terms_of(
    config: DividemixConfig,
    heads: Sequence[Head],
    views: Views,
    labels: Labels,
    epochs: dict[int, Epoch],
) -> TermsOf:
    """Return the loss as `engine.training.train` asks for it; epochs: filled in as each begins."""

    def terms(batch: np.ndarray, epoch: int) -> Terms:
        now, n = epochs[epoch], len(labels.label)
        head, with_label, without = decode(batch, n)
        if now.split is None:
            return _warm(config, heads[head], views, labels, now.drawn, head, with_label)
        ramp = _ramp(config, epoch, float(now.split.done[head, with_label[:1]].sum()))
        mixed_MD, target_MK = mixed(
            *batch_of(config, heads, head, views, labels, now.drawn, now.split, with_label, without),
            *_mixing(now.drawn, head, with_label, without),
        )
        logits_MK = head_logits(heads[head], mixed_MD)
        n_labelled = len(COPIES) * len(with_label)
        losses = loss_terms(logits_MK, target_MK, n_labelled, config.unlabelled_weight * ramp)
        return Terms(losses=losses, shares={"selected": (now.split.selected[head], 1.0)})

    return terms


def loss_terms(
    logits_MK: torch.Tensor, target_MK: torch.Tensor, n_labelled: int, weight: float
) -> dict[str, tuple[torch.Tensor, float]]:
    """Return L_x, λ_u·L_u and the penalty of rows of which the first `n_labelled` are labelled."""
    prob_MK = logits_MK.float().softmax(dim=1)
    n_rows, n_classes = prob_MK.shape
    fit = cross_entropy(logits_MK[:n_labelled], target_MK[:n_labelled]).sum()
    error = (prob_MK[n_labelled:] - target_MK[n_labelled:]).square().mean(dim=1).sum()
    uniform = 1.0 / n_classes
    penalty = (uniform * (np.log(uniform) - prob_MK.mean(dim=0).clamp(min=FLOOR).log())).sum()
    return {
        "labelled": (fit, float(n_labelled)),
        "unlabelled": (weight * error, float(n_rows - n_labelled)),
        "balance": (penalty * n_rows, float(n_rows)),
    }


def batch_of(
    config: DividemixConfig,
    heads: Sequence[Head],
    head: int,
    views: Views,
    labels: Labels,
    drawn: Drawn,
    split: Split,
    with_label: np.ndarray,
    without: np.ndarray,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the features of a step, (M, D), and their targets, (M, K): both copies of the labelled rows,
    then both of the others."""
    device = labels.label.device
    labelled_CBD, other_CBD = (
        [views.take(rows, drawn.view[head, copy, rows]) for copy in COPIES] for rows in (with_label, without)
    )
    with torch.no_grad():
        own_BK = _mean_softmax([heads[head]], labelled_CBD)
        guess_BK = sharpened(_mean_softmax(heads, other_CBD), config.sharpening)
        known = labels.take(torch.from_numpy(with_label).to(device))
        weight_B1 = torch.from_numpy(split.weight[head, with_label]).to(device)[:, None]
        refined_BK = sharpened(weight_B1 * known.target + (1.0 - weight_B1) * own_BK, config.sharpening)
    return (
        torch.cat([*labelled_CBD, *other_CBD]),
        torch.cat([refined_BK] * len(COPIES) + [guess_BK] * len(COPIES)),
    )


def sharpened(prob_BK: torch.Tensor, temperature: float) -> torch.Tensor:
    """Return p^(1/T), rescaled to sum to 1, (B, K)."""
    power_BK = prob_BK ** (1.0 / temperature)
    return power_BK / power_BK.sum(dim=1, keepdim=True)


def mixed(
    feature_MD: torch.Tensor, target_MK: torch.Tensor, share_M: np.ndarray, place_M: np.ndarray
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return each row mixed with another: share λ of itself; its partner is the row of the same rank in the
    order of `place`."""
    share_M1 = torch.from_numpy(share_M).to(feature_MD.device)[:, None]
    partner = torch.from_numpy(np.argsort(place_M, kind="stable")).to(feature_MD.device)
    return (
        share_M1 * feature_MD + (1.0 - share_M1) * feature_MD[partner],
        share_M1 * target_MK + (1.0 - share_M1) * target_MK[partner],
    )


def _mixing(
    drawn: Drawn, head: int, with_label: np.ndarray, without: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    pieces = [(copy, rows) for rows in (with_label, without) for copy in COPIES]
    return (
        np.concatenate([drawn.share[head, copy, rows] for copy, rows in pieces]),
        np.concatenate([drawn.place[head, copy, rows] for copy, rows in pieces]),
    )


def _mean_softmax(heads: Sequence[Head], feature_CBD: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the mean over heads and views, (B, K)."""
    parts = [head_logits(head, some_BD).softmax(dim=1) for head in heads for some_BD in feature_CBD]
    return torch.stack(parts).mean(dim=0)


def _ramp(config: DividemixConfig, epoch: int, done: float) -> float:
    """Return how much of λ_u counts: 0 as the warm-up ends, 1 after `config.ramp` epochs."""
    return min(max((epoch - 1 - config.warm_up + done) / config.ramp, 0.0), 1.0)


def _warm(
    config: DividemixConfig,
    head: Head,
    views: Views,
    labels: Labels,
    drawn: Drawn,
    number: int,
    rows: np.ndarray,
) -> Terms:
    logits_BK = head_logits(head, views.take(rows, drawn.view[number, 0, rows]))
    known = labels.take(torch.from_numpy(rows).to(labels.label.device))
    losses = {"labelled": (cross_entropy(logits_BK, known.target).sum(), float(len(rows)))}
    if config.confused_pairs:
        log_BK = logits_BK.log_softmax(dim=1)
        losses["confidence"] = ((log_BK.exp() * log_BK).sum(), float(len(rows)))
    return Terms(losses=losses)
