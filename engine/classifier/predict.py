"""Labels for new images from a trained classifier: `python -m engine predict`."""

import csv
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np

from engine.classifier.saved import SavedClassifier, load_classifier
from engine.decoding import SUFFIXES, UnreadableImage, read_picture
from engine.errors import EngineError
from engine.pixels import square
from engine.progress import Report, silent
from engine.rows import Rows
from engine.runtime import DeviceName, pick_runtime

TOP = 5
AT_ONCE = 512  # pictures that are held together, 77 MB of 224 pixels each way
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a classifier says of one image file.

    likeliest: the min(5, K) likeliest classes and their probabilities in [0, 1], the likeliest first; ()
    where the file cannot be read, and `problem` says why.
    """

    path: Path
    likeliest: tuple[tuple[str, float], ...] = ()
    problem: str = ""


def label_images(
    folder: Path,
    places: Sequence[Path],
    table: Path | None,
    *,
    weights: str = "",
    device: DeviceName = "auto",
    batch_size: int = 256,
    report: Report = silent,
) -> tuple[int, int]:
    """Label images with the classifier in `folder`; return how many were read, and how many could not be.

    places: files and folders, see `find_images`. table: a file for the table, which appears when it is
    whole; None: standard output. Raises EngineError for what a person can mend.
    """
    if table is not None and (table.is_dir() or not table.absolute().parent.is_dir()):
        raise EngineError(f"{table} cannot be written; --csv names a file in a folder that is there.")
    paths = find_images(places)
    report("stage", stage="model")
    classifier = load_classifier(folder, pick_runtime(device), weights=weights)
    report("stage", stage="images")
    found = predict(classifier, paths, batch_size=batch_size, report=report)
    n_classes = len(classifier.class_names)
    if table is None:
        # A file name need not be UTF-8.
        with open(os.dup(1), "w", encoding="utf-8", errors="surrogateescape") as file:
            return write_predictions(file, found, n_classes)
    part = table.with_name(f"{table.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            counts = write_predictions(file, found, n_classes)
        part.replace(table)
    finally:
        part.unlink(missing_ok=True)
    return counts


def find_images(places: Sequence[Path]) -> list[Path]:
    """Return the files, and the images in the folders and in those below, in the order of their names.

    A file that is named is taken whatever it is called; one that is not there is found unreadable later.
    Raises EngineError where there is nothing at all.
    """
    found: list[Path] = []
    for place in places:
        if not place.is_dir():
            found.append(place)
            continue
        inside = (
            Path(folder) / name
            for folder, _, names in os.walk(place)
            for name in names
            if name.lower().endswith(SUFFIXES)
        )
        found += sorted(inside)
    if not found:
        raise EngineError(f"There is no image in {', '.join(map(str, places))}; name files or a folder.")
    return list(dict.fromkeys(found))


def predict(
    classifier: SavedClassifier, paths: Sequence[Path], *, batch_size: int = 256, report: Report = silent
) -> Iterator[Prediction]:
    """Yield what the classifier says of each image file, in order; no file raises."""
    size = classifier.trunk.image_size

    def read(path: Path) -> np.ndarray | str:
        try:
            # Opening a pipe would wait for ever.
            if path.exists() and not path.is_file():
                return "is not an ordinary file"
            return square(read_picture(path, at_least=size), size)
        except UnreadableImage as error:
            return str(error)
        except (OSError, ValueError) as error:  # a name that is too long, a folder without permission
            return f"cannot be opened ({type(error).__name__})"

    report("progress", stage="images", done=0, of=len(paths))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(paths), AT_ONCE):
            some = paths[start : start + AT_ONCE]
            squares = list(pool.map(read, some))
            probabilities = _classified(classifier, squares, batch_size)
            for path, picture in zip(some, squares, strict=True):
                if isinstance(picture, str):
                    yield Prediction(path=path, problem=picture)
                else:
                    yield Prediction(
                        path=path, likeliest=likeliest(next(probabilities), classifier.class_names)
                    )
            report("progress", stage="images", done=start + len(some), of=len(paths))


def _classified(
    classifier: SavedClassifier, squares: Iterable[np.ndarray | str], batch_size: int
) -> Iterator[np.ndarray]:
    pictures = [each for each in squares if isinstance(each, np.ndarray)]
    if not pictures:
        return iter(())
    index = np.arange(len(pictures))
    rows = Rows(store=np.stack(pictures), index=index, keys=tuple(map(str, index)))
    return iter(classifier.classify(rows, batch_size=batch_size, report=silent))


def likeliest(probs_K: np.ndarray, class_names: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """Return the min(5, K) likeliest classes, of equally likely ones the first; probs_K: (K,)."""
    order = np.argsort(-probs_K, kind="stable")[:TOP]
    return tuple((class_names[int(k)], float(probs_K[k])) for k in order)


def write_predictions(file: TextIO, predictions: Iterable[Prediction], n_classes: int) -> tuple[int, int]:
    """Write predictions as CSV and return how many files were read, and how many could not be.

    Columns: path, predicted_label, probability, the next likeliest as label_2, probability_2, …, and problem.
    No cell is run by a spreadsheet.
    """
    ranks = range(2, min(TOP, n_classes) + 1)
    more = [name for rank in ranks for name in (f"label_{rank}", f"probability_{rank}")]
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["path", "predicted_label", "probability", *more, "problem"])
    n_read = n_unread = 0
    for each in predictions:
        cells = [cell for name, p in each.likeliest for cell in (guarded(name), f"{p:.6f}")]
        cells += [""] * (len(more) + 2 - len(cells))
        writer.writerow([guarded(str(each.path)), *cells, guarded(each.problem)])
        n_read, n_unread = n_read + (not each.problem), n_unread + bool(each.problem)
    return n_read, n_unread


def guarded(cell: str) -> str:
    """Return a cell so that no spreadsheet runs it: a leading apostrophe, unless it is a plain number."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) and not NUMBER.fullmatch(cell) else cell
