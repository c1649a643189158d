"""Training a CLIP that answers through prompts on all given labels, right or wrong (methods §9).

    L = 1/B · Σ_i CE(z_i, y_i)

What `static_prompt`, `coop` and `maple` share. A label is doubted afterwards: by a mixture of the final
losses (`post_gmm`), or by the probability that the trained model gives it. The class of an ambiguous sample
is spread over the chosen ones; what people settled takes no part in the mixture (methods §12.3, §20).
"""

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from engine.artifacts import Detection
from engine.augment import draw_shifts
from engine.checkpoint import Checkpoint, fingerprint
from engine.detectors import Inputs, softmax
from engine.detectors.deft import tell_of_names
from engine.detectors.deft.terms import Labels, read_labels
from engine.draws import Draws
from engine.heads import agreement, detection
from engine.losses import cross_entropy
from engine.manifest import Manifest
from engine.progress import Report
from engine.prompted import Prompted
from engine.runtime import every_core
from engine.selection import given_losses, judge
from engine.settings.prompted import PromptSettings, SupervisedSettings
from engine.training import Plan, Terms, TermsOf, split, train

THRESHOLD = 0.5  # of the mixture, as in DivideMix


class Images(Protocol):
    """Where image features come from; `engine.detectors.deft.towers.Frozen` is one."""

    def features(self, rows: np.ndarray, epoch: int) -> torch.Tensor:
        """Return I of these rows as the epoch sees them, (B, D) float32, unit L2."""
        ...

    def final(self) -> np.ndarray:
        """Return I of all rows, unshifted, with what has been learned, (N, D) float32, unit L2."""
        ...


@dataclass(frozen=True, kw_only=True)
class Live:
    """Image features of a model that learns, of shifted and mirrored pictures."""

    clip: Prompted
    inputs: Inputs
    draws: Draws
    report: Report

    def features(self, rows: np.ndarray, epoch: int) -> torch.Tensor:
        """Return I, open to gradients."""
        shifts = draw_shifts(self.draws, epoch, self.clip.backbone.image_size).take(rows)
        return self.clip.image_features(self.inputs.pixels.take(rows), shifts)

    def final(self) -> np.ndarray:
        """Return I of the pictures as they are."""
        return self.clip.all_image_features(
            self.inputs.pixels, batch_size=self.inputs.batch_size, report=self.report
        )


def fit(
    detector: str,
    what: str,
    config: SupervisedSettings,
    clip: Prompted,
    images: Images,
    manifest: Manifest,
    inputs: Inputs,
    report: Report,
) -> Detection:
    """Train on all labels and return what the losses say of each.

    detector: its name in `DETECTORS`. what: is trained, for the reason. notes: reason (a sentence), epochs,
    context_length, cut_names, noise_rate (1 − mean w of the undecided), gmm_ok, temperature.
    """
    tell_of_names(manifest, clip.names, inputs.classes, report)
    draws = Draws(manifest.sample_ids, inputs.seed)
    labels = read_labels(manifest, clip.backbone.runtime.device)
    key = fingerprint(manifest, detector, config.model_dump(), clip.backbone.fingerprint, inputs.seed)
    report("stage", stage="training")
    is_live = isinstance(images, Live)
    with every_core() if is_live else nullcontext():
        train(
            clip.parameters,
            terms_of(clip, images, labels),
            lambda epoch: split(draws.order(epoch), config.batch_size),
            _plan(config),
            Checkpoint(inputs.run_dir, key),
            report,
        )
    report("stage", stage="scoring")
    feature_ND = images.final()
    logits_NK = clip.answers(feature_ND)
    p_clean, words, notes = _judged(config, logits_NK, manifest, labels)
    return detection(
        manifest,
        p_clean,
        softmax(logits_NK),
        feature_ND,
        {
            "reason": f"{what} on every label for {config.epochs} epochs; labels judged by {words}",
            "epochs": config.epochs,
            "context_length": clip.names.n_context,
            "cut_names": [manifest.class_names[k] for k in clip.names.truncated],
            **notes,
        },
    )


def terms_of(clip: Prompted, images: Images, labels: Labels) -> TermsOf:
    """Return the mean cross-entropy of a batch; the text tower runs once a step."""

    def terms(rows: np.ndarray, epoch: int) -> Terms:
        known = labels.take(torch.from_numpy(rows).to(labels.label.device))
        logits_BK = clip.logits(images.features(rows, epoch), clip.text_features())
        value = cross_entropy(logits_BK, known.target).sum()
        return Terms(losses={"classify": (value, float(len(rows)))}, shares=agreement(logits_BK, known))

    return terms


def _plan(config: SupervisedSettings) -> Plan:
    return Plan(
        epochs=config.epochs,
        learning_rate=config.learning_rate,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        longest_step=config.longest_step,
        shares={"tower.": config.tower_share if isinstance(config, PromptSettings) else 1.0},
    )


def _judged(
    config: SupervisedSettings, logits_NK: np.ndarray, manifest: Manifest, labels: Labels
) -> tuple[np.ndarray, str, dict[str, Any]]:
    """Return p_clean, (N,) float32, what it was judged by, in words, and notes."""
    is_settled = labels.is_settled.cpu().numpy()
    if config.post_gmm:
        losses = given_losses(logits_NK, manifest.given)
        found = judge(losses, logits_NK, manifest.given, is_settled, threshold=THRESHOLD)
        return found.p_clean, found.told("a mixture of the losses"), found.notes(manifest, is_settled)
    p_clean = softmax(logits_NK)[np.arange(len(manifest)), manifest.given]
    undecided = p_clean[~is_settled]
    noise_rate = 1.0 - float(undecided.mean()) if len(undecided) else 0.0
    return p_clean, "how likely the model finds them", {"noise_rate": noise_rate}
