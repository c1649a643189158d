"""Coupled prompts: a plain loop over whole prompts gives the same features and gradients (methods §7.1)."""

from typing import Any

import pytest
import torch
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg, CustomTextCLIP
from open_clip.tokenizer import SimpleTokenizer
from torch.nn import functional

from engine.assets import asset_path
from engine.clip.coupled import Prompts, coupled_prompts, image_features, text_prompts
from engine.clip.names import Names, read_names
from engine.clip.text import embed_words, encode_tokens, prompted_features

TOKENIZER = SimpleTokenizer(bpe_path=str(asset_path("model") / "bpe.txt.gz"))
CLASSES = ("cat", "maple_tree", "a very small, old and rather worn armchair", "3D printer", "St.")
WORDS = torch.tensor(TOKENIZER.encode("a photo of a"))
LENGTH, N_TEXT, N_IMAGE, DIM = 40, 3, 4, 20


def clip(kind: Any = CLIP, **vision: Any) -> Any:
    """A CLIP of random weights, 3 text blocks of width 48 and 4 image blocks of width 32."""
    torch.manual_seed(0)
    text = CLIPTextCfg(
        context_length=LENGTH, vocab_size=TOKENIZER.vocab_size, width=48, heads=3, layers=N_TEXT
    )
    sizes: dict[str, Any] = {
        "image_size": 32,
        "patch_size": 8,
        "width": 32,
        "head_width": 16,
        "layers": N_IMAGE,
    }
    model = kind(DIM, CLIPVisionCfg(**(sizes | vision)), text, quick_gelu=True).eval()
    for name, parameter in model.named_parameters():  # biases are zero and scales one as they come
        torch.nn.init.normal_(parameter, std=0.15 if parameter.ndim > 1 and "embedding" not in name else 0.4)
    return model.requires_grad_(False)


def prompts(model: Any, depth: int, n_context: int = 2, is_wild: bool = True) -> Prompts:
    """Prompts of both towers; wild ones are far from their first values, so that they are seen."""
    generator = torch.Generator().manual_seed(1)
    found = coupled_prompts(model, WORDS, n_context, depth, generator)
    if is_wild:
        with torch.no_grad():
            for value in found.parameters.values():
                value.add_(torch.randn(value.shape, generator=generator), alpha=0.3)
    return found


def names(n_context: int = 4) -> Names:
    return read_names(TOKENIZER, CLASSES, n_context=n_context, context_length=LENGTH)


def images(count: int = 3) -> torch.Tensor:
    return torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(2))


