"""What both towers of CLIP are made of: the residual block of a plain transformer, and its steps."""

from collections.abc import Iterable
from typing import Any

import torch
from open_clip.transformer import ResidualAttentionBlock
from torch import nn
from torch.nn import functional


def are_plain(blocks: Iterable[Any]) -> bool:
    """Return whether all blocks are open_clip's plain ones, which our forward passes can stand in for."""
    return all(type(b) is ResidualAttentionBlock and type(b.attn) is nn.MultiheadAttention for b in blocks)


def project(
    block: Any, normed_BLW: torch.Tensor, length: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return queries of the first `length` tokens, (B, length, W), and keys and values of all, (B, L, W)."""
    attention, width = block.attn, normed_BLW.shape[-1]
    weight_query, weight_rest = attention.in_proj_weight.split((width, 2 * width))
    bias_query, bias_rest = attention.in_proj_bias.split((width, 2 * width))
    query_BQW = functional.linear(normed_BLW[:, :length], weight_query, bias_query)
    key_BLW, value_BLW = functional.linear(normed_BLW, weight_rest, bias_rest).chunk(2, dim=-1)
    return query_BQW, key_BLW, value_BLW


def mix(block: Any, query_BQW: torch.Tensor, key_BLW: torch.Tensor, value_BLW: torch.Tensor) -> torch.Tensor:
    """Return what the heads mix of the values for each query, (B, Q, W), before the outer projection."""
    query_BHQV, key_BHLV, value_BHLV = (
        part.unflatten(-1, (block.attn.num_heads, -1)).transpose(1, 2)
        for part in (query_BQW, key_BLW, value_BLW)
    )
    mixed_BHQV = functional.scaled_dot_product_attention(query_BHQV, key_BHLV, value_BHLV)
    return mixed_BHQV.transpose(1, 2).flatten(2)


def finish(block: Any, token: torch.Tensor, mixed: torch.Tensor) -> torch.Tensor:
    """Return tokens after a block, (…, W), given what its heads mixed for them, (…, W); each by itself."""
    token = token + block.ls_1(block.attn.out_proj(mixed))
    return token + block.ls_2(block.mlp(block.ln_2(token)))
