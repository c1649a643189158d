"""What the decisions say about the undecided: p_clean recalibrated, errors left with an interval. Pure numpy.

One model of two numbers carries all of it: a label is wrong with log odds a + b·s, where s = log odds of
1 − p_clean, cut at 5 either way (no model is surer than 99.3 %). Errors left are the sum that it predicts
over the undecided; its posterior on a grid of (a, b) comes from the open audits alone (see `audit`), a
uniform sample of what is left. A quarter of the prior says that p_clean knows nothing (b = 0, Jeffreys'
prior on the rate), so that the interval holds for worthless scores, too, and is narrower than without a model
where they are not. The recalibrated p_clean is the mean curve, fitted to the cards of the queue as well; its
prior trusts p_clean more, since cards from one end of the queue cannot say whether the other end is as bad.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from reviewer.audit import Review

SURE = 5.0  # log odds where scores are cut
SCORES = np.linspace(-SURE, SURE, 51)
SHIFTS = np.linspace(-8.0, 8.0, 81)  # a
SLOPES = np.concatenate([[0.0], np.exp(np.linspace(-2.0, 0.9, 12))])  # b
SHIFT_PRIOR = (0.0, 2.0)  # mean and sd of a, for the interval: wide
CURVE_PRIOR = (0.25, 0.5)  # for the curve: people err where models do, so p_clean is mostly a little too high
SLOPE_SD = 0.5  # of log b
WORTHLESS, CURVE_WORTHLESS = 0.25, 0.01  # of the prior; without audits .25 put the curve .03 further off
RANKED_WEIGHT, RANKED_WORTH = 0.5, 150.0  # audits that one ranked card counts for, and all of them at most
ISOTONIC_WORTH = 1000.0  # decisions: below, isotonic steps were further from the truth than the smooth curve
DRAWS = 4000
CLASS_NODES, CLASS_SHIFTS, CLASS_SD = 200, np.linspace(-1.5, 1.5, 9), 0.5


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A number of errors: the truth is from low to high with 95 %.

    point: the expected one by the audits; before the first of them the sum of the recalibrated 1 − p_clean,
    since the mean of so wide a prior says nothing that a person would guess.
    """

    point: float
    low: int
    high: int


@dataclass(frozen=True, kw_only=True)
class ErrorsLeft:
    """Wrong labels among the undecided. audits: the open ones; samples: all that can be reviewed."""

    total: Interval
    audits: int
    undecided: int
    samples: int


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What the decisions say about p_clean.

    weights: (81, 13), the posterior of (a, b) by the open audits, sums to 1. curve: (51,), the share of wrong
    labels at each of `SCORES` by all decisions, never falling. unknown: the score in place of a missing one.
    """

    weights: np.ndarray
    curve: np.ndarray
    unknown: float

    def p_clean(self, p_clean: np.ndarray) -> np.ndarray:
        """Return the recalibrated p_clean, same shape, float64; the order stays."""
        return 1.0 - np.interp(_scores(p_clean, self.unknown), SCORES, self.curve)


@cache
def _tables() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return P(wrong), log of it, log of the rest at each (a, b, score), (81, 13, 51) each."""
    z = SHIFTS[:, None, None] + SLOPES[:, None] * SCORES
    log_wrong, log_right = -np.logaddexp(0.0, -z), -np.logaddexp(0.0, z)
    return np.exp(log_wrong), log_wrong, log_right


@cache
def _log_prior(mean: float, sd: float, worthless: float) -> np.ndarray:
    a = SHIFTS
    knows = np.exp(-0.5 * ((a - mean) / sd) ** 2)[:, None]
    knows = knows * np.exp(-0.5 * (np.log(SLOPES[1:]) / SLOPE_SD) ** 2)
    jeffreys = np.exp(-0.5 * (np.logaddexp(0.0, -a) + np.logaddexp(0.0, a)))
    prior = np.concatenate(
        [worthless * jeffreys[:, None] / jeffreys.sum(), (1.0 - worthless) * knows / knows.sum()], axis=1
    )
    with np.errstate(divide="ignore"):
        return np.log(prior)


def _scores(p_clean: np.ndarray, unknown: float) -> np.ndarray:
    p = np.clip(np.asarray(p_clean, dtype=np.float64), 1e-9, 1.0 - 1e-9)
    return np.where(np.isnan(p), unknown, np.clip(np.log1p(-p) - np.log(p), -SURE, SURE))


def _histogram(scores: np.ndarray) -> np.ndarray:
    return np.bincount(_bins(scores), minlength=len(SCORES)).astype(np.float64)


def _bins(scores: np.ndarray) -> np.ndarray:
    return np.rint((scores + SURE) / (SCORES[1] - SCORES[0])).astype(np.int64)


def fit_calibration(review: Review) -> Calibration:
    """Return what the decisions so far say about p_clean; without decisions, the prior."""
    known = review.p_clean[np.isfinite(review.p_clean)]
    scored = len(known) > 0
    unknown = float(_scores(known, 0.0).mean()) if scored else 0.0
    curve_prior = _log_prior(*CURVE_PRIOR, CURVE_WORTHLESS if scored else 1.0)
    audits = np.flatnonzero(review.open_audits)
    ranked = np.flatnonzero(review.settled & ~review.audited & np.isfinite(review.shown))
    counts = _outcomes(_scores(review.p_clean[audits], unknown), review.wrong[audits])
    weight = min(RANKED_WEIGHT, RANKED_WORTH / max(len(ranked), 1))
    every = counts + weight * _outcomes(_scores(review.shown[ranked], unknown), review.wrong[ranked])
    smooth = np.tensordot(_posterior(curve_prior, every), _tables()[0], axes=2)
    left = _histogram(_scores(review.p_clean[review.undecided], unknown)) + 1e-3
    prior = ISOTONIC_WORTH * left / left.sum()
    mass = prior + every.sum(axis=0)
    return Calibration(
        weights=_posterior(_log_prior(*SHIFT_PRIOR, WORTHLESS if scored else 1.0), counts),
        curve=_isotonic((prior * smooth + every[0]) / mass, mass),
        unknown=unknown,
    )


