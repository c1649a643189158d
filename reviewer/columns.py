"""Which columns of a table name the image and the label: by what stands in them, and by their names."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reviewer.sources import LABEL_COLUMNS, PATH_COLUMNS, locate
from reviewer.table import Table

READ = 20_000  # rows that are looked at: in a table sorted by class, the first few hundred hold one class
LOOKED_UP = 200  # of them, evenly spread, whose values are looked for on the disk
LONGEST_PATH = 1000  # characters; a caption or a picture in base64 is no path
MOST_FILLED = 0.5  # share of a column's values from which it is what they are
LABEL_WORDS = ("label", "class", "categor", "target", "species", "klasse", "etikett")
SPLITS = frozenset({"train", "training", "test", "val", "valid", "validation", "dev", "eval"})
NUMBER = re.compile(r"[-+]?[\d.,:/T\sZ%-]+")  # dates and times, too


@dataclass(frozen=True, kw_only=True)
class Guess:
    """A column, None where a person has to choose, and in words why it was taken; "" where it was named."""

    column: str | None = None
    why: str = ""


def guess_path(table: Table, images: Path) -> Guess:
    """Return the column whose values are files below `images`; else the one with a usual name."""
    header, rows = _read(table)
    by_name = _named(header, PATH_COLUMNS)
    looked_up = rows[:: max(1, len(rows) // LOOKED_UP)][:LOOKED_UP]
    counts = [_count_files(_column(looked_up, k), images) for k in range(len(header))]
    # Of two that are as good, the one with the usual name, then the first.
    best = max(range(len(header)), key=lambda k: (counts[k][0], k == by_name, -k), default=None)
    if best is not None and counts[best][0] > 0 and (by_name is None or counts[best][0] > counts[by_name][0]):
        by_name = best
    if by_name is None:
        return Guess()
    found, of = counts[by_name]
    return Guess(column=header[by_name], why=f"{found:,} of {of:,} are files here")


def guess_label(table: Table, path_column: str | None) -> Guess:
    """Return the column that holds labels: few different values, and a name or folders that say so.

    Where several may be meant, nothing in the table says which, and none is returned.
    """
    header, rows = _read(table)
    path_at = header.index(path_column) if path_column in header else None
    fitting = [k for k, name in enumerate(header) if name != path_column and _may_be_labels(_column(rows, k))]
    by_name = _named(header, LABEL_COLUMNS)
    choices = (
        [k for k in fitting if k == by_name],
        [k for k in fitting if any(word in header[k].casefold() for word in LABEL_WORDS)],
        [k for k in fitting if path_at is not None and _are_folders(rows, path_at, k)],
        [k for k in fitting if not all(NUMBER.fullmatch(value) for value in _column(rows, k))],
        fitting,
    )
    chosen = next((each for each in choices if each), [])
    if len(chosen) != 1:
        return Guess()
    values = _column(rows, chosen[0])
    return Guess(column=header[chosen[0]], why=f"{len(set(values)):,} values in {len(values):,} rows")


def _read(table: Table) -> tuple[list[str], list[Sequence[str]]]:
    records = table.records()
    next(records)
    rows = (record.cells for record in records if any(record.cells))
    return table.header(), list(itertools.islice(rows, READ))


def _column(rows: Sequence[Sequence[str]], k: int) -> list[str]:
    """Return the values of a column, the empty ones left out."""
    return [value for row in rows if k < len(row) and (value := row[k].strip())]


def _named(header: Sequence[str], usual: Sequence[str]) -> int | None:
    lowered = [name.lower().replace(" ", "_") for name in header]
    return next((lowered.index(name) for name in usual if name in lowered), None)


def _count_files(values: Sequence[str], images: Path) -> tuple[int, int]:
    """Return how many of the values are files below `images`, and of how many."""
    names = [value for value in values if len(value) <= LONGEST_PATH]
    return sum(locate(name, images, set())[1] is None for name in names), len(values)


def _may_be_labels(values: Sequence[str]) -> bool:
    different = set(values)
    if not 2 <= len(different) <= max(2, MOST_FILLED * len(values)):
        return False
    return not {value.casefold() for value in different} <= SPLITS


def _are_folders(rows: Sequence[Sequence[str]], path_at: int, k: int) -> bool:
    """Return whether most values of column `k` are folders in the path of their row."""
    whole = [row for row in rows if max(path_at, k) < len(row)]
    same = sum(row[k].strip().casefold() in re.split(r"[/\\]", row[path_at].casefold())[:-1] for row in whole)
    return bool(whole) and same >= MOST_FILLED * len(whole)
