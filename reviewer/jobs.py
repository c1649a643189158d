"""Runs as processes of their own: prepare a run directory, start, read and stop it, take its result in."""

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from engine.artifacts import (
    RunStatus,
    is_alive,
    read_events,
    read_json,
    read_scores,
    read_status,
)
from engine.config import RunConfig, read_config, write_config
from engine.errors import EngineError
from engine.manifest import Manifest, Pin, write_manifest
from reviewer.decisions import Decision, Outcome
from reviewer.errors import ReviewerError
from reviewer.processes import engine_command, engine_environment
from reviewer.queries import Samples
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
    """A run as the runs tab shows it. done/of: progress of `stage`, None before it is known; seconds: how
    long it took; n_faults: images that it could not read; reason: what the detector says of itself."""

    run_id: str
    detector: str
    status: RunStatus
    stage: str = ""
    done: int | None = None
    of: int | None = None
    seconds: float | None = None
    n_samples: int | None = None
    n_faults: int = 0
    reason: str = ""


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
    run_dir.mkdir(parents=True)
    write_manifest(run_dir / "manifest.csv", _manifest(workspace, samples, decisions))
    write_config(run_dir / "config.toml", config)
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


def start(run_dir: Path) -> subprocess.Popen:
    """Start the run in a process of its own, which outlives this one."""
    with (run_dir / "log.txt").open("ab") as log:
        return subprocess.Popen(
            engine_command("run", str(run_dir)),
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


def read_run(run_dir: Path) -> RunView:
    """Return what the files of a run say about it."""
    try:
        detector = read_config(run_dir / "config.toml").detector
    except EngineError as error:
        failed = RunStatus(state="failed", message=str(error))
        return RunView(run_id=run_dir.name, detector="?", status=failed)
    status = read_status(run_dir)
    result = read_json(run_dir / "result.json") or {} if status.state == "done" else {}
    stage, done, of = "", None, None
    for event in reversed(read_events(run_dir)):
        if event.get("event") == "progress" and not stage:
            stage, done, of = str(event.get("stage", "")), event.get("done"), event.get("of")
        if event.get("event") == "stage":
            if event.get("stage") != stage:
                stage, done, of = (stage, done, of) if stage else (str(event.get("stage", "")), None, None)
            break
    return RunView(
        run_id=run_dir.name,
        detector=detector,
        status=status,
        stage=stage,
        done=done,
        of=of,
        seconds=(result.get("seconds") or {}).get("total"),
        n_samples=result.get("n_samples"),
        n_faults=int(result.get("n_faults", 0)),
        reason=str((result.get("notes") or {}).get("reason", "")),
    )


def import_run(run_dir: Path, store: Store) -> None:
    """Take the scores of a finished run into the store, and its faults into the import report."""
    faults = [
        Fault(path=str(fault.get("path", "")), problem=str(fault.get("problem", "")))
        for fault in read_json(run_dir / "faults.json") or []
    ]
    detector = read_config(run_dir / "config.toml").detector
    store.import_run(run_dir.name, detector, read_scores(run_dir), faults)
