"""The image tower that learns: CLIP's features where nothing is trained, gradients where something is."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, get_args

import numpy as np
import pytest
import torch

from engine.augment import Shifts
from engine.clip.backbone import Backbone
from engine.errors import EngineError
from engine.progress import silent
from engine.rows import Rows
from engine.settings.adapters import AdapterKind
from engine.tower import head_logits, load_image_tower, new_head


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def pixels(drawn_pictures: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([each[:3] for each in drawn_pictures])


@pytest.fixture
def shifts(pixels: np.ndarray) -> Shifts:
    n = len(pixels)
    return Shifts(down=np.arange(n) - 4, right=4 - np.arange(n), flipped=np.arange(n) % 2 == 0)


@torch.inference_mode()
def test_a_tower_without_adapters_is_clip(drawn_clip: Backbone, pixels: np.ndarray, shifts: Shifts) -> None:
    tower = load_image_tower(drawn_clip, "none", generator())
    assert tower.parameters == {}
    for moves in (None, shifts):
        assert torch.equal(tower.features(pixels, moves), drawn_clip.image_features(pixels, moves))
    visual: Any = drawn_clip.model.visual
    pooled = tower.pooled(pixels)
    assert pooled.shape == (len(pixels), tower.width)
    features = torch.nn.functional.normalize(pooled @ visual.proj, dim=-1)
    torch.testing.assert_close(features, tower.features(pixels))


@pytest.mark.parametrize("kind", get_args(AdapterKind))
def test_names_and_gradients(drawn_clip: Backbone, pixels: np.ndarray, kind: Any) -> None:
    tower = load_image_tower(drawn_clip, kind, generator(), last_blocks=1, prompt_length=3, size=2)
    features = tower.features(pixels[:2])
    assert features.dtype == tower.pooled(pixels[:1]).dtype == torch.float32
    assert all(name.startswith("tower.") for name in tower.parameters)
    if kind == "none":
        return
    gradients = torch.autograd.grad(features[:, 0].sum(), list(tower.parameters.values()), allow_unused=True)
    assert any(each is not None and each.abs().max() > 0 for each in gradients)
    assert all(not each.requires_grad for each in drawn_clip.model.parameters())


@pytest.mark.parametrize("kind", get_args(AdapterKind))
def test_half_precision_gives_float32_vectors_and_gradients(
    drawn_clip: Backbone, pixels: np.ndarray, kind: Any
) -> None:
    half = replace(drawn_clip, runtime=replace(drawn_clip.runtime, dtype=torch.bfloat16))
    towers = [load_image_tower(each, kind, generator(), last_blocks=1) for each in (drawn_clip, half)]
    exact, rough = (each.features(pixels[:3]) for each in towers)
    assert rough.dtype == torch.float32
    assert (exact * rough).sum(dim=-1).min() > 0.99
    if kind != "none":
        parameters = list(towers[1].parameters.values())
        gradients = torch.autograd.grad(rough[:, 0].sum(), parameters, allow_unused=True)
        assert all(each is None or each.dtype == torch.float32 for each in gradients)
        assert any(each is not None and each.abs().max() > 0 for each in gradients)


@pytest.mark.parametrize("kind", ["vpt", "lora"])
def test_all_pictures_in_batches_are_each_by_itself(
    drawn_clip: Backbone, pixels: np.ndarray, kind: Any
) -> None:
    tower = load_image_tower(drawn_clip, kind, generator())
    order = np.arange(len(pixels))[::-1]
    rows = Rows(store=pixels, index=order, keys=tuple(map(str, order)))
    said: list[tuple[str, int, int]] = []

    def report(event: str, /, **values: Any) -> None:
        said.append((values["stage"], values["done"], values["of"]))

    pooled = tower.pooled_all(rows, batch_size=2, report=report, stage="losses")
    features = tower.features_all(rows, batch_size=4, report=silent)
    with torch.inference_mode():
        np.testing.assert_allclose(pooled, tower.pooled(pixels[order]).numpy(), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(features, tower.features(pixels[order]).numpy(), rtol=1e-4, atol=1e-5)
    assert said[0] == ("losses", 0, len(pixels))
    assert said[-1] == ("losses", len(pixels), len(pixels))
    assert pooled.dtype == features.dtype == np.float32


def test_a_model_that_is_no_vit_is_refused_in_a_sentence(backbone: Backbone) -> None:
    with pytest.raises(EngineError, match=r"The image tower of colours is no plain vision transformer.*ViT"):
        load_image_tower(backbone, "lora", generator())
    other = replace(backbone, model=SimpleNamespace(visual=torch.nn.Linear(2, 2)))
    with pytest.raises(EngineError, match="no plain vision transformer"):
        load_image_tower(other, "none", generator())


def test_damaged_values_are_told(drawn_clip: Backbone, pixels: np.ndarray) -> None:
    tower = load_image_tower(drawn_clip, "lora", generator())
    with torch.no_grad():
        tower.parameters["tower.query_up"].fill_(float("nan"))
    rows = Rows(store=pixels, index=np.arange(len(pixels)), keys=tuple(map(str, range(len(pixels)))))
    with pytest.raises(EngineError, match="no numbers"):
        tower.pooled_all(rows, batch_size=4, report=silent)


def test_a_new_head_is_a_new_linear_layer() -> None:
    head = new_head(400, 30, generator())
    assert {name: tuple(value.shape) for name, value in head.items()} == {
        "head.weight": (30, 400),
        "head.bias": (30,),
    }
    assert all(value.is_leaf and value.requires_grad for value in head.values())
    assert 0.049 < float(head["head.weight"].detach().abs().max()) <= 0.05  # 1/√400
    assert float(head["head.bias"].detach().abs().max()) <= 0.05
    theirs = torch.nn.Linear(400, 30)
    assert float(head["head.weight"].detach().std()) == pytest.approx(
        float(theirs.weight.detach().std()), rel=0.02
    )
    with torch.no_grad():
        theirs.weight.copy_(head["head.weight"])
        theirs.bias.copy_(head["head.bias"])
    pooled = torch.randn(5, 400)
    torch.testing.assert_close(head_logits(head, pooled), theirs(pooled))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(head_logits(head, pooled), head_logits(head, pooled.clone()))
        assert head_logits(head, pooled.bfloat16()).dtype == torch.float32
