"""Our text forward gives open_clip's values, and the shared prefix gives those of whole prompts."""

from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg, CustomTextCLIP
from torch.nn import functional

from benchmarks.text_tower import full_length_features
from engine.clip.backbone import Backbone, load_backbone
from engine.clip.names import Names, longest_context, pack, read_names
from engine.clip.text import encode_tokens, is_plain_text, prompted_features, text_width
from engine.config import BackboneConfig
from engine.errors import EngineError
from engine.runtime import pick_runtime

VISION = CLIPVisionCfg(image_size=32, patch_size=16, width=16, layers=1, head_width=16)
PROMPTS = (
    "cat", "maple_tree", "electric locomotive", "fork", "a very small, old and rather worn leather armchair",
    "3D printer", "Übermaß", "dog", "St.",
)  # fmt: skip
TOKENIZER: Any = open_clip.get_tokenizer("ViT-B-32")
MODELS = {
    "plain": {},
    "quick": {"quick_gelu": True},
    "layer scale": {"text": {"ls_init_value": 0.3}},
    "one layer": {"text": {"layers": 1}},
    "separate": {"kind": CustomTextCLIP},
    "separate, linear projection": {"kind": CustomTextCLIP, "text": {"proj_bias": True}},
    "as wide as ViT-B/32's": {"text": {"width": 512, "heads": 8, "layers": 2}},
}


def clip(kind: Any = CLIP, quick_gelu: bool = False, text: dict | None = None) -> Any:
    sizes = {"context_length": 40, "width": 48, "heads": 3, "layers": 3, **(text or {})}
    torch.manual_seed(0)
    model = kind(20, VISION, CLIPTextCfg(**sizes), quick_gelu=quick_gelu).eval().requires_grad_(False)
    for name, parameter in model.named_parameters():  # biases are zero and scales one as they come
        scale = 1 / sizes["width"] ** 0.5 if parameter.ndim > 1 and "embedding" not in name else 0.3
        torch.nn.init.normal_(parameter, std=scale)
    return model


def read(prompts: tuple[str, ...] = PROMPTS, n_context: int = 5, context_length: int = 40) -> Names:
    return read_names(TOKENIZER, prompts, n_context=n_context, context_length=context_length)


