"""DeFT's loss (DeFT Eq. 4–7; methods §4.3, §4.5, §12.3, §20).

    L_dp  = mean −log p_{i,t_i} + mean −log(1 − p_{i,ȳ_i})     ȳ: a class that the sample is not
    L_sim = CE(l⁺, y) over the samples that count as clean, in the warm-up over all

t_i is the given label in the warm-up and where the sample counts as clean, else argmax l⁺. L_dp sees l⁺ and I
detached and so trains the negative context alone; L_sim trains the positive context and the image prompts.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from engine.clip.backbone import Backbone
from engine.clip.names import Names
from engine.clip.text import prompted_features
from engine.detectors.deft.towers import Tower
from engine.draws import Draws
from engine.losses import cross_entropy, no, symmetric_cross_entropy, yes
from engine.manifest import Manifest, Pin
from engine.settings import DeftConfig
from engine.training import Terms

SEVERE_POSITIVE = 0.25  # weight of the positive term under severe noise (DeFT, methods §4.5)


@dataclass(frozen=True, kw_only=True)
class Prompts:
    """The two learned contexts, (M, W) each, before the names of the K classes."""

    backbone: Backbone
    names: Names
    positive: torch.Tensor
    negative: torch.Tensor

    def features(self, context_MW: torch.Tensor, rows: torch.Tensor | None = None) -> torch.Tensor:
        """Return T of the classes in `rows` (default: all), (R, D) float32, unit L2."""
        with self.backbone.runtime.autocast():
            return prompted_features(self.backbone.model, context_MW, self.names, rows)

    def logits(self, image_BD: torch.Tensor, text_RD: torch.Tensor) -> torch.Tensor:
        """Return s·I·Tᵀ, (B, R) float32."""
        return self.backbone.logit_scale * (image_BD @ text_RD.T)


@dataclass(frozen=True, kw_only=True)
class Labels:
    """What is known of some samples, N of them.

    target: (N, K) float32, one-hot of the label to learn, uniform over the classes of an ambiguous sample.
    label: (N,) int64, its class, the first of an ambiguous sample. is_settled: (N,) bool, by people.
    is_ambiguous: (N,) bool. rejected: (N,) int64, the class that people ruled out, −1 where none.
    """

    target: torch.Tensor
    label: torch.Tensor
    is_settled: torch.Tensor
    is_ambiguous: torch.Tensor
    rejected: torch.Tensor

    def take(self, rows: torch.Tensor) -> "Labels":
        """Return those of these rows."""
        return Labels(**{name: value[rows] for name, value in vars(self).items()})


def read_labels(manifest: Manifest, device: torch.device) -> Labels:
    """Return what a manifest says, on a device."""
    n, label = len(manifest), manifest.current()
    target_NK = np.zeros((n, manifest.n_classes), dtype=np.float32)
    target_NK[np.arange(n), label] = 1.0
    rows, known = manifest.known()
    target_NK[rows] = known
    label[rows] = known.argmax(axis=1)
    is_relabelled = np.asarray([pin is Pin.RELABELLED for pin in manifest.pins], dtype=bool)
    arrays = {
        "target": target_NK,
        "label": label,
        "is_settled": np.isin(np.arange(n), rows),
        "is_ambiguous": (target_NK > 0).sum(axis=1) > 1,
        "rejected": np.where(is_relabelled, manifest.given, -1),
    }
    return Labels(**{name: torch.from_numpy(value).to(device) for name, value in arrays.items()})


def terms_of(
    config: DeftConfig, tower: Tower, prompts: Prompts, labels: Labels, draws: Draws
) -> Callable[[np.ndarray, int], Terms]:
    """Return the loss as `engine.training.train` asks for it."""

    def terms(rows: np.ndarray, epoch: int) -> Terms:
        device = labels.label.device
        known = labels.take(torch.from_numpy(rows).to(device))
        image_BD = tower.features(rows, epoch)
        positive_BK = prompts.logits(image_BD, prompts.features(prompts.positive))
        predicted = positive_BK.detach().argmax(dim=1)
        negatives = Negatives(prompts, image_BD, positive_BK.shape[1], config)
        margin_BK = positive_BK.detach() - negatives.values(torch.cat([known.label, predicted]))
        clean = selected(margin_BK, known.label, config.noise) | known.is_settled
        warm = epoch <= config.warm_up
        target = known.label if warm else torch.where(clean, known.label, predicted)
        complements, rejections = (
            torch.from_numpy(draws.uniform(purpose, epoch)[rows]).to(device)
            for purpose in ("complement", "rejected")
        )
        wrong, counts = counterexamples(known, target, complements, rejections < config.rejected_share)
        fixed_BK = positive_BK.detach() if config.detach_dp else positive_BK
        pair = pair_loss(config, fixed_BK, negatives, known, target, wrong, counts)
        loss = symmetric_cross_entropy if warm and config.noise == "real" else cross_entropy
        learned = torch.ones_like(clean) if warm else clean
        similarity = (learned * loss(positive_BK, known.target)).sum()
        told, free = known.is_settled & ~known.is_ambiguous, ~known.is_settled
        return Terms(
            losses={"pair": (pair, float(len(rows))), "similarity": (similarity, float(learned.sum()))},
            shares={
                "selected": (float((clean & free).sum()), float(free.sum())),
                "agreement": (float(((predicted == known.label) & told).sum()), float(told.sum())),
            },
        )

    return terms


def pair_loss(
    config: DeftConfig,
    positive_BK: torch.Tensor,
    negatives: "Negatives",
    known: Labels,
    target: torch.Tensor,
    wrong: torch.Tensor,
    counts: torch.Tensor,
) -> torch.Tensor:
    """Return the sum of −log p_{i,t_i} − log(1 − p_{i,ȳ_i}) over the batch, 0-d.

    target: t, (B,). wrong: ȳ, (B,), which counts for nothing where `counts`, (B,) bool, is false. The first
    term of an ambiguous sample is the mean over its classes.
    """
    weight_BK = functional.one_hot(target, positive_BK.shape[1]).float()
    weight_BK = torch.where(known.is_ambiguous[:, None], known.target, weight_BK)
    needed = torch.cat([weight_BK.sum(dim=0).nonzero()[:, 0], wrong])
    margin_BK = positive_BK - negatives.logits(needed)
    sample, of = weight_BK.nonzero(as_tuple=True)
    right = (weight_BK[sample, of] * yes(margin_BK[sample, of])).sum()
    scale = SEVERE_POSITIVE if config.noise == "severe" else 1.0
    return scale * right + (counts * no(margin_BK.gather(1, wrong[:, None])[:, 0])).sum()


class Negatives:
    """l⁻ of one batch; the text tower runs only for the classes that the batch needs (methods §13.6)."""

    def __init__(self, prompts: Prompts, image_BD: torch.Tensor, n_classes: int, config: DeftConfig):
        self._prompts, self._n_classes = prompts, n_classes
        self._image_BD = image_BD.detach() if config.detach_dp else image_BD
        # People's mistakes are told by the largest of all margins.
        self._everywhere = config.noise == "real"
        # Where most classes are needed anyway, one pass over all is less work than two over parts.
        self._all = prompts.features(prompts.negative) if n_classes <= 2 * len(image_BD) else None

    def values(self, classes: torch.Tensor) -> torch.Tensor:
        """Return l⁻ without gradient, (B, K); 0 for a class that is neither asked for nor known anyway."""
        with torch.no_grad():
            if self._all is None and not self._everywhere:
                return self._spread(torch.unique(classes))
            text_KD = self._prompts.features(self._prompts.negative) if self._all is None else self._all
            return self._prompts.logits(self._image_BD, text_KD)

    def logits(self, classes: torch.Tensor) -> torch.Tensor:
        """Return l⁻ with gradient, (B, K), for these classes; 0 for those that are not known anyway."""
        if self._all is not None:
            return self._prompts.logits(self._image_BD, self._all)
        return self._spread(torch.unique(classes))

    def _spread(self, classes: torch.Tensor) -> torch.Tensor:
        text_RD = self._prompts.features(self._prompts.negative, classes)
        logits_BR = self._prompts.logits(self._image_BD, text_RD)
        empty_BK = logits_BR.new_zeros((len(logits_BR), self._n_classes))
        return empty_BK.index_copy(1, classes, logits_BR)


def selected(margin_BK: torch.Tensor, label: torch.Tensor, noise: str) -> torch.Tensor:
    """Return which labels count as clean, (B,) bool (methods §4.2, §4.5); margin: l⁺ − l⁻.

    Planted noise: p_{i,y} > 1/2, strictly. People's mistakes: and y is the class of the largest p_ik.
    """
    own = margin_BK.gather(1, label[:, None])[:, 0] > 0
    return own & (margin_BK.argmax(dim=1) == label) if noise == "real" else own


def counterexamples(
    known: Labels, target: torch.Tensor, draw: torch.Tensor, is_rejection: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ȳ, (B,) int64, and whether it counts, (B,) bool.

    draw: (B,) in [0, 1). A class that is neither the label nor the target t, each with the same chance;
    where `is_rejection`, (B,) bool, the class that people ruled out, if they did; for an ambiguous sample
    one that they did not choose, and none where they chose all (methods §12.3, §14.3, §20).
    """
    barred_BK = known.target > 0
    barred_BK = barred_BK | functional.one_hot(target, barred_BK.shape[1]).bool()
    # Of two classes the one that is not the target, whatever the label says.
    full = barred_BK.all(dim=1) & ~known.is_ambiguous
    barred_BK = torch.where(full[:, None], functional.one_hot(target, barred_BK.shape[1]).bool(), barred_BK)
    free_BK = ~barred_BK
    n_free = free_BK.sum(dim=1)
    rank_BK = free_BK.cumsum(dim=1) - 1
    wrong = ((rank_BK == (draw * n_free).long()[:, None]) & free_BK).int().argmax(dim=1)
    wrong = torch.where(is_rejection & (known.rejected >= 0), known.rejected, wrong)
    return wrong, n_free > 0
