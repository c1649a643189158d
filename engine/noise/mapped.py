"""Noise that maps a class to one other class: pairs, look-alikes, blocks, super-classes (methods §10.2)."""

import math

import numpy as np

from engine.errors import EngineError

CIFAR10_MAP = {9: 1, 2: 0, 4: 7, 3: 5, 5: 3}
"""truck → automobile, bird → airplane, deer → horse, cat ↔ dog."""
BLOCK = 5


def pair(
    true: np.ndarray, n_classes: int, rate: float, seed: int, *, exact_count: bool = False
) -> np.ndarray:
    """Return labels of which each became the next class, i → (i+1) mod K, with chance `rate`; (N,) int64.

    As UNICON does for Tiny-ImageNet, which AVL-Prompter takes for EuroSAT and Pets, too. exact_count=True is
    the "asym" of DeFT's code: exactly ⌊r·N⌋ samples of all classes.
    """
    target_K = (np.arange(n_classes) + 1) % n_classes
    if exact_count:
        return _map_some(true, target_K, rate, np.random.RandomState(seed))
    return _flip(true, target_K, rate, seed)


def asym_cifar10(
    true: np.ndarray, n_classes: int, rate: float, seed: int, *, per_class: bool = False
) -> np.ndarray:
    """Return labels in which CIFAR-10's look-alikes were taken for each other (`CIFAR10_MAP`); (N,) int64.

    The default is that of DivideMix and UNICON: ⌊r·N⌋ samples of *all* classes are mapped, and the five that
    map to themselves stay right, so that about half of r is wrong. per_class=True is ELR's: exactly ⌊r·n⌋ of
    the n samples of each of the five.
    """
    if n_classes != 10:
        raise EngineError(f"asym maps the ten classes of CIFAR-10, and there are {n_classes}; take pair.")
    target_K = np.arange(n_classes)
    target_K[list(CIFAR10_MAP)] = list(CIFAR10_MAP.values())
    rng = np.random.RandomState(seed)
    if not per_class:
        return _map_some(true, target_K, rate, rng)
    noisy = true.copy()
    for k, target in sorted(CIFAR10_MAP.items()):
        rows = rng.permutation(np.flatnonzero(true == k))
        noisy[rows[: share_of(rate, len(rows))]] = target
    return noisy


def asym_block5(true: np.ndarray, n_classes: int, rate: float, seed: int) -> np.ndarray:
    """Return labels flipped with chance `rate` to the next in their block of five classes, round; (N,) int64.

    What the code of UNICON and ELR does with CIFAR-100, and so, most likely, what the published numbers come
    from, though the papers speak of super-classes: its class ids are alphabetical, and only 6 of the 100
    flips stay inside one.
    """
    if n_classes % BLOCK:
        raise EngineError(f"block5 needs classes in fives, and there are {n_classes}; take pair.")
    ids = np.arange(n_classes)
    return _flip(true, ids - ids % BLOCK + (ids + 1) % BLOCK, rate, seed)


def asym_superclass(
    true: np.ndarray, n_classes: int, rate: float, seed: int, coarse: np.ndarray
) -> np.ndarray:
    """Return labels flipped with chance `rate` to the next class of their super-class, round; (N,) int64.

    What the papers say of CIFAR-100. coarse: the super-class of each class, (K,). The order within one is
    that of the class ids; a class that is alone in its super-class stays.
    """
    coarse = np.asarray(coarse)
    if coarse.shape != (n_classes,):
        raise EngineError(f"There are {n_classes} classes and super-classes for {len(coarse)}; name each.")
    return _flip(true, superclass_targets(coarse), rate, seed)


def superclass_targets(coarse: np.ndarray) -> np.ndarray:
    """Return for each class the next of its super-class, in the order of ids, round; (K,) int64."""
    target_K = np.arange(len(coarse))
    for group in np.unique(coarse):
        members = np.flatnonzero(coarse == group)
        target_K[members] = np.roll(members, -1)
    return target_K


def draw_from(transition_KK: np.ndarray, true: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    """Return a label for each sample, drawn from the row of its true class; (N,) int64.

    One multinomial draw per sample in row order, which with the published seed (0) are the published labels.
    """
    drawn = (rng.multinomial(1, transition_KK[k]).argmax() for k in true)
    return np.fromiter(drawn, dtype=np.int64, count=len(true))


def share_of(rate: float, n_samples: int) -> int:
    """Return ⌊r·N⌋ of the decimal number that `rate` was written as: 0.29 of 100 is 29, not 28."""
    return math.floor(rate * n_samples + 1e-9)


def _flip(true: np.ndarray, target_K: np.ndarray, rate: float, seed: int) -> np.ndarray:
    n_classes = len(target_K)
    transition_KK = np.eye(n_classes) * (1 - rate)
    # Added, because a class may be its own target.
    transition_KK[np.arange(n_classes), target_K] += rate
    return draw_from(transition_KK, true, np.random.RandomState(seed))


def _map_some(true: np.ndarray, target_K: np.ndarray, rate: float, rng: np.random.RandomState) -> np.ndarray:
    rows = rng.permutation(len(true))[: share_of(rate, len(true))]
    noisy = true.copy()
    noisy[rows] = target_K[true[rows]]
    return noisy
