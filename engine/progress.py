"""What a run says while it works: to `events.jsonl`, and to whoever watches."""

import time
from pathlib import Path
from typing import Any, Protocol

from engine.artifacts import append_event

SECONDS_BETWEEN = 0.2


class Report(Protocol):
    """`report("stage", stage="pixels")` or `report("progress", stage="pixels", done=3, of=10)`."""

    def __call__(self, event: str, /, **values: Any) -> None:
        """Tell that `event` happened; `values` are JSON values."""


def silent(event: str, /, **values: Any) -> None:
    """Tell nobody."""


def event_writer(run_dir: Path, watch: Report = silent) -> Report:
    """Return a report that appends to the run's `events.jsonl` and passes everything on to `watch`.

    Progress is written at most five times a second, and always when it is complete.
    """
    last = 0.0

    def report(event: str, /, **values: Any) -> None:
        nonlocal last
        if event == "progress":
            now = time.monotonic()
            if values["done"] < values["of"] and now - last < SECONDS_BETWEEN:
                return
            last = now
        append_event(run_dir, event, **values)
        watch(event, **values)

    return report
