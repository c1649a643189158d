"""EuroSAT (Helber et al. 2019), RGB: ten kinds of land seen by Sentinel-2, a folder per class.

It has no official split. Where CoOp's (`split_zhou_EuroSAT.json`) lies beside it, that one is taken; else
each class is parted 80/20 under seed 0 (methods §7.4).
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import EngineError
from engine.folders.benchmark import Benchmark, Split, folder_names, image_names, locate, readable

PROMPTS = {
    "AnnualCrop": "annual crop land",
    "Forest": "forest",
    "HerbaceousVegetation": "herbaceous vegetation land",
    "Highway": "highway or road",
    "Industrial": "industrial buildings",
    "Pasture": "pasture land",
    "PermanentCrop": "permanent crop land",
    "Residential": "residential buildings",
    "River": "river",
    "SeaLake": "sea or lake",
}
SPLIT_FILE = "split_zhou_EuroSAT.json"
TRAIN_SHARE = 0.8


def read_eurosat(root: Path) -> Benchmark:
    """Return EuroSAT with `train` and `test`, and `val` where CoOp's split is there."""
    folder = locate(root, ["2750", "EuroSAT/2750", "EuroSAT_RGB"], "AnnualCrop", "EuroSAT (RGB)")
    names = [name for name in folder_names(folder) if image_names(folder / name)]
    files = [each / SPLIT_FILE for each in (folder, folder.parent) if (each / SPLIT_FILE).is_file()]
    absent = "eurosat has a split 'val' only beside CoOp's split_zhou_EuroSAT.json; put that into its folder."
    return Benchmark(
        name="eurosat",
        root=folder,
        class_names=tuple(names),
        class_prompts=tuple(PROMPTS.get(name, readable(name)) for name in names),
        splits=_read_split(files[0], names) if files else _part(folder, names),
        absent={} if files else {"val": absent},
    )


def _part(folder: Path, names: list[str]) -> dict[str, Split]:
    """Return each class parted by itself; within a split, classes and files are in order."""
    paths: dict[str, list[str]] = {"train": [], "test": []}
    labels: dict[str, list[int]] = {"train": [], "test": []}
    for k, name in enumerate(names):
        found = image_names(folder / name)
        in_train = set(
            np.random.RandomState([0, k]).permutation(len(found))[: round(TRAIN_SHARE * len(found))]
        )
        for i, file in enumerate(found):
            split = "train" if i in in_train else "test"
            paths[split].append(f"{name}/{file}")
            labels[split].append(k)
    return {
        split: Split(paths=tuple(paths[split]), true=np.asarray(labels[split], dtype=np.int64))
        for split in paths
    }


def _read_split(path: Path, names: list[str]) -> dict[str, Split]:
    """Return CoOp's split: for each a list of [path below the folder, label, name].

    The class is the folder of the path; CoOp gives the classes other names.
    """
    class_of = {name: k for k, name in enumerate(names)}
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
        listed = {split: [str(row[0]) for row in found[split]] for split in ("train", "val", "test")}
        return {
            split: Split(
                paths=tuple(rows), true=np.asarray([class_of[each.split("/")[0]] for each in rows], np.int64)
            )
            for split, rows in listed.items()
        }
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise EngineError(
            f"{path} is not CoOp's split of these folders ({type(error).__name__}: {str(error)[:80]}); take "
            "it as published, or remove it for a split of 80/20."
        ) from error
