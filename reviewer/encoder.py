"""The client of the engine's second door (`python -m engine serve`): a model, kept ready, without torch here.

The process is started by the first question and stopped when nobody asked for a while, because a model takes
hundreds of megabytes. One that died is started again by the next question.
"""

import contextlib
import itertools
import json
import logging
import subprocess
import threading
import time
import weakref
from collections.abc import Mapping
from concurrent.futures import Future, InvalidStateError
from pathlib import Path
from typing import Any

from reviewer.errors import ReviewerError
from reviewer.processes import engine_command, engine_environment

LOG = logging.getLogger("labelsieve")
MAX_WAITING = 64
LOG_NAME = "serve.log"

Answer = Future[dict[str, Any]]


class Encoder:
    """Asks the model of one run at a time; safe to call from any thread.

    idle: seconds without a question after which the process is stopped. patience: seconds that a question
    may wait, the loading of the model included, before the process counts as stuck and is ended.
    """

    def __init__(self, idle: float = 300.0, patience: float = 300.0) -> None:
        self._idle = idle
        self._patience = patience
        self._lock = threading.Lock()
        self._process: _Process | None = None
        self._closed = False
        # The process ends with the server, whichever way this one goes: here, or when its stdin closes.
        self._finalizer = weakref.finalize(self, lambda: None)

    @property
    def pid(self) -> int | None:
        """The process at work, or None."""
        process = self._process
        return process.pid if process is not None and process.is_alive() else None

    def submit(self, run_dir: Path, operation: str, **values: Any) -> Answer:
        """Ask, and return the answer to come; it fails with ReviewerError, one sentence.

        values: JSON values, as `engine.serve` takes them.
        """
        question = {"op": operation, **values}
        while True:
            with self._lock:
                if self._closed:
                    raise ReviewerError("The app is closing; ask again when it is open.")
                process = self._process
                if process is None or process.run_dir != run_dir or not process.is_alive():
                    process = self._start(run_dir)
            answer = process.ask(question)
            if answer is not None:
                return answer

    def ask(self, run_dir: Path, operation: str, *, timeout: float = 60.0, **values: Any) -> dict[str, Any]:
        """Ask and wait for the answer; raises ReviewerError, also when it takes more than `timeout` s."""
        question = self.submit(run_dir, operation, **values)
        try:
            return question.result(timeout)
        except TimeoutError:
            question.cancel()
            raise ReviewerError(
                f"The model did not answer within {timeout:.0f} s; ask again when it is loaded."
            ) from None

    def close(self) -> None:
        """Stop the process; nothing can be asked any more."""
        with self._lock:
            self._closed = True
            self._finalizer()

    def _start(self, run_dir: Path) -> "_Process":
        self._finalizer()
        try:
            self._process = _Process(run_dir, self._idle, self._patience)
        except OSError as error:
            raise ReviewerError(
                f"The model of run {run_dir.name} cannot be started ({error}); start a new run."
            ) from error
        self._finalizer = weakref.finalize(self, self._process.stop, "Another model was asked; ask again.")
        return self._process


class _Process:
    """One `python -m engine serve`, a thread that reads its answers and one that looks at the clock."""

    def __init__(self, run_dir: Path, idle: float, patience: float) -> None:
        self.run_dir = run_dir
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()  # of what waits, never held while a pipe may be full
        self._writing = threading.Lock()
        self._waiting: dict[int, Answer] = {}
        self._last = time.monotonic()  # of the last answer, or of the first question after it
        self._why = ""
        self._ended = threading.Event()
        with (run_dir / LOG_NAME).open("wb") as log:
            self._child = subprocess.Popen(
                engine_command("serve", str(run_dir)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=run_dir,
                env=engine_environment(),
                start_new_session=True,  # Ctrl+C in the terminal is for the app, which then ends this
            )
        self.pid = self._child.pid
        threading.Thread(target=self._read, name="encoder answers", daemon=True).start()
        threading.Thread(target=self._watch, args=(idle, patience), name="encoder clock", daemon=True).start()

    def is_alive(self) -> bool:
        return not self._why and self._child.poll() is None

    def ask(self, question: Mapping[str, Any]) -> Answer | None:
        """Send a question and return the answer to come, or None where the process is gone already."""
        answer: Answer = Future()
        with self._lock:
            if self._why or self._ended.is_set():
                return None
            if len(self._waiting) >= MAX_WAITING:
                raise ReviewerError(f"{MAX_WAITING} questions wait for the model already; ask again later.")
            if not self._waiting:
                self._last = time.monotonic()
            number = next(self._numbers)
            self._waiting[number] = answer
        line = json.dumps({"id": number, **question}).encode("ascii") + b"\n"
        stdin = self._child.stdin
        assert stdin is not None
        with self._writing, contextlib.suppress(OSError, ValueError):  # just died: the reader says so
            stdin.write(line)
            stdin.flush()
        return answer

    def stop(self, why: str = "The model was put away.") -> None:
        """End the process; questions that wait fail with `why`."""
        self._why = self._why or why
        with contextlib.suppress(OSError):
            self._child.kill()  # it holds nothing that would have to be saved

    def _read(self) -> None:
        stdout = self._child.stdout
        assert stdout is not None
        with contextlib.suppress(OSError, ValueError):
            for line in stdout:
                self._deliver(line)
        self._child.wait()
        self._ended.set()
        self._fail_all()
        for stream in (self._child.stdin, stdout):
            with contextlib.suppress(OSError, ValueError):
                if stream is not None:
                    stream.close()

    def _deliver(self, line: bytes) -> None:
        try:
            answer = json.loads(line)
            number = answer.pop("id")
        except (ValueError, KeyError, AttributeError, TypeError):
            LOG.warning("The model said something that is no answer: %r", line[:200])
            return
        with self._lock:
            future = self._waiting.pop(number, None)
            self._last = time.monotonic()
        if future is None:
            return
        with contextlib.suppress(InvalidStateError):  # given up by the one who asked
            if "error" in answer:
                future.set_exception(ReviewerError(str(answer["error"])))
            else:
                future.set_result(answer)

    def _fail_all(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        status = self._child.poll()
        why = (
            self._why or f"The model's process ended (status {status}); {self.run_dir / LOG_NAME} says more."
        )
        for future in waiting.values():
            with contextlib.suppress(InvalidStateError):
                future.set_exception(ReviewerError(why))

    def _watch(self, idle: float, patience: float) -> None:
        while not self._ended.wait(min(1.0, idle / 4, patience / 4)):
            with self._lock:
                quiet = time.monotonic() - self._last
                if self._waiting and quiet > patience:
                    self.stop(f"The model did not answer for {patience:.0f} s and was ended; ask again.")
                elif not self._waiting and quiet > idle:
                    self.stop()
