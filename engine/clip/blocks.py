"""What both towers of CLIP are made of: the residual block of a plain transformer."""

from collections.abc import Iterable
from typing import Any

import torch
from open_clip.transformer import ResidualAttentionBlock
from torch import nn


def are_plain(blocks: Iterable[Any]) -> bool:
    """Return whether all blocks are open_clip's plain ones, which our forward passes can stand in for."""
    return all(type(b) is ResidualAttentionBlock and type(b.attn) is nn.MultiheadAttention for b in blocks)


def finish(block: Any, token: torch.Tensor, mixed: torch.Tensor) -> torch.Tensor:
    """Return tokens after a block, (…, W), given what its heads mixed for them, (…, W); each by itself."""
    token = token + block.ls_1(block.attn.out_proj(mixed))
    return token + block.ls_2(block.mlp(block.ln_2(token)))
