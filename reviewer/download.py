"""The download of a backbone's weights: a process of the engine's, started by a click and by nothing else."""

import contextlib
import json
import os
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from typing import Any

from engine.backbones import Backbone
from reviewer.errors import ReviewerError
from reviewer.processes import engine_command, engine_environment

PATIENCE = 5  # seconds that a process which is asked to stop may take


@dataclass(frozen=True, kw_only=True)
class DownloadView:
    """The last download. state: none, starting, running, done, cancelled or failed; done, of: bytes, of is
    0 before the size is known; seconds_left: None while nobody can tell; message: why it failed."""

    state: str = "none"
    model: str = ""
    weights: str = ""
    done: int = 0
    of: int = 0
    seconds_left: float | None = None
    message: str = ""

    @property
    def is_at_work(self) -> bool:
        """Whether bytes are still to come."""
        return self.state in ("starting", "running")


class Download:
    """One download at a time. Make it before Gradio is imported: the app then turns the network off for
    itself and its runs, and what the person had said about the network has to be known by then."""

    def __init__(self) -> None:
        self._said_offline = os.environ.get("HF_HUB_OFFLINE")
        self._lock = threading.Lock()
        self._view = DownloadView()
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def view(self) -> DownloadView:
        """Return how the last download is getting on."""
        return self._view

    def start(self, backbone: Backbone) -> None:
        """Start downloading; raises ReviewerError while another is at work or there is nothing to fetch."""
        if not backbone.repository:
            raise ReviewerError("The bundled model is here already; there is nothing to download.")
        with self._lock:
            if self._view.is_at_work:
                raise ReviewerError(
                    f"{self._view.model} is being downloaded; wait for it or cancel it first."
                )
            self._view = DownloadView(state="starting", model=backbone.model, weights=backbone.weights)
            arguments = ("fetch", "--progress", "--model", backbone.model, "--weights", backbone.weights)
            self._process = subprocess.Popen(
                engine_command(*arguments),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=tempfile.gettempdir(),
                env=self._environment(),
                text=True,
                encoding="utf-8",
                start_new_session=True,
            )
            self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
            self._reader.start()

    def cancel(self) -> None:
        """Stop the download, if one is at work, and wait until it has stopped."""
        with self._lock:
            process = self._process
            if process is None or not self._view.is_at_work:
                return
            self._view = replace(self._view, state="cancelled", seconds_left=None)
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()

    def close(self) -> None:
        """End with the server: a download that nobody sees is nobody's wish."""
        self.cancel()
        if self._reader is not None:
            self._reader.join(PATIENCE)

    def _environment(self) -> dict[str, str]:
        environment = engine_environment()
        environment.pop("HF_HUB_OFFLINE", None)
        return (
            environment
            if self._said_offline is None
            else environment | {"HF_HUB_OFFLINE": self._said_offline}
        )

    def _read(self, process: "subprocess.Popen[str]") -> None:
        """Follow the lines of the process to its end."""
        assert process.stdout is not None
        first: tuple[float, int] | None = None
        for line in process.stdout:
            try:
                event = json.loads(line)
            except ValueError:
                continue  # a library's stray print
            if isinstance(event, dict):
                if event.get("event") == "progress" and first is None:
                    first = (time.monotonic(), int(event.get("done", 0)))
                self._take(process, event, first)
        status = process.wait()
        with self._lock:
            if self._concerns(process):
                message = f"The download ended without the file (status {status}); try it again."
                self._view = replace(self._view, state="failed", message=message, seconds_left=None)

    def _concerns(self, process: "subprocess.Popen[str]") -> bool:
        # A process that was cancelled may end after the next one has begun.
        return self._process is process and self._view.is_at_work

    def _take(
        self, process: "subprocess.Popen[str]", event: dict[str, Any], first: tuple[float, int] | None
    ) -> None:
        with self._lock:
            view = self._view
            if not self._concerns(process):
                return
            kind = event.get("event")
            if kind == "progress":
                done, of = int(event.get("done", 0)), int(event.get("of", 0))
                left = _seconds_left(first, done, of)
                self._view = replace(view, state="running", done=done, of=of, seconds_left=left)
            elif kind == "done":
                self._view = replace(view, state="done", done=max(view.done, view.of), seconds_left=None)
            elif kind == "error":
                message = str(event.get("message", ""))
                self._view = replace(view, state="failed", message=message, seconds_left=None)


def _seconds_left(first: tuple[float, int] | None, done: int, of: int) -> float | None:
    """Return how long the rest takes at the mean pace so far; None in the first moments."""
    if first is None or not of or done <= first[1]:
        return None
    elapsed = time.monotonic() - first[0]
    return (of - done) * elapsed / (done - first[1]) if elapsed > 0.5 else None
