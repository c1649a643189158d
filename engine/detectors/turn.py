"""TURN: learn a classifier on the frozen tower, then tune the tower on the labels that fit, class by class
(Ahn et al., IJCAI 2024; methods §8).

    1  z_i = ln_post(CLS), once, without augmentation
    2  a linear head on z by generalised cross-entropy, q = 0.7
    3  each epoch: ℓ_i = CE of the model as it is now; within each class a mixture of two; D_c: w > τ = 0.6;
       as many of each class as the class with the fewest has; one epoch of cross-entropy on them, all of
       the image tower

The first choice of step 3 is free, because before any tuning z is the tower's answer still. p_clean is the
posterior within the class under the final model, moved so that τ lies at one half.

Choices where the paper is silent (§8.2, §8.3): AdamW at constant rates, the settings for CLIP; all losses
share one range before the fits, and a class without a mixture of its own is judged by that of all; a class
that keeps nobody is left out of the minimum and counted, and where every class is empty the head alone
answers; shifts and mirror images in place of random affine maps. What people settled always trains with
their answer, by cross-entropy, beside the quota and in no mixture (§12.3, §20).
"""

from dataclasses import dataclass, field

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
    adamw_plan,
    agreement,
    all_logits,
    detection,
    load_classifier,
    store_pooled,
    train_head,
)
from engine.losses import SettingsLoss, cross_entropy
from engine.manifest import Manifest
from engine.progress import Report
from engine.runtime import Runtime, every_core
from engine.selection import Judgement, balanced, given_losses, judge
from engine.settings import TurnConfig
from engine.settings.losses import LossSettings
from engine.training import Terms, split, train

