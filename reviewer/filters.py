"""Which samples are asked for: a filter as it stands in a URL, and the samples that it lets through."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from reviewer.decisions import Decision, Outcome
from reviewer.errors import ReviewerError
from reviewer.opinions import disagree, disputed
from reviewer.queries import Samples, Selection
from reviewer.queue import Ranking, RunArrays

UNDECIDED = "undecided"
OUTCOMES = (UNDECIDED, *(outcome.value for outcome in Outcome))
"""What a sample can be, as numbers: `Board.outcomes` and the values of the map hold them."""
NO_CLASS = -1
DISAGREEMENTS = "disagreements"
"""The kind of filter whose cards settle what people disagree about."""
TEXTS = ("given", "suggested", "annotator", "run", "reason", "text", "selection", "query", "kind")
LONGEST = 500  # characters of a value


@dataclass(frozen=True, kw_only=True)
class Filter:
    """What a queue or a sheet is restricted to; None: not at all. p_min, p_max: bounds of p_clean, both
    included. outcomes: some of OUTCOMES. run: flagged by it. text: part of the path, in any case.

    query: a text that the images are compared with. like: the position of an image that they are compared
    with. kind: one of `arrangements.KINDS`. These three have an order of their own.
    """

    given: str | None = None
    suggested: str | None = None
    p_min: float | None = None
    p_max: float | None = None
    outcomes: frozenset[str] | None = None
    annotator: str | None = None
    run: str | None = None
    reason: str | None = None
    text: str | None = None
    selection: str | None = None
    query: str | None = None
    like: int | None = None
    kind: str | None = None

    @property
    def is_arranged(self) -> bool:
        """Whether what it lets through comes in another order than by suspicion."""
        return self.query is not None or self.like is not None or self.kind is not None


EVERYTHING = Filter()


def read_filter(words: Mapping[str, str]) -> Filter:
    """Return the filter of a query string's parameters; others than its own are left alone.

    Raises ReviewerError for a value that cannot be meant.
    """
    values: dict[str, Any] = {name: words[name] for name in TEXTS if words.get(name)}
    long = next((name for name, value in values.items() if len(value) > LONGEST), None)
    if long is not None:
        raise ReviewerError(
            f"{long} has {len(values[long]):,} characters; {LONGEST} are the most, so shorten it."
        )
    for name in ("p_min", "p_max"):
        if words.get(name):
            values[name] = _probability(name, words[name])
    if words.get("like"):
        if not words["like"].isascii() or not words["like"].isdigit() or len(words["like"]) > 9:
            raise ReviewerError(f"like={words['like']!r} is the number of no sample.")
        values["like"] = int(words["like"])
    if words.get("outcome"):
        asked = frozenset(words["outcome"].split(","))
        unknown = sorted(asked - set(OUTCOMES))
        if unknown:
            raise ReviewerError(f"outcome={unknown[0]!r} is none of {', '.join(OUTCOMES)}.")
        values["outcomes"] = asked
    return Filter(**values)


def _probability(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ReviewerError(f"{name}={text!r} is no probability; give a number from 0 to 1.")
    return value


@dataclass(frozen=True, kw_only=True)
class Board:
    """What holds at one moment, for reading: everything that an open workspace says about its samples.

    outcomes: (N,) uint8, numbers into OUTCOMES. runs: taken in, oldest first. given: (N,) int32 numbers into
    class_names. reason_mask: the key of a reason → (N,) bool. selection_of: the id of a selection → it.
    arranged: the order of a filter that has its own, (m,) positions. opinions: the second opinions of a
    position that nothing has settled yet. chance_of: what the decisions say of the p_clean of a position.
    """

    class_names: tuple[str, ...]
    samples: Samples
    given: np.ndarray
    ranking: Ranking
    runs: tuple[RunArrays, ...]
    decisions: Mapping[int, Decision]
    outcomes: np.ndarray
    threshold: float
    reason_mask: "Callable[[Board, str], np.ndarray]"
    selection_of: Callable[[str], Selection | None]
    arranged: "Callable[[Board, Filter], np.ndarray]"
    chance_of: "Callable[[Board, int], dict[str, Any] | None]" = lambda board, position: None
    opinions: Mapping[int, tuple[Decision, ...]] = field(default_factory=dict)

    @property
    def disputed(self) -> list[int]:
        """The positions where people disagree, ascending."""
        return disputed(self.decisions, self.opinions)

    def is_disputed(self, position: int) -> bool:
        """Return whether people disagree about one sample."""
        return disagree(self.decisions.get(position), self.opinions.get(position, ()))

    @property
    def suggested(self) -> np.ndarray:
        """The class that each sample is likeliest of, (N,) int32 numbers into class_names, or NO_CLASS."""
        found = np.full(len(self.samples), NO_CLASS, dtype=np.int32)
        run = self.ranking.run
        if run is not None:
            index = class_index(self.class_names)
            known = np.asarray([index.get(name, NO_CLASS) for name in run.class_names], dtype=np.int32)
            found[run.positions] = known[self.ranking.likeliest]
        return found

    def suggested_at(self, position: int) -> int:
        """Return the likeliest class of one sample, as in `suggested`."""
        run = self.ranking.run
        if run is None or run.row_at[position] < 0:
            return NO_CLASS
        name = run.class_names[int(self.ranking.likeliest[run.row_at[position]])]
        return class_index(self.class_names).get(name, NO_CLASS)

    def mask(self, asked: Filter) -> np.ndarray:
        """Return which samples a filter lets through, (N,) bool.

        Raises ReviewerError for a class, a run, a reason or a selection that is not there.
        """
        chosen = np.ones(len(self.samples), dtype=bool)
        if asked.given is not None:
            chosen &= self.given == self._class(asked.given)
        if asked.suggested is not None:
            chosen &= self.suggested == self._class(asked.suggested)
        # What nothing is known of, NaN, is above no bound and below none.
        if asked.p_min is not None:
            chosen &= self.ranking.p_clean >= asked.p_min
        if asked.p_max is not None:
            chosen &= self.ranking.p_clean <= asked.p_max
        if asked.outcomes is not None:
            chosen &= np.isin(self.outcomes, [OUTCOMES.index(word) for word in asked.outcomes])
        if asked.annotator is not None:
            theirs = [p for p, each in self.decisions.items() if each.annotator == asked.annotator]
            chosen &= _marked(len(chosen), theirs)
        if asked.run is not None:
            chosen &= self._flagged_by(asked.run)
        if asked.reason is not None:
            chosen &= self.reason_mask(self, asked.reason)
        if asked.text is not None:
            part = asked.text.casefold()
            chosen &= np.fromiter((part in path for path in self.samples.folded_paths), bool, len(chosen))
        if asked.selection is not None:
            chosen &= _marked(len(chosen), self._selected(asked.selection))
        return chosen

    def ordered(self, asked: Filter) -> np.ndarray:
        """Return the positions that a filter lets through, int64; most suspicious first, or in its order."""
        order = self.arranged(self, asked) if asked.is_arranged else self.ranking.order
        return order if asked == EVERYTHING else order[self.mask(asked)[order]]

    def _class(self, name: str) -> int:
        found = class_index(self.class_names).get(name)
        if found is None:
            raise ReviewerError(
                f"{name!r} is none of the {len(self.class_names):,} classes; choose one of them."
            )
        return found

    def _flagged_by(self, run_id: str) -> np.ndarray:
        run = next((run for run in self.runs if run.run_id == run_id), None)
        if run is None:
            raise ReviewerError(f"There is no run {run_id!r} here; choose one of the runs tab.")
        return _marked(len(self.samples), run.positions[run.p_clean < self.threshold])

    def _selected(self, selection_id: str) -> np.ndarray:
        selection = self.selection_of(selection_id)
        if selection is None:
            raise ReviewerError(f"There is no selection {selection_id!r} here; choose the samples again.")
        return selection.positions


@lru_cache(maxsize=4)
def class_index(class_names: tuple[str, ...]) -> Mapping[str, int]:
    """Return the number of each class."""
    return {name: k for k, name in enumerate(class_names)}


def class_numbers(labels: np.ndarray, class_names: tuple[str, ...]) -> np.ndarray:
    """Return labels, (N,) str, as numbers into class_names, (N,) int32; NO_CLASS for another one."""
    index = class_index(class_names)
    return np.fromiter((index.get(label, NO_CLASS) for label in labels), np.int32, len(labels))


def outcome_numbers(n: int, decisions: Mapping[int, Decision]) -> np.ndarray:
    """Return what each of n samples is, (n,) uint8 numbers into OUTCOMES."""
    found = np.zeros(n, dtype=np.uint8)
    for position, decision in decisions.items():
        found[position] = outcome_number(decision)
    return found


def outcome_number(decision: Decision | None) -> int:
    """Return what a sample with this decision, or none, is: a number into OUTCOMES."""
    return OUTCOMES.index(UNDECIDED if decision is None else decision.outcome.value)


def _marked(n: int, positions: Sequence[int] | np.ndarray) -> np.ndarray:
    marked = np.zeros(n, dtype=bool)
    wanted = np.asarray(positions, dtype=np.int64)
    marked[wanted[(wanted >= 0) & (wanted < n)]] = True
    return marked
