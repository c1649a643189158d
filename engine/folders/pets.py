"""Oxford-IIIT Pets (Parkhi et al. 2012): 37 breeds, 3,680 training and 3,669 test images."""

from pathlib import Path

import numpy as np

from engine.errors import EngineError
from engine.folders.benchmark import Benchmark, Split, locate, read_table, readable, whole

SOURCE = "Oxford-IIIT Pets (images and annotations)"
FILES = {"train": "annotations/trainval.txt", "test": "annotations/test.txt"}


def read_pets(root: Path) -> Benchmark:
    """Return Pets; a class is called as its images are, and stands where the lists number it."""
    folder = locate(root, ["oxford-iiit-pet", "oxford_pets"], FILES["train"], SOURCE)
    rows = {split: _read_list(folder / file) for split, file in FILES.items()}
    name_of: dict[int, str] = {}
    for split, listed in rows.items():
        for image, k in listed:
            breed = image.rpartition("_")[0]
            if name_of.setdefault(k, breed) != breed:
                raise EngineError(
                    f"{folder / FILES[split]} numbers {name_of[k]!r} and {breed!r} alike; take the file as "
                    "published."
                )
    numbers = sorted(name_of)
    names = tuple(name_of[k] for k in numbers)
    if len(set(names)) != len(names):
        raise EngineError(
            f"The lists in {folder / 'annotations'} name a breed twice; take them as published."
        )
    class_of = {number: k for k, number in enumerate(numbers)}
    splits = {
        split: Split(
            paths=tuple(f"images/{image}.jpg" for image, _ in listed),
            true=np.asarray([class_of[k] for _, k in listed], dtype=np.int64),
        )
        for split, listed in rows.items()
    }
    return Benchmark(
        name="pets",
        root=folder,
        class_names=names,
        class_prompts=tuple(readable(name).lower() for name in names),
        splits=splits,
    )


def _read_list(path: Path) -> list[tuple[str, int]]:
    """Return (image without its suffix, class number) of the lines: image, class, species, breed."""
    return [(image, whole(number, path)) for image, number in read_table(path, SOURCE, 2)]
