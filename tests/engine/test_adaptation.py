"""Classifiers from what a run found clean (methods §5, §6, §13.6, §14.2): what they learn, and from whom."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from engine.artifacts import Detection, Neighbours, read_events, write_detection, write_json
from engine.classifier.adaptation import Asked, adapt, summary
from engine.classifier.held_out import Held, read_held
from engine.classifier.imagenet import ImageNetTrunk, load_imagenet
from engine.classifier.lesson import read_settings
from engine.classifier.saved import COSINE_SCALE, SavedClassifier, Trunk, load_classifier
from engine.classifier.supervised import Chosen, _tower_terms, choose, fit
from engine.clip.backbone import Backbone
from engine.draws import Draws
from engine.errors import EngineError
from engine.gradients import TermsOf
from engine.losses import SettingsLoss, generalised_cross_entropy
from engine.manifest import Manifest, Pin
from engine.metrics import accuracy
from engine.progress import silent
from engine.rows import Rows
from engine.runtime import pick_runtime
from engine.settings.adaptation import AdaptationConfig, ImageNetName
from engine.tower import load_image_tower, new_head
from tests.engine.conftest import REPOSITORY, draw, make_manifest, write_run
from tests.engine.tiny_clip import one_core


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    """Steps on a few small pictures are faster on one core, many times so where the others are busy."""
    with one_core():
        yield


N = 24
TRUE = np.arange(N) % 3
GIVEN = np.where(np.arange(N) % 5 == 0, (TRUE + 1) % 3, TRUE)
P_CLEAN = np.where(GIVEN == TRUE, 0.9, 0.1).astype(np.float32)


class Tiny(torch.nn.Module):
    """A network as timm's are: one convolution and, if asked for, a batch normalisation."""

    def __init__(self, normalised: bool):
        super().__init__()
        torch.manual_seed(0)
        self.convolution = torch.nn.Conv2d(3, 6, 4, 4)
        self.norm = torch.nn.BatchNorm2d(6) if normalised else torch.nn.GroupNorm(2, 6)
        self.num_features = 6
        self.default_cfg = {"input_size": (3, 8, 8), "mean": (0.5,) * 3, "std": (0.25,) * 3}

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.norm(self.convolution(image)).relu().mean(dim=(2, 3))


def tiny(normalised: bool) -> ImageNetTrunk:
    return ImageNetTrunk(
        name="resnet50.a1_in1k",
        model=Tiny(normalised),
        runtime=pick_runtime("cpu"),
        learns=True,
        fingerprint="tiny",
    )


def with_head(trunk: Trunk, n_classes: int = 3) -> SavedClassifier:
    head = new_head(trunk.width, n_classes, torch.Generator().manual_seed(1))
    return SavedClassifier(class_names=("red", "green", "blue")[:n_classes], trunk=trunk, head=head)


def pictures(size: int, labels: np.ndarray = TRUE) -> Rows:
    store = np.stack([draw(f"s{i:03d}", int(label), size) for i, label in enumerate(labels)])
    return Rows(store=store, index=np.arange(len(store)), keys=tuple(f"s{i:03d}" for i in range(len(store))))


# -- what is learned ----------------------------------------------------------------------------------


def test_clean_labels_and_what_people_settled_are_learned() -> None:
    manifest = make_manifest(
        GIVEN,
        pinned={
            0: (Pin.RELABELLED, (0,)),
            5: (Pin.CLEAN, (int(GIVEN[5]),)),
            7: (Pin.AMBIGUOUS, (1, 2)),
        },
    )
    p_clean = P_CLEAN.copy()
    p_clean[[0, 5, 7, 9]] = (0.0, 0.2, 0.5, 0.5)  # the threshold itself is not above it
    chosen = choose(manifest, p_clean, AdaptationConfig())
    assert chosen.selected.tolist() == [i in (0, 5, 7) or (GIVEN[i] == TRUE[i] and i != 9) for i in range(N)]
    assert chosen.target[0].tolist() == [1, 0, 0]
    assert chosen.target[5].argmax() == GIVEN[5]
    assert chosen.target[7].tolist() == [0, 0.5, 0.5]
    assert chosen.counts().sum() == chosen.selected.sum()
    assert choose(manifest, p_clean, AdaptationConfig(samples="all")).selected.all()
    assert choose(manifest, p_clean, AdaptationConfig(threshold=0.95)).selected.sum() == 3


