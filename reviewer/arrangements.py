"""Queues in an order of their own: like a text, like an image, near-duplicates, outliers, disputed."""

import threading
from collections.abc import Mapping

import numpy as np

from reviewer.decisions import Decision
from reviewer.duplicates import loneliness, near_duplicates, outliers
from reviewer.errors import ReviewerError
from reviewer.filters import DISAGREEMENTS, Board, Filter
from reviewer.queue import RunArrays
from reviewer.reasons import label_codes
from reviewer.search import Search

NEAR = 0.98
"""The cosine from which two images count as the same. Of 100 pictures of the demo, copies made 10 % brighter,
mirrored or saved anew as JPEG lie at medians of .995, .987 and 1.000; of 600 unchanged pictures of the demo
and 1,500 of the CIFAR sample, 3 and 0.6 % have a neighbour above it (2026-11-21)."""
KINDS: Mapping[str, str] = {
    "conflicts": "near-duplicates with different labels",
    "duplicates": "near-duplicates",
    "outliers": "images that lie apart from all others",
    DISAGREEMENTS: "people disagree",
}
"""What `Filter.kind` can be, in words."""


class Arrangements:
    """Orders other than by suspicion, for one workspace; safe to call from any thread."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._lock = threading.Lock()
        self._known: dict[str, tuple[str, Mapping[int, Decision] | None, np.ndarray]] = {}

    def __call__(self, board: Board, asked: Filter) -> np.ndarray:
        """Return the positions of a filter's own order, (m,) int64; samples that are not in it do not belong.

        Raises ReviewerError for a kind that does not exist, and where there is no run to tell from.
        """
        if asked.query is not None or asked.like is not None:
            likeness = (
                self._search.to_text(board, asked.query)
                if asked.query is not None
                else self._search.to_image(board, asked.like or 0)
            )
            order = np.argsort(-likeness, kind="stable")  # NaN comes last
            return order[np.isfinite(likeness[order])]
        if asked.kind not in KINDS:
            raise ReviewerError(f"kind={asked.kind!r} is none of {', '.join(KINDS)}.")
        if asked.kind == DISAGREEMENTS:
            return board.ranking.order[np.isin(board.ranking.order, board.disputed)]
        if board.ranking.run is None:
            raise ReviewerError("No run has looked at the images yet; start one in the Runs tab.")
        return self._of_kind(board, board.ranking.run, str(asked.kind))

    def _of_kind(self, board: Board, run: RunArrays, kind: str) -> np.ndarray:
        # Only conflicts follow the decisions; one key would else cost a search through all neighbours.
        decisions = board.decisions if kind == "conflicts" else None
        with self._lock:
            known = self._known.get(kind)
        if known is None or known[0] != run.run_id or known[1] is not decisions:
            known = (run.run_id, decisions, run.positions[_rows_of(board, run, kind)])
            with self._lock:
                self._known[kind] = known
        return known[2]


def _rows_of(board: Board, run: RunArrays, kind: str) -> np.ndarray:
    if kind == "outliers":
        return outliers(loneliness(run.neighbours))
    groups = near_duplicates(run.neighbours, label_codes(run, board.decisions), NEAR)
    return groups.order(conflicts_only=kind == "conflicts")
