"""Stanford Cars (Krause et al. 2013): 196 makes and models, 8,144 training and 8,041 test images."""

from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import EngineError
from engine.folders.benchmark import Benchmark, Split, check_labels, locate, readable, require

SOURCE = "Stanford Cars' devkit"
TEST = "cars_test_annos_withlabels.mat"


def read_cars(root: Path) -> Benchmark:
    """Return Cars; its test split needs `cars_test_annos_withlabels.mat`, published after the devkit."""
    folder = locate(root, ["stanford_cars"], "devkit/cars_meta.mat", SOURCE)
    path = folder / "devkit" / "cars_meta.mat"
    names = tuple(" ".join(str(name).split()) for name in np.atleast_1d(_read(path, "class_names")).tolist())
    if len(names) < 2 or len(set(names)) != len(names):
        raise EngineError(f"class_names in {path} does not name each class once; take it as published.")
    train = require(folder / "devkit" / "cars_train_annos.mat", SOURCE)
    splits = {"train": _read_split(train, "cars_train", len(names))}
    test = [each for each in (folder / TEST, folder / "devkit" / TEST) if each.exists()]
    absent = f"{folder / TEST} is not there; put it there for the labels of the test images."
    if test:
        splits["test"] = _read_split(test[0], "cars_test", len(names))
    return Benchmark(
        name="cars",
        root=folder,
        class_names=names,
        class_prompts=tuple(map(readable, names)),
        splits=splits,
        absent={} if test else {"test": absent},
    )


def _read_split(path: Path, folder: str, n_classes: int) -> Split:
    """Return the annotations of a file: fname, and class, which counts from 1."""
    found = _read(path, "annotations")
    rows = [found] if isinstance(found, dict) else list(found)
    try:
        paths = tuple(f"{folder}/{row['fname']}" for row in rows)
        labels = np.asarray([int(row["class"]) - 1 for row in rows], dtype=np.int64)
    except (KeyError, TypeError, ValueError) as error:
        raise EngineError(
            f"annotations in {path} have no fname and class for each image; take the file with the labels."
        ) from error
    return Split(paths=paths, true=check_labels(labels, n_classes, path))


def _read(path: Path, key: str) -> Any:
    from scipy.io import loadmat  # noqa: PLC0415 - half a second

    try:
        found = loadmat(path, simplify_cells=True, variable_names=[key])
    except Exception as error:  # a damaged file fails in any way
        raise EngineError(
            f"{path} is no MATLAB file that can be read ({type(error).__name__}); unpack it anew."
        ) from error
    if key not in found:
        raise EngineError(f"{path} has no {key}; take the file of {SOURCE}.")
    return found[key]
