"""Near-duplicates and outliers, from the nearest images of each image. Pure."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from engine.artifacts import Neighbours

NO_GROUP = -1
N_NEAREST = 5


@dataclass(frozen=True, kw_only=True)
class Groups:
    """Groups of two rows or more that show the same. group: (n,) int32, the number of each row's group, or
    NO_GROUP. conflict: (n_groups,) bool, whether its rows have different labels. size: (n_groups,) int64.

    Groups are numbered as they are worth a look: those with conflicting labels first, then the larger ones.
    """

    group: np.ndarray
    conflict: np.ndarray
    size: np.ndarray

    def order(self, *, conflicts_only: bool = False) -> np.ndarray:
        """Return the rows that are in groups, group by group, int64."""
        rows = np.flatnonzero(self.group != NO_GROUP)
        if conflicts_only:
            rows = rows[self.conflict[self.group[rows]]]
        return rows[np.lexsort((rows, self.group[rows]))]


def near_duplicates(neighbours: Neighbours, labels: np.ndarray, similarity: float) -> Groups:
    """Return the groups of images that are joined by neighbours at least as similar as `similarity`.

    labels: (n,) the label of each row now, as text or number. similarity: a cosine in [−1, 1]. A chain of
    similar images is one group.
    """
    n = len(labels)
    close = (neighbours.rows >= 0) & (neighbours.similarities.astype(np.float32) >= similarity)
    left, place = np.nonzero(close)
    right = neighbours.rows[left, place]
    links = coo_matrix((np.ones(len(left), dtype=bool), (left, right)), shape=(n, n))
    _, part = connected_components(links, directed=False)
    size = np.bincount(part)
    joined = np.flatnonzero(size[part] > 1)
    parts, group_of_joined = np.unique(part[joined], return_inverse=True)
    conflict = _differ(group_of_joined, labels[joined], len(parts))
    sizes = size[parts]
    rank = np.lexsort((np.arange(len(parts)), -sizes, ~conflict))
    number = np.empty(len(parts), dtype=np.int32)
    number[rank] = np.arange(len(parts), dtype=np.int32)
    group = np.full(n, NO_GROUP, dtype=np.int32)
    group[joined] = number[group_of_joined]
    return Groups(group=group, conflict=conflict[rank], size=sizes[rank])


def _differ(group: np.ndarray, labels: np.ndarray, n_groups: int) -> np.ndarray:
    """Return whether the labels of each group differ, (n_groups,) bool."""
    _, number = np.unique(labels, return_inverse=True)
    least = np.full(n_groups, np.iinfo(np.int64).max)
    most = np.full(n_groups, -1, dtype=np.int64)
    np.minimum.at(least, group, number)
    np.maximum.at(most, group, number)
    return least != most


def loneliness(neighbours: Neighbours, n_nearest: int = N_NEAREST) -> np.ndarray:
    """Return how far each image is from its nearest ones, (n,) float32: 1 − their mean cosine. No label is
    asked; 0 where there is no neighbour."""
    some = neighbours.rows[:, :n_nearest] >= 0
    similar = np.where(some, neighbours.similarities[:, :n_nearest].astype(np.float32), 0.0)
    count = some.sum(axis=1)
    return np.where(count > 0, 1.0 - similar.sum(axis=1) / np.maximum(count, 1), 0.0).astype(np.float32)


def outliers(lonely: np.ndarray, n_deviations: float = 3.0) -> np.ndarray:
    """Return the rows that lie apart, the loneliest first, int64: further than the median by more than
    `n_deviations` robust standard deviations (1.4826 times the median absolute deviation)."""
    middle = np.median(lonely) if len(lonely) else 0.0
    spread = 1.4826 * np.median(np.abs(lonely - middle)) if len(lonely) else 0.0
    apart = np.flatnonzero(lonely > middle + n_deviations * max(float(spread), 1e-6))
    return apart[np.argsort(-lonely[apart], kind="stable")]
