"""A CLIP of random values that is fast enough to be trained in tests, and pictures of colours for it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg

from engine.artifacts import Detection
from engine.clip.backbone import Backbone
from engine.detectors import Inputs, load_detector
from engine.manifest import Manifest, Pin
from engine.progress import Report, silent
from engine.runtime import pick_runtime
from engine.settings import DETECTORS
from tests.engine.conftest import draw, inputs_of, make_manifest

SIDE = 16


@contextmanager
def one_core() -> Iterator[None]:
    """Compute on one core: of so small a model two would mostly wait for each other."""
    before = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.cpu_count", lambda: 1)
        torch.set_num_threads(1)
        yield
    torch.set_num_threads(before)


def tiny_clip() -> Backbone:
    """Return a random CLIP of two layers, always the same one."""
    torch.manual_seed(0)
    model = CLIP(
        12,
        CLIPVisionCfg(image_size=SIDE, patch_size=8, width=32, layers=2, head_width=16),
        CLIPTextCfg(context_length=8, vocab_size=100, width=16, heads=1, layers=1),
        quick_gelu=True,
    )
    for parameter in model.visual.parameters():  # biases are zero and scales one as they come
        torch.nn.init.normal_(parameter, mean=float(parameter.detach().mean().round()), std=0.2)
    return Backbone(
        name="tiny",
        model=model.eval().requires_grad_(False),
        tokenizer=lambda texts: torch.tensor([[1, 2 + len(text) % 50, 99, 0, 0, 0, 0, 0] for text in texts]),
        runtime=pick_runtime("cpu"),
        image_size=SIDE,
        mean=(0.5, 0.5, 0.5),
        std=(0.25, 0.25, 0.25),
        embed_dim=12,
        logit_scale=10.0,
        context_length=8,
        templates=("{}",),
        fingerprint="tiny",
    )


def noisy(
    n: int = 60, pinned: dict[int, tuple[Pin, tuple[int, ...]]] | None = None
) -> tuple[Manifest, np.ndarray]:
    """Return n samples of three colours, a fifth of the labels wrong, and their true labels, (n,)."""
    true = np.arange(n) % 3
    given = true.copy()
    wrong = np.random.default_rng(0).permutation(n)[: n // 5]
    given[wrong] = (given[wrong] + 1) % 3
    return make_manifest(given, pinned=pinned), true


def all_settled(n: int = 24) -> tuple[Manifest, np.ndarray]:
    """Return samples of which people settled every one: most kept, the wrong ones relabelled."""
    manifest, true = noisy(n)
    pins = {
        i: (Pin.CLEAN if manifest.given[i] == true[i] else Pin.RELABELLED, (int(true[i]),)) for i in range(n)
    }
    return make_manifest(manifest.given, pinned=pins), true


def make_inputs(
    clip: Backbone, manifest: Manifest, true: np.ndarray, run_dir: Path | None = None, seed: int = 0
) -> Inputs:
    """Return what a detector is given for pictures of the true colours."""
    pixels = np.stack([draw(each, k, SIDE) for each, k in zip(manifest.sample_ids, true, strict=True)])
    run_dir = run_dir or Path(tempfile.mkdtemp())
    run_dir.mkdir(exist_ok=True)
    return inputs_of(clip, manifest, pixels, run_dir, seed, batch_size=32)


def detect(
    name: str,
    manifest: Manifest,
    true: np.ndarray,
    run_dir: Path | None = None,
    report: Report = silent,
    seed: int = 0,
    **settings: Any,
) -> Detection:
    """Return what a detector says of these samples."""
    clip = tiny_clip()
    inputs = make_inputs(clip, manifest, true, run_dir, seed)
    return load_detector(name)(DETECTORS[name](**settings), manifest, inputs, clip, clip.runtime, report)


def auroc(p_clean: np.ndarray, is_wrong: np.ndarray) -> float:
    """Return how often a wrong label has a lower p_clean than a right one; ties count half."""
    pairs = p_clean[is_wrong][:, None] - p_clean[~is_wrong][None, :]
    return float((pairs < 0).mean() + 0.5 * (pairs == 0).mean())
