import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from engine.artifacts import append_event, process_stamp, write_json
from engine.settings import DETECTORS
from reviewer import jobs
from reviewer.desk import Desk
from reviewer.guard import guarded
from reviewer.server import create_server
from reviewer.watch import Watcher
from reviewer.workspace import Workspace
from tests.reviewer.simulated import finish_run, open_desk, prepare
from tests.reviewer.test_run_history import SPEED, finish_with

FOREIGN = {"origin": "https://elsewhere.test", "sec-fetch-site": "cross-site"}


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """Runs are started as processes that only sleep; returns what was started."""
    made: list[Path] = []
    processes: list[subprocess.Popen] = []

    def start(run_dir: Path, *, behind: bool = False) -> subprocess.Popen:
        made.append(run_dir)
        processes.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]))
        return processes[-1]

    monkeypatch.setattr(jobs, "start", start)
    yield made
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture
def client(desk: Desk, started: list[Path]) -> Iterator[TestClient]:
    watcher = Watcher(desk)
    try:
        yield TestClient(guarded(create_server(desk, watcher)), base_url="http://127.0.0.1:7861")
    finally:
        watcher.close()


def runs(client: TestClient) -> dict[str, Any]:
    return client.get("/api/runs").json()


def run_of(client: TestClient, run_dir: Path) -> dict[str, Any]:
    return next(run for run in runs(client)["runs"] if run["id"] == run_dir.name)


def test_the_tab_hears_of_every_run_and_which_orders_the_cards(client: TestClient, desk: Desk):
    said = runs(client)
    (run,) = said["runs"]
    assert (run["state"], run["active"], run["decisions"], run["seconds"]) == ("done", True, 0, 1.5)
    assert (said["busy"], said["decisions"], said["measured"], said["threshold"]) == (None, 0, None, 0.5)
    assert client.get(said["plotly"]).headers["content-type"].startswith("text/javascript")


def test_decisions_are_counted_for_the_next_run(client: TestClient, desk: Desk):
    card = client.get("/api/cards?count=1").json()["cards"][0]
    entry = {"id": "decision-1", "position": card["position"], "sample_id": card["sample_id"]}
    client.post("/api/decisions", json={"decisions": [{**entry, "outcome": "skip"}]})
    assert runs(client)["decisions"] == 0
    client.post("/api/decisions", json={"decisions": [{**entry, "id": "decision-2", "outcome": "keep"}]})
    assert runs(client)["decisions"] == 1
    run_id = client.post("/api/runs", json={"detector": "knn"}).json()["run"]
    assert run_of(client, desk.workspace.runs / run_id)["decisions"] == 1


def test_a_run_is_started_with_its_settings_and_one_at_a_time(
    client: TestClient, desk: Desk, started: list[Path]
):
    answer = client.post("/api/runs", json={"detector": "knn", "settings": {"k": "7"}})
    assert answer.status_code == 200
    (run_dir,) = started
    assert run_dir.name == answer.json()["run"]
    assert jobs.read_run(run_dir).settings == {"k": 7}
    assert runs(client)["busy"] == run_dir.name
    assert run_of(client, run_dir)["state"] == "starting"
    again = client.post("/api/runs", json={"detector": "knn"})
    assert again.status_code == 400
    assert "is at work already" in again.json()["error"]
    assert len(started) == 1


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"detector": "deft", "settings": {"epochs": 0}}, "deft.epochs is 0; it should be greater"),
        ({"detector": "deft", "settings": {"epoch": 3}}, "Unknown key deft.epoch. Did you mean deft.epochs?"),
        ({"detector": "deft", "settings": {"tower": "<b>"}}, "deft.tower is '<b>'; it should be 'auto'"),
        ({"detector": "nope"}, "There is no detector 'nope'"),
        ({"settings": {}}, "The request is not understood"),
    ],
)
def test_a_bad_setting_is_one_sentence_and_starts_nothing(
    client: TestClient, desk: Desk, started: list[Path], body: dict, sentence: str
):
    before = jobs.run_directories(desk.workspace)
    answer = client.post("/api/runs", json=body)
    assert answer.status_code in (400, 422)
    assert answer.json()["error"].startswith(sentence)
    assert started == []
    assert jobs.run_directories(desk.workspace) == before


def test_a_run_at_work_is_followed_by_its_curves_and_its_log(client: TestClient, desk: Desk):
    run_dir = prepare(desk.workspace, desk.store, "deft")
    write_json(run_dir / "lock", process_stamp())
    append_event(run_dir, "stage", stage="training")
    append_event(run_dir, "progress", stage="training", done=5, of=50, seconds_left=90.0)
    append_event(run_dir, "epoch", epoch=1, of=3, loss=float("nan"), selected=0.5, losses={"pair": 1.0})
    (run_dir / "log.txt").write_text("<script>alert(1)</script>\n")
    run = run_of(client, run_dir)
    assert (run["state"], run["stage"], run["seconds_left"], run["epoch"]) == ("running", "training", 90, 1)
    full = client.get(f"/api/runs/{run_dir.name}").json()
    assert full["log"] == ["<script>alert(1)</script>"]  # as text; the page writes it as text
    assert [(each["loss"], each["selected"]) for each in full["epochs"]] == [(None, 0.5)]


