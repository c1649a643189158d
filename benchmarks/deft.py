"""How well DeFT finds wrong labels on the CIFAR sample, by tower, label set and seed.

    python -m benchmarks.deft [--towers frozen,vpt] [--labels noisy_sym40,…] [--noise planted] [--seeds 0,1,2]

F1 of clean selection at p_clean > 0.5, average precision of finding wrong labels, calibration error and
seconds, mean ± sd over the seeds, under the small natural-image CLIP. The features of each seed's views are
computed anew, as a first run does; the seconds are those of the whole run but for the process's start.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from benchmarks.machine import circumstances
from engine.datasets import read_dataset
from engine.evaluate import evaluate
from tests.driver import CIFAR, SMALL_CLIP

LABELS = "noisy_sym40,noisy_sym20,noisy_c10n_worse"
FIGURES = ("f1", "average_precision", "ece", "seconds")


def spread(values: list[float], digits: int) -> str:
    sd = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{mean(values):.{digits}f}{sd}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--towers", default="frozen,vpt")
    parser.add_argument("--labels", default=LABELS)
    parser.add_argument("--noise", default="planted", choices=("planted", "real", "severe"))
    parser.add_argument("--seeds", default="0,1,2")
    asked = parser.parse_args()
    print(circumstances())
    print("| labels | deft | seeds | F1 clean | AP wrong | ECE | s |\n|---|---|---|---|---|---|---|")
    for tower in asked.towers.split(","):
        for labels in asked.labels.split(","):
            cells: list[dict[str, Any]] = []
            for seed in map(int, asked.seeds.split(",")):
                cell = {
                    "detector": "deft",
                    "backbone": {"weights": str(SMALL_CLIP)},
                    "seed": seed,
                    "settings": {"tower": tower, "noise": asked.noise},
                }
                with tempfile.TemporaryDirectory() as folder:
                    cells.append(evaluate(read_dataset(CIFAR, labels), cell, cache=Path(folder)))
            columns = [
                spread([cell[name] for cell in cells], 1 if name == "seconds" else 3) for name in FIGURES
            ]
            print(
                f"| {labels} | {tower}, {asked.noise} | {asked.seeds} | {' | '.join(columns)} |", flush=True
            )


if __name__ == "__main__":
    main()
