"""The log-in around everything: our routes, Gradio's, pictures, files and WebSockets."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from fastapi import FastAPI, Request, WebSocket
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

import reviewer.accounts as accounts
from reviewer import queries
from reviewer.accounts import Accounts, make_account, remove_account, write_account
from reviewer.desk import Desk
from reviewer.gate import OPEN, Gate, person_of
from reviewer.guard import guarded
from reviewer.server import create_server
from reviewer.watch import Watcher
from tests.reviewer.test_server import body

HERE = "http://127.0.0.1:7861"
SECRET = "correct horse"
KEY = "the key of the note"
PAGE = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(accounts, "COST", {"n": 16, "r": 8, "p": 1})
    path = tmp_path / "people.json"
    for name in ("ada", "bob", "josé"):
        write_account(path, make_account(name, SECRET))
    return path


def client_at(app: Any, people: Path, address: str = HERE, caller: str = "127.0.0.1") -> TestClient:
    gate = Gate(app, Accounts(people), KEY, 7861)
    return TestClient(guarded(gate), base_url=address, client=(caller, 50000), follow_redirects=False)


@pytest.fixture
def app(desk: Desk) -> Iterator[FastAPI]:
    """Our routes, and Gradio behind them, as the app has them; a WebSocket besides."""
    watcher = Watcher(desk)
    server = create_server(desk, watcher)

    @server.websocket("/socket")
    async def socket(connection: WebSocket) -> None:
        await connection.accept()
        await connection.send_text(person_of(connection, "nobody"))
        await connection.close()

    @server.api_route("/echo", methods=["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
    def echo(request: Request) -> str:
        return person_of(request, "nobody")

    with gr.Blocks() as page:
        gr.Textbox("what Gradio shows")
    gr.mount_gradio_app(server, page, path="/")
    yield server
    watcher.close()


@pytest.fixture
def client(app: FastAPI, people: Path) -> TestClient:
    return client_at(app, people)


def log_in(client: TestClient, name: str = "ada", password: str = SECRET) -> Any:
    return client.post("/log-in", json={"name": name, "password": password})


# -- nobody --

OURS = [
    "/api/session",
    "/api/cards",
    "/api/card/0",
    "/image/card/0",
    "/web/review.js",
    "/web/log-in.css/",
    "/web//log-in.css",
    "/export.csv",
    "/report.html",
    "/start/state",
    "/nothing",
    "/healthz/x",
    "//log-in",
    "/log-in/",
    "/LOG-IN",
]
GRADIO = [
    "/",
    "/config",
    "/gradio_api/info",
    "/gradio_api/queue/data",
    "/gradio_api/heartbeat/x",
    "/assets/x",
    "/login",
]


def test_nothing_is_told_to_nobody(client: TestClient):
    for address in (*OURS, *GRADIO):
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"):
            answer = client.request(method, address)
            assert answer.status_code == 401, (method, address)
            assert method == "HEAD" or answer.json()["error"].startswith("You are not logged in")
        assert client.get(address, headers=PAGE).status_code == 303, address


def test_nobody_writes(client: TestClient, desk: Desk):
    assert client.post("/api/decisions", json=body(desk)).status_code == 401
    assert client.post("/gradio_api/run/predict", json={"data": [], "fn_index": 0}).status_code == 401
    assert client.post("/gradio_api/upload").status_code == 401
    assert desk.progress()["decided"] == 0


def test_a_websocket_of_nobody_is_closed_and_of_somebody_is_not(client: TestClient):
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("ws://127.0.0.1:7861/socket"):
        pass
    log_in(client)
    with client.websocket_connect("ws://127.0.0.1:7861/socket") as socket:
        assert socket.receive_text() == "ada"


def test_a_page_leads_to_the_log_in_and_remembers_where_to(client: TestClient):
    assert client.get("/", headers=PAGE).headers["location"] == "/log-in"
    assert client.get("/report.html?a=b&c", headers=PAGE).headers["location"] == (
        "/log-in?next=%2Freport.html%3Fa%3Db%26c"
    )
    assert client.post("/", headers=PAGE).status_code == 401


def test_the_log_in_has_what_it_needs_and_no_script_of_its_own(client: TestClient):
    page = client.get("/log-in", headers=PAGE)
    assert page.status_code == 200
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert "<script>" not in page.text
    assert " on" not in page.text.replace(" once", "")  # no handler in an attribute
    needed = {part.split('"')[0] for part in page.text.split('="')[1:] if part.startswith("/web/")}
    assert needed == set(OPEN) - {"/healthz"}
    for address in OPEN:
        assert client.get(address).status_code == 200
        assert client.post(address).status_code == 401


# -- somebody --


def test_after_the_log_in_all_of_it_is_there(client: TestClient, desk: Desk):
    answer = log_in(client)
    assert (answer.status_code, answer.json()) == (200, {"name": "ada"})
    assert client.get("/", headers=PAGE).status_code == 200
    assert "what Gradio shows" in client.get("/config").text
    assert client.get("/image/card/0").status_code == 200
    assert client.get("/api/session").json()["annotator"] == "ada"
    assert client.get("/api/session").json()["logged_in"] is True
    assert client.get("/log-in", headers=PAGE).headers["location"] == "/"


def test_without_the_gate_the_annotator_is_the_desks(app: FastAPI):
    session = TestClient(app).get("/api/session").json()
    assert (session["annotator"], session["logged_in"]) == ("ada", False)


def test_the_cookie_is_kept_from_scripts_and_from_other_sites(client: TestClient, app: FastAPI, people: Path):
    cookie = log_in(client).headers["set-cookie"]
    name, _, flags = cookie.partition("=")
    assert name == "labelsieve-7861"
    words = {word.strip().lower() for word in flags.split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/"} <= words
    assert "secure" not in words
    behind_tls = client_at(app, people, "https://127.0.0.1:7861")
    assert "; secure" in log_in(behind_tls).headers["set-cookie"].lower()


def test_who_decides_is_who_is_logged_in(client: TestClient, desk: Desk, app: FastAPI, people: Path):
    bob = client_at(app, people)
    log_in(client)
    log_in(bob, "bob")
    client.post("/api/decisions", json=body(desk, 0))
    bob.post("/api/decisions", json=body(desk, 1))
    act = {"id": "act-00001", "outcome": "keep", "positions": [2, 3]}
    bob.post("/api/acts", json=act)
    bob.post("/api/selections", json={"id": "selection-1", "name": "mine", "positions": [4]})
    assert {p: each.annotator for p, each in desk.decisions.items()} == {
        0: "ada",
        1: "bob",
        2: "bob",
        3: "bob",
    }
    selection = queries.read_selection(desk.store.cursor(), "selection-1")
    assert selection is not None
    assert selection.annotator == "bob"
    # Each takes back and puts back their own.
    assert client.post("/api/undo", json={"id": "undo-0001"}).json()["undone"]["position"] == 0
    assert client.post("/api/undo", json={"id": "undo-0002"}).json()["undone"] is None
    assert client.post("/api/redo", json={"id": "redo-0001"}).json()["redone"]["position"] == 0
    assert bob.post("/api/undo", json={"id": "undo-0003"}).json()["count"] == 2
    annotators = {each.annotator for each in queries.read_standing_decisions(desk.store.cursor())}
    assert annotators == {"ada", "bob"}


def test_a_page_of_somebody_else_records_nothing(client: TestClient, desk: Desk):
    log_in(client, "josé")
    theirs = {"x-labelsieve-person": "ada"}
    answer = client.post("/api/decisions", json=body(desk), headers=theirs)
    assert answer.status_code == 401
    assert "belongs to ada" in answer.json()["error"]
    assert desk.progress()["decided"] == 0
    own = {"x-labelsieve-person": "jos%C3%A9"}
    assert client.post("/api/decisions", json=body(desk), headers=own).status_code == 200


def test_after_the_log_out_nothing_is_there(client: TestClient):
    log_in(client)
    cookie = client.cookies["labelsieve-7861"]
    answer = client.post("/log-out")
    assert answer.status_code == 200
    assert 'labelsieve-7861=""' in answer.headers["set-cookie"]
    client.cookies.set("labelsieve-7861", cookie)  # somebody has kept it
    assert client.get("/api/session").status_code == 401
    assert client.post("/log-out").status_code == 200


def test_an_account_that_is_taken_away_is_out_at_once(client: TestClient, people: Path):
    log_in(client)
    assert client.get("/api/session").status_code == 200
    remove_account(people, "ada")
    assert client.get("/api/session").status_code == 401


# -- tries --


@pytest.mark.parametrize(
    ("name", "password"), [("ada", "wrong one"), ("eve", SECRET), ("", ""), ("Ada", SECRET)]
)
def test_a_wrong_try_says_no_more_than_that(client: TestClient, name: str, password: str):
    answer = log_in(client, name, password)
    assert answer.status_code == 403
    assert answer.json() == {"error": "The name or the password is wrong."}
    assert "set-cookie" not in answer.headers


def test_wrong_tries_are_slowed_down_for_known_and_unknown_names(app: FastAPI, people: Path):
    for n, name in enumerate(("ada", "eve")):
        client = client_at(app, people, caller=f"10.0.0.{n}")
        assert [log_in(client, name, "wrong").status_code for _ in range(6)] == [403] * 5 + [429]
        answer = log_in(client, name)  # the right one, too
        assert answer.status_code == 429
        assert answer.json()["error"] == "Too many wrong tries; try again in 1 second."
        assert answer.headers["retry-after"] == "1"


def test_a_right_try_takes_the_wrong_ones_back(client: TestClient):
    for _ in range(3):
        assert [log_in(client, "ada", "wrong").status_code for _ in range(4)] == [403] * 4
        assert log_in(client).status_code == 200


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"name": "ada"}',
        b'{"name": 1, "password": "x"}',
        b"\xff",
        b'{"x":"' + b"y" * 100_000 + b'"}',
    ],
)
def test_a_try_that_is_not_understood_is_said(client: TestClient, content: bytes):
    answer = client.post("/log-in", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert "error" in answer.json()


def test_another_sites_page_can_neither_log_in_nor_out(client: TestClient):
    log_in(client)
    evil = {"origin": "https://evil.example"}
    assert client.post("/log-in", json={"name": "bob", "password": SECRET}, headers=evil).status_code == 403
    assert client.post("/log-out", headers=evil).status_code == 403
    assert client.get("/log-out").status_code == 405
    assert client.get("/api/session").json()["annotator"] == "ada"


# -- commands of this machine --


def test_the_key_of_the_note_fetches_the_table_and_the_report_and_no_more(client: TestClient):
    with_key = {"authorization": f"Bearer {KEY}"}
    for address in ("/export.csv", "/report.html", "/log.csv"):
        assert client.get(address, headers=with_key).status_code == 200
        assert client.get(address, headers={"authorization": "Bearer "}).status_code == 401
        assert client.get(address, headers={b"authorization": b"Bearer \xe9"}).status_code == 401
        assert client.post(address, headers=with_key).status_code == 401
    assert client.get("/api/session", headers=with_key).status_code == 401
