"""Chromium over its debugging pipe, with nothing switched on but the console: a driver that listens to the
network makes the page's process keep what it has fetched (25 MB a minute of cards), to a soak a leak."""

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from tests.driver import CHROMIUM_FLAGS

READS, WRITES = 3, 4  # the descriptors on which Chromium listens and answers
NOISE = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
HIGH = 50  # above what it takes for itself


class PlainBrowser:
    """One page. Only what is called is asked of it.

    noise: what must stay empty: console messages, and errors that nobody caught.
    """

    def __init__(self, folder: str) -> None:
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, HIGH) for end in (theirs_in, theirs_out)]
        flags = ["--remote-debugging-pipe", f"--user-data-dir={folder}", "--window-size=1440,900"]
        command = [shutil.which("chromium") or "chromium", *CHROMIUM_FLAGS, *flags, "about:blank"]
        self.process = subprocess.Popen(
            command,
            preexec_fn=lambda: (os.dup2(ends[0], READS), os.dup2(ends[1], WRITES)),
            close_fds=False,  # Python's own are not inherited anyway
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in (theirs_in, theirs_out, *ends):
            os.close(end)
        self._in, self._out = os.fdopen(ours_in, "rb", 0), os.fdopen(ours_out, "wb", 0)
        self._session: str | None = None
        self._calls = 0
        self._rest = b""
        self.noise: list[str] = []

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Return the answer to one call of the DevTools protocol; of what comes unasked, noise is kept."""
        self._calls += 1
        message: dict[str, Any] = {"id": self._calls, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self._rest:
                some = self._in.read(65536)
                if not some:
                    raise RuntimeError(f"Chromium ended at {method}.")
                self._rest += some
            first, self._rest = self._rest.split(b"\0", 1)
            answer = json.loads(first)
            if answer.get("method") in NOISE:
                self.noise.append(first.decode())
            if answer.get("id") == self._calls:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def open(self, url: str) -> None:
        """Open a page and talk to it from now on."""
        target = self.call("Target.createTarget", url=url)["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Runtime.enable")  # tells of its noise, also of what came before
        self.call("Log.enable")

    def value(self, expression: str) -> Any:
        """Return the value of an expression in the page."""
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def wait(self, expression: str, seconds: float = 60) -> None:
        """Wait until an expression is true in the page."""
        end = time.monotonic() + seconds
        while self.value(expression) is not True:
            if time.monotonic() > end:
                raise RuntimeError(f"Waited {seconds:.0f} s in vain for {expression}.")
            time.sleep(0.2)

    def press(self, key: str) -> None:
        """Press a letter or a digit."""
        code = f"Key{key.upper()}" if key.isalpha() else f"Digit{key}"
        for kind in ("keyDown", "keyUp"):
            typed = {"text": key} if kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=code, **typed)


@contextlib.contextmanager
def plain_browser() -> Iterator[PlainBrowser]:
    """Run Chromium for the length of a block."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        browser = PlainBrowser(folder)
        try:
            yield browser
        finally:
            browser.process.terminate()
            browser.process.wait(20)
