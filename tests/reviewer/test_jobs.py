import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.artifacts import append_event, process_stamp, write_json
from engine.config import read_config
from engine.errors import EngineError
from engine.manifest import Manifest, Pin, read_manifest
from reviewer import jobs, queries
from reviewer.decisions import Decision, Outcome
from reviewer.errors import ReviewerError
from reviewer.queries import Samples
from reviewer.store import Store
from reviewer.watch import Watcher
from reviewer.workspace import Workspace
from tests.reviewer.simulated import CLASSES, decision, finish_run, open_desk, prepare


@pytest.fixture
def samples(store: Store) -> Samples:
    return queries.read_samples(store.cursor())


@pytest.fixture
def run_dir(workspace: Workspace, store: Store) -> Path:
    return prepare(workspace, store)


def read_back(run_dir: Path) -> Manifest:
    config = read_config(run_dir / "config.toml")
    return read_manifest(run_dir / "manifest.csv", [(c.name, c.prompt) for c in config.classes])


def other_process() -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])


def test_a_prepared_run_holds_what_the_engine_needs(workspace: Workspace, run_dir: Path, samples: Samples):
    config = read_config(run_dir / "config.toml")
    manifest = read_back(run_dir)
    assert config.detector == "transition"
    assert tuple(c.name for c in config.classes) == CLASSES
    assert not Path(config.image_root).is_absolute()
    assert (run_dir / config.image_root).resolve() == workspace.image_root.resolve()
    assert (run_dir / config.cache).resolve() == workspace.cache.resolve()
    assert manifest.sample_ids == tuple(samples.sample_ids)
    assert [manifest.class_names[k] for k in manifest.given] == samples.given_labels.tolist()
    assert set(manifest.pins) == {Pin.NONE}
    assert all((workspace.image_root / path).is_file() for path in manifest.paths)


def test_each_outcome_is_pinned_as_the_design_says(workspace: Workspace, samples: Samples):
    given = samples.given_labels[0]
    other = next(name for name in CLASSES if name != given)
    made: list[tuple[Outcome, tuple[str, ...]]] = [
        (Outcome.KEEP, ()),
        (Outcome.RELABEL, (other,)),
        (Outcome.AMBIGUOUS, (given, other)),
        (Outcome.OUT_OF_SCOPE, ()),
        (Outcome.BAD_IMAGE, ()),
        (Outcome.SKIP, ()),
    ]
    decisions: dict[int, Decision] = {
        position: decision(f"d{position}", position, outcome, labels, given=samples.given_labels[position])
        for position, (outcome, labels) in enumerate(made)
    }
    manifest = read_back(jobs.prepare(workspace, samples, decisions, "knn", {"k": 5}))
    assert list(manifest.pins[:7]) == [
        Pin.CLEAN, Pin.RELABELLED, Pin.AMBIGUOUS, Pin.EXCLUDED, Pin.EXCLUDED, Pin.NONE, Pin.NONE,
    ]  # fmt: skip
    chosen = [tuple(CLASSES[k] for k in labels) for labels in manifest.pin_labels[:7]]
    assert chosen == [(given,), (other,), (given, other), (), (), (), ()]


def test_rows_with_a_problem_are_no_part_of_a_run(workspace: Workspace, samples: Samples):
    samples.problems[[0, 39]] = "the file is not there"
    assert len(read_back(jobs.prepare(workspace, samples, {}, "knn"))) == 38


@pytest.mark.parametrize(
    ("detector", "settings", "sentence"),
    [
        ("knn", {"k": 0}, r"knn\.k is 0; it should be"),
        ("knn", {"kk": 3}, r"Unknown key knn\.kk\. Did you mean knn\.k\?"),
        ("deft2", {}, "There is no detector 'deft2'; known are"),
        ("transition", {"posterior": "x"}, r"transition\.posterior is 'x'"),
    ],
)
def test_a_bad_setting_is_said_before_anything_is_made(
    workspace: Workspace, samples: Samples, detector: str, settings: dict, sentence: str
):
    with pytest.raises(EngineError, match=sentence):
        jobs.prepare(workspace, samples, {}, detector, settings)
    assert list(workspace.runs.iterdir()) == []


