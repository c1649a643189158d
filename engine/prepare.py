"""A benchmark of the papers made ready to measure on: read from its own folder, with noise planted.

Where it holds its images as arrays, one .npz file with any number of label sets comes of it
(`engine.datasets`); where they are files, a folder with `labels.csv` (`engine.prepared`), which
`python -m reviewer init` takes, too. Both are a function of the benchmark, the noise and the seed alone.
"""

import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.datasets import TRUE, write_dataset
from engine.errors import EngineError
from engine.folders import read_benchmark
from engine.folders.benchmark import Benchmark, Split
from engine.noise import HUMAN, Noise, effective_rate, parse_noise, plant
from engine.prepared import Files, Prepared, write_prepared
from engine.progress import Report, silent

NOISE_SIDE = {"tiny_imagenet": 64}
"""Sides of the square that the noise by image looks at where images are files; 32 else (methods §10.3)."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """What was written.

    rates: the share of wrong labels of each label set, None where the true labels are unknown.
    """

    file: Path
    n_samples: int
    n_classes: int
    rates: Mapping[str, float | None]

    def __str__(self) -> str:
        rates = [f"{name} {_share(rate)}" for name, rate in self.rates.items()]
        return f"{self.n_samples} samples of {self.n_classes} classes; {', '.join(rates)}; {self.file}"


def _share(rate: float | None) -> str:
    return "with unknown true labels" if rate is None else f"{100 * rate:.2f} % wrong"


def prepare(
    name: str,
    root: Path,
    *,
    noise: Sequence[str] = (),
    seed: int = 0,
    split: str = "train",
    out: Path | None = None,
    report: Report = silent,
) -> Made:
    """Read the benchmark `name` in `root`, plant the noise, and write one split of it.

    noise: texts of `engine.noise.parse_noise`; an .npz file gets a label set for each, a folder takes one.
    None: the label sets that the benchmark has of its own, or the true labels. seed: of the noise. out: the
    file or folder to make; by default it is named after all this, in the working directory, and never lies
    in the benchmark's folder. Raises EngineError for what a person can mend; nothing is written then.
    """
    asked = [parse_noise(text) for text in noise]
    report("stage", stage="read")
    benchmark = read_benchmark(name, root)
    part = benchmark.split(split)
    if len(part) < 2:
        raise EngineError(f"The split {split} of {name} in {root} has {len(part)} images; two are needed.")
    if part.images is None and len(asked) > 1:
        raise EngineError(f"{name} becomes a folder, which has one label set; ask for one --noise at a time.")
    file = _destination(out, benchmark, root, split, asked)
    if part.images is None and not (benchmark.root / part.paths[0]).is_file():
        raise EngineError(f"{benchmark.root / part.paths[0]} is not there; unpack the images of {name}, too.")
    report("stage", stage="noise")
    label_sets = _label_sets(benchmark, part, split, asked, seed, report)
    about = {"data_set": name, "split": split, "noise": [str(each) for each in asked], "seed": seed}
    report("stage", stage="write")
    if part.images is None:
        _write_folder(file, benchmark, part, label_sets, about)
    else:
        assert part.true is not None
        write_dataset(
            file,
            part.images,
            part.true,
            benchmark.class_names,
            benchmark.class_prompts,
            {key: labels for key, labels in label_sets.items() if key != TRUE},
            json.dumps(about),
        )
    rates = {
        key: None if part.true is None else effective_rate(labels, part.true)
        for key, labels in label_sets.items()
    }
    return Made(file=file, n_samples=len(part), n_classes=len(benchmark.class_names), rates=rates)


def _destination(
    out: Path | None, benchmark: Benchmark, root: Path, split: str, asked: Sequence[Noise]
) -> Path:
    """Return where to write, which is free and has a folder above it."""
    is_array = benchmark.splits[split].images is not None
    words = [benchmark.name, split, *(each.key for each in asked[:1] if len(asked) == 1)]
    file = out or Path("-".join(words) + (".npz" if is_array else ""))
    if out is None and file.resolve().is_relative_to(root.resolve()):
        raise EngineError(f"{file} would lie in the data set's own folder; name a place with --out.")
    if file.exists():
        raise EngineError(f"{file} exists already; remove it, or name another place with --out.")
    if not file.parent.is_dir():
        raise EngineError(f"{file.parent} is no folder; --out names a place in one that is there.")
    if is_array and file.suffix != ".npz":
        raise EngineError(f"--out is {file}; {benchmark.name} becomes one file, whose name ends in .npz.")
    if not is_array and file.suffix == ".npz":
        raise EngineError(f"--out is {file}; {benchmark.name} becomes a folder, as its images are files.")
    return file


def _label_sets(
    benchmark: Benchmark, part: Split, split: str, asked: Sequence[Noise], seed: int, report: Report
) -> dict[str, np.ndarray]:
    """Return the given labels by the name of their label set; the true ones where there are no others."""
    if not asked:
        if part.given:
            return dict(part.given)
        assert part.true is not None
        return {TRUE: part.true}
    images = part.images
    if images is None and any(each.kind.startswith("idn_") for each in asked):
        images = _small_pictures(benchmark, part.paths, report)
    return {each.key: _noisy(benchmark, part, split, each, seed, images) for each in asked}


def _noisy(
    benchmark: Benchmark, part: Split, split: str, noise: Noise, seed: int, images: np.ndarray | None
) -> np.ndarray:
    if noise.kind == HUMAN:
        if noise.key not in part.given:
            known = [key.removeprefix(f"{HUMAN}_") for key in part.given if key.startswith(f"{HUMAN}_")]
            raise EngineError(
                f"The split {split} of {benchmark.name} has no human labels {noise.label_set!r}; it has "
                f"{', '.join(known) or 'none (cifar10n and cifar100n have, in train)'}."
            )
        return part.given[noise.key]
    if part.true is None:
        raise EngineError(
            f"Nobody knows the true labels of the split {split} of {benchmark.name}, so no noise can be "
            "planted; leave --noise out for the labels that came with it."
        )
    if noise.kind.startswith("asym") and benchmark.name not in ("cifar10", "cifar10n"):
        other = "superclass or block5" if benchmark.coarse is not None else "pair"
        raise EngineError(f"{noise} is a map of CIFAR-10's classes; {benchmark.name} takes {other}.")
    return plant(noise, part.true, len(benchmark.class_names), seed, images=images, coarse=benchmark.coarse)


def _small_pictures(benchmark: Benchmark, paths: Sequence[str], report: Report) -> np.ndarray:
    """Return the images as the noise by image sees them: squeezed to squares, uint8 (N, S, S, 3).

    The published generators cannot read image files, so the size is our choice (methods §10.3).
    """
    from PIL import Image  # noqa: PLC0415 - Pillow's plugins

    from engine.decoding import UnreadableImage, read_picture  # noqa: PLC0415 - as above
    from engine.manifest import resolve_inside  # noqa: PLC0415 - as above

    side = NOISE_SIDE.get(benchmark.name, 32)

    def read(path: str) -> np.ndarray:
        try:
            picture = read_picture(resolve_inside(benchmark.root, path), at_least=side)
        except UnreadableImage as error:
            raise EngineError(
                f"{benchmark.root / path}: {error}; noise by image needs each one, so mend it."
            ) from error
        return np.asarray(picture.resize((side, side), Image.Resampling.BICUBIC), dtype=np.uint8)

    images = np.empty((len(paths), side, side, 3), dtype=np.uint8)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for row, image in enumerate(pool.map(read, paths)):
            images[row] = image
            report("progress", stage="noise", done=row + 1, of=len(paths))
    return images


def _write_folder(
    folder: Path,
    benchmark: Benchmark,
    part: Split,
    label_sets: Mapping[str, np.ndarray],
    about: dict[str, object],
) -> None:
    (labels, given), *_ = label_sets.items()
    prepared = Prepared(
        labels=labels,
        files=Files(root=benchmark.root, paths=part.paths),
        given=given,
        true=np.full(len(part), -1) if part.true is None else part.true,
        class_names=benchmark.class_names,
        class_prompts=benchmark.class_prompts,
    )
    write_prepared(folder, prepared, about)
