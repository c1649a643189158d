import json
import shutil
import socket

import numpy as np
import pytest
import torch

from engine.clip import weights
from engine.clip.backbone import load_backbone
from engine.clip.weights import find_weights
from engine.config import BackboneConfig
from engine.errors import EngineError
from engine.progress import silent
from engine.rows import Rows
from engine.scoring import embed_images


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_class_features_are_unit_means_over_the_templates(backbone):
    features = backbone.class_features(("red", "green", "blue"))
    np.testing.assert_allclose(features, np.eye(3), atol=1e-6)


def test_features_are_computed_once(backbone, tmp_path, monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 255, (70, 4, 4, 3), dtype=np.uint8)
    keys = tuple(f"k{i}" for i in range(70))
    rows = Rows(store=pixels, index=np.arange(70), keys=keys)
    seen = []
    original = backbone.model.encode_image
    monkeypatch.setattr(
        backbone.model, "encode_image", lambda image: seen.append(len(image)) or original(image)
    )

    def embed(picked, batch_size):
        some = Rows(store=pixels, index=rows.index[picked], keys=keys[picked])
        return embed_images(backbone, some, cache=tmp_path, batch_size=batch_size, report=silent)

    first = embed(slice(0, 40), 16)
    assert sum(seen) == 40
    everything = embed(slice(None), 7)
    assert sum(seen) == 70
    np.testing.assert_array_equal(everything[:40], first)
    np.testing.assert_allclose(everything, backbone.encode_images(pixels), atol=1e-6)
    assert everything.dtype == np.float32


def test_values_that_are_no_numbers_are_named(backbone, tmp_path, monkeypatch):
    monkeypatch.setattr(backbone.model, "encode_image", lambda image: torch.full((len(image), 3), torch.nan))
    rows = Rows(store=np.zeros((2, 4, 4, 3), np.uint8), index=np.arange(2), keys=("a", "b"))
    with pytest.raises(EngineError, match="no numbers"):
        embed_images(backbone, rows, cache=tmp_path, batch_size=8, report=silent)


@pytest.mark.parametrize(
    ("model", "tag", "sentence"),
    [
        ("ViT-B-16", "openai", "trained with QuickGELU.*the model is ViT-B-16-quickgelu"),
        ("ViT-B-16-quickgelu", "laion2b_s34b_b88k", "trained without QuickGELU.*the model is ViT-B-16"),
        ("ViT-B-61", "openai", "no model 'ViT-B-61'. Did you mean ViT-B-16"),
        ("ViT-B-16", "laion2b", "neither a folder, nor a file, nor a tag of ViT-B-16.*laion2b_s34b_b88k"),
        ("ViT-B-16", "./nowhere", "do not exist"),
    ],
)
def test_weights_that_do_not_fit_the_model_have_their_sentence(model, tag, sentence, no_network):
    with pytest.raises(EngineError, match=sentence):
        find_weights(BackboneConfig(model=model, weights=tag))


def test_weights_that_are_not_here_are_asked_for_without_a_network(tmp_path, monkeypatch, no_network):
    monkeypatch.setattr(weights, "try_to_load_from_cache", lambda *_: None)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(EngineError) as error:
        find_weights(BackboneConfig(model="ViT-B-32-quickgelu", weights="openai"))
    sentence = str(error.value)
    assert "python -m engine fetch --model ViT-B-32-quickgelu --weights openai" in sentence
    assert "--weights DIR" in sentence
    assert "\n" not in sentence


def test_weights_in_the_cache_are_found(tmp_path, monkeypatch, no_network):
    file = tmp_path / "open_clip_model.safetensors"
    file.touch()
    monkeypatch.setattr(weights, "try_to_load_from_cache", lambda *_: str(file))
    found = find_weights(BackboneConfig(model="ViT-B-32-quickgelu", weights="openai"))
    assert (found.file, found.model) == (file, "ViT-B-32-quickgelu")
    assert len(found.preprocess["mean"]) == 3


