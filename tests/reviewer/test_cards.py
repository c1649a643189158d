"""What a card says of several runs."""

from reviewer import jobs
from reviewer.desk import Desk
from reviewer.workspace import Workspace
from tests.reviewer.simulated import finish_run, open_desk, prepare


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
        assert not any("flag it" in reason for reason in card["reasons"])
        for sharpness in (0.6, 0.9, 0.95):
            take_in(desk, "deft", sharpness)
        reasons = desk.card(card["position"])["reasons"]
        assert "2 of 2 detectors flag it" in reasons


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
