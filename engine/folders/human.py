"""The human labels of CIFAR-N (Wei et al. 2022, methods §10.5): .pt, .npz, or one .npy for each label set.

`CIFAR-10_human.pt` is a pickle. It is read with torch's `weights_only`, which runs nothing, and with the few
names let in that rebuild a NumPy array. Its order is that of the python version of CIFAR; the files called
`…_ordered.npy` follow another and are not looked at.
"""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import EngineError
from engine.folders.benchmark import check_labels

CLEAN = "clean_label"
FOLDERS = ("", "data", "cifar-n", "CIFAR-N")


def read_human(root: Path, stem: str, true: np.ndarray, n_classes: int) -> dict[str, np.ndarray]:
    """Return the label sets of `stem` ("CIFAR-10_human"), as human_worse and so on, each (N,) int64.

    Looked for in `root` and beside it, as .pt, .npz (the same keys) or .npy (`stem`_worse.npy: one label set,
    whose order cannot be checked). true: the labels of the training images; those in the file have to equal
    them. Raises EngineError with one sentence for a missing or unsound file.
    """
    folders = [*(root / each for each in FOLDERS), root.parent]
    for folder in folders:
        for path in (folder / f"{stem}.pt", folder / f"{stem}.npz"):
            if path.is_file():
                found = _read_pt(path) if path.suffix == ".pt" else _read_npz(path)
                return _label_sets(found, path, true, n_classes)
        single = [each for each in sorted(folder.glob(f"{stem}_*.npy")) if not each.stem.endswith("_ordered")]
        if single:
            return {
                _key(each.stem.removeprefix(f"{stem}_")): _checked(_read_npy(each), each, true, n_classes)
                for each in single
            }
    raise EngineError(f"{root / f'{stem}.pt'} is not there; put the file of CIFAR-N there.")


def _label_sets(
    found: Mapping[str, Any], path: Path, true: np.ndarray, n_classes: int
) -> dict[str, np.ndarray]:
    if CLEAN not in found:
        raise EngineError(f"{path} has no {CLEAN}, so its order cannot be checked; take CIFAR-N's own file.")
    clean = _checked(found[CLEAN], path, true, n_classes)
    different = np.flatnonzero(clean != true)
    if len(different):
        row = different[0]
        raise EngineError(
            f"{path} says that image {row} is of class {clean[row]}, and the data set says {true[row]}; take "
            "the file in the order of the python version."
        )
    # The coarse label sets speak of super-classes, which are not the classes here.
    keys = [key for key in found if "_label" in key and key != CLEAN and "coarse" not in key]
    if not keys:
        raise EngineError(f"{path} has no label set beside {CLEAN}; take CIFAR-N's own file.")
    return {_key(key): _checked(found[key], path, true, n_classes) for key in keys}


def _key(name: str) -> str:
    return f"human_{name.replace('_label', '')}"


def _checked(labels: Any, path: Path, true: np.ndarray, n_classes: int) -> np.ndarray:
    found = check_labels(labels, n_classes, path)
    if len(found) != len(true):
        raise EngineError(f"{path} has {len(found)} labels for {len(true)} training images; it has to match.")
    return found


def _read_pt(path: Path) -> Mapping[str, Any]:
    import torch  # noqa: PLC0415 - seconds
    from numpy._core import multiarray  # noqa: PLC0415 - only for this
    from torch.serialization import safe_globals  # noqa: PLC0415 - as torch

    rebuild = multiarray._reconstruct  # type: ignore[attr-defined]
    # Before NumPy 2 the module was called numpy.core.
    allowed: list[Any] = [
        (rebuild, "numpy._core.multiarray._reconstruct"),
        (rebuild, "numpy.core.multiarray._reconstruct"),
        np.ndarray,
        np.dtype,
        np.dtypes.Int64DType,
        np.dtypes.Int32DType,
    ]
    try:
        with safe_globals(allowed):
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch, pickle and zipfile fail in ways of their own
        raise EngineError(
            f"{path} holds more than plain arrays, or is damaged ({type(error).__name__}); it was not "
            "opened, so take CIFAR-N's own file, or write its arrays with numpy.savez."
        ) from error
    if not isinstance(found, dict):
        raise EngineError(f"{path} holds {type(found).__name__}, no label sets; take CIFAR-N's own file.")
    return {str(key): value for key, value in found.items()}


def _read_npz(path: Path) -> Mapping[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise EngineError(f"{path} is no .npz file of plain arrays; write it with numpy.savez.") from error


def _read_npy(path: Path) -> np.ndarray:
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise EngineError(f"{path} is no plain array; write it with numpy.save, as integers.") from error
