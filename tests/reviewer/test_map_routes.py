import gzip
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from fastapi.testclient import TestClient

from engine.artifacts import append_event, process_stamp, write_json
from engine.illustrations import ILLUSTRATIONS, write_projection
from reviewer import map_routes
from reviewer.desk import Desk
from reviewer.filters import OUTCOMES, class_numbers
from reviewer.guard import guarded
from reviewer.server import create_server
from reviewer.workspace import Workspace
from tests.reviewer.simulated import CLASSES, finish_run, open_desk, prepare

NO_CLASS = 2**32 - 1  # as the page reads it


class StillWatcher:
    """Says what a watcher says, without a thread that would draw maps by itself."""

    def __init__(self, state: str = "none", message: str = "No run has ranked the samples yet.") -> None:
        self.state = {"state": state, "message": message, "done": 3, "of": 40, "version": 1, "run": None}

    def ranking_state(self) -> dict:
        return self.state


def client_of(desk: Desk, watcher: StillWatcher | None = None) -> TestClient:
    server = create_server(desk, watcher or StillWatcher())  # type: ignore[arg-type]
    return TestClient(guarded(server), base_url="http://127.0.0.1:7861")


@pytest.fixture
def client(desk: Desk) -> TestClient:
    return client_of(desk)


def run_dir_of(desk: Desk) -> Path:
    run = desk.ranking.run
    assert run is not None
    return desk.workspace.runs / run.run_id


def draw(desk: Desk, space: str = "image", seed: int = 0) -> np.ndarray:
    """Write a map of the active run, and return it."""
    run = desk.ranking.run
    assert run is not None
    plane = np.random.default_rng(seed).uniform(-1, 1, (len(run.positions), 2)).astype(np.float32)
    write_projection(run_dir_of(desk), space, plane)  # type: ignore[arg-type]
    return plane


# -- where it stands --


def test_without_a_run_the_page_hears_why(workspace: Workspace):
    with open_desk(workspace, with_run=False) as desk:
        said = client_of(desk).get("/api/map").json()
        assert (said["state"], said["run"]) == ("none", None)
        assert "Runs tab" in said["message"]
        said = client_of(desk, StillWatcher("running")).get("/api/map").json()
        assert (said["state"], said["done"], said["of"]) == ("running", 3, 40)
        said = client_of(desk, StillWatcher("failed", "The disk is full.")).get("/api/map").json()
        assert said["state"] == "failed"
        assert said["message"].endswith("The disk is full.")


def test_before_it_is_drawn_the_page_hears_how_far_it_is(client: TestClient, desk: Desk):
    run_dir = run_dir_of(desk)
    assert client.get("/api/map").json()["state"] == "none"
    write_json(run_dir / ILLUSTRATIONS.lock, process_stamp())
    append_event(run_dir, "progress", stage="attention", done=12, of=40)
    said = client.get("/api/map").json()
    assert (said["state"], said["done"], said["of"]) == ("running", 12, 40)
    append_event(run_dir, "progress", stage="map", done=0, of=2)
    said = client.get("/api/map").json()
    assert (said["state"], said["of"]) == ("running", None)
    (run_dir / ILLUSTRATIONS.lock).unlink()
    write_json(run_dir / ILLUSTRATIONS.error, {"kind": "Bug", "message": "no memory left"})
    said = client.get("/api/map").json()
    assert said["state"] == "failed"
    assert "no memory left" in said["message"]


def test_an_interrupted_drawing_is_no_failure(client: TestClient, desk: Desk):
    write_json(run_dir_of(desk) / ILLUSTRATIONS.error, {"kind": "Stopped", "message": "stopped"})
    said = client.get("/api/map").json()
    assert said["state"] == "none"
    assert "interrupted" in said["message"]


def test_a_map_that_is_ready_names_what_to_fetch(client: TestClient, desk: Desk):
    draw(desk)
    said = client.get("/api/map?space=image").json()
    assert (said["state"], said["count"]) == ("ready", 40)
    assert said["classes"] == list(CLASSES)
    assert said["outcomes"][0] == "undecided"
    assert said["threshold"] == desk.threshold
    for name in ("points", "values", "plotly"):
        assert client.get(said[name]).status_code == 200
    assert client.get("/api/map?space=joint").json()["state"] == "none"


@pytest.mark.parametrize("damage", ["short", "nan", "torn"])
def test_a_map_that_does_not_fit_is_not_shown(client: TestClient, desk: Desk, damage: str):
    plane = draw(desk)
    file = run_dir_of(desk) / "projection_image.npy"
    if damage == "torn":
        file.write_bytes(file.read_bytes()[:100])
    else:
        plane[0, 0] = np.nan
        write_projection(run_dir_of(desk), "image", plane[:-1] if damage == "short" else plane)
    write_json(run_dir_of(desk) / ILLUSTRATIONS.result, {})
    said = client.get("/api/map").json()
    assert said["state"] == "failed"
    assert "does not fit" in said["message"]


def test_a_map_that_is_drawn_anew_has_another_address(client: TestClient, desk: Desk):
    draw(desk)
    first = client.get("/api/map").json()["points"]
    second = draw(desk, seed=1)
    later = client.get("/api/map").json()["points"]
    assert later != first
    np.testing.assert_array_equal(points_of(client.get(later).content)[1], second)


# -- bytes --


