"""The table of backbones agrees with open_clip, which has the last word on every one of them."""

import open_clip
import pytest
import torch
from open_clip.model import CLIP

from engine.backbones import BACKBONES, DRAWN, FOR_PHOTOS, Backbone, find_backbone, find_downloaded
from engine.clip.weights import find_tag, hub_files
from engine.config import BUNDLED, BackboneConfig

photos = pytest.mark.parametrize("backbone", FOR_PHOTOS, ids=lambda item: f"{item.model}-{item.weights}")


@photos
def test_open_clip_knows_it_and_keeps_it_where_the_table_says(backbone: Backbone) -> None:
    tag = find_tag(backbone.model, backbone.weights)  # raises where QuickGELU does not fit
    repository, names = hub_files(tag)
    assert backbone.repository == repository
    assert backbone.file == names[0]


@photos
def test_the_size_is_four_bytes_a_parameter(backbone: Backbone) -> None:
    architecture = open_clip.get_model_config(backbone.model)
    assert architecture is not None
    with torch.device("meta"):
        model = CLIP(**architecture)
    megabytes = sum(parameter.numel() for parameter in model.parameters()) * 4 / 1e6
    assert backbone.megabytes == pytest.approx(megabytes, rel=0.005)


def test_a_choice_is_found_by_its_names_and_the_bundled_one_by_its_weights() -> None:
    assert [find_backbone(item.model, item.weights) for item in BACKBONES] == list(BACKBONES)
    assert find_backbone("whatever", BUNDLED) is DRAWN
    assert find_backbone("ViT-B-16", "openai") is None
    assert FOR_PHOTOS[0].config == BackboneConfig()


def test_it_is_here_when_its_file_is_in_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def cached(repository: str, name: str) -> str | None:
        seen.append((repository, name))
        return "/cache/weights" if repository == FOR_PHOTOS[1].repository else None

    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", cached)
    assert find_downloaded(DRAWN) is None
    assert [find_downloaded(item) is not None for item in FOR_PHOTOS] == [False, True, False, False]
    assert seen == [(item.repository, item.file) for item in FOR_PHOTOS]
