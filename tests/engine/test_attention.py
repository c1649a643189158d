from dataclasses import replace
from typing import Any, get_args

import numpy as np
import open_clip
import pytest
import torch
from torch.nn import functional

from engine import attention
from engine.attention import METHODS, class_maps, grid_size
from engine.clip.backbone import Backbone
from engine.config import DEFAULT_ATTENTION, AttentionMethod
from engine.errors import EngineError
from engine.runtime import pick_runtime

SIDE, PATCH, GRID = 20, 4, 5
TEXT: Any = {"context_length": 8, "vocab_size": 64, "width": 16, "heads": 2, "layers": 1}
VISION = {"image_size": SIDE, "patch_size": PATCH, "width": 32, "layers": 3, "head_width": 16}
CLASS_BLIND = {"cls_attention", "rollout"}


def make_backbone(vision: Any = None, seed: int = 0) -> Backbone:
    torch.manual_seed(seed)
    vision = {**VISION, **(vision or {})}
    model: Any = open_clip.CLIP(embed_dim=12, vision_cfg=vision, text_cfg=TEXT)
    if vision["layers"] == 3:
        # The first weights are so small that every patch looks alike to it.
        with torch.no_grad():
            for block in model.visual.transformer.resblocks:
                block.attn.in_proj_weight.mul_(3)
    return Backbone(
        name="tiny",
        model=model.eval().requires_grad_(False),
        tokenizer=None,
        runtime=pick_runtime("cpu"),
        image_size=SIDE,
        mean=(0.5, 0.5, 0.5),
        std=(0.3, 0.2, 0.25),
        embed_dim=12,
        logit_scale=10.0,
        context_length=8,
        templates=("{}",),
        fingerprint="tiny",
    )


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def tiny() -> Backbone:
    return make_backbone()


@pytest.fixture(scope="module")
def case(tiny):
    """Pixels (7, S, S, 3), class features (4, D) and two classes for each."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (7, SIDE, SIDE, 3), dtype=np.uint8)
    return (
        pixels,
        unit(rng.normal(size=(4, tiny.embed_dim))),
        rng.permuted(np.tile(np.arange(4), (7, 1)), axis=1)[:, :2],
    )


# -- the forward pass that is written out --


@pytest.mark.parametrize("vision", [{}, {"ls_init_value": 0.3}, {"mlp_ratio": 2.0}, {"patch_dropout": 0.5}])
def test_the_opened_forward_pass_is_the_models_own(vision):
    backbone = make_backbone(vision)
    pixels = np.random.default_rng(1).integers(0, 256, (5, SIDE, SIDE, 3), dtype=np.uint8)
    visual = backbone.model.visual
    with torch.no_grad():
        tokens, layers = attention.walk(visual, backbone.normalised(pixels))
        feature = attention.image_feature(visual, tokens)
    np.testing.assert_allclose(feature.numpy(), backbone.encode_images(pixels), atol=1e-5)
    assert [layer.weights.shape for layer in layers] == [(5, 2, GRID**2 + 1, GRID**2 + 1)] * 3


def recorded(backbone, pixels):
    """Return the weights (B, H, L, L) of each block as torch's own attention gives them, and its input."""
    weights, inputs = [], []

    def record(module, arguments, named, _):
        inputs.append(arguments[0])
        told = module(*arguments, need_weights=True, average_attn_weights=False)[1]
        weights.append(told)

    handles = []
    for block in backbone.model.visual.transformer.resblocks:
        plain = type(block.attn)(32, 2, batch_first=True).eval()
        plain.load_state_dict(block.attn.state_dict())
        handles.append(
            block.attn.register_forward_hook(
                lambda _, arguments, named, out, plain=plain: record(plain, arguments, named, out),
                with_kwargs=True,
            )
        )
    with torch.no_grad():
        backbone.model.encode_image(backbone.normalised(pixels))
    for handle in handles:
        handle.remove()
    return [each.clone() for each in weights], [each.clone() for each in inputs]


def test_the_attention_weights_are_those_of_torch(tiny, case):
    pixels, _, _ = case
    with torch.no_grad():
        _, layers = attention.walk(tiny.model.visual, tiny.normalised(pixels))
    weights, _ = recorded(tiny, pixels)
    for layer, expected in zip(layers, weights, strict=True):
        np.testing.assert_allclose(layer.weights.numpy(), expected.numpy(), atol=1e-5)