def test_a_run_that_broke_off_is_resumed_in_its_own_directory(
    client: TestClient, desk: Desk, started: list[Path]
):
    run_dir = prepare(desk.workspace, desk.store, "deft")
    write_json(run_dir / "error.json", {"kind": "Stopped", "message": "It was stopped."})
    refused = client.post(f"/api/runs/{run_dir.name}/resume")
    assert refused.status_code == 400
    assert "has no checkpoint" in refused.json()["error"]
    write_json(run_dir / "checkpoint.json", {"epoch": 4})
    assert run_of(client, run_dir)["resumable"] == 4
    assert client.post(f"/api/runs/{run_dir.name}/resume").status_code == 200
    assert started == [run_dir]
    assert run_of(client, run_dir)["state"] == "starting"


@pytest.mark.parametrize("path", ["nope", "..%2F..%2Fetc", "%00"])
def test_only_runs_of_this_workspace_answer(client: TestClient, path: str):
    for answer in (
        client.get(f"/api/runs/{path}"),
        client.post(f"/api/runs/{path}/stop"),
        client.post(f"/api/runs/{path}/resume"),
    ):
        assert answer.status_code in (400, 404)


def test_a_run_that_is_not_at_work_cannot_be_stopped(client: TestClient, desk: Desk):
    (run,) = runs(client)["runs"]
    answer = client.post(f"/api/runs/{run['id']}/stop")
    assert answer.status_code == 400
    assert "is not running" in answer.json()["error"]


def test_other_sites_start_stop_and_change_nothing(client: TestClient, started: list[Path]):
    for path, body in (
        ("/api/runs", {"detector": "knn"}),
        ("/api/threshold", {"threshold": 0.9}),
        ("/api/runs/x/stop", {}),
        ("/api/runs/x/resume", {}),
    ):
        assert client.post(path, json=body, headers=FOREIGN).status_code == 403
    assert started == []


def test_the_threshold_is_set_and_kept_in_its_range(client: TestClient, desk: Desk):
    assert client.post("/api/threshold", json={"threshold": 0.3}).json() == {"threshold": 0.3}
    assert runs(client)["threshold"] == 0.3
    for wrong in (0, 1, "much"):
        assert client.post("/api/threshold", json={"threshold": wrong}).status_code == 422
    assert desk.threshold == 0.3


# -- what can be started --


def test_every_detector_can_be_chosen_and_has_a_form(client: TestClient):
    said = client.get("/api/runs/options").json()
    assert {option["detector"] for option in said["options"]} == set(DETECTORS) == set(said["forms"])
    assert [option["title"] for option in said["options"][:3]] == ["Instant", "Laptop", "GPU"]
    for option in said["options"]:
        assert option["words"].endswith("."), option
        assert option["seconds"] is None  # no run has measured this machine


def test_a_choice_says_what_it_costs_and_the_gpu_whether_there_is_one(workspace: Workspace):
    with open_desk(workspace, with_run=False) as desk:
        watcher = Watcher(desk)
        try:
            client = TestClient(guarded(create_server(desk, watcher)), base_url="http://127.0.0.1:7861")
            assert client.get("/api/runs/options").json()["next"] == "instant"
            finish_with(prepare(workspace, desk.store), speed=SPEED, device="cpu")
            said = client.get("/api/runs/options").json()
            costs = [option["seconds"] for option in said["options"][:3]]
            assert costs[0] == min(costs)
            assert [bool(option["unavailable"]) for option in said["options"][:3]] == [False, False, True]
            assert said["next"] == "laptop"
            fast = {**SPEED, "seconds": 0.1, "device": "cuda"}
            finish_with(prepare(workspace, desk.store), speed=fast, device="cuda")
            said = client.get("/api/runs/options").json()
            assert not any(option["unavailable"] for option in said["options"])
            assert said["next"] == "gpu"
        finally:
            watcher.close()


def test_a_preset_that_would_take_too_long_gives_way(client: TestClient, desk: Desk):
    def laptop() -> dict:
        options = client.get("/api/runs/options").json()["options"]
        return next(option for option in options if option["key"] == "laptop")

    finish_with(prepare(desk.workspace, desk.store), speed=SPEED, device="cpu")
    assert laptop()["settings"] == {}
    assert laptop()["seconds"] < 900
    slow = {**SPEED, "seconds": 100.0 * SPEED["seconds"]}
    finish_with(prepare(desk.workspace, desk.store), speed=slow, device="cpu")
    assert laptop()["settings"]["tower"] == "frozen"
    assert "over a quarter of an hour" in laptop()["words"]


def test_the_cost_follows_the_settings(client: TestClient, desk: Desk):
    finish_with(prepare(desk.workspace, desk.store), speed=SPEED, device="cpu")

    def cost(**settings: Any) -> dict[str, Any]:
        body = {"detector": "deft", "settings": settings}
        return client.post("/api/runs/estimate", json=body).json()

    assert cost(tower="frozen", epochs=40)["seconds"] > cost(tower="frozen")["seconds"]
    wrong = cost(epochs=0)
    assert (wrong["seconds"], wrong["error"][:16]) == (None, "deft.epochs is 0")


def test_a_finished_run_of_a_stranger_detector_is_only_shown(client: TestClient, desk: Desk):
    run_dir = finish_run(prepare(desk.workspace, desk.store))
    config = run_dir / "config.toml"
    config.write_text(config.read_text().replace('detector = "transition"', 'detector = "of the future"'))
    assert "of the future" in {run["detector"] for run in runs(client)["runs"]}
    assert client.get(f"/api/runs/{run_dir.name}").json()["settings"] == {}
