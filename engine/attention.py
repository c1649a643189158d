"""Where a CLIP with a vision transformer sees a class: maps of the evidence, without any training.

A class is asked for by its direction in the feature space, T_k minus the mean of all classes' T: the dot
product with the image feature is the logit z_k minus the mean logit, up to the scale. So a map shows what
speaks for this class rather than for the others. `benchmarks/pointing.py` compares the methods.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from engine.clip.backbone import Backbone
from engine.clip.blocks import finish
from engine.clip.vision import is_plain
from engine.config import DEFAULT_ATTENTION
from engine.errors import EngineError

DEFAULT = DEFAULT_ATTENTION
CELLS_AT_ONCE = 40_000_000  # attention weights that are held together, 160 MB in float32


@dataclass(frozen=True)
class Layer:
    """What one block's attention did. weights: (B, H, L, L), rows sum to 1. values: (B, H, L, W/H)."""

    weights: torch.Tensor
    values: torch.Tensor


def grid_size(backbone: Backbone) -> int | None:
    """Return G, the patches along one side, or None for a model whose parts cannot be mapped.

    Needed: open_clip's VisionTransformer of plain blocks, whose first token becomes the image feature.
    """
    visual: Any = getattr(backbone.model, "visual", None)
    if not is_plain(visual):
        return None
    rows, columns = visual.grid_size
    return int(rows) if rows == columns else None


def no_grid(backbone: Backbone) -> str:
    """Return the sentence for a model without a grid."""
    return f"{backbone.name} has no grid of patches to draw a map on; choose a ViT for attention maps."