def test_a_class_without_clean_samples_may_keep_its_likeliest() -> None:
    p_clean = np.where(GIVEN == 2, 0.3, P_CLEAN).astype(np.float32)
    p_clean[11] = p_clean[14] = 0.4
    without = choose(make_manifest(GIVEN), p_clean, AdaptationConfig())
    assert without.counts()[2] == 0
    chosen = choose(make_manifest(GIVEN), p_clean, AdaptationConfig(at_least=2))
    assert np.flatnonzero(chosen.selected & (GIVEN == 2)).tolist() == [11, 14]
    assert (chosen.counts()[:2] == without.counts()[:2]).all()


def test_one_class_is_not_enough() -> None:
    with pytest.raises(EngineError, match="0 of 24 samples count as clean, of 0 classes"):
        choose(make_manifest(GIVEN), np.zeros(N, dtype=np.float32), AdaptationConfig())


# -- the loss -----------------------------------------------------------------------------------------


def gradients(classifier: SavedClassifier, loss: torch.Tensor) -> list[torch.Tensor]:
    parameters = [*classifier.head.values(), *classifier.trunk.parameters.values()]
    found = torch.autograd.grad(loss, parameters, allow_unused=True)
    return [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, found, strict=True)]


def terms_of(
    config: AdaptationConfig, classifier: SavedClassifier, chosen: Chosen, pixels: Rows, manifest: Manifest
) -> TermsOf:
    loss = SettingsLoss(config, *chosen.target.shape, device=torch.device("cpu"))
    loss.begin()
    return _tower_terms(config, classifier, chosen, loss, pixels, Draws(manifest.sample_ids, 0))


def masked_loss(classifier: SavedClassifier, chosen: Any, rows: np.ndarray, pixels: Rows) -> torch.Tensor:
    """Return the loss as DeFT computes it: all pictures of the batch go in, the unselected drop out after."""
    logits = classifier.logits(classifier.trunk.pooled(pixels.take(rows)))
    losses = torch.nn.functional.cross_entropy(logits, torch.from_numpy(GIVEN[rows]), reduction="none")
    return losses[torch.from_numpy(chosen.selected[rows])].mean()


@pytest.mark.parametrize("network", ["clip", "group", "batch"])
def test_dropping_before_equals_masking_after(network: str, drawn_clip: Backbone) -> None:
    trunk: Trunk
    if network == "clip":
        trunk = load_image_tower(drawn_clip, "blocks", torch.Generator().manual_seed(0), last_blocks=1)
    else:
        trunk = tiny(network == "batch")
    classifier, pixels = with_head(trunk), pictures(trunk.image_size)
    manifest = make_manifest(GIVEN)
    config, rows = AdaptationConfig(augment=False), np.arange(12)
    chosen = choose(manifest, P_CLEAN, config)
    found = terms_of(config, classifier, chosen, pixels, manifest)(rows, 1)
    total, count = found.losses["classes"]
    assert count == chosen.selected[rows].sum() < 12
    assert found.shares["selected"] == (count, 12.0)
    ours = gradients(classifier, total / count)
    theirs = gradients(classifier, masked_loss(classifier, chosen, rows, pixels))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)
    assert any(each.abs().max() > 1e-4 for each in ours[2:])


