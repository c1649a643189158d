"""A tiny stand-in for CLIP, and a data set that it can tell apart."""

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from assets.build.make_demo import DEMO, read_truth
from engine.artifacts import Detection
from engine.clip.backbone import Backbone, load_backbone
from engine.config import BUNDLED, BackboneConfig, ClassConfig, RunConfig, write_config
from engine.detectors import Inputs, load_detector
from engine.manifest import Manifest, Pin, write_manifest
from engine.pixels import square
from engine.progress import silent
from engine.rows import Rows
from engine.runtime import Runtime, pick_runtime, set_threads
from engine.settings import DETECTORS

REPOSITORY = Path(__file__).parents[2]
SMALL_CLIP = REPOSITORY.parent / "shared" / "models" / "small-natural-clip"
NAMES = ("red", "green", "blue")


@pytest.fixture
def small_clip() -> Path:
    """The small natural-image CLIP; skips where it is not there."""
    if not SMALL_CLIP.is_dir():
        pytest.skip(f"{SMALL_CLIP} is not there")
    return SMALL_CLIP


@pytest.fixture(autouse=True)
def _one_thread_per_test(monkeypatch: pytest.MonkeyPatch) -> None:
    # Tests run beside each other; where each computes on all cores they wait for one another.
    monkeypatch.setattr("engine.runtime.cores", lambda: 1)


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


def inputs_of(
    clip: Backbone, manifest: Manifest, pixels: np.ndarray, run_dir: Path, seed: int = 0, batch_size: int = 64
) -> Inputs:
    """Return what the job gives a detector; pixels: uint8 (N, S, S, 3), row i for manifest row i."""
    return Inputs(
        features=clip.encode_images(pixels),
        classes=clip.class_features(manifest.class_prompts),
        pixels=Rows(store=pixels, index=np.arange(len(pixels)), keys=manifest.sample_ids),
        seed=seed,
        run_dir=run_dir,
        cache=run_dir / "cache",
        batch_size=batch_size,
    )


def undecided(p_clean: np.ndarray, inputs: Inputs) -> Detection:
    """Return what a detector says that leaves open which of three classes it is; p_clean: (N,) float32."""
    probs = np.full((len(p_clean), 3), 1 / 3)
    return Detection(
        p_clean=p_clean,
        probs=probs,
        embeddings=inputs.features,
        suggested=probs.argmax(axis=1),
        suggested_probability=probs.max(axis=1),
    )


TRAINED = {
    "deft": {"views": 1, "batch_size": 16, "epochs": 5},
    "avl_prompter": {"batch_size": 32, "epochs": 1},
    "maple": {"batch_size": 8, "epochs": 1, "depth": 1},
    "coop": {"batch_size": 16, "epochs": 8, "views": 0},
    "static_prompt": {"batch_size": 8, "epochs": 1},
}
"""The detectors that need real towers, with settings that take a second."""
TINY = {
    "crossfit": {"epochs": 1, "views": 1, "batch_size": 32},
    "turn": {"batch_size": 16, "epochs": 2, "learning_rate": 1e-3},
    "loss_gmm": {"batch_size": 8, "epochs": 4, "learning_rate": 0.02},
    "small_loss": {"batch_size": 8, "epochs": 8, "learning_rate": 0.02, "prompt_length": 3},
}
"""The detectors that learn a head on a tower, for which random values and colours will do; likewise."""
DRAWN = ("fox", "apple", "sailboat")


@pytest.fixture(scope="session")
def drawn_clip() -> Backbone:
    """The bundled CLIP, on the CPU."""
    return load_backbone(BackboneConfig(weights=BUNDLED), pick_runtime("cpu"))


@pytest.fixture(scope="session")
def drawn_pictures(drawn_clip: Backbone) -> list[np.ndarray]:
    """Pictures of the demo, rightly labelled: uint8 (n, S, S, 3) for each class of DRAWN."""
    size = drawn_clip.image_size
    entries = [each for each in read_truth() if each.kind == "clean" and each.label == each.true_label]
    return [
        np.stack([square(Image.open(DEMO / each.path), size) for each in entries if each.label == name][:40])
        for name in DRAWN
    ]


@pytest.fixture
def run_detector(
    backbone: Backbone, cpu: Runtime, tmp_path: Path, request: pytest.FixtureRequest
) -> Callable[..., tuple[Manifest, Detection]]:
    """Run a detector as the job does: active samples in order, pixels, features, classes.

    One that trains sees pictures of the demo in place of colours, and the bundled CLIP in place of the
    stand-in; one that learns a head sees larger colours, and a CLIP of random values.
    """

    def run(
        name: str, manifest: Manifest, true_label: dict[str, int], seed: int = 0, **settings: Any
    ) -> tuple[Manifest, Detection]:
        active, clip = manifest.active(), backbone
        if name in TRAINED:
            clip = request.getfixturevalue("drawn_clip")
            pictures = request.getfixturevalue("drawn_pictures")
            pixels = np.stack([pictures[true_label[each]][int(each[1:]) // 3] for each in active.sample_ids])
            active = replace(active, class_prompts=DRAWN[: active.n_classes])
        elif name in TINY:
            from tests.engine.tiny_clip import SIDE, tiny_clip

            clip = tiny_clip()
            pixels = np.stack([draw(each, true_label[each], SIDE) for each in active.sample_ids])
        else:
            pixels = np.stack([draw(each, true_label[each]) for each in active.sample_ids])
        set_threads(
            n_parameters=0
        )  # as whoever loads a small model does: sums depend on it in the last digit
        run_dir = Path(tempfile.mkdtemp(dir=tmp_path))
        inputs = inputs_of(clip, active, pixels, run_dir, seed)
        config = DETECTORS[name](**((TRAINED | TINY).get(name, {}) | settings))
        return active, load_detector(name)(config, active, inputs, clip, cpu, silent)

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
