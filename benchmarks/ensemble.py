"""The ensemble of real runs on the CIFAR sample, beside each of its members.

    python -m benchmarks.ensemble [--labels noisy_sym40,noisy_c10n_worse] [--members knn,turn,crossfit]

Each member and then `ensemble` run in one workspace, as they do from the runs tab, with their own settings,
seed 0, under the small natural-image CLIP. Seconds are those of the whole run; features and decoded pixels
are computed by the first of them.
"""

import argparse
import csv
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.machine import circumstances
from engine.artifacts import read_json, read_scores
from engine.config import BackboneConfig
from engine.job import run as run_job
from engine.metrics import measure
from reviewer import jobs, queries
from reviewer.store import Store
from reviewer.workspace import Workspace, create_workspace
from tests.driver import CIFAR, SMALL_CLIP
from tests.test_loop import write_cifar


def make_workspace(base: Path, labels: str) -> tuple[Workspace, dict[str, bool]]:
    """Return a workspace of the CIFAR sample with one of its label sets, and which labels are right."""
    paths = sorted(write_cifar(base / "cifar"))
    with np.load(CIFAR) as data:
        names = [str(name) for name in data["class_names"]]
        given, clean = data[labels], data["clean"]
    table = base / "labels.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label"])
        writer.writerows((path, names[label]) for path, label in zip(paths, given, strict=True))
    backbone = BackboneConfig(weights=str(SMALL_CLIP))
    workspace, _ = create_workspace(base / "w", base / "cifar" / "images", labels=table, backbone=backbone)
    return workspace, dict(zip(paths, (given == clean).tolist(), strict=True))


def row(run_dir: Path, is_clean: dict[str, bool], seconds: float) -> str:
    """Return the figures of a finished run, and what it says about itself."""
    scores = read_scores(run_dir)
    found = measure(scores.p_clean, np.asarray([is_clean[each] for each in scores.sample_ids.tolist()]))
    notes = (read_json(run_dir / "result.json") or {}).get("notes", {})
    values = (found.f1, found.average_precision, found.ece)
    cells = " | ".join("" if value is None else f"{value:.3f}" for value in values)
    return f"{cells} | {seconds:.0f} | {notes.get('weights', '')} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--labels", default="noisy_sym40,noisy_c10n_worse")
    parser.add_argument("--members", default="knn,turn,crossfit")
    asked = parser.parse_args()
    print(circumstances())
    print("| labels | run | F1 clean | AP wrong | ECE | s | weights |")
    print("|---|---|---|---|---|---|---|")
    for labels in asked.labels.split(","):
        with tempfile.TemporaryDirectory() as folder:
            workspace, is_clean = make_workspace(Path(folder), labels)
            with Store(workspace.database) as store:
                samples = queries.read_samples(store.cursor())
                for detector in ("transition", *asked.members.split(","), "ensemble"):
                    start = time.monotonic()
                    run_dir = jobs.prepare(workspace, samples, {}, detector)
                    run_job(run_dir)
                    seconds = time.monotonic() - start
                    print(f"| {labels} | `{detector}` | {row(run_dir, is_clean, seconds)}", flush=True)


if __name__ == "__main__":
    main()
