"""An engine process that loads before there is a run, so that the first ranking need not wait for it."""

import logging
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

from reviewer.processes import engine_command, engine_environment

LOG = logging.getLogger("labelsieve")


class Standby:
    """One `python -m engine standby`, good for one run; without it a run starts from nothing."""

    def __init__(self) -> None:
        self._process: subprocess.Popen | None = None
        try:
            self._process = self._started()
        except OSError as error:
            LOG.warning("No engine could be started ahead: %s", error)

    @staticmethod
    def _started() -> subprocess.Popen:
        # A directory of nobody: the process may live long, and no data folder should be held by it.
        return subprocess.Popen(
            engine_command("standby"),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=tempfile.gettempdir(),
            env=engine_environment(),
            start_new_session=True,
        )

    def take(self, run_dir: Path) -> subprocess.Popen | None:
        """Hand the process a run and return it; None when there is no process to hand it to any more."""
        process, self._process = self._process, None
        if process is None or process.stdin is None or "\n" in str(run_dir):
            return None
        try:
            process.stdin.write(f"{run_dir.absolute()}\n".encode(errors="surrogateescape"))
            process.stdin.close()
        except OSError:  # it ended before it was needed
            process.wait()
            return None
        return process

    def __enter__(self) -> "Standby":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let the process end; one that was handed a run is not touched."""
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            process.stdin.close()
            process.terminate()
            process.wait()
