"""Decisions as events, and the rules that turn a list of events into what holds now. Pure."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reviewer.errors import ReviewerError


class Outcome(StrEnum):
    """What a person can decide about a sample (design §5)."""

    KEEP = "keep"
    RELABEL = "relabel"
    AMBIGUOUS = "ambiguous"
    OUT_OF_SCOPE = "out_of_scope"
    BAD_IMAGE = "bad_image"
    SKIP = "skip"


class Kind(StrEnum):
    """An act is a decision, or takes one back, or puts it back."""

    DECISION = "decision"
    UNDO = "undo"
    REDO = "redo"


class Screen(StrEnum):
    """What a person decided from: one card, a blind one of the audit, a sheet of many, a blind one that asks
    for a second opinion, or the card of a sample that people disagree about."""

    CARD = "card"
    AUDIT = "audit"
    SHEET = "sheet"
    SECOND = "second"
    ADJUDICATION = "adjudication"

    @property
    def is_blind(self) -> bool:
        """Whether it hides what a run or somebody else thinks."""
        return self in (Screen.AUDIT, Screen.SECOND)


STATUSES = {
    Outcome.KEEP: "kept",
    Outcome.RELABEL: "relabelled",
    Outcome.AMBIGUOUS: "ambiguous",
    Outcome.OUT_OF_SCOPE: "out_of_scope",
    Outcome.BAD_IMAGE: "bad_image",
    Outcome.SKIP: "skipped",
}
UNREVIEWED = "unreviewed"


@dataclass(frozen=True, kw_only=True, slots=True)  # a review holds tens of thousands
class Decision:
    """One act of one annotator on one sample, with what was on the screen.

    event_id: made by the client, unique. labels: the chosen classes (one for relabel, two or more for
    ambiguous, none otherwise). p_clean, suggested_label, run_id: as shown. seconds: from shown to decided.
    act_id: the act that it is part of, where one key decided about many samples; None: it is one by itself.
    """

    event_id: str
    position: int
    outcome: Outcome
    annotator: str
    decided_at: datetime
    given_label: str
    labels: tuple[str, ...] = ()
    suggested_label: str | None = None
    p_clean: float | None = None
    run_id: str | None = None
    seconds: float | None = None
    act_id: str | None = None
    note: str | None = None
    screen: Screen = Screen.CARD

    @property
    def counts(self) -> bool:
        """Whether it can be what holds: a second opinion never is, nor an adjudication that was put off."""
        is_put_off = self.screen is Screen.ADJUDICATION and self.outcome is Outcome.SKIP
        return self.screen is not Screen.SECOND and not is_put_off

    def settled_labels(self) -> tuple[str, ...]:
        """Return the classes that hold by this decision: the given one if kept, else those chosen."""
        return (self.given_label,) if self.outcome is Outcome.KEEP else self.labels


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """A row of the event log; target_id names the decision that an undo or redo is about.

    act_id: what one key did, to many samples perhaps; the events of an act follow each other. counts: of a
    decision, whether it can be what holds.
    """

    kind: Kind
    event_id: str
    annotator: str
    position: int
    target_id: str | None = None
    act_id: str | None = None
    counts: bool = True

    @property
    def act(self) -> str:
        """The act that it is part of."""
        return self.act_id or self.event_id


def check_outcome(
    outcome: str, labels: Sequence[str], given: str, classes: Sequence[str]
) -> tuple[Outcome, tuple[str, ...]]:
    """Return (outcome, labels) in their settled form, or raise ReviewerError.

    Relabelling to the given label is keeping it. Labels must be classes; ambiguous needs two of them.
    """
    try:
        settled = Outcome(outcome)
    except ValueError:
        raise ReviewerError(f"The outcome {outcome!r} is none of {', '.join(Outcome)}.") from None
    chosen = tuple(dict.fromkeys(labels))
    unknown = [label for label in chosen if label not in classes]
    if unknown:
        raise ReviewerError(f"The label {unknown[0]!r} is none of the {len(classes)} classes.")
    if settled is Outcome.RELABEL:
        if len(chosen) != 1:
            raise ReviewerError(f"A relabel names one class; {len(chosen)} came.")
        if chosen[0] == given:
            return Outcome.KEEP, ()
        return settled, chosen
    if settled is Outcome.AMBIGUOUS:
        if len(chosen) < 2:
            raise ReviewerError(f"Ambiguous names two classes or more; {len(chosen)} came.")
        return settled, chosen
    return settled, ()


def standing(events: Iterable[Event]) -> dict[int, str]:
    """Return, for each position, the id of the decision that holds after these events, in their order."""
    undone: dict[str, int] = {}
    decisions: list[Event] = []
    for event in events:
        if event.kind is Kind.DECISION:
            decisions.append(event)
        elif event.target_id is not None:
            undone[event.target_id] = undone.get(event.target_id, 0) + (1 if event.kind is Kind.UNDO else -1)
    current: dict[int, str] = {}
    for event in decisions:
        if event.counts and not undone.get(event.event_id):
            current[event.position] = event.event_id
    return current


class History:
    """The acts of one annotator, to be taken back and put back; a new act clears the way back."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._done: list[str] = []  # decisions, act after act
        self._begins = array("q")  # where each act begins among them
        self._taken_back: list[list[str]] = []
        self._last: str | None = None
        for event in events:
            self.add(event)

    def add(self, event: Event) -> None:
        """Take in the annotator's next event."""
        begins, self._last = event.act != self._last, event.act
        if event.kind is Kind.DECISION:
            if begins:
                self._begins.append(len(self._done))
                self._taken_back.clear()
            self._done.append(event.event_id)
        elif begins and event.kind is Kind.UNDO and self._begins:
            begin = self._begins.pop()
            self._taken_back.append(self._done[begin:])
            del self._done[begin:]
        elif begins and event.kind is Kind.REDO and self._taken_back:
            self._begins.append(len(self._done))
            self._done.extend(self._taken_back.pop())

    def undo_targets(self) -> tuple[str, ...]:
        """Return the decisions that the next undo takes back: those of the last act that stands."""
        return tuple(self._done[self._begins[-1] :]) if self._begins else ()

    def redo_targets(self) -> tuple[str, ...]:
        """Return the decisions that the next redo puts back."""
        return tuple(self._taken_back[-1]) if self._taken_back else ()
