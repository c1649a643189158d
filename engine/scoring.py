"""The one inference pass over the images; frozen features are computed once and kept."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from engine.clip.backbone import Backbone
from engine.errors import EngineError
from engine.progress import Report
from engine.rows import RowCache, Rows

# On a CPU a batch should stay in the cache: 32 images were as fast as any larger number.
CPU_BATCH = 32
# So many batches go to the disk together.
BATCHES_AT_ONCE = 8


def embed_images(
    backbone: Backbone, pixels: Rows, *, cache: Path, batch_size: int, report: Report
) -> np.ndarray:
    """Return the image features I, (N, D) float32, unit L2; only pictures that are new are computed.

    pixels: uint8 (N, S, S, 3). The store in `cache` is keyed by the backbone's fingerprint, the precision,
    and the pixels' keys.
    """
    precision = str(backbone.runtime.dtype).removeprefix("torch.")
    name = f"features-{backbone.fingerprint}-{precision}"
    row = dict(zip(pixels.keys, range(len(pixels)), strict=True))
    with RowCache(cache, name, (backbone.embed_dim,), "float32") as store:
        todo = store.missing(pixels.keys)
        done = len(row) - len(todo)
        report("progress", stage="features", done=done, of=len(row))
        for keys, features in _encode(backbone, pixels, row, todo, batch_size):
            if not np.isfinite(features).all():
                raise EngineError(
                    f"{backbone.name} answers with values that are no numbers; its weights are damaged, "
                    "fetch them again."
                )
            store.append(keys, features)
            done += len(keys)
            report("progress", stage="features", done=done, of=len(row))
        stored = store.read(pixels.keys)
    return stored.take(slice(None))


def _encode(
    backbone: Backbone, pixels: Rows, row: dict[str, int], todo: list[str], batch_size: int
) -> Iterator[tuple[list[str], np.ndarray]]:
    """Yield (keys, features) of all that is to do."""

    def encode(keys: list[str]) -> np.ndarray:
        return backbone.encode_images(pixels.take([row[key] for key in keys]))

    on_cpu = backbone.runtime.device.type == "cpu"
    length = min(batch_size, CPU_BATCH) if on_cpu else batch_size
    batches = [todo[i : i + length] for i in range(0, len(todo), length)]
    # A model too small for two threads (see `set_threads`) takes one batch per core instead: no thread
    # waits for another, and the values do not depend on the number of cores.
    n_workers = (os.cpu_count() or 1) if on_cpu and torch.get_num_threads() == 1 else 1
    with ThreadPoolExecutor(n_workers, initializer=_one_thread if n_workers > 1 else None) as pool:
        for i in range(0, len(batches), BATCHES_AT_ONCE):
            group = batches[i : i + BATCHES_AT_ONCE]
            features = np.concatenate(list(pool.map(encode, group)))
            yield [key for keys in group for key in keys], features


def _one_thread() -> None:
    torch.set_num_threads(1)
