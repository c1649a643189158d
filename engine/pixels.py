"""The pixel cache: every image decoded and resized once, as uint8 RGB squares."""

import os
import stat
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from engine.decoding import UnreadableImage, read_picture
from engine.errors import EngineError
from engine.manifest import Manifest, resolve_inside
from engine.progress import Report
from engine.rows import RowCache, Rows

BATCH_BYTES = 32_000_000


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A sample whose image cannot be read, and why."""

    sample_id: str
    path: str
    problem: str


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """The pixels of a manifest.

    kept: rows of the manifest whose image could be read, ascending. pixels: uint8 (len(kept), S, S, 3),
    row j belongs to manifest row kept[j]. faults: the other rows, in the manifest's order.
    """

    kept: tuple[int, ...]
    pixels: Rows
    faults: tuple[Fault, ...]


def read_pixels(manifest: Manifest, image_root: Path, cache: Path, size: int, report: Report) -> Pictures:
    """Return every image of the manifest as a square of `size` pixels; only new files are decoded.

    The shortest side is resized to `size` (bicubic) and the centre cut out, as CLIP does. An image is
    known by its relative path, file size and time of change. One that is missing, damaged, or outside
    `image_root` becomes a fault; no file raises.
    """
    found = [_locate(image_root, path) for path in manifest.paths]
    with pixel_cache(cache, size) as store:
        where = {key: path for key, path, _ in found if path is not None}
        add_squares(store, where, lambda key: _read_square(where[key], size), size, report)
        problems = [problem or store.faults.get(key, "") for key, _, problem in found]
        kept = tuple(i for i, problem in enumerate(problems) if not problem)
        pixels = store.read([found[i][0] for i in kept])
    faults = tuple(
        Fault(sample_id=manifest.sample_ids[i], path=manifest.paths[i], problem=problem)
        for i, problem in enumerate(problems)
        if problem
    )
    return Pictures(kept=kept, pixels=pixels, faults=faults)


def pixel_cache(cache: Path, size: int) -> RowCache:
    """Return the store of squares of `size` pixels in `cache`; of several processes each is on its own."""
    return RowCache(cache, f"pixels-{size}", (size, size, 3), "uint8", together=False)


def add_squares(
    store: RowCache,
    keys: Collection[str],
    square_of: Callable[[str], np.ndarray | str],
    size: int,
    report: Report,
) -> None:
    """Store the square of every key that has none yet, on all cores; a sentence instead of one is a fault."""
    todo = store.missing(keys)
    done = len(keys) - len(todo)
    report("progress", stage="pixels", done=done, of=len(keys))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for batch in _batches(todo, max(16, BATCH_BYTES // (size * size * 3))):
            squares = list(pool.map(square_of, batch))
            read = [(k, s) for k, s in zip(batch, squares, strict=True) if isinstance(s, np.ndarray)]
            faults = {k: s for k, s in zip(batch, squares, strict=True) if isinstance(s, str)}
            store.append([k for k, _ in read], [s for _, s in read], faults)
            done += len(batch)
            report("progress", stage="pixels", done=done, of=len(keys))


def _batches(keys: list[str], length: int) -> Iterator[list[str]]:
    for start in range(0, len(keys), length):
        yield keys[start : start + length]


def _locate(image_root: Path, relative: str) -> tuple[str, Path | None, str]:
    """Return (key, path, "") of a file that may be decoded, or ("", None, problem)."""
    try:
        path = resolve_inside(image_root, relative)
        facts = path.stat()
    except EngineError as error:
        return "", None, str(error)
    except FileNotFoundError:
        return "", None, "the file is not there"
    except (OSError, ValueError, RuntimeError) as error:
        # A name that is too long or not encodable, a folder without permission, a ring of links.
        return "", None, f"cannot be opened ({type(error).__name__})"
    if not stat.S_ISREG(facts.st_mode):
        # Opening a pipe would wait for ever.
        return "", None, "is not an ordinary file"
    if not os.access(path, os.R_OK):
        # Not remembered as a fault of the content: granting access changes no date.
        return "", None, "may not be read by this user"
    return f"{relative}\t{facts.st_size}\t{facts.st_mtime_ns}", path, ""


def _read_square(path: Path, size: int) -> np.ndarray | str:
    try:
        return square(read_picture(path, at_least=size), size)
    except UnreadableImage as error:
        return str(error)


def square(picture: Image.Image, size: int) -> np.ndarray:
    """Return the RGB picture as uint8 (size, size, 3): short side resized (bicubic), centre cut out.

    Equals resizing and then cropping, without ever holding the long side: 1 × 100,000 pixels stay cheap.
    """
    short = min(picture.size)
    box: list[float] = []
    for length in picture.size:
        resized = int(size * length / short)
        scale = length / resized
        box.append(round((resized - size) / 2.0) * scale)
        box.append(box[-1] + size * scale)
    left, right, top, bottom = box
    area = (left, top, min(right, picture.width), min(bottom, picture.height))
    return np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC, box=area), dtype=np.uint8)
