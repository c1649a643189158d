"""`manifest.csv`: the samples of one run, with the labels and the decisions that it saw."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import numpy as np

from engine.errors import EngineError

COLUMNS = ("sample_id", "path", "label", "pin", "pin_labels")


class Pin(StrEnum):
    """What people decided about a sample before the run (methods §12.1)."""

    NONE = ""
    CLEAN = "clean"
    RELABELLED = "relabelled"
    AMBIGUOUS = "ambiguous"
    EXCLUDED = "excluded"


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Samples in rows; row i of every array that a detector returns belongs to row i here.

    sample_ids: unique, (N,). paths: with forward slashes, relative to the image root, (N,).
    given: class index of the given label, (N,) int64 in [0, K). class_names, class_prompts: (K,).
    pins: (N,). pin_labels: class indices that people chose, (N,), empty where nothing was chosen.
    """

    sample_ids: tuple[str, ...]
    paths: tuple[str, ...]
    given: np.ndarray
    class_names: tuple[str, ...]
    class_prompts: tuple[str, ...]
    pins: tuple[Pin, ...]
    pin_labels: tuple[tuple[int, ...], ...]

    def __len__(self) -> int:
        return len(self.sample_ids)

    @property
    def n_classes(self) -> int:
        """K."""
        return len(self.class_names)

    def take(self, rows: Sequence[int]) -> "Manifest":
        """Return the manifest of these rows, in this order."""
        return replace(
            self,
            sample_ids=tuple(self.sample_ids[i] for i in rows),
            paths=tuple(self.paths[i] for i in rows),
            given=self.given[np.asarray(rows, dtype=np.int64)],
            pins=tuple(self.pins[i] for i in rows),
            pin_labels=tuple(self.pin_labels[i] for i in rows),
        )

    def active(self) -> "Manifest":
        """Return the samples that take part, in `sample_id` order.

        Excluded rows are gone as if they had never been there, and the order does not depend on the
        order of the file, so a permuted manifest gives the permuted result.
        """
        rows = [i for i, pin in enumerate(self.pins) if pin is not Pin.EXCLUDED]
        return self.take(sorted(rows, key=lambda i: self.sample_ids[i]))

    def known(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows that people settled, (M,) int64, and their targets, (M, K) float32.

        A target is one-hot for a confirmed or corrected label and uniform over the chosen classes of
        an ambiguous sample (methods §16, §20).
        """
        rows = [i for i, labels in enumerate(self.pin_labels) if labels]
        targets = np.zeros((len(rows), self.n_classes), dtype=np.float32)
        for row, i in enumerate(rows):
            targets[row, list(self.pin_labels[i])] = 1.0 / len(self.pin_labels[i])
        return np.asarray(rows, dtype=np.int64), targets

    def current(self) -> np.ndarray:
        """Return the label to vote with: the chosen class where there is one, else the given, (N,)."""
        labels = self.given.copy()
        for i, chosen in enumerate(self.pin_labels):
            if len(chosen) == 1:
                labels[i] = chosen[0]
        return labels


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write `manifest` as UTF-8 CSV; class names stand in it, not indices.

    A file name need not be UTF-8; its bytes pass through unchanged.
    """
    names = manifest.class_names
    with path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for i, sample_id in enumerate(manifest.sample_ids):
            chosen = [names[k] for k in manifest.pin_labels[i]]
            labels = json.dumps(chosen, ensure_ascii=False) if chosen else ""
            writer.writerow(
                [sample_id, manifest.paths[i], names[manifest.given[i]], manifest.pins[i], labels]
            )


def read_manifest(path: Path, classes: Sequence[tuple[str, str]]) -> Manifest:
    """Read `manifest.csv`; `classes` are (name, prompt) pairs, K ≥ 2, names unique.

    Raises EngineError for a missing column, a repeated sample, or a label outside the classes.
    """
    names = tuple(name for name, _ in classes)
    if len(set(names)) < 2 or len(set(names)) != len(names):
        raise EngineError(
            f"The classes are {', '.join(map(repr, names)) or 'none'}; finding wrong labels needs at "
            "least two, each named once."
        )
    index = {name: k for k, name in enumerate(names)}
    ids, paths, given, pins, chosen = [], [], [], [], []
    try:
        file = path.open(encoding="utf-8", errors="surrogateescape", newline="")
    except FileNotFoundError:
        raise EngineError(f"{path} does not exist; a run directory needs a manifest.csv.") from None
    with file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise EngineError(
                f"{path} has the columns {', '.join(reader.fieldnames or ())}; it needs {', '.join(COLUMNS)}."
            )
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            ids.append(row["sample_id"])
            paths.append(row["path"])
            given.append(_class_index(index, row["label"], where))
            if row["pin"] not in set(Pin):
                raise EngineError(
                    f"{where}: the pin is {row['pin']!r}; it is one of {', '.join(Pin) or ''} or empty."
                )
            pins.append(Pin(row["pin"]))
            labels = json.loads(row["pin_labels"]) if row["pin_labels"] else []
            chosen.append(tuple(_class_index(index, label, where) for label in labels))
    if len(set(ids)) != len(ids):
        raise EngineError(f"{path} names a sample twice; every sample_id stands once.")
    return Manifest(
        sample_ids=tuple(ids),
        paths=tuple(paths),
        given=np.asarray(given, dtype=np.int64),
        class_names=names,
        class_prompts=tuple(prompt for _, prompt in classes),
        pins=tuple(pins),
        pin_labels=tuple(chosen),
    )


def _class_index(index: dict[str, int], label: str, where: str) -> int:
    try:
        return index[label]
    except KeyError:
        raise EngineError(f"{where}: the label {label!r} is none of the classes; add it there.") from None


class LeadsOutside(EngineError):
    """This path names a file outside the image folder."""


def resolve_inside(root: Path, relative: str) -> Path:
    """Return the file that `relative` names below `root`, links followed.

    Raises LeadsOutside when it lies outside `root`, through `..`, an absolute path or a link: labels
    come from elsewhere, and a table must not be able to name any file of the machine. Raises EngineError
    for a name that no file can have, or links in a circle.
    """
    if "\0" in relative:
        raise EngineError(f"{relative!r} holds a zero byte; no file is named so.")
    try:
        base = root.resolve()
        path = (base / relative).resolve()
    except (OSError, RuntimeError) as error:  # links in a circle
        raise EngineError(f"{relative!r} cannot be followed ({error}); mend the link.") from error
    if not path.is_relative_to(base):
        raise LeadsOutside(f"{relative!r} leads outside the image folder; only files in it are read.")
    return path
