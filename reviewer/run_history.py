"""What the runs tab knows of past and present runs: read from their directories, each file once."""

import csv
import functools
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.artifacts import read_json
from engine.config import parse_settings
from engine.costs import Estimate, Speed, estimate, read_speed
from engine.errors import EngineError
from engine.manifest import COLUMNS
from reviewer import jobs
from reviewer.decisions import Decision, Outcome
from reviewer.jobs import RunView
from reviewer.run_progress import Follower, Progress
from reviewer.workspace import Workspace

COUNTING_TIME = 0.2  # seconds that one look may spend on counting decisions in manifests
N_LOOKED_AT = 50  # runs among which a measurement of the machine is looked for


class RunHistory:
    """The runs of one workspace; holds nothing that their files do not say."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._followers: dict[str, Follower] = {}
        self._lock = threading.Lock()  # followers remember how far they have read

    def find(self, run_id: str) -> Path:
        """Return the directory of a run; raises EngineError for a name that is none."""
        # Compared, never joined to a path.
        for run_dir in jobs.run_directories(self._workspace):
            if run_dir.name == run_id:
                return run_dir
        raise EngineError(f"There is no run {run_id!r} in this workspace; reload the page.")

    def view(self, run_dir: Path) -> RunView:
        """Return what is known of a run."""
        return jobs.read_run(run_dir, self._progress(run_dir))

    def _progress(self, run_dir: Path) -> Progress:
        with self._lock:
            return self._followers.setdefault(run_dir.name, Follower(run_dir)).read()

    def views(self, count: int) -> list[tuple[RunView, int | None]]:
        """Return the newest runs, newest first, each with the decisions that it has seen.

        These are None for a run whose manifest there was no time to count in; the next look has it.
        """
        end = time.monotonic() + COUNTING_TIME
        found = []
        for run_dir in jobs.run_directories(self._workspace)[:count]:
            seen = count_decisions(run_dir) if time.monotonic() < end else None
            found.append((self.view(run_dir), seen))
        return found

    # -- before a run --

    def measured(self) -> tuple[str, Speed] | None:
        """Return the newest run that measured how fast this machine looks at images with the workspace's
        model, and what it found; None before there is one."""
        for run_dir in jobs.run_directories(self._workspace)[:N_LOOKED_AT]:
            speed = read_speed(_read_result(run_dir).get("speed"))
            if speed is not None and self._has_model(run_dir):
                return run_dir.name, speed
        return None

    def _has_model(self, run_dir: Path) -> bool:
        try:
            return jobs.read_config_once(run_dir).backbone == self._workspace.config.backbone
        except EngineError:
            return False

    def device(self) -> str:
        """Return where the newest finished run ran ("cpu", "cuda"), or "" before there is one."""
        for run_dir in jobs.run_directories(self._workspace)[:N_LOOKED_AT]:
            device = _read_result(run_dir).get("device")
            if device:
                return str(device)
        return ""

    def estimate(self, detector: str, values: Mapping[str, Any], n_samples: int) -> Estimate | None:
        """Return what such a run would take, or None where nothing is known to reckon with.

        Raises EngineError for a detector or a setting that is not one.
        """
        settings = parse_settings(detector, values)
        known = self.measured()
        n_classes = len(self._workspace.class_names)
        return estimate(detector, settings, n_samples, n_classes, known[1] if known else None)


def teaching(decisions: Mapping[int, Decision]) -> int:
    """Return how many decisions a run of this moment would learn from: all but the skipped."""
    return sum(decision.outcome is not Outcome.SKIP for decision in decisions.values())


def count_decisions(run_dir: Path) -> int | None:
    """Return how many decisions of people a run has seen, or None where its manifest cannot be read."""
    path = run_dir / "manifest.csv"
    try:
        return _count_decisions(path, path.stat().st_mtime_ns)
    except (OSError, csv.Error):
        return None


@functools.lru_cache(maxsize=256)
def _count_decisions(path: Path, _stamp: int) -> int:
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        rows = csv.reader(file)
        pin = COLUMNS.index("pin")
        return sum(len(row) > pin and bool(row[pin]) for row in rows if rows.line_num > 1)


def _read_result(run_dir: Path) -> Mapping[str, Any]:
    path = run_dir / "result.json"
    try:
        return _read_result_once(path, path.stat().st_mtime_ns)
    except OSError:
        return {}


@functools.lru_cache(maxsize=256)
def _read_result_once(path: Path, _stamp: int) -> Mapping[str, Any]:
    result = read_json(path)
    return result if isinstance(result, dict) else {}
