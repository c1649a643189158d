"""What changed from one run to another: who entered and who left the flagged ones, and where p_clean lies."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from reviewer.queue import RunArrays

BINS = 20
MOST_SHOWN = 100_000  # positions of those that entered or left, the most changed first


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two runs on the n samples that both have looked at.

    entered, left: positions that only the second, or only the first, flags, the most changed first. both: how
    many both flag. agree: the share of samples for which they suggest the same class, [0, 1]. first, second:
    (20,) how many samples have their p_clean in each twentieth of [0, 1].
    """

    n: int
    entered: np.ndarray
    left: np.ndarray
    both: int
    agree: float
    first: np.ndarray
    second: np.ndarray

    def as_json(self) -> dict[str, Any]:
        """Return it for the page."""
        return {
            "n": self.n,
            "entered": len(self.entered),
            "left": len(self.left),
            "both": self.both,
            "agree": self.agree,
            "first": self.first.tolist(),
            "second": self.second.tolist(),
            "entered_positions": self.entered[:MOST_SHOWN].tolist(),
            "left_positions": self.left[:MOST_SHOWN].tolist(),
        }


def compare(first: RunArrays, second: RunArrays, threshold: float) -> Comparison:
    """Return how `second` differs from `first`; threshold: the p_clean below which a sample is flagged."""
    common = np.flatnonzero((first.row_at >= 0) & (second.row_at >= 0))
    before, after = first.row_at[common], second.row_at[common]
    p_before, p_after = first.p_clean[before], second.p_clean[after]
    was, now = p_before < threshold, p_after < threshold
    change = p_after - p_before
    entered, left = np.flatnonzero(now & ~was), np.flatnonzero(was & ~now)
    same = first.suggested[before] == second.suggested[after]
    return Comparison(
        n=len(common),
        entered=common[entered[np.argsort(change[entered], kind="stable")]],
        left=common[left[np.argsort(-change[left], kind="stable")]],
        both=int((was & now).sum()),
        agree=float(same.mean()) if len(common) else 1.0,
        first=np.histogram(p_before, BINS, (0.0, 1.0))[0],
        second=np.histogram(p_after, BINS, (0.0, 1.0))[0],
    )
