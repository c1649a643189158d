"""What can learn in an image tower: its size, its first values, what it changes (methods §6, §14)."""

import math
from typing import Any, get_args

import pytest
import torch
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from torch.nn import functional

from engine.clip import adapters
from engine.clip.adapters import AdapterKind, adapt, class_tokens
from engine.errors import EngineError

TEXT = CLIPTextCfg(context_length=8, vocab_size=100, width=16, heads=1, layers=1)
KINDS = get_args(AdapterKind)
# methods §6, ViT-B/16; r = d = 8, V = 20
SIZES = {
    "none": 0,
    "vpt": 184_320,
    "vpt_shallow": 15_360,
    "lora": 294_912,
    "adaptformer": 175_212,
    "adapter": 175_200,
    "bitfit": 102_912,
    "ssf": 165_888,
    "blocks": 12 * 7_087_872,
}


def tower(layers: int = 3, **vision: Any) -> Any:
    sizes: dict[str, Any] = {
        "image_size": 32,
        "patch_size": 8,
        "width": 64,
        "layers": layers,
        "head_width": 16,
    }
    torch.manual_seed(0)
    model = CLIP(20, CLIPVisionCfg(**(sizes | vision)), TEXT, quick_gelu=True).eval()
    for parameter in model.visual.parameters():  # biases are zero and scales one as they come
        torch.nn.init.normal_(parameter, std=0.1)
    return model.visual.requires_grad_(False)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def picture() -> torch.Tensor:
    return torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def stirred(visual: Any, kind: Any, **sizes: int) -> adapters.Adapted:
    """Return adapters whose values are not the first ones."""
    adapted = adapt(visual, kind, generator(), **sizes)
    draw = generator()
    with torch.no_grad():
        for value in adapted.parameters.values():
            value.add_(0.3 * torch.randn(value.shape, generator=draw))
    return adapted


@pytest.fixture(scope="module")
def vit_b_16() -> Any:
    with torch.device("meta"):
        vision = CLIPVisionCfg(image_size=224, patch_size=16, width=768, layers=12, head_width=64)
        return CLIP(512, vision, TEXT).visual


@pytest.mark.parametrize("kind", SIZES)
def test_a_vit_b_16_gets_as_many_parameters_as_published(vit_b_16: Any, kind: Any) -> None:
    parameters = adapt(vit_b_16, kind, generator()).parameters
    assert sum(value.numel() for value in parameters.values()) == SIZES[kind]
    assert all(value.is_leaf and value.requires_grad for value in parameters.values())


def test_full_is_everything(vit_b_16: Any) -> None:
    parameters = adapt(vit_b_16, "full", generator()).parameters
    assert set(parameters) == {name for name, _ in vit_b_16.named_parameters()}


def test_bitfit_in_the_last_blocks_leaves_the_biases_outside_the_blocks(vit_b_16: Any) -> None:
    parameters = adapt(vit_b_16, "bitfit", generator(), last_blocks=12).parameters
    assert sum(value.numel() for value in parameters.values()) == 101_376


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("vpt", "vpt_shallow", "ssf")])
@pytest.mark.parametrize("vision", [{}, {"ls_init_value": 0.3}])
@torch.inference_mode()
def test_new_adapters_change_nothing(kind: Any, vision: dict) -> None:
    visual, image = tower(**vision), picture()
    adapted = adapt(visual, kind, generator())
    torch.testing.assert_close(adapters.image_features(adapted, image), visual(image), rtol=1e-5, atol=1e-5)


@torch.inference_mode()
def test_new_scales_change_little_and_scales_of_one_nothing() -> None:
    visual, image = tower(), picture()
    adapted = adapt(visual, "ssf", generator())
    plain = visual(image)
    assert 0 < (adapters.image_features(adapted, image) - plain).abs().max() < 0.5 * plain.abs().max()
    for name, value in adapted.parameters.items():
        assert abs(float(value.std()) - 0.02) < 0.004
        value.fill_(1.0 if name.endswith("scale") else 0.0)
    torch.testing.assert_close(adapters.image_features(adapted, image), plain, rtol=1e-5, atol=1e-5)


