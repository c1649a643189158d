"""Drawn images, workspaces and finished runs, without a model."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from PIL import Image

from engine.artifacts import Detection, Neighbours, write_detection, write_json
from engine.config import read_config
from engine.manifest import read_manifest
from engine.transition import fit_transition
from reviewer import jobs, queries
from reviewer.decisions import Decision, Outcome, Screen
from reviewer.desk import Desk
from reviewer.store import Store
from reviewer.workspace import FILE, Workspace, create_workspace, open_workspace

CLASSES = ("blue", "green", "red", "yellow")
COLOURS = {"blue": (30, 60, 220), "green": (40, 190, 60), "red": (220, 40, 40), "yellow": (230, 220, 40)}
START = datetime(2026, 11, 20, 14, 0, 0)


def draw(path: Path, colour: tuple[int, int, int] = (90, 120, 150), size: tuple[int, int] = (12, 10)) -> Path:
    """Write a picture of one colour with one other pixel, in the format of its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.new("RGB", size, colour)
    picture.putpixel((0, 0), (255, 255, 255))
    picture.save(path)
    return path


def draw_all(root: Path, paths: Sequence[str]) -> Path:
    for path in paths:
        draw(root / path)
    return root


def make_workspace(folder: Path, per_class: int = 10, wrong_every: int = 7) -> Workspace:
    """Return a workspace of `per_class` pictures a class, every seventh of them labelled wrongly.

    The name of a picture tells its true colour: `img/red_03.png`.
    """
    images = folder / "images"
    lines = ["path,label"]
    for n in range(per_class):
        for k, name in enumerate(CLASSES):
            path = f"img/{name}_{n:02}.png"
            draw(images / path, COLOURS[name])
            wrong = (n * len(CLASSES) + k) % wrong_every == 3
            lines.append(f"{path},{CLASSES[(k + 1) % len(CLASSES)] if wrong else name}")
    table = folder / "labels.csv"
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    workspace, _ = create_workspace(folder / "ws", images, labels=table)
    # Audits are drawn by the workspace's id: the same ones in each run of the tests.
    file, drawn = workspace.root / FILE, workspace.config.workspace_id
    file.write_text(file.read_text(encoding="utf-8").replace(drawn, "5" * len(drawn)), encoding="utf-8")
    return open_workspace(workspace.root)


def true_class(path: str) -> str:
    return Path(path).name.split("_")[0]


def finish_run(run_dir: Path, *, sharpness: float = 0.85, skip: Sequence[str] = ()) -> Path:
    """Write into a prepared run what a detector that sees colours would; `skip` are ids it cannot read."""
    config = read_config(run_dir / "config.toml")
    manifest = read_manifest(run_dir / "manifest.csv", [(c.name, c.prompt) for c in config.classes]).active()
    manifest = manifest.take([i for i, name in enumerate(manifest.sample_ids) if name not in skip])
    n, k = len(manifest), manifest.n_classes
    rng = np.random.default_rng(0)
    probs = np.full((n, k), (1 - sharpness) / (k - 1), dtype=np.float32)
    for i, path in enumerate(manifest.paths):
        name = true_class(path)
        probs[i, manifest.class_names.index(name) if name in manifest.class_names else i % k] = sharpness
    probs += rng.uniform(0, 0.05, probs.shape).astype(np.float32)
    probs /= probs.sum(axis=1, keepdims=True)
    rows, targets = manifest.known()
    fit = fit_transition(probs, manifest.given, known_rows=rows, known_targets=targets)
    embeddings = probs / np.linalg.norm(probs, axis=1, keepdims=True)
    similarities = embeddings @ embeddings.T
    np.fill_diagonal(similarities, -2.0)
    nearest = np.argsort(-similarities, axis=1, kind="stable")[:, : min(8, n - 1)].astype(np.int32)
    suggested = fit.posterior.argmax(axis=1)
    detection = Detection(
        p_clean=fit.p_clean(manifest.given),
        probs=probs,
        embeddings=embeddings,
        suggested=suggested,
        suggested_probability=fit.posterior[np.arange(n), suggested],
    )
    neighbours = Neighbours(rows=nearest, similarities=np.take_along_axis(similarities, nearest, axis=1))
    write_detection(run_dir, manifest.sample_ids, manifest.class_names, manifest.given, detection, neighbours)
    write_json(run_dir / "faults.json", [{"path": path, "problem": "the file is empty"} for path in skip])
    write_json(
        run_dir / "result.json",
        {
            "detector": config.detector,
            "n_samples": n,
            "n_faults": len(skip),
            "seconds": {"total": 1.5},
            "notes": {"alpha": 0.3, "reason": "the pictures are of one colour"},
        },
    )
    return run_dir


def prepare(workspace: Workspace, store: Store, detector: str = "transition") -> Path:
    samples = queries.read_samples(store.cursor())
    decisions = queries.read_current_decisions(store.cursor())
    return jobs.prepare(workspace, samples, decisions, detector)


@contextmanager
def open_desk(workspace: Workspace, *, with_run: bool = True, annotator: str = "ada") -> Iterator[Desk]:
    """Open the workspace as the app does; a finished run is taken in first."""
    with Store(workspace.database) as store:
        if with_run and not queries.read_runs(store.cursor()):
            jobs.import_run(finish_run(prepare(workspace, store)), store)
        desk = Desk(workspace, store, annotator)
        try:
            yield desk
        finally:
            desk.close()


def reopened(workspace: Workspace) -> Workspace:
    return open_workspace(workspace.root)


def decision(
    event_id: str,
    position: int = 0,
    outcome: Outcome = Outcome.KEEP,
    labels: Sequence[str] = (),
    annotator: str = "ada",
    given: str = "blue",
    minute: int = 0,
    screen: Screen = Screen.CARD,
) -> Decision:
    return Decision(
        event_id=event_id,
        position=position,
        outcome=outcome,
        labels=tuple(labels),
        annotator=annotator,
        decided_at=START + timedelta(minutes=minute),
        given_label=given,
        screen=screen,
    )


def jpeg_bytes(picture: Image.Image, orientation: int | None = None) -> bytes:
    buffer = io.BytesIO()
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    picture.save(buffer, "JPEG", quality=95, exif=exif)
    return buffer.getvalue()