QUANTILES = {"smallest": 0.0, "quantile": 0.1}
MOVED = ("vpt", "vpt_shallow", "ssf")  # adapters whose first values are not CLIP's answer


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What one epoch trains on. rows: ascending. share: of the undecided, those with w above the threshold.
    purity: mean w of the undecided among the rows, the share of right labels that the mixtures expect; 0
    where there are none. empty: classes of whose undecided labels none is chosen."""

    rows: np.ndarray
    share: float
    purity: float
    empty: tuple[int, ...]


def detect(
    config: TurnConfig,
    manifest: Manifest,
    inputs: Inputs,
    backbone: Backbone,
    runtime: Runtime,
    report: Report,
) -> Detection:
    """Train the head, tune the tower, and judge the labels by their losses within their class.

    notes: reason (a sentence), epochs, chosen (samples of the last epoch), purity (see `Choice`),
    empty_classes (of the last epoch), noise_rate (1 − mean w of the undecided), gmm_ok, unfit_classes,
    temperature.
    """
    draws = Draws(manifest.sample_ids, inputs.seed)
    labels = read_labels(manifest, backbone.runtime.device)
    classifier = load_classifier(config, manifest, inputs, backbone, draws)
    pooled_NW = store_pooled(backbone, inputs, report)
    report("stage", stage="training")
    tuning = Tuning(
        config=config,
        manifest=manifest,
        classifier=classifier,
        labels=labels,
        is_settled=labels.is_settled.cpu().numpy(),
        draws=draws,
        probed_NK=train_probe(config, classifier, pooled_NW, labels, draws, report),
        report=report,
    )
    key = fingerprint(manifest, "turn", config.model_dump(), backbone.fingerprint, inputs.seed)
    with every_core():
        history = train(
            classifier.parameters,
            tuning.terms,
            tuning.batches_of,
            adamw_plan(config.epochs, config.learning_rate, config.weight_decay),
            Checkpoint(inputs.run_dir, key),
            report,
            figures_of=tuning.figures_of,
        )
    report("stage", stage="scoring")
    pooled_NW, logits_NK = classifier.look(report)
    found, last = tuning.judge(logits_NK), history[-1].figures
    notes = {
        "reason": f"a linear probe, then the image tower tuned on {last['chosen']:.0f} labels that fit their "
        f"class; labels judged by {found.told('a mixture of the losses of each class')}",
        "epochs": config.epochs,
        "chosen": int(last["chosen"]),
        "purity": last["purity"],
        "empty_classes": int(last["empty_classes"]),
        **found.notes(manifest, tuning.is_settled),
    }
    return detection(manifest, found.p_clean, softmax(logits_NK), pooled_NW, notes)


def train_probe(
    config: TurnConfig,
    classifier: Classifier,
    pooled_NW: np.ndarray,
    labels: Labels,
    draws: Draws,
    report: Report,
) -> np.ndarray:
    """Train the head in place on the frozen tower's answers, (N, W), and return its own, z, (N, K) float32.

    Nothing of it is kept: it takes seconds, and a resumed run does the very same again.
    """

    def tell(event: str, /, **values: object) -> None:
        if event != "epoch":  # the curves are those of the tuning
            report(event, **values)

    settings = LossSettings(loss="gce", gce_power=config.gce_power)
    train_head(
        classifier.head,
        pooled_NW,
        labels,
        SettingsLoss(settings, *labels.target.shape, device=labels.label.device),
        adamw_plan(config.probe_epochs, config.probe_learning_rate, config.probe_weight_decay),
        # The tuning counts its epochs from 1, and no two epochs draw the same order.
        lambda epoch: draws.order(-epoch),
        config.batch_size,
        tell,
    )
    return all_logits(classifier.head, pooled_NW)


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """Step 3. probed_NK: z of the head on the frozen tower. choices: of each epoch that has begun."""

    config: TurnConfig
    manifest: Manifest
    classifier: Classifier
    labels: Labels
    is_settled: np.ndarray
    draws: Draws
    probed_NK: np.ndarray
    report: Report
    choices: dict[int, Choice] = field(default_factory=dict)

    def judge(self, logits_NK: np.ndarray) -> Judgement:
        """Return what the losses say of each label within its class."""
        given = self.manifest.given
        return judge(
            given_losses(logits_NK, given),
            logits_NK,
            given,
            self.is_settled,
            threshold=self.config.threshold,
            per_class=True,
        )

    def batches_of(self, epoch: int) -> list[np.ndarray]:
        """Return the batches of what the model, as it is now, takes for clean."""
        is_probed = epoch == 1 and self.config.adapter not in MOVED
        logits_NK = self.probed_NK if is_probed else self.classifier.look(self.report)[1]
        choice = choose(
            self.judge(logits_NK),
            self.manifest,
            self.is_settled,
            self.draws.uniform("balance", epoch),
            QUANTILES[self.config.balance],
        )
        self.choices[epoch] = choice
        order = self.draws.order(epoch)
        return split(order[np.isin(order, choice.rows)], self.config.batch_size)

    def terms(self, rows: np.ndarray, epoch: int) -> Terms:
        """Return the mean cross-entropy over the chosen samples of a batch."""
        logits_BK = self.classifier.logits(rows, epoch)
        known = self.labels.take(torch.from_numpy(rows).to(logits_BK.device))
        value = cross_entropy(logits_BK, known.target).sum()
        return Terms(
            losses={"classify": (value, float(len(rows)))},
            shares={"selected": (self.choices[epoch].share, 1.0), **agreement(logits_BK, known)},
        )

    def figures_of(self, epoch: int) -> dict[str, float]:
        """Return what the curves show of the choice of an epoch."""
        choice = self.choices[epoch]
        return {
            "chosen": float(len(choice.rows)),
            "purity": choice.purity,
            "empty_classes": float(len(choice.empty)),
        }


def choose(
    found: Judgement, manifest: Manifest, is_settled: np.ndarray, draw: np.ndarray, quantile: float
) -> Choice:
    """Return what an epoch trains on: as many clean samples of each class, and all that people settled.

    draw: (N,) in [0, 1). quantile: see `engine.selection.balanced`.
    """
    clean = found.is_selected & ~is_settled
    chosen, empty = balanced(clean, manifest.given, manifest.n_classes, draw, quantile=quantile)
    return Choice(
        rows=np.flatnonzero(chosen | is_settled),
        share=float(clean.sum()) / max(int((~is_settled).sum()), 1),
        purity=float(found.weight[chosen].mean()) if chosen.any() else 0.0,
        empty=empty,
    )
