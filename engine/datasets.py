"""Data sets whose true labels are known, for `python -m engine evaluate`: one .npz file.

    images         uint8 (N, H, W, 3), RGB
    clean          integers (N,), the true labels
    class_names    strings (K,)
    class_prompts  strings (K,), what the text tower reads; may be missing, then the names
    any other      integers (N,), the given labels of one label set

Such a file comes from elsewhere: no pickle in it is opened, and nothing in it is used unchecked. Where the
images are files, a data set is a folder of `engine.prepared`.
"""

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile

from engine.errors import EngineError
from engine.prepared import TABLE, Files, read_prepared

IMAGES, TRUE, NAMES, PROMPTS = "images", "clean", "class_names", "class_prompts"


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """N images with a given and a true label each.

    labels: what the label set is called. images: uint8 (N, H, W, 3). given, true: class index, (N,) int64 in
    [0, K). class_names: (K,), unique. N ≥ 2, K ≥ 2. class_prompts: (K,), the names unless given otherwise.
    files: where the images are files; `images` is then (N, 0, 0, 3).
    """

    labels: str
    images: np.ndarray
    given: np.ndarray
    true: np.ndarray
    class_names: tuple[str, ...]
    class_prompts: tuple[str, ...] = ()
    files: Files | None = None

    def __post_init__(self) -> None:
        if not self.class_prompts:
            object.__setattr__(self, "class_prompts", self.class_names)

    def __len__(self) -> int:
        return len(self.images)

    @property
    def is_clean(self) -> np.ndarray:
        """Whether the given label is the true one, (N,) bool."""
        return self.given == self.true


def read_dataset(path: Path, labels: str) -> Dataset:
    """Read the images and the label set `labels`; raises EngineError with one sentence for any fault.

    path: an .npz file, or a folder of `engine.prepared`, whose images are not opened here.
    """
    if path.is_dir():
        return _read_folder(path, labels)
    try:
        archive = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise EngineError(f"{path} does not exist; a data set is an .npz file.") from None
    except Exception as error:  # zipfile, zlib and numpy fail in ways of their own; so below
        raise EngineError(f"{path} is no .npz file ({_reason(error)}); write it with numpy.savez.") from error
    if not isinstance(archive, NpzFile):
        raise EngineError(f"{path} is one array, no .npz file; write it with numpy.savez.")
    with archive:
        images, names = _read_images(archive, path), _read_names(archive, path)
        true = _read_labels(archive, path, TRUE, len(images), len(names))
        prompts = _read_names(archive, path, PROMPTS) if PROMPTS in archive.files else names
        if len(prompts) != len(names):
            raise EngineError(f"{path} has {len(names)} classes and {len(prompts)} prompts; it has to match.")
        if labels not in archive.files:
            raise _no_labels(path, labels, _label_keys(archive, path, len(images), len(names)))
        given = _read_labels(archive, path, labels, len(images), len(names))
    return Dataset(
        labels=labels, images=images, given=given, true=true, class_names=names, class_prompts=prompts
    )


def _read_folder(folder: Path, labels: str) -> Dataset:
    if not (folder / TABLE).exists():
        raise EngineError(f"{folder} is no .npz file, and a folder without {TABLE}; name one or the other.")
    found = read_prepared(folder)
    unknown = np.flatnonzero(found.true < 0)
    if len(unknown):
        raise EngineError(
            f"Row {unknown[0] + 1} of {folder / TABLE} has no true_label; measuring needs one for each image."
        )
    sets = {found.labels: found.given, TRUE: found.true}
    if labels not in sets:
        raise _no_labels(folder, labels, list(sets))
    return Dataset(
        labels=labels,
        images=np.empty((len(found.true), 0, 0, 3), dtype=np.uint8),
        given=sets[labels],
        true=found.true,
        class_names=found.class_names,
        class_prompts=found.class_prompts,
        files=found.files,
    )