def ours(model: Any, found: Prompts, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The features of both towers, (B, D) and (K, D), the text's of unit length."""
    rest = WORDS[len(found.context) :]
    context = torch.cat([found.context, embed_words(model, rest)])
    prompts_JMV = found.for_images()
    assert prompts_JMV is not None
    return (
        image_features(model.visual, image, prompts_JMV),
        prompted_features(model, context, names(), deep_JVW=found.deep),
    )


def plainly(model: Any, found: Prompts, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The same from whole prompts of all tokens and a loop over the blocks, as MaPLe's code goes."""
    text, visual, n_context = getattr(model, "text", model), model.visual, len(found.context)
    assert found.weight is not None
    assert found.bias is not None
    prompt = [found.context, *found.deep]
    seen = [functional.linear(p, found.weight[j], found.bias[j]) for j, p in enumerate(prompt)]

    sentences = [f"a photo of a {name.replace('_', ' ')}." for name in CLASSES]
    ids = TOKENIZER(sentences, context_length=LENGTH)
    token = text.token_embedding(ids)
    token = torch.cat([token[:, :1], prompt[0].expand(len(ids), -1, -1), token[:, 1 + n_context :]], dim=1)
    token = token + text.positional_embedding
    for number, block in enumerate(text.transformer.resblocks):
        if 0 < number < len(prompt):
            new = prompt[number].expand(len(ids), -1, -1)
            token = torch.cat([token[:, :1], new, token[:, 1 + n_context :]], dim=1)
        token = block(token, attn_mask=text.attn_mask)
    pooled = text.ln_final(token)[torch.arange(len(ids)), ids.argmax(dim=1)]
    text_KD = functional.normalize(pooled @ text.text_projection, dim=-1)

    image = visual.conv1(image).flatten(2).transpose(1, 2)
    start = visual.class_embedding.expand(len(image), 1, -1)
    token = torch.cat([start, image], dim=1) + visual.positional_embedding
    token = visual.ln_pre(torch.cat([token, seen[0].expand(len(token), -1, -1)], dim=1))
    for number, block in enumerate(visual.transformer.resblocks):
        if 0 < number < len(prompt):
            new = seen[number].expand(len(token), -1, -1)
            token = torch.cat([token[:, :-n_context], new], dim=1)
        assert token.shape[1] == 1 + 16 + n_context
        token = block(token)
    return visual.ln_post(token[:, 0]) @ visual.proj, text_KD


@pytest.mark.parametrize(("kind", "depth"), [(CLIP, 1), (CLIP, 2), (CLIP, 3), (CustomTextCLIP, 3)])
def test_features_and_all_gradients_are_those_of_the_plain_loop(kind: Any, depth: int) -> None:
    model = clip(kind).double().requires_grad_()
    single = prompts(model, depth)
    found = Prompts(
        **{name: value.detach().double().requires_grad_() for name, value in vars(single).items()}
    )
    mine, theirs = (f(model, found, images().double()) for f in (ours, plainly))
    weights = [torch.randn(each.shape, generator=torch.Generator().manual_seed(3)) for each in mine]
    leaves = found.parameters | dict(model.named_parameters())
    gradients = []
    for image_BD, text_KD in (mine, theirs):
        total = (image_BD * weights[0]).sum() + (text_KD * weights[1]).sum()
        gradients.append(torch.autograd.grad(total, list(leaves.values()), allow_unused=True))
    for one, other in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
    for name, one, other in zip(leaves, *gradients, strict=True):
        assert (one is None) == (other is None) == ("logit" in name), name
        if one is not None and other is not None:
            assert float((one - other).norm()) < 1e-8 * (1 + float(other.norm())), name


def test_in_single_precision_it_is_as_near_as_rounding() -> None:
    model = clip()
    found = prompts(model, 3)
    for one, other in zip(ours(model, found, images()), plainly(model, found, images()), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_without_prompts_both_towers_are_clip() -> None:
    model = clip()
    nothing = torch.zeros(0, 2, 32)
    expected = model.encode_image(images())
    torch.testing.assert_close(image_features(model.visual, images(), nothing), expected, rtol=0, atol=1e-4)
    ids = TOKENIZER([f"a photo of a {name.replace('_', ' ')}." for name in CLASSES], context_length=LENGTH)
    torch.testing.assert_close(encode_tokens(model, ids), model.encode_text(ids), rtol=0, atol=1e-4)
    text_KD = prompted_features(model, embed_words(model, WORDS), names())
    torch.testing.assert_close(text_KD, model.encode_text(ids, normalize=True), rtol=0, atol=1e-4)


@pytest.mark.parametrize("vision", [{"no_ln_pre": True}, {"final_ln_after_pool": True}])
@torch.inference_mode()
def test_other_plain_towers_without_prompts_are_clip(vision: dict[str, Any]) -> None:
    model = clip(**vision)
    expected = model.encode_image(images())
    found = image_features(model.visual, images(), torch.zeros(0, 2, 32))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


def test_each_prompt_stands_in_its_own_block_and_the_first_one_is_normed() -> None:
    model = clip()
    seen: list[torch.Tensor] = []
    hooks = [
        block.ln_1.register_forward_pre_hook(lambda module, given: seen.append(given[0].detach()))
        for block in model.visual.transformer.resblocks
    ]
    prompts_JMV = torch.randn(3, 2, 32, generator=torch.Generator().manual_seed(4))
    with torch.inference_mode():
        image_features(model.visual, images(), prompts_JMV)
    for hook in hooks:
        hook.remove()
    assert [each.shape[1] for each in seen] == [1 + 16 + 2] * N_IMAGE
    first = model.visual.ln_pre(prompts_JMV[0])
    for stream, expected in zip(seen, [first, prompts_JMV[1], prompts_JMV[2]], strict=False):
        torch.testing.assert_close(stream[:, -2:], expected.expand(3, -1, -1))
    assert (seen[3][:, -2:] - prompts_JMV[2]).abs().max() > 0.1  # an ordinary token by now


def test_they_begin_as_the_first_words_and_by_chance() -> None:
    model = clip()
    found = prompts(model, 9, is_wild=False)
    torch.testing.assert_close(found.context, embed_words(model, WORDS[:2]))
    assert found.deep.shape == (N_TEXT - 1, 2, 48)  # the smaller tower has three blocks
    assert float(found.deep.detach().std()) == pytest.approx(0.02, rel=0.2)
    assert found.weight is not None
    assert found.bias is not None
    assert found.weight.shape == (N_TEXT, 32, 48)
    assert found.bias.shape == (N_TEXT, 32)
    for value in (found.weight, found.bias):
        assert 0.9 * 48**-0.5 < value.abs().max() <= 48**-0.5
        assert torch.equal(value[1], value[2])
        assert not torch.equal(value[0], value[1])
    again, other = prompts(model, 9, is_wild=False), coupled_prompts(model, WORDS, 2, 9, torch.Generator())
    assert torch.equal(again.deep, found.deep)
    assert not torch.equal(other.deep, found.deep)


def test_more_vectors_than_words_begin_by_chance_and_fewer_leave_words() -> None:
    model = clip()
    found = prompts(model, 2, n_context=6, is_wild=False)
    torch.testing.assert_close(found.context[:4], embed_words(model, WORDS))
    assert 0 < found.context[4:].abs().max() < 0.1
    one = prompts(model, 2, n_context=1)
    for mine, theirs in zip(ours(model, one, images()), plainly(model, one, images()), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)


def test_a_depth_of_one_has_nothing_deep_to_train() -> None:
    found = prompts(clip(), 1)
    assert set(found.parameters) == {"context", "weight", "bias"}
    assert len(found.weight if found.weight is not None else ()) == 1


def test_a_context_for_the_text_tower_alone() -> None:
    model = clip()
    found = text_prompts(model, 16, torch.Generator().manual_seed(0))
    assert set(found.parameters) == {"context"}
    assert found.context.shape == (16, 48)
    assert float(found.context.detach().std()) == pytest.approx(0.02, rel=0.1)
    assert found.for_images() is None
    assert text_prompts(model, 0, torch.Generator()).parameters == {}


def test_under_autocast_the_stream_keeps_its_dtype_and_the_features_are_close() -> None:
    model = clip()
    found = prompts(model, 3)
    exact = ours(model, found, images())
    with torch.autocast("cpu", torch.bfloat16):
        rough = ours(model, found, images())
    assert rough[0].dtype is torch.bfloat16
    assert rough[1].dtype is torch.float32
    for one, other in zip(exact, rough, strict=True):
        assert functional.cosine_similarity(one, other.float()).detach().min() > 0.98
