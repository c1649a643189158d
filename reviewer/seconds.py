"""The second opinions of an open workspace: how many are wanted, which were given, whom to ask next."""

import threading
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from typing import Any
from zlib import crc32

import numpy as np

from reviewer import queries
from reviewer.decisions import Decision, Outcome, Screen
from reviewer.filters import Board
from reviewer.opinions import (
    check_own_days,
    check_second_rate,
    disputed,
    draws,
    open_opinions,
    wants_opinion,
)
from reviewer.schema import utc_now
from reviewer.store import Store

SAYING = (Screen.SECOND, Screen.ADJUDICATION)


class SecondOpinions:
    """What is known of second opinions beside the decisions; safe to call from any thread."""

    def __init__(self, store: Store, workspace_id: str, n: int) -> None:
        cursor = store.cursor()
        self._store = store
        self._seed, self._n = crc32(workspace_id.encode()), n
        self._rate = float(queries.read_setting(cursor, "second_rate", "0"))
        self._own_days = int(queries.read_setting(cursor, "second_own_days", "0"))
        self._lock = threading.Lock()
        self._said: dict[int, tuple[Decision, ...]] = {}
        self._open: dict[int, tuple[Decision, ...]] = {}
        self.read()

    @cached_property
    def _drawn(self) -> tuple[np.ndarray, np.ndarray]:
        """The positions in the order in which they are drawn, and their draws; made when first asked for."""
        drawn = draws(self._seed, self._n)
        order = np.argsort(drawn, kind="stable")
        return order, drawn[order]

    @property
    def open(self) -> Mapping[int, tuple[Decision, ...]]:
        """The second opinions of each sample that nothing has settled; never changed, only replaced."""
        return self._open

    def write_rate(self, rate: float) -> None:
        """Set the share of decisions that get a second opinion; raises ReviewerError unless in [0, 1]."""
        self._store.write_setting("second_rate", repr(check_second_rate(rate)))
        self._rate = float(rate)

    def write_own_days(self, days: int) -> None:
        """Set after how many days people are asked about their own decisions; raises ReviewerError."""
        self._store.write_setting("second_own_days", str(check_own_days(days)))
        self._own_days = days

    def told(self, board: Board) -> dict[str, Any]:
        """Return the settings, and how many samples people disagree about, for the page."""
        return {
            "second_rate": self._rate,
            "second_own_days": self._own_days,
            "disagreements": len(disputed(board.decisions, board.opinions)),
        }

    def next(self, board: Board, held: Collection[int], person: str, count: int) -> list[int]:
        """Return up to `count` positions that this person is to give a second opinion on.

        held: positions that are on somebody's screen. One opinion is enough for a sample; who has said
        something about it, or put it off, is not asked again.
        """
        if self._rate <= 0 or count <= 0:
            return []
        now, taken, found = utc_now(), set(held), []
        order, drawn = self._drawn
        wanted = order[: int(np.searchsorted(drawn, self._rate))]
        with self._lock:
            said = dict(self._said)
        for position in wanted[board.outcomes[wanted] != 0].tolist():  # of OUTCOMES: decided
            decision = board.decisions.get(position)
            if position in taken or decision is None:
                continue
            heard = any(
                e.outcome is not Outcome.SKIP or e.annotator == person for e in said.get(position, ())
            )
            if not heard and wants_opinion(decision, person, self._own_days, now):
                found.append(position)
                if len(found) == count:
                    break
        return found

    def read(self) -> None:
        """Take in everything that stands in the database."""
        by_position: dict[int, list[Decision]] = {}
        for each in queries.read_opinions(self._store.cursor()):
            by_position.setdefault(each.position, []).append(each)
        with self._lock:
            self._said = {position: tuple(each) for position, each in by_position.items()}
            self._open = {}
            self._reckon(by_position)

    def take(self, decisions: Iterable[Decision]) -> None:
        """Take in decisions that are on disk now."""
        fresh = [each for each in decisions if each.screen in SAYING]
        if not fresh:
            return
        with self._lock:
            for each in fresh:
                self._said[each.position] = (*self._said.get(each.position, ()), each)
            self._reckon(each.position for each in fresh)

    def read_again(self, positions: Iterable[int]) -> None:
        """Take in what stands of these samples after an undo or a redo."""
        wanted = list(positions)
        found = queries.read_opinions(self._store.cursor(), wanted)
        with self._lock:
            for position in wanted:
                self._said.pop(position, None)
            for each in found:
                self._said[each.position] = (*self._said.get(each.position, ()), each)
            self._reckon(wanted)

    def _reckon(self, positions: Iterable[int]) -> None:
        """Find out what is open of these samples; under the lock."""
        known = dict(self._open)
        for position in positions:
            known.pop(position, None)
            found = open_opinions(self._said.get(position, ()))
            if found:
                known[position] = found
        self._open = known
