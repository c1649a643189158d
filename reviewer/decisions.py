"""Decisions as events, and the rules that turn a list of events into what holds now. Pure."""

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


STATUSES = {
    Outcome.KEEP: "kept",
    Outcome.RELABEL: "relabelled",
    Outcome.AMBIGUOUS: "ambiguous",
    Outcome.OUT_OF_SCOPE: "out_of_scope",
    Outcome.BAD_IMAGE: "bad_image",
    Outcome.SKIP: "skipped",
}
UNREVIEWED = "unreviewed"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One act of one annotator on one sample, with what was on the screen.

    event_id: made by the client, unique. labels: the chosen classes (one for relabel, two or more for
    ambiguous, none otherwise). p_clean, suggested_label, run_id: as shown. seconds: from shown to decided.
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

    def settled_labels(self) -> tuple[str, ...]:
        """Return the classes that hold by this decision: the given one if kept, else those chosen."""
        return (self.given_label,) if self.outcome is Outcome.KEEP else self.labels


@dataclass(frozen=True, kw_only=True)
class Event:
    """A row of the event log; target_id names the decision that an undo or redo is about."""

    kind: Kind
    event_id: str
    annotator: str
    position: int
    target_id: str | None = None


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
        if not undone.get(event.event_id):
            current[event.position] = event.event_id
    return current


def undo_target(events: Sequence[Event], annotator: str) -> str | None:
    """Return the decision that this annotator's next undo takes back: the last one that stands."""
    done, _ = _stacks(events, annotator)
    return done[-1] if done else None


def redo_target(events: Sequence[Event], annotator: str) -> str | None:
    """Return the decision that this annotator's next redo puts back; a new decision clears the way."""
    _, taken_back = _stacks(events, annotator)
    return taken_back[-1] if taken_back else None


def _stacks(events: Sequence[Event], annotator: str) -> tuple[list[str], list[str]]:
    done: list[str] = []
    taken_back: list[str] = []
    for event in events:
        if event.annotator != annotator:
            continue
        if event.kind is Kind.DECISION:
            done.append(event.event_id)
            taken_back.clear()
        elif event.kind is Kind.UNDO and done:
            taken_back.append(done.pop())
        elif event.kind is Kind.REDO and taken_back:
            done.append(taken_back.pop())
    return done, taken_back
