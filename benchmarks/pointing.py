"""Which attention map points at the object: the pointing game on drawn pictures, whose masks are known.

    python -m benchmarks.pointing [--pictures 600] [--weights bundled] [--concepts cat,dog] [--json]

Pictures that no model was trained on (seeds from 3,000,000), drawn at 208 pixels. For each method:

hit        the middle of the strongest patch lies on the object (Zhang et al. 2018, without their tolerance)
inside     share of the map's sum that lies on the object, the mean over pictures; a map of zeros counts 0
wrong      the same for the likeliest wrong class: a map that knows its class puts less of it there
of four    four pictures side by side: the strongest patch for a class lies in the quarter that shows it
ms         per map, two classes asked for at once, the model's forward pass included

`uniform` and `centre` look at no picture: the least that a method has to beat, as objects stand near the
middle.
"""

import argparse
import json
import os
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from assets.build.drawn import CONCEPTS, draw_scene
from benchmarks.machine import circumstances
from engine.attention import METHODS, class_maps, grid_size
from engine.clip.backbone import Backbone, load_backbone
from engine.config import BackboneConfig
from engine.pixels import square
from engine.runtime import pick_runtime

FIRST_SEED = 3_000_000
SIDE = 208
BATCH = 50


def draw(task: tuple[str, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return what the model sees, uint8 (S, S, 3), and the mask, uint8 (208, 208), of (concept, seed, S)."""
    concept, seed, size = task
    scene = draw_scene(concept, seed, SIDE)
    return square(scene.image, size), np.asarray(scene.mask)


def draw_all(names: tuple[str, ...], count: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return pixels (N, S, S, 3), masks (N, 208, 208) and classes (N,), in turn over the concepts."""
    classes = np.arange(count) % len(names)
    tasks = [(names[k], FIRST_SEED + i, size) for i, k in enumerate(classes.tolist())]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        drawn = list(pool.map(draw, tasks, chunksize=16))
    return np.stack([d[0] for d in drawn]), np.stack([d[1] for d in drawn]), classes


def quarters(pixels: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return montages of four pictures of different classes, uint8 (M, S, S, 3), M ≤ N // 4, and their
    classes (M, 4): upper left, upper right, lower left, lower right."""
    size = pixels.shape[1]
    half = size // 2
    chosen = np.random.default_rng(0).permutation(len(pixels))[: len(pixels) // 4 * 4].reshape(-1, 4)
    chosen = chosen[[len(set(classes[row].tolist())) == 4 for row in chosen]]
    out = np.empty((len(chosen), size, size, 3), dtype=np.uint8)
    for at, row in enumerate(chosen):
        for q, i in enumerate(row):
            small = Image.fromarray(pixels[i]).resize((half, half), Image.Resampling.BICUBIC)
            y, x = divmod(q, 2)
            out[at, y * half : (y + 1) * half, x * half : (x + 1) * half] = np.asarray(small)
    return out, classes[chosen]


def maps_of(
    backbone: Backbone, pixels: np.ndarray, text: np.ndarray, classes: np.ndarray, method: str
) -> np.ndarray:
    """Return (N, C, G, G), in batches."""
    pieces = [slice(i, i + BATCH) for i in range(0, len(pixels), BATCH)]
    return np.concatenate([class_maps(backbone, pixels[p], text, classes[p], method) for p in pieces])


def peaks(maps: np.ndarray) -> np.ndarray:
    """Return row and column of the strongest patch, (N, 2), −1 for a map of zeros. maps: (N, G, G)."""
    flat = maps.reshape(len(maps), -1)
    at = np.stack(np.divmod(flat.argmax(axis=1), maps.shape[-1]), axis=1)
    at[flat.max(axis=1) <= 0] = -1
    return at


def shares(masks: np.ndarray, grid: int) -> np.ndarray:
    """Return how much of each patch the object covers, (N, G, G) in [0, 1]."""
    boxes = [Image.fromarray(mask).resize((grid, grid), Image.Resampling.BOX) for mask in masks]
    return np.stack([np.asarray(box, dtype=np.float32) / 255 for box in boxes])


def judge(maps: np.ndarray, masks: np.ndarray, share: np.ndarray) -> tuple[float, float]:
    """Return (hit rate, mean inside share) of maps (N, G, G)."""
    grid = maps.shape[-1]
    at = peaks(maps)
    middle = ((at + 0.5) * SIDE / grid).astype(int)
    hits = (masks[np.arange(len(masks)), middle[:, 0], middle[:, 1]] > 127) & (at[:, 0] >= 0)
    total = maps.sum(axis=(1, 2))
    inside = np.divide((maps * share).sum(axis=(1, 2)), total, out=np.zeros_like(total), where=total > 0)
    return float(hits.mean()), float(inside.mean())


def blind_rows(masks: np.ndarray, share: np.ndarray, grid: int) -> list[dict[str, Any]]:
    """Return the rows of the two maps that look at nothing."""
    middles = ((np.arange(grid) + 0.5) * SIDE / grid).astype(int)
    on_object = masks[:, middles][:, :, middles] > 127
    away = (np.arange(grid) + 0.5) / grid - 0.5
    centre = np.exp(-(away[:, None] ** 2 + away[None, :] ** 2) / (2 * 0.2**2)).astype(np.float32)
    nearest = centre >= centre.max() - 1e-6  # two or four patches share the middle
    rows = [
        {"method": "uniform", "hit": float(on_object.mean()), "inside": float(share.mean())},
        {
            "method": "centre",
            "hit": float(on_object[:, nearest].mean()),
            "inside": float((share * centre).sum(axis=(1, 2)).mean() / centre.sum()),
        },
    ]
    return [{**row, "wrong": row["inside"], "of_four": 0.25, "ms": 0.0} for row in rows]


def measure(backbone: Backbone, names: tuple[str, ...], count: int) -> dict[str, Any]:
    """Return the rows of the table and what they were measured on."""
    grid = grid_size(backbone)
    assert grid is not None
    pixels, masks, classes = draw_all(names, count, backbone.image_size)
    text = backbone.class_features(names)
    features = np.concatenate([backbone.encode_images(pixels[i : i + BATCH]) for i in range(0, count, BATCH)])
    logits = features @ text.T
    accuracy = float((logits.argmax(axis=1) == classes).mean())
    logits[np.arange(count), classes] = -np.inf
    asked = np.stack([classes, logits.argmax(axis=1)], axis=1)
    share = shares(masks, grid)
    montages, shown = quarters(pixels, classes)
    rows = blind_rows(masks, share, grid)
    for method in METHODS:
        class_maps(backbone, pixels[:2], text, asked[:2], method)  # what is done only once is not counted
        began = time.perf_counter()
        maps = maps_of(backbone, pixels, text, asked, method)
        seconds = time.perf_counter() - began
        hit, inside = judge(maps[:, 0], masks, share)
        _, wrong = judge(maps[:, 1], masks, share)
        four = maps_of(backbone, montages, text, shown, method)
        found = [(peaks(four[:, q]) * 2 // grid == divmod(q, 2)).all(axis=1) for q in range(4)]
        rows.append(
            {
                "method": method,
                "hit": hit,
                "inside": inside,
                "wrong": wrong,
                "of_four": float(np.mean(found)),
                "ms": 1000 * seconds / asked.size,
            }
        )
    return {
        "model": backbone.name,
        "grid": grid,
        "pictures": count,
        "concepts": len(names),
        "montages": len(montages),
        "zero_shot_accuracy": accuracy,
        "rows": rows,
    }


def table(result: dict[str, Any]) -> str:
    """Return the result as markdown, the best hit rate first."""
    lines = [
        f"{result['pictures']} pictures of {result['concepts']} concepts, {result['grid']} × "
        f"{result['grid']} patches, zero-shot accuracy {result['zero_shot_accuracy']:.3f}, "
        f"{result['montages']} montages",
        "",
        "| method | hit | inside | inside, wrong class | right of four | ms per map |",
        "|---|---|---|---|---|---|",
    ]
    for row in sorted(result["rows"], key=lambda row: -row["hit"]):
        figures = " | ".join(f"{row[key]:.3f}" for key in ("hit", "inside", "wrong", "of_four"))
        lines.append(f"| {row['method']} | {figures} | {row['ms']:.1f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--pictures", type=int, default=600)
    parser.add_argument("--weights", default="bundled", help="as backbone.weights of config.toml")
    parser.add_argument("--concepts", default="", help="comma-separated; all of them by default")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    names = tuple(asked.concepts.split(",")) if asked.concepts else tuple(CONCEPTS)
    weights = str(Path(asked.weights).resolve()) if Path(asked.weights).is_dir() else asked.weights
    backbone = load_backbone(BackboneConfig(weights=weights), pick_runtime("cpu"))
    result = measure(backbone, names, asked.pictures)
    print(json.dumps(result, indent=1) if asked.json else f"{circumstances()}\n\n{table(result)}")


if __name__ == "__main__":
    main()
