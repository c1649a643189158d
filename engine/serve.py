"""The second door: one model, kept ready, that answers questions as JSON lines (design §2).

    {"id": 1, "op": "ping"}                                         → {"id": 1, "pong": true, "loaded": …}
    {"id": 2, "op": "embed_text", "texts": ["a fox", …]}            → {"id": 2, "features": [[…], …]}
    {"id": 3, "op": "embed_image", "path": "fox/1.jpg"}             → {"id": 3, "features": […]}
    {"id": 4, "op": "attention", "path": …, "classes": ["fox", …]}  → {"id": 4, "maps": [[[…]]], "size": 64}

An image is named by its `path` below the run's image root, or by the `sample_id` of the run's manifest. What
cannot be answered comes back as {"id": …, "error": one sentence}. Questions are answered in their order, one
at a time; the model is loaded at the first that needs it; the end of the input is the end of the process.
"""

import functools
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from engine.config import RunConfig, read_config
from engine.decoding import read_picture
from engine.errors import EngineError
from engine.manifest import read_manifest, resolve_inside

if TYPE_CHECKING:
    from engine.clip.backbone import Backbone

DIGITS = 4  # decimals of a map; the page draws 256 steps
MAX_TEXTS = 1000


class Door:
    """What can be asked of one run directory; everything is read and loaded when it is first needed."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir

    @functools.cached_property
    def config(self) -> RunConfig:
        """`config.toml` of the run."""
        return read_config(self._run_dir / "config.toml")

    @functools.cached_property
    def backbone(self) -> "Backbone":
        """The CLIP of the run, on the device of the run."""
        from engine.job import load_model  # noqa: PLC0415 - torch, in the end

        return load_model(self._run_dir, self.config)[1]

    @functools.cached_property
    def class_features(self) -> np.ndarray:
        """Text features of all classes of the run, (K, D) float32, unit L2."""
        return self.backbone.class_features([each.prompt for each in self.config.classes])

    @functools.cached_property
    def _class_index(self) -> dict[str, int]:
        return {each.name: k for k, each in enumerate(self.config.classes)}

    @functools.cached_property
    def _paths(self) -> dict[str, str]:
        classes = [(each.name, each.prompt) for each in self.config.classes]
        manifest = read_manifest(self._run_dir / "manifest.csv", classes)
        return dict(zip(manifest.sample_ids, manifest.paths, strict=True))

    def ping(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Answer at once; `loaded` tells whether the model is there."""
        return {"pong": True, "loaded": "backbone" in self.__dict__}

    def embed_text(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Return `features` (T, D), unit L2: each text stands where a class stands in the templates."""
        texts = _names(question, "texts")
        return {"features": self.backbone.class_features(texts).tolist()}

    def embed_image(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Return `features` (D,), unit L2, of one image."""
        return {"features": self.backbone.encode_images(self._pixels(question))[0].tolist()}

    def attention(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Return `maps` (C, G, G) in [0, 1] of one image, one for each of `classes`, and the side `size` of
        the square that the model saw, in pixels (methods §17)."""
        classes = []
        for name in _names(question, "classes"):
            if name not in self._class_index:
                raise EngineError(f"The run has no class {name!r}; a new run takes it in.")
            classes.append(self._class_index[name])
        pixels = self._pixels(question)
        from engine.attention import class_maps  # noqa: PLC0415 - torch

        asked = np.asarray([classes], dtype=np.int64)
        maps = class_maps(self.backbone, pixels, self.class_features, asked, self.config.attention)
        return {"maps": np.round(maps[0].astype(np.float64), DIGITS).tolist(), "size": pixels.shape[1]}

    def _pixels(self, question: Mapping[str, Any]) -> np.ndarray:
        """Return the named image as the model sees it, uint8 (1, S, S, 3)."""
        # Not through the pixel cache: finding one row there takes longer than decoding one file.
        from engine.pixels import square  # noqa: PLC0415 - Pillow's plugins

        root = self._run_dir / self.config.image_root
        relative = self._path(question)
        path = resolve_inside(root, relative)
        if not path.is_file():  # opening a pipe would wait for ever
            raise EngineError(f"{relative!r} is no file in {root}; put it back or start a new run.")
        size = self.backbone.image_size
        try:
            return np.stack([square(read_picture(path, at_least=size), size)])
        except EngineError as error:
            raise EngineError(f"The image {relative!r} cannot be looked at: {error}.") from error

    def _path(self, question: Mapping[str, Any]) -> str:
        if isinstance(question.get("path"), str):
            return question["path"]
        sample_id = question.get("sample_id")
        if not isinstance(sample_id, str):
            raise EngineError("The question names no image; give its path or its sample_id.")
        if sample_id not in self._paths:
            raise EngineError(f"The run has no sample {sample_id!r}; a new run takes it in.")
        return self._paths[sample_id]


OPERATIONS: dict[str, Callable[[Door, Mapping[str, Any]], dict[str, Any]]] = {
    "ping": Door.ping,
    "embed_text": Door.embed_text,
    "embed_image": Door.embed_image,
    "attention": Door.attention,
}


def _names(question: Mapping[str, Any], key: str) -> list[str]:
    names = question.get(key)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise EngineError(f"{key} is {names!r}; it is a list of texts.")
    if not 0 < len(names) <= MAX_TEXTS:
        raise EngineError(f"{key} has {len(names)} entries; it takes from 1 to {MAX_TEXTS}.")
    return names


def answer(door: Door, line: bytes) -> dict[str, Any]:
    """Return the answer to one line; nothing raises, because the next question must find somebody here."""
    number = None
    try:
        try:
            question = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise EngineError(f"The line is not JSON ({error}); send one object per line.") from error
        if not isinstance(question, dict):
            raise EngineError(f"The line is {line[:80]!r}; send one JSON object per line.")
        number = question.get("id")
        operation = question.get("op")
        if not isinstance(operation, str) or operation not in OPERATIONS:
            raise EngineError(f"There is no operation {operation!r}; known are {', '.join(OPERATIONS)}.")
        return {"id": number, **OPERATIONS[operation](door, question)}
    except EngineError as error:
        return {"id": number, "error": str(error)}
    except Exception as error:  # a bug, or no memory: said here, and in full on stderr
        traceback.print_exc()
        return {"id": number, "error": f"The engine failed ({type(error).__name__}: {error})."}


def serve(run_dir: Path, questions: Iterable[bytes], answers: BinaryIO) -> None:
    """Answer the lines of `questions` into `answers` until there are no more."""
    door = Door(run_dir)
    for line in questions:
        if line.strip():
            answers.write(json.dumps(answer(door, line)).encode("ascii") + b"\n")
            answers.flush()


@contextmanager
def protocol_output() -> Iterator[BinaryIO]:
    """Yield the standard output for the protocol alone; what anything else prints goes to stderr."""
    sys.stdout.flush()
    own = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(own, "wb") as answers:
        yield answers
