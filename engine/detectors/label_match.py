"""Zero-shot label-match: a label is right when CLIP's own answer is the same one.

DeFT §5.2 (methods §1). Deviations: p_clean = σ(z_y − max_{k≠y} z_k) makes the yes-or-no rule a
probability that is above one half exactly when the rule says yes.
"""

import numpy as np

from engine.artifacts import Detection
from engine.clip.backbone import Backbone
from engine.detectors import Inputs, pinned_p_clean, softmax, zero_shot_logits
from engine.manifest import Manifest
from engine.progress import Report
from engine.runtime import Runtime
from engine.settings import LabelMatchConfig


def detect(
    config: LabelMatchConfig,
    manifest: Manifest,
    inputs: Inputs,
    backbone: Backbone,
    runtime: Runtime,
    report: Report,
) -> Detection:
    """Return the zero-shot answers; the temperature softens `probs` and leaves p_clean alone."""
    logits_NK = zero_shot_logits(inputs, backbone)
    probs_NK = softmax(logits_NK / np.float32(config.temperature))
    return Detection(
        p_clean=pinned_p_clean(margin_p_clean(logits_NK, manifest.given), manifest),
        probs=probs_NK,
        embeddings=inputs.features,
        suggested=logits_NK.argmax(axis=1),
        suggested_probability=probs_NK.max(axis=1),
    )


def margin_p_clean(logits: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return σ(z_y − max_{k≠y} z_k), (N,) float32 in [0, 1]; logits: (N, K), given: (N,)."""
    rows = np.arange(len(given))
    others = logits.astype(np.float32)
    others[rows, given] = -np.inf
    margin = logits[rows, given] - others.max(axis=1)
    # tanh keeps the tails free of overflow.
    return 0.5 * (1.0 + np.tanh(0.5 * margin))
