"""Ways for the image tower to learn with few parameters, and with all of them (methods §6).

    none          nothing learns
    vpt           deep visual prompts beside the tokens of each block          Jia et al. 2022, DeFT
    vpt_shallow   prompts beside the tokens of the first block, which stay     Jia et al. 2022
    lora          q ← q + LN₁(h)·A_q·B_q/r, v likewise                         Hu et al. 2022
    adaptformer   h ← h + MLP(LN₂ h) + s·Up(ReLU(Down(LN_a h)))                Chen et al. 2022
    adapter       m = MLP(LN₂ h); h ← h + m + Up(ReLU(Down(LN_a m)))           Houlsby et al. 2019
    bitfit        every parameter that is a bias                               Ben Zaken et al. 2022
    ssf           y ← γ⊙y + β after each linear map of a block                 Lian et al. 2022
    blocks        all of the residual blocks: "FFT" as DeFT's code has it
    full          all of the image tower

Places and first values are those of DeFT and of LIFT, from which its code comes: LoRA's A has the fan-in r,
so it begins as U(±1/√r), and s is learned from 1. Where the two differ: the adapter keeps its skip (LIFT;
without it, as in DeFT, a new one would delete every MLP), AdaptFormer is LIFT's (DeFT wires it nowhere).
With first values all of them give CLIP's features exactly but for the prompts, and SSF, which begins with
γ ~ N(1, 0.02²) and β ~ N(0, 0.02²).

Parameters of one kind stand in one tensor over the N blocks that have them, the last ones of the tower.
"""

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from engine.clip.blocks import finish, mix, project
from engine.clip.vision import Through, embed, new_prompts, plain, walk
from engine.errors import EngineError
from engine.settings.adapters import AdapterKind

SSF_SPREAD = 0.02


@dataclass(frozen=True, kw_only=True)
class Adapted:
    """An image tower that can learn.

    visual: the tower; a copy of its own for "bitfit", "blocks" and "full", else the frozen one itself.
    parameters: leaf tensors with requires_grad, by name, on the tower's device: all that may be trained.
    """

    kind: AdapterKind
    visual: Any
    parameters: dict[str, torch.Tensor]


def adapt(
    visual: Any,
    kind: AdapterKind,
    generator: torch.Generator,
    *,
    size: int = 8,
    prompt_length: int = 20,
    last_blocks: int = 0,
) -> Adapted:
    """Return a tower that `is_plain` with its adapters as they are before any training.

    generator: on the CPU. size: the rank r of LoRA, the width of the bottleneck of AdaptFormer and Adapter.
    prompt_length: V. last_blocks: only so many blocks at the end have what learns; 0: all of them, and only
    then "bitfit" trains the biases outside the blocks, too. "vpt_shallow" and "full" know no last blocks.
    Raises EngineError where the tower has fewer blocks.
    """
    blocks = visual.transformer.resblocks
    if last_blocks > len(blocks):
        raise EngineError(f"last_blocks is {last_blocks}, and the image tower has {len(blocks)} blocks.")
    first = len(blocks) - (last_blocks or len(blocks))
    if kind in _OWN:
        visual = copy.deepcopy(visual).requires_grad_(False)
        inside = [f"transformer.resblocks.{number}." for number in range(first, len(blocks))]
        parameters = {
            name: parameter.requires_grad_()
            for name, parameter in visual.named_parameters()
            if _OWN[kind](name, any(map(name.startswith, inside)), last_blocks == 0)
        }
        return Adapted(kind=kind, visual=visual, parameters=parameters)
    device, n_blocks = visual.conv1.weight.device, len(blocks) - first
    width, hidden = visual.conv1.out_channels, blocks[0].mlp.c_fc.out_features
    if kind in ("vpt", "vpt_shallow"):
        prompts_NVW = new_prompts(visual, prompt_length, generator)
        drawn = {"prompts": prompts_NVW[first:] if kind == "vpt" else prompts_NVW[:1].clone()}
    elif kind == "lora":
        drawn = _new_low_rank(n_blocks, width, size, generator)
    elif kind == "ssf":
        drawn = _new_scales(n_blocks, width, hidden, generator)
    elif kind in ("adaptformer", "adapter"):
        drawn = _new_bottleneck(n_blocks, width, size, generator)
        if kind == "adaptformer":
            drawn["scale"] = torch.ones(n_blocks)
    else:
        drawn = {}
    parameters = {name: value.to(device).detach().requires_grad_() for name, value in drawn.items()}
    return Adapted(kind=kind, visual=visual, parameters=parameters)


