"""The counts that every answer to the page carries. Pure."""

from typing import Any

from reviewer.decisions import STATUSES, Outcome
from reviewer.filters import Board


def progress(board: Board, n_reviewable: int) -> dict[str, Any]:
    """Return how many samples there are, are decided, flagged, and left of those; and one count a status.

    flagged: those left, and those that were flagged when they were decided.
    """
    decisions = list(board.decisions.values())
    flagged = board.ranking.p_clean < board.threshold
    left = int(flagged.sum()) - sum(1 for each in decisions if flagged[each.position])
    found = sum(1 for each in decisions if each.p_clean is not None and each.p_clean < board.threshold)
    counts = {status: 0 for status in STATUSES.values()}
    for each in decisions:
        counts[STATUSES[each.outcome]] += 1
    return {
        "samples": n_reviewable,
        "decided": len(decisions) - counts[STATUSES[Outcome.SKIP]],
        "flagged": left + found,
        "flagged_left": left,
        "threshold": board.threshold,
        **counts,
    }
