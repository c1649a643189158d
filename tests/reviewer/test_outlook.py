import timeit
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from fastapi.testclient import TestClient

from reviewer.desk import Desk
from reviewer.estimate import class_errors_left
from reviewer.filters import EVERYTHING, Filter
from reviewer.outlook import moved
from reviewer.workspace import Workspace
from tests.reviewer.simulated import make_workspace, open_desk, true_class
from tests.reviewer.test_server import client_of


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    """200 pictures, one in seven of them labelled wrongly."""
    return make_workspace(tmp_path, per_class=50)


@pytest.fixture
def client(desk: Desk) -> Iterator[TestClient]:
    with client_of(desk) as opened:
        yield opened


def answer(desk: Desk, card: dict, number: int) -> None:
    """Decide a card as the truth has it."""
    true = true_class(card["path"])
    entry = {
        "id": f"decision-{number:05}",
        "position": card["position"],
        "sample_id": card["sample_id"],
        "outcome": "relabel",  # to the given class: keep
        "labels": [true],
        "p_clean": card["p_clean"],
        "blind": card["blind"],
    }
    assert desk.record([entry], "ada")[1] == []


def review(desk: Desk, n: int, first: int = 0) -> list[dict]:
    """Decide the next n cards, one by one, and return them."""
    seen = []
    for number in range(first, first + n):
        card = desk.cards(1, ())[0]
        answer(desk, card, number)
        seen.append(card)
    return seen


def test_without_audits_no_card_is_blind_and_the_answer_says_what_it_is_worth(desk: Desk):
    assert not any(card["blind"] for card in desk.cards(50, ()))
    told = desk.forecast.told(desk.board())
    assert "no audit card speaks for them yet" in told["errors"]
    assert told["stop"].startswith("When to stop cannot be said before audit cards")
    assert (told["undecided"], told["samples"], told["audits"]) == (200, 200, 0)


def test_audits_are_mixed_in_at_the_rate_and_hide_what_runs_say(desk: Desk):
    desk.forecast.write_audit_rate(0.25)
    cards = review(desk, 60)
    blind = [card for card in cards if card["blind"]]
    assert 10 <= len(blind) <= 20  # one at a random place in every four
    for card in blind:
        assert (card["suggested"], card["p_clean"], card["reasons"], card["neighbours"]) == (
            None,
            None,
            [],
            [],
        )
    ranked = [card["p_clean"] for card in cards if not card["blind"]]
    assert np.mean(ranked[:10]) < np.mean(ranked[-10:])
    positions = [card["position"] for card in cards]
    assert len(set(positions)) == len(positions)


def test_audits_are_drawn_from_all_and_not_from_the_suspicious(desk: Desk):
    desk.forecast.write_audit_rate(0.5)
    p_clean = desk.ranking.p_clean
    audits = [card["position"] for card in review(desk, 60) if card["blind"]]
    assert abs(np.median(p_clean[audits]) - np.median(p_clean)) < 0.2
    assert (p_clean[audits] > 0.5).mean() > 0.6


def test_a_filtered_queue_has_no_audits(desk: Desk):
    desk.forecast.write_audit_rate(0.5)
    assert not any(card["blind"] for card in desk.cards(50, (), Filter(given="red")))


def test_the_order_does_not_know_open_audits_until_the_queue_has_come_past_them(workspace, monkeypatch):
    monkeypatch.setattr("reviewer.desk.RERANK_PAUSE", 3600)  # nothing is ranked but where the test says so
    with open_desk(workspace) as desk:
        check_shadow_passing(desk)


def check_shadow_passing(desk: Desk) -> None:
    desk.forecast.write_audit_rate(0.5)
    audits = {card["position"] for card in review(desk, 100) if card["blind"]}
    assert desk.forecast.audits.passes <= audits
    desk.forecast.write_audit_rate(0)
    desk.load_runs()  # ranks by what is decided so far
    order = desk.board().ordered(EVERYTHING).tolist()
    still_open = set(desk.forecast.audits.open(desk.decisions))
    (card,) = review(desk, 1, first=500)
    first = order.index(card["position"])
    left = set(desk.forecast.audits.open(desk.decisions))
    assert {position for position in still_open if order.index(position) < first} == still_open - left


def test_a_card_that_was_looked_up_passes_nothing(desk: Desk):
    desk.forecast.write_audit_rate(0.5)
    review(desk, 12)
    before = desk.forecast.audits.passes
    safest = int(desk.ranking.order[-1])
    if safest not in desk.decisions:
        answer(desk, desk.card(safest), 900)
    assert desk.forecast.audits.passes == before


def test_a_sheet_passes_the_audits_that_it_would_have_taken_in(workspace, monkeypatch):
    monkeypatch.setattr("reviewer.desk.RERANK_PAUSE", 3600)  # the order stays as it is read here
    with open_desk(workspace) as desk:
        desk.forecast.write_audit_rate(0.5)
        review(desk, 20)
        still_open = desk.forecast.audits.open(desk.decisions)
        assert still_open
        order = desk.board().ordered(EVERYTHING).tolist()
        rest = [position for position in order if position not in desk.decisions]
        above = set(order[: order.index(rest[-1])])  # what ranks behind the last of them it comes not past
        desk.act("act-000001", "keep", [], rest, "ada")
        left = set(desk.forecast.audits.open(desk.decisions))
        assert still_open.keys() - left == {
            position for position, each in still_open.items() if each.outcome == "keep" and position in above
        }


