"""Which maps the page gets for a card: stored ones, the model's, or a sentence."""

import base64
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from engine.illustrations import write_attention, write_attention_ids
from reviewer.attention import AttentionMaps, add_attention_routes
from reviewer.desk import Desk
from reviewer.encoder import Encoder
from reviewer.errors import ReviewerError
from reviewer.guard import guarded
from reviewer.server import create_server
from reviewer.watch import Watcher
from reviewer.workspace import Workspace
from tests.reviewer.simulated import finish_run, open_desk, prepare

GRID = 3


@dataclass
class Model:
    """Stands in for the encoder: answers at once, unless it is told to let people wait."""

    asked: list[dict[str, Any]] = field(default_factory=list)
    waits: bool = False
    refuses: str = ""
    futures: list[Future] = field(default_factory=list)

    def submit(self, run_dir: Path, operation: str, **values: Any) -> Future:
        self.asked.append({"run": run_dir.name, "op": operation, **values})
        future: Future = Future()
        self.futures.append(future)
        if self.refuses:
            future.set_exception(ReviewerError(self.refuses))
        elif not self.waits:
            self.answer()
        return future

    def answer(self) -> None:
        for future, question in zip(self.futures, self.asked, strict=True):
            if not future.done():
                levels = [(len(name) % 5) / 4 for name in question["classes"]]
                maps = [np.full((GRID, GRID), level).tolist() for level in levels]
                future.set_result({"maps": maps, "size": 32})


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def attention(desk: Desk, model: Model) -> AttentionMaps:
    return AttentionMaps(desk, model)


def values(side: dict[str, str]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(side["map"]), dtype=np.uint8).reshape(GRID, GRID) / 255


def disagreeing(desk: Desk) -> int:
    """A position whose suggestion is another class than the given one, by the run and now."""
    return int(desk.ranking.order[0])


def run_dir_of(desk: Desk) -> Path:
    assert desk.ranking.run is not None
    return desk.workspace.runs / desk.ranking.run.run_id


def store(desk: Desk, positions: list[int]) -> np.ndarray:
    """Write maps of these samples, every value another."""
    maps = np.linspace(0, 1, len(positions) * 2 * GRID * GRID).reshape(len(positions), 2, GRID, GRID)
    write_attention_ids(run_dir_of(desk), desk.samples.sample_ids[positions].astype(np.str_))
    write_attention(run_dir_of(desk), maps)
    return maps


def test_stored_maps_are_served_without_the_model(attention: AttentionMaps, desk: Desk, model: Model):
    other, position = map(int, desk.ranking.order[:2])
    maps = store(desk, [other, position])
    answer = attention.maps(position)
    card = desk.card(position)
    assert answer["given"]["name"] == card["given"]["name"]
    assert answer["suggested"]["name"] == card["suggested"]["name"]
    assert (answer["grid"], answer["run"]) == (GRID, run_dir_of(desk).name)
    np.testing.assert_allclose(values(answer["given"]), maps[1, 0], atol=0.003)
    np.testing.assert_allclose(values(answer["suggested"]), maps[1, 1], atol=0.003)
    assert model.asked == []


def test_maps_that_are_drawn_later_are_found(attention: AttentionMaps, desk: Desk, model: Model):
    first, second = map(int, desk.ranking.order[:2])
    store(desk, [first])
    attention.maps(first)
    attention.maps(second)
    assert len(model.asked) == 1
    maps = store(desk, [first, second])
    np.testing.assert_allclose(values(attention.maps(second)["given"]), maps[1, 0], atol=0.003)
    assert len(model.asked) == 1


def test_a_sample_without_a_stored_map_is_asked_for_once(attention: AttentionMaps, desk: Desk, model: Model):
    position = disagreeing(desk)
    given = desk.samples.given_labels[position]
    answer = attention.maps(position)
    suggested = desk.card(position)["suggested"]["name"]
    assert model.asked == [
        {
            "run": run_dir_of(desk).name,
            "op": "attention",
            "path": desk.samples.paths[position],
            "classes": [given, suggested],
        }
    ]
    assert answer["size"] == 32
    for side, name in (("given", given), ("suggested", suggested)):
        assert answer[side]["name"] == name
        np.testing.assert_allclose(values(answer[side]), (len(name) % 5) / 4, atol=0.003)
    assert attention.maps(position) == answer
    assert len(model.asked) == 1


