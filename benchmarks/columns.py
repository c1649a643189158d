"""Detectors on the columns that the project is judged by: the CIFAR sample, its noise planted or by people.

    python -m benchmarks.columns FOLDER [--detectors transition,crossfit] [--set crossfit.epochs=5 …]
        [--labels noisy_sym40,…] [--seeds 0,1,2] [--diagrams FILE.svg]

F1 of clean selection at p_clean > 0.5, average precision of finding wrong labels, calibration error (10 bins)
and seconds, mean ± sd over the seeds, under the small natural-image CLIP. Each cell is kept in FOLDER when it
is done and not computed again. Every cell computes the features of pictures and views anew, as a first run
does; its seconds are those of the whole run but for the process's start. `--diagrams` draws how many labels
of each chance were right, all seeds together.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.calibration import Diagram, draw
from benchmarks.deft import spread
from benchmarks.machine import circumstances
from benchmarks.tasks import Task, compute, state
from engine.config import read_assignments
from engine.datasets import read_dataset
from engine.evaluate import evaluate
from tests.driver import CIFAR, SMALL_CLIP

LABELS = "noisy_sym40,noisy_sym20,noisy_c10n_worse,noisy_pair40"
FIGURES = {"f1": 3, "average_precision": 3, "ece": 3, "seconds": 0}


def task_of(detector: str, labels: str, seed: int, settings: dict[str, Any]) -> Task:
    """Return one cell."""
    asked = {
        "detector": detector,
        "backbone": {"weights": str(SMALL_CLIP)},
        "seed": seed,
        "settings": settings,
    }
    return Task(label=f"{detector} {labels} seed {seed}", data=CIFAR, labels=labels, asked=asked)


def read_settings(words: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return detector → settings of words such as "crossfit.epochs=5"."""
    found: dict[str, list[str]] = {}
    for word in words:
        detector, assignment = word.split(".", 1)
        found.setdefault(detector, []).append(assignment)
    return {detector: read_assignments(detector, each) for detector, each in found.items()}


def diagram(title: str, cells: Sequence[dict[str, Any]]) -> Diagram:
    """Return the bins of all cells together: the mean chance, the share that was right, how many."""
    bins = [cell["reliability"] for cell in cells]
    counts = np.sum([[each["count"] for each in cell] for cell in bins], axis=0)

    def mean_of(name: str) -> np.ndarray:
        sums = np.sum([[each["count"] * (each[name] or 0.0) for each in cell] for cell in bins], axis=0)
        return sums / np.maximum(counts, 1)

    ece = float(np.mean([cell["ece"] for cell in cells]))
    return Diagram(
        title=f"{title}: ECE {ece:.3f}",
        chance=mean_of("mean_p_clean"),
        right=mean_of("share_clean"),
        counts=counts,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--detectors", default="transition,crossfit")
    parser.add_argument("--labels", default=LABELS)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--diagrams", type=Path)
    asked = parser.parse_args()
    detectors, labels = asked.detectors.split(","), asked.labels.split(",")
    seeds, settings = [int(each) for each in asked.seeds.split(",")], read_settings(asked.set)
    tasks = {
        (detector, column, seed): task_of(detector, column, seed, settings.get(detector, {}))
        for detector in detectors
        for seed in seeds
        for column in labels
    }
    compute(tasks.values(), asked.folder, evaluate, read_dataset)
    print(circumstances())
    print("| detector | labels | F1 clean | AP wrong | ECE | s |\n|---|---|---|---|---|---|")
    diagrams = []
    for detector in detectors:
        for column in labels:
            kept = [state(tasks[detector, column, seed], asked.folder) or {} for seed in seeds]
            cells = [each["result"] for each in kept if "result" in each]
            if cells:
                figures = [spread([cell[name] for cell in cells], digits) for name, digits in FIGURES.items()]
                print(f"| {detector} | {column} | {' | '.join(figures)} |")
                diagrams.append(diagram(f"{detector}, {column}", cells))
    if asked.diagrams and diagrams:
        asked.diagrams.write_text(draw(diagrams, columns=len(labels)), encoding="utf-8")


if __name__ == "__main__":
    main()
