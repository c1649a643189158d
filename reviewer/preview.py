"""What a workspace would hold, before it is made."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from reviewer.browse import printable
from reviewer.errors import ReviewerError
from reviewer.folders import data_folder
from reviewer.sources import LABEL_COLUMNS, PATH_COLUMNS, Fault, Source, read_folder, read_labels
from reviewer.table import find_column, read_table
from reviewer.workspace import FILE as WORKSPACE_FILE

N_CLASSES = 60
N_FAULTS = 8


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What was found. columns: header of the table, () without one; path_column, label_column: as named
    or guessed, None where a person has to choose, and then nothing is counted. n_samples: those that can
    be reviewed. classes, faults: the first of n_classes and n_faults. place: a folder for the workspace.
    problem: why these columns make no data set, "" where they do.
    """

    columns: tuple[str, ...] = ()
    path_column: str | None = None
    label_column: str | None = None
    n_rows: int = 0
    n_samples: int = 0
    n_classes: int = 0
    n_faults: int = 0
    classes: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    place: str = ""
    problem: str = ""


def preview_source(
    images: Path,
    labels: Path | None = None,
    path_column: str | None = None,
    label_column: str | None = None,
) -> Preview:
    """Return what a folder of images, with or without a table of labels, would become.

    Raises ReviewerError where no workspace can be made of it.
    """
    if not images.is_dir():
        raise ReviewerError(f"{images} is not a folder; choose the folder of the images.")
    if labels is None:
        return _counted(read_folder(images), images)
    try:
        data = labels.read_bytes()
    except OSError as error:
        raise ReviewerError(f"{labels} cannot be read ({error.strerror}); choose another table.") from error
    header = read_table(data).header()
    path_column = _column(header, path_column, PATH_COLUMNS)
    label_column = _column(header, label_column, LABEL_COLUMNS)
    asked = Preview(
        columns=tuple(header),
        path_column=path_column,
        label_column=label_column,
        place=str(suggested_place(images)),
    )
    if path_column is None or label_column is None:
        return asked
    try:
        source = read_labels(data, images, path_column=path_column, label_column=label_column)
    except ReviewerError as error:
        return replace(asked, problem=str(error))  # another choice of columns may do
    return _counted(source, images, tuple(header))


def _column(header: list[str], named: str | None, guesses: tuple[str, ...]) -> str | None:
    try:
        return header[find_column(header, named, guesses, "")]
    except ReviewerError:
        return None


def _counted(source: Source, images: Path, columns: tuple[str, ...] = ()) -> Preview:
    return Preview(
        columns=columns,
        path_column=source.path_column if columns else None,
        label_column=source.label_column if columns else None,
        n_rows=len(source.samples),
        n_samples=sum(1 for sample in source.samples if sample.problem is None),
        n_classes=len(source.classes),
        n_faults=len(source.faults),
        classes=source.classes[:N_CLASSES],
        faults=source.faults[:N_FAULTS],
        place=str(suggested_place(images)),
    )


def suggested_place(images: Path) -> Path:
    """Return a folder that does not exist yet: beside the images, or where the person's data is kept."""
    name = f"{printable(images.name) or 'images'}-labelsieve"
    beside = images.absolute().parent
    # Inside another workspace, or a folder of the system's, a new one would surprise.
    free = os.access(beside, os.W_OK) and not (beside / WORKSPACE_FILE).exists() and beside != beside.parent
    folder = beside if free else data_folder() / "workspaces"
    names = (name, *(f"{name}-{number}" for number in range(2, 1000)))
    return next((folder / each for each in names if not (folder / each).exists()), folder / name)
