"""Has attention maps and 2-D maps drawn for the run that orders the cards, behind the back of the review."""

import logging
import subprocess
import time
from pathlib import Path

from engine.artifacts import read_status
from engine.illustrations import ILLUSTRATIONS
from reviewer.processes import engine_command, engine_environment

LOG = logging.getLogger("labelsieve")
PAUSE = 2.0  # seconds that a new ranking has for its first cards
PATIENCE = 5.0  # seconds that a process has to end by itself


class Illustrator:
    """One `python -m engine illustrate` at a time, which works at low priority.

    It is started once for a run and session; whether there is anything left to draw, the files say. What goes
    wrong is in the run's `illustrate.log` and never touches the review.
    """

    def __init__(self, pause: float = PAUSE) -> None:
        self._pause = pause
        self._process: subprocess.Popen | None = None
        self._run_dir: Path | None = None
        self._since = 0.0
        self._tended: set[Path] = set()

    def tend(self, run_dir: Path | None) -> None:
        """See to it that this run gets drawn; called again and again, with the run that is now in use."""
        if run_dir != self._run_dir:
            self._run_dir, self._since = run_dir, time.monotonic()
            if self._process is not None:  # nobody looks at the older run any more
                self._process.terminate()
        if self._process is not None and self._process.poll() is not None:
            self._process = None
        if run_dir is None or run_dir in self._tended or self._process is not None:
            return
        if time.monotonic() - self._since < self._pause:
            return
        state = read_status(run_dir, ILLUSTRATIONS).state
        if state == "running":  # of an app that was killed; should it die, this one goes on
            return
        self._tended.add(run_dir)
        if state != "done":
            self._start(run_dir)

    def _start(self, run_dir: Path) -> None:
        try:
            with (run_dir / "illustrate.log").open("ab") as log:
                self._process = subprocess.Popen(
                    engine_command("illustrate", str(run_dir)),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=run_dir,
                    env=engine_environment(),
                    start_new_session=True,
                )
        except OSError as error:
            LOG.warning("The run %s cannot be illustrated: %s", run_dir.name, error)

    def close(self) -> None:
        """Stop drawing; the next session goes on with it."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:  # deep in a library; the files tell that it is not finished
            process.kill()
            process.wait()
