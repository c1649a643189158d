"""A data set whose images are files, with given and true labels in a table: what `prepare` writes.

    labels.csv     path, given_label, true_label: class names; no true_label where nobody knows it
    dataset.json   image root, classes and prompts in their order, what was planted; may be missing

`labels.csv` is a table for `python -m reviewer init`, too. The images stay where they are. A folder that
somebody made by hand needs only the table: its images are then looked for in the folder itself, and its
classes are the names in the table, sorted.
"""

import csv
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import EngineError
from engine.manifest import Manifest
from engine.progress import Report

if TYPE_CHECKING:
    from engine.rows import Rows

TABLE, FACTS = "labels.csv", "dataset.json"
COLUMNS = ("path", "given_label", "true_label")


@dataclass(frozen=True, kw_only=True)
class Files:
    """Images as files: paths, (N,), with forward slashes, relative to `root`."""

    root: Path
    paths: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What a folder says: N samples of K classes.

    labels: what its label set is called. given: (N,) int64 in [0, K). true: the same, −1 where the table has
    no true label.
    """

    labels: str
    files: Files
    given: np.ndarray
    true: np.ndarray
    class_names: tuple[str, ...]
    class_prompts: tuple[str, ...]


def write_prepared(folder: Path, prepared: Prepared, about: dict[str, Any]) -> None:
    """Write the folder, which appears whole or not at all; about: further facts for `dataset.json`."""
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    part.mkdir()
    try:
        _write_table(part / TABLE, prepared)
        classes = zip(prepared.class_names, prepared.class_prompts, strict=True)
        facts = {
            "format": 1,
            **about,
            "labels": prepared.labels,
            "image_root": _relative(prepared.files.root, folder),
            "classes": [{"name": name, "prompt": prompt} for name, prompt in classes],
        }
        (part / FACTS).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
        part.rename(folder)
    finally:
        if part.is_dir():
            for each in part.iterdir():
                each.unlink()
            part.rmdir()


def _write_table(path: Path, prepared: Prepared) -> None:
    names = prepared.class_names
    with path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for image, given, true in zip(
            prepared.files.paths, prepared.given.tolist(), prepared.true.tolist(), strict=True
        ):
            writer.writerow((image, names[given], names[true] if true >= 0 else ""))
        file.flush()
        os.fsync(file.fileno())


def _relative(root: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(root.resolve(), folder.resolve())).as_posix()
    except ValueError:  # another drive
        return root.resolve().as_posix()


def read_prepared(folder: Path) -> Prepared:
    """Return what the folder says; raises EngineError with one sentence for any fault."""
    rows = _read_table(folder / TABLE)
    facts = _read_facts(folder / FACTS)
    if facts is None:
        names = tuple(sorted({label for row in rows for label in row[1:] if label}))
        prompts, root, labels = names, folder, "given_label"
    else:
        names, prompts, root, labels = facts
        root = folder / root
    if len(names) < 2 or len(set(names)) != len(names):
        raise EngineError(f"{folder} has {len(names)} classes; it needs at least two, each named once.")
    for name in (*names, *prompts):
        if not name.strip() or not name.isprintable():
            raise EngineError(
                f"{folder} names a class {name!r}; a name is one line of text that a prompt can hold."
            )
    if len(rows) < 2:
        raise EngineError(f"{folder / TABLE} has {len(rows)} rows; finding wrong labels needs at least two.")
    index = {name: k for k, name in enumerate(names)}
    found = np.empty((len(rows), 2), dtype=np.int64)
    for i, (_, *texts) in enumerate(rows):
        for j, label in enumerate(texts):
            if label not in index and (label or j == 0):
                raise EngineError(
                    f"{COLUMNS[j + 1]} in row {i + 1} of {folder / TABLE} is {label!r}, which is none of the "
                    "classes; correct it."
                )
            found[i, j] = index.get(label, -1)
    files = Files(root=root, paths=tuple(row[0] for row in rows))
    return Prepared(
        labels=labels,
        files=files,
        given=found[:, 0],
        true=found[:, 1],
        class_names=names,
        class_prompts=prompts,
    )


def _read_table(path: Path) -> list[tuple[str, str, str]]:
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            reader = csv.DictReader(file)
            header = tuple(reader.fieldnames or ())
            missing = [column for column in COLUMNS if column not in header]
            if missing:
                raise EngineError(
                    f"{path} has no column {missing[0]!r}; it needs {', '.join(COLUMNS)} (with class names)."
                )
            return [(row["path"] or "", row["given_label"] or "", row["true_label"] or "") for row in reader]
    except (FileNotFoundError, NotADirectoryError):
        raise EngineError(f"{path} is not there; a folder to measure on holds a {TABLE}.") from None
    except (csv.Error, IsADirectoryError) as error:
        raise EngineError(f"{path} is no table ({error}); write it again as CSV.") from error


def _read_facts(path: Path) -> tuple[tuple[str, ...], tuple[str, ...], str, str] | None:
    """Return (class names, prompts, image root, label set), or None where there is no such file."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        classes = facts["classes"]
        names, prompts = (tuple(each[key] for each in classes) for key in ("name", "prompt"))
        root, labels = facts["image_root"], facts["labels"]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise EngineError(
            f"{path} is damaged ({type(error).__name__}: {error}); prepare the data set again."
        ) from error
    for value in (*names, *prompts, root, labels):
        if not isinstance(value, str):
            raise EngineError(f"{path} has {value!r} where a text belongs; prepare the data set again.")
    return names, prompts, root, labels


def read_squares(manifest: Manifest, files: Files, cache: Path, size: int, report: Report) -> "Rows":
    """Return each image as the square that a run sees, uint8 (N, size, size, 3), row i of the manifest.

    A figure of a benchmark speaks of all its samples, so one that cannot be read is an EngineError here,
    where a run would leave it out. Only the names of the manifest's samples are taken.
    """
    from engine.pixels import read_pixels  # noqa: PLC0415 - Pillow's plugins

    if not files.root.is_dir():
        raise EngineError(f"The image folder {files.root} is not there; correct image_root in {FACTS}.")
    pictures = read_pixels(replace(manifest, paths=files.paths), files.root, cache, size, report)
    if pictures.faults:
        first = pictures.faults[0]
        raise EngineError(
            f"{len(pictures.faults)} of {len(manifest)} images cannot be read (the first, {first.path!r}: "
            f"{first.problem}); mend them or take their rows out of {TABLE}."
        )
    return pictures.pixels
