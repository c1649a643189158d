"""How well the detectors that need no training find wrong labels, on the digits and the CIFAR sample.

    python -m benchmarks.ranking

AUROC and average precision of finding wrong labels, F1 of clean selection at p_clean > 0.5, expected
calibration error (10 bins), and the noise rate that `transition` estimates.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.machine import circumstances
from engine.datasets import Dataset, read_dataset
from engine.evaluate import evaluate
from tests.driver import CIFAR, DIGITS, SMALL_CLIP, write_digits

DETECTORS = ("transition", "knn", "label_match")
LABELS = ("noisy_sym40", "noisy_sym20", "noisy_c10n_worse", "noisy_pair40", "noisy_c10n_aggre")


def digits(folder: Path) -> Dataset:
    """Return scikit-learn's digits; `folder` takes their files."""
    labels = write_digits(folder)
    paths = sorted(labels)
    given, true = (np.asarray([DIGITS.index(labels[path][i]) for path in paths]) for i in (0, 1))
    images = np.stack([np.asarray(Image.open(folder / path).convert("RGB")) for path in paths])
    return Dataset(labels="digits, 20 % symmetric", images=images, given=given, true=true, class_names=DIGITS)


def row(found: dict[str, Any]) -> str:
    """Return one line of the table."""
    notes = found["notes"]
    rate = f"{notes['noise_rate']:.3f} of {found['noise_rate']:.3f}" if "noise_rate" in notes else ""
    return (
        f"| {found['labels']} | {found['detector']} {notes.get('posterior', '')} | {found['auroc']:.3f} | "
        f"{found['f1']:.3f} | {found['average_precision']:.3f} | {found['ece']:.3f} | {rate} | "
        f"{found['stage_seconds']['detect']:.1f} |"
    )


def main() -> None:
    print(circumstances())
    print("| labels | detector | AUROC | F1 clean | AP wrong | ECE | noise rate | detect s |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        for dataset in (digits(base / "digits"), *(read_dataset(CIFAR, labels) for labels in LABELS)):
            for detector in DETECTORS:
                asked = {"detector": detector, "backbone": {"weights": str(SMALL_CLIP)}}
                print(row(evaluate(dataset, asked, cache=base / "cache")), flush=True)


if __name__ == "__main__":
    main()
