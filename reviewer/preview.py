"""What a workspace would hold, before it is made."""

import itertools
import os
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from reviewer.browse import printable
from reviewer.columns import Guess, guess_label, guess_path
from reviewer.errors import ReviewerError
from reviewer.folders import data_folder
from reviewer.sources import Fault, Source, locate, read_folder, read_labels
from reviewer.table import Table, find_column, read_table
from reviewer.workspace import FILE as WORKSPACE_FILE

N_CLASSES = 60
N_FAULTS = 8
N_ROWS = 8
N_CELLS = 40  # of a row
LONGEST_CELL = 200  # characters


@dataclass(frozen=True, kw_only=True)
class PreviewRow:
    """One of the first rows. cells: as they stand in the table, long ones cut. path: the image below the
    folder, None where it is not known or not there, which `problem` says, "" where nothing is wrong."""

    cells: tuple[str, ...]
    path: str | None = None
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class ClassCount:
    """A class and how many samples carry it."""

    name: str
    count: int


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What was found. columns: header of the table, () without one; path_column, label_column: as named
    or guessed, None where a person has to choose, and then nothing is counted; path_why, label_why: what
    speaks for a guess. n_samples: those that can be reviewed. classes, faults: the first of n_classes and
    n_faults; rows: the first of the table. place: a folder for the workspace. problem: why these columns
    make no data set, "" where they do.
    """

    columns: tuple[str, ...] = ()
    path_column: str | None = None
    label_column: str | None = None
    path_why: str = ""
    label_why: str = ""
    n_rows: int = 0
    n_samples: int = 0
    n_classes: int = 0
    n_faults: int = 0
    classes: tuple[ClassCount, ...] = ()
    faults: tuple[Fault, ...] = ()
    rows: tuple[PreviewRow, ...] = ()
    place: str = ""
    problem: str = ""


def preview_source(
    images: Path,
    labels: Path | None = None,
    path_column: str | None = None,
    label_column: str | None = None,
) -> Preview:
    """Return what a folder of images, with or without a table of labels, would become.

    Columns that are not named are guessed. Raises ReviewerError where no workspace can be made of it.
    """
    if not images.is_dir():
        raise ReviewerError(f"{images} is not a folder; choose the folder of the images.")
    if labels is None:
        return _counted(Preview(), read_folder(images), images)
    try:
        data = labels.read_bytes()
    except OSError as error:
        raise ReviewerError(f"{labels} cannot be read ({error.strerror}); choose another table.") from error
    table = read_table(data)
    header = table.header()
    path = _known(header, path_column) or guess_path(table, images)
    label = _known(header, label_column) or guess_label(table, path.column)
    asked = Preview(
        columns=tuple(header),
        path_column=path.column,
        label_column=label.column,
        path_why=path.why,
        label_why=label.why,
        rows=_first_rows(table, images, path.column),
        place=str(suggested_place(images)),
    )
    if path.column is None or label.column is None:
        return asked
    try:
        source = read_labels(data, images, path_column=path.column, label_column=label.column)
    except ReviewerError as error:
        return replace(asked, problem=str(error))  # another choice of columns may do
    return _counted(asked, source, images)


def _known(header: list[str], named: str | None) -> Guess | None:
    """Return the column that a person named; None where none was, or the table has none of that name."""
    return Guess(column=named) if named in header else None


def _first_rows(table: Table, images: Path, path_column: str | None) -> tuple[PreviewRow, ...]:
    at = None if path_column is None else find_column(table.header(), path_column, (), "")
    records = itertools.islice((record.cells for record in table.records() if any(record.cells)), 1, None)
    rows = []
    for cells in itertools.islice(records, N_ROWS):
        given = cells[at].strip() if at is not None and at < len(cells) else ""
        path, problem = locate(given, images, set()) if given else ("", "the row names no path")
        rows.append(
            PreviewRow(
                cells=tuple(cell[:LONGEST_CELL] for cell in cells[:N_CELLS]),
                path=path if problem is None else None,
                problem=(problem or "") if at is not None else "",
            )
        )
    return tuple(rows)


def _counted(asked: Preview, source: Source, images: Path) -> Preview:
    counts = Counter(each.given_label for each in source.samples if each.problem is None)
    rows = asked.rows or tuple(
        PreviewRow(cells=(sample.path, sample.given_label), path=sample.path)
        for sample in _spread(source, N_ROWS)
    )
    return replace(
        asked,
        n_rows=len(source.samples),
        n_samples=counts.total(),
        n_classes=len(source.classes),
        n_faults=len(source.faults),
        classes=tuple(ClassCount(name=name, count=counts[name]) for name in source.classes[:N_CLASSES]),
        faults=source.faults[:N_FAULTS],
        rows=rows,
        place=str(suggested_place(images)),
    )


def _spread(source: Source, n: int) -> tuple:
    """Return n samples of a folder, from its first to its last class: the first ones are all of one."""
    return source.samples[:: max(1, -(-len(source.samples) // n))][:n]


def suggested_place(images: Path) -> Path:
    """Return a folder that does not exist yet: beside the images, or where the person's data is kept."""
    name = f"{printable(images.name) or 'images'}-labelsieve"
    beside = images.absolute().parent
    # Inside another workspace, or a folder of the system's, a new one would surprise.
    free = os.access(beside, os.W_OK) and not (beside / WORKSPACE_FILE).exists() and beside != beside.parent
    folder = beside if free else data_folder() / "workspaces"
    names = (name, *(f"{name}-{number}" for number in range(2, 1000)))
    return next((folder / each for each in names if not (folder / each).exists()), folder / name)
