"""Who counts as clean: what a loss, its rank or its mixture says of a label (methods §2, §3, §8, §12.2).

Every answer is a `p_clean` in [0, 1] that is above one half where the method's own rule keeps a label.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata

from engine.detectors.label_match import margin_p_clean
from engine.manifest import Manifest
from engine.mixture import clean_posterior, clean_posterior_by_class

SEED = 0  # of the mixtures' k-means: another one finds the same two components, or none


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What the losses say of N labels.

    weight: w, (N,) float32, the posterior of a low loss; 1 for what people settled. p_clean: (N,) float32, w
    moved so that the threshold lies at one half. gmm_ok: whether every label was judged by a mixture.
    unfit: the classes without a mixture of their own, ascending; () where one for all was asked for.
    """

    weight: np.ndarray
    p_clean: np.ndarray
    gmm_ok: bool
    unfit: tuple[int, ...] = ()

    @property
    def is_selected(self) -> np.ndarray:
        """Which labels count as right, (N,) bool: w above the threshold, strictly."""
        return self.p_clean > 0.5

    def notes(self, manifest: Manifest, is_settled: np.ndarray) -> dict[str, Any]:
        """Return what a run tells of it: noise_rate, gmm_ok, unfit_classes (names); is_settled: (N,) bool."""
        undecided = self.weight[~is_settled]
        return {
            "noise_rate": 1.0 - float(undecided.mean()) if len(undecided) else 0.0,
            "gmm_ok": self.gmm_ok,
            "unfit_classes": [manifest.class_names[k] for k in self.unfit],
        }

    def told(self, by: str) -> str:
        """Return the words for what judged the labels: `by`, or what stood in for it."""
        return by if self.gmm_ok else "its own answers, because no mixture fits the losses"


def given_losses(logits_NK: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return the cross-entropy with the given labels, (N,) float32, nats; given: (N,) int in [0, K)."""
    highest = logits_NK.max(axis=1)
    total = np.exp(logits_NK - highest[:, None], dtype=np.float32).sum(axis=1)
    return np.log(total) + highest - logits_NK[np.arange(len(given)), given]


def judge(
    losses: np.ndarray,
    logits_NK: np.ndarray,
    given: np.ndarray,
    is_settled: np.ndarray,
    *,
    threshold: float,
    per_class: bool = False,
) -> Judgement:
    """Return what a mixture of the losses says, of all labels or of each class.

    losses: (N,), nats. logits_NK: z, (N, K). is_settled: (N,) bool, labels that people settled; they take no
    part in the fit (methods §12.3). Where no mixture can be fitted, a label counts as right when it is the
    model's answer (`margin_p_clean`), so that equal losses neither keep nor drop everything.
    """
    fitted = ~is_settled
    if per_class:
        found = clean_posterior_by_class(losses, given, logits_NK.shape[1], fitted=fitted, seed=SEED)
    else:
        found = clean_posterior(losses, fitted=fitted, seed=SEED)
    answer = margin_p_clean(logits_NK, given)
    weight = np.where(found.is_ok, found.values, answer)
    p_clean = np.where(found.is_ok, rescaled(found.values, threshold), answer)
    weight[is_settled] = p_clean[is_settled] = 1.0
    return Judgement(
        weight=weight,
        p_clean=p_clean,
        gmm_ok=bool((found.is_ok | is_settled).all()),
        unfit=found.unfit,
    )


def rescaled(weight: np.ndarray, threshold: float) -> np.ndarray:
    """Return w with 0, τ and 1 moved to 0, 1/2 and 1, linearly between them, (N,) float32."""
    below = 0.5 * weight / threshold
    above = 0.5 + 0.5 * (weight - threshold) / (1.0 - threshold)
    return np.where(weight <= threshold, below, above).astype(np.float32).clip(0.0, 1.0)


def rank_p_clean(losses: np.ndarray, noise_rate: float) -> np.ndarray:
    """Return 1 at the smallest loss, 1/2 at the quantile 1 − r, 0 at the largest, (N,) float32 (methods §2).

    Linear in the rank between them; equal losses get equal answers. noise_rate: r in [0, 1].
    """
    quantile = (rankdata(losses) - 1.0) / max(len(losses) - 1, 1)
    kept = 1.0 - quantile / (2.0 * max(1.0 - noise_rate, 1e-9))
    dropped = (1.0 - quantile) / (2.0 * max(noise_rate, 1e-9))
    return np.where(quantile <= 1.0 - noise_rate, kept, dropped).astype(np.float32).clip(0.0, 1.0)


def smallest(losses: np.ndarray, is_settled: np.ndarray, forget_rate: float) -> np.ndarray:
    """Return which samples of a batch train, (B,) bool: the easiest, and all that people settled.

    int((1 − R)·n) of the n others, those with the smallest losses; of equal ones the first.
    """
    free = np.flatnonzero(~is_settled)
    count = int((1.0 - forget_rate) * len(free) + 1e-9)  # 0.2 · 5 is 1, whatever floats make of 1 − 0.8
    kept = is_settled.copy()
    kept[free[np.argsort(losses[free], kind="stable")[:count]]] = True
    return kept


def balanced(
    is_clean: np.ndarray,
    label: np.ndarray,
    n_classes: int,
    draw: np.ndarray,
    *,
    quantile: float = 0.0,
) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return equally many clean samples of each class, (N,) bool, and the classes without any (TURN).

    n is the number of the class with the fewest, of those that have any; with `quantile` the so-manieth
    quantile of these numbers. A class with fewer gives all it has (methods §8.3). is_clean: (N,) bool.
    label: (N,) int in [0, K). draw: (N,) in [0, 1), the n lowest of a class are chosen.
    """
    counts = np.bincount(label[is_clean], minlength=n_classes)
    empty = tuple(np.flatnonzero(counts == 0).tolist())
    chosen = np.zeros(len(label), dtype=bool)
    if not counts.any():
        return chosen, empty
    n = max(1, int(np.quantile(counts[counts > 0], quantile, method="lower")))
    rows = np.flatnonzero(is_clean)
    order = rows[np.lexsort((draw[rows], label[rows]))]
    starts = np.cumsum(counts) - counts
    rank = np.arange(len(order)) - starts[label[order]]
    chosen[order[rank < n]] = True
    return chosen, empty
