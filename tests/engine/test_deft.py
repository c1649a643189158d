"""DeFT: what each loss trains, what counts as clean, and the word of people (methods §4, §12.3, §14, §20)."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.clip.backbone import Backbone
from engine.clip.names import read_names
from engine.clip.text import text_width
from engine.clip.vision import new_prompts
from engine.detectors import Inputs
from engine.detectors.deft import _context, _plan, detect
from engine.detectors.deft.answers import smaller_chance
from engine.detectors.deft.terms import (
    Labels,
    Negatives,
    Prompts,
    counterexamples,
    read_labels,
    selected,
    terms_of,
)
from engine.draws import Draws
from engine.errors import EngineError
from engine.manifest import Manifest, Pin
from engine.progress import silent
from engine.rows import Rows
from engine.settings import DeftConfig
from engine.training import Terms
from tests.engine.conftest import DRAWN, make_manifest

N = 24
CPU = torch.device("cpu")


class Setting:
    """A batch of pictures with everything that the loss needs, and the loss."""

    def __init__(self, clip: Backbone, pictures: list[np.ndarray], manifest: Manifest, **settings: Any):
        generator = torch.Generator().manual_seed(5)
        width = text_width(clip.model)
        names = read_names(clip.tokenizer, DRAWN[: manifest.n_classes], n_context=4, context_length=24)
        # Much larger than at the beginning, so that the classes are told apart.
        self.parameters = {
            "positive": (0.5 * torch.randn(4, width, generator=generator)).requires_grad_(),
            "negative": (0.5 * torch.randn(4, width, generator=generator)).requires_grad_(),
            "prompts": new_prompts(clip.model.visual, 3, generator).requires_grad_(),
        }
        pixels = np.concatenate(pictures)[:: len(np.concatenate(pictures)) // N][:N]
        self.images = clip.image_features(pixels, None, self.parameters["prompts"])
        self.config = DeftConfig(**settings)
        self.labels = read_labels(manifest, CPU)
        self.prompts = Prompts(
            backbone=clip,
            names=names,
            positive=self.parameters["positive"],
            negative=self.parameters["negative"],
        )
        self.draws = Draws(manifest.sample_ids, 0)
        self.clip, self.manifest = clip, manifest

    def terms(self, epoch: int, rows: np.ndarray | None = None) -> Terms:
        images = self.images

        class Fixed:
            name, reason = "fixed", ""

            def features(self, rows: np.ndarray, epoch: int) -> torch.Tensor:
                return images[torch.from_numpy(rows)]

        tower: Any = Fixed()
        loss = terms_of(self.config, tower, self.prompts, self.labels, self.draws)
        return loss(np.arange(N) if rows is None else rows, epoch)

    def gradients(self, value: torch.Tensor) -> set[str]:
        """Return the names of the parameters that `value` moves."""
        found = torch.autograd.grad(
            value, list(self.parameters.values()), allow_unused=True, retain_graph=True
        )
        return {
            name
            for name, gradient in zip(self.parameters, found, strict=True)
            if gradient is not None and bool(gradient.abs().max() > 0)
        }


@pytest.fixture
def setting(drawn_clip: Backbone, drawn_pictures: list[np.ndarray]) -> Callable[..., Setting]:
    def make(manifest: Manifest | None = None, **settings: Any) -> Setting:
        given = np.arange(N) * 3 // N
        given[::5] = (given[::5] + 1) % 3
        return Setting(drawn_clip, drawn_pictures, manifest or make_manifest(given), **settings)

    return make


@pytest.mark.parametrize("noise", ["real", "planted", "severe"])
@pytest.mark.parametrize("epoch", [1, 2])
def test_each_loss_trains_what_the_code_of_deft_trains(setting: Any, noise: str, epoch: int) -> None:
    it = setting(noise=noise)
    found = it.terms(epoch)
    assert it.gradients(found.losses["pair"][0]) == {"negative"}
    assert it.gradients(found.losses["similarity"][0]) == {"positive", "prompts"}
    assert all(not each.requires_grad for each in it.clip.model.parameters())
    (gradient,) = torch.autograd.grad(found.losses["similarity"][0], it.parameters["prompts"])
    assert (gradient.abs().amax(dim=(1, 2)) > 0).all()  # of every layer


def test_without_the_detachment_the_pair_trains_everything(setting: Any) -> None:
    it = setting(detach_dp=False)
    assert it.gradients(it.terms(2).losses["pair"][0]) == {"negative", "positive", "prompts"}


@pytest.mark.parametrize("noise", ["real", "planted", "severe"])
@pytest.mark.parametrize("epoch", [1, 2])
def test_the_losses_equal_a_plain_loop(setting: Any, noise: str, epoch: int) -> None:
    it = setting(noise=noise)
    found = it.terms(epoch)
    image = it.images.detach().numpy()
    with torch.no_grad():
        texts = [it.prompts.features(it.parameters[name]).numpy() for name in ("positive", "negative")]
    plus, minus = (it.clip.logit_scale * image @ text.T for text in texts)
    p = 1 / (1 + np.exp(-(plus - minus).astype(np.float64)))
    draw = it.draws.uniform("complement", epoch)
    pair = similarity = count = kept = 0.0
    for i in range(N):
        y = int(it.manifest.given[i])
        clean = p[i, y] > 0.5 and (noise != "real" or p[i].argmax() == y)
        kept += clean
        t = y if epoch == 1 or clean else int(plus[i].argmax())
        others = [k for k in range(3) if k not in (y, t)]
        wrong = others[int(draw[i] * len(others))]
        scale = 0.25 if noise == "severe" else 1.0
        pair += scale * -math.log(max(p[i, t], 1e-5)) - math.log(max(1 - p[i, wrong], 1e-5))
        if epoch == 1 or clean:
            q = np.exp(plus[i] - plus[i].max())
            q /= q.sum()
            reverse = 9.2103404 * (1 - q[y]) if epoch == 1 and noise == "real" else 0.0
            similarity += -math.log(q[y]) + reverse
            count += 1
    assert 0 < kept < N
    assert float(found.losses["pair"][0].detach()) == pytest.approx(pair, rel=1e-3)
    assert found.losses["pair"][1] == N
    assert float(found.losses["similarity"][0].detach()) == pytest.approx(similarity, rel=1e-3)
    assert found.losses["similarity"][1] == count
    assert found.shares["selected"] == (kept, N)


def test_a_batch_in_which_nothing_is_clean_has_a_loss_all_the_same(setting: Any) -> None:
    it = setting(noise="planted")
    with torch.no_grad():  # the negative prompt wins for every class
        it.parameters["negative"].copy_(it.parameters["positive"])
    found = it.terms(2)
    assert found.shares["selected"] == (0.0, N)  # a tie is not clean
    assert found.losses["similarity"][1] == 0
    assert float(found.losses["similarity"][0]) == 0
    assert math.isfinite(float(found.losses["pair"][0]))


def test_what_counts_as_clean() -> None:
    margin = torch.tensor([[0.2, 0.1, -3.0], [0.2, 0.3, -3.0], [0.0, -1.0, -1.0], [-0.1, -1.0, -1.0]])
    label = torch.zeros(4, dtype=torch.int64)
    assert selected(margin, label, "planted").tolist() == [True, True, False, False]
    assert selected(margin, label, "real").tolist() == [True, False, False, False]


def test_the_text_tower_runs_only_for_the_classes_of_the_batch(setting: Any, monkeypatch: Any) -> None:
    it = setting()
    asked: list[Any] = []
    features = Prompts.features

    def watched(self: Prompts, context: torch.Tensor, rows: torch.Tensor | None = None) -> torch.Tensor:
        asked.append(None if rows is None else rows.tolist())
        return features(self, context, rows)

    monkeypatch.setattr(Prompts, "features", watched)
    image = it.images[:1]  # 3 classes are more than twice one image
    everything = Negatives(it.prompts, it.images, 3, it.config).logits(torch.tensor([0]))[:1]
    wanted = ((DeftConfig(noise="planted"), [[0, 2], [1]]), (DeftConfig(noise="real"), [None, [1]]))
    for config, expected in wanted:
        asked.clear()
        negatives = Negatives(it.prompts, image, 3, config)
        values = negatives.values(torch.tensor([2, 0, 2]))
        logits = negatives.logits(torch.tensor([1]))
        assert asked == expected
        torch.testing.assert_close(values[:, [0, 2]], everything[:, [0, 2]], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(logits[:, 1], everything[:, 1], rtol=1e-4, atol=1e-4)
        assert not values.requires_grad
        assert logits.requires_grad
        assert logits[0, 0] == logits[0, 2] == 0


# -- counterexamples ---------------------------------------------------------------------------------


def known(target: list[list[float]], rejected: list[int] | None = None) -> Labels:
    target_NK = torch.tensor(target)
    n = len(target)
    return Labels(
        target=target_NK,
        label=target_NK.argmax(dim=1),
        is_settled=torch.zeros(n, dtype=torch.bool),
        is_ambiguous=(target_NK > 0).sum(dim=1) > 1,
        rejected=torch.tensor(rejected or [-1] * n),
    )


@pytest.mark.parametrize("n_classes", [3, 5])
def test_a_counterexample_is_neither_label_nor_target_and_each_other_class_as_often(n_classes: int) -> None:
    n = 6000
    label = torch.arange(n) % n_classes
    target = torch.where(torch.arange(n) % 2 == 0, label, (label + 1) % n_classes)
    labels = known(torch.nn.functional.one_hot(label, n_classes).float().tolist())
    draw = torch.from_numpy(Draws([f"{i}" for i in range(n)], 0).uniform("complement", 1))
    wrong, counts = counterexamples(labels, target, draw, torch.zeros(n, dtype=torch.bool))
    assert counts.all()
    assert not ((wrong == label) | (wrong == target)).any()
    for offset in range(1, n_classes):
        same = (wrong[::2] - label[::2]) % n_classes == offset
        assert same.float().mean() == pytest.approx(1 / (n_classes - 1), abs=0.03)


def test_of_two_classes_the_counterexample_is_the_one_that_is_not_the_target() -> None:
    labels = known([[1.0, 0.0], [1.0, 0.0]])
    target = torch.tensor([0, 1])  # the second was refined against its label
    wrong, counts = counterexamples(labels, target, torch.rand(2), torch.zeros(2, dtype=torch.bool))
    assert wrong.tolist() == [1, 0]
    assert counts.all()


def test_an_ambiguous_sample_is_never_told_that_it_is_not_one_of_its_classes() -> None:
    labels = known([[0.5, 0.5, 0.0], [1 / 3, 1 / 3, 1 / 3]])
    wrong, counts = counterexamples(labels, labels.label, torch.rand(2), torch.zeros(2, dtype=torch.bool))
    assert wrong[0] == 2
    assert counts.tolist() == [True, False]


def test_a_label_that_people_rejected_is_a_counterexample_when_drawn() -> None:
    labels = known([[0.0, 1.0, 0.0, 0.0]] * 2 + [[1.0, 0.0, 0.0, 0.0]], rejected=[3, 3, -1])
    drawn = torch.tensor([True, False, True])
    wrong, _ = counterexamples(labels, labels.label, torch.zeros(3, dtype=torch.float64), drawn)
    assert wrong.tolist() == [3, 0, 1]


# -- people ------------------------------------------------------------------------------------------


def test_settled_labels_are_learned_whatever_the_prompts_say(setting: Any) -> None:
    given = np.arange(N) * 3 // N
    pinned: dict[int, tuple[Pin, tuple[int, ...]]] = {
        i: (Pin.RELABELLED, (int(given[i] + 1) % 3,)) for i in range(0, N, 3)
    }
    pinned |= {1: (Pin.AMBIGUOUS, (0, 2)), 2: (Pin.CLEAN, (int(given[2]),))}
    it = setting(make_manifest(given, pinned=pinned), noise="planted")
    assert it.labels.label[0] == 1
    assert it.labels.rejected[0] == 0
    assert it.labels.rejected[2] == -1
    assert it.labels.target[1].tolist() == [0.5, 0.0, 0.5]
    settled = np.asarray(sorted(pinned))
    found = it.terms(2, settled)
    assert found.losses["similarity"][1] == len(settled)  # all of them
    assert found.shares["selected"] == (0.0, 0.0)  # and none of them counts as found
    assert found.shares["agreement"][1] == len(settled) - 1  # an ambiguous sample has no single answer
    with torch.no_grad():
        plus = it.prompts.logits(it.images, it.prompts.features(it.parameters["positive"]))
    log_q = plus.log_softmax(dim=1)[settled]
    expected = -(log_q * it.labels.target[settled]).sum()
    assert float(found.losses["similarity"][0].detach()) == pytest.approx(float(expected), rel=1e-4)


def test_the_draws_do_not_depend_on_the_pins(setting: Any) -> None:
    given = np.arange(N) * 3 // N
    free = setting(make_manifest(given), noise="planted")
    pinned = setting(make_manifest(given, pinned={0: (Pin.CLEAN, (0,))}), noise="planted")
    others = np.arange(1, N)
    for name in ("pair", "similarity"):
        first, second = (it.terms(2, others).losses[name][0] for it in (free, pinned))
        assert torch.equal(first, second)


def test_with_every_label_pinned_it_is_supervised_training(run_detector: Any) -> None:
    # One sample stays open, because a run without one has nothing to find.
    given = np.arange(90) % 3
    wrong = np.random.default_rng(0).permutation(89)[:30]
    shown = given.copy()
    shown[wrong] = (shown[wrong] + 1) % 3
    pinned = {i: (Pin.RELABELLED if i in wrong else Pin.CLEAN, (int(given[i]),)) for i in range(89)}
    true = {f"s{i:03d}": int(given[i]) for i in range(90)}
    settings = {"epochs": 20, "batch_size": 8, "noise": "planted"}
    _, found = run_detector("deft", make_manifest(shown, pinned=pinned), true, **settings)
    assert (found.suggested == given).mean() > 0.9
    assert found.notes["selected"] is not None
    np.testing.assert_array_equal(found.p_clean[wrong], 0)


# -- the whole ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", ["real", "planted", "severe"])
def test_wrong_labels_are_told_from_right_ones(run_detector: Any, noise: str) -> None:
    given = np.arange(90) % 3
    given[:18] = (given[:18] + 1) % 3
    true = {f"s{i:03d}": i % 3 for i in range(90)}
    _, found = run_detector("deft", make_manifest(given), true, noise=noise, epochs=10, warm_up=4)
    assert found.notes["tower"] == "frozen"
    assert (found.p_clean[:18, None] < found.p_clean[None, 18:]).mean() > 0.85
    own = found.own_chance
    assert (own[:18] < 0.5).mean() > 0.5 > (own[18:] < 0.5).mean()
    np.testing.assert_array_equal(np.minimum(own, found.p_clean) if noise == "real" else own, found.p_clean)


def test_prompts_in_the_image_tower_change_what_it_sees(run_detector: Any) -> None:
    given = np.arange(30) % 3
    true = {f"s{i:03d}": i % 3 for i in range(30)}
    _, still = run_detector("deft", make_manifest(given), true, epochs=2)
    _, moved = run_detector("deft", make_manifest(given), true, epochs=2, tower="vpt", prompt_length=3)
    assert moved.notes["tower"] == "vpt"
    assert moved.embeddings.shape == still.embeddings.shape
    assert (moved.embeddings * still.embeddings).sum(axis=1).mean() < 0.999


@pytest.mark.parametrize("tower", ["lora", "adapter", "bitfit", "full"])
def test_other_adapters_learn_in_the_image_tower_too(tower: Any, run_detector: Any) -> None:
    given = np.arange(30) % 3
    true = {f"s{i:03d}": i % 3 for i in range(30)}
    _, still = run_detector("deft", make_manifest(given), true, epochs=1)
    _, moved = run_detector("deft", make_manifest(given), true, epochs=2, tower=tower)
    assert moved.notes["tower"] == tower
    assert "image tower (as asked for)" in moved.notes["reason"]
    assert 1e-4 < np.abs(moved.embeddings - still.embeddings).max() < 0.5  # it learned, and is CLIP still


def test_the_weights_of_the_tower_learn_slowly() -> None:
    plain, weights = (_plan(DeftConfig(), tower).shares for tower in ("lora", "full"))
    assert plain == {}
    assert 0.03 * weights["tower."] == pytest.approx(5e-4)


def test_p_clean_of_peoples_mistakes_is_the_smaller_of_two_chances() -> None:
    margin = np.asarray([[2.0, 1.0, -1.0], [1.0, 2.0, 0.0], [-1.0, -2.0, -2.0], [-1.0, 1.0, 0.0]])
    found = smaller_chance(margin.astype(np.float32), np.zeros(4, dtype=np.int64))
    chance = 1 / (1 + np.exp(-np.asarray([1.0, -1.0, -1.0, -2.0])))
    np.testing.assert_allclose(found, chance, rtol=1e-5)
    rule = selected(torch.from_numpy(margin), torch.zeros(4, dtype=torch.int64), "real")
    assert (found > 0.5).tolist() == rule.tolist()


def test_two_classes_are_enough(run_detector: Any) -> None:
    given = np.arange(60) % 2
    given[:8] = 1 - given[:8]
    true = {f"s{i:03d}": i % 2 for i in range(60)}
    _, found = run_detector("deft", make_manifest(given, names=("red", "green")), true)
    assert np.isfinite(found.p_clean).all()
    assert found.p_clean[8:].mean() > found.p_clean[:8].mean()


@pytest.mark.parametrize(("words", "length", "cut"), [(1, 16, []), (9, 12, []), (40, 1, ["red"])])
def test_a_context_makes_room_for_the_names_and_what_is_cut_is_said(
    words: int, length: int, cut: list[str], drawn_clip: Backbone, drawn_pictures: Any, tmp_path: Path
) -> None:
    pixels = np.concatenate([each[:4] for each in drawn_pictures])
    manifest = replace(make_manifest(np.arange(12) // 4), class_prompts=("fox " * words, "apple", "ship"))
    config = DeftConfig(epochs=1, views=0)
    given = inputs(drawn_clip, pixels, tmp_path)
    found = detect(config, manifest, given, drawn_clip, drawn_clip.runtime, silent)
    assert found.notes["context_length"] == length  # of 24: SOT, context, words, "." and EOT
    assert found.notes["cut_names"] == cut


def test_names_that_are_cut_or_mean_the_same_are_said(
    drawn_clip: Backbone, drawn_pictures: Any, tmp_path: Path
) -> None:
    pixels = np.concatenate([each[:4] for each in drawn_pictures])
    manifest = replace(make_manifest(np.arange(12) // 4), class_prompts=("fox " * 40, "apple", "ship"))
    given = inputs(drawn_clip, pixels, tmp_path)
    given = replace(given, classes=given.classes[[0, 0, 2]])
    said: list[str] = []

    def watch(event: str, /, **values: Any) -> None:
        if event == "note":
            said.append(values["message"])

    detect(DeftConfig(epochs=1, views=0), manifest, given, drawn_clip, drawn_clip.runtime, watch)
    assert said == [
        "The model reads only the beginning of 1 class names ('red'); give them shorter prompts in "
        "workspace.toml.",
        "'red' and 'green' mean nearly the same to the model (similarity 1.00), so words hardly tell them "
        "apart; describe them in their prompts.",
    ]


def test_the_positive_context_can_begin_as_words(drawn_clip: Backbone) -> None:
    names = read_names(drawn_clip.tokenizer, DRAWN, n_context=5, context_length=24)
    generator = torch.Generator()
    chance = _context(drawn_clip, names, generator.manual_seed(0))
    begun = _context(drawn_clip, names, generator.manual_seed(0), "a picture of a")
    tokens = drawn_clip.tokenizer.encode("a picture of a")
    expected = drawn_clip.model.token_embedding(torch.tensor(tokens))
    torch.testing.assert_close(begun[5 - len(tokens) :], expected)
    torch.testing.assert_close(begun[: 5 - len(tokens)], chance[: 5 - len(tokens)])
    assert begun.requires_grad
    long = _context(drawn_clip, names, generator.manual_seed(0), "a picture of a very large old a")
    assert long.shape == chance.shape


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


def test_two_classes_that_are_read_alike_are_refused(
    run_detector: Any, drawn_clip: Backbone, tmp_path: Path
) -> None:
    manifest = replace(make_manifest(np.arange(6) % 3), class_prompts=("Polar_bear", "polar  bear", "fox"))
    nothing: Any = None
    with pytest.raises(EngineError, match=r"'red' and 'green' are both read as 'polar bear'"):
        detect(DeftConfig(), manifest, nothing, drawn_clip, drawn_clip.runtime, silent)


def test_a_model_without_clips_text_tower_is_refused_in_a_sentence(backbone: Backbone) -> None:
    nothing: Any = None
    with pytest.raises(EngineError, match="text side of colours is not CLIP's"):
        detect(DeftConfig(), make_manifest([0, 1, 2]), nothing, backbone, backbone.runtime, silent)
