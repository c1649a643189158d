"""A training run that is killed or stopped at any moment goes on, and ends as if nothing had been."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from assets.build.make_demo import DEMO, read_truth
from engine.artifacts import CHECKPOINT_WORDS, read_events, read_json, read_scores, read_status
from engine.config import BUNDLED, BackboneConfig, ClassConfig, RunConfig, write_config
from engine.job import run
from engine.manifest import Manifest, Pin, write_manifest

ENTRIES = [each for each in read_truth() if each.label in ("fox", "wolf", "apple")][:70]
NAMES = ("fox", "wolf", "apple")
EPOCHS = 8


def prepare(run_dir: Path, cache: Path) -> Path:
    run_dir.mkdir()
    config = RunConfig(
        detector="deft",
        device="cpu",
        image_root=str(DEMO),
        cache=str(cache),
        backbone=BackboneConfig(weights=BUNDLED),
        classes=tuple(ClassConfig(name=name, prompt=name) for name in NAMES),
        settings={"epochs": EPOCHS, "batch_size": 4, "views": 1},
    )
    write_config(run_dir / "config.toml", config)
    paths = tuple(each.path for each in ENTRIES)
    pins: list[tuple[Pin, tuple[int, ...]]] = [(Pin.NONE, ())] * len(paths)
    pins[3] = (Pin.CLEAN, (NAMES.index(ENTRIES[3].label),))
    manifest = Manifest(
        sample_ids=paths,
        paths=paths,
        given=np.asarray([NAMES.index(each.label) for each in ENTRIES], dtype=np.int64),
        class_names=NAMES,
        class_prompts=NAMES,
        pins=tuple(pin for pin, _ in pins),
        pin_labels=tuple(chosen for _, chosen in pins),
    )
    write_manifest(run_dir / "manifest.csv", manifest)
    return run_dir


def start(run_dir: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "engine", "run", str(run_dir)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def epochs_kept(run_dir: Path) -> int:
    return (read_json(run_dir / CHECKPOINT_WORDS) or {}).get("epoch", 0)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def whole(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that nobody disturbed."""
    run_dir = prepare(tmp_path_factory.mktemp("whole") / "run", cache)
    run(run_dir)
    return run_dir


def same(one: Path, other: Path) -> bool:
    first, second = read_scores(one), read_scores(other)
    assert first.sample_ids.tolist() == second.sample_ids.tolist()
    return np.array_equal(first.p_clean, second.p_clean) and np.array_equal(first.loss, second.loss)


def test_the_run_tells_every_epoch_and_how_much_time_is_left(whole: Path) -> None:
    events = read_events(whole)
    assert [each["epoch"] for each in events if each["event"] == "epoch"] == list(range(1, EPOCHS + 1))
    stages = [each["stage"] for each in events if each["event"] == "stage"]
    assert stages == ["model", "pixels", "features", "detect", "views", "training", "scoring", "write"]
    training = [each for each in events if each["event"] == "progress" and each["stage"] == "training"]
    assert training[-1]["done"] == training[-1]["of"] == EPOCHS * -(-len(ENTRIES) // 4)
    result = json.loads((whole / "result.json").read_text())
    assert result["notes"]["tower"] == "frozen"
    assert result["speed"]["images"] >= 64
    assert result["speed"]["seconds"] > 0


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_broken_off_in_the_middle_it_ends_as_if_nothing_had_been(
    how: signal.Signals, whole: Path, cache: Path, tmp_path: Path
) -> None:
    run_dir = prepare(tmp_path / "run", cache)
    process = start(run_dir)
    deadline = time.monotonic() + 120
    while epochs_kept(run_dir) < 3 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, how)
    process.wait(60)
    assert not (run_dir / "result.json").exists(), "it was too fast for this test"
    assert read_status(run_dir).state == ("lost" if how == signal.SIGKILL else "stopped")
    kept = epochs_kept(run_dir)
    assert 3 <= kept < EPOCHS
    run(run_dir)
    assert [each["epoch"] for each in read_events(run_dir) if each["event"] == "resumed"] == [kept]
    assert same(run_dir, whole)


@pytest.mark.slow
def test_killed_twenty_times_at_random_moments_it_ends_as_if_nothing_had_been(
    whole: Path, cache: Path, tmp_path: Path
) -> None:
    rng = random.Random(0)
    for trial in range(20):
        run_dir = prepare(tmp_path / f"run{trial}", cache)
        process = start(run_dir)
        try:
            process.wait(rng.uniform(0.5, 8))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        run(run_dir)
        assert same(run_dir, whole), trial


def test_a_finished_run_that_is_started_again_begins_anew(whole: Path, cache: Path, tmp_path: Path) -> None:
    run_dir = prepare(tmp_path / "run", cache)
    run(run_dir)
    assert epochs_kept(run_dir) == EPOCHS
    run(run_dir)
    events = read_events(run_dir)
    assert sum(each["event"] == "epoch" for each in events) == 2 * EPOCHS
    assert not any(each["event"] == "resumed" for each in events)
    assert same(run_dir, whole)
