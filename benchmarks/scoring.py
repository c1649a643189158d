"""The inference pass against a bare loop over `encode_image`, in images per second.

    python -m benchmarks.scoring [--repeats 3]

The bare loop is given tensors that are normalised already, in batches of 32 on all threads, and keeps
nothing.
The pass reads uint8 pixels, normalises them, and stores unit features on the disk. The small natural-image
CLIP on the CIFAR sample, and ViT-B/32 with random weights.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch

from benchmarks.deft_step import random_clip
from benchmarks.machine import circumstances
from engine.clip.backbone import Backbone, load_backbone
from engine.config import BackboneConfig
from engine.progress import silent
from engine.rows import Rows
from engine.runtime import every_core, pick_runtime
from engine.scoring import embed_images
from tests.driver import CIFAR, SMALL_CLIP

BATCH = 32


def bare(clip: Backbone, image_NCHW: torch.Tensor) -> None:
    with torch.inference_mode(), every_core(), clip.runtime.autocast():
        for start in range(0, len(image_NCHW), BATCH):
            clip.model.encode_image(image_NCHW[start : start + BATCH])


def whole(clip: Backbone, rows: Rows) -> None:
    with tempfile.TemporaryDirectory() as folder:
        embed_images(clip, rows, cache=Path(folder), batch_size=256, report=silent)


def rates(clip: Backbone, pixels: np.ndarray, repeats: int) -> tuple[float, float]:
    """Return images per second of the bare loop and of the pass, medians of interleaved repeats."""
    keys = tuple(map(str, range(len(pixels))))
    rows = Rows(store=pixels, index=np.arange(len(pixels)), keys=keys)
    mean_C, std_C = (torch.tensor(each).view(3, 1, 1) for each in (clip.mean, clip.std))
    image_NCHW = (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255 - mean_C) / std_C
    image_NCHW = image_NCHW.to(clip.runtime.device)
    ways: list[Callable[[], None]] = [lambda: bare(clip, image_NCHW), lambda: whole(clip, rows)]
    seconds: list[list[float]] = [[], []]
    for number in range(repeats + 1):
        for way, kept in zip(ways, seconds, strict=True):
            began = time.perf_counter()
            way()
            if number:  # the first round warms up
                kept.append(time.perf_counter() - began)
    loop, ours = (len(pixels) / median(kept) for kept in seconds)
    return loop, ours


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    runtime = pick_runtime("auto")
    print(circumstances())
    print("| model | images | bare loop, images/s | the pass, images/s | ratio |\n|---|---|---|---|---|")
    small = load_backbone(BackboneConfig(weights=str(SMALL_CLIP)), runtime)
    sample = np.load(CIFAR)["images"]
    noise = np.random.default_rng(0).integers(0, 256, (256, 224, 224, 3), dtype=np.uint8)
    for name, clip, pixels in (
        ("small natural-image CLIP", small, sample),
        ("ViT-B/32, random weights", random_clip(runtime), noise),
    ):
        if clip is not small:  # loading a small model sets one thread for each operation
            torch.set_num_threads(os.cpu_count() or 1)
        loop, ours = rates(clip, pixels, repeats)
        print(f"| {name} | {len(pixels):,} | {loop:.0f} | {ours:.0f} | {ours / loop:.2f} |")


if __name__ == "__main__":
    main()
