"""Second opinions: who is asked about what, blindly; that they change nothing; what settles them."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from engine.manifest import Pin
from reviewer import queries, seconds
from reviewer.decisions import Outcome, Screen
from reviewer.desk import Desk
from reviewer.errors import ReviewerError
from reviewer.export import COLUMNS
from reviewer.filters import Filter
from reviewer.opinions import (
    agreed,
    check_own_days,
    check_second_rate,
    disagree,
    disputed,
    draws,
    interleaved,
    open_opinions,
    wants_opinion,
)
from reviewer.schema import utc_now
from reviewer.server import export_rows
from reviewer.watch import Watcher
from reviewer.workspace import Workspace
from tests.reviewer.simulated import START, decision, open_desk
from tests.reviewer.test_desk import eventually
from tests.reviewer.test_jobs import read_back
from tests.reviewer.test_server import client_of

DISPUTED = Filter(kind="disagreements")
SECOND, ADJUDICATION = Screen.SECOND, Screen.ADJUDICATION


# -- the rules --


def test_the_draw_is_fixed_and_a_higher_rate_adds_to_it():
    first = draws(7, 20_000)
    assert np.array_equal(first, draws(7, 20_000))
    assert not np.array_equal(first, draws(8, 20_000))
    assert set(np.flatnonzero(first < 0.05)) < set(np.flatnonzero(first < 0.2))
    assert np.mean(first < 0.2) == pytest.approx(0.2, abs=0.015)


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
def test_a_rate_is_a_share(rate: float):
    with pytest.raises(ReviewerError, match="from 0 to 1"):
        check_second_rate(rate)
    assert check_second_rate(1) == 1.0
    with pytest.raises(ReviewerError, match="come again after"):
        check_own_days(-1)


def test_others_are_asked_and_oneself_after_days_only_where_that_is_set():
    made = decision("d1", 0, Outcome.KEEP)
    assert wants_opinion(made, "bob", 0, START)
    assert not wants_opinion(made, "ada", 0, START + timedelta(days=400))
    assert not wants_opinion(made, "ada", 7, START + timedelta(days=6))
    assert wants_opinion(made, "ada", 7, START + timedelta(days=7))


@pytest.mark.parametrize("screen", [Screen.AUDIT, SECOND, ADJUDICATION])
def test_no_opinion_is_asked_about_audits_and_what_is_settled(screen: Screen):
    assert not wants_opinion(decision("d1", 0, Outcome.KEEP, screen=screen), "bob", 0, START)
    assert not wants_opinion(decision("d1", 0, Outcome.SKIP), "bob", 0, START)
    assert wants_opinion(decision("d1", 0, Outcome.KEEP, screen=Screen.SHEET), "bob", 0, START)


def test_an_adjudication_settles_what_was_said_before_it():
    first = decision("s1", 0, Outcome.KEEP, annotator="bob", screen=SECOND)
    again = decision("s2", 0, Outcome.BAD_IMAGE, annotator="bob", screen=SECOND)
    eve = decision("s3", 0, Outcome.KEEP, annotator="eve", screen=SECOND)
    settles = decision("a1", 0, Outcome.KEEP, annotator="fay", screen=ADJUDICATION)
    put_off = decision("a2", 0, Outcome.SKIP, annotator="fay", screen=ADJUDICATION)
    assert open_opinions([first, again, eve]) == (again, eve)
    assert open_opinions([first, settles]) == ()
    assert open_opinions([first, put_off]) == (first,)
    assert open_opinions([first, settles, eve]) == (eve,)


def test_people_disagree_where_the_labels_differ():
    kept = decision("d1", 0, Outcome.KEEP, given="red")
    blue = decision("s1", 0, Outcome.RELABEL, ("blue",), given="red", screen=SECOND)
    same = decision("s2", 0, Outcome.KEEP, given="red", screen=SECOND)
    skip = decision("s3", 0, Outcome.SKIP, given="red", screen=SECOND)
    assert disagree(kept, [blue])
    assert disagree(kept, [same, blue])
    assert not disagree(kept, [same, skip])
    assert not disagree(None, [blue])
    assert not disagree(decision("d2", 0, Outcome.SKIP), [blue])
    one, other = (
        decision("d3", 0, Outcome.AMBIGUOUS, ("a", "b")),
        decision("s4", 0, Outcome.AMBIGUOUS, ("b", "a")),
    )
    assert not disagree(one, [other])
    assert disputed({3: kept, 1: kept, 2: kept}, {3: (blue,), 1: (blue,), 2: (same,), 9: (blue,)}) == [1, 3]


def test_one_card_in_three_is_a_second_opinion():
    cards = [(p, Screen.CARD) for p in range(4)]
    wanted = [(p, SECOND) for p in (10, 11)]
    assert [p for p, _ in interleaved(cards, wanted)] == [0, 1, 10, 2, 3, 11]
    assert [p for p, _ in interleaved(cards[:1], wanted)] == [0, 10, 11]
    assert [p for p, _ in interleaved(cards, [])] == [0, 1, 2, 3]
    assert [p for p, _ in interleaved([], wanted)] == [10, 11]


# -- at work --


@pytest.fixture
def asking(workspace: Workspace) -> Iterator[Desk]:
    """A desk that asks for a second opinion on everything."""
    with open_desk(workspace) as desk:
        desk.seconds.write_rate(1.0)
        yield desk


def said(desk: Desk, position: int, outcome: str, who: str, screen: str | None = None, *labels: str) -> dict:
    """Let somebody decide; `screen` as the page sends it."""
    number = len(queries.read_standing_decisions(desk.store.cursor()))
    entry = {
        "id": f"decision-{position}-{who}-{number}",
        "position": position,
        "sample_id": desk.samples.sample_ids[position],
        "outcome": outcome,
        "labels": list(labels),
        "seconds": 2.5,
        "screen": screen,
    }
    saved, refused = desk.record([entry], who)
    assert (saved, refused) == ([entry["id"]], [])
    return entry


def of_screen(cards: list[dict[str, Any]], screen: Screen) -> list[int]:
    return [card["position"] for card in cards if card["screen"] == screen]


def other_label(desk: Desk, position: int) -> str:
    return next(name for name in desk.workspace.class_names if name != desk.samples.given_labels[position])


def test_nobody_is_asked_unless_it_is_set(desk: Desk):
    said(desk, 0, "keep", "ada")
    assert of_screen(desk.cards(50, [], annotator="bob"), SECOND) == []


def test_others_are_asked_blindly_and_once(asking: Desk):
    for position in range(6):
        said(asking, position, "keep", "zoe")
    assert of_screen(asking.cards(50, [], tab="page-zoe", annotator="zoe"), SECOND) == []
    asking.leases.release("page-zoe")
    cards = asking.cards(12, [], tab="page-bob", annotator="bob")
    asked = of_screen(cards, SECOND)
    assert len(asked) == 4
    assert set(asked) < set(range(6))
    for card in cards:
        if card["screen"] != SECOND:
            continue
        assert card["blind"] is True
        assert (card["decision"], card["suggested"], card["p_clean"], card["run"]) == (None, None, None, None)
        assert (card["opinions"], card["reasons"], card["runs"], card["neighbours"]) == ([], [], [], [])
        assert "zoe" not in str(card)  # no name of hexadecimal digits: the card has hashes
    # Two people never get the same one.
    assert not set(asked) & set(of_screen(asking.cards(50, [], tab="page-eve", annotator="eve"), SECOND))
    asking.leases.release("page-eve")
    for position in asked:
        said(asking, position, "keep", "bob", "second")
    asking.leases.release("page-bob")
    left = of_screen(asking.cards(50, [], annotator="eve"), SECOND)
    assert set(left) == set(range(6)) - set(asked)


def test_what_is_put_off_is_asked_of_somebody_else(asking: Desk):
    said(asking, 0, "keep", "ada")
    said(asking, 0, "skip", "bob", "second")
    assert of_screen(asking.cards(50, [], annotator="bob"), SECOND) == []
    assert of_screen(asking.cards(50, [], annotator="eve"), SECOND) == [0]


def test_when_all_is_decided_opinions_are_still_asked(asking: Desk):
    for position in range(40):
        said(asking, position, "keep", "ada")
    assert len(of_screen(asking.cards(50, [], annotator="bob"), SECOND)) == 40
    assert asking.cards(50, [], Filter(outcomes=frozenset({"undecided"})), "", "bob") == []
    assert asking.cards(50, [], annotator="ada") == []


def test_ones_own_are_asked_after_days_where_that_is_set(asking: Desk, monkeypatch: pytest.MonkeyPatch):
    said(asking, 0, "keep", "ada")
    asking.seconds.write_own_days(7)
    assert of_screen(asking.cards(50, []), SECOND) == []
    monkeypatch.setattr(seconds, "utc_now", lambda: utc_now() + timedelta(days=7))
    assert of_screen(asking.cards(50, []), SECOND) == [0]


def test_a_second_opinion_changes_no_label(asking: Desk):
    said(asking, 0, "keep", "ada")
    before = b"".join(export_rows(asking))
    progress = asking.progress()
    said(asking, 0, "relabel", "bob", "second", other_label(asking, 0))
    assert b"".join(export_rows(asking)) == before
    assert COLUMNS[0].encode() in before
    assert asking.progress() == progress
    assert asking.decisions[0].annotator == "ada"
    (event,) = queries.read_opinions(asking.store.cursor())
    assert (event.annotator, event.screen, event.seconds) == ("bob", SECOND, 2.5)


def test_who_disagrees_is_in_the_queue_until_somebody_settles_it(asking: Desk):
    for position in (0, 1, 2):
        said(asking, position, "keep", "ada")
    said(asking, 0, "keep", "bob", "second")
    said(asking, 1, "bad_image", "bob", "second")
    label = other_label(asking, 2)
    said(asking, 2, "relabel", "bob", "second", label)
    assert asking.seconds.told(asking.board())["disagreements"] == 2
    cards = asking.cards(10, [], DISPUTED)
    assert {card["position"] for card in cards} == {1, 2}
    card = next(card for card in cards if card["position"] == 2)
    assert (card["screen"], card["blind"], card["decision"]) == (ADJUDICATION, False, None)
    assert [(each["annotator"], each["outcome"], each["labels"]) for each in card["opinions"]] == [
        ("ada", "keep", []),
        ("bob", "relabel", [label]),
    ]
    said(asking, 2, "relabel", "eve", "adjudication", label)
    assert (asking.decisions[2].annotator, asking.decisions[2].labels) == ("eve", (label,))
    assert [card["position"] for card in asking.cards(10, [], DISPUTED)] == [1]
    assert asking.card(2)["screen"] == "card"
    assert of_screen(asking.cards(50, [], annotator="fay"), SECOND) == []  # settled, and heard
    said(asking, 1, "skip", "eve", "adjudication")  # later
    assert asking.decisions[1].outcome is Outcome.KEEP
    assert [card["position"] for card in asking.cards(10, [], DISPUTED)] == [1]


def test_a_run_learns_what_nobody_disputes(asking: Desk, monkeypatch: pytest.MonkeyPatch):
    for position in (0, 1):
        said(asking, position, "keep", "ada")
        said(asking, position, "bad_image", "bob", "second")
    said(asking, 1, "keep", "eve", "adjudication")

    cursor = asking.store.cursor()
    known = agreed(queries.read_current_decisions(cursor), queries.read_opinions(cursor))
    assert known.keys() == {1}
    monkeypatch.setattr(
        "reviewer.jobs.start", lambda run_dir, **_: subprocess.Popen([sys.executable, "-c", ""])
    )
    watcher = Watcher(asking)
    try:
        manifest = read_back(watcher.start("transition"))
    finally:
        watcher.close()
    pins = dict(zip(manifest.sample_ids, manifest.pins, strict=True))
    assert [pins[asking.samples.sample_ids[position]] for position in (0, 1, 2)] == [
        Pin.NONE,
        Pin.CLEAN,
        Pin.NONE,
    ]


def test_who_settles_it_sees_what_the_run_thinks_by_itself(asking: Desk):
    position = asking.cards(1, [])[0]["position"]  # most suspicious
    before = asking.card(position)["p_clean"]
    said(asking, position, "keep", "ada")
    assert eventually(lambda: asking.card(position)["p_clean"] > 0.9)  # known to be right
    said(asking, position, "bad_image", "bob", "second")
    assert eventually(lambda: asking.card(position)["p_clean"] == pytest.approx(before, abs=0.01))
    said(asking, position, "keep", "eve", "adjudication")
    assert eventually(lambda: asking.card(position)["p_clean"] > 0.9)


def test_there_are_disagreements_without_a_run(workspace: Workspace):
    with open_desk(workspace, with_run=False) as desk:
        said(desk, 5, "keep", "ada")
        said(desk, 5, "bad_image", "bob", "second")
        assert [card["position"] for card in desk.cards(10, [], DISPUTED)] == [5]


def test_a_sheet_of_disagreements_settles_them_too(asking: Desk):
    said(asking, 0, "keep", "ada")
    said(asking, 0, "bad_image", "bob", "second")
    asking.act("act-00001", "bad_image", [], [0], "eve", DISPUTED)
    assert asking.decisions[0].screen is ADJUDICATION
    assert asking.board().disputed == []


def test_all_of_it_can_be_undone_and_redone(asking: Desk):
    said(asking, 0, "keep", "ada")
    said(asking, 0, "bad_image", "bob", "second")
    undone = asking.undo("undo-0001", "bob")
    assert undone["undone"]["outcome"] == "bad_image"
    assert (undone["card"]["screen"], undone["card"]["blind"]) == (SECOND, True)
    assert undone["card"]["decision"] is None  # neither hers nor his
    assert (asking.decisions[0].annotator, asking.board().disputed) == ("ada", [])
    assert of_screen(asking.cards(50, [], annotator="bob"), SECOND) == [0]
    redone = asking.redo("redo-0001", "bob")
    assert (redone["card"]["blind"], redone["card"]["decision"]["annotator"]) == (True, "bob")
    assert asking.board().disputed == [0]

    said(asking, 0, "bad_image", "eve", "adjudication")
    assert asking.board().disputed == []
    undone = asking.undo("undo-0002", "eve")
    assert undone["card"]["screen"] == ADJUDICATION
    assert (asking.decisions[0].annotator, asking.board().disputed) == ("ada", [0])
    assert asking.redo("redo-0002", "eve")["card"]["decision"]["annotator"] == "eve"
    assert asking.board().disputed == []
    # The first decision is taken back: there is nothing left to disagree about.
    asking.undo("undo-0003", "eve")
    asking.undo("undo-0004", "ada")
    assert 0 not in asking.decisions
    assert asking.board().disputed == []


def test_it_is_all_there_after_a_restart(workspace: Workspace):
    with open_desk(workspace) as desk:
        desk.seconds.write_rate(0.5)
        desk.seconds.write_own_days(30)
        for position in range(40):
            said(desk, position, "keep", "ada")
        asked = of_screen(desk.cards(50, [], annotator="bob"), SECOND)
        said(desk, asked[0], "bad_image", "bob", "second")
        log = desk.store.cursor().execute("SELECT annotator, screen, seconds FROM events").fetchall()
    assert 8 <= len(asked) <= 32
    assert log[-1] == ("bob", "second", 2.5)
    with open_desk(workspace) as desk:
        told = desk.seconds.told(desk.board())
        assert told == {"second_rate": 0.5, "second_own_days": 30, "disagreements": 1}
        assert set(of_screen(desk.cards(50, [], annotator="bob"), SECOND)) == set(asked[1:])


def test_the_page_sets_it_and_sends_what_it_was_about(desk: Desk):
    with client_of(desk) as client:
        told = client.post("/api/outlook", json={"second_rate": 0.2, "second_own_days": 7}).json()
        assert (told["second_rate"], told["second_own_days"], told["disagreements"]) == (0.2, 7, 0)
        assert client.get("/api/outlook").json()["second_rate"] == 0.2
        assert client.post("/api/outlook", json={"second_rate": 2}).status_code == 400
        entry = {
            "id": "decision-1",
            "position": 0,
            "sample_id": desk.samples.sample_ids[0],
            "outcome": "keep",
        }
        client.post("/api/decisions", json={"decisions": [{**entry, "screen": "second"}]})
        assert (
            client.post("/api/decisions", json={"decisions": [{**entry, "screen": "x"}]}).status_code == 422
        )
        kinds = [each["key"] for each in client.get("/api/filters").json()["kinds"]]
        assert "disagreements" in kinds
        assert client.get("/api/cards?kind=disagreements").json()["cards"] == []
    assert [each.screen for each in queries.read_opinions(desk.store.cursor())] == [SECOND]
