"""The run directory: all that a run leaves, and the only thing that the app reads of it.

    config.toml  manifest.csv        what was asked
    lock  log.txt  events.jsonl      alive; the output; one JSON object per event
    faults.json                      image files that could not be read
    scores.npz  probabilities.npy  embeddings.npy  neighbours.npz
    result.json | error.json         written last, atomically
    what is drawn afterwards         see `engine.illustrations`

A run's state is a function of these files (design §2): a process that is gone without a last word is lost.
"""

import json
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import psutil

from engine.errors import EngineError

MAX_DENSE_CELLS = 200_000_000
TOP_CLASSES = 32

State = Literal["prepared", "running", "done", "failed", "stopped", "lost"]


@dataclass(frozen=True, kw_only=True)
class Detection:
    """What every detector returns; row i is row i of the manifest that it was given (design §5).

    p_clean: (N,) in [0, 1]. probs: (N, K), rows sum to 1, the class posterior behind it. embeddings:
    (N, D), unit L2. suggested: (N,) class index; suggested_probability: (N,) in [0, 1]. notes: what the
    detector wants to be known about the run, JSON values. own_chance: (N,) in [0, 1], of a detector with a
    positive and a negative prompt: how much the positive one of the given label is preferred (p_{i,y} of
    methods §4.2), before pins.
    """

    p_clean: np.ndarray
    probs: np.ndarray
    embeddings: np.ndarray
    suggested: np.ndarray
    suggested_probability: np.ndarray
    notes: Mapping[str, Any] = field(default_factory=dict)
    own_chance: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """rows: (N, M) int32, nearest first, −1 where there is none; similarities: (N, M) cosine, [−1, 1]."""

    rows: np.ndarray
    similarities: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Scores:
    """`scores.npz` as read: sample_ids (N,) str, p_clean (N,) float32, suggested (N,) class names,
    suggested_probability (N,) float32, loss (N,) float32 in nats."""

    sample_ids: np.ndarray
    p_clean: np.ndarray
    suggested: np.ndarray
    suggested_probability: np.ndarray
    loss: np.ndarray


@dataclass(frozen=True, kw_only=True)
class RunStatus:
    """state, the process that holds the run (if any), and a sentence for a state that needs one."""

    state: State
    pid: int | None = None
    message: str = ""


# -- the life of a run ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Traces:
    """The files of a run directory by which one work in it is known: held while alive, written last."""

    lock: str
    result: str
    error: str


RUN = Traces(lock="lock", result="result.json", error="error.json")


def process_stamp(pid: int | None = None) -> dict[str, Any]:
    """Return what names a process for as long as it lives: pid, host and start time (seconds)."""
    process = psutil.Process(pid)
    return {"pid": process.pid, "host": socket.gethostname(), "started": process.create_time()}


def is_alive(stamp: Mapping[str, Any]) -> bool:
    """Return whether the stamped process still runs; one on another host is taken to be alive."""
    try:
        if stamp["host"] != socket.gethostname():
            return True
        process = psutil.Process(int(stamp["pid"]))
        same = abs(process.create_time() - float(stamp["started"])) < 2.0
        return same and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, KeyError, ValueError, TypeError):
        return False


def take_lock(run_dir: Path, traces: Traces = RUN) -> None:
    """Claim the work for this process; raises EngineError when a living process has it."""
    path = run_dir / traces.lock
    stamp = read_json(path)
    if stamp is not None and is_alive(stamp):
        raise EngineError(
            f"{run_dir} is already running as process {stamp['pid']} on {stamp['host']}; "
            "wait for it or stop it."
        )
    write_json(path, process_stamp())


def release_lock(run_dir: Path, traces: Traces = RUN) -> None:
    """Give the work up."""
    (run_dir / traces.lock).unlink(missing_ok=True)


def read_status(run_dir: Path, traces: Traces = RUN) -> RunStatus:
    """Return the state of the run, or of another work in its directory, from the files alone."""
    stamp = read_json(run_dir / traces.lock)
    if stamp is not None and is_alive(stamp):
        return RunStatus(state="running", pid=int(stamp["pid"]))
    if (run_dir / traces.result).exists():
        return RunStatus(state="done")
    error = read_json(run_dir / traces.error)
    if error is not None:
        state: State = "stopped" if error.get("kind") == "Stopped" else "failed"
        return RunStatus(state=state, message=str(error.get("message", "")))
    if stamp is not None:
        message = f"Its process {stamp.get('pid')} is gone without a last word; start it again."
        return RunStatus(state="lost", message=message)
    return RunStatus(state="prepared")


CHECKPOINT, CHECKPOINT_WORDS = "checkpoint.safetensors", "checkpoint.json"


def remove_checkpoint(run_dir: Path) -> None:
    """Remove what `engine.checkpoint` keeps, so that the next training in this directory begins anew."""
    for name in (CHECKPOINT_WORDS, CHECKPOINT):
        (run_dir / name).unlink(missing_ok=True)