def class_maps(
    backbone: Backbone,
    pixels: np.ndarray,
    class_features: np.ndarray,
    classes: np.ndarray,
    method: str = DEFAULT,
) -> np.ndarray:
    """Return the evidence for each asked class, (B, C, G, G) float32 in [0, 1].

    pixels: uint8 (B, S, S, 3). class_features: (K, D) float32, unit L2, all classes. classes: int (B, C), in
    [0, K). method: one of METHODS. The strongest patch of a map is 1; a map without any evidence is 0
    throughout. A map depends neither on the other images nor on the other classes asked for. Computed in
    float32. Raises EngineError for a model without a patch grid and for an unknown method.
    """
    size = grid_size(backbone)
    if size is None:
        raise EngineError(no_grid(backbone))
    if method not in METHODS:
        raise EngineError(f"There is no attention method {method!r}; known are {', '.join(METHODS)}.")
    device, visual = backbone.runtime.device, backbone.model.visual
    text_KD = torch.from_numpy(np.asarray(class_features, dtype=np.float32)).to(device)
    direction_KD = text_KD - text_KD.mean(dim=0) if len(text_KD) > 1 else text_KD
    blocks = visual.transformer.resblocks
    cells = len(blocks) * blocks[0].attn.num_heads * (size * size + 1) ** 2
    length = max(1, CELLS_AT_ONCE // cells)
    parts = [np.zeros((0, classes.shape[1], size, size), dtype=np.float32)]
    for start in range(0, len(pixels), length):
        piece = slice(start, start + length)
        image_BCHW = backbone.normalised(pixels[piece])
        direction_BCD = direction_KD[torch.from_numpy(classes[piece].astype(np.int64)).to(device)]
        with torch.enable_grad():
            map_BCP = METHODS[method](visual, image_BCHW, direction_BCD)
        parts.append(_scaled(map_BCP.detach()).reshape(*classes[piece].shape, size, size).cpu().numpy())
    return np.concatenate(parts)


def _scaled(map_BCP: torch.Tensor) -> torch.Tensor:
    positive = map_BCP.float().clamp(min=0)
    peak = positive.amax(dim=-1, keepdim=True)
    # A map of rounding errors would look like evidence.
    return torch.where(peak > 1e-12, positive / peak.clamp(min=1e-12), torch.zeros_like(positive))


# -- the forward pass, opened ------------------------------------------------------------------------


def _attend(block: Any, normed_BLW: torch.Tensor) -> Layer:
    """Return the attention of a block, written out, because the fused one keeps no weights."""
    attention = block.attn
    projected = functional.linear(normed_BLW, attention.in_proj_weight, attention.in_proj_bias)
    query, key, value = (
        part.unflatten(-1, (attention.num_heads, -1)).transpose(1, 2) for part in projected.chunk(3, dim=-1)
    )
    scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
    return Layer(weights=scores.softmax(dim=-1), values=value)


def _finish(block: Any, token_BLW: torch.Tensor, mixed_BHLV: torch.Tensor) -> torch.Tensor:
    """Return the tokens after a block whose heads answered `mixed_BHLV`."""
    return finish(block, token_BLW, mixed_BHLV.transpose(1, 2).flatten(2))


def walk(visual: Any, image_BCHW: torch.Tensor) -> tuple[torch.Tensor, list[Layer]]:
    """Return the tokens after the last block, (B, L, W), and what each block's attention did."""
    token_BLW, layers = visual._embeds(image_BCHW), []
    for block in visual.transformer.resblocks:
        layer = _attend(block, block.ln_1(token_BLW))
        token_BLW = _finish(block, token_BLW, layer.weights @ layer.values)
        layers.append(layer)
    return token_BLW, layers


def image_feature(visual: Any, token_BLW: torch.Tensor) -> torch.Tensor:
    """Return the image features, (B, D), unit L2, from the tokens after the last block."""
    pooled_BW, _ = visual._pool(token_BLW)
    return functional.normalize(pooled_BW @ visual.proj, dim=-1)


def _before_last(visual: Any, image_BCHW: torch.Tensor) -> torch.Tensor:
    token_BLW = visual._embeds(image_BCHW)
    for block in visual.transformer.resblocks[:-1]:
        token_BLW = block(token_BLW)
    return token_BLW


def _logits(visual: Any, token_BLW: torch.Tensor, direction_BCD: torch.Tensor) -> torch.Tensor:
    """Return z_k minus the mean logit, unscaled, (B, C)."""
    return torch.einsum("bd,bcd->bc", image_feature(visual, token_BLW), direction_BCD)


# -- the methods: (visual, image (B, 3, S, S), direction (B, C, D)) -> (B, C, G·G), any scale ---------


def _cls_attention(visual: Any, image_BCHW: torch.Tensor, direction_BCD: torch.Tensor) -> torch.Tensor:
    """Last layer's attention of the class token, the mean over heads; the same for every class."""
    with torch.no_grad():
        token_BLW = _before_last(visual, image_BCHW)
        block = visual.transformer.resblocks[-1]
        weights = _attend(block, block.ln_1(token_BLW)).weights
    return weights[:, :, 0, 1:].mean(dim=1)[:, None].expand(-1, direction_BCD.shape[1], -1)


def _rollout(visual: Any, image_BCHW: torch.Tensor, direction_BCD: torch.Tensor) -> torch.Tensor:
    """Attention rollout (Abnar & Zuidema 2020): the product of (A + 1) / 2 of all layers; class-blind."""
    with torch.no_grad():
        _, layers = walk(visual, image_BCHW)
        rolled = torch.eye(layers[0].weights.shape[-1], device=image_BCHW.device)
        for layer in layers:
            mixed = layer.weights.mean(dim=1)
            rolled = (mixed @ rolled + rolled) / 2
    return rolled[:, 0, 1:][:, None].expand(-1, direction_BCD.shape[1], -1)


def _relevance(visual: Any, image_BCHW: torch.Tensor, direction_BCD: torch.Tensor) -> torch.Tensor:
    """Gradient-weighted relevance (Chefer et al. 2021, eq. 5 and 6): R ← R + E_h[(∇A ∘ A)⁺] R, all layers."""
    token_BLW, layers = walk(visual, image_BCHW.requires_grad_())
    logit_BC = _logits(visual, token_BLW, direction_BCD)
    maps = []
    for c in range(logit_BC.shape[1]):
        weights = [layer.weights for layer in layers]
        gradients = torch.autograd.grad(logit_BC[:, c].sum(), weights, retain_graph=True)
        relevance = torch.eye(weights[0].shape[-1], device=image_BCHW.device).expand(len(logit_BC), -1, -1)
        for weight, gradient in zip(weights, gradients, strict=True):
            cam = (weight.detach() * gradient).clamp(min=0).mean(dim=1)
            relevance = relevance + cam @ relevance
        maps.append(relevance[:, 0, 1:])
    return torch.stack(maps, dim=1)


def _last_relevance(visual: Any, image_BCHW: torch.Tensor, direction_BCD: torch.Tensor) -> torch.Tensor:
    """The same with the last layer alone: E_h[(∇A ∘ A)⁺] in the class token's row."""
    with torch.no_grad():
        token_BLW = _before_last(visual, image_BCHW)
    block = visual.transformer.resblocks[-1]
    layer = _attend(block, block.ln_1(token_BLW))
    weights = layer.weights.detach().requires_grad_()
    token_BLW = _finish(block, token_BLW, weights @ layer.values)
    logit_BC = _logits(visual, token_BLW, direction_BCD)
    maps = []
    for c in range(logit_BC.shape[1]):
        (gradient,) = torch.autograd.grad(logit_BC[:, c].sum(), weights, retain_graph=True)
        maps.append((weights * gradient)[:, :, 0, 1:].clamp(min=0).mean(dim=1))
    return torch.stack(maps, dim=1)


def _effects(visual: Any, image_BCHW: torch.Tensor, direction_BCD: torch.Tensor) -> torch.Tensor:
    """What each patch adds to the logit through the class token's attention, all layers summed.

    Gandelsman et al. 2024, eq. 5: the class token is a sum over layers and patches of a_j · W_O v_j; each
    term is read along the logit's gradient at the end, which makes the last normalisation linear.
    """
    with torch.no_grad():
        token_BLW, layers = walk(visual, image_BCHW)
    end_BLW = token_BLW[:, :1].detach().requires_grad_()
    logit_BC = _logits(visual, end_BLW, direction_BCD)
    gradients = [
        torch.autograd.grad(logit_BC[:, c].sum(), end_BLW, retain_graph=True)[0][:, 0]
        for c in range(logit_BC.shape[1])
    ]
    gradient_BCW = torch.stack(gradients, dim=1)
    maps = torch.zeros((), device=image_BCHW.device)
    with torch.no_grad():
        for block, layer in zip(visual.transformer.resblocks, layers, strict=True):
            heads_BCHV = _back_through_output(block, gradient_BCW)
            value_BCHL = torch.einsum("bhlv,bchv->bchl", layer.values, heads_BCHV)
            maps = maps + (layer.weights[:, None, :, 0] * value_BCHL).sum(dim=2)[..., 1:]
    return maps


def _back_through_output(block: Any, gradient_BCW: torch.Tensor) -> torch.Tensor:
    """Return the gradient at each head's answer, (B, C, H, W/H)."""
    scaled = gradient_BCW * getattr(block.ls_1, "gamma", 1.0)
    return (scaled @ block.attn.out_proj.weight).unflatten(-1, (block.attn.num_heads, -1))


def _patch_text(visual: Any, image_BCHW: torch.Tensor, direction_BCD: torch.Tensor) -> torch.Tensor:
    """Similarity of each patch token, read as if it were the image feature, to the class text."""
    with torch.no_grad():
        token_BLW = _before_last(visual, image_BCHW)
        token_BLW = visual.transformer.resblocks[-1](token_BLW)
        return _read_patches(visual, token_BLW, direction_BCD)


def _value_text(visual: Any, image_BCHW: torch.Tensor, direction_BCD: torch.Tensor) -> torch.Tensor:
    """The same with the last layer's values in place of its tokens (MaskCLIP, Zhou et al. 2022)."""
    with torch.no_grad():
        token_BLW = _before_last(visual, image_BCHW)
        block = visual.transformer.resblocks[-1]
        merged = _attend(block, block.ln_1(token_BLW)).values.transpose(1, 2).flatten(2)
        return _read_patches(visual, block.ls_1(block.attn.out_proj(merged)), direction_BCD)


def _read_patches(visual: Any, token_BLW: torch.Tensor, direction_BCD: torch.Tensor) -> torch.Tensor:
    patch_BPD = functional.normalize(visual.ln_post(token_BLW[:, 1:]) @ visual.proj, dim=-1)
    return torch.einsum("bpd,bcd->bcp", patch_BPD, direction_BCD)


def _grad_cam(visual: Any, image_BCHW: torch.Tensor, direction_BCD: torch.Tensor) -> torch.Tensor:
    """Grad-CAM (Selvaraju et al. 2017, eq. 1 and 2) on what the last block's attention reads.

    Not on its tokens: the block normalises them first, so their gradient is at right angles to them.
    """
    block = visual.transformer.resblocks[-1]
    with torch.no_grad():
        token_BLW = _before_last(visual, image_BCHW)
    normed_BLW = block.ln_1(token_BLW).requires_grad_()
    layer = _attend(block, normed_BLW)
    token_BLW = _finish(block, token_BLW, layer.weights @ layer.values)
    logit_BC = _logits(visual, token_BLW, direction_BCD)
    maps = []
    for c in range(logit_BC.shape[1]):
        (gradient,) = torch.autograd.grad(logit_BC[:, c].sum(), normed_BLW, retain_graph=True)
        channel_BW = gradient[:, 1:].mean(dim=1)
        maps.append(torch.einsum("bpw,bw->bp", normed_BLW.detach()[:, 1:], channel_BW))
    return torch.stack(maps, dim=1)


Method = Callable[[Any, torch.Tensor, torch.Tensor], torch.Tensor]
METHODS: dict[str, Method] = {
    "cls_attention": _cls_attention,
    "rollout": _rollout,
    "relevance": _relevance,
    "last_relevance": _last_relevance,
    "effects": _effects,
    "patch_text": _patch_text,
    "value_text": _value_text,
    "grad_cam": _grad_cam,
}
