import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

import engine.job
from engine.artifacts import (
    append_event,
    read_events,
    read_json,
    read_neighbours,
    read_probabilities,
    read_scores,
    read_status,
    take_lock,
)
from engine.config import read_config, write_config
from engine.errors import EngineError
from engine.manifest import Pin
from engine.settings import DETECTORS
from tests.engine.conftest import REPOSITORY, make_manifest, write_run

TRUE = np.arange(30) % 3


def start(run_dir, **options):
    command = [sys.executable, "-m", "engine", "run", str(run_dir)]
    return subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def wait_for_stage(run_dir, process, stage):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if any(event.get("stage") == stage for event in read_events(run_dir)):
            return
        time.sleep(0.02)
    raise AssertionError(f"stage {stage} did not come: {process.communicate()}")


@pytest.fixture
def small_run(tmp_path, small_clip):
    """A run directory of 30 drawn images, with an unreadable, an escaping and an oddly named one."""
    manifest = make_manifest(TRUE, pinned={4: (Pin.RELABELLED, (0,)), 5: (Pin.EXCLUDED, ())})
    odd = os.fsdecode(b"caf\xe9.png")
    paths = list(manifest.paths)
    paths[29] = odd
    manifest = replace(manifest, paths=tuple(paths))
    run_dir = write_run(tmp_path / "run", manifest, str(small_clip))
    (tmp_path / "images" / "s001.png").write_bytes(b"no image")
    (tmp_path / "images" / odd).write_bytes(b"")
    return run_dir


@pytest.mark.weights
@pytest.mark.parametrize("detector", DETECTORS)
def test_a_run_leaves_a_whole_result(small_run, detector):
    # One epoch tells as much of a run as all of them.
    settings = {name: 1 for name in ("epochs", "warm_up") if name in DETECTORS[detector].model_fields}
    config = read_config(small_run / "config.toml")
    changes = {"detector": detector, "settings": settings}
    write_config(small_run / "config.toml", config.model_copy(update=changes))
    engine.job.run(small_run)
    assert read_status(small_run).state == "done"
    result = read_json(small_run / "result.json")
    assert (result["detector"], result["n_samples"], result["n_faults"]) == (detector, 27, 2)
    assert result["processes"] == 1
    assert set(result["seconds"]) == {"total", "model", "pixels", "features", "detect", "write"}
    assert {"torch", "open_clip_torch"} <= set(result["versions"])
    scores = read_scores(small_run)
    assert list(scores.sample_ids) == sorted(scores.sample_ids)
    assert not {"s001", "s005", "s029"} & set(scores.sample_ids)
    assert scores.p_clean[list(scores.sample_ids).index("s004")] == 0
    assert read_probabilities(small_run).shape == (27, 3)
    assert read_neighbours(small_run).rows.shape == (27, 32)
    faults = read_json(small_run / "faults.json")
    assert [fault["sample_id"] for fault in faults] == ["s001", "s029"]
    assert faults[1]["problem"] == "the file is empty"
    stages = [event["stage"] for event in read_events(small_run) if event["event"] == "stage"]
    # A detector that trains has stages of its own between the last two.
    assert [*stages[:4], stages[-1]] == ["model", "pixels", "features", "detect", "write"]


@pytest.mark.weights
def test_the_command_does_the_run_and_a_second_one_computes_no_features(small_run):
    process = start(small_run)
    output, errors = process.communicate(timeout=150)
    assert process.returncode == 0, errors
    assert "27 samples" in output
    assert "pixels" in errors
    first = read_scores(small_run).p_clean
    (small_run / "events.jsonl").unlink()
    engine.job.run(small_run)
    counts = [
        event["done"]
        for event in read_events(small_run)
        if event.get("stage") == "features" and "done" in event
    ]
    assert counts == [27]
    np.testing.assert_array_equal(read_scores(small_run).p_clean, first)


@pytest.mark.weights
@pytest.mark.parametrize(
    ("stop", "state"), [(signal.SIGTERM, "stopped"), (signal.SIGINT, "stopped"), (signal.SIGKILL, "lost")]
)
def test_a_stopped_run_says_so_and_a_killed_one_is_lost(small_run, stop, state):
    process = start(small_run)
    # While torch is being imported: the lock is held from the first second.
    wait_for_stage(small_run, process, "model")
    assert read_status(small_run).state == "running"
    process.send_signal(stop)
    _, errors = process.communicate(timeout=60)
    assert read_status(small_run).state == state
    if state == "stopped":
        assert process.returncode == 1
        assert errors.splitlines()[-1].startswith("The run was stopped (SIG")
        assert "Traceback" not in errors
        assert not (small_run / "lock").exists()
    engine.job.run(small_run)
    assert read_status(small_run).state == "done"
    assert not (small_run / "error.json").exists()


