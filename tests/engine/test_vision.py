"""Our forward pass of a vision transformer gives open_clip's values, and leaves other towers to open_clip."""

from typing import Any

import pytest
import torch
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg

from engine.clip.vision import image_features, is_plain, new_prompts

TEXT = CLIPTextCfg(context_length=8, vocab_size=100, width=16, heads=1, layers=1)
TOWERS = {
    "plain": {},
    "quick": {"quick_gelu": True},
    "no first norm": {"vision": {"no_ln_pre": True}},
    "layer scale": {"vision": {"ls_init_value": 0.3}},
    "norm after pooling": {"vision": {"final_ln_after_pool": True}},
    "one layer": {"vision": {"layers": 1}},
}


def tower(**changes: Any) -> Any:
    sizes = {"image_size": 32, "patch_size": 8, "width": 48, "layers": 3, "head_width": 16}
    vision = CLIPVisionCfg(**(sizes | changes.get("vision", {})))
    torch.manual_seed(0)
    model = CLIP(20, vision, TEXT, quick_gelu=changes.get("quick_gelu", False)).eval()
    for parameter in model.visual.parameters():  # biases are zero and scales one as they come
        torch.nn.init.normal_(parameter, std=0.2)
    return model.visual


@pytest.mark.parametrize("name", TOWERS)
@torch.inference_mode()
def test_the_values_are_those_of_open_clip(name: str) -> None:
    visual = tower(**TOWERS[name])
    image = torch.randn(5, 3, 32, 32)
    assert is_plain(visual)
    torch.testing.assert_close(image_features(visual, image), visual(image), rtol=1e-5, atol=1e-5)


def test_gradients_are_those_of_open_clip() -> None:
    visual = tower()
    image = torch.randn(2, 3, 32, 32)
    ours, theirs = (
        torch.autograd.grad(forward(image).square().sum(), visual.conv1.weight)[0]
        for forward in (lambda x: image_features(visual, x), visual)
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "vision",
    [{"pool_type": "avg"}, {"attentional_pool": True, "attn_pooler_heads": 2}, {"output_tokens": True}],
)
def test_other_towers_are_left_to_open_clip(vision: dict) -> None:
    assert not is_plain(tower(vision=vision))
    assert not is_plain(None)
    assert not is_plain(torch.nn.Linear(2, 2))


@torch.inference_mode()
def test_prompts_stand_beside_the_tokens_of_their_own_block_only() -> None:
    visual = tower()
    image = torch.randn(4, 3, 32, 32)
    prompts = new_prompts(visual, 5, torch.Generator().manual_seed(0))
    token_BLW = visual._embeds(image)
    n_tokens = token_BLW.shape[1]
    for prompt_VW, block in zip(prompts, visual.transformer.resblocks, strict=True):
        both = torch.cat([token_BLW, prompt_VW.expand(len(image), -1, -1)], dim=1)
        assert both.shape[1] == n_tokens + 5
        token_BLW = block(both)[:, :n_tokens]  # what the block makes of the prompts is dropped
    expected = visual._pool(token_BLW)[0] @ visual.proj
    torch.testing.assert_close(image_features(visual, image, prompts), expected, rtol=1e-4, atol=1e-4)
    assert (image_features(visual, image) - expected).abs().max() > 0.01


def test_prompts_begin_within_their_bound() -> None:
    visual = tower()
    prompts = new_prompts(visual, 200, torch.Generator().manual_seed(0))
    assert prompts.shape == (3, 200, 48)
    bound = (6 / (3 * 8 * 8 + 48)) ** 0.5
    assert 0.99 * bound < prompts.abs().max() <= bound


def test_every_prompt_learns_and_nothing_else_is_needed() -> None:
    visual = tower().requires_grad_(False)
    prompts = new_prompts(visual, 5, torch.Generator().manual_seed(0)).requires_grad_()
    (gradient,) = torch.autograd.grad(
        image_features(visual, torch.randn(2, 3, 32, 32), prompts).sum(), prompts
    )
    assert (gradient.abs().amax(dim=(1, 2)) > 0).all()
