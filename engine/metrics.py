"""How well a detection tells wrong labels from right ones, where the true labels are known (methods §11).

Two questions to one `p_clean`: which samples are clean (above 0.5), and how early the wrong ones come when
the lowest is looked at first. And one to the class posterior: how often it names the true class. A figure
that is not defined is None, never a number that stands for it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

CLEAN_ABOVE = 0.5
N_BINS = 10


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The selected samples S against the clean ones G, pooled over the data set.

    precision: |S∩G| / |S|, None where nothing is selected. recall: |S∩G| / |G|, None where nothing is clean.
    f1: 2 |S∩G| / (|S| + |G|); so it is 0 where only one of the two is empty, and None where both are.
    n_selected: |S|.
    """

    precision: float | None
    recall: float | None
    f1: float | None
    n_selected: int


@dataclass(frozen=True, kw_only=True)
class BatchSelection:
    """Selection as DeFT prints it, and small-loss beside it: means of ratios over the batches of an epoch.

    precision: mean of |S∩G| / |S| over the batches that select anything, None where none does. recall: mean
    of |S∩G| / |G| over the batches that hold anything clean. f1: the harmonic mean of these two, as in the
    papers' tables. n_batches; n_without_selected, n_without_clean: those that the means leave out. The
    published code counts the former as 0; its precision is precision · (1 − n_without_selected / n_batches).

    The mean of small ratios lies above the pooled recall, so `Selection` is the figure to go by.
    """

    precision: float | None
    recall: float | None
    f1: float | None
    n_batches: int
    n_without_selected: int
    n_without_clean: int


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Samples of similar p_clean; both means are None where there are none."""

    count: int
    mean_p_clean: float | None
    share_clean: float | None


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """All figures of one detection.

    precision, recall, f1, n_selected: of the clean selection at p_clean > 0.5. noisy: of the others, taken as
    a selection of wrong labels. average_precision, auroc: of finding the wrong labels, lowest p_clean first;
    None unless there are wrong and right ones. ece: expected calibration error of p_clean, of the bins in
    `reliability`, which are equally wide and ascending.
    """

    precision: float | None
    recall: float | None
    f1: float | None
    n_selected: int
    noisy: Selection
    average_precision: float | None
    auroc: float | None
    ece: float
    reliability: tuple[Bin, ...]


def measure(p_clean: np.ndarray, is_clean: np.ndarray) -> Metrics:
    """Return all figures; p_clean: (N,) in [0, 1], is_clean: (N,) bool, N ≥ 1."""
    if p_clean.ndim != 1 or p_clean.shape != is_clean.shape or not len(p_clean) or is_clean.dtype != bool:
        raise ValueError(
            f"p_clean is {p_clean.shape} and is_clean {is_clean.shape}, {is_clean.dtype}; both have to be "
            "(N,), and is_clean bool."
        )
    if not ((p_clean >= 0) & (p_clean <= 1)).all():  # so that no NaN passes
        raise ValueError(f"p_clean lies in [{p_clean.min()}, {p_clean.max()}], not in [0, 1].")
    bins = reliability(p_clean, is_clean)
    is_selected = p_clean > CLEAN_ABOVE
    return Metrics(
        **asdict(clean_selection(is_selected, is_clean)),
        noisy=noise_selection(is_selected, is_clean),
        average_precision=average_precision(p_clean, is_clean),
        auroc=auroc(p_clean, is_clean),
        ece=calibration_error(bins),
        reliability=bins,
    )


def measure_with_pins(
    p_clean: np.ndarray, is_clean: np.ndarray, is_pinned: np.ndarray
) -> tuple[Metrics, Metrics | None]:
    """Return the figures of all samples, and of those that no person has settled (methods §12.3).

    is_pinned: (N,) bool. What people settled is right by definition and flatters a run that saw it. The
    second is None where everything is settled.
    """
    left = ~is_pinned
    return measure(p_clean, is_clean), measure(p_clean[left], is_clean[left]) if left.any() else None


def clean_selection(is_selected: np.ndarray, is_clean: np.ndarray) -> Selection:
    """Return how the selected samples agree with the clean ones; both (N,) bool."""
    n_both = int((is_selected & is_clean).sum())
    n_selected, n_clean = int(is_selected.sum()), int(is_clean.sum())
    return Selection(
        precision=n_both / n_selected if n_selected else None,
        recall=n_both / n_clean if n_clean else None,
        f1=2 * n_both / (n_selected + n_clean) if n_selected + n_clean else None,
        n_selected=n_selected,
    )


def noise_selection(is_selected: np.ndarray, is_clean: np.ndarray) -> Selection:
    """Return the same selection seen from the other side: what it leaves out against the wrong labels."""
    return clean_selection(~is_selected, ~is_clean)


def batch_selection(
    is_selected: np.ndarray, is_clean: np.ndarray, batches: Sequence[np.ndarray]
) -> BatchSelection:
    """Return the means over `batches`, one array of rows each; is_selected, is_clean: (N,) bool."""
    found = [clean_selection(is_selected[rows], is_clean[rows]) for rows in batches]
    precisions = [each.precision for each in found if each.precision is not None]
    recalls = [each.recall for each in found if each.recall is not None]
    precision, recall = _mean(precisions), _mean(recalls)
    return BatchSelection(
        precision=precision,
        recall=recall,
        f1=_harmonic_mean(precision, recall),
        n_batches=len(found),
        n_without_selected=len(found) - len(precisions),
        n_without_clean=len(found) - len(recalls),
    )


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _harmonic_mean(a: float | None, b: float | None) -> float | None:
    if a is None or b is None:
        return None
    return 2 * a * b / (a + b) if a + b else 0.0


def average_precision(p_clean: np.ndarray, is_clean: np.ndarray) -> float | None:
    """Return the average precision of finding the wrong labels; None where all or none are wrong."""
    return float(average_precision_score(~is_clean, -p_clean)) if _has_both(is_clean) else None


def auroc(p_clean: np.ndarray, is_clean: np.ndarray) -> float | None:
    """Return the chance that a wrong label lies below a right one, ties half; None as above."""
    return float(roc_auc_score(~is_clean, -p_clean)) if _has_both(is_clean) else None


def _has_both(is_clean: np.ndarray) -> bool:
    return 0 < int(is_clean.sum()) < len(is_clean)


def reliability(p_clean: np.ndarray, is_clean: np.ndarray, n_bins: int = N_BINS) -> tuple[Bin, ...]:
    """Return the bins [b/n, (b+1)/n) of p_clean, ascending; the last one holds 1, too."""
    at = np.minimum((p_clean * n_bins).astype(np.int64), n_bins - 1)
    return tuple(_bin(p_clean[at == b], is_clean[at == b]) for b in range(n_bins))


def _bin(p_clean: np.ndarray, is_clean: np.ndarray) -> Bin:
    if not len(p_clean):
        return Bin(count=0, mean_p_clean=None, share_clean=None)
    mean = float(p_clean.mean(dtype=np.float64))
    return Bin(count=len(p_clean), mean_p_clean=mean, share_clean=float(is_clean.mean()))


def calibration_error(bins: Sequence[Bin]) -> float:
    """Return Σ |mean p_clean − share clean| over the bins, weighted by their counts; one sample at least."""
    gaps = [
        each.count * abs(each.mean_p_clean - each.share_clean)
        for each in bins
        if each.mean_p_clean is not None and each.share_clean is not None
    ]
    return sum(gaps) / sum(each.count for each in bins)


def accuracy(predicted: np.ndarray, true: np.ndarray) -> float:
    """Return the share of samples whose predicted class is the true one; both (N,) int, N ≥ 1."""
    return float((predicted == true).mean())


def top_accuracy(scores: np.ndarray, true: np.ndarray, k: int) -> float:
    """Return the share of samples whose true class is among the min(k, K) highest scores.

    scores: (N, K); true: (N,) int in [0, K); N, k ≥ 1. Among equal scores the first class counts as the
    higher one, so that k = 1 is the accuracy of argmax. With k ≥ K it is 1.
    """
    own_N1 = np.take_along_axis(scores, true[:, None], axis=1)
    is_before_NK = np.arange(scores.shape[1]) < true[:, None]
    ahead_NK = (scores > own_N1) | ((scores == own_N1) & is_before_NK)
    return float((ahead_NK.sum(axis=1) < k).mean())
