"""Workspaces whose true labels are known, each with a finished run: the CIFAR sample and the demo."""

import csv
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import annotator
from engine.artifacts import read_json
from engine.config import BackboneConfig
from engine.job import run as run_job
from reviewer import jobs, queries
from reviewer.queries import Samples
from reviewer.queue import RunArrays, load_run
from reviewer.store import Store
from reviewer.workspace import Workspace, create_workspace
from tests.driver import CIFAR, ROOT, SMALL_CLIP

NAMES = {"cifar": "cifar10n-5k", "demo": "demo"}
LABEL_SETS = ("sym40", "sym20", "c10n_worse", "pair40", "c10n_aggre")
STATES = {"out_of_scope": annotator.OUT_OF_SCOPE, "bad_image": annotator.BAD_IMAGE}


@dataclass(frozen=True, kw_only=True)
class Task:
    """A workspace with its finished runs and the truth.

    root: the workspace. features: (N, D) frozen image features; zero_shot: (N, K) CLIP's answer by name;
    truth and given: (N,) states; all over positions.
    """

    name: str
    root: Path
    samples: Samples
    run: RunArrays
    notes: dict[str, Any]
    features: np.ndarray
    zero_shot: np.ndarray
    given: np.ndarray
    truth: np.ndarray

    @property
    def names(self) -> tuple[str, ...]:
        """The classes, (K,)."""
        return self.run.class_names


def cifar_tasks(base: Path, detector: str, labels: Iterable[str] = LABEL_SETS) -> Iterator[Task]:
    """Yield label sets of the CIFAR sample, under the small natural-image CLIP."""
    from tests.test_loop import write_cifar

    paths = sorted(write_cifar(base / "cifar"))
    with np.load(CIFAR) as data:
        names = [str(name) for name in data["class_names"]]
        clean, columns = data["clean"], {name: data[f"noisy_{name}"] for name in labels}
    cache = None
    for name, given in columns.items():
        table = base / f"{name}.csv"
        rows = ((path, names[label]) for path, label in zip(paths, given, strict=True))
        write_table(table, rows)
        truth = {path: names[label] for path, label in zip(paths, clean, strict=True)}
        backbone = BackboneConfig(weights=str(SMALL_CLIP))
        workspace, _ = create_workspace(
            base / name, base / "cifar" / "images", labels=table, backbone=backbone
        )
        if cache:  # the same pictures: their features are computed once
            shutil.copytree(cache, workspace.cache, dirs_exist_ok=True)
        yield make_task(f"cifar10n-5k {name}", workspace, truth, detector)
        cache = workspace.cache


def demo_tasks(base: Path, detector: str) -> Iterator[Task]:
    """Yield the demo, under the bundled model."""
    demo, answers = ROOT / "assets" / "demo", ROOT / "assets" / "build" / "demo_truth.csv"
    if not answers.is_file():
        raise SystemExit(
            f"{answers} is not there; the scripts in assets/build make the demo. Or: --data cifar."
        )
    with answers.open(encoding="utf-8", newline="") as file:
        truth = {row["path"]: row["true_label"] for row in csv.DictReader(file)}
    workspace, _ = create_workspace(
        base / "demo", demo, labels=demo / "labels.csv", backbone=BackboneConfig(weights="bundled")
    )
    yield make_task("demo", workspace, truth, detector)


def write_table(path: Path, rows: Iterator[tuple[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label"])
        writer.writerows(rows)


def make_task(name: str, workspace: Workspace, truth: dict[str, str], detector: str = "transition") -> Task:
    """Run the detector (and label_match, for CLIP's answer by name) and read what they leave."""
    with Store(workspace.database) as store:
        samples = queries.read_samples(store.cursor())
        if not len(samples) == len(samples.reviewable()) == len(truth):
            raise RuntimeError(f"{name}: {len(samples)} samples, {len(truth)} truths; every one needs both.")
        ran = {}
        for each in ("label_match", detector):
            directory = jobs.prepare(workspace, samples, {}, each)
            run_job(directory)
            jobs.import_run(directory, store)
            scores = queries.read_scores(store.cursor(), directory.name)
            ran[each] = (directory, load_run(directory, scores, samples))
    directory, run = ran[detector]
    index = {label: k for k, label in enumerate(run.class_names)} | STATES
    features = np.load(directory / "embeddings.npy").astype(np.float32)
    by_name = ran["label_match"][1]
    return Task(
        name=name,
        root=workspace.root,
        samples=samples,
        run=run,
        notes=read_json(directory / "result.json")["notes"],
        features=features[run.row_at],
        zero_shot=by_name.probs[by_name.row_at],
        given=run.given[run.row_at],
        truth=np.asarray([index[truth[path]] for path in samples.paths]),
    )


def tasks_of(data: str, base: Path, detector: str, labels: Iterable[str] = LABEL_SETS) -> Iterator[Task]:
    """Yield the tasks of one of `NAMES`; labels: which sets, where there are several."""
    return cifar_tasks(base, detector, labels) if data == "cifar" else demo_tasks(base, detector)