def test_with_batch_normalisation_the_others_are_seen() -> None:
    """Dropping them before the forward would be another training (methods §13.6, item 5)."""
    classifier, pixels = with_head(tiny(normalised=True)), pictures(8)
    chosen = choose(make_manifest(GIVEN), P_CLEAN, AdaptationConfig())
    rows = np.arange(12)
    kept = rows[chosen.selected[rows]]
    masked = masked_loss(classifier, chosen, rows, pixels)
    dropped = masked_loss(classifier, chosen, kept, pixels)
    assert abs(float(masked.detach()) - float(dropped.detach())) > 1e-4


def test_a_batch_without_clean_samples_is_no_step() -> None:
    manifest, config = make_manifest(GIVEN), AdaptationConfig(adapter="full")
    classifier, pixels = with_head(tiny(normalised=False)), pictures(8)
    chosen = choose(manifest, P_CLEAN, config)
    unselected = np.flatnonzero(~chosen.selected)
    terms = terms_of(config, classifier, chosen, pixels, manifest)
    value, count = terms(unselected, 1).losses["classes"]
    assert (float(value), count) == (0.0, 0.0)
    assert not value.requires_grad


def test_a_soft_target_is_learned_as_one() -> None:
    manifest = make_manifest(GIVEN, pinned={0: (Pin.AMBIGUOUS, (1, 2))})
    classifier, pixels = with_head(tiny(normalised=False)), pictures(8)
    config = AdaptationConfig(augment=False)
    chosen = choose(manifest, P_CLEAN, config)
    terms = terms_of(config, classifier, chosen, pixels, manifest)
    value, _ = terms(np.asarray([0]), 1).losses["classes"]
    logs = classifier.logits(classifier.trunk.pooled(pixels.take([0]))).log_softmax(dim=-1)
    torch.testing.assert_close(value, -0.5 * (logs[0, 1] + logs[0, 2]))


def test_another_loss_learns_what_nobody_settled() -> None:
    """The rows GCE, SCE and ELR of the papers' tables; what people said is no label to be forgiven."""
    manifest = make_manifest(GIVEN, pinned={0: (Pin.RELABELLED, (2,))})
    classifier, pixels = with_head(tiny(normalised=False)), pictures(8)
    config = AdaptationConfig(augment=False, loss="gce", samples="all")
    chosen = choose(manifest, P_CLEAN, config)
    value, count = terms_of(config, classifier, chosen, pixels, manifest)(np.arange(6), 1).losses["classes"]
    logits = classifier.logits(classifier.trunk.pooled(pixels.take(np.arange(6))))
    forgiving = generalised_cross_entropy(logits[1:], torch.from_numpy(chosen.target[1:6]), 0.7)
    torch.testing.assert_close(value, forgiving.sum() - logits[0].log_softmax(dim=-1)[2])
    assert count == 6


# -- the training -------------------------------------------------------------------------------------


def trained(manifest: Manifest, trunk: Trunk, pixels: Rows, **settings: Any) -> SavedClassifier:
    config = AdaptationConfig(model="resnet50.a1_in1k", adapter="full", epochs=2, batch_size=8, **settings)
    classifier = with_head(trunk)
    chosen = choose(manifest, np.full(len(manifest), 0.9, dtype=np.float32), config)
    draws = Draws(manifest.sample_ids, 0)
    fit(config, config.recipe("full"), classifier, chosen, pixels, draws, None, silent)
    return classifier


def test_the_order_of_the_table_does_not_matter() -> None:
    manifest, pixels = make_manifest(GIVEN), pictures(8)
    order = np.random.default_rng(0).permutation(N)
    moved = replace(pixels, index=order, keys=tuple(pixels.keys[i] for i in order))
    first = trained(manifest, tiny(normalised=False), pixels)
    second = trained(manifest.take(order.tolist()), tiny(normalised=False), moved)
    for name, value in first.head.items():
        torch.testing.assert_close(value, second.head[name], rtol=0, atol=1e-6)


