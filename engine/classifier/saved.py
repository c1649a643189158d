"""A trained classifier: a trunk that turns pictures into vectors, a head on top, and both on the disk.

    classifier.safetensors   the head, and of the trunk what was trained
    classifier.json          what else it takes to use it, and how it came to be; written last

What was not trained is loaded from where the run had it, and is known by its fingerprint.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch.nn import functional

from engine.artifacts import read_json
from engine.classifier.imagenet import ImageNetTrunk, load_imagenet, new_imagenet
from engine.clip.backbone import load_backbone
from engine.config import BackboneConfig, parse
from engine.errors import EngineError
from engine.progress import Report
from engine.rows import Rows
from engine.runtime import Runtime
from engine.settings.adaptation import ImageNetName
from engine.settings.adapters import AdapterKind
from engine.tower import ImageTower, head_logits, load_image_tower

TENSORS, WORDS = "classifier.safetensors", "classifier.json"
COSINE_SCALE = 25.0  # of LIFT's cosine classifier (methods §5.1)
ROWS_AT_ONCE = 65_536


Trunk = ImageTower | ImageNetTrunk
"""What turns pictures into vectors of W numbers."""


@dataclass(frozen=True, kw_only=True)
class SavedClassifier:
    """A trunk and a head, "head.weight" (K, W); with "head.bias" (K,) it is linear, without it cosine."""

    class_names: tuple[str, ...]
    trunk: Trunk
    head: dict[str, torch.Tensor]

    def logits(self, pooled_BW: torch.Tensor) -> torch.Tensor:
        """Return z, (B, K) float32: W·x + b, or 25·cos(w_k, x) (methods §5.1)."""
        if "head.bias" in self.head:
            return head_logits(self.head, pooled_BW)
        unit_BW, unit_KW = (
            functional.normalize(each.float(), dim=-1) for each in (pooled_BW, self.head["head.weight"])
        )
        return COSINE_SCALE * unit_BW @ unit_KW.T

    def probabilities(self, pooled_NW: np.ndarray) -> np.ndarray:
        """Return softmax(z) for vectors of the trunk, (N, K) float32."""
        device, parts = self.trunk.runtime.device, []
        with torch.inference_mode():
            for start in range(0, len(pooled_NW), ROWS_AT_ONCE):
                some_BW = torch.from_numpy(pooled_NW[start : start + ROWS_AT_ONCE]).to(device)
                parts.append(self.logits(some_BW).softmax(dim=-1).cpu().numpy())
        return np.concatenate(parts)

    def classify(self, pixels: Rows, *, batch_size: int, report: Report) -> np.ndarray:
        """Return softmax(z) for pictures, uint8 (N, S, S, 3), N ≥ 1: (N, K) float32."""
        return self.probabilities(self.trunk.pooled_all(pixels, batch_size=batch_size, report=report))


class Words(BaseModel):
    """What `classifier.json` must say for a classifier to be used; it says more than that.

    model: "clip", or timm's name. weights: of another model, "" for its cache. digest: of the tensors' file.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: Literal[1]
    class_names: tuple[str, ...]
    model: ImageNetName | Literal["clip"]
    backbone: BackboneConfig | None
    weights: str
    fingerprint: str
    adapter: AdapterKind
    size: int
    prompt_length: int
    last_blocks: int
    digest: str


def write_tensors(folder: Path, classifier: SavedClassifier) -> str:
    """Write `classifier.safetensors`, whole or not at all; return the digest for `classifier.json`."""
    trunk = classifier.trunk
    tensors = {**classifier.head, **trunk.parameters, **_memory(trunk)}
    part = folder / f"{TENSORS}.{os.getpid()}.part"
    save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, part)
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(folder / TENSORS)
    return _digest(folder / TENSORS)


def load_classifier(folder: Path, runtime: Runtime, *, weights: str = "") -> SavedClassifier:
    """Return the classifier in a folder, on the device of `runtime`.

    weights: where the weights that were not trained lie now; empty: where they lay. Raises EngineError when
    something is missing, damaged, or not what the classifier was trained with.
    """
    words = _read_words(folder)
    try:
        tensors = load_file(folder / TENSORS)
    except (OSError, SafetensorError) as error:
        raise EngineError(f"{folder / TENSORS} is missing or damaged; train the classifier again.") from error
    if _digest(folder / TENSORS) != words.digest:
        raise EngineError(f"{folder / TENSORS} is not the file of {WORDS} beside it; copy both again.")
    trunk = _load_trunk(words, runtime, weights)
    head = {
        name: tensors[name].to(runtime.device) for name in ("head.weight", "head.bias") if name in tensors
    }
    own = {**trunk.parameters, **_memory(trunk)}
    if own.keys() != tensors.keys() - head.keys() or "head.weight" not in head:
        raise EngineError(f"{folder / TENSORS} does not hold what {WORDS} names; train the classifier again.")
    with torch.no_grad():
        for name, value in own.items():
            if value.shape != tensors[name].shape:
                raise EngineError(f"{name} in {folder / TENSORS} has another shape than its model has.")
            value.copy_(tensors[name])
    return SavedClassifier(class_names=words.class_names, trunk=trunk, head=head)


def _load_trunk(words: Words, runtime: Runtime, weights: str) -> Trunk:
    if words.model != "clip":
        if words.adapter != "none":  # all of it was trained
            return new_imagenet(words.model, runtime, learns=True)
        imagenet = load_imagenet(words.model, runtime, weights=weights or words.weights, learns=False)
        _check_fingerprint(imagenet.fingerprint, words, imagenet.name)
        return imagenet
    config = words.backbone or BackboneConfig()
    if weights:
        config = config.model_copy(update={"weights": weights})
    backbone = load_backbone(config, runtime)
    _check_fingerprint(backbone.fingerprint, words, backbone.name)
    return load_image_tower(
        backbone,
        words.adapter,
        torch.Generator(),
        size=words.size,
        prompt_length=words.prompt_length,
        last_blocks=words.last_blocks,
    )


def _check_fingerprint(found: str, words: Words, name: str) -> None:
    if found != words.fingerprint:
        raise EngineError(
            f"The weights of {name} are not those that the classifier was trained with ({found}, not "
            f"{words.fingerprint}); name the right ones with --weights."
        )


def _read_words(folder: Path) -> Words:
    path = folder / WORDS
    values: Any = read_json(path)
    if not isinstance(values, Mapping):
        raise EngineError(f"{folder} holds no classifier ({WORDS}); `python -m engine adapt` trains one.")
    return parse(Words, values, str(path))


def _memory(trunk: Trunk) -> dict[str, torch.Tensor]:
    return {f"memory.{name}": value for name, value in trunk.memory.items()}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
