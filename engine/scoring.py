"""The one inference pass over the images; frozen features are computed once and kept."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from engine import collective, distributed
from engine.augment import Shifts
from engine.clip.backbone import Backbone
from engine.errors import EngineError
from engine.progress import Report
from engine.rows import RowCache, Rows
from engine.runtime import Runtime, cores

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

        def encode(piece: np.ndarray) -> np.ndarray:
            moved = None if shifts is None else shifts.take(piece)
            return backbone.encode_images(pixels.take(piece), moved)

        for part, features in _encode(encode, rows, backbone.runtime, backbone.name, batch_size, watch):
            store.append(todo[part], features)
        if len(todo) >= ENOUGH:
            images = len(todo) // distributed.team().size  # as of one process
            report("speed", images=images, seconds=time.monotonic() - start, **backbone.size())
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
    return encode_all(
        lambda some: backbone.encode_images(some, None, prompts),
        pixels,
        runtime=backbone.runtime,
        name=backbone.name,
        batch_size=batch_size,
        report=report,
    )


def encode_all(
    encode: Callable[[np.ndarray], np.ndarray],
    pixels: Rows,
    *,
    runtime: Runtime,
    name: str,
    batch_size: int,
    report: Report,
    stage: str = "scoring",
) -> np.ndarray:
    """Return what `encode` makes of all pictures, (N, …) float32; nothing is kept.

    encode: uint8 (B, S, S, 3) → (B, …) float32, N ≥ 1; on a CPU it may be called from several threads at
    once. name: of the model, for the sentence where its answer is no number.
    """
    return encode_rows(
        lambda piece: encode(pixels.take(piece)),
        np.arange(len(pixels)),
        runtime=runtime,
        name=name,
        batch_size=batch_size,
        report=report,
        stage=stage,
    )


def encode_rows(
    encode: Callable[[np.ndarray], np.ndarray],
    rows: np.ndarray,
    *,
    runtime: Runtime,
    name: str,
    batch_size: int,
    report: Report,
    stage: str = "scoring",
) -> np.ndarray:
    """Return what `encode` makes of some rows, (M, …) float32; as `encode_all`, but it is given the rows.

    encode: (B,) int64 → (B, …) float32. rows: (M,), M ≥ 1.
    """
    watch = _Watch(report, stage, 0, len(rows))
    return np.concatenate([some for _, some in _encode(encode, rows, runtime, name, batch_size, watch)])


class _Watch:
    """Tells how many pictures are done."""

    def __init__(self, report: Report, stage: str, done: int, of: int):
        self._report, self._stage, self._done, self._of = report, stage, done, of
        self.add(0)

    def add(self, count: int) -> None:
        self._done += count
        self._report("progress", stage=self._stage, done=self._done, of=self._of)


def _encode(
    encode: Callable[[np.ndarray], np.ndarray],
    rows: np.ndarray,
    runtime: Runtime,
    name: str,
    batch_size: int,
    watch: _Watch,
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield (which of `rows`, what `encode` makes of them), some batches at a time.

    Of several processes each encodes a part of them, and all get the whole.
    """
    on_cpu = runtime.device.type == "cpu"
    length = min(batch_size, CPU_BATCH) if on_cpu else batch_size
    # A model too small for two threads (see `set_threads`) takes one batch per core instead: no thread
    # waits for another, and the values do not depend on the number of cores.
    n_workers = cores() if on_cpu and torch.get_num_threads() == 1 else 1
    with ThreadPoolExecutor(n_workers, initializer=_one_thread if n_workers > 1 else None) as pool:
        at_once = length * BATCHES_AT_ONCE * distributed.team().size
        for start in range(0, len(rows), at_once):
            stop = min(start + at_once, len(rows))
            own = rows[start:stop][collective.part(stop - start)]
            pieces = [own[i : i + length] for i in range(0, len(own), length)]
            found = collective.gathered_rows(list(pool.map(encode, pieces)), stop - start)
            if not np.isfinite(found).all():
                raise EngineError(
                    f"{name} answers with values that are no numbers; its weights are damaged, "
                    "fetch them again."
                )
            yield slice(start, stop), found
            watch.add(stop - start)


def _one_thread() -> None:
    torch.set_num_threads(1)