def test_a_folder_that_is_no_open_clip_directory_is_refused(tmp_path):
    (tmp_path / "open_clip_config.json").write_text("{}")
    with pytest.raises(EngineError, match="is no open_clip directory"):
        find_weights(BackboneConfig(weights=str(tmp_path)))
    (tmp_path / "open_clip_model.safetensors").touch()
    with pytest.raises(EngineError, match="has no model_cfg"):
        find_weights(BackboneConfig(weights=str(tmp_path)))


@pytest.mark.parametrize("name", ["a.safetensors", "a.pt"])
def test_a_damaged_weights_file_has_its_sentence(tmp_path, name, cpu):
    (tmp_path / name).write_bytes(b"\x08\0\0\0\0\0\0\0 nothing")
    config = BackboneConfig(model="ViT-S-32-alt", weights=str(tmp_path / name))
    with pytest.raises(EngineError, match="damaged or do not fit ViT-S-32-alt"):
        load_backbone(config, cpu)


def test_a_pickle_that_runs_code_is_not_run(tmp_path, cpu):
    class Hostile:
        def __reduce__(self):
            return (open, (str(tmp_path / "owned"), "w"))

    torch.save({"state_dict": Hostile()}, tmp_path / "a.pt")
    with pytest.raises(EngineError, match="damaged or do not fit"):
        load_backbone(BackboneConfig(model="ViT-S-32-alt", weights=str(tmp_path / "a.pt")), cpu)
    assert not (tmp_path / "owned").exists()


@pytest.mark.weights
def test_the_small_clip_loads_from_its_directory(small_clip, cpu, no_network):
    loaded = load_backbone(BackboneConfig(weights=str(small_clip)), cpu)
    assert (loaded.image_size, loaded.embed_dim, loaded.context_length) == (32, 128, 32)
    assert len(loaded.templates) == 8
    images = loaded.encode_images(np.zeros((3, 32, 32, 3), dtype=np.uint8))
    classes = loaded.class_features(("cat", "dog {with} braces"))
    assert (images.shape, classes.shape) == ((3, 128), (2, 128))
    np.testing.assert_allclose(np.linalg.norm(images, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(classes, axis=1), 1, atol=1e-5)


@pytest.mark.weights
def test_a_long_name_loses_its_own_end_and_not_the_templates(small_clip, cpu):
    config = BackboneConfig(weights=str(small_clip), templates=("a photo of a {}.",))
    loaded = load_backbone(config, cpu)
    dot, end = loaded.tokenizer.encode(".")[0], loaded.tokenizer.eot_token_id
    for name in ("cat " * 100, "x" * 10_000, "猫" * 60):
        tokens = loaded.tokenizer([loaded._fit("a photo of a {}.", name)])[0].tolist()
        used = tokens[: tokens.index(end) + 1]
        assert used[-2:] == [dot, end]
        assert len(used) > 25
    assert loaded._fit("a photo of a {}.", "cat") == "a photo of a cat."
    too_long = loaded.tokenizer([loaded._fit("very " * 50 + "{}.", "cat")])[0]
    assert too_long[-1] == end


@pytest.mark.weights
def test_the_fingerprint_follows_the_weights(small_clip, tmp_path, cpu):
    copy = tmp_path / "copy"
    shutil.copytree(small_clip, copy, copy_function=shutil.copyfile)
    copy.chmod(0o755)
    first, second = (load_backbone(BackboneConfig(weights=str(each)), cpu) for each in (small_clip, copy))
    assert first.fingerprint == second.fingerprint
    settings = json.loads((copy / "open_clip_config.json").read_text())
    settings["preprocess_cfg"]["mean"] = [0.5, 0.5, 0.5]
    (copy / "open_clip_config.json").write_text(json.dumps(settings))
    assert load_backbone(BackboneConfig(weights=str(copy)), cpu).fingerprint != first.fingerprint


@pytest.mark.weights
def test_a_template_without_a_place_for_the_class_is_refused(small_clip, cpu):
    with pytest.raises(EngineError, match=r"has no \{\}"):
        load_backbone(BackboneConfig(weights=str(small_clip), templates=("a photo",)), cpu)
