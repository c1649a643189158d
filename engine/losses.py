"""Losses, in float32 whatever the towers compute in; each is one number per sample, not yet averaged."""

import torch
from torch.nn import functional

PAIR_FLOOR = 1e-5  # of DeFT's code: below it the gradient is zero, which −log σ would not have
SCE_FLOOR = 1e-4  # the logarithm of an impossible label, Wang et al. 2019


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


def yes(margin: torch.Tensor) -> torch.Tensor:
    """Return −log p with p = σ(l⁺ − l⁻), floored as DeFT's code does (methods §4.3); margin: l⁺ − l⁻."""
    return -margin.float().sigmoid().clamp(min=PAIR_FLOOR).log()


def no(margin: torch.Tensor) -> torch.Tensor:
    """Return −log(1 − p) with p = σ(l⁺ − l⁻), floored likewise."""
    return yes(-margin)