def test_runs_of_one_second_get_names_of_their_own(workspace: Workspace, samples: Samples):
    made = [jobs.prepare(workspace, samples, {}, "knn") for _ in range(3)]
    assert len(set(made)) == 3
    assert set(jobs.run_directories(workspace)) == set(made)


def test_a_run_directory_is_listed_only_with_its_settings(workspace: Workspace, run_dir: Path):
    (workspace.runs / "99990101-000000-torn").mkdir()
    (workspace.runs / "notes.txt").write_text("x")
    assert jobs.run_directories(workspace) == [run_dir]


# -- the state of a run --


def test_the_state_of_a_run_follows_from_its_files(run_dir: Path):
    assert jobs.read_run(run_dir).status.state == "prepared"
    write_json(run_dir / "lock", process_stamp())
    append_event(run_dir, "stage", stage="features")
    append_event(run_dir, "progress", stage="features", done=3, of=40)
    with (run_dir / "events.jsonl").open("a") as file:
        file.write('{"time": 1, "event": "progr')  # being written at this moment
    view = jobs.read_run(run_dir)
    assert (view.status.state, view.status.pid) == ("running", os.getpid())
    assert (view.progress.stage, view.progress.done, view.progress.of) == ("features", 3, 40)
    (run_dir / "lock").unlink()
    finish_run(run_dir)
    view = jobs.read_run(run_dir)
    assert (view.status.state, view.seconds, view.n_samples) == ("done", 1.5, 40)
    assert view.reason == "the pictures are of one colour"


def test_a_stage_without_progress_yet_is_the_stage(run_dir: Path):
    write_json(run_dir / "lock", process_stamp())
    append_event(run_dir, "progress", stage="pixels", done=40, of=40)
    append_event(run_dir, "stage", stage="features")
    view = jobs.read_run(run_dir)
    assert (view.progress.stage, view.progress.done, view.progress.of) == ("features", None, None)


@pytest.mark.parametrize(
    ("kind", "state"), [("EngineError", "failed"), ("Stopped", "stopped"), ("Bug", "failed")]
)
def test_a_run_that_said_why_it_ended_shows_it(run_dir: Path, kind: str, state: str):
    write_json(run_dir / "error.json", {"kind": kind, "message": "No room left."})
    status = jobs.read_run(run_dir).status
    assert (status.state, status.message) == (state, "No room left.")


def test_a_run_whose_process_is_gone_is_lost(run_dir: Path):
    process = other_process()
    write_json(run_dir / "lock", process_stamp(process.pid))
    assert jobs.read_run(run_dir).status.state == "running"
    process.kill()
    process.wait()
    status = jobs.read_run(run_dir).status
    assert status.state == "lost"
    assert str(process.pid) in status.message


@pytest.mark.parametrize(
    ("kind", "resumable"), [("Stopped", 3), ("EngineError", 3), ("Bug", 3), (None, None)]
)
def test_what_broke_off_after_an_epoch_can_go_on(run_dir: Path, kind: str | None, resumable: int | None):
    write_json(run_dir / "checkpoint.json", {"epoch": 3, "history": []})
    if kind:
        write_json(run_dir / "error.json", {"kind": kind, "message": "No room left."})
    assert jobs.read_run(run_dir).resumable == resumable
    finish_run(run_dir)
    assert jobs.read_run(run_dir).resumable is None


@pytest.mark.parametrize("text", ['{"epoch": "three"}', '{"ep', "[]"])
def test_a_checkpoint_that_makes_no_sense_promises_nothing(run_dir: Path, text: str):
    write_json(run_dir / "error.json", {"kind": "Stopped", "message": "It was stopped."})
    (run_dir / "checkpoint.json").write_text(text)
    assert jobs.read_run(run_dir).resumable is None


