"""From nothing to the first ranked card of the demo, in the three ways that a person may take.

    python -m benchmarks.first_minute [--runs 3] [--reading 12]

demo       `python -m reviewer demo` on a clean profile: one command, which imports and serves
page       a bare `python -m reviewer`; after `reading` seconds on the start page “Try the demo” is clicked
commands   `init` of the demo's pictures with the bundled model, and then `open`

Seconds from the start of the process or the click: `imported` (the workspace is made), `there` (the page
answers) and `ranked` (/api/session has the first ranking). What counts is ranked − imported; for `commands`
the clock of that begins when `open` is started. Nothing is cached but the operating system's files.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.machine import circumstances
from engine.config import BUNDLED
from reviewer.demo import DEMO
from tests.driver import ROOT, reviewer

GLANCE = 0.25
"""Seconds between two looks, each of which costs the app some milliseconds."""


@dataclass(frozen=True)
class Times:
    """Seconds since the beginning."""

    imported: float
    there: float
    ranked: float


class App:
    """`python -m reviewer …` with a profile of its own, and the time since it was started."""

    def __init__(self, profile: Path, *arguments: str | Path) -> None:
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "reviewer", *map(str, arguments), "--no-browser", "--port", "0"],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "XDG_DATA_HOME": str(profile)},
        )
        self.client = httpx.Client(timeout=60, trust_env=False)

    def seconds(self) -> float:
        """Return how long ago it was started."""
        return time.monotonic() - self.began

    def wait_for_line(self, part: str) -> str:
        """Return the next line that it prints with `part` in it."""
        assert self.process.stdout is not None
        return next(line for line in self.process.stdout if part in line)

    def connect(self) -> None:
        """Wait for its address."""
        self.client.base_url = self.wait_for_line(" at http").split(" at ")[1].split(" ")[0]

    def wait(self, holds: Callable[[], bool]) -> float:
        """Return when `holds` became true."""
        while True:
            with contextlib.suppress(httpx.TransportError, KeyError, ValueError):
                if holds():
                    return self.seconds()
            time.sleep(GLANCE)

    def is_there(self) -> bool:
        """Return whether the page of the workspace answers."""
        return self.client.get("/healthz").status_code == 200

    def is_ranked(self) -> bool:
        """Return whether the first ranking is in use."""
        return self.client.get("/api/session").json()["ranking"]["state"] == "ready"

    def opening(self) -> dict:
        """Return what the start page knows."""
        return self.client.get("/start/state").json()


@contextlib.contextmanager
def started(*arguments: str | Path) -> Iterator[App]:
    with tempfile.TemporaryDirectory() as profile:
        app = App(Path(profile), *arguments)
        try:
            yield app
        finally:
            app.process.terminate()
            app.process.wait()


def by_demo(_: float) -> Times:
    with started("demo") as app:
        app.wait_for_line("workspace is")
        imported = app.seconds()
        app.connect()
        return Times(imported, app.wait(app.is_there), app.wait(app.is_ranked))


def by_page(reading: float) -> Times:
    with started() as app:
        app.connect()
        app.wait(lambda: app.opening()["state"] == "choose")
        time.sleep(reading)
        app.began = time.monotonic()
        app.client.post("/start/demo", json={})
        imported = app.wait(lambda: app.opening()["stage"] in ("open", "page"))
        return Times(imported, app.wait(app.is_there), app.wait(app.is_ranked))


def by_commands(_: float) -> Times:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "workspace"
        began = time.monotonic()
        table = ("--labels", DEMO / "labels.csv", "--path-column", "path", "--label-column", "label")
        reviewer("init", place, "--images", DEMO, *table, "--weights", BUNDLED)
        imported = time.monotonic() - began
        with started(place) as app:
            app.connect()
            there, ranked = app.wait(app.is_there), app.wait(app.is_ranked)
        return Times(imported, imported + there, imported + ranked)


WAYS = {"demo": by_demo, "page": by_page, "commands": by_commands}


def told(values: list[float]) -> str:
    spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{spread}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--reading", type=float, default=12.0)
    asked = parser.parse_args()
    print(f"{circumstances()}\n")
    print("| way | imported | there | ranked | ranked − imported |\n|---|---|---|---|---|")
    for name, way in WAYS.items():
        runs = [way(asked.reading) for _ in range(asked.runs)]
        columns = [
            [times.imported for times in runs],
            [times.there for times in runs],
            [times.ranked for times in runs],
            [times.ranked - times.imported for times in runs],
        ]
        print(f"| {name} | {' | '.join(map(told, columns))} |", flush=True)


if __name__ == "__main__":
    main()
