"""A benchmark as its own folder holds it, and what its readers share: finding files, lists, labels."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from engine.decoding import SUFFIXES
from engine.errors import EngineError


@dataclass(frozen=True, kw_only=True)
class Split:
    """N samples of a benchmark, in its own order; either `images` or `paths`.

    images: uint8 (N, H, W, 3), RGB, or None. paths: with forward slashes, relative to the benchmark's root.
    true: (N,) int64 in [0, K), or None where nobody knows. given: the label sets that the benchmark has of
    its own, by name, each (N,) int64 in [0, K).
    """

    images: np.ndarray | None = None
    paths: tuple[str, ...] = ()
    true: np.ndarray | None = None
    given: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.paths) if self.images is None else len(self.images)


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A benchmark with K classes.

    root: the folder that paths are relative to. class_names: as in the data set, unique. class_prompts: what
    a text tower reads. splits: by name. absent: why a split that others have is not here, a sentence each.
    coarse: the super-class of each class, (K,), or None.
    """

    name: str
    root: Path
    class_names: tuple[str, ...]
    class_prompts: tuple[str, ...]
    splits: Mapping[str, Split]
    absent: Mapping[str, str] = field(default_factory=dict)
    coarse: np.ndarray | None = None

    def split(self, name: str) -> Split:
        """Return the split `name`, or raise EngineError with those that there are."""
        if name in self.splits:
            return self.splits[name]
        raise EngineError(
            self.absent.get(name)
            or f"{self.name} has no split {name!r}; its splits are {', '.join(self.splits)}."
        )


def locate(root: Path, folders: Sequence[str], marker: str, source: str) -> Path:
    """Return the first of `root` and the `folders` in it that holds `marker`; else EngineError.

    folders: how it is called when unpacked, the usual name first. source: what is to be unpacked.
    """
    for folder in (root, *(root / each for each in folders)):
        if (folder / marker).exists():
            return folder
    wanted = root / folders[0] / marker
    raise EngineError(f"{wanted} is not there; unpack {source} into {root}, or name its folder with --root.")


def require(path: Path, source: str) -> Path:
    """Return `path`, or raise EngineError where it is not there; source: where the file comes from."""
    if path.exists():
        return path
    raise EngineError(f"{path} is not there; it is part of {source}, so put it there.")


def read_lines(path: Path, source: str) -> list[str]:
    """Return the lines of a text file that are neither empty nor comments (#); EngineError for faults."""
    try:
        text = require(path, source).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise EngineError(
            f"{path} is not UTF-8 ({error.reason}); take the file as it was published."
        ) from None
    except IsADirectoryError:
        raise EngineError(f"{path} is a folder; it has to be a text file of {source}.") from None
    return [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]


def read_table(path: Path, source: str, n_columns: int) -> list[list[str]]:
    """Return the first `n_columns` words of every line; EngineError for a line with fewer."""
    rows = []
    for line in read_lines(path, source):
        words = line.split()
        if len(words) < n_columns:
            raise EngineError(f"{path} has the line {line[:80]!r}; each line has {n_columns} words.")
        rows.append(words[:n_columns])
    return rows


def whole(text: str, path: Path) -> int:
    """Return the whole number that `text` is; EngineError names the file for any other text."""
    try:
        return int(text)
    except ValueError:
        raise EngineError(f"{path} has {text[:80]!r} where a number belongs; take it as published.") from None


def check_labels(labels: Sequence[int] | np.ndarray, n_classes: int, where: Path) -> np.ndarray:
    """Return `labels` as (N,) int64, or raise EngineError where one is none of the K classes."""
    try:
        array = np.asarray(labels)
    except ValueError:  # lists of different lengths
        array = np.empty((0, 0))
    if array.ndim != 1 or (array.dtype.kind not in "iu" and len(array)):
        raise EngineError(f"The labels in {where} are no list of whole numbers; take the file as published.")
    array = array.astype(np.int64)
    outside = np.flatnonzero((array < 0) | (array >= n_classes))
    if len(outside):
        raise EngineError(
            f"{where} has the label {array[outside[0]]}; there are {n_classes} classes, counted from 0."
        )
    return array


def readable(name: str) -> str:
    """Return the name with blanks for underscores."""
    return " ".join(name.replace("_", " ").split()) or name


def image_names(folder: Path) -> list[str]:
    """Return the names of the image files in a folder, sorted; none where it is not there."""
    try:
        with os.scandir(folder) as entries:
            return sorted(each.name for each in entries if each.name.lower().endswith(SUFFIXES))
    except (FileNotFoundError, NotADirectoryError):
        return []


def folder_names(folder: Path) -> list[str]:
    """Return the names of the folders in a folder, sorted; none where it is not there."""
    try:
        with os.scandir(folder) as entries:
            return sorted(each.name for each in entries if each.is_dir() and not each.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []
