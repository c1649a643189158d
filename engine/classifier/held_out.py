"""Labelled pictures that a classifier is measured on and never trained on."""

import csv
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.errors import EngineError
from engine.manifest import Manifest, Pin
from engine.pixels import read_pixels
from engine.progress import Report
from engine.rows import Rows


@dataclass(frozen=True, kw_only=True)
class Held:
    """pixels: uint8 (n, S, S, 3). labels: (n,) int64 in [0, K); n ≥ 1."""

    pixels: Rows
    labels: np.ndarray


def read_held(
    table: Path,
    class_names: tuple[str, ...],
    cache: Path,
    size: int,
    report: Report,
    note: Callable[[str], None],
) -> Held:
    """Return the pictures of a table as squares of `size` pixels, see `read_labelled`.

    Those that cannot be read are left out, and `note` is given a sentence; EngineError where none can.
    """
    manifest, root = read_labelled(table, class_names), table.resolve().parent
    pictures = read_pixels(manifest, root, store_of(cache, root), size, report)
    if not pictures.kept:
        fault = pictures.faults[0]
        raise EngineError(
            f"None of the {len(manifest)} images in {table} can be read ({fault.path}: {fault.problem})."
        )
    if pictures.faults:
        note(f"{len(pictures.faults)} of the {len(manifest)} images in {table} cannot be read.")
    return Held(pixels=pictures.pixels, labels=manifest.given[list(pictures.kept)])


def store_of(cache: Path, root: Path) -> Path:
    """Return the folder for the squares of the pictures below `root`, which are known by their path there."""
    name = hashlib.blake2b(str(root.resolve()).encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
    return cache / f"held-out-{name}"


def read_labelled(table: Path, class_names: tuple[str, ...]) -> Manifest:
    """Return the pictures of a table with the columns path and label; paths are relative to its folder.

    Raises EngineError for a missing column, a label outside the classes, and a table without rows.
    """
    paths, given = [], []
    index = {name: k for k, name in enumerate(class_names)}
    with table.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.DictReader(file)
        if not {"path", "label"} <= set(reader.fieldnames or ()):
            raise EngineError(
                f"{table} has the columns {', '.join(reader.fieldnames or ())}; it needs path and label."
            )
        for row in reader:
            if row["label"] not in index:
                raise EngineError(
                    f"{table}, line {reader.line_num}: the label {row['label']!r} is none of the classes."
                )
            paths.append(row["path"])
            given.append(index[row["label"]])
    if not paths:
        raise EngineError(f"{table} has no rows; it names labelled images that are not trained on.")
    return Manifest(
        sample_ids=tuple(map(str, range(len(paths)))),
        paths=tuple(paths),
        given=np.asarray(given, dtype=np.int64),
        class_names=class_names,
        class_prompts=class_names,
        pins=(Pin.NONE,) * len(paths),
        pin_labels=((),) * len(paths),
    )
