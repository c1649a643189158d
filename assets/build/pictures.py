"""The pictures that the small CLIP learns from and is judged by, drawn once and kept."""

import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from assets.build.drawn import CONCEPTS, Facts, draw_scene

SIZE = 64
"""Side of a picture that the model reads."""
LEARN_SEEDS = range(0, 1_000)
"""Seeds of the pictures to learn from, for every concept."""
CHECK_SEEDS = range(2_000_000, 2_000_020)
"""Seeds of the held-out pictures; the demo's begin at 1,000,000."""
CHECK_SIZE = 208
"""Held-out pictures are drawn as large as the demo's and reduced as the app reduces them."""


@dataclass(frozen=True)
class Pictures:
    """pixels: uint8 (N, 64, 64, 3), on disk. facts: N, what captions may say. seconds: what drawing took."""

    pixels: np.ndarray
    facts: list[Facts]
    seconds: float

    @property
    def classes(self) -> np.ndarray:
        """int64 (N,), the place of each picture's concept in CONCEPTS."""
        place = {name: index for index, name in enumerate(CONCEPTS)}
        return np.array([place[facts.concept] for facts in self.facts])


def load_pictures(folder: Path, seeds: range, drawn_size: int) -> Pictures:
    """Return the pictures of all concepts and these seeds, drawn now unless `folder` has them."""
    name = f"drawn-{drawn_size}-{seeds.start}-{seeds.stop}-{len(CONCEPTS)}"
    pixels_path, facts_path = folder / f"{name}.npy", folder / f"{name}.jsonl"
    if not facts_path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _draw_all(pixels_path, facts_path, seeds, drawn_size)
    seconds, *lines = map(json.loads, facts_path.read_text(encoding="utf-8").splitlines())
    return Pictures(np.load(pixels_path, mmap_mode="r"), [Facts(**line) for line in lines], seconds)


def _draw_all(pixels_path: Path, facts_path: Path, seeds: range, drawn_size: int) -> None:
    count, began = len(CONCEPTS) * len(seeds), time.monotonic()
    pixels = np.lib.format.open_memmap(pixels_path, "w+", np.uint8, (count, SIZE, SIZE, 3))
    lines: list[str] = []
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for block, facts in pool.map(_draw_concept, *zip(*_tasks(seeds, drawn_size), strict=True)):
            pixels[len(lines) : len(lines) + len(block)] = block
            lines += [json.dumps(asdict(fact)) for fact in facts]
            print(f"drawn {len(lines)} of {count}", flush=True)
    pixels.flush()
    part = facts_path.with_suffix(".part")
    part.write_text("\n".join([f"{time.monotonic() - began:.1f}", *lines]), encoding="utf-8")
    part.replace(facts_path)  # last: where it is, the pixels are whole


def _tasks(seeds: range, drawn_size: int) -> Iterator[tuple[str, range, int]]:
    for concept in CONCEPTS:
        yield concept, seeds, drawn_size


def _draw_concept(concept: str, seeds: range, drawn_size: int) -> tuple[np.ndarray, list[Facts]]:
    block = np.empty((len(seeds), SIZE, SIZE, 3), np.uint8)
    facts = []
    for row, seed in enumerate(seeds):
        scene = draw_scene(concept, seed, drawn_size)
        image = scene.image
        if drawn_size != SIZE:
            image = image.resize((SIZE, SIZE), Image.Resampling.BICUBIC)
        block[row] = np.asarray(image)
        facts.append(scene.facts)
    return block, facts
