"""Who counts as clean by its loss, what trains, and the word of people (methods §2, §3, §9, §12.3, §14)."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from engine import heads
from engine.clip.backbone import Backbone
from engine.detectors.deft.terms import read_labels
from engine.detectors.loss_gmm import terms_of
from engine.detectors.small_loss import forget_rate
from engine.detectors.small_loss import terms_of as small_terms
from engine.draws import Draws
from engine.heads import (
    Classifier,
    all_logits,
    few_threads,
    load_classifier,
    sgd_plan,
    standardiser,
    store_pooled,
    train_head,
)
from engine.losses import SettingsLoss
from engine.manifest import Manifest, Pin
from engine.progress import silent
from engine.selection import balanced, given_losses, judge, rank_p_clean, rescaled, smallest
from engine.settings import LossGmmConfig, SmallLossConfig
from engine.settings.losses import LossSettings
from engine.tower import ImageTower, head_logits, new_head
from engine.training import Plan, Terms
from tests.engine.conftest import make_manifest
from tests.engine.tiny_clip import all_settled, auroc, detect, make_inputs, noisy, one_core, tiny_clip

CPU = torch.device("cpu")
LOSSES = ("ce", "gce", "sce", "elr")
FAST: dict[str, dict[str, Any]] = {
    "probe": {},
    "loss_gmm": {"batch_size": 8, "learning_rate": 0.02, "epochs": 3},
    "small_loss": {"batch_size": 8, "prompt_length": 3, "epochs": 3, "noise_rate": 0.2},
}
every_detector = pytest.mark.parametrize("name", FAST)


@pytest.fixture(autouse=True, scope="module")
def _quick() -> Iterator[None]:
    with one_core():
        yield


@pytest.fixture(scope="module")
def clip() -> Backbone:
    return tiny_clip()


# -- selection ---------------------------------------------------------------------------------------


def test_the_loss_of_the_given_label_is_its_cross_entropy() -> None:
    logits = 30 * np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
    given = np.arange(40) % 5
    expected = functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(given), reduction="none")
    np.testing.assert_allclose(given_losses(logits, given), expected.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.6, 0.95])
def test_the_threshold_is_moved_to_one_half(threshold: float) -> None:
    weight = np.linspace(0, 1, 101).astype(np.float32)
    found = rescaled(weight, threshold)
    anchors = rescaled(np.asarray([0, threshold, 1], dtype=np.float32), threshold)
    np.testing.assert_allclose(anchors, [0, 0.5, 1], atol=1e-6)
    assert (np.diff(found) > 0).all()
    np.testing.assert_allclose(np.diff(found, 2)[np.abs(weight[1:-1] - threshold) > 0.02], 0, atol=1e-5)


@pytest.mark.parametrize("rate", [0.0, 0.25, 1.0])
def test_the_rank_of_a_loss_equals_its_definition(rate: float) -> None:
    losses = np.random.default_rng(1).permutation(21).astype(np.float32)
    found = rank_p_clean(losses, rate)
    for loss, value in zip(losses, found, strict=True):
        u = loss / 20
        expected = 1 - u / (2 * (1 - rate)) if u <= 1 - rate and rate < 1 else (1 - u) / (2 * rate)
        if rate == 1.0 and u == 0:
            expected = 0.5 if value == 0.5 else 1.0  # both branches meet nowhere else
        assert value == pytest.approx(expected, abs=1e-6)
    if rate == 0.0:
        assert found.min() == 0.5
    if rate == 0.25:
        assert found[losses == 15] == 0.5
        assert (found.min(), found.max()) == (0, 1)


def test_equal_losses_get_equal_answers() -> None:
    found = rank_p_clean(np.full(9, 0.3), 0.2)
    assert len(set(found.tolist())) == 1
    assert found[0] > 0.5
    assert rank_p_clean(np.asarray([1.0]), 0.5).tolist() == [1.0]


@pytest.mark.parametrize(("rate", "count"), [(0.2, 51), (0.4, 38), (0.6, 25), (0.8, 12), (0.0, 64)])
def test_a_batch_of_64_keeps_as_many_as_published(rate: float, count: int) -> None:
    losses = np.random.default_rng(2).normal(size=64)
    kept = smallest(losses, np.zeros(64, dtype=bool), rate)
    assert kept.sum() == count
    assert losses[kept].max() <= np.append(losses[~kept], np.inf).min()


def test_what_people_settled_is_kept_outside_the_quota() -> None:
    losses, is_settled = np.arange(20.0), np.arange(20) >= 10
    kept = smallest(losses, is_settled, 0.8)
    assert kept.tolist() == [True] * 2 + [False] * 8 + [True] * 10
    assert smallest(losses, np.ones(20, dtype=bool), 0.8).all()
    assert not smallest(losses[:1], np.zeros(1, dtype=bool), 0.5).any()  # int(0.5) of one
    assert smallest(np.zeros(5), np.zeros(5, dtype=bool), 0.8).sum() == 1  # and not int(0.99…)


@pytest.mark.parametrize("quantile", [0.0, 0.5])
def test_equally_many_of_each_class(quantile: float) -> None:
    rng = np.random.default_rng(3)
    label = np.repeat([0, 1, 2, 4], [30, 10, 20, 5])
    is_clean, draw = rng.random(65) < 0.7, rng.random(65)
    chosen, empty = balanced(is_clean, label, 5, draw, quantile=quantile)
    counts = sorted(int((is_clean & (label == k)).sum()) for k in (0, 1, 2, 4))
    n = counts[0] if quantile == 0 else counts[1]
    assert empty == (3,)
    for k in (0, 1, 2, 4):
        rows = np.flatnonzero(is_clean & (label == k))
        assert np.flatnonzero(chosen & (label == k)).tolist() == sorted(rows[np.argsort(draw[rows])[:n]])


def test_nobody_clean_is_nobody_chosen() -> None:
    chosen, empty = balanced(np.zeros(6, dtype=bool), np.arange(6) % 3, 3, np.zeros(6))
    assert not chosen.any()
    assert empty == (0, 1, 2)


def test_settled_labels_are_clean_and_no_part_of_the_mixture() -> None:
    rng = np.random.default_rng(4)
    losses = np.concatenate([rng.normal(1, 0.1, 60), rng.normal(4, 0.3, 40)]).astype(np.float32)
    logits, given = np.zeros((100, 2), dtype=np.float32), np.zeros(100, dtype=np.int64)
    nobody, some = np.zeros(100, dtype=bool), np.zeros(100, dtype=bool)
    some[[0, 99]] = True
    losses_too = losses.copy()
    losses_too[[0, 99]] = 1e-9
    for per_class in (False, True):
        found = judge(losses_too, logits, given, some, threshold=0.6, per_class=per_class)
        left = judge(
            losses[1:-1], logits[1:-1], given[1:-1], nobody[1:-1], threshold=0.6, per_class=per_class
        )
        np.testing.assert_array_equal(found.weight[1:-1], left.weight)
        np.testing.assert_array_equal(found.p_clean[[0, 99]], [1, 1])
        np.testing.assert_array_equal(found.is_selected[1:-1], left.weight > np.float32(0.6))
        assert found.gmm_ok


def test_where_no_mixture_fits_a_label_is_right_if_it_is_the_models_answer() -> None:
    logits = np.asarray([[2.0, 0.0], [0.0, 2.0]] * 10, dtype=np.float32)
    given = np.zeros(20, dtype=np.int64)
    found = judge(np.full(20, 0.7), logits, given, np.zeros(20, dtype=bool), threshold=0.6)
    assert not found.gmm_ok
    assert found.is_selected.tolist() == [True, False] * 10
    assert "no mixture" in found.told("a mixture")
    settled = judge(np.full(20, 0.7), logits, given, np.ones(20, dtype=bool), threshold=0.6, per_class=True)
    assert settled.is_selected.all()
    assert settled.gmm_ok


# -- heads -------------------------------------------------------------------------------------------


def test_the_frozen_towers_answers_are_computed_once(
    clip: Backbone, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    manifest, true = noisy(20)
    inputs = make_inputs(clip, manifest, true, tmp_path)
    first = store_pooled(clip, inputs, silent)
    with torch.inference_mode():
        tower = load_classifier(
            LossGmmConfig(adapter="none"), manifest, inputs, clip, Draws(manifest.sample_ids, 0)
        ).tower
        np.testing.assert_allclose(first, tower.pooled(inputs.pixels.take(slice(None))).numpy(), atol=1e-5)

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("looked again")

    monkeypatch.setattr(ImageTower, "pooled", never)
    np.testing.assert_array_equal(store_pooled(clip, inputs, silent), first)


def test_standardised_features_have_no_mean_and_one_spread() -> None:
    features = np.random.default_rng(0).normal(3, [1, 10, 0], (50, 3)).astype(np.float32)
    found = standardiser(features)(features)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(found.std(axis=0), [1, 1, 0], atol=1e-4)


def test_few_threads_are_for_small_work() -> None:
    torch.set_num_threads(2)
    with few_threads(1000):
        assert torch.get_num_threads() == 1
    with few_threads(10**9):
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)


@pytest.mark.parametrize("name", LOSSES)
def test_settled_labels_are_learned_by_cross_entropy_whatever_the_loss(name: Any) -> None:
    pinned = {0: (Pin.CLEAN, (0,)), 1: (Pin.RELABELLED, (0,)), 2: (Pin.AMBIGUOUS, (0, 1))}
    labels = read_labels(make_manifest([0, 1, 2, 0, 1], pinned=pinned), CPU)
    logits = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)) * 2
    loss = SettingsLoss(LossSettings(loss=name), 5, 3, CPU)
    loss.begin()
    found = loss(logits, labels.target, labels.is_settled, torch.arange(5))
    target = torch.tensor([[1, 0, 0], [1, 0, 0], [0.5, 0.5, 0], [1, 0, 0], [0, 1.0, 0]])
    plain = -(target * logits.log_softmax(dim=1)).sum(dim=1)
    torch.testing.assert_close(found[:3], plain[:3])
    p = logits.softmax(dim=1)[[3, 4], [0, 1]]
    clipped = logits.softmax(dim=1)[3:].clamp(1e-4, 1 - 1e-4)
    remembered = 0.7 * clipped / clipped.sum(dim=1, keepdim=True)
    expected = {
        "ce": plain[3:],
        "gce": (1 - p**0.7) / 0.7,
        "sce": plain[3:] + 9.2103404 * (1 - p),
        "elr": plain[3:] + 5 * (1 - (remembered * clipped).sum(dim=1)).log(),
    }
    torch.testing.assert_close(found[3:], expected[name], rtol=1e-4, atol=1e-4)
    assert set(loss.memory) == ({"early"} if name == "elr" else set())


def test_a_head_is_trained_as_a_plain_loop_would() -> None:
    manifest, _ = all_settled()
    n, labels = len(manifest), read_labels(manifest, CPU)
    features = np.random.default_rng(0).normal(size=(n, 6)).astype(np.float32)
    draws = Draws(manifest.sample_ids, 0)
    mine, theirs = (new_head(6, 3, torch.Generator().manual_seed(1)) for _ in range(2))
    plan = Plan(epochs=3, learning_rate=0.01, schedule="constant", optimiser="adamw", weight_decay=0.01)
    loss = SettingsLoss(LossSettings(loss="gce"), n, 3, CPU)
    train_head(mine, features, labels, loss, plan, draws.order, 128, silent)
    optimiser = torch.optim.AdamW(theirs.values(), lr=0.01, weight_decay=0.01)
    size = -(-n // 10)
    for epoch in (1, 2, 3):
        order = draws.order(epoch)
        for start in range(0, n, size):
            rows = order[start : start + size]
            logits = head_logits(theirs, torch.from_numpy(features[rows]))
            optimiser.zero_grad()
            functional.cross_entropy(logits, torch.from_numpy(manifest.current()[rows])).backward()
            optimiser.step()
    for name, value in mine.items():
        torch.testing.assert_close(value, theirs[name], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        all_logits(mine, features), (features @ mine["head.weight"].detach().numpy().T)
        + mine["head.bias"].detach().numpy(), atol=1e-5,
    )  # fmt: skip


# -- what trains -------------------------------------------------------------------------------------


class Setting:
    """A classifier on a tiny CLIP, with new adapters and a head."""

    def __init__(self, clip: Backbone, settings: Any, manifest: Manifest, true: np.ndarray):
        self.draws = Draws(manifest.sample_ids, 0)
        inputs = make_inputs(clip, manifest, true)
        self.classifier = load_classifier(settings, manifest, inputs, clip, self.draws)
        self.labels = read_labels(manifest, CPU)

    def gradients(self, terms: Terms) -> list[torch.Tensor | None]:
        value, count = terms.losses["classify"]
        parameters = list(self.classifier.parameters.values())
        return list(torch.autograd.grad(value / count, parameters, allow_unused=True))


def test_leaving_samples_out_before_the_forward_pass_changes_nothing(clip: Backbone) -> None:
    manifest, true = noisy(12)
    settings = LossGmmConfig(adapter="blocks")
    it = Setting(clip, settings, manifest, true)
    trusted = np.arange(12) % 3 != 0
    loss = SettingsLoss(settings, 12, 3, CPU)
    found = terms_of(it.classifier, it.labels, loss, trusted)(np.arange(12), 2)
    assert found.losses["classify"][1] == 8
    assert found.shares["selected"] == (8.0, 12.0)
    logits = it.classifier.logits(np.arange(12), 2)
    given = torch.from_numpy(manifest.given)
    masked = functional.cross_entropy(logits, given, reduction="none")[torch.from_numpy(trusted)].sum()
    plain = Terms(losses={"classify": (masked, 8.0)})
    for mine, theirs in zip(it.gradients(found), it.gradients(plain), strict=True):
        assert (mine is None) == (theirs is None)
        if mine is not None and theirs is not None:
            torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-5)


def test_a_batch_in_which_nothing_is_trusted_moves_nothing(clip: Backbone) -> None:
    manifest, true = noisy(6)
    settings = LossGmmConfig()
    it = Setting(clip, settings, manifest, true)
    loss = SettingsLoss(settings, 6, 3, CPU)
    found = terms_of(it.classifier, it.labels, loss, np.zeros(6, dtype=bool))(np.arange(6), 2)
    value, count = found.losses["classify"]
    assert (float(value), count, value.requires_grad) == (0.0, 0.0, False)
    assert found.shares["selected"] == (0.0, 6.0)


def test_settled_samples_train_even_if_their_label_is_not_trusted(clip: Backbone) -> None:
    manifest, true = noisy(6, {0: (Pin.RELABELLED, (1,)), 3: (Pin.AMBIGUOUS, (0, 2))})
    it = Setting(clip, LossGmmConfig(), manifest, true)
    loss = SettingsLoss(LossGmmConfig(), 6, 3, CPU)
    found = terms_of(it.classifier, it.labels, loss, np.zeros(6, dtype=bool))(np.arange(6), 2)
    assert found.losses["classify"][1] == 2
    assert found.shares == {"selected": (0.0, 4.0), "agreement": (found.shares["agreement"][0], 1.0)}
    log_q = it.classifier.logits(np.asarray([0, 3]), 2).log_softmax(dim=1)
    expected = -log_q[0, 1] - 0.5 * (log_q[1, 0] + log_q[1, 2])
    torch.testing.assert_close(found.losses["classify"][0], expected)


@pytest.mark.parametrize(
    ("warm_up", "expected"), [(1, [0, 0.4, 0.4]), (3, [0, 0.2, 0.4, 0.4]), (0, [0.4, 0.4])]
)
def test_the_forget_rate_rises_in_the_warm_up(warm_up: int, expected: list[float]) -> None:
    found = [forget_rate(epoch, warm_up, 0.4) for epoch in range(1, len(expected) + 1)]
    assert found == pytest.approx(expected)


def test_the_smallest_losses_of_a_batch_train(clip: Backbone) -> None:
    manifest, true = noisy(20, {4: (Pin.RELABELLED, (0,))})
    it = Setting(clip, SmallLossConfig(prompt_length=2), manifest, true)
    found = small_terms(SmallLossConfig(), it.classifier, it.labels, 0.4)(np.arange(20), 2)
    logits = it.classifier.logits(np.arange(20), 2)
    current = torch.from_numpy(manifest.current())
    losses = functional.cross_entropy(logits, current, reduction="none").detach().numpy()
    free = sorted(np.delete(losses, 4))[: int(0.6 * 19)]
    value, count = found.losses["classify"]
    assert count == len(free) + 1
    assert float(value.detach()) == pytest.approx(sum(free) + losses[4], rel=1e-4)
    assert found.shares["selected"] == (11.0, 19.0)
    warm = small_terms(SmallLossConfig(), it.classifier, it.labels, 0.4)(np.arange(20), 1)
    assert warm.losses["classify"][1] == 20


@pytest.mark.parametrize(
    ("adapter", "rate"), [("vpt", 0.03), ("lora", 0.03), ("blocks", 5e-4), ("full", 5e-4)]
)
def test_the_rate_is_the_published_one_of_the_adapter(adapter: Any, rate: float) -> None:
    assert sgd_plan(LossGmmConfig(adapter=adapter)).learning_rate == rate
    assert sgd_plan(LossGmmConfig(adapter=adapter, learning_rate=0.1)).learning_rate == 0.1


# -- the whole ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
def test_the_probe_finds_wrong_labels_with_every_loss(loss: str) -> None:
    manifest, true = noisy()
    found = detect("probe", manifest, true, loss=loss)
    assert auroc(found.p_clean, manifest.given != true) > 0.95
    assert (found.suggested == true).mean() > 0.95
    assert found.notes["gmm_ok"]
    assert abs(found.notes["noise_rate"] - 0.2) < 0.1
    assert not found.notes["reason"].endswith(".")


@pytest.mark.parametrize("settings", [{}, {"trains_on": "all", "loss": "gce"}])
def test_the_loss_mixture_finds_wrong_labels(settings: dict[str, Any]) -> None:
    manifest, true = noisy()
    found = detect("loss_gmm", manifest, true, **FAST["loss_gmm"], **settings)
    assert auroc(found.p_clean, manifest.given != true) > 0.9
    everyone = settings.get("trains_on") == "all"
    assert (found.notes["selected"] == 1.0) == everyone
    assert ("every label" in found.notes["reason"]) == everyone


def test_small_loss_takes_a_noise_rate_or_estimates_it() -> None:
    manifest, true = noisy()
    given = detect("small_loss", manifest, true, **FAST["small_loss"])
    assert given.notes["noise_rate_is"] == "given"
    assert "20%" in given.notes["reason"]
    assert (given.p_clean < 0.5).sum() == pytest.approx(0.2 * 60, abs=1)
    assert auroc(given.p_clean, manifest.given != true) > 0.9
    settings: dict[str, Any] = FAST["small_loss"] | {"noise_rate": 0, "epochs": 1}
    estimated = detect("small_loss", manifest, true, **settings)
    assert estimated.notes["noise_rate_is"] == "estimated"
    assert 0 < estimated.notes["noise_rate"] < 1


@every_detector
def test_two_classes_and_a_class_without_samples(name: str) -> None:
    manifest, true = noisy(40)
    two = np.flatnonzero((manifest.given < 2) & (true < 2))
    found = detect(name, manifest.take(two.tolist()), true[two], **FAST[name])
    assert found.probs.shape == (len(two), 3)
    assert np.isfinite(found.p_clean).all()


@every_detector
def test_a_handful_of_samples_is_no_reason_to_fall_over(name: str) -> None:
    manifest, true = noisy(5)
    found = detect(name, manifest, true, **FAST[name])
    assert np.isfinite(found.p_clean).all()
    if name != "small_loss":
        assert not found.notes["gmm_ok"]


@pytest.mark.parametrize("name", ["loss_gmm", "small_loss"])
def test_with_every_label_settled_it_is_supervised_training(
    name: str, clip: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, true = all_settled()
    made: list[Classifier] = []
    load = heads.load_classifier

    def watched(*arguments: Any) -> Classifier:
        made.append(load(*arguments))
        return made[-1]

    monkeypatch.setattr(f"engine.detectors.{name}.load_classifier", watched)
    settings: dict[str, Any] = {"adapter": "blocks", "epochs": 3, "batch_size": 5, "learning_rate": 0.01}
    settings |= {"noise_rate": 0.2} if name == "small_loss" else {}
    found = detect(name, manifest, true, **settings)
    np.testing.assert_array_equal(found.p_clean, (manifest.given == true).astype(np.float32))
    assert (found.suggested == true).mean() > 0.6

    it = Setting(clip, LossGmmConfig(adapter="blocks"), manifest, true)
    parameters = it.classifier.parameters
    optimiser = torch.optim.SGD(parameters.values(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    for epoch in (1, 2, 3):
        for group in optimiser.param_groups:
            group["lr"] = 0.005 * (1 + np.cos(np.pi * (epoch - 1) / 3))
        order = it.draws.order(epoch)
        for start in range(0, len(order), 5):
            rows = order[start : start + 5]
            optimiser.zero_grad()
            logits = it.classifier.logits(rows, epoch)
            functional.cross_entropy(logits, torch.from_numpy(true[rows])).backward()
            optimiser.step()
    for key, value in made[0].parameters.items():
        torch.testing.assert_close(value, parameters[key], rtol=1e-3, atol=1e-4)


@every_detector
def test_the_draws_do_not_depend_on_the_pins(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []
    uniform = Draws.uniform

    def watched(self: Draws, purpose: str, epoch: int) -> np.ndarray:
        asked.append((purpose, epoch))
        return uniform(self, purpose, epoch)

    monkeypatch.setattr(Draws, "uniform", watched)
    seen = []
    for pinned in ({}, {0: (Pin.CLEAN, (0,)), 1: (Pin.AMBIGUOUS, (0, 2))}):
        manifest, true = noisy(15, pinned)
        detect(name, manifest, true, **FAST[name])
        seen.append(list(dict.fromkeys(asked)))
        asked.clear()
    assert seen[0] == seen[1]


class Interrupted(Exception):
    pass


def interrupt_after(epoch: int) -> Callable[..., None]:
    def report(event: str, /, **values: Any) -> None:
        if event == "epoch" and values["epoch"] == epoch:
            raise Interrupted

    return report


@pytest.mark.parametrize(
    ("name", "settings"), [("probe", {"loss": "elr"}), ("loss_gmm", {"loss": "elr"}), ("small_loss", {})]
)
def test_a_training_that_was_interrupted_ends_as_if_nothing_had_been(
    name: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    manifest, true = noisy(30)
    settings = {**FAST[name], **settings, "epochs": 4}
    whole = detect(name, manifest, true, tmp_path / "whole", **settings)
    with pytest.raises(Interrupted):
        detect(name, manifest, true, tmp_path / "parts", report=interrupt_after(2), **settings)
    told = []
    resumed = detect(
        name, manifest, true, tmp_path / "parts", report=lambda event, /, **_: told.append(event), **settings
    )
    assert told.count("epoch") == 2
    np.testing.assert_array_equal(resumed.p_clean, whole.p_clean)
    np.testing.assert_array_equal(resumed.probs, whole.probs)
