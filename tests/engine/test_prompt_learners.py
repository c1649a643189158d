"""Static prompt, CoOp and MaPLe: what each of them trains, and that wrong labels can be learned by heart."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from torch.nn import functional

from engine.clip.backbone import Backbone
from engine.detectors import Inputs, load_detector
from engine.detectors.deft.terms import read_labels
from engine.draws import Draws
from engine.errors import EngineError
from engine.given_labels import Live, terms_of
from engine.manifest import Manifest, Pin
from engine.progress import silent
from engine.prompted import Prompted, keep_words, learn_context, learn_coupled
from engine.rows import Rows
from engine.settings import DETECTORS
from tests.engine.conftest import DRAWN, make_manifest

LEARNERS = ("static_prompt", "coop", "maple")
N = 12


def learner(name: str, clip: Backbone, trains_towers: bool = False) -> Prompted:
    generator = torch.Generator().manual_seed(0)
    if name == "static_prompt":
        return keep_words(clip, DRAWN, words="a photo of a", freeze_embeddings=False)
    if name == "coop":
        return learn_context(clip, DRAWN, generator, n_context=16, trains_towers=trains_towers)
    return learn_coupled(
        clip, DRAWN, generator, words="a photo of a", n_context=2, depth=9, trains_towers=trains_towers
    )


@pytest.fixture
def pixels(drawn_pictures: list[np.ndarray]) -> np.ndarray:
    return np.stack([drawn_pictures[i % 3][i // 3] for i in range(N)])


def inputs(clip: Backbone, pixels: np.ndarray, folder: Path) -> Inputs:
    return Inputs(
        features=clip.encode_images(pixels),
        classes=clip.class_features(DRAWN),
        pixels=Rows(store=pixels, index=np.arange(len(pixels)), keys=tuple(map(str, range(len(pixels))))),
        seed=0,
        run_dir=folder,
        cache=folder / "cache",
        batch_size=16,
    )


def loss_of(
    clip: Prompted, manifest: Manifest, pixels: np.ndarray, folder: Path, rows: list[int], epoch: int = 1
) -> torch.Tensor:
    given = inputs(clip.backbone, pixels, folder)
    live = Live(clip=clip, inputs=given, draws=Draws(manifest.sample_ids, 0), report=silent)
    labels = read_labels(manifest, torch.device("cpu"))
    return terms_of(clip, live, labels)(np.asarray(rows), epoch).losses["classify"][0]


@pytest.mark.parametrize(("name", "trains_towers"), [
    ("static_prompt", True), ("coop", False), ("coop", True), ("maple", False), ("maple", True)
])  # fmt: skip
def test_what_the_loss_trains(
    name: str, trains_towers: bool, drawn_clip: Backbone, pixels: np.ndarray, tmp_path: Path
) -> None:
    clip = learner(name, drawn_clip, trains_towers)
    value = loss_of(clip, make_manifest(np.arange(N) % 3), pixels, tmp_path, [0, 1, 2])
    found = torch.autograd.grad(value, list(clip.parameters.values()), allow_unused=True)
    moved = {
        each
        for each, gradient in zip(clip.parameters, found, strict=True)
        if gradient is not None and bool(gradient.abs().max() > 0)
    }
    prompts = {"static_prompt": [], "coop": ["context"], "maple": ["context", "deep", "weight", "bias"]}[name]
    assert {each for each in moved if each.startswith("prompt.")} == {f"prompt.{each}" for each in prompts}
    towers = {each for each in moved if each.startswith("tower.")}
    if trains_towers:
        expected = {"visual.conv1.weight", "visual.proj", "text_projection", "token_embedding.weight"}
        expected |= {f"visual.transformer.resblocks.{i}.mlp.c_fc.weight" for i in range(6)}
        expected |= {f"transformer.resblocks.{i}.mlp.c_fc.weight" for i in range(2)}
        assert {f"tower.{each}" for each in expected} <= towers
        assert not any("logit" in each for each in clip.parameters)
    else:
        assert towers == set()
        assert clip.backbone.model is drawn_clip.model
    assert all(not each.requires_grad for each in drawn_clip.model.parameters())


@pytest.mark.parametrize("name", LEARNERS)
def test_the_loss_is_the_cross_entropy_with_what_is_known(
    name: str, drawn_clip: Backbone, pixels: np.ndarray, tmp_path: Path
) -> None:
    pinned: dict[int, tuple[Pin, tuple[int, ...]]] = {
        1: (Pin.RELABELLED, (2,)),
        2: (Pin.AMBIGUOUS, (0, 1)),
    }
    manifest = make_manifest(np.arange(N) % 3, pinned=pinned)
    clip = learner(name, drawn_clip)
    value = float(loss_of(clip, manifest, pixels, tmp_path, [0, 1, 2], epoch=4).detach())
    given = inputs(drawn_clip, pixels, tmp_path)
    live = Live(clip=clip, inputs=given, draws=Draws(manifest.sample_ids, 0), report=silent)
    with torch.no_grad():
        image, text = live.features(np.arange(3), 4), clip.text_features()
        log_p = (drawn_clip.logit_scale * image @ text.T).log_softmax(dim=1)
    expected = -log_p[0, 0] - log_p[1, 2] - 0.5 * (log_p[2, 0] + log_p[2, 1])
    assert value == pytest.approx(float(expected), rel=1e-4)


def test_before_training_a_static_prompt_is_clip_asked_in_these_words(
    drawn_clip: Backbone, pixels: np.ndarray
) -> None:
    clip = learner("static_prompt", drawn_clip)
    tokens = drawn_clip.tokenizer([f"a photo of a {name}." for name in DRAWN])
    with torch.no_grad():
        text = functional.normalize(drawn_clip.model.encode_text(tokens), dim=-1)
        torch.testing.assert_close(clip.text_features(), text, rtol=0, atol=1e-4)
        torch.testing.assert_close(
            clip.image_features(pixels), drawn_clip.image_features(pixels), rtol=0, atol=1e-5
        )


def test_new_prompts_of_maple_change_clip_only_slightly(drawn_clip: Backbone, pixels: np.ndarray) -> None:
    clip, still = learner("maple", drawn_clip), learner("static_prompt", drawn_clip)
    with torch.no_grad():
        images = [each.image_features(pixels) for each in (clip, still)]
        texts = [each.text_features() for each in (clip, still)]
    assert 0.5 < (images[0] * images[1]).sum(dim=1).min() < 0.9999
    assert 0.5 < (texts[0] * texts[1]).sum(dim=1).min() < 0.9999


@pytest.mark.parametrize("name", LEARNERS)
def test_wrong_labels_are_told_from_right_ones(name: str, run_detector: Any) -> None:
    given = np.arange(60) % 3
    given[:12] = (given[:12] + 1) % 3
    true = {f"s{i:03d}": i % 3 for i in range(60)}
    _, found = run_detector(name, make_manifest(given), true)
    assert (found.p_clean[:12, None] < found.p_clean[None, 12:]).mean() > 0.85
    assert found.notes["gmm_ok"]
    assert 0.05 < found.notes["noise_rate"] < 0.5
    assert "on every label" in found.notes["reason"]


def test_trained_long_enough_wrong_labels_are_learned_by_heart(run_detector: Any) -> None:
    given = np.arange(9) % 3
    given[:3] = (given[:3] + 1) % 3
    true = {f"s{i:03d}": i % 3 for i in range(9)}
    settings = {"epochs": 10, "batch_size": 9, "learning_rate": 0.05, "longest_step": 0.0}
    _, found = run_detector("static_prompt", make_manifest(given), true, **settings)
    assert (found.suggested == given).all()


@pytest.mark.parametrize("name", LEARNERS)
def test_without_a_mixture_p_clean_is_the_probability_of_the_given_label(
    name: str, run_detector: Any
) -> None:
    given = np.arange(18) % 3
    true = {f"s{i:03d}": i % 3 for i in range(18)}
    settings = {"post_gmm": False, "epochs": 1, "batch_size": 9}
    _, found = run_detector(name, make_manifest(given), true, **settings)
    # `probs` is tempered; p_clean is not.
    odds = np.log(found.probs[np.arange(18), given]) * found.notes["temperature"]
    all_odds = np.exp(np.log(found.probs) * found.notes["temperature"]).sum(axis=1)
    np.testing.assert_allclose(found.p_clean, np.exp(odds) / all_odds, rtol=1e-3, atol=1e-5)
    assert "how likely the model finds them" in found.notes["reason"]


def test_coop_trains_words_on_stored_features_and_towers_when_asked_to(run_detector: Any) -> None:
    given = np.arange(18) % 3
    true = {f"s{i:03d}": i % 3 for i in range(18)}
    manifest = make_manifest(given)
    _, still = run_detector("coop", manifest, true, epochs=1, views=1)
    _, moved = run_detector("coop", manifest, true, epochs=1, train_encoders=True, learning_rate=0.05)
    assert np.abs(still.embeddings - moved.embeddings).max() > 1e-4
    assert "both towers" in moved.notes["reason"]
    assert "both towers" not in still.notes["reason"]


@pytest.mark.parametrize("name", LEARNERS)
def test_a_run_is_taken_up_after_its_last_epoch(
    name: str, drawn_clip: Backbone, pixels: np.ndarray, tmp_path: Path
) -> None:
    manifest = replace(make_manifest(np.arange(N) % 3), class_prompts=DRAWN)
    config = DETECTORS[name](**{"epochs": 1, "batch_size": 6})  # type: ignore[arg-type]
    given = inputs(drawn_clip, pixels, tmp_path)
    first = load_detector(name)(config, manifest, given, drawn_clip, drawn_clip.runtime, silent)
    events: list[str] = []
    again = load_detector(name)(
        config, manifest, given, drawn_clip, drawn_clip.runtime, lambda event, **values: events.append(event)
    )
    assert "resumed" in events
    assert "epoch" not in events
    np.testing.assert_array_equal(first.p_clean, again.p_clean)
    np.testing.assert_array_equal(first.probs, again.probs)


@pytest.mark.parametrize(("name", "length"), [("static_prompt", 4), ("maple", 4), ("coop", 1)])
def test_a_name_that_is_too_long_loses_its_end_and_that_is_said(
    name: str, length: int, drawn_clip: Backbone, pixels: np.ndarray, tmp_path: Path
) -> None:
    manifest = replace(make_manifest(np.arange(N) % 3), class_prompts=("fox " * 40, "apple", "ship"))
    config = DETECTORS[name](**{"epochs": 1})  # type: ignore[arg-type]
    said: list[str] = []

    def watch(event: str, /, **values: Any) -> None:
        if event == "note":
            said.append(values["message"])

    given = inputs(drawn_clip, pixels, tmp_path)
    found = load_detector(name)(config, manifest, given, drawn_clip, drawn_clip.runtime, watch)
    assert found.notes["context_length"] == length
    assert found.notes["cut_names"] == ["red"]
    assert said[0].startswith("The model reads only the beginning of 1 class names ('red')")


@pytest.mark.parametrize("name", LEARNERS)
def test_other_models_are_refused_in_a_sentence(
    name: str, backbone: Backbone, drawn_clip: Backbone, tmp_path: Path
) -> None:
    manifest, config = make_manifest(np.arange(N) % 3), DETECTORS[name]()
    given = inputs(drawn_clip, np.zeros((N, 64, 64, 3), dtype=np.uint8), tmp_path)
    with pytest.raises(EngineError, match="text side of colours is not CLIP's"):
        load_detector(name)(config, manifest, given, backbone, backbone.runtime, silent)
    vision = CLIPVisionCfg(image_size=64, patch_size=16, width=32, head_width=16, layers=1, pool_type="avg")
    text = CLIPTextCfg(
        context_length=24, vocab_size=drawn_clip.tokenizer.vocab_size, width=48, heads=3, layers=1
    )
    model = CLIP(drawn_clip.embed_dim, vision, text).eval().requires_grad_(False)
    other = replace(drawn_clip, model=model, name="tiny")
    if name == "coop":  # stored features come from any tower
        less = config.model_copy(update={"views": 0, "epochs": 1})
        found = load_detector(name)(less, manifest, given, other, other.runtime, silent)
        assert np.isfinite(found.p_clean).all()
        config = config.model_copy(update={"train_encoders": True})
    with pytest.raises(EngineError, match="image tower of tiny is no plain vision transformer"):
        load_detector(name)(config, manifest, given, other, other.runtime, silent)


def test_two_classes_are_enough_and_two_that_are_read_alike_are_refused(
    run_detector: Any, drawn_clip: Backbone, tmp_path: Path
) -> None:
    given = np.arange(20) % 2
    true = {f"s{i:03d}": i % 2 for i in range(20)}
    _, found = run_detector("coop", make_manifest(given, names=("red", "green")), true)
    assert np.isfinite(found.p_clean).all()
    alike = replace(make_manifest(np.arange(N) % 3), class_prompts=("Polar_bear", "polar  bear", "fox"))
    some = inputs(drawn_clip, np.zeros((N, 64, 64, 3), dtype=np.uint8), tmp_path)
    for name in LEARNERS:
        with pytest.raises(EngineError, match="both read as 'polar bear'"):
            load_detector(name)(DETECTORS[name](), alike, some, drawn_clip, drawn_clip.runtime, silent)
