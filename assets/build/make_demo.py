"""Draw the demo: 1,500 pictures of twelve classes, a fifth of them with a wrong label.

    python -m assets.build.make_demo

It writes `assets/demo/images/*.jpg` and `assets/demo/labels.csv`, which ship, and `demo_truth.csv` beside
this file, which only tests and benchmarks read. The same seeds give the same pictures and labels.
"""

import csv
import io
import os
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageEnhance

from assets.build.drawn import CONCEPTS, draw_nothing, draw_scene, draw_unusable

BUILD = Path(__file__).parent
DEMO = BUILD.parent / "demo"
TRUTH = BUILD / "demo_truth.csv"
SEED = 20261121
FIRST_SEED = 1_000_000
"""No picture that the model learnt from has a seed as high."""

LOOK_ALIKES: Mapping[str, tuple[str, ...]] = {
    "fox": ("wolf",),
    "wolf": ("fox",),
    "lion": ("tiger",),
    "tiger": ("lion",),
    "apple": ("peach",),
    "peach": ("apple",),
    "ship": ("sailboat",),
    "sailboat": ("ship",),
    "palm": ("pine",),
    "pine": ("palm",),
    "truck": ("train",),
    "train": ("truck",),
}
"""The classes, and for which other ones a tired person takes each."""

N_PICTURES = 1500
N_NO_CLASS = 30
N_UNUSABLE = 15
N_DUPLICATES = 45
N_UNIFORM = 150
N_LOOK_ALIKE = 150
SIZES = (192, 208, 224, 240)
QUALITY = 80

Kind = Literal["clean", "uniform", "look_alike", "no_class", "unusable"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One picture of the demo and all that is true of it.

    true_label: a class, `out_of_scope` or `bad_image`. kind: how the label came about. concept, seed,
    size: what draws it again, with its mask; concept is empty for a background without an object.
    duplicate_of: path of the picture that it is a copy of, or empty.
    """

    path: str
    label: str
    true_label: str
    kind: Kind
    concept: str
    seed: int
    size: int
    duplicate_of: str = ""


def plan_demo() -> list[Entry]:
    """Return every picture of the demo, in the order of the table."""
    rng = np.random.default_rng(SEED)
    classes = list(LOOK_ALIKES)
    n_drawn = N_PICTURES - N_NO_CLASS - N_UNUSABLE - N_DUPLICATES
    truths = [classes[i % len(classes)] for i in range(n_drawn)]
    copied = rng.choice(n_drawn, N_DUPLICATES, replace=False)
    truths += [truths[i] for i in copied]
    kinds = _kinds(truths, rng)
    names = [f"images/{number:04}.jpg" for number in rng.permutation(N_PICTURES)]
    entries: list[Entry] = []
    for i, (truth, kind) in enumerate(zip(truths, kinds, strict=True)):
        original = entries[copied[i - n_drawn]] if i >= n_drawn else None
        entries.append(
            Entry(
                path=names[i],
                label=_label(truth, kind, rng),
                true_label=truth,
                kind=kind,
                concept=truth,
                seed=original.seed if original else FIRST_SEED + i,
                size=original.size if original else int(rng.choice(SIZES)),
                duplicate_of=original.path if original else "",
            )
        )
    others = [name for name in CONCEPTS if name not in LOOK_ALIKES]
    for i in range(len(entries), N_PICTURES):
        unusable = i - len(truths) >= N_NO_CLASS
        strange = "" if unusable or i % 2 else str(rng.choice(others))
        entries.append(
            Entry(
                path=names[i],
                label=str(rng.choice(classes)),
                true_label="bad_image" if unusable else "out_of_scope",
                kind="unusable" if unusable else "no_class",
                concept=strange,
                seed=FIRST_SEED + i,
                size=int(rng.choice(SIZES)),
            )
        )
    return sorted(entries, key=lambda entry: entry.path)


def _kinds(truths: list[str], rng: Generator) -> list[Kind]:
    kinds: list[Kind] = ["clean"] * len(truths)
    order = rng.permutation(len(truths)).tolist()
    mistakable = [i for i in order if LOOK_ALIKES[truths[i]]][:N_LOOK_ALIKE]
    for i in mistakable:
        kinds[i] = "look_alike"
    for i in [i for i in order if kinds[i] == "clean"][:N_UNIFORM]:
        kinds[i] = "uniform"
    return kinds


def _label(truth: str, kind: Kind, rng: Generator) -> str:
    if kind == "look_alike":
        return str(rng.choice(LOOK_ALIKES[truth]))
    if kind == "uniform":
        return str(rng.choice([name for name in LOOK_ALIKES if name != truth]))
    return truth


def draw_entry(entry: Entry) -> bytes:
    """Return the JPEG of a picture."""
    if entry.kind == "unusable":
        image = draw_unusable(entry.seed, entry.size)
    elif not entry.concept:
        image = draw_nothing(entry.seed, entry.size)
    else:
        image = draw_scene(entry.concept, entry.seed, entry.size).image
    if entry.duplicate_of:
        image = _copied(image, np.random.default_rng((SEED, int(Path(entry.path).stem))))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY, optimize=True)
    return file.getvalue()


def _copied(image: Image.Image, rng: Generator) -> Image.Image:
    """Return the picture as it comes back from elsewhere: cropped a little, brighter or darker, resized."""
    left, top, right, bottom = (int(v) for v in rng.integers(1, 1 + image.width // 25, 4))
    cut = image.crop((left, top, image.width - right, image.height - bottom))
    size = int(rng.choice(SIZES))
    bright = ImageEnhance.Brightness(cut).enhance(float(rng.uniform(0.9, 1.1)))
    return bright.resize((size, size), Image.Resampling.BICUBIC)


def read_truth(path: Path = TRUTH) -> list[Entry]:
    """Return what `demo_truth.csv` says."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [_entry(row) for row in rows]


def _entry(row: dict[str, Any]) -> Entry:
    return Entry(**{**row, "seed": int(row["seed"]), "size": int(row["size"])})


def _write(path: Path, columns: list[str], rows: Iterator[dict]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    """Draw and write the demo."""
    entries = plan_demo()
    shutil.rmtree(DEMO, ignore_errors=True)
    (DEMO / "images").mkdir(parents=True)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for entry, data in zip(entries, pool.map(draw_entry, entries, chunksize=25), strict=True):
            (DEMO / entry.path).write_bytes(data)
    _write(DEMO / "labels.csv", ["path", "label"], (vars(entry) for entry in entries))
    _write(TRUTH, [field.name for field in fields(Entry)], (vars(entry) for entry in entries))
    total = sum(path.stat().st_size for path in (DEMO / "images").iterdir())
    print(f"{len(entries)} pictures, {total / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
