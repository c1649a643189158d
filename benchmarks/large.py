"""Workspaces of any size for measurements: the pictures of the CIFAR sample again and again, under names of
their own, ranked by a run whose answers are drawn instead of computed, with its maps.

The pictures are links to the same 5,000 files, so a million of them fit on any disk; reading, scaling and
showing one costs what it costs.
"""

import csv
import os
from pathlib import Path

import numpy as np

from engine.artifacts import Detection, Neighbours, write_detection, write_json
from engine.config import BackboneConfig
from engine.illustrations import ILLUSTRATIONS, SPACES, write_attention_ids, write_projection
from engine.manifest import read_manifest
from engine.transition import fit_transition
from reviewer import jobs, queries
from reviewer.store import Store
from reviewer.workspace import Workspace, create_workspace
from tests.test_loop import write_cifar

PER_FOLDER = 10_000
WRONG = 0.2
N_NEAREST = 15
N_FEATURES = 32
ALPHA = 0.3


def make_large(folder: Path, n: int, *, n_classes: int = 10, seed: int = 0) -> Workspace:
    """Return a new workspace of n samples in `folder`, a fifth of them labelled wrongly, with a finished run
    of `transition` that finds most of those. A fifth of the points of its maps lies in one corner."""
    pictures = folder / "pictures"
    if not pictures.is_dir():
        write_cifar(pictures)
    originals = sorted((pictures / "images").iterdir())
    names = [f"class {k:04}" for k in range(n_classes)]
    rng = np.random.default_rng(seed)
    true = rng.integers(0, n_classes, n)
    given = np.where(rng.random(n) < WRONG, (true + rng.integers(1, n_classes, n)) % n_classes, true)
    here = folder / f"{n}-of-{n_classes}-classes"
    (here / "images").mkdir(parents=True)
    with (here / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label"])
        for number in range(n):
            path = f"{number // PER_FOLDER:04}/{number:07}.png"
            if number % PER_FOLDER == 0:
                (here / "images" / path).parent.mkdir()
            os.link(originals[number % len(originals)], here / "images" / path)
            writer.writerow([path, names[given[number]]])
    workspace, _ = create_workspace(
        here / "workspace",
        here / "images",
        labels=here / "labels.csv",
        backbone=BackboneConfig(weights="bundled"),
    )
    with Store(workspace.database) as store:
        samples = queries.read_samples(store.cursor())
        run_dir = jobs.prepare(workspace, samples, {}, "transition")
        write_drawn(run_dir, workspace, true, rng)
        jobs.import_run(run_dir, store)
    return workspace


def write_drawn(run_dir: Path, workspace: Workspace, true: np.ndarray, rng: np.random.Generator) -> None:
    """Write what a detector would have: answers that are right for about 85 %, true: (n,) class numbers."""
    classes = [(item.name, item.prompt) for item in workspace.config.classes]
    manifest = read_manifest(run_dir / "manifest.csv", classes)
    n, k = len(manifest), len(classes)
    logits = rng.gumbel(size=(n, k)).astype(np.float32)
    logits[np.arange(n), true] += 4.0 + np.log(k / 10)
    probs = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs /= probs.sum(axis=1, keepdims=True)
    fit = fit_transition(probs, manifest.given, alpha=ALPHA)
    suggested = fit.posterior.argmax(axis=1)
    embeddings = rng.normal(size=(n, N_FEATURES)).astype(np.float32)
    detection = Detection(
        p_clean=fit.p_clean(manifest.given),
        probs=probs,
        embeddings=embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True),
        suggested=suggested,
        suggested_probability=fit.posterior[np.arange(n), suggested],
    )
    similarities = -np.sort(-rng.uniform(0.5, 0.95, (n, N_NEAREST)).astype(np.float16), axis=1)
    rows = rng.integers(0, n, (n, N_NEAREST)).astype(np.int32)
    nearest = Neighbours(rows=rows, similarities=similarities)
    write_detection(run_dir, manifest.sample_ids, manifest.class_names, manifest.given, detection, nearest)
    for space in SPACES:
        write_projection(run_dir, space, plane(n, rng))
    write_attention_ids(run_dir, np.asarray([], dtype=np.str_))
    write_json(run_dir / ILLUSTRATIONS.result, {})  # nothing is left to draw beside what is measured
    write_json(
        run_dir / "result.json",
        {
            "detector": "transition",
            "n_samples": n,
            "n_faults": 0,
            "seconds": {"total": 0.0},
            "notes": {"alpha": ALPHA, "reason": "the answers are drawn"},
        },
    )


def plane(n: int, rng: np.random.Generator) -> np.ndarray:
    """Return (n, 2) points in [−1, 1]²: the first fifth of them in the corner above .5, the others below."""
    inside = np.arange(n) < n // 5
    corner, rest = rng.uniform(0.55, 0.95, (n, 2)), rng.uniform(-0.95, 0.45, (n, 2))
    return np.where(inside[:, None], corner, rest)
