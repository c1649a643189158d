"""The bundled CLIP is what open_clip takes for one, small, and knows the demo well but not by heart."""

import gzip
import json

import numpy as np
import open_clip
import pytest
from PIL import Image
from safetensors import safe_open

from assets.build.bytepairs import learn_merges, write_merges
from assets.build.drawn import CONCEPTS
from assets.build.make_demo import DEMO, LOOK_ALIKES, read_truth
from assets.build.train_clip import OUT, Recipe
from engine.clip.backbone import load_backbone
from engine.clip.weights import find_weights
from engine.config import BUNDLED, BackboneConfig
from engine.pixels import square
from engine.runtime import pick_runtime

TOLD = json.loads((OUT / "training.json").read_text(encoding="utf-8"))


def test_it_is_small_and_of_half_precision() -> None:
    file = OUT / "open_clip_model.safetensors"
    with safe_open(file, "np") as weights:
        assert {weights.get_tensor(name).dtype.name for name in weights.keys()} == {"float16"}  # noqa: SIM118
    assert file.stat().st_size == TOLD["bytes"] <= 10_000_000


def test_its_shape_is_that_of_the_design() -> None:
    config = json.loads((OUT / "open_clip_config.json").read_text(encoding="utf-8"))["model_cfg"]
    assert (config["vision_cfg"]["image_size"], config["vision_cfg"]["patch_size"]) == (64, 8)
    assert config["vision_cfg"]["layers"] == 6
    assert config["text_cfg"]["layers"] <= 4
    assert config["text_cfg"]["vocab_size"] <= 2_000


def test_it_was_trained_on_two_cores_within_the_time() -> None:
    assert TOLD["recipe"] == vars(Recipe())
    assert TOLD["cores"] == 2
    assert TOLD["training_seconds"] <= 40 * 60
    assert 0 < TOLD["drawing_seconds"] <= 30 * 60
    assert TOLD["concepts"] == len(CONCEPTS)
    assert TOLD["log"][-1]["step"] == TOLD["recipe"]["steps"]


def test_open_clip_loads_the_folder_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    model, _, _ = open_clip.create_model_and_transforms(f"local-dir:{OUT}")
    assert sum(p.numel() for p in model.parameters()) == TOLD["parameters"]
    monkeypatch.chdir(OUT)  # open_clip looks for the byte pairs where it is called
    tokens = open_clip.get_tokenizer(f"local-dir:{OUT}")(["a red fox"])
    assert tokens.shape == (1, 24)


def test_its_vocabulary_reads_every_text() -> None:
    source = find_weights(BackboneConfig(weights=BUNDLED))
    assert source.vocabulary is not None
    tokenizer = open_clip.SimpleTokenizer(bpe_path=str(source.vocabulary))
    for text in ("a red fox", "éclair", "犬 と 猫", "0xff ~ \u2603", "🦊"):
        ids = tokenizer.encode(text)
        assert max(ids) < TOLD["vocabulary"]
        assert tokenizer.decode(ids).replace(" ", "") == text.replace(" ", "")
    assert max(len(tokenizer.encode(name)) for name in CONCEPTS) <= 4


def test_the_commonest_pair_is_merged_first(tmp_path) -> None:
    merges = learn_merges(["low low low lower", "newest"], 3)
    assert merges[:2] == [("l", "o"), ("lo", "w</w>")]
    write_merges(tmp_path / "bpe.txt.gz", merges)
    text = gzip.decompress((tmp_path / "bpe.txt.gz").read_bytes()).decode()
    assert text.splitlines()[1:] == [" ".join(pair) for pair in merges]
    assert not text.endswith("\n")
    tokenizer = open_clip.SimpleTokenizer(bpe_path=str(tmp_path / "bpe.txt.gz"))
    assert len(tokenizer.encode("low")) == 1


def test_zero_shot_on_the_demo_leaves_something_to_find_and_something_to_learn() -> None:
    """The issue asks for .80 to .92 of the pictures that show a class."""
    backbone = load_backbone(BackboneConfig(weights=BUNDLED), pick_runtime("cpu"))
    names = tuple(LOOK_ALIKES)
    entries = [entry for entry in read_truth() if entry.true_label in names]
    pixels = np.stack([square(Image.open(DEMO / entry.path), backbone.image_size) for entry in entries])
    features = np.concatenate(
        [backbone.encode_images(pixels[i : i + 256]) for i in range(0, len(pixels), 256)]
    )
    answers = (features @ backbone.class_features(names).T).argmax(axis=1)
    accuracy = float(np.mean([names[k] == e.true_label for k, e in zip(answers, entries, strict=True)]))
    assert 0.80 <= accuracy <= 0.92
