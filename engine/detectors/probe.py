"""Linear probe: a head on stored image features, and what its losses say of the labels.

The first step of TURN (methods §8.1): generalised cross-entropy learns the labels that agree with the
features and gives up on the others; then a mixture of two, within each class, tells low losses from high
ones (§3.1, §8.1 (b)). The other losses of §9 are there to compare with. Nothing but the head learns.

Choices: on the image features I, standardised, which every run has stored already (TURN's own step reads
ln_post(CLS), see `engine.detectors.turn`); AdamW at a constant rate, TURN's settings for CLIP, a rate that
does not depend on how wide the features are; batches of at most a tenth of the samples; labels that people
settled are learned by cross-entropy, whatever the loss.
"""

import torch

from engine.artifacts import Detection
from engine.checkpoint import Checkpoint, fingerprint
from engine.clip.backbone import Backbone
from engine.detectors import Inputs, softmax
from engine.detectors.deft.terms import read_labels
from engine.draws import Draws
from engine.heads import (
    adamw_plan,
    all_logits,
    detection,
    rate_for,
    standardiser,
    train_head,
)
from engine.losses import LOSS_WORDS, SettingsLoss
from engine.manifest import Manifest
from engine.progress import Report
from engine.runtime import Runtime
from engine.selection import given_losses, judge
from engine.settings import ProbeConfig
from engine.tower import new_head


def detect(
    config: ProbeConfig,
    manifest: Manifest,
    inputs: Inputs,
    backbone: Backbone,
    runtime: Runtime,
    report: Report,
) -> Detection:
    """Train a head on the image features and judge the labels by its losses.

    notes: reason (a sentence), epochs, noise_rate (1 − mean w of the undecided), gmm_ok (whether a mixture
    could be fitted), unfit_classes (judged by the mixture of all), temperature.
    """
    device, n, n_classes = backbone.runtime.device, len(manifest), manifest.n_classes
    draws, labels = Draws(manifest.sample_ids, inputs.seed), read_labels(manifest, device)
    feature_ND = standardiser(inputs.features)(inputs.features)
    width = feature_ND.shape[1]
    head = new_head(width, n_classes, torch.Generator().manual_seed(inputs.seed), device)
    loss = SettingsLoss(config, n, n_classes, device)
    key = fingerprint(manifest, "probe", config.model_dump(), backbone.fingerprint, inputs.seed)
    report("stage", stage="training")
    train_head(
        head,
        feature_ND,
        labels,
        loss,
        adamw_plan(config.epochs, rate_for(config.learning_rate, width), config.weight_decay),
        draws.order,
        config.batch_size,
        report,
        Checkpoint(inputs.run_dir, key),
    )
    logits_NK = all_logits(head, feature_ND)
    is_settled = labels.is_settled.cpu().numpy()
    found = judge(
        given_losses(logits_NK, manifest.given),
        logits_NK,
        manifest.given,
        is_settled,
        threshold=config.threshold,
        per_class=config.per_class,
    )
    mixture = "a mixture of the losses of each class" if config.per_class else "a mixture of the losses"
    return detection(
        manifest,
        found.p_clean,
        softmax(logits_NK),
        inputs.features,
        {
            "reason": f"a linear probe on stored image features, trained with {LOSS_WORDS[config.loss]}; "
            f"labels judged by {found.told(mixture)}",
            "epochs": config.epochs,
            **found.notes(manifest, is_settled),
        },
    )
