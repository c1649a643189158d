"""The audit slice of an open workspace: when a card is an audit, and which audits the queue has come past."""

import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from zlib import crc32

import numpy as np

from reviewer.audit import audit_order, check_rate, is_audit_turn, next_audits, passed_by, passed_by_act
from reviewer.decisions import Decision, Outcome, Screen
from reviewer.filters import EVERYTHING, Board, Filter

REMEMBERED = 100_000  # cards that were handed out and not decided yet


class Audits:
    """What is known of audits beside the decisions; safe to call from any thread.

    passes: positions of settled audits that the queue has come past since. rate: the share of cards that are
    audits, [0, 0.5].
    """

    def __init__(self, workspace_id: str, n: int, passes: Iterable[int], rate: float) -> None:
        self._seed = crc32(workspace_id.encode())
        self._order = audit_order(self._seed, n)
        self._lock = threading.Lock()
        self._passes = set(passes)
        self._served: dict[int, Filter] = {}
        self._rate = check_rate(rate)

    @property
    def rate(self) -> float:
        """The share of cards that are audits."""
        return self._rate

    @rate.setter
    def rate(self, rate: float) -> None:
        self._rate = check_rate(rate)

    @property
    def passes(self) -> frozenset[int]:
        """The audits that no longer speak for the undecided."""
        with self._lock:
            return frozenset(self._passes)

    def open(self, decisions: Mapping[int, Decision]) -> dict[int, Decision]:
        """Return the settled audits that speak for the undecided."""
        passes = self.passes
        return {
            position: each
            for position, each in decisions.items()
            if each.screen is Screen.AUDIT and each.outcome is not Outcome.SKIP and position not in passes
        }

    def mix(
        self, ranked: Sequence[int], count: int, board: Board, held: Collection[int], asked: Filter
    ) -> list[tuple[int, bool]]:
        """Return the next cards, position and whether it is an audit: the ranked ones with audits among them.

        Audits come in the queue of all samples only. What is handed out is remembered with its filter.
        """
        chosen: list[tuple[int, bool]] = []
        if asked == EVERYTHING and self._rate > 0:
            served = len(board.decisions) + len(held)
            turns = [is_audit_turn(self._seed, served + i, self._rate) for i in range(count)]
            taken = {*board.decisions, *self.passes, *held}
            drawn = iter(next_audits(self._order, board.samples.is_reviewable, taken, sum(turns)))
            shown: set[int] = set()
            rest = iter(ranked)
            for is_turn in turns:
                audit = next(drawn, None) if is_turn else None
                if audit is not None and audit not in shown:
                    chosen.append((audit, True))
                else:
                    position = next((each for each in rest if each not in shown), None)
                    if position is None:
                        break
                    chosen.append((position, False))
                shown.add(chosen[-1][0])
        else:
            chosen = [(position, False) for position in ranked[:count]]
        with self._lock:
            while len(self._served) > REMEMBERED:
                self._served.pop(next(iter(self._served)))
            self._served.update({position: asked for position, is_audit in chosen if not is_audit})
        return chosen

    def passed_with(self, decisions: Sequence[Decision], board: Board) -> set[int]:
        """Return the open audits that the queue comes past with these decisions, which are not on disk yet.

        A card that was looked up, and not handed out, passes nothing: nothing came before it.
        """
        audits = self.open(board.decisions)
        found: set[int] = set()
        if not audits:
            return found
        with self._lock:
            served = dict(self._served)
        waiting = board.outcomes == 0  # of OUTCOMES: undecided
        waiting[list(served)] = False  # on somebody's screen
        for each in decisions:
            asked = served.get(each.position)
            if asked is not None and each.screen is Screen.CARD:
                found.update(passed_by(board.ordered(asked), each.position, audits, waiting))
        return found

    def passed_with_act(self, decisions: Sequence[Decision], board: Board, asked: Filter) -> set[int]:
        """Return the open audits that one act on many samples comes past: those that it would have taken in.

        asked: the filter of the sheet.
        """
        audits = self.open(board.decisions)
        if not audits or not decisions:
            return set()
        among = Filter(**{**vars(asked), "outcomes": None, "annotator": None})
        order = board.ordered(among)
        last = np.flatnonzero(np.isin(order, [each.position for each in decisions]))
        shown = order[: last[-1] + 1] if len(last) else order[:0]
        return set(passed_by_act(shown.tolist(), audits, {(each.outcome, each.labels) for each in decisions}))

    def take(self, passes: Iterable[int], decided: Iterable[int]) -> None:
        """Take in what is on disk now: audits that were passed, and cards that were decided."""
        with self._lock:
            self._passes.update(passes)
            for position in decided:
                self._served.pop(position, None)
