"""What every command of the engine shares: the environment, progress in the terminal, and its last words."""

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any, Literal

import typer

from engine.config import BackboneConfig
from engine.errors import EngineError
from engine.progress import Report

STANDARD = BackboneConfig()
Device = Literal["auto", "cpu", "cuda", "mps"]


def offline() -> None:
    """Keep the hub of the weights silent from here on."""
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        os.environ[name] = "1"


def give_up(message: str) -> typer.Exit:
    """Print the sentence and return what ends the command with status 1."""
    print(message, file=sys.stderr, flush=True)
    return typer.Exit(1)


@contextlib.contextmanager
def told_in_a_sentence() -> Iterator[None]:
    """Turn what a person can mend, or has asked for, into one sentence and status 1; a bug stays a bug."""
    from engine.lifecycle import Stopped, disk_problem  # noqa: PLC0415 - the environment comes first

    try:
        yield
    except (EngineError, Stopped) as error:
        raise give_up(str(error)) from None
    except OSError as error:
        problem = disk_problem(error)
        if problem is None:
            raise
        raise give_up(problem) from None


@contextlib.contextmanager
def watched() -> Iterator[Report]:
    """Yield a report for whoever looks at the terminal."""
    report, close = watch()
    try:
        yield report
    finally:
        close()


def clean_up_when_stopped() -> None:
    """Let SIGTERM raise: a command that leaves half a file or folder behind removes it then."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def watch() -> tuple[Report, Callable[[], None]]:
    """Return a report for whoever looks at the terminal, and what ends it."""
    return _bars() if sys.stderr.isatty() else (_lines(), nothing)


def nothing() -> None:
    """Do nothing."""


def json_lines(event: str, /, **values: Any) -> None:
    """Report as JSON lines on stdout."""
    print(json.dumps({"event": event, **values}), flush=True)


def _lines() -> Report:
    """Return a report of plain lines: each stage as it begins, and every tenth of its progress."""
    told = ("", -1)

    def report(event: str, /, **values: Any) -> None:
        nonlocal told
        if event == "stage":
            print(values["stage"], file=sys.stderr, flush=True)
        elif event == "progress" and values["of"]:
            tenth = (values["stage"], 10 * values["done"] // values["of"])
            if tenth != told and values["done"]:
                line = f"{values['stage']} {values['done']} of {values['of']}"
                print(line, file=sys.stderr, flush=True)
            told = tenth

    return report


def _bars() -> tuple[Report, Callable[[], None]]:
    from rich.console import Console  # noqa: PLC0415 - only for a terminal
    from rich.progress import Progress, TaskID  # noqa: PLC0415

    progress = Progress(console=Console(stderr=True))
    progress.start()
    tasks: dict[str, TaskID] = {}

    def report(event: str, /, **values: Any) -> None:
        if event not in ("stage", "progress"):
            return
        stage = values["stage"]
        if event == "stage":
            for task in tasks.values():
                progress.update(task, total=1, completed=1)
        if stage not in tasks:
            # Writing takes milliseconds, and no stage follows that would complete its bar.
            tasks[stage] = progress.add_task(stage, total=1 if stage == "write" else None)
            progress.update(tasks[stage], completed=1 if stage == "write" else 0)
        if event == "progress":
            progress.update(tasks[stage], completed=values["done"], total=max(values["of"], 1))

    return report, progress.stop