def points_of(data: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Return (positions (n,), points (n, 2)) as the page reads them."""
    n = int(np.frombuffer(data, "<u4", 1)[0])
    assert len(data) == 4 + 12 * n
    positions = np.frombuffer(data, "<u4", n, 4)
    x, y = np.frombuffer(data, "<f4", 2 * n, 4 + 4 * n).reshape(2, n)
    return positions, np.stack([x, y], axis=1)


def values_of(data: bytes) -> dict[str, np.ndarray]:
    n = int(np.frombuffer(data, "<u4", 1)[0])
    assert len(data) == 4 + 13 * n
    return {
        "p_clean": np.frombuffer(data, "<f4", n, 4),
        "given": np.frombuffer(data, "<u4", n, 4 + 4 * n),
        "suggested": np.frombuffer(data, "<u4", n, 4 + 8 * n),
        "outcome": np.frombuffer(data, "u1", n, 4 + 12 * n),
    }


def test_points_travel_as_bytes_and_may_be_kept_for_ever(client: TestClient, desk: Desk):
    plane = draw(desk)
    answer = client.get(client.get("/api/map").json()["points"])
    positions, points = points_of(answer.content)
    run = desk.ranking.run
    assert run is not None
    np.testing.assert_array_equal(positions, run.positions)
    np.testing.assert_array_equal(points, plane)
    assert "immutable" in answer.headers["cache-control"]


def test_values_say_of_each_point_what_its_card_says(client: TestClient, desk: Desk):
    draw(desk)
    header = client.get("/api/map").json()
    positions, _ = points_of(client.get(header["points"]).content)
    answer = client.get(header["values"])
    values = values_of(answer.content)
    assert answer.headers["cache-control"] == "no-store"
    for row in range(0, 40, 7):
        card = desk.card(int(positions[row]))
        assert header["classes"][values["given"][row]] == card["given"]["name"]
        assert header["classes"][values["suggested"][row]] == card["suggested"]["name"]
        assert values["p_clean"][row] == pytest.approx(card["p_clean"])
    assert (values["outcome"] == 0).all()


def test_a_decision_changes_the_values_and_not_the_points(client: TestClient, desk: Desk):
    draw(desk)
    header = client.get("/api/map").json()
    positions, _ = points_of(client.get(header["points"]).content)
    position = int(positions[5])
    entry = {"id": "decision-0001", "position": position, "sample_id": desk.samples.sample_ids[position]}
    desk.record([{**entry, "outcome": "bad_image"}], "ada")
    values = values_of(client.get(header["values"]).content)
    assert OUTCOMES[values["outcome"][5]] == "bad_image"
    assert (np.delete(values["outcome"], 5) == 0).all()
    assert client.get("/api/map").json()["points"] == header["points"]


def test_images_that_the_run_could_not_read_are_no_points(workspace: Workspace):
    with open_desk(workspace, with_run=False) as desk:
        run_dir = prepare(workspace, desk.store)
        finish_run(run_dir, skip=[str(desk.samples.sample_ids[3])])
        map_routes_import(desk, run_dir)
        draw(desk)
        client = client_of(desk)
        header = client.get("/api/map").json()
        positions, _ = points_of(client.get(header["points"]).content)
        assert header["count"] == 39
        assert 3 not in positions


def map_routes_import(desk: Desk, run_dir: Path) -> None:
    from reviewer.jobs import import_run

    import_run(run_dir, desk.store)
    desk.load_runs()


def test_a_class_that_the_workspace_lost_has_a_number_of_its_own(desk: Desk):
    given = class_numbers(desk.samples.given_labels, CLASSES[:2])
    data = map_routes.value_bytes(replace(desk.board(), class_names=CLASSES[:2], given=given))
    values = values_of(data)
    assert set(values["given"]) == {0, 1, NO_CLASS}
    assert NO_CLASS in values["suggested"]


# -- what is not there --


@pytest.mark.parametrize(
    "path",
    [
        "/api/map?space=../image",
        "/api/map/values?run=other",
        "/api/map/values?run=",
        "/api/map/point/40",
        "/api/map/point/-1",
        "/map/other/image.bin",
        "/map/RUN/attention.bin",
        "/map/RUN/joint.bin",
        "/map/..%2f..%2fsecret/image.bin",
        "/map/RUN/..%2f..%2fsecret.bin",
        "/plotly/0.0.0.js",
        "/plotly/..%2f..%2fsecret.js",
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(client: TestClient, desk: Desk, path: str):
    draw(desk)
    (desk.workspace.root / "secret.bin").write_bytes(b"secret")
    answer = client.get(path.replace("RUN", quote(run_dir_of(desk).name)))
    assert answer.status_code == 404
    assert b"secret" not in answer.content or b"error" in answer.content
    if "%2f" not in path:
        assert answer.json()["error"].endswith(".")


def test_a_point_names_its_picture(client: TestClient, desk: Desk):
    address = client.get("/api/map/point/7").json()["image"]
    picture = client.get(address)
    assert picture.headers["content-type"] == "image/png"
    assert "v=" in address


# -- plotly.js --


def test_plotly_comes_whole_from_the_package_packed_where_the_browser_can_unpack_it(
    client: TestClient, desk: Desk
):
    draw(desk)
    address = client.get("/api/map").json()["plotly"]
    file = map_routes.plotly_file()
    assert file is not None
    for encoding in ("gzip", "identity"):
        with client.stream("GET", address, headers={"accept-encoding": encoding}) as answer:
            raw = b"".join(answer.iter_raw())
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers.get("content-encoding") == ("gzip" if encoding == "gzip" else None)
        assert (gzip.decompress(raw) if encoding == "gzip" else raw) == file.read_bytes()


def test_a_plotly_without_its_script_is_said(client: TestClient, desk: Desk, monkeypatch: pytest.MonkeyPatch):
    draw(desk)
    monkeypatch.setattr(map_routes, "plotly_file", lambda: None)
    said = client.get("/api/map").json()
    assert said["state"] == "failed"
    assert "pip install" in said["message"]