def _outcomes(scores: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """Return how many were wrong and how many right at each score, (2, 51)."""
    return np.stack([_histogram(scores[wrong]), _histogram(scores[~wrong])])


def _posterior(log_prior: np.ndarray, counts: np.ndarray) -> np.ndarray:
    _, log_wrong, log_right = _tables()
    log_weights = log_prior + log_wrong @ counts[0] + log_right @ counts[1]
    weights = np.exp(log_weights - log_weights.max())
    return weights / weights.sum()


def _isotonic(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the never-falling sequence nearest to the values (pool adjacent violators)."""
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        block = (value, weight, 1)
        while blocks and blocks[-1][0] > block[0]:
            mean, mass, count = blocks.pop()
            total = mass + block[1]
            block = ((mean * mass + block[0] * block[1]) / total, total, count + block[2])
        blocks.append(block)
    return np.repeat([mean for mean, _, _ in blocks], [count for _, _, count in blocks])


def errors_left(review: Review, calibration: Calibration) -> ErrorsLeft:
    """Return the errors among the undecided. The same state gives the same interval."""
    left = _histogram(_scores(review.p_clean[review.undecided], calibration.unknown))
    chance, _, _ = _tables()
    mean, square = chance @ left, (chance * chance) @ left
    node = _draw(calibration.weights.ravel(), DRAWS)
    drawn = _count(mean.ravel()[node], square.ravel()[node], np.random.default_rng(0))
    audits = int(review.open_audits.sum())
    expected = float((calibration.weights * mean).sum()) if audits else float(calibration.curve @ left)
    return ErrorsLeft(
        total=_interval(drawn, expected),
        audits=audits,
        undecided=int(review.undecided.sum()),
        samples=len(review.settled),
    )


def _draw(weights: np.ndarray, count: int) -> np.ndarray:
    """Return `count` evenly spaced quantiles of a distribution over indices, (count,)."""
    total = np.cumsum(weights)
    return np.minimum(np.searchsorted(total, (np.arange(count) + 0.5) / count * total[-1]), len(total) - 1)


def _count(mean: np.ndarray, square: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw numbers of errors: a sum of unequal coins as the binomial with its mean and variance (Σp, Σp²)."""
    p = np.divide(square, mean, out=np.zeros_like(mean), where=mean > 0)
    trials = np.divide(mean, p, out=np.zeros_like(mean), where=p > 0)
    whole = np.floor(trials)
    return rng.binomial(
        (whole + (rng.random(mean.shape) < trials - whole)).astype(np.int64), np.minimum(p, 1.0)
    )


def _interval(drawn: np.ndarray, point: float) -> Interval:
    low, high = np.quantile(drawn, (0.025, 0.975), method="inverted_cdf")
    return Interval(point=float(np.clip(point, low, high)), low=int(low), high=int(high))


def class_errors_left(review: Review, calibration: Calibration) -> tuple[Interval, ...]:
    """Return the errors among the undecided of each given class, (n_classes,).

    Each class may differ from the whole by a shift of its own; its open audits say by how much.
    """
    rng = np.random.default_rng(0)
    k, bins = review.n_classes, len(SCORES)
    cell = review.given * bins + _bins(_scores(review.p_clean, calibration.unknown))
    left, wrong, right = (
        np.bincount(cell[rows], minlength=k * bins).reshape(k, bins).T.astype(np.float64)
        for rows in (
            review.undecided,
            review.open_audits & review.wrong,
            review.open_audits & ~review.wrong,
        )
    )
    a, b = np.unravel_index(_draw(calibration.weights.ravel(), CLASS_NODES), calibration.weights.shape)
    z = SHIFTS[a][:, None, None] + CLASS_SHIFTS[:, None] + SLOPES[b][:, None, None] * SCORES
    log_wrong, log_right = -np.logaddexp(0.0, -z), -np.logaddexp(0.0, z)
    chance = np.exp(log_wrong)
    fits = log_wrong @ wrong + log_right @ right  # (nodes, shifts, K)
    fits += (-0.5 * (CLASS_SHIFTS / CLASS_SD) ** 2)[:, None]
    fits = np.exp(fits - fits.max(axis=1, keepdims=True))
    fits /= fits.sum(axis=1, keepdims=True)
    mean, square = chance @ left, (chance * chance) @ left
    audited = bool(review.open_audits.any())
    expected = (fits * mean).sum(axis=(0, 1)) / CLASS_NODES if audited else calibration.curve @ left
    found = []
    for c in range(k):
        node = _draw((fits[:, :, c] / CLASS_NODES).ravel(), DRAWS // 2)
        drawn = _count(mean[:, :, c].ravel()[node], square[:, :, c].ravel()[node], rng)
        found.append(_interval(drawn, float(expected[c])))
    return tuple(found)
