"""Symmetric noise: any class may stand in the place of the true one (methods §10.1)."""

import numpy as np

from engine.noise.mapped import draw_from, share_of


def symmetric(
    true: np.ndarray,
    n_classes: int,
    rate: float,
    seed: int,
    *,
    include_true: bool = True,
    exact_count: bool = True,
) -> np.ndarray:
    """Return labels of which a share `rate` was drawn again, uniformly; (N,) int64.

    The defaults are those of DivideMix, UNICON, ELR and DeFT's code: exactly ⌊r·N⌋ samples, each drawn from
    all K classes, so that about r(K−1)/K of the labels are wrong. include_true=False draws from the others,
    so that r of them are. exact_count=False draws each sample by itself, with chance r; without the true
    label that is the `noisify` of Co-teaching and CORES: a transition matrix with r/(K−1) off the diagonal,
    one multinomial draw per sample.
    """
    rng = np.random.RandomState(seed)
    if not exact_count and not include_true:
        transition_KK = np.full((n_classes, n_classes), rate / (n_classes - 1))
        np.fill_diagonal(transition_KK, 1 - rate)
        return draw_from(transition_KK, true, rng)
    n_samples = len(true)
    if exact_count:
        rows = rng.permutation(n_samples)[: share_of(rate, n_samples)]
    else:
        rows = np.flatnonzero(rng.random_sample(n_samples) < rate)
    noisy = true.copy()
    if include_true:
        noisy[rows] = rng.randint(n_classes, size=len(rows))
    else:
        noisy[rows] = (true[rows] + 1 + rng.randint(n_classes - 1, size=len(rows))) % n_classes
    return noisy
