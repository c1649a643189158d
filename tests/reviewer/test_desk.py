import shutil
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from reviewer import jobs
from reviewer.desk import Desk
from reviewer.export import COLUMNS
from reviewer.server import export_rows
from reviewer.workspace import Workspace
from tests.reviewer.simulated import finish_run, open_desk, prepare, true_class


def entry(
    desk: Desk, position: int, outcome: str = "keep", labels: tuple[str, ...] = (), **values: Any
) -> dict:
    return {
        "id": f"decision-{position}-{outcome}",
        "position": position,
        "sample_id": desk.samples.sample_ids[position],
        "outcome": outcome,
        "labels": list(labels),
        **values,
    }


def eventually(holds: Callable[[], bool], seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.02)
    return False


def test_the_first_cards_are_wrong_labels_with_their_evidence(desk: Desk):
    cards = desk.cards(4, [])
    for card in cards:
        true = true_class(card["path"])
        assert card["given"]["name"] != true
        assert card["suggested"]["name"] == true
        assert card["p_clean"] < 0.5
        assert (card["width"], card["height"]) == (12, 10)
        assert card["likeliest"][0]["name"] == true
        assert sum(item["probability"] for item in card["likeliest"]) == pytest.approx(1, abs=1e-3)
        assert card["neighbours"]
        assert card["neighbours"][0]["position"] != card["position"]
        assert any("neighbours say" in reason["words"] for reason in card["reasons"])
    assert len({card["position"] for card in cards}) == 4


def test_a_decided_card_is_gone_and_undo_and_redo_return_it(desk: Desk):
    card = desk.cards(1, [])[0]
    position, true = card["position"], true_class(card["path"])
    saved, refused = desk.record([entry(desk, position, "relabel", (true,))], "ada")
    assert (len(saved), refused) == (1, [])
    assert position not in [c["position"] for c in desk.cards(50, [])]
    assert desk.card(position)["decision"]["labels"] == [true]

    undone = desk.undo("undo-0001", "ada")
    assert undone["undone"]["id"] == saved[0]
    assert (undone["card"]["position"], undone["card"]["decision"]) == (position, None)
    assert position in [c["position"] for c in desk.cards(50, [])]

    redone = desk.redo("redo-0001", "ada")
    assert redone["redone"]["id"] == saved[0]
    assert redone["card"]["decision"]["outcome"] == "relabel"
    assert desk.undo("undo-0002", "bob") == {"undone": None, "count": 0, "card": None}


def test_held_cards_are_not_given_again(desk: Desk):
    first = [card["position"] for card in desk.cards(5, [])]
    assert not set(first) & {card["position"] for card in desk.cards(5, first)}


def test_decisions_that_make_no_sense_are_refused_one_by_one(desk: Desk):
    bad = [
        entry(desk, 0, "relabel", ("purple",)) | {"id": "bad-1"},
        entry(desk, 0, "ambiguous", ("red",)) | {"id": "bad-2"},
        entry(desk, 0, "delete") | {"id": "bad-3"},
        entry(desk, 0) | {"id": "bad-4", "sample_id": "another.png"},
        entry(desk, 0) | {"id": "bad-5", "position": 40},
        entry(desk, 0) | {"id": "bad-6", "position": -1},
    ]
    saved, refused = desk.record([*bad, entry(desk, 1)], "ada")
    assert saved == ["decision-1-keep"]
    assert [item["id"] for item in refused] == [f"bad-{n}" for n in range(1, 7)]
    words = [
        "'purple' is none of",
        "two classes",
        "'delete' is none of",
        "'another.png'",
        "sample 40",
        "sample -1",
    ]
    for item, word in zip(refused, words, strict=True):
        assert word in item["error"]
    assert desk.progress()["decided"] == 1


def test_a_sample_with_a_problem_cannot_be_decided_or_seen(workspace: Workspace):
    with open_desk(workspace) as desk:
        desk.samples.problems[3] = "the file is not there"
        _, refused = desk.record([entry(desk, 3)], "ada")
        assert "no sample 3" in refused[0]["error"]


def test_the_counts_follow_the_decisions(desk: Desk):
    before = desk.progress()
    assert (before["samples"], before["decided"], before["flagged"]) == (40, 0, before["flagged_left"])
    assert before["flagged"] >= 4
    cards = desk.cards(3, [])
    outcomes = ["keep", "bad_image", "skip"]
    made = [entry(desk, c["position"], o, p_clean=c["p_clean"]) for c, o in zip(cards, outcomes, strict=True)]
    desk.record(made, "ada")
    after = desk.progress()
    assert (after["kept"], after["bad_image"], after["skipped"], after["decided"]) == (1, 1, 1, 2)
    assert after["flagged_left"] == before["flagged_left"] - 3
    assert after["flagged"] == before["flagged"]
    desk.record(made, "ada")  # a retry counts nothing twice
    assert desk.progress() == after


