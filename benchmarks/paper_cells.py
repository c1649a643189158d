"""What of the papers' tables can be measured here: which data and weights are here (methods §15).

A cell of a table becomes a `Task`, or a sentence that says why it stays the paper's alone. Cells that ask for
the same (DeFT's tables 1 and 7, or 2 and 10, the columns of a memorisation table) are one task. What stands
for a printed method is said in `benchmarks.paper_methods`.
"""

import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.paper_methods import ACCURACY, asks_of, noise_of
from benchmarks.printed import Cell
from benchmarks.tasks import Task
from engine.artifacts import read_json
from engine.noise import Noise

Result = Mapping[str, Any]

MEMORISATION = ("clean_correct", "clean_wrong", "noisy_correct", "noisy_wrong", "noisy_memorised")
SELECTION = ("precision", "recall", "f1")

DATASETS = {
    "CIFAR-10": "cifar10",
    "CIFAR-10N": "cifar10",
    "CIFAR-100": "cifar100",
    "CIFAR-100N": "cifar100",
    "Tiny-ImageNet": "tiny_imagenet",
    "Stanford-Cars": "cars",
    "CUB-200-2011": "cub",
    "EuroSAT": "eurosat",
    "Oxford-IIIT Pets": "pets",
}
"""What a data set is called on the disk. Nobody knows the true labels of Clothing1M and WebVision."""

BACKBONES = {
    "CLIP ViT-B/16": ("ViT-B-16-quickgelu", "vitb16"),
    "CLIP ViT-B/32": ("ViT-B-32-quickgelu", "vitb32"),
    "CLIP ViT-L/14": ("ViT-L-14-quickgelu", "vitl14"),
    "CLIP ViT-B": ("ViT-B-16-quickgelu", "vitb16"),  # TURN does not say which; methods §8.2
}
"""The model of open_clip, and what the name of its weights holds. Others are no CLIP."""

TEMPLATE = "a photo of a {}."
"""The prompt of the papers, where a backbone may have several of its own."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What lies below a folder: data sets, each with one of its label sets, and weights."""

    data: tuple[tuple[Path, str], ...]
    weights: tuple[Path, ...]


# -- what there is -------------------------------------------------------------------------------------


def look(folder: Path) -> Found:
    """Return the data sets and weights in `folder` and in the folders in it, two deep."""
    folders = [folder, *(each for each in sorted(folder.glob("*")) if each.is_dir())]
    entries = [each for parent in folders for each in sorted(parent.glob("*"))]
    return Found(
        data=tuple((each, labels) for each in entries for labels in _label_sets(each)),
        weights=tuple(each for each in entries if _is_weights(each)),
    )


def _label_sets(path: Path) -> list[str]:
    """Return the names of the label sets: several of an .npz file, one of a prepared folder."""
    if path.suffix == ".npz":
        try:
            with zipfile.ZipFile(path) as archive:
                return [Path(each).stem for each in archive.namelist()]
        except (OSError, zipfile.BadZipFile):
            return []
    facts = read_json(path / "dataset.json") if (path / "labels.csv").is_file() else None
    return [str(facts["labels"])] if isinstance(facts, dict) and "labels" in facts else []


def _is_weights(path: Path) -> bool:
    return path.suffix in (".safetensors", ".pt", ".bin") or (path / "open_clip_config.json").is_file()


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _data(found: Found, name: str, noise: Noise) -> tuple[Path, str] | None:
    # cifar10 is the beginning of cifar100, too; the papers select among the training images.
    is_named = re.compile(rf"{_plain(name)}(?!\d|.*test)")
    for path, labels in found.data:
        if is_named.match(_plain(path.stem)) and labels in (noise.key, str(noise)):
            return path, labels
    return None


def _test(found: Found, name: str) -> Path | None:
    """Return the test split; its label set is no matter, as only the true labels count."""
    is_named = re.compile(rf"{_plain(name)}(?!\d).*test")
    return next((path for path, _ in found.data if is_named.match(_plain(path.stem))), None)


def _weights(found: Found, mark: str) -> Path | None:
    named = [each for each in found.weights if mark in _plain(each.name)]
    return min(named, key=lambda each: (len(each.name), str(each)), default=None)


# -- what a cell asks for ------------------------------------------------------------------------------


def task_of(cell: Cell, found: Found, seed: int, device: str = "auto") -> Task | str:
    """Return what to compute for a cell, or a sentence that says why only the paper's figure is shown."""
    if not any(name in (*SELECTION, *MEMORISATION, *ACCURACY) for name in cell.figures):
        return f"evaluate does not measure {' and '.join(cell.figures)}."
    dataset, backbone = cell.facts.get("dataset", ""), cell.facts.get("backbone", "")
    noise = noise_of(cell)
    if noise is None or dataset not in DATASETS or backbone not in BACKBONES:
        return f"The true labels of {dataset}, or {backbone}, are nothing that we have."
    asks = asks_of(cell, noise)
    if isinstance(asks, str):
        return asks
    model, mark = BACKBONES[backbone]
    name = DATASETS[dataset]
    data, weights = _data(found, name, noise), _weights(found, mark)
    if data is None:
        return f"There is no data set {name} with the labels {noise.key}."
    if weights is None:
        return f"There are no weights of {backbone}."
    test = None if asks.adapt is None else _test(found, name)
    if asks.adapt is not None and test is None:
        return f"There is no test split of {name}; prepare it with --split test."
    words = [asks.detector, name, data[1], mark, f"seed {seed}", *_words_of(asks.adapt)]
    return Task(
        label=" ".join(words),
        data=data[0],
        labels=data[1],
        asked={
            "detector": asks.detector,
            "settings": dict(asks.settings),
            "seed": seed,
            "device": device,
            "backbone": {"model": model, "weights": str(weights), "templates": [TEMPLATE]},
        },
        test=test,
        adapt=asks.adapt,
    )


def _words_of(adapt: Mapping[str, Any] | None) -> list[str]:
    return [] if adapt is None else ["classifier", adapt["adapter"], adapt.get("samples", "clean")]


def measured(result: Result, figure: str) -> float | None:
    """Return a figure of what `evaluate` returned as the papers print it: per cent, or a count.

    Of the selection it is the mean over the batches of the last epoch where the paper prints that, of test
    data the accuracy of the classifier; None where there is no such figure.
    """
    if figure in ACCURACY:
        kind, end = ACCURACY[figure]
        classifier = result.get("classifier")
        return None if classifier is None else 100 * classifier[kind][end]
    if figure in MEMORISATION:
        return float(result["memorisation"][figure])
    if figure not in SELECTION:
        return None
    value = (result.get("paper_compatible") or result)[figure]
    return None if value is None else 100 * value
