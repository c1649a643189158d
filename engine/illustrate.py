"""What a finished run gets afterwards: attention maps of its most doubtful samples, and 2-D maps of all.

It reads what the run left (scores, embeddings, decoded pixels) and may be stopped at any time: whatever is
whole on the disk is not drawn again. As in `engine.job`, nothing heavy is imported before the lock is held.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.artifacts import Scores, read_embeddings, read_scores
from engine.config import RunConfig, read_config
from engine.errors import EngineError
from engine.illustrations import (
    ILLUSTRATIONS,
    SPACES,
    read_attention,
    read_projection,
    write_attention,
    write_attention_ids,
    write_projection,
)
from engine.job import Stages, load_model
from engine.lifecycle import do_work
from engine.manifest import Manifest, read_manifest
from engine.progress import Report, silent

if TYPE_CHECKING:
    from engine.clip.backbone import Backbone
    from engine.pixels import Pictures

N_MAPS = 2_000
CPU_BATCH, GPU_BATCH = 16, 256
MAPS_PER_WRITE = 256  # a killed process loses no more


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A finished run and its model. class_features: (K, D) float32, unit L2."""

    run_dir: Path
    config: RunConfig
    manifest: Manifest
    scores: Scores
    backbone: "Backbone"
    class_features: np.ndarray


def illustrate(run_dir: Path, watch: Report = silent, n_maps: int = N_MAPS) -> dict[str, Any]:
    """Draw what is missing of a finished run and return what `illustrations.json` says.

    n_maps: M, samples that get attention maps, lowest p_clean first. Raises as `engine.lifecycle.do_work`
    does, and EngineError for a run without a result.
    """
    if not (run_dir / "result.json").is_file():
        raise EngineError(f"{run_dir} has no result.json; only a finished run can be illustrated.")
    return do_work(
        run_dir, ILLUSTRATIONS, "The drawing", lambda report: _draw(run_dir, n_maps, report), watch
    )


def _draw(run_dir: Path, n_maps: int, report: Report) -> dict[str, Any]:
    config = read_config(run_dir / "config.toml")
    classes = [(each.name, each.prompt) for each in config.classes]
    stages = Stages(report)
    with stages("model"):
        _, backbone = load_model(run_dir, config)
        run = Finished(
            run_dir=run_dir,
            config=config,
            manifest=read_manifest(run_dir / "manifest.csv", classes).active(),
            scores=read_scores(run_dir),
            backbone=backbone,
            class_features=backbone.class_features([prompt for _, prompt in classes]),
        )
    with stages("attention"):
        drawn = _draw_attention(run, n_maps, report)
    with stages("map"):
        _draw_projections(run, report)
    return {
        "attention": drawn,
        "projections": list(SPACES),
        "seconds": stages.total(),
        "device": str(backbone.runtime.device),
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def doubtful(manifest: Manifest, scores: Scores, count: int) -> np.ndarray:
    """Return the rows of `scores` that will be looked at first, (≤ count,): lowest p_clean first.

    What people had settled before the run comes last: nobody has to look at it again.
    """
    rows, _ = manifest.known()
    settled = {manifest.sample_ids[row] for row in rows}
    is_settled = np.asarray([each in settled for each in scores.sample_ids.tolist()], dtype=bool)
    return np.lexsort((scores.p_clean, is_settled))[:count]


def _draw_attention(run: Finished, n_maps: int, report: Report) -> dict[str, Any]:
    """Draw the maps that are missing; return how many there are and by which method, or why none."""
    from engine.attention import grid_size, no_grid  # noqa: PLC0415 - torch

    if grid_size(run.backbone) is None:
        return {"maps": 0, "reason": no_grid(run.backbone)}
    manifest, suggested, pictures = _read_chosen(run, n_maps, report)
    classes = np.stack([manifest.given, suggested], axis=1)
    ids = np.asarray(manifest.sample_ids, dtype=np.str_)
    stored = read_attention(run.run_dir)
    if stored is not None and np.array_equal(stored[0], ids[: len(stored[0])]):
        parts = [stored[1]]
    else:
        write_attention_ids(run.run_dir, ids)
        parts = []
    done = written = sum(map(len, parts))
    for maps in _maps(run, pictures, classes, done):
        parts.append(maps)
        done += len(maps)
        report("progress", stage="attention", done=done, of=len(ids))
        if done == len(ids) or done - written >= MAPS_PER_WRITE:
            write_attention(run.run_dir, np.concatenate(parts))
            written = done
    return {"maps": done, "method": run.config.attention}


def _read_chosen(run: Finished, n_maps: int, report: Report) -> "tuple[Manifest, np.ndarray, Pictures]":
    """Return the samples that get maps, their suggested classes (M,) and their pictures."""
    from engine.pixels import read_pixels  # noqa: PLC0415 - Pillow's plugins

    row_of = {sample_id: row for row, sample_id in enumerate(run.manifest.sample_ids)}
    chosen = doubtful(run.manifest, run.scores, n_maps)
    manifest = run.manifest.take([row_of[each] for each in run.scores.sample_ids[chosen].tolist()])
    config, size = run.config, run.backbone.image_size
    images, cache = run.run_dir / config.image_root, run.run_dir / config.cache
    pictures = read_pixels(manifest, images, cache, size, report)
    kept = list(pictures.kept)  # a file may have gone since
    index = {name: k for k, name in enumerate(manifest.class_names)}
    suggested = [index[name] for name in run.scores.suggested[chosen[kept]].tolist()]
    return manifest.take(kept), np.asarray(suggested, dtype=np.int64), pictures


def _maps(run: Finished, pictures: "Pictures", classes: np.ndarray, start: int) -> Iterator[np.ndarray]:
    """Yield the maps (B, 2, G, G) of the pictures from `start` on. classes: (M, 2)."""
    from engine.attention import class_maps  # noqa: PLC0415 - torch

    length = CPU_BATCH if run.backbone.runtime.device.type == "cpu" else GPU_BATCH
    for first in range(start, len(classes), length):
        piece = slice(first, first + length)
        pixels = pictures.pixels.take(piece)
        yield class_maps(run.backbone, pixels, run.class_features, classes[piece], run.config.attention)


def _draw_projections(run: Finished, report: Report) -> None:
    """Draw the 2-D maps that are missing."""
    from engine.projection import joint_features, project  # noqa: PLC0415 - torch and scikit-learn

    n_samples = len(run.scores.sample_ids)
    for done, space in enumerate(SPACES):
        report("progress", stage="map", done=done, of=len(SPACES))
        points = read_projection(run.run_dir, space)
        if points is not None and len(points) == n_samples:
            continue
        features = read_embeddings(run.run_dir)
        if space == "joint":
            features = joint_features(features, run.class_features)
        device = run.backbone.runtime.device
        write_projection(run.run_dir, space, project(features, run.config.seed, device))
    report("progress", stage="map", done=len(SPACES), of=len(SPACES))