def test_the_ranking_learns_from_decisions(desk: Desk):
    version = desk.ranking.version
    card = desk.cards(1, [])[0]
    desk.record([entry(desk, card["position"])], "ada")
    assert eventually(lambda: desk.ranking.version > version)
    assert desk.ranking.p_clean[card["position"]] == 1.0
    desk.undo("undo-0001", "ada")
    assert eventually(lambda: bool(desk.ranking.p_clean[card["position"]] < 0.5))


def test_everything_is_there_again_after_a_restart(workspace: Workspace):
    with open_desk(workspace) as desk:
        desk.record([entry(desk, n, "skip" if n % 2 else "out_of_scope") for n in range(6)], "ada")
        desk.undo("undo-0001", "ada")
        desk.write_threshold(0.25)
        desk._rerank()
        seen, p_clean = desk.progress(), desk.ranking.p_clean
    with open_desk(workspace) as desk:
        assert desk.progress() == seen
        assert desk.threshold == 0.25
        np.testing.assert_array_equal(desk.ranking.p_clean, p_clean)
        assert desk.redo("redo-0001", "ada")["redone"]["position"] == 5


def test_a_higher_threshold_flags_more(desk: Desk):
    desk.write_threshold(0.0)
    assert desk.progress()["flagged"] == 0
    desk.write_threshold(1.0)
    assert desk.progress()["flagged"] > 30


def test_closing_right_after_a_decision_does_not_hang(workspace: Workspace):
    with open_desk(workspace) as desk:
        desk.record([entry(desk, 0)], "ada")
        time.sleep(0.05)  # the learner has woken and is in its pause
        closing = threading.Thread(target=desk.close, daemon=True)
        closing.start()
        closing.join(5)
        hangs = closing.is_alive()
        desk._changed.set()  # lets it go, so that the next tests are not held up
        closing.join(5)
    assert not hangs


def test_the_desk_opens_when_the_files_of_a_run_are_gone(workspace: Workspace):
    with open_desk(workspace) as desk:
        desk.record([entry(desk, 0)], "ada")
    for run_dir in jobs.run_directories(workspace):
        shutil.rmtree(run_dir)
    with open_desk(workspace) as desk:
        assert desk.ranking.run is None
        assert desk.progress()["decided"] == 1
        assert len(desk.cards(5, [])) == 5


@pytest.mark.parametrize("name", ["probabilities.npy", "neighbours.npz"])
def test_the_desk_opens_when_a_file_of_a_run_is_torn(workspace: Workspace, name: str):
    with open_desk(workspace):
        pass
    (jobs.run_directories(workspace)[0] / name).write_bytes(b"PK\x03\x04torn")
    with open_desk(workspace) as desk:
        assert desk.ranking.run is None
        assert desk.cards(1, [])


def test_a_run_that_comes_in_while_decisions_are_made_orders_the_queue(workspace: Workspace):
    with open_desk(workspace, with_run=False) as desk:
        for attempt in range(5):
            desk.record([entry(desk, attempt)], "ada")
            run_dir = finish_run(prepare(workspace, desk.store))
            jobs.import_run(run_dir, desk.store)
            desk.load_runs()
            active = desk.ranking.run
            assert active is not None
            assert active.run_id == run_dir.name


def test_the_newer_of_two_rankings_wins_although_the_older_one_is_done_first(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    from reviewer import desk as module

    with open_desk(workspace, with_run=False) as desk:
        run_dir = finish_run(prepare(workspace, desk.store))
        jobs.import_run(run_dir, desk.store)
        entered, go_on, whole = threading.Event(), threading.Event(), module.rank

        def slow(samples: Any, run: Any, decisions: Any, version: int) -> Any:
            if threading.current_thread().name == "importer":
                entered.set()
                go_on.wait(3)
            return whole(samples, run, decisions, version)

        monkeypatch.setattr(module, "rank", slow)
        importer = threading.Thread(target=desk.load_runs, name="importer")
        importer.start()
        assert entered.wait(5)
        meanwhile = threading.Thread(target=desk._rerank)
        with desk._lock:
            run, desk._runs = desk._runs, []  # the other thread had looked before the run came
        meanwhile.start()
        meanwhile.join(0.5)
        desk._runs = run
        go_on.set()
        importer.join(5)
        meanwhile.join(5)
        assert desk.ranking.run is not None


def test_the_export_of_a_desk_has_what_was_decided(desk: Desk):
    position = desk.cards(1, [])[0]["position"]
    desk.record([entry(desk, position, "relabel", (true_class(str(desk.samples.paths[position])),))], "ada")
    lines = b"".join(export_rows(desk)).decode().splitlines()
    source = (desk.workspace.root / "source.csv").read_text().splitlines()
    assert lines[0] == source[0] + "," + ",".join(COLUMNS)
    assert len(lines) == len(source)
    assert all(line.startswith(before + ",") for line, before in zip(lines, source, strict=True))
    assert ",relabelled,ada," in lines[position + 1]
    assert sum(",unreviewed," in line for line in lines) == 39