# -- events -----------------------------------------------------------------------------------------


def append_event(run_dir: Path, event: str, **values: Any) -> None:
    """Append one JSON line to `events.jsonl`."""
    line = json.dumps({"time": time.time(), "event": event, **values})
    with (run_dir / "events.jsonl").open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def read_events(run_dir: Path) -> list[dict[str, Any]]:
    """Return the events so far; a torn last line is left out."""
    try:
        text = (run_dir / "events.jsonl").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    events = []
    for line in text.splitlines():
        try:
            events.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return events


# -- arrays and JSON --------------------------------------------------------------------------------


def write_json(path: Path, value: Any) -> None:
    """Write `value` so that readers see the whole of it or nothing."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with part.open("w", encoding="utf-8") as file:
        # Escaped, because a file name in it need not be UTF-8.
        json.dump(value, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def read_json(path: Path) -> Any:
    """Return the value in `path`, or None where it is missing or torn."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError, UnicodeDecodeError):
        return None


def write_detection(
    run_dir: Path,
    sample_ids: tuple[str, ...],
    class_names: tuple[str, ...],
    given: np.ndarray,
    detection: Detection,
    neighbours: Neighbours,
) -> None:
    """Write the arrays of a run; `result.json` makes them count."""
    names = np.asarray(class_names, dtype=np.str_)
    likelihood = detection.probs[np.arange(len(given)), given]
    columns = {
        "sample_id": np.asarray(sample_ids, dtype=np.str_),
        "p_clean": detection.p_clean.astype(np.float32),
        "suggested": names[detection.suggested] if len(given) else names[:0],
        "suggested_probability": detection.suggested_probability.astype(np.float32),
        "loss": -np.log(np.clip(likelihood, 1e-12, 1.0)).astype(np.float32),
    }
    if detection.own_chance is not None:
        columns["own_chance"] = detection.own_chance.astype(np.float32)
    np.savez(run_dir / "scores.npz", allow_pickle=False, **columns)
    write_probabilities(run_dir, detection.probs)
    np.save(run_dir / "embeddings.npy", detection.embeddings.astype(np.float16))
    np.savez(
        run_dir / "neighbours.npz",
        rows=neighbours.rows.astype(np.int32),
        similarities=neighbours.similarities.astype(np.float16),
    )


def write_probabilities(run_dir: Path, probs: np.ndarray, max_cells: int = MAX_DENSE_CELLS) -> None:
    """Write (N, K) as float16, or above `max_cells` the 32 likeliest classes of each row."""
    if probs.size <= max_cells:
        np.save(run_dir / "probabilities.npy", probs.astype(np.float16))
        return
    top = np.argpartition(-probs, TOP_CLASSES - 1, axis=1)[:, :TOP_CLASSES]
    np.savez(
        run_dir / "probabilities.npz",
        classes=top.astype(np.int32),
        values=np.take_along_axis(probs, top, axis=1).astype(np.float16),
        n_classes=probs.shape[1],
    )


def read_probabilities(run_dir: Path) -> np.ndarray:
    """Return (N, K) float32, rows sum to 1; what the top 32 leave over is spread evenly."""
    if (run_dir / "probabilities.npy").exists():
        probs = np.load(run_dir / "probabilities.npy").astype(np.float32)
    else:
        with np.load(run_dir / "probabilities.npz") as stored:
            classes, values = stored["classes"], stored["values"].astype(np.float32)
            n_classes = int(stored["n_classes"])
        rest = np.clip(1.0 - values.sum(axis=1), 0.0, None) / (n_classes - classes.shape[1])
        probs = np.repeat(rest[:, None].astype(np.float32), n_classes, axis=1)
        np.put_along_axis(probs, classes.astype(np.int64), values, axis=1)
    return probs / np.clip(probs.sum(axis=1, keepdims=True), 1e-12, None)


def read_scores(run_dir: Path) -> Scores:
    """Return `scores.npz`."""
    with np.load(run_dir / "scores.npz") as stored:
        return Scores(
            sample_ids=stored["sample_id"],
            p_clean=stored["p_clean"],
            suggested=stored["suggested"],
            suggested_probability=stored["suggested_probability"],
            loss=stored["loss"],
        )


def read_own_chance(run_dir: Path) -> np.ndarray | None:
    """Return `own_chance` of `Detection`, (N,) float32; None where the detector has none."""
    with np.load(run_dir / "scores.npz") as stored:
        return stored.get("own_chance")


def read_embeddings(run_dir: Path) -> np.ndarray:
    """Return `embeddings.npy` as (N, D) float32, unit L2, rows as in `scores.npz`."""
    rows = np.load(run_dir / "embeddings.npy").astype(np.float32)
    return rows / np.clip(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12, None)


def read_neighbours(run_dir: Path) -> Neighbours:
    """Return `neighbours.npz`."""
    with np.load(run_dir / "neighbours.npz") as stored:
        return Neighbours(rows=stored["rows"], similarities=stored["similarities"])