def test_accuracy_on_held_out_pictures_is_told_after_each_epoch() -> None:
    held = Held(pixels=pictures(8, TRUE[:9]), labels=TRUE[:9])
    config = AdaptationConfig(model="convnext_tiny.fb_in1k", adapter="full", learning_rate=0.05, epochs=6)
    manifest, classifier = make_manifest(GIVEN), with_head(tiny(normalised=True))
    chosen, draws = choose(manifest, P_CLEAN, config), Draws(manifest.sample_ids, 0)
    history = fit(
        config, config.recipe("full"), classifier, chosen, pictures(8), draws, None, silent, held=held
    )
    told = [each.figures for each in history]
    assert len(told) == 6
    assert all(each["top5"] == 1.0 for each in told)  # of three classes the five likeliest are all
    probs = classifier.classify(held.pixels, batch_size=4, report=silent)
    assert told[-1]["accuracy"] == accuracy(probs.argmax(axis=1), held.labels) == 1.0
    assert {each.selected for each in history} == {float((P_CLEAN > 0.5).mean())}


@pytest.mark.parametrize(
    ("model", "adapter", "expected"),
    [
        ("clip", "blocks", ("sgd", 5e-4, 5e-4, 0.9, 10, 64, "cosine")),
        ("clip", "vpt", ("sgd", 3e-2, 5e-4, 0.9, 10, 64, "cosine")),
        ("clip", "none", ("adamw", 1e-3, 1e-6, 0.9, 20, 128, "constant")),
        ("vit_base_patch16_224.augreg_in1k", "full", ("sgd", 1e-2, 1e-5, 0.0, 10, 64, "cosine")),
        ("vit_base_patch16_224.mae", "full", ("adamw", 1e-4, 1e-3, 0.9, 10, 64, "cosine")),
    ],
)
def test_what_is_not_set_is_as_published(model: Any, adapter: Any, expected: tuple) -> None:
    recipe = AdaptationConfig(model=model).recipe(adapter)
    names = (
        "optimiser",
        "learning_rate",
        "weight_decay",
        "momentum",
        "epochs",
        "batch_size",
        "schedule",
    )
    assert tuple(getattr(recipe, name) for name in names) == expected
    own = AdaptationConfig(model=model, epochs=3, momentum=0.5).recipe(adapter)
    assert own == replace(recipe, epochs=3, momentum=0.5)


# -- the command --------------------------------------------------------------------------------------


def finished_run(place: Path, n: int = N) -> Path:
    manifest = make_manifest(GIVEN[:n], pinned={0: (Pin.RELABELLED, (0,)), 3: (Pin.EXCLUDED, ())})
    run_dir = write_run(place / "run", manifest, "bundled")
    for i, path in enumerate(manifest.paths):
        Image.fromarray(draw(path, int(TRUE[i]), 32)).save(place / "images" / path)
    active = manifest.active()
    rows = [int(each[1:]) for each in active.sample_ids]
    detection = Detection(
        p_clean=P_CLEAN[rows],
        probs=np.full((len(active), 3), 1 / 3, dtype=np.float32),
        embeddings=np.ones((len(active), 2), dtype=np.float32),
        suggested=TRUE[rows],
        suggested_probability=np.full(len(active), 1 / 3),
    )
    none = np.zeros((len(active), 0))
    write_detection(
        run_dir,
        active.sample_ids,
        active.class_names,
        active.given,
        detection,
        Neighbours(rows=none, similarities=none),
    )
    write_json(run_dir / "result.json", {"detector": "transition"})
    return run_dir


def held_table(place: Path) -> Path:
    (place / "held").mkdir()
    lines = ["path,label,comment"]
    for i in range(9):
        Image.fromarray(draw(f"h{i}", i % 3, 32)).save(place / "held" / f"h{i}.png")
        lines.append(f"h{i}.png,{('red', 'green', 'blue')[i % 3]},x")
    (place / "held" / "labels.csv").write_text("\n".join(lines), encoding="utf-8-sig")
    return place / "held" / "labels.csv"


