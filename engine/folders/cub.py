"""CUB-200-2011 (Wah et al. 2011): 200 birds, 5,994 training and 5,794 test images."""

from pathlib import Path

import numpy as np

from engine.errors import EngineError
from engine.folders.benchmark import Benchmark, Split, locate, read_table, readable, whole

SOURCE = "CUB-200-2011"


def read_cub(root: Path) -> Benchmark:
    """Return CUB; "001.Black_footed_Albatross" is the class "Black_footed_Albatross"."""
    folder = locate(root, ["CUB_200_2011"], "images.txt", SOURCE)
    classes = _read(folder / "classes.txt")
    numbers = sorted(classes)
    names = tuple(classes[number].partition(".")[2] or classes[number] for number in numbers)
    if len(set(names)) != len(names):
        names = tuple(classes[number] for number in numbers)
    class_of = {number: k for k, number in enumerate(numbers)}
    images, labels = _read(folder / "images.txt"), _read(folder / "image_class_labels.txt")
    in_train = _read(folder / "train_test_split.txt")
    splits = {}
    for split, flag in (("train", "1"), ("test", "0")):
        ids = [each for each in sorted(images) if in_train.get(each) == flag]
        try:
            true = [class_of[whole(labels[each], folder / "image_class_labels.txt")] for each in ids]
        except KeyError as error:
            raise EngineError(
                f"{folder / 'image_class_labels.txt'} and classes.txt do not fit images.txt ({error}); "
                "unpack it anew."
            ) from None
        splits[split] = Split(
            paths=tuple(f"images/{images[each]}" for each in ids), true=np.asarray(true, dtype=np.int64)
        )
    return Benchmark(
        name="cub", root=folder, class_names=names, class_prompts=tuple(map(readable, names)), splits=splits
    )


def _read(path: Path) -> dict[int, str]:
    """Return the second word of each line by its number."""
    return {whole(number, path): word for number, word in read_table(path, SOURCE, 2)}
