"""Noise that depends on the image: Xia et al. 2020 (methods §10.3) and Cheng et al. 2021 (§10.4).

Both draw a flip rate q_i around the asked one and random weights that score the classes by the raw pixels;
the scores are so far apart that softmax is all but one-hot, so that this noise is nearly one of several
class pairs. Pixels are not standardised, though that would make it depend on the image: it would be another
benchmark. The numbers are those of the papers' procedures, not of their generators' states.
"""

import numpy as np

from engine.errors import EngineError

SPREAD = 0.1
"""Standard deviation of the flip rates in both papers."""
BATCH = 1024


def idn_xia(true: np.ndarray, n_classes: int, rate: float, seed: int, images: np.ndarray) -> np.ndarray:
    """Return the noisy labels of Xia et al., "Part-dependent Label Noise", as DeFT uses them; (N,) int64.

    images: uint8 (N, H, W, 3), taken as raw pixels in channel-first order, S = 3·H·W. One S×K matrix per
    true class; each comes from a generator of its own (seed, class), so that one at a time is in memory: all
    of Tiny-ImageNet's would take 3.9 GB.
    """
    rng = np.random.RandomState(seed)
    q_N = flip_rates_xia(len(true), rate, rng)
    chance_N = rng.random_sample(len(true))
    pixels = _check(images, true).transpose(0, 3, 1, 2)
    noisy = true.copy()
    for k in range(n_classes):
        rows_n = np.flatnonzero(true == k)
        if not len(rows_n):
            continue
        weights_SK = np.random.RandomState([seed, k]).standard_normal((pixels[0].size, n_classes))
        for start in range(0, len(rows_n), BATCH):
            rows_B = rows_n[start : start + BATCH]
            probability_BK = flip_probabilities(pixels[rows_B], weights_SK, true[rows_B], q_N[rows_B])
            noisy[rows_B] = _pick(probability_BK, chance_N[rows_B])
    return noisy


def idn_cheng(true: np.ndarray, n_classes: int, rate: float, seed: int, images: np.ndarray) -> np.ndarray:
    """Return the noisy labels of Cheng et al., "Learning with Instance-Dependent Label Noise" (CORES²).

    As TURN uses them; (N,) int64. images: uint8 (N, H, W, 3), taken as raw pixels in channel-last order. One
    S×K matrix for all classes, so that a few of them draw most of the wrong labels.
    """
    rng = np.random.RandomState(seed)
    q_N = flip_rates_cheng(len(true), rate, rng)
    chance_N = rng.random_sample(len(true))
    images = _check(images, true)
    weights_SK = rng.standard_normal((int(np.prod(images.shape[1:])), n_classes))
    noisy = true.copy()
    for start in range(0, len(true), BATCH):
        rows_B = np.arange(start, min(start + BATCH, len(true)))
        probability_BK = flip_probabilities(images[rows_B], weights_SK, true[rows_B], q_N[rows_B])
        noisy[rows_B] = _pick(probability_BK, chance_N[rows_B])
    return noisy


def flip_rates_xia(n_samples: int, rate: float, rng: np.random.RandomState) -> np.ndarray:
    """Return q ~ N(rate, 0.1) truncated to [0, 1], (N,) float64; its mean is 0.2055 at 0.2, 0.3004 at 0.3."""
    from scipy.stats import truncnorm  # noqa: PLC0415 - half a second

    low, high = (0 - rate) / SPREAD, (1 - rate) / SPREAD
    drawn = truncnorm.rvs(low, high, loc=rate, scale=SPREAD, size=n_samples, random_state=rng)
    return np.asarray(drawn, dtype=np.float64)


def flip_rates_cheng(n_samples: int, rate: float, rng: np.random.RandomState) -> np.ndarray:
    """Return the first N draws of N(rate, 0.1) that fall inside (0, 1), (N,) float64."""
    kept = np.empty(0)
    while len(kept) < n_samples:
        drawn = rng.normal(rate, SPREAD, size=max(n_samples, 1024))
        kept = np.concatenate([kept, drawn[(drawn > 0) & (drawn < 1)]])
    return kept[:n_samples]


def flip_probabilities(
    pixels_B: np.ndarray, weights_SK: np.ndarray, true_B: np.ndarray, q_B: np.ndarray
) -> np.ndarray:
    """Return how likely each label is, (B, K) float64; rows sum to 1.

    1 − q for the true class; the others share q by softmax of the scores x·W. pixels_B: (B, …) with S
    numbers each.
    """
    rows_B = np.arange(len(true_B))
    score_BK = pixels_B.reshape(len(true_B), -1).astype(np.float64) @ weights_SK
    score_BK[rows_B, true_B] = -np.inf
    weight_BK = np.exp(score_BK - score_BK.max(axis=1, keepdims=True))
    probability_BK = q_B[:, None] * weight_BK / weight_BK.sum(axis=1, keepdims=True)
    probability_BK[rows_B, true_B] = 1 - q_B
    return probability_BK


def _pick(probability_BK: np.ndarray, chance_B: np.ndarray) -> np.ndarray:
    """Return the class in whose share of [0, 1) the chance falls, (B,) int64."""
    up_to_BK = probability_BK.cumsum(axis=1)
    return (chance_B[:, None] * up_to_BK[:, -1:] >= up_to_BK).sum(axis=1).clip(max=up_to_BK.shape[1] - 1)


def _check(images: np.ndarray, true: np.ndarray) -> np.ndarray:
    if images.ndim != 4 or len(images) != len(true):
        raise EngineError(
            f"There are {len(true)} labels and the images are {images.shape}; they have to be (N, H, W, 3)."
        )
    return images
