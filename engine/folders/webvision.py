"""WebVision-50 (Li et al. 2017, as in DivideMix): the Google images of the first 50 classes of WebVision 1.0.

Nobody knows the true labels of its training images; those of the validation images were checked by people.
"""

from pathlib import Path

import numpy as np

from engine.folders.benchmark import (
    Benchmark,
    Split,
    check_labels,
    image_names,
    locate,
    read_lines,
    read_table,
    readable,
    whole,
)
from engine.folders.tiny_imagenet import synset_names

SOURCE = "WebVision 1.0 (info)"
N_CLASSES = 50
IMAGENET = ("ILSVRC2012_val", "imagenet/val", "imagenet_val")


def read_webvision50(root: Path) -> Benchmark:
    """Return `train` (given labels: web), `test` (the validation list), and `imagenet` where it is there.

    imagenet: the ILSVRC12 validation images of the same classes, in a folder per WordNet id below
    `ILSVRC2012_val`.
    """
    folder = locate(root, ["webvision"], "info/train_filelist_google.txt", SOURCE)
    synsets = folder / "info" / "synsets.txt"
    wnids = [line.split()[0] for line in read_lines(synsets, SOURCE)][:N_CLASSES]
    names = synset_names(synsets, wnids, SOURCE)
    train_paths, web = _read_list(folder / "info" / "train_filelist_google.txt", len(names))
    test_paths, true = _read_list(folder / "info" / "val_filelist.txt", len(names))
    splits = {
        "train": Split(paths=train_paths, given={"web": web}),
        "test": Split(paths=tuple(f"val_images_256/{path}" for path in test_paths), true=true),
    }
    absent = {
        "imagenet": f"{folder / IMAGENET[0]} is not there; put a folder per WordNet id of ILSVRC12 there."
    }
    for below in IMAGENET:
        if (folder / below).is_dir():
            splits["imagenet"] = _read_imagenet(folder, below, wnids)
            absent = {}
            break
    return Benchmark(
        name="webvision50",
        root=folder,
        class_names=names,
        class_prompts=tuple(map(readable, names)),
        splits=splits,
        absent=absent,
    )


def _read_list(path: Path, n_classes: int) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the paths and labels of the lines whose class is one of the first `n_classes`."""
    rows = [(image, whole(label, path)) for image, label in read_table(path, SOURCE, 2)]
    kept = [(image, label) for image, label in rows if label < n_classes]
    labels = check_labels(np.asarray([label for _, label in kept], dtype=np.int64), n_classes, path)
    return tuple(image for image, _ in kept), labels


def _read_imagenet(folder: Path, below: str, wnids: list[str]) -> Split:
    paths: list[str] = []
    labels: list[int] = []
    for k, wnid in enumerate(wnids):
        found = image_names(folder / below / wnid)
        paths += [f"{below}/{wnid}/{name}" for name in found]
        labels += [k] * len(found)
    return Split(paths=tuple(paths), true=np.asarray(labels, dtype=np.int64))
