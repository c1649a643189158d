"""Clothing1M (Xiao et al. 2015): a million photos of clothing from shops, labelled by their texts.

It has 14 classes. People labelled a part of it, and found 38.5 % of the shops' labels wrong there.
"""

from pathlib import Path

import numpy as np

from engine.errors import EngineError
from engine.folders.benchmark import (
    Benchmark,
    Split,
    check_labels,
    locate,
    read_lines,
    read_table,
    readable,
    require,
    whole,
)

SOURCE = "Clothing1M's annotations"
NAMES = (
    "T-Shirt",
    "Shirt",
    "Knitwear",
    "Chiffon",
    "Sweater",
    "Hoodie",
    "Windbreaker",
    "Jacket",
    "Downcoat",
    "Suit",
    "Shawl",
    "Dress",
    "Vest",
    "Underwear",
)
PROMPTS = {"Downcoat": "down coat"}


def read_clothing1m(root: Path) -> Benchmark:
    """Return `train` (given labels: shop), `clean_train`, `val`, `test` (true labels) and `both`.

    `both`: the images that have a label of either kind, so that wrong labels are known where nobody planted
    any.
    """
    folder = locate(root, ["clothing1m", "Clothing1M"], "noisy_train_key_list.txt", SOURCE)
    names = _names(folder / "category_names_eng.txt")
    shop = _read_labels(folder / "noisy_label_kv.txt", len(names))
    people = _read_labels(folder / "clean_label_kv.txt", len(names))
    train = tuple(read_lines(folder / "noisy_train_key_list.txt", SOURCE))
    splits = {"train": Split(paths=train, given={"shop": _labels_of(train, shop, "noisy")})}
    keys = {"clean_train": "clean_train", "val": "clean_val", "test": "clean_test"}
    absent = {}
    for split, name in keys.items():
        path = folder / f"{name}_key_list.txt"
        if path.exists():
            paths = tuple(read_lines(path, SOURCE))
            splits[split] = Split(paths=paths, true=_labels_of(paths, people, "clean"))
        else:
            absent[split] = f"{path} is not there; it is part of {SOURCE}, so put it there."
    both = tuple(sorted(people.keys() & shop.keys()))
    splits["both"] = Split(
        paths=both, true=_labels_of(both, people, "clean"), given={"shop": _labels_of(both, shop, "noisy")}
    )
    return Benchmark(
        name="clothing1m",
        root=folder,
        class_names=names,
        class_prompts=tuple(PROMPTS.get(name, readable(name)) for name in names),
        splits=splits,
        absent=absent,
    )


def _names(path: Path) -> tuple[str, ...]:
    """Return the names in the file, or the published ones where it is not there."""
    if not path.exists():
        return NAMES
    names = tuple(read_lines(path, SOURCE))
    if len(names) < 2 or len(set(names)) != len(names):
        raise EngineError(f"{path} does not name each class once; take it as published.")
    return names


def _read_labels(path: Path, n_classes: int) -> dict[str, int]:
    """Return the label of each image: lines of a path and a number."""
    rows = read_table(require(path, SOURCE), SOURCE, 2)
    labels = check_labels([whole(label, path) for _, label in rows], n_classes, path)
    return dict(zip((image for image, _ in rows), labels.tolist(), strict=True))


def _labels_of(paths: tuple[str, ...], labels: dict[str, int], kind: str) -> np.ndarray:
    try:
        return np.asarray([labels[path] for path in paths], dtype=np.int64)
    except KeyError as error:
        raise EngineError(
            f"{kind}_label_kv.txt has no label for {error.args[0]!r}, which a key list names; take both as "
            "published."
        ) from None
