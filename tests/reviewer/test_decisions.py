from collections.abc import Sequence

import pytest

from reviewer.decisions import Event, History, Kind, Outcome, check_outcome, standing
from reviewer.errors import ReviewerError

CLASSES = ("cat", "dog", "cow")


def history(events: Sequence[Event], annotator: str) -> History:
    return History(event for event in events if event.annotator == annotator)


def undo_target(events: Sequence[Event], annotator: str) -> str | None:
    return next(iter(history(events, annotator).undo_targets()), None)


def redo_target(events: Sequence[Event], annotator: str) -> str | None:
    return next(iter(history(events, annotator).redo_targets()), None)


def log(*acts: str) -> list[Event]:
    """Return events from words such as `ada:d1@0`, `ada:undo=d1`, `bob:redo=d1`."""
    events = []
    for number, act in enumerate(acts):
        who, what = act.split(":")
        if "=" in what:
            kind, target = what.split("=")
            events.append(
                Event(kind=Kind(kind), event_id=f"t{number}", annotator=who, position=0, target_id=target)
            )
        else:
            name, position = what.split("@")
            events.append(Event(kind=Kind.DECISION, event_id=name, annotator=who, position=int(position)))
    return events


def test_the_last_decision_on_a_sample_holds_and_undo_brings_back_the_one_before():
    events = log("ada:d1@0", "ada:d2@0", "ada:d3@1")
    assert standing(events) == {0: "d2", 1: "d3"}
    assert standing([*events, *log("ada:undo=d3", "ada:undo=d2")]) == {0: "d1"}


def test_undo_takes_back_ones_own_decision_under_another_persons():
    events = log("ada:d1@0", "bob:d2@0", "ada:undo=d1")
    assert standing(events) == {0: "d2"}
    assert undo_target(events, "ada") is None
    assert undo_target(events, "bob") == "d2"


def test_redo_puts_back_in_order_until_a_new_decision_clears_the_way():
    events = log("ada:d1@0", "ada:d2@1", "ada:undo=d2", "ada:undo=d1")
    assert redo_target(events, "ada") == "d1"
    assert undo_target(events, "ada") is None
    again = [*events, *log("ada:redo=d1")]
    assert (redo_target(again, "ada"), undo_target(again, "ada")) == ("d2", "d1")
    cleared = [*again, *log("ada:d3@2")]
    assert (redo_target(cleared, "ada"), undo_target(cleared, "ada")) == (None, "d3")
    assert standing(cleared) == {0: "d1", 2: "d3"}


def test_a_decision_of_another_person_does_not_clear_the_way_of_redo():
    events = log("ada:d1@0", "ada:undo=d1", "bob:d2@1")
    assert redo_target(events, "ada") == "d1"
    assert redo_target(events, "bob") is None


def test_nothing_can_be_undone_in_an_empty_log():
    assert undo_target([], "ada") is None
    assert redo_target([], "ada") is None
    assert standing([]) == {}


@pytest.mark.parametrize(
    ("outcome", "labels", "settled"),
    [
        ("keep", (), (Outcome.KEEP, ())),
        ("keep", ("dog",), (Outcome.KEEP, ())),
        ("relabel", ("dog",), (Outcome.RELABEL, ("dog",))),
        ("relabel", ("dog", "dog"), (Outcome.RELABEL, ("dog",))),
        ("relabel", ("cat",), (Outcome.KEEP, ())),
        ("ambiguous", ("dog", "cat", "dog"), (Outcome.AMBIGUOUS, ("dog", "cat"))),
        ("out_of_scope", (), (Outcome.OUT_OF_SCOPE, ())),
        ("bad_image", (), (Outcome.BAD_IMAGE, ())),
        ("skip", ("dog",), (Outcome.SKIP, ())),
    ],
)
def test_an_outcome_has_one_settled_form(outcome, labels, settled):
    assert check_outcome(outcome, labels, "cat", CLASSES) == settled


@pytest.mark.parametrize(
    ("outcome", "labels", "sentence"),
    [
        ("delete", (), "'delete' is none of keep, relabel"),
        ("", (), "The outcome '' is none of"),
        ("relabel", ("bird",), "'bird' is none of the 3 classes"),
        ("relabel", (), "names one class; 0 came"),
        ("relabel", ("cat", "dog"), "names one class; 2 came"),
        ("ambiguous", ("cat", "cat"), "two classes or more; 1 came"),
        ("ambiguous", (), "two classes or more; 0 came"),
    ],
)
def test_a_decision_that_makes_no_sense_is_refused_in_a_sentence(outcome, labels, sentence):
    with pytest.raises(ReviewerError, match=sentence):
        check_outcome(outcome, labels, "cat", CLASSES)


def test_an_act_on_many_samples_is_taken_back_as_a_whole():
    def made(name: str, act: str | None = None) -> Event:
        return Event(kind=Kind.DECISION, event_id=name, annotator="ada", position=0, act_id=act)

    def turned(kind: Kind, name: str, target: str, act: str) -> Event:
        return Event(kind=kind, event_id=name, annotator="ada", position=0, target_id=target, act_id=act)

    told = History([made("d1"), made("d2", "sheet"), made("d3", "sheet"), made("d4")])
    assert told.undo_targets() == ("d4",)
    told.add(turned(Kind.UNDO, "u1", "d4", "u1"))
    assert told.undo_targets() == ("d2", "d3")
    told.add(turned(Kind.UNDO, "u2", "d2", "u2"))
    told.add(turned(Kind.UNDO, "u2.1", "d3", "u2"))
    assert (told.undo_targets(), told.redo_targets()) == (("d1",), ("d2", "d3"))
    told.add(turned(Kind.REDO, "r1", "d2", "r1"))
    told.add(turned(Kind.REDO, "r1.1", "d3", "r1"))
    assert (told.undo_targets(), told.redo_targets()) == (("d2", "d3"), ("d4",))
