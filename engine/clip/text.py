"""The forward pass of CLIP's text transformer, and the features of prompts that share a learned context.

The context is the same for every class and attention is causal, so SOT and context have the same states
in every prompt: they are run once, and only the tokens of the names are run per class, against the keys
and values of that one prefix (methods §13.6, 1 and 2). Exact: the sums are those of the full prompts. The
first vectors of the context can be replaced at the input of deeper blocks (MaPLe, methods §7.1).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from open_clip.model import CLIP, CustomTextCLIP
from open_clip.transformer import TextTransformer
from torch import nn
from torch.nn import functional

from engine.clip.blocks import are_plain, finish
from engine.clip.names import Names, pack


def is_plain_text(model: Any) -> bool:
    """Return whether a model's text side is CLIP's own: causal, of plain blocks, its feature the EOT's."""
    text = _text(model)
    if type(model) is CustomTextCLIP:
        plain = type(text) is TextTransformer and text.cls_emb is None and not text.output_tokens
        pool = getattr(text, "pool_type", None)
    else:
        plain = type(model) is CLIP
        pool = getattr(text, "text_pool_type", None)
    return (
        plain
        and pool == "argmax"
        and text.attn_mask is not None
        and text.text_projection is not None
        and are_plain(text.transformer.resblocks)
    )


def _text(model: Any) -> Any:
    return model.text if type(model) is CustomTextCLIP else model


def text_width(model: Any) -> int:
    """Return W, the length of a token's vector, of a model that `is_plain_text`."""
    return _text(model).positional_embedding.shape[1]


def embed_words(model: Any, token_L: torch.Tensor) -> torch.Tensor:
    """Return the vectors of some tokens before any position is added, (L, W), open to gradients."""
    return _text(model).token_embedding(token_L)


def n_text_blocks(model: Any) -> int:
    """Return the number of blocks in the text tower of a model that `is_plain_text`."""
    return len(_text(model).transformer.resblocks)


def encode_tokens(model: Any, token_BL: torch.Tensor) -> torch.Tensor:
    """Return what `model.encode_text(token)` returns, (B, D), not normalised, where `is_plain_text`.

    token_BL: (B, L) int64, L at most the model's context length. What stands after EOT is not run.
    """
    text = _text(model)
    end_B = token_BL.argmax(dim=1)
    length = int(end_B.max()) + 1
    token_BLW = text.token_embedding(token_BL[:, :length]) + text.positional_embedding[:length]
    mask_LL = torch.ones(length, length, dtype=torch.bool, device=token_BL.device).tril()
    end_B = end_B + length * torch.arange(len(end_B), device=end_B.device)
    return _run(text, token_BLW.flatten(0, 1), 0, mask_LL[None], end_B)