@pytest.mark.parametrize(
    ("adapter", "settings"),
    [
        ("none", {}),
        ("none", {"head_init": "text"}),
        ("lora", {"epochs": 2}),
        ("blocks", {"epochs": 2, "last_blocks": 1}),
        ("vpt_shallow", {"epochs": 2, "prompt_length": 3}),
    ],
)
def test_a_classifier_of_clip_is_written_and_says_the_same_when_it_is_read(
    tmp_path: Path, adapter: str, settings: dict[str, Any]
) -> None:
    run_dir, out = finished_run(tmp_path), tmp_path / "made" / "classifier"
    config = read_settings({"adapter": adapter, "batch_size": 8, **settings})
    table = held_table(tmp_path)
    result = adapt(Asked(run_dir=run_dir, config=config, device="cpu", held=table), out)
    assert sorted(p.name for p in out.iterdir()) == [
        "classifier.json",
        "classifier.safetensors",
        "events.jsonl",
    ]
    assert result == json.loads((out / "classifier.json").read_text())
    assert result["samples"]["n"] == N - 1
    assert result["samples"]["selected"] == (P_CLEAN > 0.5).sum() - 1 + 1  # without row 3, with row 0
    assert result["samples"]["settled"] == 1
    assert result["class_names"] == ["red", "green", "blue"]
    assert result["head"] == ("cosine" if "head_init" in settings else "linear")
    assert result["metrics"]["accuracy"]["last"] == result["history"][-1]["figures"]["accuracy"]
    assert result["metrics"]["accuracy"]["last"] == 1.0 or adapter != "none"
    assert f"of {N - 1} samples" in summary(result)
    loaded = load_classifier(out, pick_runtime("cpu"))
    assert all(p.is_leaf for p in loaded.trunk.parameters.values())
    held = read_held(table, loaded.class_names, tmp_path / "cache", loaded.trunk.image_size, silent, print)
    probs = loaded.classify(held.pixels, batch_size=4, report=silent)
    np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=1e-5)
    assert accuracy(probs.argmax(axis=1), held.labels) == result["metrics"]["accuracy"]["last"]
    tensors = load_file(out / "classifier.safetensors")
    own = {**loaded.head, **loaded.trunk.parameters}
    assert all(torch.equal(own[name], value) for name, value in tensors.items())
    assert (adapter == "none") == all(name.startswith("head.") for name in own)


def test_a_head_from_text_begins_as_clip(drawn_clip: Backbone, tmp_path: Path) -> None:
    from engine.classifier.new import make_classifier
    from engine.config import read_config

    run_dir = finished_run(tmp_path)
    manifest = make_manifest(GIVEN)
    config = AdaptationConfig(adapter="none", head_init="text")
    new = make_classifier(config, run_dir, read_config(run_dir / "config.toml"), manifest).classifier
    text_KD = torch.from_numpy(drawn_clip.class_features(manifest.class_prompts))
    visual: Any = drawn_clip.model.visual
    pooled = torch.randn(4, visual.conv1.out_channels)
    expected = torch.nn.functional.cosine_similarity(pooled[:, None], (text_KD @ visual.proj.T)[None], dim=-1)
    torch.testing.assert_close(new.logits(pooled), COSINE_SCALE * expected, rtol=1e-4, atol=1e-4)


def imagenet_file(place: Path, name: ImageNetName) -> Path:
    torch.manual_seed(0)
    model: Any = timm.create_model(name, pretrained=False)
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, place / "w.safetensors")
    return place / "w.safetensors"