def _no_labels(path: Path, labels: str, known: Sequence[str]) -> EngineError:
    near = difflib.get_close_matches(labels, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return EngineError(
        f"{path} has no labels {labels!r}; its label sets are {', '.join(known) or 'none'}.{hint}"
    )


def write_dataset(
    path: Path,
    images: np.ndarray,
    true: np.ndarray,
    class_names: Sequence[str],
    class_prompts: Sequence[str],
    label_sets: Mapping[str, np.ndarray],
    about: str = "",
) -> None:
    """Write an .npz file that `read_dataset` reads; it appears whole or not at all. about: for people."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    values = {
        IMAGES: images,
        TRUE: true,
        NAMES: np.asarray(class_names),
        PROMPTS: np.asarray(class_prompts),
        **label_sets,
        "about": np.asarray(about),
    }
    try:
        with part.open("wb") as file:
            np.savez(file, allow_pickle=False, **values)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__


def _read(archive: NpzFile, path: Path, key: str) -> np.ndarray:
    if key not in archive.files:
        raise EngineError(f"{path} has no {key}; a data set has {IMAGES}, {TRUE}, {NAMES} and label sets.")
    try:
        value = archive[key]
    except Exception as error:
        raise EngineError(
            f"{key} in {path} cannot be read ({_reason(error)}); write the file again."
        ) from error
    # What is no array comes back as its bytes.
    if not isinstance(value, np.ndarray):
        raise EngineError(f"{key} in {path} is no array; write the file with numpy.savez.")
    return value


def _read_images(archive: NpzFile, path: Path) -> np.ndarray:
    images = _read(archive, path, IMAGES)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3 or 0 in images.shape[1:3]:
        raise EngineError(
            f"{IMAGES} in {path} is {_kind(images)}; it has to be uint8 (N, height, width, 3), RGB."
        )
    if len(images) < 2:
        raise EngineError(f"{path} has {len(images)} images; finding wrong labels needs at least two.")
    return images


def _read_names(archive: NpzFile, path: Path, key: str = NAMES) -> tuple[str, ...]:
    stored = _read(archive, path, key)
    if stored.dtype.kind != "U" or stored.ndim != 1:
        raise EngineError(f"{key} in {path} is {_kind(stored)}; it has to be one string per class.")
    try:
        names = tuple(stored.tolist())
    except (ValueError, SystemError) as error:  # a number that is no character
        raise EngineError(f"{key} in {path} cannot be read ({_reason(error)}); write it again.") from error
    for name in names:
        if not name.strip() or not name.isprintable():
            raise EngineError(
                f"{key} in {path} holds {name!r}; a name is one line of text that a prompt can hold."
            )
    if key == NAMES and (len(names) < 2 or len(set(names)) != len(names)):
        raise EngineError(
            f"{key} in {path} is {_some(map(repr, names))}; finding wrong labels needs at least two "
            "classes, each named once."
        )
    return names


def _read_labels(archive: NpzFile, path: Path, key: str, n_samples: int, n_classes: int) -> np.ndarray:
    labels = _read(archive, path, key)
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise EngineError(f"{key} in {path} is {_kind(labels)}; labels are integers, one per image.")
    if len(labels) != n_samples:
        raise EngineError(
            f"{key} in {path} has {len(labels)} labels for {n_samples} images; it has to match."
        )
    outside = np.flatnonzero((labels < 0) | (labels >= n_classes))
    if len(outside):
        raise EngineError(
            f"{key}[{outside[0]}] in {path} is {labels[outside[0]]}; there are {n_classes} classes, so a "
            f"label is 0 to {n_classes - 1}."
        )
    return labels.astype(np.int64)


def _label_keys(archive: NpzFile, path: Path, n_samples: int, n_classes: int) -> list[str]:
    keys = []
    for key in archive.files:
        if key in (IMAGES, TRUE, NAMES, PROMPTS):
            continue
        try:
            _read_labels(archive, path, key, n_samples, n_classes)
        except EngineError:
            continue
        keys.append(key)
    return keys


def _kind(array: np.ndarray) -> str:
    return f"{array.dtype} {array.shape}"


def _some(words: Iterable[str], most: int = 5) -> str:
    listed = list(words)
    return ", ".join([*listed[:most], *(["…"] if len(listed) > most else [])]) or "empty"
