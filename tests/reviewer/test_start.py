"""The routes of the start page: what they tell, to whom, and what they begin."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

import reviewer.demo as demo
from reviewer.download import Download
from reviewer.guard import guarded
from reviewer.open_server import note_server
from reviewer.opening import Opening
from reviewer.recent import read_recent
from reviewer.start import create_front
from reviewer.workspace import open_workspace
from tests.reviewer.simulated import draw_all, make_workspace

HERE = "http://127.0.0.1:7861"
BACKBONE = {"model": "ViT-B-16-quickgelu", "weights": "openai"}


class IdleEngine:
    def close(self) -> None:
        pass


class Front:
    """The start page's app without a server around it; `shown` takes the app that it would change to."""

    def __init__(self) -> None:
        self.shown: list[FastAPI] = []
        self.may_show = threading.Event()
        self.may_show.set()
        self.opening = Opening("ada", HERE, self._show)
        self.download = Download()
        self.app = guarded(create_front(self.opening, self.download))
        self.client = self.at("127.0.0.1")

    def _show(self, app: FastAPI) -> None:
        assert self.may_show.wait(60)
        self.shown.append(app)

    def at(self, host: str) -> TestClient:
        return TestClient(self.app, base_url=HERE, client=(host, 50000))

    def get(self, path: str, /) -> Any:
        return self.client.get(f"/start/{path}").json()

    def post(self, path: str, /, **body: Any) -> Any:
        return self.client.post(f"/start/{path}", json=body).json()

    def wait(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + 90
        while not holds():
            assert time.monotonic() < end, self.opening.view()
            time.sleep(0.02)


@pytest.fixture(autouse=True)
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "profile"))
    monkeypatch.setattr(demo, "DEMO", tmp_path / "no-demo")
    return tmp_path / "profile"


@pytest.fixture
def front(monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    # No run and no Gradio: what is asked here is asked before either.
    monkeypatch.setattr("reviewer.watch.Watcher.start_first", lambda self, standby: None)
    monkeypatch.setattr("reviewer.app.build_app", lambda desk, watcher: FastAPI())
    monkeypatch.setattr("reviewer.opening.Standby", IdleEngine)
    made = Front()
    yield made
    made.opening.close()
    made.download.close()


# -- who is answered --


@pytest.mark.parametrize("path", ["state", "folder?path=/", "choices", "backbones"])
def test_only_this_machine_is_answered(front: Front, path: str) -> None:
    for host in ("192.168.1.7", "10.0.0.1", "testclient", "::ffff:8.8.8.8"):
        answer = front.at(host).get(f"/start/{path}")
        assert (answer.status_code, "entries" in answer.text) == (403, False), host
    for host in ("127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"):
        assert front.at(host).get(f"/start/{path}").status_code == 200, host


def test_other_sites_are_not_answered(front: Front) -> None:
    for site in ("cross-site", "same-site"):
        assert front.client.get("/start/folder?path=/", headers={"sec-fetch-site": site}).status_code == 403
    foreign = front.client.post("/start/demo", json={}, headers={"origin": "https://evil.example"})
    assert foreign.status_code == 403
    assert front.client.get("/start/folder?path=/", headers={"host": "evil.example"}).status_code == 400
    assert front.opening.view().state == "choose"


def test_the_page_runs_no_script_but_its_own(front: Front) -> None:
    answer = front.client.get("/")
    assert answer.status_code == 200
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert '<script type="module" src="/web/start.js">' in answer.text
    assert front.client.get("/web/start.js").headers["content-type"].startswith("text/javascript")
    assert front.client.get("/web/start.html").status_code == 404


def test_a_page_of_an_earlier_server_is_told_to_wait_and_not_that_its_decisions_are_wrong(
    front: Front,
) -> None:
    for answer in (front.client.post("/api/decisions", json={"decisions": []}), front.client.get("/healthz")):
        assert answer.status_code == 503


# -- looking --


def test_folders_are_listed_by_name(front: Front, tmp_path: Path) -> None:
    (tmp_path / "disk" / "<b>photos").mkdir(parents=True)
    (tmp_path / "disk" / "labels.csv").write_text("secret")
    answer = front.client.get("/start/folder", params={"path": str(tmp_path / "disk")})
    assert [entry["name"] for entry in answer.json()["entries"]] == ["<b>photos", "labels.csv"]
    assert "secret" not in answer.text
    os.mkdir(os.fsencode(tmp_path) + b"/disk/caf\xe9")
    assert front.get(f"folder?path={tmp_path / 'disk'}")["entries"][1]["path"] is None
    assert "cannot be listed" in front.get("folder?path=/nowhere/at/all")["error"]
    assert "whole path" in front.get("folder?path=relative")["error"]


def test_a_preview_counts_guesses_and_asks_for_what_it_cannot_guess(front: Front, tmp_path: Path) -> None:
    images = draw_all(tmp_path / "images", [f"{name}/{n}.png" for name in ("cat", "dog") for n in range(3)])
    found = front.post("preview", images=str(images))
    assert (found["n_samples"], found["columns"]) == (6, [])
    assert found["classes"] == [{"name": "cat", "count": 3}, {"name": "dog", "count": 3}]
    assert found["place"] == str(tmp_path / "images-labelsieve")
    table = tmp_path / "t.csv"
    table.write_text("where;what\ncat/0.png;Katze\ndog/0.png;Hund\ngone.png;Hund\n")
    guessed = front.post("preview", images=str(images), labels=str(table))
    assert (guessed["columns"], guessed["n_samples"]) == (["where", "what"], 2)
    assert (guessed["path_column"], guessed["path_why"]) == ("where", "2 of 3 are files here")
    table.with_name("u.csv").write_text("where;what\nno.png;Katze\nnot.png;Hund\nnever.png;Hund\n")
    asked = front.post("preview", images=str(images), labels=str(table.with_name("u.csv")))
    assert (asked["path_column"], asked["n_samples"], asked["problem"]) == (None, 0, "")
    told = front.post(
        "preview", images=str(images), labels=str(table), path_column="where", label_column="what"
    )
    assert (told["n_rows"], told["n_samples"], told["n_faults"]) == (3, 2, 1)
    wrong = front.post(
        "preview", images=str(images), labels=str(table), path_column="what", label_column="where"
    )
    assert "check “Folder of images” and “Column of the image”" in wrong["problem"]
    assert (wrong["columns"], wrong["n_samples"]) == (["where", "what"], 0)
    assert told["faults"] == [{"problem": "the file is not there", "path": "gone.png", "source_row": 2}]


def test_a_thumbnail_is_drawn_anew_and_of_no_file_outside_the_folder(front: Front, tmp_path: Path) -> None:
    images = draw_all(tmp_path / "images", ["a.png"])
    draw_all(tmp_path, ["secret.png"])
    drawn = front.client.get("/start/thumbnail", params={"images": str(images), "path": "a.png"})
    assert (drawn.headers["content-type"], drawn.headers["cache-control"]) == ("image/png", "no-store")
    refused = [
        front.client.get("/start/thumbnail", params={"images": str(images), "path": path}).content
        for path in ("../secret.png", "gone.png", str(tmp_path / "secret.png"))
    ]
    assert len(set(refused)) <= 2  # a grey picture that says why, and nothing of the file
    assert drawn.content not in refused
    elsewhere = front.at("10.0.0.1").get("/start/thumbnail", params={"images": str(images), "path": "a.png"})
    assert elsewhere.status_code == 403
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["images", "secret.png"]


def test_what_is_no_data_set_is_said_in_the_words_of_the_page(front: Front, tmp_path: Path) -> None:
    images = draw_all(tmp_path / "flat", ["a.png", "b.png"])
    error = front.post("preview", images=str(images))["error"]
    assert "“Table of labels”" in error
    assert "--" not in error
    assert "is not a folder" in front.post("preview", images=str(tmp_path / "nowhere"))["error"]
    assert "whole path" in front.post("preview", images="images")["error"]
    for path in ("a\0b", "", "x" * 5000):
        assert front.client.post("/start/preview", json={"images": path}).status_code == 422
    half = front.client.post(
        "/start/preview", content=b'{"images": "/\\ud800"}', headers={"content-type": "application/json"}
    )
    assert half.status_code == 422


def test_the_backbones_are_told_with_size_place_and_what_they_are_for(front: Front) -> None:
    told = front.get("backbones")
    assert told["place"]
    bundled, first, *_ = told["backbones"]
    assert (bundled["bundled"], bundled["here"]) == (True, True)
    assert "no use for photos" in bundled["purpose"]
    assert (first["megabytes"], first["bundled"]) == (599, False)


def test_only_what_is_in_the_table_can_be_downloaded(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    monkeypatch.setattr(front.download, "start", started.append)
    assert "not offered" in front.post("fetch", model="ViT-H-14", weights="laion2b_s32b_b79k")["error"]
    front.post("fetch", **BACKBONE)
    assert [item.weights for item in started] == ["openai"]


# -- opening --


def test_a_workspace_is_opened_once_and_remembered(front: Front, tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    front.may_show.clear()
    assert front.post("open", path=str(workspace.root)) == {"ok": True}
    front.wait(lambda: front.get("state")["stage"] == "page")
    assert "serves one workspace" in front.post("open", path=str(workspace.root))["error"]
    front.may_show.set()
    front.wait(lambda: front.get("state")["state"] == "open")
    assert len(front.shown) == 1
    assert [entry.root for entry in read_recent()] == [workspace.root]
    # The disk is nobody's business any more.
    assert front.client.get("/start/folder?path=/").status_code == 409
    assert front.client.post("/start/demo", json={}).status_code == 409
    front.opening.close()
    assert not (workspace.root / "server.json").exists()


def test_what_cannot_be_opened_leads_back_to_the_choice(front: Front, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        front.post("open", path=str(path))
        front.wait(lambda: front.get("state")["state"] == "choose")
        assert "is no workspace" in front.get("state")["message"]
    front.post("demo")
    front.wait(lambda: front.get("state")["state"] == "choose")
    assert "not in this installation" in front.get("state")["message"]
    assert front.shown == []
    workspace = make_workspace(tmp_path)
    front.post("open", path=str(workspace.root))
    front.wait(lambda: front.get("state")["state"] == "open")


def test_a_page_that_cannot_be_built_leaves_the_workspace_closed(
    front: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> FastAPI:
        raise RuntimeError("no toolkit")

    monkeypatch.setattr("reviewer.app.build_app", broken)
    workspace = make_workspace(tmp_path)
    front.post("open", path=str(workspace.root))
    front.wait(lambda: front.get("state")["state"] == "choose")
    assert "no toolkit" in front.get("state")["message"]
    assert not (workspace.root / "server.json").exists()
    with front.opening._holding:
        open_workspace(workspace.root)


def test_a_workspace_that_is_open_elsewhere_is_told_with_its_address(front: Front, tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    note_server(workspace, "http://127.0.0.1:9999")  # this process lives, so the note holds
    front.post("open", path=str(workspace.root))
    front.wait(lambda: front.get("state")["state"] == "choose")
    state = front.get("state")
    assert "is open already" in state["message"]
    assert state["url"] == "http://127.0.0.1:9999"
    assert (workspace.root / "server.json").exists()


def test_a_new_workspace_is_made_with_the_backbone_that_was_chosen(front: Front, tmp_path: Path) -> None:
    images = draw_all(tmp_path / "images", [f"{name}/{n}.png" for name in ("cat", "dog") for n in range(3)])
    place = tmp_path / "new" / "pets"
    body = {"images": str(images), "place": str(place)}
    other = {"model": "ViT-B-32-quickgelu", "weights": "openai"}
    assert "not offered" in front.post("make", **body, backbone={"model": "x", "weights": "y"})["error"]
    assert not place.exists()
    assert front.post("make", **body, backbone=other) == {"ok": True}
    front.wait(lambda: front.get("state")["state"] == "open")
    config = open_workspace(place).config
    assert (config.backbone.model, config.name) == ("ViT-B-32-quickgelu", "pets")


def test_the_choices_are_the_demo_and_the_recent_workspaces(front: Front, tmp_path: Path) -> None:
    assert front.get("choices")["recent"] == []
    assert front.get("choices")["demo"]["there"] is False
    assert front.client.get("/start/picture/0").status_code == 404
    workspace = make_workspace(tmp_path)
    front.post("open", path=str(workspace.root))
    front.wait(lambda: front.get("state")["state"] == "open")
    again = Front()
    assert [entry["path"] for entry in again.get("choices")["recent"]] == [str(workspace.root)]
