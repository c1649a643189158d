"""DivideMix: splits, guesses, mixing and losses against plain loops, and the whole (methods §3.3, §14)."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.clip.backbone import Backbone
from engine.detectors.deft.terms import Labels, read_labels
from engine.detectors.deft.towers import Frozen
from engine.detectors.dividemix import _load_views
from engine.detectors.dividemix import terms as module
from engine.detectors.dividemix.split import (
    Facts,
    Losses,
    Split,
    decode,
    encode,
    labelled,
    split_batches,
    warm_batches,
)
from engine.detectors.dividemix.terms import (
    Drawn,
    Epoch,
    Views,
    _ramp,
    batch_of,
    draw_epoch,
    loss_terms,
    mixed,
    sharpened,
    terms_of,
)
from engine.draws import Draws
from engine.manifest import Manifest, Pin
from engine.mixture import scaled
from engine.progress import silent
from engine.rows import Rows
from engine.selection import Judgement, given_losses
from engine.settings import DeftConfig, DividemixConfig
from engine.tower import head_logits, new_head
from tests.engine.conftest import make_manifest
from tests.engine.tiny_clip import all_settled, auroc, detect, make_inputs, noisy, one_core, tiny_clip

CPU = torch.device("cpu")
N, K, D = 20, 3, 5
FAST: dict[str, Any] = {"views": 1, "epochs": 12}


@pytest.fixture(autouse=True, scope="module")
def _quick() -> Iterator[None]:
    with one_core():
        yield


def judgement(p_clean: np.ndarray) -> Judgement:
    p_clean = p_clean.astype(np.float32)
    return Judgement(weight=p_clean, p_clean=p_clean, gmm_ok=True)


def facts(given: np.ndarray, settled: tuple[int, ...] = ()) -> Facts:
    return Facts(given=given, n_classes=K, is_settled=np.isin(np.arange(len(given)), settled))


def parts(batches: list[np.ndarray], n: int = N) -> dict[int, list[tuple[np.ndarray, np.ndarray]]]:
    found: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {0: [], 1: []}
    for batch in batches:
        head, with_label, without = decode(batch, n)
        found[head].append((with_label, without))
    return found


# -- the split ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", [0, 1])
def test_a_batch_says_whose_it_is(head: int) -> None:
    rows = np.asarray([3, 0, 19])
    batch = np.concatenate([encode(rows, N, head, True), encode(rows[:2], N, head, False)])
    found = decode(batch, N)
    assert found[0] == head
    assert found[1].tolist() == [3, 0, 19]
    assert found[2].tolist() == [3, 0]
    assert decode(encode(rows, N, head, False), N)[1].tolist() == []


def test_each_head_trains_with_the_split_of_the_other() -> None:
    draws = Draws([f"s{i}" for i in range(N)], 0)
    weights = [np.where(np.arange(N) % 2 == 0, 0.9, 0.2), np.where(np.arange(N) < 15, 0.8, 0.1)]
    found = [judgement(each) for each in weights]
    batches, split = split_batches(found, facts(np.arange(N) % K, settled=(19,)), draws, 2, 4)
    steps = parts(batches)
    for head, other in ((0, 1), (1, 0)):
        trusted = set(np.flatnonzero(weights[other] > 0.5).tolist()) | {19}
        assert sorted(np.concatenate([mine for mine, _ in steps[head]]).tolist()) == sorted(trusted)
        left = [row for _, theirs in steps[head] for row in theirs.tolist()]
        assert set(left) <= set(range(N)) - trusted
        assert all(len(theirs) == min(4, N - len(trusted)) for _, theirs in steps[head])
        np.testing.assert_array_equal(split.weight[head], found[other].weight)
        for step, (mine, _) in enumerate(steps[head]):
            np.testing.assert_allclose(split.done[head, mine], step / len(steps[head]))
    assert split.selected == (15 / 19, 10 / 19)
    # The two heads see the samples in different orders.
    assert not np.array_equal(
        np.concatenate([a for a, _ in steps[0]])[:9], np.concatenate([a for a, _ in steps[1]])[:9]
    )


def test_the_unlabelled_are_gone_through_as_often_as_it_takes() -> None:
    draws = Draws([f"s{i}" for i in range(N)], 0)
    found = [judgement(np.where(np.arange(N) < 17, 0.9, 0.1))] * 2
    steps = parts(split_batches(found, facts(np.arange(N) % K), draws, 1, 2)[0])[0]
    seen = np.concatenate([theirs for _, theirs in steps])
    assert len(seen) == 2 * 9
    assert np.bincount(seen)[17:].tolist() == [6, 6, 6]


def test_nobody_unlabelled_and_nobody_labelled() -> None:
    draws, given = Draws([f"s{i}" for i in range(60)], 0), np.arange(60) % 2
    everyone = [judgement(np.full(60, 0.9))] * 2
    assert all(
        len(theirs) == 0 for _, theirs in parts(split_batches(everyone, facts(given), draws, 1, 8)[0], 60)[0]
    )
    weight = np.linspace(0.1, 0.2, 60)
    steps = parts(split_batches([judgement(weight)] * 2, facts(given), draws, 1, 8)[0], 60)[0]
    mine = np.concatenate([mine for mine, _ in steps])
    assert sorted(mine.tolist()) == [56, 57, 58, 59]  # the best ⌈0.05 · 30⌉ of each class
    assert labelled(judgement(weight), facts(given, settled=(3,))).sum() == 1  # people's word is a beginning


def test_the_warm_up_goes_through_everything_with_both_heads() -> None:
    steps = parts(warm_batches(Draws([f"s{i}" for i in range(N)], 0), N, 1, 6))
    for head in (0, 1):
        assert [len(mine) for mine, _ in steps[head]] == [6, 6, 6, 2]
        assert sorted(np.concatenate([mine for mine, _ in steps[head]]).tolist()) == list(range(N))
        assert all(len(theirs) == 0 for _, theirs in steps[head])


def test_losses_are_averaged_over_the_last_epochs() -> None:
    rng, about = np.random.default_rng(0), facts(np.arange(N) % K, settled=(4,))
    losses = Losses(DividemixConfig(averaged_epochs=3), about)
    seen = []
    for _ in range(5):
        logits = [3 * rng.normal(size=(N, K)).astype(np.float32) for _ in range(2)]
        unit = scaled(given_losses(logits[0], about.given), ~about.is_settled)
        seen.insert(0, unit)
        expected = np.mean(seen[:3], axis=0)
        np.testing.assert_allclose(
            losses._averaged(0, given_losses(logits[0], about.given), keep=False), expected, atol=1e-6
        )
        losses.judge(logits, keep=True)
    assert {name: value.shape for name, value in losses.memory.items()} == {
        "recent": (2, 2, N),
        "filled": (1,),
    }
    assert Losses(DividemixConfig(), about).memory == {}


# -- the loss ----------------------------------------------------------------------------------------


class Setting:
    """Two heads on random features, with everything that a step asks for."""

    def __init__(self, manifest: Manifest | None = None, **settings: Any):
        rng = np.random.default_rng(1)
        manifest = manifest or make_manifest(np.arange(N) % K)
        self.config = DividemixConfig(**settings)
        self.labels: Labels = read_labels(manifest, CPU)
        self.draws = Draws(manifest.sample_ids, 0)
        plain, other = rng.normal(size=(2, N, D)).astype(np.float32)
        self.views = Views(
            plain=plain,
            shifted=[Rows(store=other, index=np.arange(N), keys=())],
            move=lambda some: some - np.float32(0.1),
            device=CPU,
        )
        generator = torch.Generator().manual_seed(2)
        self.heads = [new_head(D, K, generator) for _ in range(2)]
        for head in self.heads:
            with torch.no_grad():
                head["head.weight"].mul_(4)
        self.drawn: Drawn = draw_epoch(self.draws, 3, len(self.views), self.config.mixup)
        self.weight = rng.random((2, N)).astype(np.float32)
        self.weight[:, self.labels.is_settled.numpy()] = 1.0
        done = np.zeros((2, N), dtype=np.float32)
        self.split = Split(weight=self.weight, done=done, selected=(0.5, 0.5))

    def view(self, head: int, copy: int, row: int) -> np.ndarray:
        stores = (self.views.plain, self.views.shifted[0].store)
        return stores[self.drawn.view[head, copy, row]][row] - np.float32(0.1)

    def answer(self, head: int, feature: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return head_logits(self.heads[head], torch.from_numpy(feature)[None]).softmax(dim=1)[0].numpy()

    def step(
        self, head: int, with_label: np.ndarray, without: np.ndarray
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return batch_of(
            self.config,
            self.heads,
            head,
            self.views,
            self.labels,
            self.drawn,
            self.split,
            with_label,
            without,
        )


@pytest.mark.parametrize("head", [0, 1])
def test_targets_equal_a_plain_loop(head: int) -> None:
    it = Setting(sharpening=0.5)
    with_label, without = np.asarray([0, 7, 3]), np.asarray([11, 2])
    features, targets = it.step(head, with_label, without)
    rows = [*with_label, *with_label, *without, *without]
    copies = [0] * 3 + [1] * 3 + [0] * 2 + [1] * 2
    for place, (row, copy) in enumerate(zip(rows, copies, strict=True)):
        np.testing.assert_allclose(features[place].numpy(), it.view(head, copy, row), atol=1e-6)
        views = [it.view(head, which, row) for which in (0, 1)]
        if place < 6:
            w = it.weight[head, row]
            p = w * np.eye(K)[row % K] + (1 - w) * np.mean([it.answer(head, view) for view in views], axis=0)
        else:
            p = np.mean([it.answer(each, view) for each in (0, 1) for view in views], axis=0)
        expected = p**2 / (p**2).sum()
        np.testing.assert_allclose(targets[place].numpy(), expected, atol=1e-5)
    assert not targets.requires_grad


def test_the_word_of_people_is_refined_by_nobody() -> None:
    pinned = {0: (Pin.RELABELLED, (2,)), 1: (Pin.AMBIGUOUS, (0, 1)), 2: (Pin.CLEAN, (2,))}
    it = Setting(make_manifest(np.arange(N) % K, pinned=pinned))
    _, targets = it.step(0, np.asarray([0, 1, 2]), np.asarray([5]))
    expected = torch.tensor([[0, 0, 1], [0.5, 0.5, 0], [0, 0, 1]])
    torch.testing.assert_close(targets[:3], expected)
    torch.testing.assert_close(targets[3:6], expected)


def test_sharpening_keeps_the_order_and_raises_the_highest() -> None:
    prob = torch.tensor([[0.5, 0.3, 0.2], [1.0, 0.0, 0.0], [0.25, 0.25, 0.5]])
    torch.testing.assert_close(sharpened(prob, 1.0), prob)
    sharp = sharpened(prob, 0.5)
    torch.testing.assert_close(sharp.sum(dim=1), torch.ones(3))
    assert sharp[0, 0] > 0.5 > 0.3 > sharp[0, 1]
    assert sharp[1].tolist() == [1, 0, 0]


def test_each_row_is_mixed_with_its_partner() -> None:
    features, targets = torch.arange(8.0).view(4, 2), torch.eye(4)
    share = np.asarray([0.5, 1.0, 0.75, 0.6], dtype=np.float32)
    place = np.asarray([0.4, 0.1, 0.9, 0.2])  # their order: 1, 3, 0, 2
    found, mixed_targets = mixed(features, targets, share, place)
    for row, (partner, a) in enumerate(zip([1, 3, 0, 2], share, strict=True)):
        torch.testing.assert_close(found[row], float(a) * features[row] + (1 - float(a)) * features[partner])
        torch.testing.assert_close(
            mixed_targets[row], float(a) * targets[row] + (1 - float(a)) * targets[partner]
        )


def test_the_shares_are_those_of_the_larger_part_of_a_beta_variable() -> None:
    drawn = draw_epoch(Draws([f"{i}" for i in range(4000)], 0), 1, 3, 4.0)
    assert drawn.share.min() >= 0.5
    assert drawn.share.max() <= 1
    rng = np.random.default_rng(0)
    reference = rng.beta(4, 4, 100_000)
    reference = np.maximum(reference, 1 - reference)
    assert drawn.share.mean() == pytest.approx(reference.mean(), abs=0.003)
    assert drawn.share.std() == pytest.approx(reference.std(), abs=0.003)
    assert set(np.unique(drawn.view)) == {0, 1, 2}
    flat = drawn.place.reshape(4, -1)
    assert np.abs(np.corrcoef(flat) - np.eye(4)).max() < 0.06  # heads and copies have draws of their own


def test_the_loss_equals_a_plain_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    logits, targets = torch.randn(10, K, generator=generator), torch.rand(10, K, generator=generator)
    targets /= targets.sum(dim=1, keepdim=True)
    found = loss_terms(logits, targets, 6, 7.0)
    p = logits.double().softmax(dim=1).numpy()
    t = targets.double().numpy()
    fit = sum(-(t[i, k] * math.log(p[i, k])) for i in range(6) for k in range(K))
    error = sum((p[i, k] - t[i, k]) ** 2 for i in range(6, 10) for k in range(K))
    mean = p.mean(axis=0)
    penalty = sum(math.log((1 / K) / mean[k]) / K for k in range(K))
    values = {name: (float(value), count) for name, (value, count) in found.items()}
    assert values["labelled"] == (pytest.approx(fit, rel=1e-5), 6)
    assert values["unlabelled"] == (pytest.approx(7 * error / K, rel=1e-5), 4)
    assert values["balance"] == (pytest.approx(10 * penalty, rel=1e-4), 10)


def test_the_penalty_is_zero_for_even_answers_and_finite_for_one_sided_ones() -> None:
    even = loss_terms(torch.eye(K) * 50, torch.eye(K), K, 1.0)["balance"][0]
    assert float(even) == pytest.approx(0, abs=1e-5)
    sided = loss_terms(torch.tensor([[300.0, 0.0, 0.0]] * 4), torch.eye(K)[[0] * 4], 4, 1.0)
    assert all(value.isfinite() for value, _ in sided.values())
    assert sided["unlabelled"][1] == 0  # nobody, and no NaN
    assert float(sided["unlabelled"][0]) == 0


def test_the_weight_of_the_unlabelled_grows_step_by_step() -> None:
    config = DividemixConfig(warm_up=5, ramp=16)
    assert _ramp(config, 6, 0.0) == 0
    assert _ramp(config, 6, 0.5) == pytest.approx(0.5 / 16)
    assert _ramp(config, 14, 0.0) == pytest.approx(0.5)
    assert _ramp(config, 22, 0.0) == _ramp(config, 40, 0.9) == 1


@pytest.mark.parametrize("head", [0, 1])
def test_a_step_trains_one_head_only(head: int) -> None:
    it = Setting(warm_up=1, ramp=1)
    loss = terms_of(it.config, it.heads, it.views, it.labels, {3: Epoch(drawn=it.drawn, split=it.split)})
    batch = np.concatenate([encode(np.arange(6), N, head, True), encode(np.arange(6, 10), N, head, False)])
    found = loss(batch, 3)
    total = sum(value / max(count, 1) for value, count in found.losses.values())
    assert isinstance(total, torch.Tensor)
    for number, each in enumerate(it.heads):
        gradients = torch.autograd.grad(total, list(each.values()), allow_unused=True, retain_graph=True)
        assert all((gradient is not None) == (number == head) for gradient in gradients)
    assert float(found.losses["unlabelled"][0].detach()) > 0
    alone = loss(encode(np.arange(6), N, head, True), 3)  # nobody is unlabelled
    assert alone.losses["unlabelled"][1] == 0
    assert all(value.isfinite() for value, _ in alone.losses.values())


@pytest.mark.parametrize("confused_pairs", [False, True])
def test_the_warm_up_is_cross_entropy_on_everything(confused_pairs: bool) -> None:
    it = Setting(
        make_manifest(np.arange(N) % K, pinned={1: (Pin.RELABELLED, (0,))}), confused_pairs=confused_pairs
    )
    loss = terms_of(it.config, it.heads, it.views, it.labels, {1: Epoch(drawn=it.drawn, split=None)})
    found = loss(encode(np.arange(4), N, 1, True), 1)
    answers = [it.answer(1, it.view(1, 0, row)) for row in range(4)]
    expected = sum(-math.log(p[k]) for p, k in zip(answers, (0, 0, 2, 0), strict=True))
    assert float(found.losses["labelled"][0].detach()) == pytest.approx(expected, rel=1e-4)
    assert ("confidence" in found.losses) == confused_pairs
    if confused_pairs:
        negative_entropy = sum((p * np.log(p)).sum() for p in answers)
        assert float(found.losses["confidence"][0].detach()) == pytest.approx(negative_entropy, rel=1e-4)


# -- the whole ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{}, {"views": 0, "confused_pairs": True}, {"unlabelled_weight": 0.0}])
def test_wrong_labels_are_found(settings: dict[str, Any]) -> None:
    manifest, true = noisy()
    found = detect("dividemix", manifest, true, **FAST | settings)
    assert auroc(found.p_clean, manifest.given != true) > 0.95
    assert (found.suggested == true).mean() > 0.95
    assert found.notes["gmm_ok"]
    assert not found.notes["reason"].endswith(".")
    assert abs(found.notes["noise_rate"] - 0.2) < 0.1


def test_the_views_are_those_that_deft_stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest, true = noisy(20)
    clip, draws = tiny_clip(), Draws(manifest.sample_ids, 0)
    inputs = make_inputs(clip, manifest, true, tmp_path)
    detect("dividemix", manifest, true, tmp_path, views=2, epochs=1)

    def never(*_: Any) -> None:
        raise AssertionError("looked again")

    monkeypatch.setattr(Backbone, "encode_images", never)
    deft = Frozen(DeftConfig(views=2), inputs, clip, draws, silent, "")
    views = _load_views(DividemixConfig(views=2), inputs, clip, draws, silent)
    for mine, theirs in zip(views.shifted, deft._views, strict=True):
        np.testing.assert_array_equal(mine.take(slice(None)), theirs.take(slice(None)))


def test_with_every_label_settled_the_targets_are_peoples(monkeypatch: pytest.MonkeyPatch) -> None:
    manifest, true = all_settled()
    seen = []
    batch = module.batch_of

    def watched(*arguments: Any) -> tuple[torch.Tensor, torch.Tensor]:
        found = batch(*arguments)
        with_label, without = arguments[-2:]
        assert len(without) == 0
        assert torch.equal(found[1].argmax(dim=1), torch.from_numpy(np.tile(true[with_label], 2)))
        assert (found[1].max(dim=1).values == 1).all()
        seen.extend(with_label.tolist())
        return found

    monkeypatch.setattr(module, "batch_of", watched)
    found = detect("dividemix", manifest, true, **FAST)
    assert set(seen) == set(range(len(manifest)))
    np.testing.assert_array_equal(found.p_clean, (manifest.given == true).astype(np.float32))
    assert (found.suggested == true).mean() > 0.9


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("averaged_epochs", [1, 3])
def test_a_training_that_was_interrupted_ends_as_if_nothing_had_been(
    averaged_epochs: int, tmp_path: Path
) -> None:
    manifest, true = noisy(30, {3: (Pin.CLEAN, (0,)), 4: (Pin.AMBIGUOUS, (1, 2))})
    settings = {**FAST, "epochs": 8, "warm_up": 2, "averaged_epochs": averaged_epochs}
    whole = detect("dividemix", manifest, true, tmp_path / "whole", **settings)

    def interrupt(event: str, /, **values: Any) -> None:
        if event == "epoch" and values["epoch"] == 5:
            raise Interrupted

    with pytest.raises(Interrupted):
        detect("dividemix", manifest, true, tmp_path / "parts", report=interrupt, **settings)
    resumed = detect("dividemix", manifest, true, tmp_path / "parts", **settings)
    np.testing.assert_array_equal(resumed.p_clean, whole.p_clean)
    np.testing.assert_array_equal(resumed.probs, whole.probs)


def test_two_classes_few_samples_and_equal_losses() -> None:
    manifest, true = noisy(40)
    two = np.flatnonzero((manifest.given < 2) & (true < 2))
    found = detect("dividemix", manifest.take(two.tolist()), true[two], **FAST)
    assert np.isfinite(found.p_clean).all()
    few = detect("dividemix", manifest.take(range(6)), true[:6], **FAST)
    assert not few.notes["gmm_ok"]
    assert "no mixture" in few.notes["reason"]
    assert np.isfinite(few.p_clean).all()