def test_a_fault_of_the_settings_is_one_sentence_and_exit_1(tmp_path):
    run_dir = write_run(tmp_path / "run", make_manifest(TRUE), "./nowhere", settings={"alpa": 1})
    process = start(run_dir)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert output == ""
    assert errors.strip() == "Unknown key transition.alpa. Did you mean transition.alpha?"
    status = read_status(run_dir)
    assert (status.state, status.message) == ("failed", errors.strip())


@pytest.mark.parametrize(
    ("weights", "model", "sentence"),
    [
        ("openai", "ViT-B-16", "the model is ViT-B-16-quickgelu"),
        ("openai", "RN50x4-quickgelu", "are not on this computer"),
        ("./nowhere", "ViT-B-16", "do not exist"),
    ],
)
def test_weights_that_cannot_be_used_end_the_run_with_a_sentence(
    tmp_path, monkeypatch, weights, model, sentence
):
    monkeypatch.setattr("engine.clip.weights.try_to_load_from_cache", lambda *_: None)
    monkeypatch.setenv("HOME", str(tmp_path))
    run_dir = write_run(tmp_path / "run", make_manifest(TRUE), weights, backbone={"model": model})
    with pytest.raises(EngineError, match=sentence):
        engine.job.run(run_dir)
    error = read_json(run_dir / "error.json")
    assert error["kind"] == "EngineError"
    assert sentence in error["message"]
    assert not (run_dir / "lock").exists()


@pytest.mark.parametrize(
    ("manifest", "sentence"),
    [
        (make_manifest([0]), "has 1 samples"),
        (make_manifest([0, 1], pinned={0: (Pin.EXCLUDED, ()), 1: (Pin.EXCLUDED, ())}), "has 0 samples"),
        (make_manifest([0, 1], pinned={0: (Pin.CLEAN, (0,)), 1: (Pin.RELABELLED, (2,))}), "settled already"),
    ],
)
def test_a_run_with_nothing_to_find_has_its_sentence(tmp_path, manifest, sentence):
    run_dir = write_run(tmp_path / "run", manifest, "./nowhere")
    with pytest.raises(EngineError, match=sentence):
        engine.job.run(run_dir)


@pytest.mark.weights
def test_images_that_are_all_unreadable_have_their_sentence(tmp_path, small_clip):
    run_dir = write_run(tmp_path / "run", make_manifest(TRUE), str(small_clip))
    for path in (tmp_path / "images").iterdir():
        path.write_bytes(b"")
    with pytest.raises(EngineError, match=r"Of 30 images 0 can be read \(s000.png: the file is empty\)"):
        engine.job.run(run_dir)
    assert len(read_json(run_dir / "faults.json")) == 30


def test_a_bug_keeps_its_traceback_and_removes_the_old_result(tmp_path, monkeypatch):
    run_dir = write_run(tmp_path / "run", make_manifest(TRUE), "./nowhere")
    (run_dir / "result.json").write_text("{}")

    def fail(*_):
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr(engine.job, "_compute", fail)
    with pytest.raises(ZeroDivisionError):
        engine.job.run(run_dir)
    error = read_json(run_dir / "error.json")
    assert error["kind"] == "Bug"
    assert "in fail" in error["traceback"]
    assert read_status(run_dir).state == "failed"


def test_a_full_disk_is_a_sentence(tmp_path, monkeypatch):
    run_dir = write_run(tmp_path / "run", make_manifest(TRUE), "./nowhere")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(engine.job, "_compute", fail)
    with pytest.raises(EngineError, match=r"No space left.*make room"):
        engine.job.run(run_dir)


def test_a_folder_that_is_not_there_has_its_sentence(tmp_path):
    with pytest.raises(EngineError, match="is no folder"):
        engine.job.run(tmp_path / "nowhere")


def test_a_second_process_leaves_a_living_run_alone(tmp_path):
    run_dir = write_run(tmp_path / "run", make_manifest(TRUE), "./nowhere")
    take_lock(run_dir)
    append_event(run_dir, "stage", stage="model")
    with pytest.raises(EngineError, match="already running"):
        engine.job.run(run_dir)
    assert not (run_dir / "error.json").exists()
    assert read_status(run_dir).state == "running"


@pytest.mark.parametrize("module", ["engine.job", "engine.__main__"])
def test_the_command_starts_light(module):
    script = f"import sys, json, {module}; print(json.dumps(sorted(sys.modules)))"
    output = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, check=True, capture_output=True, text=True
    ).stdout
    loaded = set(json.loads(output))
    heavy = {"torch", "torchvision", "open_clip", "timm", "sklearn", "umap", "rich.progress"}
    assert not loaded & (heavy | {"gradio", "duckdb", "pandas", "reviewer"})
