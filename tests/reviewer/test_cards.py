"""What a card says: of several runs, of its neighbours, and of nothing where it is to be judged blind."""

from typing import Any

import pytest

from reviewer import jobs
from reviewer.cards import N_NEAREST, N_OF_A_CLASS, card_json, decision_json
from reviewer.decisions import Screen
from reviewer.desk import Desk
from reviewer.reasons import reason_masks
from reviewer.workspace import Workspace
from tests.reviewer.simulated import decision, finish_run, open_desk, prepare


def take_in(desk: Desk, detector: str, sharpness: float) -> str:
    run_dir = finish_run(prepare(desk.workspace, desk.store, detector), sharpness=sharpness)
    jobs.import_run(run_dir, desk.store)
    desk.load_runs()
    return run_dir.name


def test_a_card_has_the_p_clean_of_each_run_newest_first(workspace: Workspace):
    with open_desk(workspace) as desk:
        first = desk.ranking.run
        assert first is not None
        runs = [take_in(desk, "deft", 0.6), take_in(desk, "knn", 0.9), take_in(desk, "deft", 0.95)]
        card = desk.cards(1, [])[0]
        assert [run["run"] for run in card["runs"]] == [*reversed(runs), first.run_id]
        assert card["run"] == runs[-1]
        assert len({run["p_clean"] for run in card["runs"]}) == 4
        assert all(0 <= run["p_clean"] <= 1 for run in card["runs"])


def test_of_each_detector_the_newest_run_has_a_say_in_the_reasons(workspace: Workspace):
    with open_desk(workspace) as desk:
        card = desk.cards(1, [])[0]
        assert not any("flag it" in reason["words"] for reason in card["reasons"])
        for sharpness in (0.6, 0.9, 0.95):
            take_in(desk, "deft", sharpness)
        reasons = desk.card(card["position"])["reasons"]
        assert {"key": "every_run", "words": "2 of 2 detectors flag it"} in reasons


def test_the_newest_run_orders_the_cards_and_the_decided_stay_decided(workspace: Workspace):
    with open_desk(workspace) as desk:
        card = desk.cards(1, [])[0]
        entry = {"id": "decision-1", "position": card["position"], "sample_id": card["sample_id"]}
        desk.record([{**entry, "outcome": "keep"}], "ada")
        newest = take_in(desk, "deft", 0.95)
        assert desk.ranking.run is not None
        assert desk.ranking.run.run_id == newest
        assert card["position"] not in [each["position"] for each in desk.cards(50, [])]
        assert desk.card(card["position"])["decision"]["outcome"] == "keep"


def test_of_an_older_run_only_what_the_cards_speak_of_is_kept(workspace: Workspace):
    with open_desk(workspace) as desk:
        before = desk.cards(4, [])
        take_in(desk, "deft", 0.95)
        older, newest = desk._runs
        assert older.probs.size == older.neighbours.rows.size == 0
        assert newest.probs.size > 0
        assert newest.neighbours.rows.size > 0
        again = {card["position"]: card for card in desk.cards(40, [])}
        for card in before:
            assert again[card["position"]]["runs"][1] == card["runs"][0]


def test_each_reason_on_a_card_is_a_filter_that_finds_it(workspace: Workspace):
    with open_desk(workspace) as desk:
        take_in(desk, "deft", 0.9)
        masks = reason_masks(desk.ranking, desk._runs, desk.decisions, desk.threshold)
        for card in desk.cards(40, []):
            held = {key for key, mask in masks.items() if mask[card["position"]]}
            assert {reason["key"] for reason in card["reasons"]} == held
        assert masks["neighbours"].any()


def test_the_neighbours_are_the_nearest_and_those_of_the_two_classes(workspace: Workspace):
    with open_desk(workspace) as desk:
        run = desk.ranking.run
        assert run is not None
        card = desk.cards(1, [])[0]
        row = run.row_at[card["position"]]
        nearest = run.positions[run.neighbours.rows[row]].tolist()
        shown = [neighbour["position"] for neighbour in card["neighbours"]]
        assert shown == nearest[:N_NEAREST]
        assert card["searched"] == len(nearest) <= N_NEAREST
        similarities = [neighbour["similarity"] for neighbour in card["neighbours"]]
        assert similarities == sorted(similarities, reverse=True)


