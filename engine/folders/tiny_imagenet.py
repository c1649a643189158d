"""Tiny-ImageNet-200 (Stanford CS 231n): 200 classes of 500 training and 50 validation images of 64 × 64."""

from pathlib import Path

import numpy as np

from engine.errors import EngineError
from engine.folders.benchmark import (
    Benchmark,
    Split,
    image_names,
    locate,
    read_lines,
    read_table,
    readable,
    require,
)

SOURCE = "tiny-imagenet-200"


def read_tiny_imagenet(root: Path) -> Benchmark:
    """Return Tiny-ImageNet; classes in the order of their WordNet ids, as image folders have it.

    The official validation images, 10,000, are the split `test`, because the test images have no labels
    (methods §7.4). A class is called by the first word of its entry in words.txt.
    """
    folder = locate(root, ["tiny-imagenet-200"], "wnids.txt", SOURCE)
    wnids = sorted(dict.fromkeys(read_lines(folder / "wnids.txt", SOURCE)))
    names = synset_names(folder / "words.txt", wnids, SOURCE)
    class_of = {wnid: k for k, wnid in enumerate(wnids)}
    return Benchmark(
        name="tiny_imagenet",
        root=folder,
        class_names=names,
        class_prompts=tuple(map(readable, names)),
        splits={"train": _read_train(folder, wnids), "test": _read_val(folder, class_of)},
    )


def _read_train(folder: Path, wnids: list[str]) -> Split:
    paths: list[str] = []
    labels: list[int] = []
    for k, wnid in enumerate(wnids):
        below = f"train/{wnid}/images"
        found = image_names(require(folder / below, SOURCE))
        paths += [f"{below}/{name}" for name in found]
        labels += [k] * len(found)
    return Split(paths=tuple(paths), true=np.asarray(labels, dtype=np.int64))


def _read_val(folder: Path, class_of: dict[str, int]) -> Split:
    path = folder / "val" / "val_annotations.txt"
    rows = read_table(path, SOURCE, 2)
    for name, wnid in rows:
        if wnid not in class_of:
            raise EngineError(
                f"{path} puts {name} into {wnid}, which wnids.txt does not name; unpack it anew."
            )
    return Split(
        paths=tuple(f"val/images/{name}" for name, _ in rows),
        true=np.asarray([class_of[wnid] for _, wnid in rows], dtype=np.int64),
    )


def synset_names(path: Path, wnids: list[str], source: str) -> tuple[str, ...]:
    """Return a name for each WordNet id, from lines of an id and its synonyms with commas; each name once.

    The first synonym names a class; where two classes share it, all of their synonyms do, and where even
    those are the same, the id is added.
    """
    synonyms = {}
    for line in read_lines(path, source):
        wnid, _, words = line.partition("\t") if "\t" in line else line.partition(" ")
        synonyms[wnid.strip()] = [word.strip() for word in words.split(",") if word.strip()]
    for wnid in wnids:
        if not synonyms.get(wnid):
            raise EngineError(f"{path} has no words for {wnid}; take the file as it was published.")
    first = [synonyms[wnid][0] for wnid in wnids]
    longer = [
        name if first.count(name) == 1 else ", ".join(synonyms[wnid])
        for name, wnid in zip(first, wnids, strict=True)
    ]
    return tuple(
        name if longer.count(name) == 1 else f"{name} ({wnid})"
        for name, wnid in zip(longer, wnids, strict=True)
    )