# -- what every method keeps to --


@pytest.mark.parametrize("method", METHODS)
def test_maps_are_finite_in_range_and_independent_of_their_neighbours(tiny, case, method):
    pixels, text, classes = case
    maps = class_maps(tiny, pixels, text, classes, method)
    assert maps.shape == (7, 2, GRID, GRID)
    assert maps.dtype == np.float32
    assert np.isfinite(maps).all()
    assert maps.min() >= 0
    assert set(np.round(maps.max(axis=(2, 3)), 6).ravel()) <= {0.0, 1.0}
    assert (maps.max(axis=(2, 3)) == 1).mean() > 0.8
    np.testing.assert_array_equal(maps, class_maps(tiny, pixels, text, classes, method))
    for i in range(7):
        alone = class_maps(tiny, pixels[i : i + 1], text, classes[i : i + 1], method)
        np.testing.assert_allclose(alone[0], maps[i], atol=2e-4)
    one_class = class_maps(tiny, pixels, text, classes[:, 1:], method)
    np.testing.assert_allclose(one_class[:, 0], maps[:, 1], atol=2e-4)


@pytest.mark.parametrize("method", METHODS)
def test_only_the_named_methods_are_blind_to_the_class(tiny, case, method):
    maps = class_maps(tiny, *case, method=method)
    differs = np.abs(maps[:, 0] - maps[:, 1]).max(axis=(1, 2)) > 1e-3
    assert differs.any() != (method in CLASS_BLIND)


def test_pieces_that_fit_into_memory_give_the_same(tiny, case, monkeypatch):
    maps = class_maps(tiny, *case)
    monkeypatch.setattr(attention, "CELLS_AT_ONCE", 1)
    np.testing.assert_allclose(class_maps(tiny, *case), maps, atol=2e-4)


def test_no_image_gives_no_map_and_a_single_class_gives_one(tiny, case):
    pixels, text, classes = case
    assert class_maps(tiny, pixels[:0], text, classes[:0]).shape == (0, 2, GRID, GRID)
    assert class_maps(tiny, pixels, text[:1], np.zeros((7, 1), int)).shape == (7, 1, GRID, GRID)


COLOURS = np.asarray([(230, 30, 30), (30, 210, 40), (40, 60, 230), (230, 220, 30)])


