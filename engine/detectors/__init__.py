"""The detectors: one function in one file each.

To add one, write `engine/detectors/<name>.py` with

    def detect(config, manifest, inputs, backbone, runtime, report) -> Detection

and its settings model with one line in `engine.settings.DETECTORS`.
"""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from engine.artifacts import Detection
from engine.clip.backbone import Backbone
from engine.config import RunConfig, check_detector
from engine.manifest import Manifest
from engine.progress import Report
from engine.rows import Rows
from engine.runtime import Runtime
from engine.scoring import embed_images


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What the job has ready for every detector; row i is manifest row i.

    features: frozen image features I, (N, D) float32, unit L2. classes: text features T, (K, D) float32,
    unit L2. pixels: uint8 (N, S, S, 3) on the disk. seed: of every draw that the detector makes. run_dir:
    where a training keeps its checkpoint. cache: where features may be kept for later runs. batch_size: of
    passes without gradients.
    """

    features: np.ndarray
    classes: np.ndarray
    pixels: Rows
    seed: int
    run_dir: Path
    cache: Path
    batch_size: int


def load_inputs(
    config: RunConfig, manifest: Manifest, pixels: Rows, backbone: Backbone, run_dir: Path, report: Report
) -> Inputs:
    """Return what a detector is given; only features that are new are computed."""
    cache = run_dir / config.cache
    return Inputs(
        features=embed_images(backbone, pixels, cache=cache, batch_size=config.batch_size, report=report),
        classes=backbone.class_features(manifest.class_prompts),
        pixels=pixels,
        seed=config.seed,
        run_dir=run_dir,
        cache=cache,
        batch_size=config.batch_size,
    )


class Detect(Protocol):
    """A detector. `config` is its own settings model; no sample of `manifest` is excluded."""

    def __call__(
        self,
        config: Any,
        manifest: Manifest,
        inputs: Inputs,
        backbone: Backbone,
        runtime: Runtime,
        report: Report,
    ) -> Detection:
        """Return the detection, row i for manifest row i."""
        ...


def load_detector(name: str) -> Detect:
    """Return `detect` of `engine.detectors.<name>`; EngineError when no such detector is registered."""
    check_detector(name)
    return importlib.import_module(f"engine.detectors.{name}").detect


def zero_shot_logits(inputs: Inputs, backbone: Backbone) -> np.ndarray:
    """Return z = s·I Tᵀ, (N, K) float32 (methods §1)."""
    return np.float32(backbone.logit_scale) * (inputs.features @ inputs.classes.T)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return softmax over the classes, (N, K) float32, rows sum to 1."""
    weights = np.exp(logits - logits.max(axis=1, keepdims=True), dtype=np.float32)
    return weights / weights.sum(axis=1, keepdims=True)


def pinned_p_clean(p_clean: np.ndarray, manifest: Manifest) -> np.ndarray:
    """Return `p_clean` with people's word where they gave one: the given label's share of their choice."""
    rows, targets = manifest.known()
    pinned = p_clean.astype(np.float32)
    pinned[rows] = targets[np.arange(len(rows)), manifest.given[rows]]
    return pinned
