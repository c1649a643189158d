"""The thread that follows the runs of an open workspace and takes in the results of those that finish."""

import logging
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.artifacts import read_status
from reviewer import jobs, queries
from reviewer.desk import Desk
from reviewer.disk import NotWritten
from reviewer.errors import ReviewerError
from reviewer.illustrator import Illustrator
from reviewer.opinions import agreed
from reviewer.standby import Standby

LOG = logging.getLogger("labelsieve")
INTERVAL = 0.3  # seconds
FULL_PAUSE = 5.0  # seconds until a full disk is tried again


class Watcher:
    """Starts runs and imports what they leave; holds nothing that the files do not say."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._children: dict[str, subprocess.Popen] = {}
        self._starting = threading.Lock()
        self._refused: set[str] = set()
        self._waiting = ("", 0.0)  # why a run could not be taken in for now, and when to try again
        self._illustrator = Illustrator()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="runs", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop watching. Runs go on; the next start of the app takes their results in."""
        self._stopping.set()
        self._thread.join()
        self._illustrator.close()

    def start(
        self, detector: str, settings: Mapping[str, Any] | None = None, standby: Standby | None = None
    ) -> Path:
        """Prepare a run with what is decided and undisputed now, and start it, in `standby` if there is one.

        Raises ReviewerError while another one is at work, and EngineError for a setting that breaks a rule.
        """
        desk = self._desk
        with self._starting:
            self._check_idle()
            cursor = desk.store.cursor()
            decisions = agreed(queries.read_current_decisions(cursor), queries.read_opinions(cursor))
            run_dir = jobs.prepare(desk.workspace, desk.samples, decisions, detector, settings)
            handed = standby.take(run_dir) if standby else None
            self._children[run_dir.name] = handed or jobs.start(run_dir, behind=self._is_ranked())
        return run_dir

    def resume(self, run_dir: Path) -> None:
        """Let a run that broke off go on from its checkpoint, with the labels and decisions that it saw.

        Raises ReviewerError where there is nothing to go on from, and while another run is at work.
        """
        with self._starting:
            self._check_idle()
            view = jobs.read_run(run_dir)
            if view.resumable is None:
                raise ReviewerError(
                    f"The run {run_dir.name} is {view.status.state} and has no checkpoint to go on from; "
                    "start another one."
                )
            self._children[run_dir.name] = jobs.start(run_dir, behind=self._is_ranked())

    def _is_ranked(self) -> bool:
        """Return whether there are cards to review meanwhile."""
        return self._desk.ranking.run is not None

    def at_work(self) -> str | None:
        """Return the run that is at work or about to be, of this process or of an earlier one."""
        for name, child in list(self._children.items()):
            if child.poll() is None and read_status(self._desk.workspace.runs / name).state != "done":
                return name
        for run_dir in jobs.run_directories(self._desk.workspace):
            if (run_dir / "lock").exists() and read_status(run_dir).state == "running":
                return run_dir.name
        return None

    def _check_idle(self) -> None:
        busy = self.at_work()
        if busy is not None:
            raise ReviewerError(f"The run {busy} is at work already; wait for it or stop it first.")

    def start_first(self, standby: Standby | None = None) -> None:
        """Start the instant ranking where no run has ranked the samples, is about to, or was stopped."""
        views = [jobs.read_run(d) for d in jobs.run_directories(self._desk.workspace)]
        if any(view.status.state in ("done", "running") for view in views):
            return
        if not views or views[0].status.state != "stopped":
            self.start("transition", standby=standby)

    def _watch(self) -> None:
        while not self._stopping.wait(INTERVAL):
            # A finished child stays a zombie until it is asked for.
            with self._starting:
                self._children = {n: child for n, child in self._children.items() if child.poll() is None}
            try:
                self.import_finished()
                run = self._desk.ranking.run
                self._illustrator.tend(self._desk.workspace.runs / run.run_id if run else None)
            except Exception:
                LOG.exception("A run could not be taken in.")

    def import_finished(self) -> None:
        """Take in every finished run that the store does not have, and rank by the newest."""
        if time.monotonic() < self._waiting[1]:
            return
        desk = self._desk
        known = {run.run_id for run in queries.read_runs(desk.store.cursor())}
        fresh = False
        for run_dir in reversed(jobs.run_directories(desk.workspace)):
            if run_dir.name in known | self._refused or not (run_dir / "result.json").exists():
                continue
            try:
                jobs.import_run(run_dir, desk.store)
                fresh, self._waiting = True, ("", 0.0)
            except NotWritten as error:
                LOG.warning("The run %s is not taken in yet: %s", run_dir.name, error)
                self._waiting = (str(error), time.monotonic() + FULL_PAUSE)
                break
            except Exception as error:  # a torn archive: said once, not three times a second
                self._refused.add(run_dir.name)
                LOG.warning("The run %s could not be taken in: %s", run_dir.name, error)
        if fresh:
            desk.load_runs()

    def ranking_state(self) -> dict[str, Any]:
        """Return the state of the first ranking, for the card: ready, running, failed or none."""
        ranking = self._desk.ranking
        state: dict[str, Any] = {"done": None, "of": None, "version": ranking.version}
        run = ranking.run.run_id if ranking.run else None
        if run is not None:
            return {**state, "state": "ready", "message": "", "run": run}
        views = [jobs.read_run(d) for d in jobs.run_directories(self._desk.workspace)[:5]]
        for view in views:
            if view.status.state in ("running", "done") and view.run_id not in self._refused:
                message = self._waiting[0] or STAGES.get(view.progress.stage, "starting")
                state |= {"done": view.progress.done, "of": view.progress.of}
                return {**state, "state": "running", "message": message, "run": view.run_id}
        if self._children:
            return {**state, "state": "running", "message": "starting", "run": None}
        for view in views:
            message = view.status.message or f"The run {view.run_id} left no result; start another."
            return {**state, "state": "failed", "message": message, "run": view.run_id}
        return {**state, "state": "none", "message": "No run has ranked the samples yet.", "run": None}


STAGES = {
    "model": "loading the model",
    "pixels": "reading the images",
    "features": "looking at the images",
    "detect": "comparing labels",
    "views": "looking at shifted images",
    "training": "training",
    "scoring": "asking about every image",
    "write": "writing the ranking",
    "attention": "drawing attention maps",
    "map": "drawing the map",
}