def test_far_neighbours_are_shown_where_they_have_one_of_the_two_classes(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("reviewer.cards.N_NEAREST", 2)
    with open_desk(workspace) as desk:
        for card in desk.cards(40, []):
            wanted = {card["given"]["name"], card["suggested"]["name"]}
            assert all(neighbour["label"] in wanted for neighbour in card["neighbours"][2:])
            for name in wanted:
                of_it = [neighbour for neighbour in card["neighbours"] if neighbour["label"] == name]
                assert len(of_it) <= N_OF_A_CLASS + 2


def test_a_neighbour_is_marked_with_what_people_made_of_it(workspace: Workspace):
    with open_desk(workspace) as desk:
        card = desk.cards(1, [])[0]
        kept, moved, lost = (neighbour["position"] for neighbour in card["neighbours"][:3])
        acts = [(kept, "keep", []), (moved, "relabel", []), (lost, "bad_image", [])]
        entries = []
        for position, outcome, labels in acts:
            other = desk.card(position)
            if outcome == "relabel":
                given = other["given"]["name"]
                labels = [name for name in desk.workspace.class_names if name != given][:1]
            entry = {"id": f"decision-{position}", "position": position, "sample_id": other["sample_id"]}
            entries.append({**entry, "outcome": outcome, "labels": labels})
        assert desk.record(entries, "ada")[1] == []
        by_position = {each["position"]: each for each in desk.card(card["position"])["neighbours"]}
        assert by_position[kept]["confirmed"]
        assert by_position[moved]["confirmed"]
        assert by_position[moved]["label"] == entries[1]["labels"][0]
        if lost in by_position:
            assert by_position[lost]["label"] is None
            assert by_position[lost]["outcome"] == "bad_image"
            assert not by_position[lost]["confirmed"]


def blind_card(desk: Desk, position: int) -> dict[str, Any]:
    return card_json(desk.workspace, desk.board(), position, Screen.AUDIT)


def test_a_blind_card_says_nothing_of_what_a_run_thinks(workspace: Workspace):
    with open_desk(workspace) as desk:
        take_in(desk, "deft", 0.9)
        open_card = desk.cards(1, [])[0]
        assert open_card["blind"] is False
        card = blind_card(desk, open_card["position"])
        assert card["blind"] is True
        assert set(card) == set(open_card)
        for key in ("suggested", "p_clean", "run"):
            assert card[key] is None, key
        for key in ("runs", "reasons", "neighbours"):
            assert card[key] == [], key
        assert card["given"] == {"name": open_card["given"]["name"], "probability": None}
        assert card["likeliest"] == [
            {"name": name, "probability": None} for name in desk.workspace.class_names[:10]
        ]
        assert (card["image"], card["path"]) == (open_card["image"], open_card["path"])


def test_a_larger_picture_is_offered_only_where_there_is_one(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    with open_desk(workspace) as desk:
        monkeypatch.setattr("reviewer.cards.SIDES", {"card": 8, "thumb": 4, "full": 4096})
        card = desk.cards(1, [])[0]
        assert card["full"] == card["image"].replace("/image/card/", "/image/full/")
        monkeypatch.setattr("reviewer.cards.SIDES", {"card": 12, "thumb": 4, "full": 4096})
        assert desk.card(card["position"])["full"] is None, "the picture is 12 pixels wide"


def test_a_note_goes_with_its_decision():
    made = decision("decision-1")
    said = decision_json(made)
    assert said is not None
    assert said["note"] is None
    object.__setattr__(made, "note", "blurred, perhaps a wolf")
    said = decision_json(made)
    assert said is not None
    assert said["note"] == "blurred, perhaps a wolf"
