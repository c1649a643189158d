"""The log as a table: every act of everybody, in order, whether it stands or was taken back."""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

from duckdb import DuckDBPyConnection as Cursor

from reviewer.export import guarded_cell, joined
from reviewer.queries import read_log

COLUMNS = (
    "id",
    "kind",
    "about",
    "act",
    "annotator",
    "at",
    "screen",
    "seconds",
    "sample_id",
    "given_label",
    "outcome",
    "labels",
    "suggested_label",
    "p_clean",
    "run",
    "note",
)
"""kind: decision, undo or redo; about: the decision that one of these two is about; act: what one key did."""


def log_table(cursor: Cursor) -> Iterator[bytes]:
    """Yield the log of an open workspace as a CSV table in UTF-8, oldest first."""
    yield _line(COLUMNS)
    for entry in read_log(cursor):
        yield _line(_cells(entry))


def _cells(entry: Mapping[str, Any]) -> tuple[str, ...]:
    seconds, p_clean = entry["seconds"], entry["p_clean"]
    return (
        entry["event_id"],
        entry["kind"],
        entry["target_id"] or "",
        entry["act_id"] or "",
        entry["annotator"],
        f"{entry['decided_at'].isoformat(timespec='seconds')}Z",
        entry["screen"] or ("card" if entry["kind"] == "decision" else ""),
        "" if seconds is None else f"{seconds:.3f}",
        entry["sample_id"],
        entry["given_label"],
        entry["outcome"] or "",
        joined(entry["labels"]) if entry["labels"] else "",
        entry["suggested_label"] or "",
        "" if p_clean is None else f"{p_clean:.6f}",
        entry["run_id"] or "",
        entry["note"] or "",
    )


def _line(cells: tuple[str, ...]) -> bytes:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\r\n").writerow(map(guarded_cell, cells))
    return buffer.getvalue().encode("utf-8")
