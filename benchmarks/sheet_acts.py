"""A simulated annotator on contact sheets, counted in acts: every key and every click that the work needs.

The annotator sees all tiles of a page at once and knows the truth. On each page the groups that need the same
outcome are chosen one after the other and get their key; what is left is chosen with Ctrl+A. Costs:

    a tile chosen                         1; a run of neighbours 2 (click, Shift+click), whatever its length
    keep, suggestion, out of scope, bad   1, for all that are chosen, or for the one under the pointer
    a class on a digit of the sheet       1; another class 4 (/, two letters, Enter)
    the question above 20 samples         1
    the next page, another sheet, Ctrl+A  1

Moving the pointer is no act, as it is none on the card.

Order and pages are the app's own: `Desk`, `Board.ordered`, the class table, `act`, the ranking again after
each page. On pages with flagged samples everything is decided; on later ones only what is wrong.
"""

import uuid
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reviewer.class_table import class_table
from reviewer.decisions import Outcome
from reviewer.desk import Desk
from reviewer.filters import EVERYTHING, NO_CLASS, Filter

PAGE = 60
ASK_ABOVE = 20
DIGITS = 10
SEARCHED = 4  # acts for a class that has no key of its own here
LEAST_FLAGGED = 3  # in a cell of the class table, for it to be opened
UNDECIDED = frozenset({"undecided", "skip"})

Wanted = tuple[str, str | None]
"""An outcome, and its class for another one than the suggested."""


@dataclass(frozen=True)
class Group:
    """Tiles of a page, by their place, that need the same outcome."""

    wanted: Wanted
    places: tuple[int, ...]
    key: int = 1

    def acts(self) -> int:
        """Return what it takes to decide them: pointing at each, or choosing them first."""
        runs = np.split(np.asarray(self.places), np.flatnonzero(np.diff(self.places) > 1) + 1)
        marks = sum(min(len(run), 2) for run in runs)
        return min(self.key * len(self.places), marks + self.key + (len(self.places) > ASK_ABOVE))

    def acts_of_the_rest(self) -> int:
        """Return what it takes where nothing else is left on the page: Ctrl+A, the key, the question."""
        return min(self.acts(), 1 + self.key + (len(self.places) > ASK_ABOVE))


def groups_of(wanted: Sequence[Wanted], digits: Collection[str] = ()) -> list[Group]:
    """Return the groups of a page, largest last. digits: classes that have a key of their own."""
    places: dict[Wanted, list[int]] = {}
    for place, each in enumerate(wanted):
        places.setdefault(each, []).append(place)
    groups = [
        Group(each, tuple(there), 1 if each[1] is None or each[1] in digits else SEARCHED)
        for each, there in places.items()
    ]
    return sorted(groups, key=lambda group: len(group.places))


def page_acts(groups: Sequence[Group], *, everything: bool) -> list[tuple[Group, int]]:
    """Return which groups are decided, in order, and the acts of each."""
    keep = (Outcome.KEEP.value, None)
    chosen = [group for group in groups if everything or group.wanted != keep]
    done = [(group, group.acts()) for group in chosen]
    if everything and done:
        done[-1] = (chosen[-1], chosen[-1].acts_of_the_rest())
    return done


class Annotator:
    """Somebody at the contact sheets of an open desk. truth: the class of each position, or "out_of_scope" or
    "bad_image". steps: (acts so far, samples in their true state) after each key that decided something."""

    def __init__(self, desk: Desk, truth: Sequence[str]) -> None:
        self._desk = desk
        self._truth = truth
        self._right = np.asarray(
            [label == true for label, true in zip(desk.samples.given_labels, truth, strict=True)]
        )
        self._digits: set[str] = set()
        self.acts = 0
        self.steps = [(0, int(self._right.sum()))]

    def work(self, *, cells_first: bool) -> None:
        """Go through the class table's cells, largest first, if asked; then through everything."""
        self.acts += 1  # the tab
        while cells_first and (cell := self._largest_cell()) is not None:
            self.acts += 2  # the cell; E, as marks are to choose
            for page in self._pages(cell):
                self._page(page, everything=True)
        self.acts += cells_first
        for page in self._pages(EVERYTHING):
            p_clean = self._desk.ranking.p_clean[page]
            self._page(page, everything=bool((p_clean < self._desk.threshold).any()))

    def _largest_cell(self) -> Filter | None:
        cells = class_table(self._desk.board())["cells"]
        if not cells or cells[0]["flagged"] < LEAST_FLAGGED:
            return None
        return Filter(given=cells[0]["given"], suggested=cells[0]["suggested"])

    def _pages(self, asked: Filter) -> Iterator[np.ndarray]:
        """Yield the pages of a sheet in the order that it had when it was opened."""
        board, asked = self._desk.board(), Filter(**{**vars(asked), "outcomes": UNDECIDED})
        self._digits = digits_of(class_table(board, asked)["cells"])
        order = board.ordered(asked)
        for start in range(0, len(order), PAGE):
            self.acts += start > 0  # the key that turns the page
            yield order[start : start + PAGE]

    def _wanted(self, position: int) -> Wanted:
        board, true = self._desk.board(), self._truth[position]
        k = int(board.suggested_at(position))
        if true in (Outcome.OUT_OF_SCOPE.value, Outcome.BAD_IMAGE.value):
            return true, None
        if true == board.samples.given_labels[position]:
            return Outcome.KEEP.value, None
        if k != NO_CLASS and board.class_names[k] == true:
            return "suggestion", None
        return Outcome.RELABEL.value, true

    def _page(self, page: np.ndarray, *, everything: bool) -> None:
        groups = groups_of([self._wanted(position) for position in page.tolist()], self._digits)
        for group, acts in page_acts(groups, everything=everything):
            outcome, label = group.wanted
            positions = page[list(group.places)].tolist()
            labels = [label] if label else []
            _, refused = self._desk.act(uuid.uuid4().hex, outcome, labels, positions, "simulated")
            if refused:
                raise RuntimeError(f"Of {len(positions)} tiles {len(refused)} were refused: {refused[0]}")
            self.acts += acts
            self._right[positions] = True
            self.steps.append((self.acts, int(self._right.sum())))
        self._desk.load_runs()  # ranks again at once; the app does so a quarter of a second later


def digits_of(cells: Sequence[dict[str, Any]]) -> set[str]:
    """Return the classes on a sheet's ten digits: those suggested most (assets/web/sheet-words.js)."""
    sums: Counter[str] = Counter()
    for cell in cells:
        sums[cell["suggested"]] += cell["undecided"]
    return {name for name, _ in sorted(sums.items(), key=lambda each: (-each[1], each[0]))[:DIGITS]}


def acts_to(steps: Sequence[tuple[int, int]], n: int, level: float) -> int | None:
    """Return the acts after which `level` of n samples are in their true state; None: never."""
    return next((acts for acts, right in steps if right >= level * n - 1e-9), None)
