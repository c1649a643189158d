"""Which losses are low: a mixture of two Gaussians that says when it found none (methods §3.1, §3.3).

As in DivideMix (Li et al. 2020): losses → [0, 1] → two components by EM → the posterior of the lower one is
the probability that a label is right. Losses are cut at their 99.9 % quantile first, so that one picture
that nobody can learn does not squeeze all others together. Where two components make no sense (few samples,
equal losses, an empty component) the posterior is 1/2 and `is_ok` false: without that, equal losses would
reject every sample. Choices: EM settings of the published codes (k-means start, 10 iterations, tolerance
1e-2, variances + 5e-4); a fixed seed; the posterior does not rise with the loss (`monotone`).
"""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

ITERATIONS = 10
TOLERANCE = 1e-2
VARIANCE_FLOOR = 5e-4
CUT = 0.999  # quantile above which a loss counts as that quantile
FEWEST = 10  # samples of a fit
SMALLEST_SPREAD = 1e-6  # of the losses
SMALLEST_WEIGHT = 1e-3  # of a component
SMALLEST_GAP = 1e-3  # of the two means, as a share of the range of all losses
PRIOR = 0.5


@dataclass(frozen=True, kw_only=True)
class CleanPosterior:
    """How likely each loss is a low one.

    values: (N,) float32 in [0, 1], higher for lower losses. is_ok: (N,) bool, false where no mixture could
    be fitted and the value is 1/2. unfit: the classes that have no mixture of their own, ascending.
    """

    values: np.ndarray
    is_ok: np.ndarray
    unfit: tuple[int, ...] = ()


def clean_posterior(
    losses: np.ndarray, *, fitted: np.ndarray | None = None, monotone: bool = True, seed: int = 0
) -> CleanPosterior:
    """Return the posterior of the component with the smaller mean.

    losses: (N,), nats. fitted: (N,) bool, the samples that the mixture is made of, such as those that people
    have not settled; the others are only judged by it. monotone: the posterior is 1 below the lower mean,
    and does not rise again beyond the higher one where the lower component is the wider.
    """
    fitted = np.ones(len(losses), dtype=bool) if fitted is None else fitted
    scaled_N = scaled(losses, fitted)
    mixture = None if scaled_N is None else _fit(scaled_N[fitted], seed)
    if scaled_N is None or mixture is None:
        return _nothing(len(losses))
    return CleanPosterior(
        values=_posterior(mixture, scaled_N, monotone), is_ok=np.ones(len(losses), dtype=bool)
    )


def clean_posterior_by_class(
    losses: np.ndarray,
    label: np.ndarray,
    n_classes: int,
    *,
    fitted: np.ndarray | None = None,
    monotone: bool = True,
    seed: int = 0,
) -> CleanPosterior:
    """Return the posterior under a mixture of each class, (TURN, methods §8.1 (b)).

    label: (N,) int in [0, K), whose losses are fitted together. All losses share one range (§8.2), so the
    floor of the variances means the same everywhere. A class that has too few samples, or losses without
    two components, is judged by the mixture of all; the other arguments as in `clean_posterior`.
    """
    fitted = np.ones(len(losses), dtype=bool) if fitted is None else fitted
    scaled_N = scaled(losses, fitted)
    if scaled_N is None:
        return _nothing(len(losses), tuple(range(n_classes)))
    values, is_ok = np.full(len(losses), PRIOR, dtype=np.float32), np.zeros(len(losses), dtype=bool)
    everywhere = _fit(scaled_N[fitted], seed)
    unfit = []
    order = np.argsort(label, kind="stable")
    bounds = np.searchsorted(label[order], np.arange(n_classes + 1))
    for k in range(n_classes):
        rows = order[bounds[k] : bounds[k + 1]]
        own = _fit(scaled_N[rows[fitted[rows]]], seed)
        if own is None:
            unfit.append(k)
        mixture = own or everywhere
        if mixture is not None and len(rows):
            values[rows], is_ok[rows] = _posterior(mixture, scaled_N[rows], monotone), True
    return CleanPosterior(values=values, is_ok=is_ok, unfit=tuple(unfit))


def scaled(losses: np.ndarray, fitted: np.ndarray) -> np.ndarray | None:
    """Return the losses, cut and moved to [0, 1] by the fitted ones, (N,) float64; None without a spread."""
    some = losses[fitted].astype(np.float64)
    if not len(some):
        return None
    # "lower": of fewer than a thousand losses, too, the largest one has no say.
    low, high = some.min(), np.quantile(some, CUT, method="lower")
    if high - low < SMALLEST_SPREAD:
        high = some.max()
    if high - low < SMALLEST_SPREAD:
        return None
    return ((losses.astype(np.float64) - low) / (high - low)).clip(0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class _Pair:
    """Two components, the one with the smaller mean first: float64 numbers."""

    weights: tuple[float, float]
    means: tuple[float, float]
    variances: tuple[float, float]


def _nothing(n: int, unfit: tuple[int, ...] = ()) -> CleanPosterior:
    return CleanPosterior(
        values=np.full(n, PRIOR, dtype=np.float32), is_ok=np.zeros(n, dtype=bool), unfit=unfit
    )


def _fit(value_N: np.ndarray, seed: int) -> _Pair | None:
    """Return the mixture of losses in [0, 1], or None where two components make no sense."""
    if len(value_N) < FEWEST or np.ptp(value_N) < SMALLEST_SPREAD:
        return None
    mixture = GaussianMixture(
        2, max_iter=ITERATIONS, tol=TOLERANCE, reg_covar=VARIANCE_FLOOR, random_state=seed
    )
    with warnings.catch_warnings():
        # Ten iterations are the method's choice, so that they did not converge is no news.
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(value_N[:, None])
    weights, means, variances = (
        np.asarray(each).reshape(2) for each in (mixture.weights_, mixture.means_, mixture.covariances_)
    )
    low, high = (0, 1) if means[0] <= means[1] else (1, 0)
    if weights.min() < SMALLEST_WEIGHT or means[high] - means[low] < SMALLEST_GAP:
        return None
    return _Pair(
        weights=(float(weights[low]), float(weights[high])),
        means=(float(means[low]), float(means[high])),
        variances=(float(variances[low]), float(variances[high])),
    )


def _posterior(pair: _Pair, value_N: np.ndarray, monotone: bool) -> np.ndarray:
    """Return the posterior of the lower component, (N,) float32."""
    at = value_N
    low, high = pair.means
    lower, upper = 1.0 / pair.variances[0], 1.0 / pair.variances[1]  # precisions
    if monotone and lower < upper:
        # Between the means the posterior falls. Where the lower component is the wider one it rises again
        # from the place on where both densities fall equally fast.
        at = np.minimum(value_N, (high * upper - low * lower) / (upper - lower))
    values = expit(_log_density(pair, 0, at) - _log_density(pair, 1, at))
    if monotone:
        values = np.where(value_N < low, 1.0, values)
    return values.astype(np.float32)


def _log_density(pair: _Pair, which: int, at: np.ndarray) -> np.ndarray:
    """Return the log of weight × density, up to what both components share."""
    weight, mean, variance = pair.weights[which], pair.means[which], pair.variances[which]
    return np.log(weight) - 0.5 * np.log(variance) - 0.5 * (at - mean) ** 2 / variance