def random_context(n_context: int = 5, width: int = 48, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return (
        torch.randn(n_context, width, generator=torch.Generator().manual_seed(1)).to(dtype).requires_grad_()
    )


def gradient(text_RD: torch.Tensor, context_MW: torch.Tensor) -> torch.Tensor:
    weight_RD = torch.randn(text_RD.shape, generator=torch.Generator().manual_seed(2))
    return torch.autograd.grad((text_RD * weight_RD.to(text_RD)).sum(), context_MW)[0]


@pytest.mark.parametrize("name", MODELS)
@torch.inference_mode()
def test_the_values_are_those_of_open_clip(name: str) -> None:
    model = clip(**MODELS[name])
    token_BL = TOKENIZER([f"a photo of a {prompt}." for prompt in PROMPTS], context_length=40)
    assert is_plain_text(model)
    assert text_width(model) == getattr(model, "text", model).token_embedding.embedding_dim
    torch.testing.assert_close(encode_tokens(model, token_BL), model.encode_text(token_BL), rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["plain", "separate, linear projection"])
def test_a_context_of_real_words_gives_the_features_of_the_sentence(name: str) -> None:
    model = clip(**MODELS[name])
    sentences = [f"a photo of a {prompt}.".replace("_", " ") for prompt in PROMPTS]
    token_BL = TOKENIZER(sentences, context_length=40)
    embedding = getattr(model, "text", model).token_embedding
    ours = prompted_features(model, embedding(token_BL[0, 1:5]), read(n_context=4))
    torch.testing.assert_close(ours, model.encode_text(token_BL, normalize=True), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("rows", "dtype", "tolerance"),
    [
        (None, torch.float64, 1e-11),
        (None, torch.float32, 1e-5),
        ([6, 2, 2, 8, 0, 6], torch.float64, 1e-11),
        ([4], torch.float64, 1e-11),
        ([3, 0], torch.float32, 1e-5),
    ],
)
def test_the_shared_prefix_gives_the_values_and_gradients_of_whole_prompts(
    rows: list[int] | None, dtype: torch.dtype, tolerance: float
) -> None:
    model, names, context = clip(quick_gelu=True).to(dtype), read(), random_context(dtype=dtype)
    ours, whole = (f(model, context, names, rows) for f in (prompted_features, full_length_features))
    assert ours.dtype is dtype
    torch.testing.assert_close(ours, whole, rtol=tolerance, atol=tolerance)
    one, other = gradient(ours, context), gradient(whole, context)
    assert float((one - other).norm() / other.norm()) < tolerance


def test_many_classes_fill_several_windows() -> None:
    prompts = tuple(f"{prompt} {i}" for i in range(20) for prompt in PROMPTS)
    model, names, context = clip(), read(prompts), random_context()
    assert len(names.windows.token_GS) > 5
    ours, whole = (f(model, context, names) for f in (prompted_features, full_length_features))
    torch.testing.assert_close(ours, whole, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(
        ours[[7, 100]], prompted_features(model, context, names, torch.tensor([7, 100]))
    )


def test_two_classes_and_no_context() -> None:
    model, context = clip(), random_context(n_context=0)
    names = read(PROMPTS[:2], n_context=0)
    expected = model.encode_text(TOKENIZER(["cat.", "maple tree."], context_length=40), normalize=True)
    torch.testing.assert_close(prompted_features(model, context, names), expected, rtol=1e-5, atol=1e-5)


def test_under_autocast_features_are_float32_and_close() -> None:
    model, names, context = clip(), read(), random_context()
    with torch.autocast("cpu", torch.bfloat16):
        ours = prompted_features(model, context, names)
    assert ours.dtype is torch.float32
    torch.testing.assert_close(ours.norm(dim=1), torch.ones(len(PROMPTS)))
    exact = prompted_features(model, context, names)
    assert functional.cosine_similarity(ours, exact).detach().min() > 0.99
    grads = [gradient(text, context) for text in (ours, exact)]
    assert float(functional.cosine_similarity(*(g.flatten() for g in grads), dim=0)) > 0.95


def test_another_name_changes_no_other_class() -> None:
    model, context = clip(), random_context()
    before = prompted_features(model, context, read())
    after = prompted_features(
        model, context, read((*PROMPTS[:2], "a completely different name", *PROMPTS[3:]))
    )
    moved = (before - after).norm(dim=1)
    assert moved[2] > 0.1
    assert moved[[k for k in range(len(PROMPTS)) if k != 2]].max() < 1e-5


def test_the_weights_stay_frozen() -> None:
    model, context = clip(), random_context()
    prompted_features(model, context, read()).sum().backward()
    assert context.grad is not None
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_long_name_loses_its_own_end() -> None:
    names = read(n_context=30)
    start, *whole, end = TOKENIZER.sot_token_id, *TOKENIZER.encode(f"{PROMPTS[4]}."), TOKENIZER.eot_token_id
    assert names.start == start
    assert names.truncated == (4,)
    assert names.tokens[4] == (*whole[:7], *TOKENIZER.encode("."), end)
    assert max(map(len, names.tokens)) == 40 - 1 - 30
    model, context = clip(), random_context(n_context=30)
    ours, cut = (f(model, context, names) for f in (prompted_features, full_length_features))
    torch.testing.assert_close(ours, cut, rtol=1e-5, atol=1e-5)


def test_the_longest_context_truncates_no_name_and_the_next_one_does() -> None:
    longest = longest_context(TOKENIZER, PROMPTS, 40)
    assert not read(n_context=longest).truncated
    assert read(n_context=longest + 1).truncated == (4,)
    assert longest_context(TOKENIZER, ["word " * 100], 40) == 0


def test_a_context_that_leaves_no_room_is_refused() -> None:
    assert read(n_context=36).tokens[0] == read().tokens[0]
    with pytest.raises(EngineError) as refusal:
        read(n_context=37)
    assert str(refusal.value) == (
        "The prompts have 37 learned words, but this model reads 40 tokens, and besides the words it needs "
        "four; set context_length to 36 or less."
    )


def test_another_tokenizer_is_refused() -> None:
    with pytest.raises(EngineError, match=r"^This model's tokenizer is function, and learned prompts need"):
        read_names(lambda texts: texts, PROMPTS, n_context=4, context_length=40)


def test_windows_hold_every_token_once_and_no_class_twice() -> None:
    rng = np.random.default_rng(0)
    tokens = [tuple(range(1, 1 + n)) for n in rng.integers(3, 12, 300)]
    windows = pack(tokens)
    total = sum(map(len, tokens))
    assert windows.token_GS.size < 1.05 * total
    for row, ids in enumerate(tokens):
        where = np.argwhere(windows.owner_GS == row)
        assert len(set(where[:, 0])) == 1
        assert tuple(windows.token_GS[windows.owner_GS == row]) == ids
        assert windows.place_GS[windows.owner_GS == row].tolist() == list(range(len(ids)))
        assert windows.end_R[row] == np.ravel_multi_index(tuple(where[-1]), windows.token_GS.shape)
    assert (windows.owner_GS < 0).sum() == windows.token_GS.size - total


@pytest.fixture(scope="module")
def bundled() -> Backbone:
    return load_backbone(BackboneConfig(weights="bundled"), pick_runtime("cpu"))


def test_the_bundled_model_and_its_own_vocabulary(bundled: Backbone) -> None:
    model, tokenizer = bundled.model, bundled.tokenizer
    prompts = ["cat", "rocking_chair", "elephant"]
    assert is_plain_text(model)
    token_BL = tokenizer(["cat.", "rocking chair.", "elephant."])
    torch.testing.assert_close(encode_tokens(model, token_BL), model.encode_text(token_BL), rtol=0, atol=1e-4)
    n_context = longest_context(tokenizer, prompts, bundled.context_length)
    names = read_names(tokenizer, prompts, n_context=n_context, context_length=bundled.context_length)
    assert {names.start, *(ids[-1] for ids in names.tokens)} == set(tokenizer.all_special_ids)
    context = random_context(n_context, width=192)
    ours, whole = (f(model, context, names) for f in (prompted_features, full_length_features))
    torch.testing.assert_close(ours, whole, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(gradient(ours, context), gradient(whole, context), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "text",
    [{"pool_type": "last"}, {"no_causal_mask": True}, {"proj_type": "none"}, {"block_type": "custom"}],
)
@pytest.mark.parametrize("kind", [CLIP, CustomTextCLIP])
def test_other_text_towers_are_left_to_open_clip(kind: Any, text: dict) -> None:
    assert not is_plain_text(clip(kind, text=text))


def test_neither_is_anything_else() -> None:
    assert not is_plain_text(clip(CustomTextCLIP, text={"embed_cls": True}))
    assert not is_plain_text(clip(CustomTextCLIP, text={"output_tokens": True}))
    assert not is_plain_text(None)
    assert not is_plain_text(torch.nn.Linear(2, 2))
