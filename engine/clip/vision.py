"""The forward pass of a plain vision transformer: open_clip's values in three quarters of its time on a CPU.

`nn.MultiheadAttention` copies its operands into another layout, and everything but the class token of the
last block is computed for nobody. Prompts can stand beside the tokens of each block (deep visual prompt
tuning, Jia et al. 2022; placed as in DeFT, methods §4.1), and `engine.clip.adapters` can change what a block
does.
"""

from collections.abc import Callable
from typing import Any

import torch
from open_clip.transformer import VisionTransformer

from engine.clip.blocks import are_plain, finish, mix, project

Through = Callable[[int, Any, torch.Tensor, int], torch.Tensor]
"""What a block does: (its number, the block, (B, L, W), a length) → the first `length` tokens after it,
(B, length, W)."""


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

    image_BCHW: (B, 3, S, S) float, normalised as the model expects. prompts_NVW: see `walk`.
    """
    return walk(visual, embed(visual, image_BCHW), prompts_NVW) @ visual.proj


def embed(visual: Any, image_BCHW: torch.Tensor) -> torch.Tensor:
    """Return the tokens before the first block, the class token first, (B, L, W)."""
    return visual._embeds(image_BCHW)


def walk(
    visual: Any,
    token_BLW: torch.Tensor,
    prompts_NVW: torch.Tensor | None = None,
    through: Through | None = None,
) -> torch.Tensor:
    """Return the normed class token after all blocks, ln_post(CLS), (B, W).

    token_BLW: the tokens before the first block. prompts_NVW: for each of the last N blocks the V vectors
    that stand behind its tokens; what the block makes of them is dropped, so it is not computed. through:
    what takes the place of `plain`.
    """
    through = through or plain
    blocks = visual.transformer.resblocks
    first = len(blocks) - (0 if prompts_NVW is None else len(prompts_NVW))
    for number, block in enumerate(blocks):
        length = 1 if number == len(blocks) - 1 else token_BLW.shape[1]
        if prompts_NVW is not None and number >= first:
            prompt_BVW = prompts_NVW[number - first].to(token_BLW.dtype).expand(len(token_BLW), -1, -1)
            token_BLW = torch.cat([token_BLW, prompt_BVW], dim=1)
        token_BLW = through(number, block, token_BLW, length)
    pooled_BW, _ = visual._pool(token_BLW)
    return pooled_BW


def plain(number: int, block: Any, token_BLW: torch.Tensor, length: int) -> torch.Tensor:
    """Return the first `length` tokens after a block as it is, (B, length, W)."""
    query_BQW, key_BLW, value_BLW = project(block, block.ln_1(token_BLW), length)
    return finish(block, token_BLW[:, :length], mix(block, query_BQW, key_BLW, value_BLW))
