"""The corrected table: the source, byte for byte, with columns appended."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from reviewer.decisions import STATUSES, UNREVIEWED, Outcome
from reviewer.queries import CurrentLabel
from reviewer.table import Record, Table
from reviewer.workspace import Workspace

COLUMNS = (
    "corrected_label",
    "status",
    "annotator",
    "decided_at",
    "is_label_issue",
    "label_score",
    "given_label",
    "predicted_label",
)
SUFFIX = "_labelsieve"
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
MOST_UNNAMED = 100  # columns that rows longer than the header may add


def read_source(workspace: Workspace) -> Table:
    """Return the workspace's own copy of the table."""
    columns = workspace.config.columns
    data = (workspace.root / "source.csv").read_bytes()
    return Table(text=data.decode(columns.encoding), encoding=columns.encoding, delimiter=columns.delimiter)


def corrected_rows(
    source: Table,
    labels: Sequence[CurrentLabel],
    p_clean: np.ndarray,
    predicted: Mapping[int, str],
    threshold: float,
) -> Iterator[str]:
    """Yield the corrected table as text, row by row.

    labels: one per sample, by source row. p_clean: (N,) over positions, NaN where unknown; exported as
    cleanlab's `label_score` (low = bad). predicted: position → suggested label.
    """
    by_row = {label.source_row: label for label in labels}
    records = source.records()
    header = next(records)
    names = _column_names([cell.strip() for cell in header.cells])
    width = _width(source)
    yield _filled(header, width, names, source.delimiter)
    for row, record in enumerate(records):
        label = by_row.get(row)
        if not record.cells:  # a blank line stays one
            yield record.raw + record.ending
            continue
        cells = [""] * len(COLUMNS)
        if label is not None:
            cells = _cells(label, p_clean[label.position], predicted.get(label.position, ""), threshold)
        yield _filled(record, width, cells, source.delimiter)


def _width(source: Table) -> int:
    """Return how many columns the rows have; some tables end each row, but not the header, with a comma."""
    records = source.records()
    named = len(next(records).cells)
    widest = max((len(record.cells) for record in records), default=0)
    # One broken row must not widen a million others without end.
    return max(named, min(widest, named + MOST_UNNAMED))


def _filled(record: Record, width: int, cells: Sequence[str], delimiter: str) -> str:
    # A short row is filled up, or what is appended would stand under the wrong names.
    padding = delimiter * max(width - len(record.cells), 0)
    return record.raw + padding + _appended(cells, delimiter) + record.ending


def _column_names(header: Sequence[str]) -> list[str]:
    names = []
    for name in COLUMNS:
        while name in header:  # an export of an export has the suffix already
            name += SUFFIX
        names.append(name)
    return names


def _cells(label: CurrentLabel, p_clean: float, predicted: str, threshold: float) -> list[str]:
    status = STATUSES[Outcome(label.outcome)] if label.outcome else UNREVIEWED
    score = label_score(label, p_clean)
    issue = is_label_issue(label, score, threshold)
    return [
        joined(label.labels),
        status,
        label.annotator or "",
        f"{label.decided_at.isoformat(timespec='seconds')}Z" if label.decided_at else "",
        "" if issue is None else str(issue),
        "" if score is None else f"{score:.6f}",
        label.given_label,
        predicted,
    ]


def joined(labels: Sequence[str]) -> str:
    """Return the classes of an ambiguous sample as one cell, `|` between them."""
    if len(labels) == 1:
        return labels[0]
    return "|".join(label.replace("\\", "\\\\").replace("|", "\\|") for label in labels)


def label_score(label: CurrentLabel, p_clean: float) -> float | None:
    """Return the probability that the given label is right: settled by a decision, else the ranking's."""
    if label.outcome == Outcome.KEEP:
        return 1.0
    if label.outcome == Outcome.RELABEL:
        return 0.0
    if label.outcome == Outcome.AMBIGUOUS:
        return 1.0 / len(label.labels) if label.given_label in label.labels else 0.0
    if label.outcome in (Outcome.OUT_OF_SCOPE, Outcome.BAD_IMAGE) or not np.isfinite(p_clean):
        return None
    return float(p_clean)


def is_label_issue(label: CurrentLabel, score: float | None, threshold: float) -> bool | None:
    """Return whether the row needed attention: by decision where there is one, else flagged or not."""
    if label.outcome in (Outcome.OUT_OF_SCOPE, Outcome.BAD_IMAGE, Outcome.AMBIGUOUS, Outcome.RELABEL):
        return True
    return None if score is None else score < threshold


def _appended(cells: Sequence[str], delimiter: str) -> str:
    buffer = io.StringIO(newline="")
    # The writer quotes line breaks only when they stand in its own line ending (Python 3.11, 3.12).
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(["", *map(guarded_cell, cells)])
    return buffer.getvalue().removesuffix("\r\n")


def guarded_cell(cell: str) -> str:
    """Return `cell` so that no spreadsheet runs it: a leading apostrophe unless it is a plain number."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) and not NUMBER.fullmatch(cell) else cell


def encoded(rows: Iterator[str], encoding: str) -> Iterator[bytes]:
    """Yield the rows in the table's own encoding; a name that it cannot write is escaped."""
    encoder = codecs.getincrementalencoder(encoding)(errors="backslashreplace")
    for row in rows:
        yield encoder.encode(row)
    yield encoder.encode("", final=True)
