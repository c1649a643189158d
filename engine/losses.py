"""Losses, in float32 whatever the towers compute in; each is one number per sample, not yet averaged."""

import torch
from torch.nn import functional

from engine.settings.losses import LossSettings

PAIR_FLOOR = 1e-5  # of DeFT's code: below it the gradient is zero, which −log σ would not have
SCE_FLOOR = 1e-4  # the logarithm of an impossible label, Wang et al. 2019
ELR_FLOOR = 1e-4  # of the probabilities that early-learning regularisation remembers
LOSS_WORDS = {
    "ce": "cross-entropy",
    "gce": "generalised cross-entropy",
    "sce": "symmetric cross-entropy",
    "elr": "early-learning regularisation",
}


def cross_entropy(logits_BK: torch.Tensor, target_BK: torch.Tensor) -> torch.Tensor:
    """Return −Σ_k q_k log softmax_k(z), (B,) float32; target: (B, K) rows that sum to 1."""
    return -(target_BK * functional.log_softmax(logits_BK.float(), dim=-1)).sum(dim=-1)


def symmetric_cross_entropy(
    logits_BK: torch.Tensor, target_BK: torch.Tensor, alpha: float = 1.0, beta: float = 1.0
) -> torch.Tensor:
    """Return α·CE + β·RCE, (B,) float32 (Wang et al. 2019; α = β = 1 in DeFT, methods §9).

    RCE = −Σ_k p_k log q_k with q clipped to [1e-4, 1], which is 9.2103·(1 − p_y) for a single label.
    """
    reverse_B = -(logits_BK.float().softmax(dim=-1) * target_BK.clamp(min=SCE_FLOOR).log()).sum(dim=-1)
    return alpha * cross_entropy(logits_BK, target_BK) + beta * reverse_B


def generalised_cross_entropy(
    logits_BK: torch.Tensor, target_BK: torch.Tensor, power: float = 0.7
) -> torch.Tensor:
    """Return Σ_k t_k (1 − p_k^q)/q, (B,) float32 (Zhang & Sabuncu 2018, untruncated; q = 0.7, methods §9).

    power: q in [0, 1]; 0 is its limit, the cross-entropy, 1 is 1 − p_y. The logarithm of p keeps the
    difference of two nearly equal numbers away, so the limit is reached smoothly.
    """
    if power == 0:
        return cross_entropy(logits_BK, target_BK)
    log_BK = functional.log_softmax(logits_BK.float(), dim=-1)
    return -(target_BK * torch.expm1(power * log_BK)).sum(dim=-1) / power


def early_target(logits_BK: torch.Tensor, before_BK: torch.Tensor, momentum: float) -> torch.Tensor:
    """Return t = β·t_before + (1 − β)·p̂, (B, K) float32 without gradient (Liu et al. 2020, methods §9).

    p̂: softmax(z), clipped to [1e-4, 1 − 1e-4] and rescaled to sum to 1. before_BK: 0 at the start.
    """
    p_BK = _clipped(logits_BK.detach())
    return momentum * before_BK + (1.0 - momentum) * p_BK / p_BK.sum(dim=-1, keepdim=True)


def early_learning(logits_BK: torch.Tensor, target_BK: torch.Tensor) -> torch.Tensor:
    """Return log(1 − ⟨t, p⟩), (B,) float32, ≤ 0: what ELR adds, times λ, to the cross-entropy.

    target_BK: t of `early_target`. It pulls towards what the model said of a sample before it could learn
    its wrong label by heart.
    """
    return (1.0 - (target_BK * _clipped(logits_BK)).sum(dim=-1)).log()


def _clipped(logits_BK: torch.Tensor) -> torch.Tensor:
    return logits_BK.float().softmax(dim=-1).clamp(ELR_FLOOR, 1.0 - ELR_FLOOR)


class EarlyTargets:
    """What early-learning regularisation remembers of N samples: t, (N, K) float32, 0 at the start.

    now: t after the steps so far; it belongs to the state of a training. A sample that an epoch sees twice,
    as in a batch that is worked again in halves, is moved once: from where it stood when the epoch began.
    """

    def __init__(self, n: int, n_classes: int, momentum: float, device: torch.device | str = "cpu"):
        self.now = torch.zeros((n, n_classes), device=device)
        self._before = self.now.clone()
        self._momentum = momentum

    def begin(self) -> None:
        """Begin an epoch."""
        self._before.copy_(self.now)

    def term(self, logits_BK: torch.Tensor, row_B: torch.Tensor) -> torch.Tensor:
        """Move t of these rows, (B,) int64, and return log(1 − ⟨t, p⟩), (B,) float32."""
        target_BK = early_target(logits_BK, self._before[row_B], self._momentum)
        self.now[row_B] = target_BK
        return early_learning(logits_BK, target_BK)


class SettingsLoss:
    """The loss that the settings name, one number per sample; `memory` is what it keeps between epochs.

    Where people settled a label it is cross-entropy with their answer (methods §12.3): a robust loss would
    forgive itself not to learn it.
    """

    def __init__(self, settings: LossSettings, n: int, n_classes: int, device: torch.device):
        self._settings = settings
        is_elr = settings.loss == "elr"
        self._early = EarlyTargets(n, n_classes, settings.elr_momentum, device) if is_elr else None
        self.memory = {"early": self._early.now} if self._early else {}

    def begin(self) -> None:
        """Begin an epoch."""
        if self._early:
            self._early.begin()

    def __call__(
        self,
        logits_BK: torch.Tensor,
        target_BK: torch.Tensor,
        is_settled_B: torch.Tensor,
        row_B: torch.Tensor,
    ) -> torch.Tensor:
        """Return the loss of each sample, (B,) float32.

        target: (B, K), rows sum to 1. is_settled: (B,) bool, by people. row_B: (B,) int64.
        """
        settings, plain_B = self._settings, cross_entropy(logits_BK, target_BK)
        if settings.loss == "gce":
            robust_B = generalised_cross_entropy(logits_BK, target_BK, settings.gce_power)
        elif settings.loss == "sce":
            robust_B = symmetric_cross_entropy(logits_BK, target_BK, settings.sce_alpha, settings.sce_beta)
        elif self._early:
            robust_B = plain_B + settings.elr_weight * self._early.term(logits_BK, row_B)
        else:
            return plain_B
        return torch.where(is_settled_B, plain_B, robust_B)


def yes(margin: torch.Tensor) -> torch.Tensor:
    """Return −log p with p = σ(l⁺ − l⁻), floored as DeFT's code does (methods §4.3); margin: l⁺ − l⁻."""
    return -margin.float().sigmoid().clamp(min=PAIR_FLOOR).log()


def no(margin: torch.Tensor) -> torch.Tensor:
    """Return −log(1 − p) with p = σ(l⁺ − l⁻), floored likewise."""
    return yes(-margin)
