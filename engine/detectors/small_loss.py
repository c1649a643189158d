"""Small loss: of each batch the easiest samples train, as many as are likely right (methods §2).

The single network of DeFT's baseline, after Co-teaching (Han et al. 2018): the image tower with deep prompts
and a linear head; of n undecided samples int((1 − R)·n) with the smallest cross-entropy train, R(e) rising
linearly to the noise rate r in the warm-up (R = 0 in the first epoch). p_clean is the rank of the final loss,
moved so that the quantile 1 − r lies at one half.

Choices: r is estimated by `engine.detectors.transition` where nobody names it, and belongs to the undecided
samples; what people settled is always kept and outside the quota (§12.3), ambiguous samples with a soft
target (§20); one evaluation pass with the final weights decides, over all samples and not batch by batch;
shifts and mirror images as augmentation.
"""

import numpy as np
import torch

from engine.artifacts import Detection
from engine.checkpoint import Checkpoint, fingerprint
from engine.clip.backbone import Backbone
from engine.detectors import Inputs, softmax
from engine.detectors import transition as second_annotator
from engine.detectors.deft.terms import Labels, read_labels
from engine.draws import Draws
from engine.heads import Classifier, agreement, detection, load_classifier, sgd_plan
from engine.losses import cross_entropy
from engine.manifest import Manifest
from engine.progress import Report
from engine.runtime import Runtime, every_core
from engine.selection import given_losses, rank_p_clean, smallest
from engine.settings import SmallLossConfig, TransitionConfig
from engine.training import Terms, TermsOf, split, train


def detect(
    config: SmallLossConfig,
    manifest: Manifest,
    inputs: Inputs,
    backbone: Backbone,
    runtime: Runtime,
    report: Report,
) -> Detection:
    """Train the image tower on the easiest samples and rank the labels by their final loss.

    notes: reason (a sentence), epochs, noise_rate (r, as given or estimated), noise_rate_is ("given" or
    "estimated"), selected (share of the undecided, last epoch), temperature.
    """
    draws = Draws(manifest.sample_ids, inputs.seed)
    labels = read_labels(manifest, backbone.runtime.device)
    is_settled = labels.is_settled.cpu().numpy()
    rate = config.noise_rate or _estimate(manifest, inputs, backbone, runtime, report, is_settled)
    classifier = load_classifier(config, manifest, inputs, backbone, draws)
    key = fingerprint(manifest, "small_loss", config.model_dump(), rate, backbone.fingerprint, inputs.seed)
    report("stage", stage="training")
    with every_core():
        history = train(
            classifier.parameters,
            terms_of(config, classifier, labels, rate),
            lambda epoch: split(draws.order(epoch), config.batch_size),
            sgd_plan(config),
            Checkpoint(inputs.run_dir, key),
            report,
        )
    report("stage", stage="scoring")
    pooled_NW, logits_NK = classifier.look(report)
    p_clean = np.ones(len(manifest), dtype=np.float32)
    p_clean[~is_settled] = rank_p_clean(given_losses(logits_NK, manifest.given)[~is_settled], rate)
    source = "given" if config.noise_rate else "estimated"
    return detection(
        manifest,
        p_clean,
        softmax(logits_NK),
        pooled_NW,
        {
            "reason": f"trained on the smallest losses of each batch; {rate:.0%} of the labels are taken to "
            f"be wrong ({source})",
            "epochs": config.epochs,
            "noise_rate": rate,
            "noise_rate_is": source,
            "selected": history[-1].selected,
        },
    )


def forget_rate(epoch: int, warm_up: int, noise_rate: float) -> float:
    """Return R(e), the share of the undecided that a batch leaves out; epoch: 1-based.

    From 0 in the first epoch to r in the last one of the warm-up, in equal steps; a warm-up of one epoch is
    0 in it and r from then on.
    """
    if epoch > warm_up:
        return noise_rate
    return noise_rate * (epoch - 1) / (warm_up - 1) if warm_up > 1 else 0.0


def terms_of(config: SmallLossConfig, classifier: Classifier, labels: Labels, rate: float) -> TermsOf:
    """Return the mean cross-entropy over the samples that a batch keeps."""

    def terms(rows: np.ndarray, epoch: int) -> Terms:
        logits_BK = classifier.logits(rows, epoch)
        known = labels.take(torch.from_numpy(rows).to(logits_BK.device))
        loss_B = cross_entropy(logits_BK, known.target)
        is_settled = known.is_settled.cpu().numpy()
        kept = smallest(loss_B.detach().cpu().numpy(), is_settled, forget_rate(epoch, config.warm_up, rate))
        value = (torch.from_numpy(kept).to(loss_B.device) * loss_B).sum()
        free = float((~is_settled).sum())
        return Terms(
            losses={"classify": (value, float(kept.sum()))},
            shares={
                "selected": (float((kept & ~is_settled).sum()), free),
                **agreement(logits_BK, known),
            },
        )

    return terms


def _estimate(
    manifest: Manifest,
    inputs: Inputs,
    backbone: Backbone,
    runtime: Runtime,
    report: Report,
    is_settled: np.ndarray,
) -> float:
    """Return the share of wrong labels among the undecided as `transition` sees it, [0, 1)."""
    if is_settled.all():
        return 0.0
    found = second_annotator.detect(TransitionConfig(), manifest, inputs, backbone, runtime, report)
    return 1.0 - float(found.p_clean[~is_settled].mean(dtype=np.float64))