def test_the_class_on_the_card_counts_when_the_run_suggested_another(
    attention: AttentionMaps, desk: Desk, model: Model
):
    position = disagreeing(desk)
    store(desk, [position])
    shown = {desk.samples.given_labels[position], desk.card(position)["suggested"]["name"]}
    third = next(name for name in desk.workspace.class_names if name not in shown)
    answer = attention.maps(position, third)
    assert answer["suggested"]["name"] == third
    assert [question["classes"][1] for question in model.asked] == [third]
    assert attention.maps(position)["suggested"]["name"] != third


def test_two_equal_classes_are_one_question(attention: AttentionMaps, desk: Desk, model: Model):
    position = disagreeing(desk)
    given = desk.samples.given_labels[position]
    answer = attention.maps(position, given)
    assert model.asked[0]["classes"] == [given]
    assert answer["given"] == answer["suggested"]


def test_a_changed_file_is_looked_at_anew(attention: AttentionMaps, desk: Desk, model: Model):
    position = disagreeing(desk)
    attention.maps(position)
    path = desk.workspace.image_root / desk.samples.paths[position]
    path.write_bytes(path.read_bytes() + b" ")
    attention.maps(position)
    assert len(model.asked) == 2


def test_waiting_is_said_and_the_answer_is_kept_for_the_next_question(
    attention: AttentionMaps, desk: Desk, model: Model
):
    model.waits = True
    position = disagreeing(desk)
    for _ in range(3):
        assert set(attention.maps(position, wait=0.01)) == {"pending"}
    model.answer()
    assert attention.maps(position, wait=0.01)["grid"] == GRID
    assert len(model.asked) == 1


def test_a_failure_is_a_sentence_and_is_asked_anew(attention: AttentionMaps, desk: Desk, model: Model):
    position = disagreeing(desk)
    model.refuses = "The model's process ended; ask again."
    assert attention.maps(position) == {"unavailable": model.refuses}
    model.refuses = ""
    assert attention.maps(position)["grid"] == GRID


def test_what_is_kept_is_bounded(attention: AttentionMaps, desk: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("reviewer.attention.KEPT", 3)
    for position in desk.ranking.order[:8].tolist():
        attention.maps(position)
    assert len(attention._asked) == 3


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY torn", b"no array at all"])
def test_a_damaged_file_leaves_the_model(attention: AttentionMaps, desk: Desk, model: Model, damage: bytes):
    position = disagreeing(desk)
    store(desk, [position])
    (run_dir_of(desk) / "attention.npy").write_bytes(damage)
    assert attention.maps(position)["size"] == 32
    assert len(model.asked) == 1


def test_without_a_run_there_is_a_sentence(workspace: Workspace, model: Model):
    with open_desk(workspace, with_run=False) as desk:
        assert "No run" in AttentionMaps(desk, model).maps(0)["unavailable"]
    assert model.asked == []


def test_a_sample_that_the_run_left_out_gets_a_sentence(workspace: Workspace, model: Model):
    from reviewer import jobs
    from reviewer.store import Store

    with Store(workspace.database) as opened:
        jobs.import_run(finish_run(prepare(workspace, opened), skip=["img/red_03.png"]), opened)
    with open_desk(workspace) as desk:
        position = desk.samples.sample_ids.tolist().index("img/red_03.png")
        assert "has no such image" in AttentionMaps(desk, model).maps(position)["unavailable"]
    assert model.asked == []


# -- the route --


@pytest.fixture
def client(desk: Desk, model: Model) -> TestClient:
    server = FastAPI()
    add_attention_routes(server, desk, model)
    return TestClient(server, base_url="http://127.0.0.1")


def test_the_route_takes_hostile_class_names(client: TestClient, desk: Desk, model: Model):
    position = disagreeing(desk)
    for name in ("<script>", "é/../..", "x" * 5000, "a&suggested=b"):
        reply = client.get(f"/api/attention/{position}", params={"suggested": name})
        assert reply.status_code == 200
        assert repr(name) in reply.json()["unavailable"]
    assert model.asked == []
    assert client.get(f"/api/attention/{position}").headers["cache-control"] == "no-store"


def test_unknown_positions_are_refused_and_no_process_is_started(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    def started(*_: Any) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(Encoder, "_start", started)
    watcher = Watcher(desk)
    try:
        client = TestClient(guarded(create_server(desk, watcher)), base_url="http://127.0.0.1:7861")
        for position in (-1, len(desk.samples), 10**12):
            reply = client.get(f"/api/attention/{position}")
            assert reply.status_code == 400
            assert "no sample" in reply.json()["error"]
        assert client.get("/api/attention/one").status_code == 422
        position = disagreeing(desk)
        store(desk, [position])
        assert client.get(f"/api/attention/{position}").json()["grid"] == GRID
    finally:
        watcher.close()
