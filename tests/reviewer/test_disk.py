"""A disk that takes nothing more: stood in for by the largest file that the process may write."""

import errno
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
import pytest

from reviewer import queries
from reviewer.desk import Desk
from reviewer.disk import NotWritten, not_written
from reviewer.store import Store
from reviewer.watch import Watcher
from reviewer.workspace import Workspace
from tests.reviewer.simulated import decision, finish_run, open_desk, prepare
from tests.reviewer.test_server import body, client_of

FULL = r"^The disk of .* is full, so nothing was written; free some space, then try again\.$"


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file of this process grow past 100 bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def decided(store: Store) -> list[int]:
    return sorted(queries.read_current_decisions(store.cursor()))


WRITES: dict[str, Callable[[Store], Any]] = {
    "one": lambda store: store.record([decision("event-new-1", 1)]),
    "many": lambda store: store.record([decision(f"event-new-{n}", n % 40) for n in range(100)]),
    "undo": lambda store: store.undo("ada", "undo-000001"),
    "selection": lambda store: store.write_selection("chosen-1", "ten", "ada", range(10)),
    "setting": lambda store: store.write_setting("threshold", "0.25"),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_a_write_that_the_disk_refuses_leaves_nothing_and_can_be_sent_again(workspace: Workspace, write):
    with Store(workspace.database) as store:
        store.record([decision("event-old-1", 39)])
        with full_disk():
            for _ in range(2):
                with pytest.raises(NotWritten, match=FULL):
                    write(store)
            assert decided(store) == [39]
            assert queries.read_selection_names(store.cursor()) == []
        before = state_of(store)
        write(store)
        after = state_of(store)
        assert after != before
    with Store(workspace.database) as store:
        assert state_of(store) == after


def state_of(store: Store) -> tuple:
    setting = queries.read_setting(store.cursor(), "threshold", "0.5")
    return decided(store), queries.read_selection_names(store.cursor()), setting


def test_a_database_that_a_full_disk_made_unusable_is_opened_again(workspace: Workspace):
    with Store(workspace.database) as store:
        store.record([decision("event-old-1", 1)])
        with full_disk():
            with suppress(duckdb.Error):  # as the one that DuckDB makes by itself when its log is long
                store.cursor().execute("CHECKPOINT")
            with pytest.raises(NotWritten):
                store.record([decision("event-new-1", 2)])
            assert decided(store) == [1]
        assert store.openings == 2
        store.record([decision("event-new-1", 2)])
        assert decided(store) == [1, 2]
        assert store.undo("ada", "undo-000001") == ("event-new-1",)


def test_the_desk_takes_in_what_a_failing_database_wrote_all_the_same(desk: Desk):
    entry = body(desk, 3)["decisions"][0]
    desk.store.record([decision(entry["id"], 3, given=desk.samples.given_labels[3])])  # behind its back
    with full_disk(), suppress(duckdb.Error):
        desk.store.cursor().execute("CHECKPOINT")
    with full_disk(), suppress(NotWritten):
        desk.record([body(desk, 4)["decisions"][0]], "ada")
    assert desk.record([entry], "ada") == ([entry["id"]], [])
    assert 3 in desk.decisions
    assert desk.progress()["decided"] == 1


def test_the_page_is_told_and_the_same_calls_are_taken_later(desk: Desk):
    calls = [
        ("/api/decisions", body(desk, 5)),
        ("/api/acts", {"id": "act-000001", "outcome": "keep", "positions": [6, 7]}),
        ("/api/undo", {"id": "undo-000001"}),
        ("/api/selections", {"id": "chosen-01", "name": "two", "positions": [1, 2]}),
        ("/api/threshold", {"threshold": 0.3}),
        ("/api/outlook", {"audit_rate": 0.1}),
        ("/api/outlook", {"goal": 0.05}),
    ]
    with client_of(desk) as client:
        desk.record([body(desk, 0)["decisions"][0]], "ada")
        with full_disk():
            for path, sent in calls:
                answer = client.post(path, json=sent)
                assert answer.status_code == 507, path
                assert "is full" in answer.json()["error"]
            # What is read, exported and reported needs no room.
            assert client.get("/api/cards?count=2").status_code == 200
            assert client.get("/image/thumb/0").headers["content-type"] == "image/png"
            assert client.get("/export.csv").status_code == 200
            assert "label report" in client.get("/report.html").text
        told = client.get("/api/outlook").json()
        assert (desk.threshold, told["audit_rate"], told["goal"]) == (0.5, 0, 0.01)
        assert client.get("/api/session").json()["progress"]["decided"] == 1
        for path, sent in calls:
            assert client.post(path, json=sent).status_code == 200, path
        assert desk.threshold == 0.3


def test_a_run_that_cannot_be_written_leaves_no_directory(workspace: Workspace, store: Store):
    with full_disk(), pytest.raises(NotWritten, match=FULL):
        prepare(workspace, store)
    assert list(workspace.runs.iterdir()) == []


def test_a_finished_run_waits_for_room(workspace: Workspace, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("reviewer.watch.INTERVAL", 3600)  # looks when the test says so
    with open_desk(workspace, with_run=False) as desk:
        finish_run(prepare(workspace, desk.store))
        watcher = Watcher(desk)
        try:
            with full_disk():
                watcher.import_finished()
            state = watcher.ranking_state()
            assert state["state"] == "running"
            assert "is full" in state["message"]
            monkeypatch.setattr("reviewer.watch.time.monotonic", lambda: float("inf"))
            watcher.import_finished()
            assert watcher.ranking_state()["state"] == "ready"
        finally:
            watcher.close()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "is full"),
        (OSError(errno.EROFS, "Read-only file system"), r"Nothing could be written to .*Read-only"),
        (duckdb.IOException("IO Error: Could not write: Input/output error"), "Input/output error"),
        (OSError(errno.ENOENT, "No such file"), None),
        (duckdb.ConstraintException("Constraint Error: duplicate"), None),
        (duckdb.TransactionException("TransactionContext Error: Conflict"), None),
        (ValueError("no"), None),
    ],
)
def test_only_the_disk_is_blamed_for_what_the_disk_did(error: Exception, words: str | None):
    said = not_written(error, Path("/data/ws"))
    if words is None:
        assert said is None
    else:
        with pytest.raises(NotWritten, match=words):
            raise said or AssertionError("nothing is said")
