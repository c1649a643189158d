"""Loss mixture: before each epoch a mixture of two tells easy labels from hard ones; the easy ones train.

DeFT's baseline "GMM" (methods §3.2), without peers, pseudo labels or mixing: an image tower that learns with
a linear head. In the warm-up every label trains; from then on an evaluation pass before each epoch, a mixture
of two Gaussians over all losses (§3.1), and only labels with w > τ count. The losses of the mixture are
cross-entropies, whatever is trained with. `trains_on = "all"` gives the baselines CE, GCE, SCE and ELR of §9,
judged by a mixture of their final losses, because p_y saturates once labels are learned by heart.

Choices: samples that are left out are dropped before the forward pass, which changes nothing in a tower of
layer norms (§13.6); what people settled always trains, by cross-entropy, and is in no mixture (§12.3); where
no mixture can be fitted, a label counts as right if it is the model's answer; shifts and mirror images as
augmentation; the schedule is stepped.
"""

import numpy as np
import torch

from engine.artifacts import Detection
from engine.checkpoint import Checkpoint, fingerprint
from engine.clip.backbone import Backbone
from engine.detectors import Inputs, softmax
from engine.detectors.deft.terms import Labels, read_labels
from engine.draws import Draws
from engine.heads import (
    Classifier,
    agreement,
    detection,
    load_classifier,
    sgd_plan,
)
from engine.losses import LOSS_WORDS, SettingsLoss
from engine.manifest import Manifest
from engine.progress import Report
from engine.runtime import Runtime, every_core
from engine.selection import Judgement, given_losses, judge
from engine.settings import LossGmmConfig
from engine.training import Terms, TermsOf, split, train


def detect(
    config: LossGmmConfig,
    manifest: Manifest,
    inputs: Inputs,
    backbone: Backbone,
    runtime: Runtime,
    report: Report,
) -> Detection:
    """Train the image tower on the easy labels and judge all of them by their final losses.

    notes: reason (a sentence), epochs, selected (share of the undecided, last epoch), noise_rate (1 − mean w
    of the undecided), gmm_ok (whether the final mixture could be fitted), temperature.
    """
    device = backbone.runtime.device
    draws, labels = Draws(manifest.sample_ids, inputs.seed), read_labels(manifest, device)
    is_settled = labels.is_settled.cpu().numpy()
    classifier = load_classifier(config, manifest, inputs, backbone, draws)
    loss = SettingsLoss(config, len(manifest), manifest.n_classes, device)
    trusted = np.ones(len(manifest), dtype=bool)

    def judged(logits_NK: np.ndarray) -> Judgement:
        losses = given_losses(logits_NK, manifest.given)
        return judge(losses, logits_NK, manifest.given, is_settled, threshold=config.threshold)

    def batches_of(epoch: int) -> list[np.ndarray]:
        loss.begin()
        if epoch > config.warm_up and config.trains_on == "selected":
            trusted[:] = judged(classifier.look(report)[1]).is_selected
        return split(draws.order(epoch), config.batch_size)

    key = fingerprint(manifest, "loss_gmm", config.model_dump(), backbone.fingerprint, inputs.seed)
    report("stage", stage="training")
    with every_core():
        history = train(
            classifier.parameters,
            terms_of(classifier, labels, loss, trusted),
            batches_of,
            sgd_plan(config),
            Checkpoint(inputs.run_dir, key),
            report,
            memory=loss.memory,
        )
    report("stage", stage="scoring")
    pooled_NW, logits_NK = classifier.look(report)
    found = judged(logits_NK)
    kind = "the easy labels" if config.trains_on == "selected" else "every label"
    return detection(
        manifest,
        found.p_clean,
        softmax(logits_NK),
        pooled_NW,
        {
            "reason": f"trained on {kind} with {LOSS_WORDS[config.loss]}; labels judged by "
            f"{found.told('a mixture of the losses')}",
            "epochs": config.epochs,
            "selected": history[-1].selected,
            **found.notes(manifest, is_settled),
        },
    )


def terms_of(classifier: Classifier, labels: Labels, loss: SettingsLoss, trusted: np.ndarray) -> TermsOf:
    """Return the mean loss over the trusted samples of a batch; trusted: (N,) bool, of the epoch."""

    def terms(rows: np.ndarray, epoch: int) -> Terms:
        device = labels.label.device
        all_known = labels.take(torch.from_numpy(rows).to(device))
        is_free = ~all_known.is_settled.cpu().numpy()
        kept = rows[trusted[rows] | ~is_free]
        selected = (float((trusted[rows] & is_free).sum()), float(is_free.sum()))
        if not len(kept):
            nothing = torch.zeros((), device=device)
            return Terms(losses={"classify": (nothing, 0.0)}, shares={"selected": selected})
        logits_BK, row_B = classifier.logits(kept, epoch), torch.from_numpy(kept).to(device)
        known = labels.take(row_B)
        return Terms(
            losses={
                "classify": (loss(logits_BK, known.target, known.is_settled, row_B).sum(), float(len(kept)))
            },
            shares={"selected": selected, **agreement(logits_BK, known)},
        )

    return terms
