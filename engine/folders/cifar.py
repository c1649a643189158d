"""CIFAR-10 and CIFAR-100 in the python version (Krizhevsky 2009), alone and with CIFAR-N's human labels."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import EngineError
from engine.folders.benchmark import Benchmark, Split, check_labels, locate, readable
from engine.folders.human import read_human
from engine.folders.pickles import read_pickle, text

SIDE = 32
TRAIN10 = tuple(f"data_batch_{i}" for i in range(1, 6))


def read_cifar10(root: Path) -> Benchmark:
    """Return CIFAR-10 from `cifar-10-batches-py`; its order is data_batch_1 to 5, as everywhere."""
    folder = locate(root, ["cifar-10-batches-py"], "data_batch_1", "CIFAR-10 (python version)")
    names = _names(folder / "batches.meta", "label_names")
    splits = {}
    for split, files in (("train", TRAIN10), ("test", ("test_batch",))):
        parts = [_read_batch(folder / file, "labels", len(names)) for file in files]
        splits[split] = Split(
            images=np.concatenate([images for images, _, _ in parts]),
            true=np.concatenate([labels for _, labels, _ in parts]),
        )
    return _benchmark("cifar10", folder, names, splits)


def read_cifar100(root: Path) -> Benchmark:
    """Return CIFAR-100 with its 100 fine classes, and their super-classes, from `cifar-100-python`."""
    folder = locate(root, ["cifar-100-python"], "train", "CIFAR-100 (python version)")
    names = _names(folder / "meta", "fine_label_names")
    splits, coarse = {}, None
    for split in ("train", "test"):
        images, labels, batch = _read_batch(folder / split, "fine_labels", len(names))
        splits[split] = Split(images=images, true=labels)
        if split == "train":
            coarse = _super_classes(batch.get("coarse_labels"), labels, len(names), folder / split)
    return replace(_benchmark("cifar100", folder, names, splits), coarse=coarse)


def read_cifar10n(root: Path) -> Benchmark:
    """Return CIFAR-10 with the label sets of CIFAR-10N (Wei et al. 2022) on its training images."""
    return _with_human(read_cifar10(root), "cifar10n", root, "CIFAR-10_human")


def read_cifar100n(root: Path) -> Benchmark:
    """Return CIFAR-100 with the label set of CIFAR-100N on its training images."""
    return _with_human(read_cifar100(root), "cifar100n", root, "CIFAR-100_human")


def _with_human(benchmark: Benchmark, name: str, root: Path, stem: str) -> Benchmark:
    train = benchmark.splits["train"]
    assert train.true is not None
    given = read_human(root, stem, train.true, len(benchmark.class_names))
    splits = {**benchmark.splits, "train": replace(train, given=given)}
    return replace(benchmark, name=name, splits=splits)


def _benchmark(name: str, folder: Path, names: Sequence[str], splits: dict[str, Split]) -> Benchmark:
    prompts = tuple(map(readable, names))
    return Benchmark(name=name, root=folder, class_names=tuple(names), class_prompts=prompts, splits=splits)


def _names(path: Path, key: str) -> list[str]:
    names = _part(read_pickle(path), key, path)
    if not isinstance(names, list) or len(set(map(text, names))) != len(names) or len(names) < 2:
        raise EngineError(f"{key} in {path} is no list of class names; take the published file.")
    return [text(name) for name in names]


def _read_batch(path: Path, key: str, n_classes: int) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Return (images uint8 (N, 32, 32, 3), labels (N,), the whole batch)."""
    batch = read_pickle(path)
    data = _part(batch, "data", path)
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.shape[1:] != (3 * SIDE * SIDE,):
        raise EngineError(
            f"data in {path} is no uint8 array (N, {3 * SIDE * SIDE}); take the published file."
        )
    labels = check_labels(_part(batch, key, path), n_classes, path)
    if len(labels) != len(data):
        raise EngineError(f"{path} has {len(data)} images and {len(labels)} labels; take the published file.")
    images = data.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), labels, batch


def _super_classes(found: Any, fine: np.ndarray, n_classes: int, path: Path) -> np.ndarray | None:
    """Return the super-class of each class, (K,), or None where the file does not say all of them."""
    if found is None:
        return None
    coarse = check_labels(found, n_classes, path)
    if len(coarse) != len(fine):
        raise EngineError(
            f"{path} has {len(fine)} fine and {len(coarse)} coarse labels; take it as published."
        )
    of_class = np.full(n_classes, -1)
    of_class[fine] = coarse
    if (of_class[fine] != coarse).any():
        raise EngineError(f"{path} puts one class into two super-classes; take the published file.")
    return of_class if (of_class >= 0).all() else None


def _part(found: dict[str, Any], key: str, path: Path) -> Any:
    if key not in found:
        raise EngineError(f"{path} has no {key}; take the python version of the data set.")
    return found[key]