def prompted_features(
    model: Any,
    context_MW: torch.Tensor,
    names: Names,
    rows: Sequence[int] | np.ndarray | torch.Tensor | None = None,
    deep_JVW: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the text features T of [SOT][context][name . EOT], (R, D) float32, unit L2 (methods §4.1).

    context_MW: the M learned vectors, shared by all classes; the gradient with respect to them is exact.
    rows: (R,) the classes wanted, R ≥ 1, in any order and as often as one likes, best not on a GPU; all K
    by default. deep_JVW: what takes the place of the first V ≤ M vectors of the context at the input of the
    blocks 2, …, J + 1; after that they are ordinary tokens (MaPLe, Khattak et al. 2023; methods §7.1). A
    model in float64 gives float64.
    """
    text, device = _text(model), context_MW.device
    assert len(context_MW) == names.n_context, (context_MW.shape, names.n_context)
    windows, order_R = names.windows, None
    if rows is not None:
        unique, order_R = np.unique(np.asarray(torch.as_tensor(rows).cpu()), return_inverse=True)
        windows = pack([names.tokens[row] for row in unique.tolist()])
    embedding, position_LW, prefix = text.token_embedding, text.positional_embedding, 1 + names.n_context
    start_1W = embedding(torch.tensor([names.start], device=device))
    prefix_PW = torch.cat([start_1W, context_MW.to(start_1W.dtype)]) + position_LW[:prefix]
    token_GS = torch.from_numpy(windows.token_GS).to(device)
    place_GS = torch.from_numpy(windows.place_GS).to(device) + prefix
    token_NW = torch.cat([prefix_PW, (embedding(token_GS) + position_LW[place_GS]).flatten(0, 1)])
    owner_GS = torch.from_numpy(windows.owner_GS).to(device)
    mask_GSS = (owner_GS[:, :, None] == owner_GS[:, None, :]).tril()
    mask_GSK = functional.pad(mask_GSS, (prefix, 0), value=True)
    end_R = torch.from_numpy(windows.end_R).to(device) + prefix
    text_RD = _run(text, token_NW, prefix, mask_GSK, end_R, deep_JVW)
    text_RD = functional.normalize(text_RD.to(torch.promote_types(text_RD.dtype, torch.float32)), dim=-1)
    return text_RD if order_R is None else text_RD[torch.from_numpy(order_R).to(device)]


def _run(
    text: Any,
    token_NW: torch.Tensor,
    prefix: int,
    mask_GSK: torch.Tensor,
    end_R: torch.Tensor,
    deep_JVW: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the features at the tokens `end_R`, (R, D).

    token_NW: the prefix, then G windows of S tokens, N = prefix + G · S. All of them go through the linear
    layers together; only attention tells them apart. mask_GSK: which of the K = prefix + S keys a token of
    a window sees, (1 or G, S, K) bool. deep_JVW: as in `prompted_features`.
    """
    *blocks, last = text.transformer.resblocks
    deep = iter(() if deep_JVW is None else deep_JVW)
    for block in blocks:
        mixed_NW = _attend(block.attn, block.ln_1(token_NW), prefix, mask_GSK)
        token_NW = _replaced(finish(block, token_NW, mixed_NW), next(deep, None))
    mixed_NW = _attend(last.attn, last.ln_1(token_NW), prefix, mask_GSK)
    pooled_RW = text.ln_final(finish(last, token_NW[end_R], mixed_NW[end_R]))
    projection = text.text_projection
    return projection(pooled_RW) if isinstance(projection, nn.Linear) else pooled_RW @ projection


def _replaced(token_NW: torch.Tensor, prompt_VW: torch.Tensor | None) -> torch.Tensor:
    """Return the tokens with others in the places 1, …, V, behind SOT."""
    if prompt_VW is None:
        return token_NW
    start_1W, _, rest = token_NW.split((1, len(prompt_VW), len(token_NW) - 1 - len(prompt_VW)))
    return torch.cat([start_1W, prompt_VW.to(token_NW.dtype), rest])


def _attend(
    attention: nn.MultiheadAttention, normed_NW: torch.Tensor, prefix: int, mask_GSK: torch.Tensor
) -> torch.Tensor:
    """Return what each token reads from those before it, (N, W): the prefix from itself, a window from the
    prefix and from itself."""
    width, heads = normed_NW.shape[1], attention.num_heads
    both_NX = functional.linear(normed_NW, attention.in_proj_weight, attention.in_proj_bias)
    # Split, not sliced: the gradient of a slice is as large as the whole, and all of them are added up.
    prefix_PX, window_NX = both_NX.split((prefix, len(both_NX) - prefix))
    query_GSW, memory_GSX = window_NX.unflatten(0, (-1, mask_GSK.shape[1])).split((width, 2 * width), dim=2)
    if not prefix:
        return _mix(query_GSW, memory_GSX, heads, mask_GSK).flatten(0, 1)
    query_PW, memory_PX = prefix_PX.split((width, 2 * width), dim=1)
    # A copy of the prefix per window, not per class: cheaper than a softmax put together from two parts.
    memory_GKX = torch.cat([memory_PX.expand(len(memory_GSX), -1, -1), memory_GSX], dim=1)
    mixed_1PW = _mix(query_PW[None], memory_PX[None], heads, None)
    return torch.cat([mixed_1PW.flatten(0, 1), _mix(query_GSW, memory_GKX, heads, mask_GSK).flatten(0, 1)])


def _mix(
    query_BQW: torch.Tensor, memory_BKX: torch.Tensor, heads: int, mask_BQK: torch.Tensor | None
) -> torch.Tensor:
    """Return softmax(q kᵀ / √d) v, (B, Q, W); memory: keys and values, X = 2W; no mask means causal."""
    key, value = memory_BKX.unflatten(-1, (2 * heads, -1)).transpose(1, 2).chunk(2, dim=1)
    mixed = functional.scaled_dot_product_attention(
        query_BQW.unflatten(-1, (heads, -1)).transpose(1, 2),
        key,
        value,
        attn_mask=None if mask_BQK is None else mask_BQK[:, None],
        is_causal=mask_BQK is None,
    )
    return mixed.transpose(1, 2).flatten(2)
