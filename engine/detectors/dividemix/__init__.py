"""DivideMix: two classifiers sort the labels for each other (Li et al., ICLR 2020; methods §3.3).

As the baseline of TURN's tables it stands on a linear probe: two heads on stored image features, with stored
features of shifted and mirrored copies as the augmented views. After a warm-up on all labels, each epoch: a
mixture of each head's losses; head A trains with the split that head B makes, and B with A's; labelled
samples are refined by the head's own answer, the labels of the others guessed by both heads, everything is
mixed. p_clean is the mean of both posteriors, the answer the mean of both softmaxes.

Choices: image features I, standardised; AdamW at a constant rate, TURN's settings for a probe on CLIP, in
place of SGD for whole networks; fewer epochs for the same reason; a mixing share for each sample in place of
one for each batch, so that no draw depends on who else is in it; B has its split from before A trained, its
guesses use A as it is then. What people settled is always labelled, with w = 1, so that it stays as it is
(§12.3, §20); a split that trusts nobody is replaced by the best twentieth of each class, and where no
mixture can be fitted, a label counts as right if it is the head's answer (§14.3).
"""

from typing import Any

import numpy as np
import torch

from engine.artifacts import Detection
from engine.checkpoint import Checkpoint, fingerprint
from engine.clip.backbone import Backbone
from engine.detectors import Inputs, softmax
from engine.detectors.deft.terms import read_labels
from engine.detectors.dividemix.split import HEADS, Facts, Losses, split_batches, warm_batches
from engine.detectors.dividemix.terms import Epoch, Views, draw_epoch, terms_of
from engine.draws import Draws
from engine.heads import (
    adamw_plan,
    all_logits,
    detection,
    few_threads,
    rate_for,
    small_batch,
    standardiser,
)
from engine.manifest import Manifest
from engine.progress import Report
from engine.runtime import Runtime
from engine.selection import Judgement
from engine.settings import DividemixConfig
from engine.tower import new_head
from engine.training import train
from engine.views import store_views, view_shifts


def detect(
    config: DividemixConfig,
    manifest: Manifest,
    inputs: Inputs,
    backbone: Backbone,
    runtime: Runtime,
    report: Report,
) -> Detection:
    """Train both heads and judge the labels by the losses of both.

    notes: reason (a sentence), epochs, selected (share of the undecided that trained with their label, last
    epoch), noise_rate (1 − mean w of the undecided), gmm_ok (whether both mixtures could be fitted),
    temperature.
    """
    device, n, n_classes = backbone.runtime.device, len(manifest), manifest.n_classes
    draws, labels = Draws(manifest.sample_ids, inputs.seed), read_labels(manifest, device)
    is_settled = labels.is_settled.cpu().numpy()
    facts = Facts(given=manifest.given, n_classes=n_classes, is_settled=is_settled)
    views = _load_views(config, inputs, backbone, draws, report)
    plain_ND = views.move(inputs.features)
    generator = torch.Generator().manual_seed(inputs.seed)
    width = plain_ND.shape[1]
    heads = [new_head(width, n_classes, generator, device) for _ in HEADS]
    losses, batch_size = Losses(config, facts), small_batch(config.batch_size, n)
    epochs: dict[int, Epoch] = {}

    def batches_of(epoch: int) -> list[np.ndarray]:
        drawn = draw_epoch(draws, epoch, len(views), config.mixup)
        epochs.clear()
        if epoch <= config.warm_up:
            epochs[epoch] = Epoch(drawn=drawn, split=None)
            return warm_batches(draws, n, epoch, batch_size)
        found = losses.judge([all_logits(head, plain_ND) for head in heads], keep=True)
        batches, split = split_batches(found, facts, draws, epoch, batch_size)
        epochs[epoch] = Epoch(drawn=drawn, split=split)
        return batches

    key = fingerprint(manifest, "dividemix", config.model_dump(), backbone.fingerprint, inputs.seed)
    report("stage", stage="training")
    with few_threads(batch_size * width * n_classes):
        history = train(
            {f"{'ab'[number]}.{name}": value for number in HEADS for name, value in heads[number].items()},
            terms_of(config, heads, views, labels, epochs),
            batches_of,
            adamw_plan(config.epochs, rate_for(config.learning_rate, width), config.weight_decay),
            Checkpoint(inputs.run_dir, key),
            report,
            memory=losses.memory,
        )
    logits_HNK = [all_logits(head, plain_ND) for head in heads]
    found = losses.judge(logits_HNK, keep=False)
    return detection(
        manifest,
        np.mean([each.p_clean for each in found], axis=0),
        np.mean([softmax(logits_NK) for logits_NK in logits_HNK], axis=0),
        inputs.features,
        {**_notes(found, is_settled), "epochs": config.epochs, "selected": history[-1].selected},
    )


def _notes(found: list[Judgement], is_settled: np.ndarray) -> dict[str, Any]:
    unfit = [each for each in found if not each.gmm_ok]
    weight = np.mean([each.weight for each in found], axis=0)[~is_settled]
    return {
        "reason": "two linear probes on stored image features, which sort the labels for each other; "
        f"labels judged by {(unfit or found)[0].told('a mixture of the losses of each')}",
        "noise_rate": 1.0 - float(weight.mean()) if len(weight) else 0.0,
        "gmm_ok": not unfit,
    }


def _load_views(
    config: DividemixConfig, inputs: Inputs, backbone: Backbone, draws: Draws, report: Report
) -> Views:
    """Return the stored features and those of shifted copies, the same ones that `deft` stores."""
    shifts = view_shifts(draws, config.views, backbone.image_size)
    return Views(
        plain=inputs.features,
        shifted=store_views(inputs, backbone, shifts, report),
        move=standardiser(inputs.features),
        device=backbone.runtime.device,
    )
