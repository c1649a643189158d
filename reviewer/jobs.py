"""Runs as processes of their own: prepare a run directory, start, read and stop it, take its result in."""

import contextlib
import functools
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from engine.artifacts import CHECKPOINT_WORDS, RunStatus, is_alive, read_json, read_scores, read_status
from engine.config import RunConfig, read_config, write_config
from engine.errors import EngineError
from engine.manifest import Manifest, Pin, write_manifest
from reviewer.decisions import Decision, Outcome
from reviewer.disk import not_written
from reviewer.errors import ReviewerError
from reviewer.processes import engine_command, engine_environment
from reviewer.queries import Samples
from reviewer.run_progress import Follower, Progress
from reviewer.sources import Fault
from reviewer.store import Store
from reviewer.workspace import Workspace

PINS = {
    Outcome.KEEP: Pin.CLEAN,
    Outcome.RELABEL: Pin.RELABELLED,
    Outcome.AMBIGUOUS: Pin.AMBIGUOUS,
    Outcome.OUT_OF_SCOPE: Pin.EXCLUDED,
    Outcome.BAD_IMAGE: Pin.EXCLUDED,
    Outcome.SKIP: Pin.NONE,
}


@dataclass(frozen=True, kw_only=True)
class RunView:
    """A run as its files show it. progress: how far it is; seconds: how long it took; n_faults: images that
    it could not read; reason: what the detector says of itself; device: where it ran; resumable: the epoch
    after which it can go on, None where it cannot."""

    run_id: str
    detector: str
    status: RunStatus
    progress: Progress = field(default_factory=Progress)
    settings: Mapping[str, Any] = field(default_factory=dict)
    seconds: float | None = None
    n_samples: int | None = None
    n_faults: int = 0
    reason: str = ""
    device: str = ""
    resumable: int | None = None


def prepare(
    workspace: Workspace,
    samples: Samples,
    decisions: Mapping[int, Decision],
    detector: str,
    settings: Mapping[str, Any] | None = None,
) -> Path:
    """Make a run directory with what is asked and the labels and decisions of this moment."""
    run_dir = _new_directory(workspace, detector)
    config = RunConfig(
        detector=detector,
        image_root=_relative(workspace.image_root, run_dir),
        cache=_relative(workspace.cache, run_dir),
        backbone=workspace.config.backbone,
        classes=workspace.config.classes,
        settings=dict(settings or {}),
    )
    config.detector_settings()  # a bad setting is said now, not by the run
    try:
        run_dir.mkdir(parents=True)
        write_manifest(run_dir / "manifest.csv", _manifest(workspace, samples, decisions))
        write_config(run_dir / "config.toml", config)
    except OSError as error:
        shutil.rmtree(run_dir, ignore_errors=True)  # half a run would be listed as one that was lost
        raise not_written(error, workspace.root) or error from error
    return run_dir


def _new_directory(workspace: Workspace, detector: str) -> Path:
    stem = f"{datetime.now():%Y%m%d-%H%M%S}-{detector}"
    names = [stem, *(f"{stem}-{number}" for number in range(2, 1000))]
    return next(workspace.runs / name for name in names if not (workspace.runs / name).exists())


def _relative(folder: Path, run_dir: Path) -> str:
    try:
        return Path(os.path.relpath(folder, run_dir)).as_posix()
    except ValueError:  # another drive on Windows
        return str(folder)


def _manifest(workspace: Workspace, samples: Samples, decisions: Mapping[int, Decision]) -> Manifest:
    names = workspace.class_names
    index = {name: k for k, name in enumerate(names)}
    positions = samples.reviewable()
    pins, chosen = [], []
    for position in positions.tolist():
        decision = decisions.get(position)
        labels = decision.settled_labels() if decision else ()
        pins.append(PINS[decision.outcome] if decision else Pin.NONE)
        chosen.append(tuple(index[label] for label in labels))
    return Manifest(
        sample_ids=tuple(samples.sample_ids[positions]),
        paths=tuple(samples.paths[positions]),
        given=np.asarray([index[label] for label in samples.given_labels[positions]], dtype=np.int64),
        class_names=names,
        class_prompts=tuple(item.prompt for item in workspace.config.classes),
        pins=tuple(pins),
        pin_labels=tuple(chosen),
    )


def start(run_dir: Path, *, behind: bool = False) -> subprocess.Popen:
    """Start the run in a process of its own, which outlives this one.

    behind: at low priority, so that the cards stay quick.
    """
    with (run_dir / "log.txt").open("ab") as log:
        return subprocess.Popen(
            engine_command("run", str(run_dir), *(["--behind"] if behind else [])),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=run_dir,
            env=engine_environment(),
            start_new_session=True,
        )


def stop(run_dir: Path) -> None:
    """Ask the process of a run to stop; raises ReviewerError when none is at work."""
    stamp = read_json(run_dir / "lock")
    # A process number of another machine names somebody else's process here.
    if stamp is None or not is_alive(stamp) or stamp["host"] != socket.gethostname():
        raise ReviewerError(f"The run {run_dir.name} is not running; there is nothing to stop.")
    with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
        os.kill(int(stamp["pid"]), signal.SIGTERM)


def run_directories(workspace: Workspace) -> list[Path]:
    """Return the run directories, newest first."""
    if not workspace.runs.is_dir():
        return []
    return sorted(
        (d for d in workspace.runs.iterdir() if (d / "config.toml").is_file()),
        key=lambda d: d.name,
        reverse=True,
    )


def read_run(run_dir: Path, progress: Progress | None = None) -> RunView:
    """Return what the files of a run say about it; `progress` where its events have been read already."""
    try:
        config = read_config_once(run_dir)
    except EngineError as error:
        failed = RunStatus(state="failed", message=str(error))
        return RunView(run_id=run_dir.name, detector="?", status=failed)
    status = read_status(run_dir)
    result = read_json(run_dir / "result.json") or {} if status.state == "done" else {}
    return RunView(
        run_id=run_dir.name,
        detector=config.detector,
        status=status,
        progress=Follower(run_dir).read() if progress is None else progress,
        settings=config.settings,
        seconds=(result.get("seconds") or {}).get("total"),
        n_samples=result.get("n_samples"),
        n_faults=int(result.get("n_faults", 0)),
        reason=str((result.get("notes") or {}).get("reason", "")),
        device=str(result.get("device", "")),
        resumable=_checkpoint(run_dir) if status.state in ("stopped", "failed", "lost") else None,
    )


def read_config_once(run_dir: Path) -> RunConfig:
    """Return the settings of a run, parsed again only when the file has changed; raises EngineError."""
    path = run_dir / "config.toml"
    try:
        stamp = path.stat().st_mtime_ns
    except OSError:
        stamp = 0
    return _read_config(path, stamp)


@functools.lru_cache(maxsize=256)
def _read_config(path: Path, _stamp: int) -> RunConfig:
    return read_config(path)


def _checkpoint(run_dir: Path) -> int | None:
    words = read_json(run_dir / CHECKPOINT_WORDS)
    epoch = words.get("epoch") if isinstance(words, dict) else None
    return epoch if isinstance(epoch, int) else None


def import_run(run_dir: Path, store: Store) -> None:
    """Take the scores of a finished run into the store, and its faults into the import report."""
    faults = [
        Fault(path=str(fault.get("path", "")), problem=str(fault.get("problem", "")))
        for fault in read_json(run_dir / "faults.json") or []
    ]
    detector = read_config(run_dir / "config.toml").detector
    store.import_run(run_dir.name, detector, read_scores(run_dir), faults)