def test_first_values_are_those_of_the_papers() -> None:
    visual = tower()
    lora = adapt(visual, "lora", generator(), size=4).parameters
    for name in ("query_down", "value_down"):
        assert 0.95 * 0.5 < float(lora[name].detach().abs().max()) <= 0.5  # U(±1/√4)
    assert not lora["query_up"].any()
    assert not lora["value_up"].any()
    beside = adapt(visual, "adaptformer", generator(), size=32).parameters
    assert float(beside["down_weight"].detach().std()) == pytest.approx((1 / 3 / 64) ** 0.5, rel=0.05)
    assert beside["scale"].tolist() == [1.0, 1.0, 1.0]
    assert not any(beside[name].any() for name in ("up_weight", "up_bias", "down_bias", "norm_bias"))


def reference(visual: Any, kind: str, p: dict[str, torch.Tensor], image: torch.Tensor) -> torch.Tensor:
    """Return ln_post(CLS) by a plain loop over blocks and heads, softmax written out."""
    x = visual._embeds(image)
    n_tokens, width = x.shape[1:]
    if kind == "vpt_shallow":
        x = torch.cat([x, p["prompts"].expand(len(x), -1, -1)], dim=1)
    for number, block in enumerate(visual.transformer.resblocks):
        own = {name: value[number] for name, value in p.items()} if kind != "vpt_shallow" else {}
        if kind == "vpt":
            x = torch.cat([x[:, :n_tokens], own["prompts"].expand(len(x), -1, -1)], dim=1)
        normed = block.ln_1(x)
        projected = normed @ block.attn.in_proj_weight.T + block.attn.in_proj_bias
        if kind == "ssf":
            projected = projected * own["in_scale"] + own["in_shift"]
        q, k, v = projected.chunk(3, dim=-1)
        if kind == "lora":
            rank = own["query_up"].shape[0]
            q = q + (normed @ own["query_down"] @ own["query_up"]) / rank
            v = v + (normed @ own["value_down"] @ own["value_up"]) / rank
        side = width // block.attn.num_heads
        heads = []
        for h in range(block.attn.num_heads):
            part = slice(h * side, (h + 1) * side)
            weights = (q[..., part] @ k[..., part].mT / math.sqrt(side)).softmax(dim=-1)
            heads.append(weights @ v[..., part])
        out = block.attn.out_proj(torch.cat(heads, dim=-1))
        if kind == "ssf":
            out = out * own["out_scale"] + own["out_shift"]
        x = x + out
        hidden = block.mlp.c_fc(block.ln_2(x))
        if kind == "ssf":
            hidden = hidden * own["wide_scale"] + own["wide_shift"]
        m = block.mlp.c_proj(hidden * torch.sigmoid(1.702 * hidden))
        if kind == "ssf":
            m = m * own["narrow_scale"] + own["narrow_shift"]
        if kind in ("adaptformer", "adapter"):
            source = x if kind == "adaptformer" else m
            normed = functional.layer_norm(source, (width,)) * own["norm_weight"] + own["norm_bias"]
            low = (normed @ own["down_weight"].T + own["down_bias"]).clamp(min=0)
            m = m + own.get("scale", torch.tensor(1.0)) * (low @ own["up_weight"].T + own["up_bias"])
        x = x + m
    return visual.ln_post(x[:, 0])


@pytest.mark.parametrize("kind", ["none", "vpt", "vpt_shallow", "lora", "adaptformer", "adapter", "ssf"])
@torch.inference_mode()
def test_adapters_equal_a_plain_loop(kind: Any) -> None:
    visual, image = tower(), picture()
    adapted = stirred(visual, kind, size=4, prompt_length=5)
    expected = reference(visual, kind, adapted.parameters, image)
    found = class_tokens(adapted, image)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(adapters.image_features(adapted, image), found @ visual.proj)
    if kind != "none":
        assert (found - class_tokens(adapt(visual, "none", generator()), image)).abs().max() > 0.01


