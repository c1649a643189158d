"""The forward pass of a plain vision transformer: open_clip's values in three quarters of its time on a CPU.

`nn.MultiheadAttention` copies its operands into another layout, and everything but the class token of the
last block is computed for nobody. Prompts can stand beside the tokens of each block (deep visual prompt
tuning, Jia et al. 2022; placed as in DeFT, methods §4.1).
"""

from typing import Any

import torch
from open_clip.transformer import VisionTransformer
from torch.nn import functional

from engine.clip.blocks import are_plain, finish


def is_plain(visual: Any) -> bool:
    """Return whether a tower is a VisionTransformer of plain blocks, its feature the class token's."""
    if type(visual) is not VisionTransformer or visual.attn_pool is not None:
        return False
    return (
        visual.pool_type == "tok"
        and visual.proj is not None
        and not visual.output_tokens
        and are_plain(visual.transformer.resblocks)
    )


def new_prompts(visual: Any, length: int, generator: torch.Generator) -> torch.Tensor:
    """Return deep prompts as they are before any training, (layers, V, W) float32, U(−a, a).

    a = √(6/(3p² + W)) for patches of p pixels, as in visual prompt tuning. generator: on the CPU.
    """
    width, patch = visual.conv1.out_channels, visual.conv1.kernel_size[0]
    bound = (6.0 / (3 * patch * patch + width)) ** 0.5
    shape = (len(visual.transformer.resblocks), length, width)
    return torch.rand(shape, generator=generator) * (2 * bound) - bound


def image_features(
    visual: Any, image_BCHW: torch.Tensor, prompts_NVW: torch.Tensor | None = None
) -> torch.Tensor:
    """Return what `visual(image)` returns, (B, D), not normalised, for a tower that `is_plain`.

    image_BCHW: (B, 3, S, S) float, normalised as the model expects. prompts_NVW: for each block the V
    vectors that stand behind its tokens; what the block makes of them is dropped, so it is not computed.
    """
    token_BLW = visual._embeds(image_BCHW)
    blocks = visual.transformer.resblocks
    for number, block in enumerate(blocks):
        length = 1 if number == len(blocks) - 1 else token_BLW.shape[1]
        if prompts_NVW is not None:
            prompt_BVW = prompts_NVW[number].to(token_BLW.dtype).expand(len(token_BLW), -1, -1)
            token_BLW = torch.cat([token_BLW, prompt_BVW], dim=1)
        token_BLW = _through(block, token_BLW, length)
    pooled_BW, _ = visual._pool(token_BLW)
    return pooled_BW @ visual.proj


def _through(block: Any, token_BLW: torch.Tensor, length: int) -> torch.Tensor:
    """Return the first `length` tokens after a block, (B, length, W)."""
    attention, normed_BLW = block.attn, block.ln_1(token_BLW)
    batch, _, width = token_BLW.shape
    weight_query, weight_rest = attention.in_proj_weight.split((width, 2 * width))
    bias_query, bias_rest = attention.in_proj_bias.split((width, 2 * width))
    heads = (batch, -1, attention.num_heads, width // attention.num_heads)
    query = functional.linear(normed_BLW[:, :length], weight_query, bias_query).view(heads)
    key, value = functional.linear(normed_BLW, weight_rest, bias_rest).chunk(2, dim=-1)
    mixed = functional.scaled_dot_product_attention(
        query.transpose(1, 2),
        key.unflatten(-1, heads[2:]).transpose(1, 2),
        value.unflatten(-1, heads[2:]).transpose(1, 2),
    )
    merged_BLW = mixed.transpose(1, 2).reshape(batch, -1, width)
    return finish(block, token_BLW[:, :length], merged_BLW)