def test_a_network_from_imagenet_is_probed_with_its_own_file(tmp_path: Path) -> None:
    run_dir, file = finished_run(tmp_path, 6), imagenet_file(tmp_path, "convnext_tiny.fb_in1k")
    config = read_settings({"model": "convnext_tiny.fb_in1k", "weights": str(file), "epochs": 1})
    result = adapt(Asked(run_dir=run_dir, config=config, device="cpu"), tmp_path / "out")
    assert (result["adapter"], result["model"]) == ("none", "convnext_tiny.fb_in1k")
    assert result["metrics"] == {}
    assert result["preprocessing"]["image_size"] == 224
    loaded = load_classifier(tmp_path / "out", pick_runtime("cpu"))
    trunk = loaded.trunk
    assert isinstance(trunk, ImageNetTrunk)
    assert trunk.parameters == {}
    overlay = {"file": str(file)}
    model: Any = timm.create_model(
        "convnext_tiny.fb_in1k", pretrained=True, num_classes=0, pretrained_cfg_overlay=overlay
    )
    pixels = pictures(224, TRUE[:2])
    image = torch.from_numpy(pixels.store).permute(0, 3, 1, 2) / 255
    mean, std = (torch.tensor(each).view(3, 1, 1) for each in (trunk.mean, trunk.std))
    with torch.inference_mode():
        expected = model.eval()((image - mean) / std)
        torch.testing.assert_close(trunk.pooled(pixels.store), expected, rtol=1e-4, atol=1e-4)
    moved = tmp_path / "moved.safetensors"
    file.rename(moved)
    with pytest.raises(EngineError, match=r"w.safetensors of convnext_tiny.fb_in1k are no .safetensors file"):
        load_classifier(tmp_path / "out", pick_runtime("cpu"))
    load_classifier(tmp_path / "out", pick_runtime("cpu"), weights=str(moved))


def test_weights_that_are_missing_or_of_another_network_are_told(tmp_path: Path) -> None:
    cpu = pick_runtime("cpu")
    with pytest.raises(EngineError, match=r"not on this computer: fetch model.safetensors of timm/resnet50"):
        load_imagenet("resnet50.a1_in1k", cpu, weights="", learns=True)
    file = tmp_path / "other.safetensors"
    save_file({"fc.weight": torch.zeros(2, 2)}, file)
    with pytest.raises(EngineError, match=r"damaged or not those of resnet50\.a1_in1k"):
        load_imagenet("resnet50.a1_in1k", cpu, weights=str(file), learns=True)
    file.write_bytes(b"none")
    with pytest.raises(EngineError, match="damaged or not those"):
        load_imagenet("resnet50.a1_in1k", cpu, weights=str(file), learns=True)


@pytest.mark.parametrize("name", get_args(ImageNetName))
def test_timm_still_has_the_networks_of_the_paper(name: str) -> None:
    with torch.device("meta"):
        model: Any = timm.create_model(name, pretrained=False, num_classes=0)
    norms = any(isinstance(each, torch.nn.BatchNorm2d) for each in model.modules())
    assert norms == name.startswith("resnet")
    assert model.default_cfg["hf_hub_id"] == f"timm/{name}"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"model": "resnet50.a1_in1k", "adapter": "lora"}, "learns with none or full"),
        ({"model": "resnet50.a1_in1k", "head_init": "text"}, "knows no text"),
        ({"adapter": "lora", "last_blocks": 99}, "last_blocks is 99"),
        ({"weights": "/nowhere.pt"}, "do not exist"),
    ],
)
def test_what_does_not_go_together_is_told(tmp_path: Path, values: dict[str, Any], sentence: str) -> None:
    run_dir = finished_run(tmp_path)
    with pytest.raises(EngineError, match=sentence):
        adapt(Asked(run_dir=run_dir, config=read_settings(values), device="cpu"), tmp_path / "out")
    assert json.loads((tmp_path / "out" / "classifier.error.json").read_text())["kind"] == "EngineError"
    assert not (tmp_path / "out" / "classifier.json").exists()


