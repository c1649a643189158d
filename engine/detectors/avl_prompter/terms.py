"""The loss of a step of AVL-Prompter (methods §7.2), FixMatch's of both sides:

    L   = L_x + λ_u·L_u + λ_r·L_r
    L_x = CE(z(weak(x)), y)                       over the labelled side
    L_u = CE(z(strong(u)), q),  q = argmax z(weak(u)) without gradient, of the network that learns
    L_r = Σ_c (1/K)·log((1/K)/p̄_c)                p̄: mean softmax of weak(x) and strong(u)

weak: shifted and mirrored; strong: that, drawn anew, and RandAugment. The text features are computed once a
step, and the pictures with gradient in one pass. L_r is no sum over samples: it is counted with each part of
a batch, in the measure of the part's samples.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from engine.augment import draw_shifts, shift
from engine.detectors.avl_prompter.steps import Side, Step, decode
from engine.detectors.deft.terms import Labels
from engine.draws import Draws
from engine.heads import agreement
from engine.losses import cross_entropy
from engine.prompted import Prompted
from engine.randaugment import change, cut_out, draw_changes
from engine.rows import Rows
from engine.settings import AvlPrompterConfig
from engine.training import Terms, TermsOf

FLOOR = 1e-8  # of p̄ in its logarithm


@dataclass(frozen=True, kw_only=True)
class Views:
    """Weakly and strongly augmented pictures; sample_ids: of the rows of `pixels`."""

    config: AvlPrompterConfig
    pixels: Rows
    sample_ids: Sequence[str]
    seed: int

    def weak(self, clip: Prompted, step: Step, side: Side, epoch: int) -> torch.Tensor:
        """Return pictures as the image tower expects them, (B, 3, S, S) float32 on the device."""
        size = clip.backbone.image_size
        shifts = draw_shifts(self._draws(step, side, "weak"), epoch, size)
        return clip.backbone.normalised(self.pixels.take(side.rows), shifts)

    def strong(self, clip: Prompted, step: Step, side: Side, epoch: int) -> torch.Tensor:
        """Return the same, changed as RandAugment has it."""
        draws, config = self._draws(step, side, "strong"), self.config
        pixel_BCHW = torch.from_numpy(self.pixels.take(side.rows)).to(clip.backbone.runtime.device)
        pixel_BCHW = shift(
            pixel_BCHW.permute(0, 3, 1, 2), draw_shifts(draws, epoch, clip.backbone.image_size)
        )
        if config.operations:
            changes = draw_changes(draws, epoch, operations=config.operations, magnitude=config.magnitude)
            pixel_BCHW = change(pixel_BCHW, changes)
        if config.cutout:
            pixel_BCHW = cut_out(pixel_BCHW, draws, epoch)
        return clip.backbone.normalised(pixel_BCHW.permute(0, 2, 3, 1))

    def _draws(self, step: Step, side: Side, view: str) -> Draws:
        """Return the draws of these samples, apart for each network, view and visit of an epoch."""
        names = zip(side.rows.tolist(), side.visits.tolist(), strict=True)
        return Draws(
            [f"{self.sample_ids[row]}\t{step.network} {visit} {view}" for row, visit in names], self.seed
        )


def terms_of(
    config: AvlPrompterConfig,
    networks: Sequence[Prompted],
    views: Views,
    labels: Labels,
    is_labelled: Sequence[np.ndarray],
) -> TermsOf:
    """Return the loss of a step as `engine.training.train` asks for it; the other network has no part in it.

    is_labelled: for A and for B, (N,) bool, as `steps_of` was given it; filled anew in each epoch.
    """
    n, device = len(labels.label), labels.label.device
    is_settled = labels.is_settled.cpu().numpy()

    def terms(numbers: np.ndarray, epoch: int) -> Terms:
        step = decode(numbers, n)
        clip, n_labelled = networks[step.network], len(step.labelled)
        known = labels.take(torch.from_numpy(step.labelled.rows).to(device))
        text_KD = clip.text_features()
        images = [views.weak(clip, step, step.labelled, epoch)] if n_labelled else []
        if len(step.unlabelled):
            images.append(views.strong(clip, step, step.unlabelled, epoch))
        logits_BK = clip.logits(clip.see(torch.cat(images)), text_KD)
        logits_XK, logits_UK = logits_BK[:n_labelled], logits_BK[n_labelled:]
        losses = {
            "labelled": (cross_entropy(logits_XK, known.target).sum(), float(n_labelled)),
            "balance": (config.balance_weight * len(logits_BK) * balance(logits_BK), float(len(logits_BK))),
        }
        if len(step.unlabelled):
            weight = config.unlabelled_weight * (min(epoch / config.ramp, 1.0) if config.ramp else 1.0)
            guess_U, is_sure_U = _guessed(config, clip, views, step, epoch, text_KD.detach())
            guessed = functional.cross_entropy(logits_UK, guess_U, reduction="none")
            losses["unlabelled"] = (weight * (is_sure_U * guessed).sum(), float(len(logits_UK)))
        mine = is_labelled[step.network]
        return Terms(
            losses=losses,
            shares={
                "selected": (float((mine & ~is_settled).sum()), float((~is_settled).sum())),
                **agreement(logits_XK, known),
            },
        )

    return terms


def _guessed(
    config: AvlPrompterConfig,
    clip: Prompted,
    views: Views,
    step: Step,
    epoch: int,
    text_KD: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return q, (U,) int64, and whether it counts, (U,) bool: above the confidence that is asked for."""
    with torch.no_grad():
        image_UD = clip.see(views.weak(clip, step, step.unlabelled, epoch))
        sure_U, guess_U = clip.logits(image_UD, text_KD).softmax(dim=1).max(dim=1)
    return guess_U, sure_U >= config.confidence


def balance(logits_BK: torch.Tensor) -> torch.Tensor:
    """Return L_r = Σ_c (1/K)·log((1/K)/p̄_c), 0-d float32, 0 where all classes are equally frequent."""
    p_K = logits_BK.float().softmax(dim=1).mean(dim=0).clamp(min=FLOOR)
    return -(p_K * len(p_K)).log().mean()
