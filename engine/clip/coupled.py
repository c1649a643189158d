"""Learned prompts for both towers of CLIP, those of the image tower made of those of the text tower.

MaPLe (Khattak et al. 2023), on which AVL-Prompter stands (methods §7.1): P^(1), … P^(J) are vectors beside
the words; F^(j)(P^(j)), one linear map each, are vectors beside the patches.

    text    SOT [P^(1)] further words, name . EOT; at the input of block j = 2 … J, P^(j) in their place
    image   CLS patches [F^(1)(P^(1))] before ln_pre; at the input of block j = 2 … J, F^(j)(P^(j)) in their
            place, behind ln_pre; from block J + 1 on they are ordinary tokens, as in the text tower

A CoOp context (Zhou et al. 2022) is the same with J = 1 and without couplings. `engine.clip.text` runs the
text side.
"""

from dataclasses import dataclass
from typing import Any

import torch

from engine.clip.text import embed_words, n_text_blocks, text_width
from engine.clip.vision import embed, plain

SPREAD = 0.02  # of vectors that begin by chance, as in CoOp and MaPLe


@dataclass(frozen=True, kw_only=True)
class Prompts:
    """M learned vectors in each of the first J blocks; W is the width of the text tower, V of the image's.

    context: P^(1), (M, W). deep: P^(2) … P^(J), (J − 1, M, W). weight, bias: F^(1) … F^(J), (J, V, W) and
    (J, V); None for prompts of the text tower alone. All float32.
    """

    context: torch.Tensor
    deep: torch.Tensor
    weight: torch.Tensor | None = None
    bias: torch.Tensor | None = None

    @property
    def parameters(self) -> dict[str, torch.Tensor]:
        """All that is trained, by name; an empty tensor is not."""
        return {name: value for name, value in vars(self).items() if value is not None and value.numel()}

    def for_images(self) -> torch.Tensor | None:
        """Return F^(j)(P^(j)), (J, M, V) float32, or None without couplings."""
        if self.weight is None or self.bias is None:
            return None
        prompt_JMW = torch.cat([self.context[None], self.deep])
        return torch.baddbmm(self.bias[:, None], prompt_JMW, self.weight.transpose(1, 2))


def coupled_prompts(
    model: Any, token_M: torch.Tensor, n_context: int, depth: int, generator: torch.Generator
) -> Prompts:
    """Return the prompts of both towers as they are before any training, leaves with requires_grad.

    token_M: what P^(1) begins as, ids of words; where `n_context` asks for more vectors, the others begin by
    chance, as all of P^(2) … P^(J) do: N(0, 0.02²). F^(j) begins as `nn.Linear` does; F^(2) … F^(J) are
    copies of one, so they begin alike. depth: J, at most the number of blocks of the smaller tower. model: a
    CLIP that is plain on both sides. generator: on the CPU.
    """
    width, visual = text_width(model), model.visual
    depth, wide = (
        min(depth, n_text_blocks(model), len(visual.transformer.resblocks)),
        visual.conv1.out_channels,
    )
    context_MW = _by_chance((n_context, width), generator)
    words_MW = embed_words(model, token_M[:n_context]).detach().cpu()
    context_MW[: len(words_MW)] = words_MW
    bound = width**-0.5
    map_2VX = torch.rand((2, wide, width + 1), generator=generator) * (2 * bound) - bound
    map_JVX = torch.cat([map_2VX[:1], map_2VX[1:].expand(depth - 1, -1, -1)])
    found = {
        "context": context_MW,
        "deep": _by_chance((depth - 1, n_context, width), generator),
        "weight": map_JVX[:, :, :width],
        "bias": map_JVX[:, :, width],
    }
    device = visual.conv1.weight.device
    return Prompts(**{name: _leaf(value, device) for name, value in found.items()})


def text_prompts(model: Any, n_context: int, generator: torch.Generator) -> Prompts:
    """Return a context by chance, N(0, 0.02²), for the text tower alone (CoOp); it may have no vectors."""
    shape, device = (n_context, text_width(model)), next(model.parameters()).device
    return Prompts(
        context=_leaf(_by_chance(shape, generator), device), deep=torch.zeros((0, *shape), device=device)
    )


def _by_chance(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    return SPREAD * torch.randn(shape, generator=generator)


def _leaf(value: torch.Tensor, device: torch.device) -> torch.Tensor:
    return value.contiguous().to(device).detach().requires_grad_()


def image_features(visual: Any, image_BCHW: torch.Tensor, prompts_JMV: torch.Tensor) -> torch.Tensor:
    """Return the features of images with prompts in the first J blocks, (B, D), not normalised.

    visual: a tower that `is_plain`. image_BCHW: (B, 3, S, S) float, normalised as the model expects.
    prompts_JMV: F^(j)(P^(j)). They stand behind the patches; attention does not see an order.
    """
    token_BLV = embed(visual, image_BCHW)
    n_tokens, blocks, dtype = token_BLV.shape[1], visual.transformer.resblocks, token_BLV.dtype
    for number, block in enumerate(blocks):
        if number < len(prompts_JMV):
            prompt_MV = prompts_JMV[number].to(dtype)
            # Of each token by itself, so it may come after the other tokens had theirs.
            prompt_MV = prompt_MV if number else visual.ln_pre(prompt_MV)
            token_BLV = torch.cat([token_BLV, prompt_MV.expand(len(token_BLV), -1, -1)], dim=1)
        # What a block makes of prompts that are replaced next is not computed.
        is_replaced = number + 1 < len(prompts_JMV)
        length = 1 if number == len(blocks) - 1 else n_tokens if is_replaced else token_BLV.shape[1]
        token_BLV = plain(number, block, token_BLV, length)
    pooled_BV, _ = visual._pool(token_BLV)
    return pooled_BV @ visual.proj
