"""The one inference pass over the images; frozen features are computed once and kept."""

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from engine.augment import Shifts
from engine.clip.backbone import Backbone
from engine.errors import EngineError
from engine.progress import Report
from engine.rows import RowCache, Rows

# On a CPU a batch should stay in the cache: 32 images were as fast as any larger number.
CPU_BATCH = 32
# So many batches go to the disk together.
BATCHES_AT_ONCE = 8
# So many pictures tell how fast this machine is.
ENOUGH = 64


def embed_images(
    backbone: Backbone, pixels: Rows, *, cache: Path, batch_size: int, report: Report
) -> np.ndarray:
    """Return the image features I, (N, D) float32, unit L2, see `store_features`."""
    stored = store_features(backbone, pixels, cache=cache, batch_size=batch_size, report=report)
    return stored.take(slice(None))


def store_features(
    backbone: Backbone,
    pixels: Rows,
    *,
    cache: Path,
    batch_size: int,
    report: Report,
    shifts: Shifts | None = None,
    stage: str = "features",
) -> Rows:
    """Return the features of pictures, (N, D) float32, unit L2, on the disk; only what is new is computed.

    pixels: uint8 (N, S, S, 3). shifts: how each is shifted and mirrored first. The store in `cache` is keyed
    by the backbone's fingerprint, the precision, the pixels' keys and the shifts.
    """
    precision = str(backbone.runtime.dtype).removeprefix("torch.")
    name = f"features-{backbone.fingerprint}-{precision}"
    keys = pixels.keys if shifts is None else _shifted_keys(pixels.keys, shifts)
    row = dict(zip(keys, range(len(pixels)), strict=True))
    with RowCache(cache, name, (backbone.embed_dim,), "float32") as store:
        todo = store.missing(keys)
        rows = np.asarray([row[key] for key in todo], dtype=np.int64)
        watch, start = _Watch(report, stage, len(row) - len(todo), len(row)), time.monotonic()
        for part, features in _encode(backbone, pixels, rows, batch_size, watch, shifts=shifts):
            store.append(todo[part], features)
        if len(todo) >= ENOUGH:
            report("speed", images=len(todo), seconds=time.monotonic() - start, **backbone.size())
        return store.read(keys)


def _shifted_keys(keys: Sequence[str], shifts: Shifts) -> tuple[str, ...]:
    columns = (shifts.down.tolist(), shifts.right.tolist(), shifts.flipped.tolist())
    moves = (f"{down},{right}{',mirrored' * flipped}" for down, right, flipped in zip(*columns, strict=True))
    return tuple(f"{key}\t{move}" for key, move in zip(keys, moves, strict=True))


def score_images(
    backbone: Backbone, pixels: Rows, prompts: torch.Tensor, *, batch_size: int, report: Report
) -> np.ndarray:
    """Return I under these deep prompts, (N, D) float32, unit L2; nothing is kept.

    prompts: (layers, V, W), see `engine.clip.vision.image_features`.
    """
    features = np.empty((len(pixels), backbone.embed_dim), dtype=np.float32)
    watch = _Watch(report, "scoring", 0, len(pixels))
    for part, some in _encode(backbone, pixels, np.arange(len(pixels)), batch_size, watch, prompts=prompts):
        features[part] = some
    return features


class _Watch:
    """Tells how many pictures are done."""

    def __init__(self, report: Report, stage: str, done: int, of: int):
        self._report, self._stage, self._done, self._of = report, stage, done, of
        self.add(0)

    def add(self, count: int) -> None:
        self._done += count
        self._report("progress", stage=self._stage, done=self._done, of=self._of)


def _encode(
    backbone: Backbone,
    pixels: Rows,
    rows: np.ndarray,
    batch_size: int,
    watch: _Watch,
    *,
    shifts: Shifts | None = None,
    prompts: torch.Tensor | None = None,
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield (which of `rows`, their features), some batches at a time."""

    def features(piece: slice) -> np.ndarray:
        some = rows[piece]
        moved = None if shifts is None else shifts.take(some)
        return backbone.encode_images(pixels.take(some), moved, prompts)

    on_cpu = backbone.runtime.device.type == "cpu"
    length = min(batch_size, CPU_BATCH) if on_cpu else batch_size
    # A model too small for two threads (see `set_threads`) takes one batch per core instead: no thread
    # waits for another, and the values do not depend on the number of cores.
    n_workers = (os.cpu_count() or 1) if on_cpu and torch.get_num_threads() == 1 else 1
    with ThreadPoolExecutor(n_workers, initializer=_one_thread if n_workers > 1 else None) as pool:
        for start in range(0, len(rows), length * BATCHES_AT_ONCE):
            stop = min(start + length * BATCHES_AT_ONCE, len(rows))
            pieces = [slice(i, min(i + length, stop)) for i in range(start, stop, length)]
            found = np.concatenate(list(pool.map(features, pieces)))
            if not np.isfinite(found).all():
                raise EngineError(
                    f"{backbone.name} answers with values that are no numbers; its weights are damaged, "
                    "fetch them again."
                )
            yield slice(start, stop), found
            watch.add(stop - start)


def _one_thread() -> None:
    torch.set_num_threads(1)
