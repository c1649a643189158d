"""How far a run is, from its `events.jsonl`: read as it grows, every line once; and the end of its log."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

EVENTS = "events.jsonl"
LOG_BYTES = 16_384  # read from the end of a log
LOG_LINES = 20
LOG_WIDTH = 400  # characters of a line
CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One epoch of a training. loss, losses: means over its samples; selected: share of samples counted
    clean; agreement: share of people's decisions that the suggestions agree with; None where unknown."""

    epoch: int
    of: int
    loss: float | None = None
    losses: Mapping[str, float] = field(default_factory=dict)
    selected: float | None = None
    agreement: float | None = None
    learning_rate: float | None = None
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What a run has told. stage: what it does; done, of, seconds_left: of this stage, None before they are
    known; epochs: ascending, each once; notes: what it wants to be known, in sentences."""

    stage: str = ""
    done: int | None = None
    of: int | None = None
    seconds_left: float | None = None
    epochs: tuple[Epoch, ...] = ()
    notes: tuple[str, ...] = ()


def follow(progress: Progress, events: Iterable[Any]) -> Progress:
    """Return the progress after `events`; one that makes no sense changes nothing."""
    for event in events:
        if isinstance(event, dict):
            progress = _after(progress, event)
    return progress


def _after(progress: Progress, event: Mapping[str, Any]) -> Progress:
    match event.get("event"):
        case "stage":
            return replace(progress, stage=str(event.get("stage", "")), done=None, of=None, seconds_left=None)
        case "progress":
            return replace(
                progress,
                stage=str(event.get("stage", "")),
                done=_whole(event.get("done")),
                of=_whole(event.get("of")),
                seconds_left=_number(event.get("seconds_left")),
            )
        case "epoch":
            return _after_epoch(progress, event)
        case "resumed":
            last = _whole(event.get("epoch")) or 0
            kept = tuple(each for each in progress.epochs if each.epoch <= last)
            return replace(progress, epochs=kept, notes=(*progress.notes, f"Went on after epoch {last}."))
        case "note":
            return replace(progress, notes=(*progress.notes, str(event.get("message", ""))[:LOG_WIDTH]))
    return progress


def _after_epoch(progress: Progress, event: Mapping[str, Any]) -> Progress:
    number = _whole(event.get("epoch"))
    if not number:
        return progress
    parts = event.get("losses")
    losses = {str(name): _number(value) for name, value in parts.items()} if isinstance(parts, dict) else {}
    epoch = Epoch(
        epoch=number,
        of=_whole(event.get("of")) or number,
        loss=_number(event.get("loss")),
        losses={name: value for name, value in losses.items() if value is not None},
        selected=_number(event.get("selected")),
        agreement=_number(event.get("agreement")),
        learning_rate=_number(event.get("learning_rate")),
        seconds=_number(event.get("seconds")),
    )
    # A run that went back to an earlier epoch has taken back what came after it.
    kept = tuple(each for each in progress.epochs if each.epoch < number)
    return replace(progress, epochs=(*kept, epoch))


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number else None


def _whole(value: Any) -> int | None:
    number = _number(value)
    return int(number) if number is not None and 0 <= number < 2**53 else None


class Follower:
    """The progress of one run. `read()` looks only at what was appended since, so a day of training costs
    no more than its last second."""

    def __init__(self, run_dir: Path) -> None:
        self._path = run_dir / EVENTS
        self._at = 0
        self._progress = Progress()

    def read(self) -> Progress:
        """Return the progress as of now; a torn last line counts when it is whole."""
        try:
            with self._path.open("rb") as file:
                if file.seek(0, 2) < self._at:  # another file has taken its place
                    self._at, self._progress = 0, Progress()
                file.seek(self._at)
                fresh = file.read()
        except OSError:
            return self._progress
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._at += len(whole)
        self._progress = follow(self._progress, _parsed(whole))
        return self._progress


def _parsed(lines: bytes) -> Iterable[Any]:
    for line in lines.splitlines():
        try:
            yield json.loads(line)
        except ValueError:  # torn by a crash, or no text
            continue


def read_log_tail(run_dir: Path) -> list[str]:
    """Return the last lines of `log.txt`, without control characters; [] where there is no log."""
    try:
        with (run_dir / "log.txt").open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - LOG_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return []
    lines = text.split("\n")
    if size > LOG_BYTES:
        lines = lines[1:]  # its beginning is cut off
    # A progress bar writes over its line; what stands there last counts.
    said = (CONTROLS.sub("", line.rstrip("\r").rsplit("\r", 1)[-1]).rstrip() for line in lines)
    return [line[:LOG_WIDTH] for line in said if line][-LOG_LINES:]
