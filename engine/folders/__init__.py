"""Readers of the papers' benchmarks as their own folders hold them: one small module per family."""

import importlib
from pathlib import Path

from engine.errors import EngineError
from engine.folders.benchmark import Benchmark

READERS = {
    "cifar10": "cifar",
    "cifar100": "cifar",
    "cifar10n": "cifar",
    "cifar100n": "cifar",
    "tiny_imagenet": "tiny_imagenet",
    "eurosat": "eurosat",
    "pets": "pets",
    "cars": "cars",
    "cub": "cub",
    "webvision50": "webvision",
    "clothing1m": "clothing",
}
"""The module of each benchmark; its function is called read_<name>."""


def read_benchmark(name: str, root: Path) -> Benchmark:
    """Return the benchmark `name` in the folder `root`, or in the usual folder below it.

    Raises EngineError with one sentence for an unknown name, and for a file that is missing or unsound.
    """
    if name not in READERS:
        raise EngineError(f"There is no data set {name!r}; known are {', '.join(READERS)}.")
    if not root.is_dir():
        raise EngineError(f"{root} is no folder; --root names the one that holds {name}.")
    return getattr(importlib.import_module(f"engine.folders.{READERS[name]}"), f"read_{name}")(root)