def test_what_was_passed_and_the_rate_survive_a_restart(workspace: Workspace):
    with open_desk(workspace) as desk:
        desk.forecast.write_audit_rate(0.5)
        desk.forecast.write_goal(0.05)
        review(desk, 100)
        desk.load_runs()  # ranks by what is decided so far, as the restart does
        passes, told = desk.forecast.audits.passes, desk.forecast.told(desk.board())
        assert passes
    with open_desk(workspace) as desk:
        again = desk.forecast.told(desk.board())
        assert desk.forecast.audits.passes == passes
        assert (again["audit_rate"], again["goal"], again["audits"]) == (0.5, 0.05, told["audits"])
        assert again["left"] == told["left"]


def test_the_answer_holds_the_truth_after_a_review(desk: Desk):
    wrong = {p for p in range(200) if desk.samples.given_labels[p] not in desk.samples.paths[p]}
    desk.forecast.write_audit_rate(0.2)
    review(desk, 90)
    left = len(wrong - set(desk.decisions))
    told = desk.forecast.told(desk.board())
    assert told["left"]["low"] <= left <= told["left"]["high"]
    assert told["undecided"] == 110
    assert told["curve"]["share"][-1] == 1.0
    assert told["curve"]["cards"][-1] == 110
    assert sum(row["point"] for row in told["classes"]) == pytest.approx(told["left"]["point"], abs=3)
    assert 0 < told["precision"]["wrong"] <= told["precision"]["of"] <= 90


def test_the_routes_answer_and_check(client: TestClient):
    first = client.get("/api/outlook").json()
    assert first["audit_rate"] == 0
    assert client.post("/api/outlook", json={"audit_rate": 0.1, "goal": 0.02}).json()["audit_rate"] == 0.1
    assert client.get("/api/outlook").json()["goal"] == 0.02
    for body, sentence in [
        ({"audit_rate": 0.9}, "The share of audit cards is 0.9; choose one from 0 to 0.5."),
        ({"goal": 0}, "The goal is 0 of the labels wrong"),
    ]:
        refused = client.post("/api/outlook", json=body)
        assert refused.status_code == 400
        assert sentence in refused.json()["error"]


def test_a_card_shows_what_the_decisions_say_of_its_chance_once_there_are_enough(desk: Desk):
    review(desk, 19)
    desk.forecast.told(desk.board())
    assert [card["chance"] for card in desk.cards(3, ())] == [None] * 3
    review(desk, 11, first=100)
    assert [card["chance"] for card in desk.cards(3, ())] == [None] * 3  # nothing is fitted for a card
    desk.forecast.told(desk.board(), by_class=False)
    for card in desk.cards(50, ()):
        assert (card["chance"]["decisions"], card["chance"]["p_clean"] == card["p_clean"]) == (30, False)
        assert 0 <= card["chance"]["p_clean"] <= 1
        # What is flagged stays flagged: both scales have the same order.
        flagged = card["chance"]["p_clean"] < card["chance"]["threshold"]
        assert flagged == (card["p_clean"] < desk.threshold)
    decided = next(iter(desk.decisions))
    assert desk.card(decided)["chance"] is None  # it is settled: its chance is no question any more


def test_the_first_cards_after_a_restart_show_the_chance_already(workspace: Workspace):
    with open_desk(workspace) as desk:
        review(desk, 30)
        assert [card["chance"] for card in desk.cards(3, ())] == [None] * 3
    with open_desk(workspace) as desk:
        assert [card["chance"]["decisions"] for card in desk.cards(3, ())] == [30] * 3


def test_a_blind_card_shows_no_chance_and_neither_does_one_of_another_run(desk: Desk):
    review(desk, 30)
    desk.forecast.told(desk.board(), by_class=False)
    desk.forecast.write_audit_rate(0.5)
    cards = desk.cards(30, ())
    assert {card["chance"] is None for card in cards if card["blind"]} == {True}
    assert {card["chance"] is None for card in cards if not card["blind"]} == {False}
    board = desk.board()
    assert board.ranking.run is not None
    run = replace(board.ranking.run, run_id="20991231-another")
    newer = replace(board, ranking=replace(board.ranking, run=run))
    position = next(card["position"] for card in cards if not card["blind"])
    assert desk.forecast.chance(board, position)
    assert desk.forecast.chance(newer, position) is None  # the curve was fitted to another p_clean


def test_a_chance_costs_a_card_microseconds(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    review(desk, 30)
    desk.forecast.told(desk.board(), by_class=False)
    board = desk.board()
    monkeypatch.setattr(
        "reviewer.outlook.fit_calibration", lambda review: pytest.fail("a card was fitted for")
    )
    positions = [position for position in range(200) if position not in desk.decisions]
    best = min(timeit.repeat(lambda: [desk.forecast.chance(board, p) for p in positions], number=1, repeat=5))
    assert best / len(positions) < 0.001


def test_intervals_of_the_classes_are_made_only_where_they_are_asked_for(client, monkeypatch):
    made = []
    monkeypatch.setattr(
        "reviewer.outlook.class_errors_left",
        lambda *arguments: made.append(1) or class_errors_left(*arguments),
    )
    strip = client.get("/api/outlook?by_class=false").json()
    assert (strip["classes"], made) == (None, [])
    dialog = client.get("/api/outlook").json()
    assert (len(dialog["classes"]), made) == (4, [1])
    assert {**dialog, "classes": None} == strip
    client.get("/api/outlook")
    assert made == [1]


def test_it_is_said_what_the_decisions_moved(desk: Desk):
    board = desk.board()
    assert desk.forecast.told(board)["moved"] == {"entered": 0, "left": 0}
    flagged = int((board.ranking.p_clean < 0.5).sum())
    turned = replace(board, ranking=replace(board.ranking, p_clean=1 - board.ranking.p_clean))
    assert moved(turned) == {"entered": 200 - flagged, "left": flagged}
    review(desk, 90)
    decided = replace(turned, outcomes=desk.board().outcomes)  # of these nothing is said any more
    assert sum(moved(decided).values()) == 110
