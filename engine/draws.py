"""Random numbers that belong to a sample: functions of (seed, purpose, epoch, sample_id) and nothing else.

So a permuted manifest draws the permuted numbers, a resumed epoch draws the same ones again, and no draw
depends on what people decided.
"""

import hashlib
from collections.abc import Sequence

import numpy as np

_STEP = np.uint64(0x9E3779B97F4A7C15)


def _mix(word: np.ndarray) -> np.ndarray:
    """Return the words after the finaliser of SplitMix64 (Steele, Lea & Flood 2014), uint64."""
    with np.errstate(over="ignore"):
        word = word + _STEP
        word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


def _word(text: str) -> np.uint64:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "big"))


class Draws:
    """The random numbers of N samples under one seed."""

    def __init__(self, sample_ids: Sequence[str], seed: int):
        self._keys = np.asarray([_word(each) for each in sample_ids], dtype=np.uint64)
        self._seed = seed

    def uniform(self, purpose: str, epoch: int) -> np.ndarray:
        """Return one number for each sample, (N,) float64 in [0, 1)."""
        salt = _word(f"{self._seed}/{purpose}/{epoch}")
        return (_mix(_mix(self._keys ^ salt) ^ salt) >> np.uint64(11)) * 2.0**-53

    def integers(self, purpose: str, epoch: int, stop: int) -> np.ndarray:
        """Return one integer for each sample, (N,) int64 in [0, stop)."""
        return (self.uniform(purpose, epoch) * stop).astype(np.int64)

    def order(self, epoch: int) -> np.ndarray:
        """Return the order in which an epoch goes through the samples, a permutation (N,)."""
        return np.argsort(self.uniform("order", epoch), kind="stable")
