"""Drawing behind the review's back; the process is a stand-in where the real one would only cost seconds."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.artifacts import process_stamp, read_status, write_json
from engine.illustrations import ILLUSTRATIONS
from reviewer import illustrator
from reviewer.illustrator import Illustrator
from reviewer.watch import Watcher
from reviewer.workspace import Workspace
from tests.reviewer.simulated import finish_run, open_desk, prepare

# Notes each start in the folder above the run, and works until it is stopped.
STAND_IN = """
import pathlib, sys, time
run = pathlib.Path(sys.argv[1])
with (run.parent / "started").open("a") as file:
    file.write(run.name + "\\n")
print("drawing", flush=True)
time.sleep({seconds})
"""


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    def use(seconds: float) -> None:
        script = STAND_IN.format(seconds=seconds)
        monkeypatch.setattr(
            illustrator, "engine_command", lambda name, run_dir: [sys.executable, "-c", script, run_dir]
        )

    use(60)
    return use


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def started(folder: Path) -> list[str]:
    path = folder / "started"
    return path.read_text().split() if path.exists() else []


def run_in(folder: Path, name: str) -> Path:
    run_dir = folder / name
    run_dir.mkdir()
    return run_dir


def test_a_run_is_drawn_once_after_a_pause(tmp_path: Path, stand_in: Callable[[float], None]):
    stand_in(0)
    run_dir = run_in(tmp_path, "a")
    tended = Illustrator(pause=0.3)
    tended.tend(None)
    tended.tend(run_dir)
    assert tended._process is None
    until(lambda: tended.tend(run_dir) is None and started(tmp_path) == ["a"])
    until(lambda: tended.tend(run_dir) is None and tended._process is None)
    for _ in range(3):  # it ended without a result: not again in this session
        tended.tend(run_dir)
    assert tended._process is None
    assert started(tmp_path) == ["a"]
    assert (run_dir / "illustrate.log").read_text() == "drawing\n"
    another = Illustrator(pause=0)
    another.tend(run_dir)
    until(lambda: started(tmp_path) == ["a", "a"])
    another.close()


def test_a_newer_run_takes_the_place_of_the_older_one(tmp_path: Path, stand_in: Callable[[float], None]):
    old, new = run_in(tmp_path, "old"), run_in(tmp_path, "new")
    tended = Illustrator(pause=0)
    tended.tend(old)
    until(lambda: started(tmp_path) == ["old"])
    first = tended._process
    assert first is not None
    until(lambda: tended.tend(new) is None and started(tmp_path) == ["old", "new"])
    assert first.poll() is not None
    tended.close()
    assert tended._process is None


@pytest.mark.parametrize("state", ["done", "running"])
def test_what_is_drawn_or_being_drawn_is_left_alone(
    tmp_path: Path, stand_in: Callable[[float], None], state: str
):
    run_dir = run_in(tmp_path, "a")
    if state == "done":
        write_json(run_dir / ILLUSTRATIONS.result, {})
    else:
        write_json(run_dir / ILLUSTRATIONS.lock, process_stamp())
    tended = Illustrator(pause=0)
    tended.tend(run_dir)
    tended.tend(run_dir)
    assert tended._process is None
    if state == "running":
        (run_dir / ILLUSTRATIONS.lock).unlink()  # it died
        tended.tend(run_dir)
        until(lambda: started(tmp_path) == ["a"])
    tended.close()


def test_closing_ends_a_process_that_does_not_listen(
    tmp_path: Path, stand_in: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
):
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + STAND_IN.format(seconds=60)
    monkeypatch.setattr(
        illustrator, "engine_command", lambda name, run_dir: [sys.executable, "-c", deaf, run_dir]
    )
    monkeypatch.setattr(illustrator, "PATIENCE", 0.2)
    tended = Illustrator(pause=0)
    tended.tend(run_in(tmp_path, "a"))
    until(lambda: started(tmp_path) == ["a"])
    process = tended._process
    assert process is not None
    tended.close()
    assert process.returncode == -9


def test_a_run_that_is_gone_is_no_error(tmp_path: Path, stand_in: Callable[[float], None]):
    tended = Illustrator(pause=0)
    tended.tend(tmp_path / "nowhere")
    tended.tend(tmp_path / "nowhere")
    assert tended._process is None
    tended.close()


# -- in the app --


def test_the_watcher_has_nothing_drawn_before_the_ranking_and_stops_with_the_app(
    workspace: Workspace, stand_in: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("reviewer.watch.Illustrator", lambda: Illustrator(pause=0))
    with open_desk(workspace, with_run=False) as desk:
        watcher = Watcher(desk)
        try:
            time.sleep(1)
            assert started(workspace.runs) == []
            run_dir = finish_run(prepare(workspace, desk.store))
            until(lambda: started(workspace.runs) == [run_dir.name])
            assert watcher.ranking_state()["state"] == "ready"
            process = watcher._illustrator._process
            assert process is not None
        finally:
            watcher.close()
        assert process.returncode == -15


@pytest.mark.slow
def test_a_real_drawing_that_fails_says_so_in_its_log_and_the_review_goes_on(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("reviewer.watch.Illustrator", lambda: Illustrator(pause=0))
    with open_desk(workspace, with_run=False) as desk:
        run_dir = finish_run(prepare(workspace, desk.store))
        text = (run_dir / "config.toml").read_text()
        (run_dir / "config.toml").write_text(text.replace('weights = "openai"', 'weights = "./nowhere"'))
        watcher = Watcher(desk)
        try:
            until(lambda: read_status(run_dir, ILLUSTRATIONS).state == "failed", 120)
            # The log's last sentence comes after the state: the process prints it on its way out.
            until(lambda: "do not exist" in (run_dir / "illustrate.log").read_text(), 30)
            assert watcher.ranking_state()["state"] == "ready"
            assert desk.cards(3, [])
        finally:
            watcher.close()
