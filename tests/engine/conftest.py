"""A tiny stand-in for CLIP, and a data set that it can tell apart."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from engine.artifacts import Detection
from engine.clip.backbone import Backbone
from engine.config import DETECTORS, BackboneConfig, ClassConfig, RunConfig, write_config
from engine.detectors import Inputs, load_detector
from engine.manifest import Manifest, Pin, write_manifest
from engine.progress import silent
from engine.rows import Rows
from engine.runtime import Runtime, pick_runtime

REPOSITORY = Path(__file__).parents[2]
SMALL_CLIP = REPOSITORY.parent / "shared" / "models" / "small-natural-clip"
NAMES = ("red", "green", "blue")


@pytest.fixture
def small_clip() -> Path:
    """The small natural-image CLIP; skips where it is not there."""
    if not SMALL_CLIP.is_dir():
        pytest.skip(f"{SMALL_CLIP} is not there")
    return SMALL_CLIP


class ColourTowers(nn.Module):
    """Sees the mean colour of an image, and reads the colour's number from the token."""

    def encode_image(self, image: torch.Tensor) -> torch.Tensor:
        return image.mean(dim=(2, 3))

    def encode_text(self, tokens: torch.Tensor) -> torch.Tensor:
        return torch.eye(3)[tokens[:, 0]]


@pytest.fixture
def backbone() -> Backbone:
    def tokenizer(texts: Sequence[str]) -> torch.Tensor:
        return torch.tensor([[next(k for k, name in enumerate(NAMES) if name in text)] for text in texts])

    return Backbone(
        name="colours",
        model=ColourTowers(),
        tokenizer=tokenizer,
        runtime=pick_runtime("cpu"),
        image_size=4,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        embed_dim=3,
        logit_scale=5.0,
        context_length=77,
        templates=("a {}.", "the {}"),
        fingerprint="colours",
    )


@pytest.fixture
def cpu() -> Runtime:
    return pick_runtime("cpu")


def make_manifest(
    given: Sequence[int] | np.ndarray,
    names: tuple[str, ...] = NAMES,
    pinned: dict[int, tuple[Pin, tuple[int, ...]]] | None = None,
) -> Manifest:
    """Return samples s000, s001, … with these given labels; `pinned`: row → (pin, classes)."""
    pinned = pinned or {}
    rows = range(len(given))
    return Manifest(
        sample_ids=tuple(f"s{i:03d}" for i in rows),
        paths=tuple(f"s{i:03d}.png" for i in rows),
        given=np.asarray(given, dtype=np.int64),
        class_names=names,
        class_prompts=names,
        pins=tuple(pinned[i][0] if i in pinned else Pin.NONE for i in rows),
        pin_labels=tuple(pinned[i][1] if i in pinned else () for i in rows),
    )


def draw(sample_id: str, label: int, size: int = 4) -> np.ndarray:
    """Return a noisy picture of the colour `label`, a function of the sample: uint8 (S, S, 3)."""
    seed = int.from_bytes(hashlib.sha256(sample_id.encode("utf-8", "surrogateescape")).digest()[:4], "big")
    rng = np.random.default_rng(seed)
    colour = rng.normal(90, 15, 3)
    colour[label] += 80
    return (colour + rng.normal(0, 10, (size, size, 3))).clip(0, 255).astype(np.uint8)


@pytest.fixture
def run_detector(backbone: Backbone, cpu: Runtime) -> Callable[..., tuple[Manifest, Detection]]:
    """Run a detector as the job does: active samples in order, pixels, features, classes."""

    def run(
        name: str, manifest: Manifest, true_label: dict[str, int], seed: int = 0, **settings: Any
    ) -> tuple[Manifest, Detection]:
        active = manifest.active()
        pixels = np.stack([draw(each, true_label[each]) for each in active.sample_ids])
        inputs = Inputs(
            features=backbone.encode_images(pixels),
            classes=backbone.class_features(active.class_prompts),
            pixels=Rows(store=pixels, index=np.arange(len(pixels)), keys=active.sample_ids),
            seed=seed,
        )
        config = DETECTORS[name](**settings)
        return active, load_detector(name)(config, active, inputs, backbone, cpu, silent)

    return run


def write_run(run_dir: Path, manifest: Manifest, weights: str, **values: Any) -> Path:
    """Write a run directory whose images are drawn into `images` beside it."""
    run_dir.mkdir(parents=True)
    images = run_dir.parent / "images"
    images.mkdir(exist_ok=True)
    for i, path in enumerate(manifest.paths):
        Image.fromarray(draw(path, int(manifest.given[i]), 32)).save(images / path)
    classes = zip(manifest.class_names, manifest.class_prompts, strict=True)
    config = RunConfig(
        detector=values.pop("detector", "transition"),
        image_root="../images",
        cache="../cache",
        device="cpu",
        backbone=BackboneConfig(weights=weights, **values.pop("backbone", {})),
        classes=tuple(ClassConfig(name=name, prompt=prompt) for name, prompt in classes),
        **values,
    )
    write_config(run_dir / "config.toml", config)
    write_manifest(run_dir / "manifest.csv", manifest)
    return run_dir