# name, is in one of the last blocks, are all blocks meant → is trained
_OWN: dict[str, Callable[[str, bool, bool], bool]] = {
    "bitfit": lambda name, inside, whole: name.endswith("bias") and (inside or whole),
    "blocks": lambda name, inside, whole: inside,
    "full": lambda name, inside, whole: True,
}


def class_tokens(adapted: Adapted, image_BCHW: torch.Tensor) -> torch.Tensor:
    """Return ln_post(CLS), (B, W), before the projection, open to gradients.

    image_BCHW: (B, 3, S, S) float, normalised as the model expects.
    """
    visual, parameters = adapted.visual, adapted.parameters
    token_BLW = embed(visual, image_BCHW)
    prompts_NVW = None
    if adapted.kind == "vpt":
        prompts_NVW = parameters["prompts"]
    elif adapted.kind == "vpt_shallow":
        prompt_BVW = parameters["prompts"].to(token_BLW.dtype).expand(len(token_BLW), -1, -1)
        token_BLW = torch.cat([token_BLW, prompt_BVW], dim=1)
    through = _changed(adapted) if adapted.kind in _CHANGES else plain
    return walk(visual, token_BLW, prompts_NVW, through)


def image_features(adapted: Adapted, image_BCHW: torch.Tensor) -> torch.Tensor:
    """Return the image features, (B, D), not normalised, open to gradients; the image as above."""
    return class_tokens(adapted, image_BCHW) @ adapted.visual.proj


# -- first values: stacked over N blocks, float32 on the CPU ------------------------------------------


def _new_low_rank(
    n_blocks: int, width: int, rank: int, generator: torch.Generator
) -> dict[str, torch.Tensor]:
    bound = rank**-0.5
    drawn = {}
    for part in ("query", "value"):
        down_NWR = torch.rand((n_blocks, width, rank), generator=generator) * (2 * bound) - bound
        drawn |= {f"{part}_down": down_NWR, f"{part}_up": torch.zeros((n_blocks, rank, width))}
    return drawn


def _new_bottleneck(
    n_blocks: int, width: int, size: int, generator: torch.Generator
) -> dict[str, torch.Tensor]:
    spread = 1.0 / math.sqrt(3 * width)  # Kaiming's for a = √5
    return {
        "norm_weight": torch.ones((n_blocks, width)),
        "norm_bias": torch.zeros((n_blocks, width)),
        "down_weight": spread * torch.randn((n_blocks, size, width), generator=generator),
        "down_bias": torch.zeros((n_blocks, size)),
        "up_weight": torch.zeros((n_blocks, width, size)),
        "up_bias": torch.zeros((n_blocks, width)),
    }


def _new_scales(
    n_blocks: int, width: int, hidden: int, generator: torch.Generator
) -> dict[str, torch.Tensor]:
    drawn = {}
    for place, length in (("in", 3 * width), ("out", width), ("wide", hidden), ("narrow", width)):
        for name, middle in (("scale", 1.0), ("shift", 0.0)):
            noise_NL = torch.randn((n_blocks, length), generator=generator)
            drawn[f"{place}_{name}"] = middle + SSF_SPREAD * noise_NL
    return drawn


# -- what a block does: (its own parameters, the block, (B, L, W), a length) → (B, length, W) ---------

_Parameters = Mapping[str, torch.Tensor]