def test_folders_that_do_not_fit_are_told(tmp_path: Path) -> None:
    run_dir = finished_run(tmp_path)
    asked = Asked(run_dir=run_dir, config=AdaptationConfig(epochs=1), device="cpu")
    with pytest.raises(EngineError, match="is a run directory"):
        adapt(asked, run_dir)
    missing = tmp_path / "none.csv"
    with pytest.raises(EngineError, match="--test names a table"):
        adapt(replace(asked, held=missing), tmp_path / "out")
    missing.write_text("path,label\nx.png,violet\n")
    with pytest.raises(EngineError, match="line 2: the label 'violet' is none of the classes"):
        adapt(replace(asked, held=missing), tmp_path / "out")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "classifier.json").write_text("{}")
    with pytest.raises(EngineError, match="holds a classifier already"):
        adapt(asked, tmp_path / "full")
    os.remove(run_dir / "result.json")
    with pytest.raises(EngineError, match="trained on a finished run"):
        adapt(asked, tmp_path / "out")


def test_a_classifier_that_was_changed_is_not_used(tmp_path: Path) -> None:
    run_dir, out = finished_run(tmp_path), tmp_path / "out"
    adapt(Asked(run_dir=run_dir, config=AdaptationConfig(epochs=1), device="cpu"), out)
    words = json.loads((out / "classifier.json").read_text())
    cpu = pick_runtime("cpu")
    write_json(out / "classifier.json", {**words, "fingerprint": "other"})
    with pytest.raises(EngineError, match="not those that the classifier was trained with"):
        load_classifier(out, cpu)
    write_json(out / "classifier.json", {**words, "adapter": "lora"})
    with pytest.raises(EngineError, match="does not hold what"):
        load_classifier(out, cpu)
    write_json(out / "classifier.json", {**words, "format": 2})
    with pytest.raises(EngineError, match=r"format is 2"):
        load_classifier(out, cpu)
    write_json(out / "classifier.json", words)
    with (out / "classifier.safetensors").open("ab") as file:
        file.write(b"x")
    with pytest.raises(EngineError, match=r"train the classifier again|not the file"):
        load_classifier(out, cpu)


@pytest.mark.parametrize("loss", ["ce", "elr"])
def test_a_training_that_was_stopped_goes_on(loss: str, tmp_path: Path) -> None:
    run_dir = finished_run(tmp_path)
    values = {"adapter": "lora", "last_blocks": 1, "epochs": 3, "learning_rate": 0.01, "loss": loss}
    config = read_settings(values)
    asked = Asked(run_dir=run_dir, config=config, device="cpu")
    whole = adapt(asked, tmp_path / "whole")

    class Interrupted(Exception):
        pass

    def interrupt(event: str, /, **values: Any) -> None:
        if event == "epoch" and values["epoch"] == 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        adapt(asked, tmp_path / "parts", interrupt)
    assert not (tmp_path / "parts" / "classifier.json").exists()
    resumed = adapt(asked, tmp_path / "parts")
    assert any(each["event"] == "resumed" for each in read_events(tmp_path / "parts"))
    assert resumed["digest"] == whole["digest"]
    assert not (tmp_path / "parts" / "checkpoint.safetensors").exists()


def test_the_command_trains_and_says_so(tmp_path: Path) -> None:
    run_dir = finished_run(tmp_path)
    command = [sys.executable, "-m", "engine", "adapt", str(run_dir), "--out", str(tmp_path / "out")]
    command += ["--set", "epochs=2", "--set", "adapter=none", "--test", str(held_table(tmp_path))]
    answer = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)
    assert answer.returncode == 0, answer.stderr
    assert "clip (none): 19 of 23 samples, 2 epochs" in answer.stdout
    assert "held-out images" in answer.stdout
    wrong = subprocess.run(
        [*command, "--set", "epoch=2"], cwd=REPOSITORY, capture_output=True, text=True, timeout=120
    )
    assert wrong.returncode == 1
    assert "Did you mean adapt.epochs?" in wrong.stderr