def coloured(rng, n):
    """Return grey pictures with a patch of each of two colours, their classes (n, 2) and places (n, 2, 2)."""
    pixels = rng.integers(100, 156, (n, SIDE, SIDE, 3))
    classes = rng.permuted(np.tile(np.arange(4), (n, 1)), axis=1)[:, :2]
    at = np.stack([rng.choice(GRID * GRID, 2, replace=False) for _ in range(n)])
    for i in range(n):
        for k, place in zip(classes[i], at[i], strict=True):
            y, x = PATCH * (place // GRID), PATCH * (place % GRID)
            patch = COLOURS[k] + rng.integers(-20, 21, (PATCH, PATCH, 3))
            pixels[i, y : y + PATCH, x : x + PATCH] = patch
    return pixels.clip(0, 255).astype(np.uint8), classes, at


@pytest.fixture(scope="module")
def colour_clip():
    """A tiny model that has learnt which colours are in a picture, and the features of the four classes."""
    backbone = make_backbone({"layers": 2})
    text = np.eye(4, backbone.embed_dim, dtype=np.float32)
    visual = backbone.model.visual.requires_grad_(True)
    optimiser = torch.optim.AdamW(visual.parameters(), lr=3e-3)
    rng = np.random.default_rng(0)
    for _ in range(100):
        pixels, classes, _ = coloured(rng, 32)
        target = torch.zeros(32, 4).scatter_(1, torch.from_numpy(classes), 0.5)
        feature = functional.normalize(visual(backbone.normalised(pixels)), dim=-1)
        loss = functional.cross_entropy(10 * feature @ torch.from_numpy(text).T, target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    visual.requires_grad_(False)
    return backbone, text


# Not among them: `patch_text`; nothing trains a patch's own token to say what the patch shows.
@pytest.mark.parametrize(
    ("method", "least"),
    [("effects", 0.9), ("relevance", 0.9), ("last_relevance", 0.4), ("value_text", 0.4), ("grad_cam", 0.4)],
)
def test_the_map_of_a_class_points_at_the_patch_that_shows_it(colour_clip, method, least):
    backbone, text = colour_clip
    pixels, classes, at = coloured(np.random.default_rng(1), 100)
    maps = class_maps(backbone, pixels, text, classes, method).reshape(100, 2, -1)
    print(method, (maps.argmax(axis=-1) == at).mean())
    assert (maps.argmax(axis=-1) == at).mean() > least


# -- single methods against their definition --


def test_effects_are_the_terms_of_the_class_tokens_sum(tiny, case):
    """A plain loop over layers, heads and patches, from torch's own attention weights."""
    pixels, text, classes = case
    visual = tiny.model.visual
    weights, inputs = recorded(tiny, pixels)
    expected = np.zeros((7, 2, GRID**2))
    for i in range(7):
        for c in range(2):
            direction = torch.from_numpy(text[classes[i, c]] - text.mean(axis=0))
            with torch.no_grad():
                end, _ = attention.walk(visual, tiny.normalised(pixels[i : i + 1]))
            end = end[:, 0].requires_grad_()
            feature = functional.normalize(visual.ln_post(end) @ visual.proj, dim=-1)
            (feature[0] @ direction).backward()
            assert end.grad is not None
            for block, weight, entered in zip(visual.transformer.resblocks, weights, inputs, strict=True):
                value = entered[i] @ block.attn.in_proj_weight[64:].T + block.attn.in_proj_bias[64:]
                for head in range(2):
                    part = slice(16 * head, 16 * head + 16)
                    written = value[:, part] @ block.attn.out_proj.weight[:, part].T
                    term = weight[i, head, 0][:, None] * written
                    expected[i, c] += (term @ end.grad[0]).numpy()[1:]
    expected = np.clip(expected, 0, None)
    expected /= expected.max(axis=-1, keepdims=True)
    maps = class_maps(tiny, pixels, text, classes, "effects").reshape(7, 2, -1)
    np.testing.assert_allclose(maps, expected, atol=1e-3)


def test_rollout_and_class_attention_follow_their_formulas(tiny, case):
    pixels, text, classes = case
    weights, _ = recorded(tiny, pixels)
    rolled = np.eye(GRID**2 + 1)
    for weight in weights:
        rolled = (weight.mean(dim=1).numpy() / 2 + np.eye(GRID**2 + 1) / 2) @ rolled
    for method, row in (
        ("rollout", rolled[:, 0, 1:]),
        ("cls_attention", weights[-1].mean(dim=1)[:, 0, 1:].numpy()),
    ):
        maps = class_maps(tiny, pixels, text, classes, method).reshape(7, 2, -1)
        np.testing.assert_allclose(maps[:, 0], row / row.max(axis=1, keepdims=True), atol=1e-4)


# -- models and words that do not fit --


@pytest.mark.parametrize(
    "vision",
    [
        {"layers": (1, 1, 1, 1), "width": 8, "image_size": 32, "head_width": 8},  # a ResNet
        {"pool_type": "avg"},
        {"attentional_pool": True, "attn_pooler_heads": 2},
        {"qk_norm": True},
    ],
)
def test_a_model_without_a_patch_grid_is_refused_in_a_sentence(vision, case):
    backbone = make_backbone({**vision, "layers": vision.get("layers", 2)})
    _, text, classes = case
    assert grid_size(backbone) is None
    with pytest.raises(EngineError, match=r"^tiny has no grid of patches to draw a map on; choose a ViT"):
        class_maps(backbone, np.zeros((7, SIDE, SIDE, 3), np.uint8), text, classes)


def test_a_model_that_is_no_clip_has_no_grid(tiny):
    assert grid_size(tiny) == GRID
    assert grid_size(replace(tiny, model=torch.nn.Identity())) is None


def test_an_unknown_method_is_named(tiny, case):
    with pytest.raises(EngineError, match="no attention method 'cam'; known are "):
        class_maps(tiny, *case, method="cam")


def test_the_settings_know_every_method():
    assert set(get_args(AttentionMethod)) == set(METHODS)
    assert DEFAULT_ATTENTION in METHODS