def test_a_run_with_broken_settings_is_shown_and_not_raised(run_dir: Path):
    (run_dir / "config.toml").write_text("detector = [")
    view = jobs.read_run(run_dir)
    assert view.status.state == "failed"
    assert "is not valid TOML" in view.status.message


# -- processes --


def test_stop_ends_the_process_that_holds_the_run_and_no_other(run_dir: Path):
    with pytest.raises(ReviewerError, match="is not running"):
        jobs.stop(run_dir)
    process = other_process()
    try:
        stamp = process_stamp(process.pid)
        write_json(run_dir / "lock", {**stamp, "started": stamp["started"] - 1000})  # the number was reused
        with pytest.raises(ReviewerError, match="is not running"):
            jobs.stop(run_dir)
        write_json(run_dir / "lock", {**stamp, "host": "another-machine"})
        with pytest.raises(ReviewerError):
            jobs.stop(run_dir)
        time.sleep(0.2)
        assert process.poll() is None
        write_json(run_dir / "lock", stamp)
        jobs.stop(run_dir)
        assert process.wait(10) == -15
    finally:
        process.kill()
        process.wait()


def test_stray_modules_beside_the_data_are_never_imported(
    workspace: Workspace, run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    marker = tmp_path / "was-run"
    places = [
        workspace.root,
        workspace.image_root,
        workspace.image_root / "img",
        run_dir,
        workspace.runs,
        tmp_path,
    ]
    for place in places:
        for name in ("torch", "engine", "numpy", "typer", "sitecustomize"):
            (place / f"{name}.py").write_text(f"open({str(marker)!r}, 'a').write(__file__)\n")
    monkeypatch.chdir(workspace.image_root)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", ".", "img"]))  # of another directory
    (run_dir / "config.toml").write_text('detector = "nonsense"\n')
    assert jobs.start(run_dir).wait(120) == 1
    assert not marker.exists(), marker.read_text()
    assert "Traceback" not in (run_dir / "log.txt").read_text()
    assert jobs.read_run(run_dir).status.state == "failed"


def test_a_started_run_with_a_fault_says_it_in_its_files(run_dir: Path):
    config = (run_dir / "config.toml").read_text()
    (run_dir / "config.toml").write_text(config.replace('detector = "transition"', 'detector = "nope"'))
    process = jobs.start(run_dir)
    assert process.wait(120) == 1
    view = jobs.read_run(run_dir)
    assert view.status.state == "failed"
    assert "There is no detector 'nope'" in view.status.message
    assert "There is no detector 'nope'" in (run_dir / "log.txt").read_text()
    assert not (run_dir / "lock").exists()


# -- results --


def test_a_finished_run_and_its_faults_come_into_the_store(
    workspace: Workspace, store: Store, samples: Samples
):
    run_dir = finish_run(prepare(workspace, store), skip=[samples.sample_ids[4]])
    jobs.import_run(run_dir, store)
    jobs.import_run(run_dir, store)
    assert [run.n_samples for run in queries.read_runs(store.cursor())] == [39]
    assert 4 not in queries.read_scores(store.cursor(), run_dir.name).positions
    assert [fault.problem for _, fault in queries.read_faults(store.cursor())] == ["the file is empty"]


def test_the_watcher_takes_in_what_finished_while_nobody_looked(workspace: Workspace):
    with open_desk(workspace, with_run=False) as desk:
        watcher = Watcher(desk)
        try:
            assert watcher.ranking_state()["state"] == "none"
            run_dir = finish_run(prepare(workspace, desk.store))
            deadline = time.monotonic() + 5
            while watcher.ranking_state()["state"] != "ready" and time.monotonic() < deadline:
                time.sleep(0.02)
            assert watcher.ranking_state()["run"] == run_dir.name
        finally:
            watcher.close()


@pytest.mark.parametrize("name", ["scores.npz", "faults.json"])
def test_a_torn_result_is_refused_once_and_the_next_one_is_taken(
    workspace: Workspace, name: str, caplog: pytest.LogCaptureFixture
):
    with open_desk(workspace, with_run=False) as desk:
        bad = finish_run(prepare(workspace, desk.store))
        (bad / name).write_bytes(b"PK\x03\x04 torn")
        good = finish_run(prepare(workspace, desk.store))
        watcher = Watcher(desk)
        try:
            time.sleep(1.2)
            runs = [run.run_id for run in queries.read_runs(desk.store.cursor())]
            assert good.name in runs
            assert len([record for record in caplog.records if record.levelname != "INFO"]) <= 1
            assert desk.ranking.run is not None
        finally:
            watcher.close()


def test_a_failed_first_run_is_told(workspace: Workspace):
    with open_desk(workspace, with_run=False) as desk:
        run_dir = prepare(workspace, desk.store)
        write_json(run_dir / "error.json", {"kind": "EngineError", "message": "The model is not there."})
        watcher = Watcher(desk)
        try:
            state = watcher.ranking_state()
            assert (state["state"], state["message"]) == ("failed", "The model is not there.")
        finally:
            watcher.close()


# -- one at a time --


def test_only_one_run_is_at_work_also_when_one_of_an_earlier_app_is(workspace: Workspace):
    with open_desk(workspace) as desk:
        run_dir = prepare(workspace, desk.store)
        process = other_process()
        watcher = Watcher(desk)
        try:
            assert watcher.at_work() is None
            write_json(run_dir / "lock", process_stamp(process.pid))
            assert watcher.at_work() == run_dir.name
            with pytest.raises(ReviewerError, match=f"The run {run_dir.name} is at work already"):
                watcher.start("knn")
            assert len(jobs.run_directories(workspace)) == 2
        finally:
            process.kill()
            process.wait()
            watcher.close()


def test_a_run_that_has_no_lock_yet_is_at_work_from_its_start(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(jobs, "start", lambda _, behind: other_process())
    with open_desk(workspace) as desk:
        watcher = Watcher(desk)
        try:
            run_dir = watcher.start("knn")
            assert jobs.read_run(run_dir).status.state == "prepared"
            assert watcher.at_work() == run_dir.name
            with pytest.raises(ReviewerError, match="at work already"):
                watcher.start("knn")
            for child in watcher._children.values():
                child.kill()
                child.wait()
            assert watcher.at_work() is None
        finally:
            watcher.close()


def test_a_run_goes_on_only_from_a_checkpoint(workspace: Workspace, monkeypatch: pytest.MonkeyPatch):
    started: list[Path] = []

    def start(run_dir: Path, *, behind: bool = False) -> subprocess.Popen:
        started.append(run_dir)
        return other_process()

    monkeypatch.setattr(jobs, "start", start)
    with open_desk(workspace) as desk:
        run_dir = prepare(workspace, desk.store)
        write_json(run_dir / "error.json", {"kind": "Stopped", "message": "It was stopped."})
        watcher = Watcher(desk)
        try:
            with pytest.raises(ReviewerError, match="has no checkpoint to go on from"):
                watcher.resume(run_dir)
            write_json(run_dir / "checkpoint.json", {"epoch": 2})
            watcher.resume(run_dir)
            assert started == [run_dir]
            with pytest.raises(ReviewerError, match="at work already"):
                watcher.resume(run_dir)
        finally:
            for child in watcher._children.values():
                child.kill()
                child.wait()
            watcher.close()


def test_a_run_beside_a_review_goes_last_and_the_first_one_does_not(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    commands: list[tuple[str, ...]] = []
    command = jobs.engine_command

    def watched(*arguments: str) -> list[str]:
        commands.append(arguments)
        return command("doctor", "--help")

    monkeypatch.setattr(jobs, "engine_command", watched)
    with open_desk(workspace) as desk:
        watcher = Watcher(desk)
        try:
            for is_ranked in (False, True):
                monkeypatch.setattr(watcher, "_is_ranked", lambda is_ranked=is_ranked: is_ranked)
                watcher.start("knn")
                for child in list(watcher._children.values()):
                    child.wait(60)
        finally:
            watcher.close()
    assert [arguments[2:] for arguments in commands] == [(), ("--behind",)]
