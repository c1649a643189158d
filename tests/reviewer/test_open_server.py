import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from engine.artifacts import process_stamp, read_json, write_json
from reviewer.errors import ReviewerError
from reviewer.export import COLUMNS
from reviewer.headless import export_table
from reviewer.open_server import fetch, find_server, forget_server, note_server, write_whole
from reviewer.workspace import Workspace

URL = "http://127.0.0.1:1"


def rewrite(workspace: Workspace, change: dict) -> None:
    note = workspace.root / "server.json"
    write_json(note, {**read_json(note), **change})


def test_a_living_server_is_found_until_it_says_goodbye(workspace: Workspace):
    assert find_server(workspace) is None
    note_server(workspace, URL)
    found = find_server(workspace)
    assert found is not None
    assert found["url"] == URL
    forget_server(workspace)
    forget_server(workspace)
    assert find_server(workspace) is None


def test_a_server_that_was_killed_is_not_found(workspace: Workspace):
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    note_server(workspace, URL)
    rewrite(workspace, process_stamp(process.pid))
    assert find_server(workspace) is not None
    process.kill()
    process.communicate()
    assert find_server(workspace) is None


@pytest.mark.parametrize(
    "change",
    [
        {"started": 1.0},
        {"pid": 2**22 + 5},
        {"host": "another-container"},
        {"pid": "x"},
        {"workspace": "/somewhere/else"},  # the folder is a copy of one that is open
    ],
)
def test_a_stamp_of_somebody_else_is_not_ours(workspace: Workspace, change: dict):
    note_server(workspace, URL)
    rewrite(workspace, change)
    assert find_server(workspace) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "null", '{"pid": 1}', '"url"'])
def test_a_torn_note_is_no_server(workspace: Workspace, text: str):
    (workspace.root / "server.json").write_text(text)
    assert find_server(workspace) is None


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path):
    out = tmp_path / "out.csv"
    write_whole(out, [b"first"])

    def breaks() -> Iterator[bytes]:
        yield b"half"
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        write_whole(out, breaks())
    assert out.read_bytes() == b"first"
    assert [file.name for file in tmp_path.iterdir()] == ["out.csv"]
    write_whole(out, [b"a", b"", b"b"])
    assert out.read_bytes() == b"ab"


@pytest.fixture
def answering() -> Iterator[Callable[[Callable[[BaseHTTPRequestHandler], None]], str]]:
    """Start a server whose answer is the given function; returns its address."""
    servers = []

    def start(answer: Callable[[BaseHTTPRequestHandler], None]) -> str:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                answer(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def whole(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("content-length", "9")
    handler.end_headers()
    handler.wfile.write(b"path,x\n1\n" if handler.path == "/export.csv" else b"elsewhere")


def breaks_off(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"5\r\nhello\r\n")
    handler.wfile.flush()
    handler.connection.shutdown(socket.SHUT_RDWR)


def fails(handler: BaseHTTPRequestHandler) -> None:
    handler.send_error(500)


def test_the_export_of_a_running_server_is_fetched(answering, workspace: Workspace, tmp_path: Path):
    note_server(workspace, answering(whole))
    out = tmp_path / "deep" / "out.csv"
    assert export_table(workspace, out) == len(COLUMNS)
    assert out.read_bytes() == b"path,x\n1\n"


def test_a_proxy_of_the_environment_is_not_asked(answering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("http_proxy", URL)
    fetch(answering(whole), "export.csv", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("answer", [breaks_off, fails])
def test_an_answer_that_breaks_off_leaves_no_file(answering, workspace: Workspace, tmp_path: Path, answer):
    note_server(workspace, answering(answer))
    with pytest.raises(ReviewerError, match="cannot be written"):
        export_table(workspace, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()
    assert not list(tmp_path.glob(".out*"))


def test_a_server_that_does_not_listen_is_said(workspace: Workspace, tmp_path: Path):
    note_server(workspace, URL)
    with pytest.raises(ReviewerError, match="cannot be written"):
        export_table(workspace, tmp_path / "out.csv")


def test_the_export_without_a_server_is_the_source_with_our_columns(workspace: Workspace, tmp_path: Path):
    out = tmp_path / "out.csv"
    assert export_table(workspace, out) == len(COLUMNS)
    source = (workspace.root / "source.csv").read_text().splitlines()
    lines = out.read_text().splitlines()
    assert lines[0] == f"{source[0]},{','.join(COLUMNS)}"
    assert lines[1] == f"{source[1]},{source[1].split(',')[1]},unreviewed,,,,,{source[1].split(',')[1]},"


def test_a_place_that_cannot_be_written_is_said(workspace: Workspace, tmp_path: Path):
    with pytest.raises(ReviewerError, match="is a folder"):
        export_table(workspace, tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ReviewerError, match="cannot be written"):
        export_table(workspace, tmp_path / "file" / "out.csv")