def _low_rank(own: _Parameters, block: Any, token_BLW: torch.Tensor, length: int) -> torch.Tensor:
    normed_BLW, rank = block.ln_1(token_BLW), len(own["query_up"])
    query_BQW, key_BLW, value_BLW = project(block, normed_BLW, length)
    query_BQW = query_BQW + normed_BLW[:, :length] @ own["query_down"] @ own["query_up"] / rank
    value_BLW = value_BLW + normed_BLW @ own["value_down"] @ own["value_up"] / rank
    return finish(block, token_BLW[:, :length], mix(block, query_BQW, key_BLW, value_BLW))


def _parallel(own: _Parameters, block: Any, token_BLW: torch.Tensor, length: int) -> torch.Tensor:
    token_BQW = _attended(block, token_BLW, length)
    beside_BQW = own["scale"] * _bottleneck(own, token_BQW)
    return token_BQW + block.ls_2(block.mlp(block.ln_2(token_BQW))) + beside_BQW


def _sequential(own: _Parameters, block: Any, token_BLW: torch.Tensor, length: int) -> torch.Tensor:
    token_BQW = _attended(block, token_BLW, length)
    found_BQW = block.ls_2(block.mlp(block.ln_2(token_BQW)))
    return token_BQW + found_BQW + _bottleneck(own, found_BQW)


def _scaled(own: _Parameters, block: Any, token_BLW: torch.Tensor, length: int) -> torch.Tensor:
    def turned(place: str, value: torch.Tensor, part: slice = slice(None)) -> torch.Tensor:
        scale, shift = own[f"{place}_scale"][part], own[f"{place}_shift"][part]
        return value * scale.to(value.dtype) + shift.to(value.dtype)

    width = token_BLW.shape[-1]
    parts = (slice(start, start + width) for start in (0, width, 2 * width))
    projected = zip(project(block, block.ln_1(token_BLW), length), parts, strict=True)
    mixed_BQW = mix(block, *(turned("in", value, part) for value, part in projected))
    token_BQW = token_BLW[:, :length] + block.ls_1(turned("out", block.attn.out_proj(mixed_BQW)))
    wide = turned("wide", block.mlp.c_fc(block.ln_2(token_BQW)))
    return token_BQW + block.ls_2(turned("narrow", block.mlp.c_proj(block.mlp.gelu(wide))))


def _attended(block: Any, token_BLW: torch.Tensor, length: int) -> torch.Tensor:
    """Return the first `length` tokens after the attention of a block, before its MLP, (B, length, W)."""
    mixed_BQW = mix(block, *project(block, block.ln_1(token_BLW), length))
    return token_BLW[:, :length] + block.ls_1(block.attn.out_proj(mixed_BQW))


def _bottleneck(own: _Parameters, token_BLW: torch.Tensor) -> torch.Tensor:
    """Return Up(ReLU(Down(LN_a(x)))), (B, L, W)."""
    norm, down, up = ((own[f"{part}_weight"], own[f"{part}_bias"]) for part in ("norm", "down", "up"))
    normed_BLW = functional.layer_norm(token_BLW, token_BLW.shape[-1:], *norm)
    return functional.linear(functional.linear(normed_BLW, *down).relu(), *up)


_CHANGES: dict[str, Callable[[_Parameters, Any, torch.Tensor, int], torch.Tensor]] = {
    "lora": _low_rank,
    "adaptformer": _parallel,
    "adapter": _sequential,
    "ssf": _scaled,
}


def _changed(adapted: Adapted) -> Through:
    """Return what the blocks do where the last ones have parameters of their own."""
    change, parameters = _CHANGES[adapted.kind], adapted.parameters
    n_blocks = len(next(iter(parameters.values())))
    first = len(adapted.visual.transformer.resblocks) - n_blocks

    def through(number: int, block: Any, token_BLW: torch.Tensor, length: int) -> torch.Tensor:
        if number < first:
            return plain(number, block, token_BLW, length)
        own = {name: value[number - first] for name, value in parameters.items()}
        return change(own, block, token_BLW, length)

    return through
