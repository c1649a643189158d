"""An engine that loads ahead does the run that it is handed, and leaves when nobody hands it one."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.artifacts import read_status
from engine.config import BUNDLED, BackboneConfig
from reviewer.__main__ import completed, will_rank
from reviewer.desk import Desk
from reviewer.processes import engine_command, engine_environment
from reviewer.standby import Standby
from reviewer.store import Store
from reviewer.watch import Watcher
from reviewer.workspace import Workspace, create_workspace
from tests.reviewer.simulated import make_workspace, prepare


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """40 pictures to be looked at by the bundled model."""
    folder = tmp_path_factory.mktemp("drawn")
    make_workspace(folder)
    made, _ = create_workspace(
        folder / "bundled",
        folder / "images",
        labels=folder / "labels.csv",
        backbone=BackboneConfig(weights=BUNDLED),
    )
    return made


@pytest.fixture
def desk(drawn: Workspace) -> Iterator[Desk]:
    with Store(drawn.database) as store:
        desk = Desk(drawn, store, "ada")
        yield desk
        desk.close()


def test_it_does_the_run_that_it_is_handed(desk: Desk) -> None:
    standby = Standby()
    run_dir = prepare(desk.workspace, desk.store)
    process = standby.take(run_dir)
    assert process is not None
    standby.close()
    assert process.wait(120) == 0
    assert read_status(run_dir).state == "done"
    assert "40 samples" in (run_dir / "log.txt").read_text()


def test_it_is_good_for_one_run(tmp_path: Path) -> None:
    with Standby() as standby:
        process = standby.take(tmp_path)
        assert process is not None
        process.kill()
        process.wait()
        assert standby.take(tmp_path) is None


def test_it_leaves_when_it_is_not_needed() -> None:
    with Standby() as standby:
        process = standby._process
        assert process is not None
        assert process.poll() is None
    assert process.poll() is not None


def test_it_leaves_when_the_app_is_gone() -> None:
    left = subprocess.run(
        engine_command("standby"), stdin=subprocess.DEVNULL, env=engine_environment(), timeout=120
    )
    assert left.returncode == 0


def test_one_that_died_is_not_relied_upon(tmp_path: Path) -> None:
    with Standby() as standby:
        assert standby._process is not None
        standby._process.kill()
        standby._process.wait()
        assert standby.take(tmp_path) is None


def test_the_first_ranking_is_given_to_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[Path] = []

    class Ready(Standby):
        def __init__(self) -> None:
            self._process = None

        def take(self, run_dir: Path) -> subprocess.Popen:
            handed.append(run_dir)
            return subprocess.Popen(["true"])

    monkeypatch.setattr("reviewer.jobs.run_directories", lambda _: [])
    watcher = Watcher(desk)
    try:
        watcher.start_first(Ready())
    finally:
        watcher.close()
    assert len(handed) == 1
    assert (handed[0] / "manifest.csv").is_file()
    assert not (handed[0] / "log.txt").exists()


# -- whether it is started before the commands are even imported --


def test_a_command_that_is_left_out_is_added() -> None:
    assert completed([]) == ["start"]
    assert completed(["--port", "0"]) == ["start", "--port", "0"]
    assert completed(["photos"]) == ["open", "photos"]
    assert completed(["demo"]) == ["demo"]
    assert completed(["--help"]) == ["--help"]


def test_an_engine_is_started_where_no_run_has_ranked(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "profile"))
    root = str(workspace.root)
    assert will_rank(["open", root, "--no-browser"])
    assert will_rank(["demo"])
    assert will_rank(["demo", "--port", "0"])
    for arguments in (
        ["start"],
        ["open", str(tmp_path)],
        ["open", "--help"],
        ["open"],
        ["export", root, "x"],
    ):
        assert not will_rank(arguments), arguments
    (workspace.runs / "1").mkdir(parents=True)
    assert will_rank(["open", root])
    (workspace.runs / "1" / "result.json").touch()
    assert not will_rank(["open", root])
    assert not will_rank(["demo", root])