@pytest.mark.parametrize("kind", ["vpt", "lora", "adaptformer", "adapter", "ssf", "bitfit", "blocks"])
@torch.inference_mode()
def test_only_the_last_blocks_have_adapters_where_that_is_asked_for(kind: Any) -> None:
    visual, image = tower(), picture()
    adapted = stirred(visual, kind, last_blocks=1, size=4, prompt_length=5)
    tokens = visual._embeds(image)
    for block in visual.transformer.resblocks[:2]:
        tokens = block(tokens)
    last = tower(layers=1)  # the whole walk of a tower that has only the last block
    last.transformer.resblocks[0].load_state_dict(adapted.visual.transformer.resblocks[2].state_dict())
    last.ln_post.load_state_dict(visual.ln_post.state_dict())
    last._embeds = lambda image: tokens
    own = adapted.parameters if adapted.visual is visual else {}
    alone = adapters.Adapted(kind=kind if own else "none", visual=last, parameters=own)
    torch.testing.assert_close(class_tokens(adapted, image), class_tokens(alone, image), rtol=1e-5, atol=1e-5)
    if own:
        assert {len(value) for value in own.values()} == {1}


def test_a_tower_has_no_more_blocks_than_it_has() -> None:
    with pytest.raises(EngineError, match="last_blocks is 4, and the image tower has 3 blocks"):
        adapt(tower(), "lora", generator(), last_blocks=4)


@torch.inference_mode()
def test_prompts_of_a_block_see_the_earlier_ones_only_through_the_tokens_that_are_kept() -> None:
    """Deep prompts are dropped after their block; each block reads tokens + V (§14.2 (2))."""
    visual, image = tower(), picture()
    adapted = stirred(visual, "vpt", prompt_length=5)
    seen: list[int] = []
    for block in visual.transformer.resblocks:
        block.ln_1.register_forward_hook(lambda module, args, out: seen.append(args[0].shape[1]))
    class_tokens(adapted, image)
    assert seen == [17 + 5] * 3


GRADIENTS: dict[str, tuple[set[str], set[str]]] = {
    "lora": ({"query_up", "value_up"}, {"query_down", "value_down"}),
    "adaptformer": (
        {"up_weight", "up_bias"},
        {"down_weight", "down_bias", "norm_weight", "norm_bias", "scale"},
    ),
    "adapter": ({"up_weight", "up_bias"}, {"down_weight", "down_bias", "norm_weight", "norm_bias"}),
    "vpt": ({"prompts"}, set()),
    "vpt_shallow": ({"prompts"}, set()),
}


@pytest.mark.parametrize("kind", GRADIENTS)
def test_at_first_exactly_one_factor_learns_and_no_weight_of_clip(kind: Any) -> None:
    visual = tower()
    adapted = adapt(visual, kind, generator())
    adapters.image_features(adapted, picture()).square().sum().backward()
    moved, still = GRADIENTS[kind]
    assert set(adapted.parameters) == moved | still
    for name, value in adapted.parameters.items():
        assert value.grad is not None
        per_block = value.grad.abs().reshape(len(value), -1).amax(dim=1)
        assert (per_block > 0).all() if name in moved else (per_block == 0).all()
    assert adapted.visual is visual
    assert all(each.grad is None for each in visual.parameters())


@pytest.mark.parametrize("kind", ["bitfit", "blocks", "full"])
def test_weights_that_learn_are_a_copy(kind: Any) -> None:
    visual = tower()
    before = {name: value.clone() for name, value in visual.state_dict().items()}
    adapted = adapt(visual, kind, generator())
    class_tokens(adapted, picture()).square().sum().backward()
    with torch.no_grad():
        for name, value in adapted.parameters.items():
            assert (value.grad is None) == (name == "proj")
            value.add_(1.0)
    outside = {"conv1", "class_embedding", "positional_embedding", "ln_pre", "ln_post", "proj"}
    if kind == "blocks":
        assert not outside & {name.partition(".")[0] for name in adapted.parameters}
    assert all(torch.equal(value, before[name]) for name, value in visual.state_dict().items())
    assert all(each.grad is None and not each.requires_grad for each in visual.parameters())
    trained = {name for name, value in adapted.visual.named_parameters() if value.requires_grad}
    assert trained == set(adapted.parameters)


@torch.inference_mode()
def test_the_tower_draws_the_same_adapters_again() -> None:
    visual = tower()
    for kind in KINDS:
        first, second = (adapt(visual, kind, generator()).parameters for _ in range(2))
        assert all(torch.equal(value, second[name]) for name, value in first.items())
