"""TURN: what each epoch trains on, what is free, and what stays when it is interrupted (methods §8, §14)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from engine.detectors import turn
from engine.detectors.turn import Choice, choose
from engine.draws import Draws
from engine.heads import Classifier, load_classifier
from engine.manifest import Pin
from engine.mixture import clean_posterior_by_class
from engine.progress import Report, silent
from engine.selection import Judgement, given_losses
from engine.settings import TurnConfig
from engine.tower import ImageTower
from tests.engine.conftest import make_manifest
from tests.engine.tiny_clip import all_settled, auroc, detect, make_inputs, noisy, one_core, tiny_clip

FAST: dict[str, Any] = {
    "batch_size": 8,
    "epochs": 2,
    "learning_rate": 1e-3,
    "probe_epochs": 6,
    "probe_learning_rate": 5e-3,
}


@pytest.fixture(autouse=True, scope="module")
def _quick() -> Iterator[None]:
    with one_core():
        yield


def judgement(p_clean: np.ndarray, is_settled: np.ndarray) -> Judgement:
    p_clean = np.where(is_settled, 1.0, p_clean).astype(np.float32)
    return Judgement(weight=p_clean, p_clean=p_clean, gmm_ok=True)


def chosen(
    given: np.ndarray, p_clean: np.ndarray, settled: dict[int, int] | None = None, quantile: float = 0.0
) -> Choice:
    pinned = {i: (Pin.CLEAN, (k,)) for i, k in (settled or {}).items()}
    is_settled = np.isin(np.arange(len(given)), list(pinned))
    manifest = make_manifest(given, pinned=pinned)
    draw = Draws(manifest.sample_ids, 0).uniform("balance", 1)
    return choose(judgement(p_clean, is_settled), manifest, is_settled, draw, quantile)


def test_an_epoch_trains_on_as_many_of_each_class_as_the_smallest_has() -> None:
    given = np.repeat([0, 1, 2], [40, 20, 30])
    p_clean = np.where(np.arange(90) % 2 == 0, 0.9, 0.3)
    found = chosen(given, p_clean)
    assert np.bincount(given[found.rows]).tolist() == [10, 10, 10]
    assert (p_clean[found.rows] > 0.5).all()
    assert found.share == 0.5
    assert found.purity == pytest.approx(0.9)
    assert found.empty == ()


def test_what_people_settled_trains_beside_the_quota() -> None:
    given = np.repeat([0, 1, 2], [40, 20, 30])
    p_clean = np.where(np.arange(90) % 2 == 0, 0.9, 0.3)
    found = chosen(given, p_clean, settled={1: 0, 3: 0, 5: 2, 41: 1})
    assert {1, 3, 5, 41} <= set(found.rows.tolist())
    free = np.setdiff1d(found.rows, [1, 3, 5, 41])
    assert np.bincount(given[free]).tolist() == [10, 10, 10]
    assert found.share == pytest.approx(45 / 86)


def test_a_class_that_keeps_nobody_is_left_out_of_the_minimum() -> None:
    given = np.repeat([0, 1, 2], 10)
    p_clean = np.where(given == 1, 0.2, 0.8)
    p_clean[:4] = 0.1
    found = chosen(given, p_clean)
    assert found.empty == (1,)
    assert np.bincount(given[found.rows], minlength=3).tolist() == [6, 0, 6]


def test_the_quantile_looks_past_the_smallest_class() -> None:
    given = np.repeat(np.arange(12), [2] + [20] * 11)
    names = tuple(f"class {k}" for k in range(12))
    p_clean = np.ones(len(given))
    manifest = make_manifest(given, names)
    is_settled = np.zeros(len(given), dtype=bool)
    draw = Draws(manifest.sample_ids, 0).uniform("balance", 1)
    for quantile, count in ((0.0, 2), (0.1, 20)):
        found = choose(judgement(p_clean, is_settled), manifest, is_settled, draw, quantile)
        assert np.bincount(given[found.rows]).tolist() == [2] + [count] * 11


def test_the_draw_of_the_balance_changes_from_epoch_to_epoch() -> None:
    given = np.repeat([0, 1], [50, 10])
    manifest, is_settled = make_manifest(given), np.zeros(60, dtype=bool)
    draws = Draws(manifest.sample_ids, 0)
    first, second = (
        choose(
            judgement(np.ones(60), is_settled), manifest, is_settled, draws.uniform("balance", epoch), 0.0
        ).rows
        for epoch in (1, 2)
    )
    assert not np.array_equal(first, second)


def test_wrong_labels_are_found_and_the_answer_is_the_posterior_within_the_class() -> None:
    manifest, true = noisy()
    epochs = []

    def report(event: str, /, **values: Any) -> None:
        if event == "epoch":
            epochs.append(values)

    found = detect("turn", manifest, true, report=report, **FAST)
    assert auroc(found.p_clean, manifest.given != true) > 0.95
    assert (found.suggested == true).mean() > 0.95
    assert [each["epoch"] for each in epochs] == [1, 2]  # those of the probe are not told
    assert all(0.9 < each["figures"]["purity"] <= 1 for each in epochs)
    assert epochs[-1]["figures"]["chosen"] == found.notes["chosen"] <= 60
    assert epochs[-1]["selected"] == pytest.approx(0.8, abs=0.1)
    np.testing.assert_allclose(np.linalg.norm(found.embeddings, axis=1), 1, atol=1e-5)
    assert not found.notes["reason"].endswith(".")


def test_p_clean_is_one_half_at_the_threshold(monkeypatch: pytest.MonkeyPatch) -> None:
    manifest, true = noisy()
    looked = []
    look = Classifier.look

    def watched(self: Classifier, report: Report) -> tuple[np.ndarray, np.ndarray]:
        looked.append(look(self, report))
        return looked[-1]

    monkeypatch.setattr(Classifier, "look", watched)
    found = detect("turn", manifest, true, threshold=0.8, **FAST)
    logits = looked[-1][1]
    expected = clean_posterior_by_class(given_losses(logits, manifest.given), manifest.given, 3)
    np.testing.assert_array_equal(found.p_clean > 0.5, expected.values > 0.8)


@pytest.mark.parametrize(("adapter", "passes"), [("full", 3), ("vpt", 4)])
def test_the_first_cleansing_is_free_where_the_tower_is_still_clip(
    adapter: str, passes: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Without a pass of its own: each epoch but the first, and the end; and the stored one, once.
    count = 0
    pooled_all = ImageTower.pooled_all

    def counted(self: ImageTower, *arguments: Any, **options: Any) -> np.ndarray:
        nonlocal count
        count += 1
        return pooled_all(self, *arguments, **options)

    monkeypatch.setattr(ImageTower, "pooled_all", counted)
    manifest, true = noisy(18)
    for expected in (passes, 2 * passes - 1):
        detect("turn", manifest, true, tmp_path, adapter=adapter, prompt_length=2, **FAST)
        assert count == expected
        (tmp_path / "checkpoint.safetensors").unlink()


def test_the_first_cleansing_from_the_store_is_that_of_a_pass() -> None:
    manifest, true = noisy(30)
    clip = tiny_clip()
    inputs = make_inputs(clip, manifest, true)
    draws = Draws(manifest.sample_ids, 0)
    classifier = load_classifier(TurnConfig(), manifest, inputs, clip, draws)
    labels = turn.read_labels(manifest, torch.device("cpu"))
    stored = turn.store_pooled(clip, inputs, silent)
    probed = turn.train_probe(TurnConfig(), classifier, stored, labels, draws, silent)
    np.testing.assert_allclose(classifier.look(silent)[1], probed, rtol=1e-3, atol=1e-3)


def test_where_every_class_is_empty_the_head_alone_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    manifest, true = noisy(30)

    def nobody(
        losses: np.ndarray, logits: np.ndarray, given: np.ndarray, is_settled: np.ndarray, **_: Any
    ) -> Judgement:
        return judgement(np.full(len(given), 0.1), is_settled)

    monkeypatch.setattr(turn, "judge", nobody)
    looked = []
    look = Classifier.look
    monkeypatch.setattr(
        Classifier, "look", lambda self, report: looked.append(look(self, report)) or looked[-1]
    )
    found = detect("turn", manifest, true, **FAST)
    assert found.notes["chosen"] == 0
    assert found.notes["empty_classes"] == 3
    np.testing.assert_array_equal(looked[0][1], looked[-1][1])  # nothing was tuned
    assert (found.suggested == true).mean() > 0.6  # by chance a third


def test_with_every_label_settled_it_is_supervised_training(monkeypatch: pytest.MonkeyPatch) -> None:
    manifest, true = all_settled()
    made: list[Classifier] = []

    def watched(*arguments: Any) -> Classifier:
        made.append(load_classifier(*arguments))
        return made[-1]

    monkeypatch.setattr(turn, "load_classifier", watched)
    found = detect("turn", manifest, true, **FAST)
    np.testing.assert_array_equal(found.p_clean, (manifest.given == true).astype(np.float32))
    clip, config, draws = tiny_clip(), TurnConfig(**FAST), Draws(manifest.sample_ids, 0)
    inputs = make_inputs(clip, manifest, true)
    plain = load_classifier(config, manifest, inputs, clip, draws)
    target = torch.from_numpy(true)
    frozen = torch.from_numpy(turn.store_pooled(clip, inputs, silent))
    head = torch.optim.AdamW(plain.head.values(), lr=5e-3, weight_decay=1e-6)
    for epoch in range(1, 7):
        for rows in np.array_split(draws.order(-epoch), 8):  # 24 samples in batches of a tenth
            head.zero_grad()
            logits = frozen[rows] @ plain.head["head.weight"].T + plain.head["head.bias"]
            functional.cross_entropy(logits, target[rows]).backward()
            head.step()
    whole = torch.optim.AdamW(plain.parameters.values(), lr=1e-3, weight_decay=1e-5)
    for epoch in (1, 2):
        for rows in np.array_split(draws.order(epoch), 3):
            whole.zero_grad()
            functional.cross_entropy(plain.logits(rows, epoch), target[rows]).backward()
            whole.step()
    for name, value in made[0].parameters.items():
        torch.testing.assert_close(value, plain.parameters[name], rtol=1e-2, atol=1e-3)


def test_ambiguous_samples_train_softly_and_are_in_no_quota() -> None:
    manifest, true = noisy(30, {0: (Pin.AMBIGUOUS, (0, 1)), 1: (Pin.RELABELLED, (2,))})
    found = detect("turn", manifest, true, **FAST)
    assert found.p_clean[1] == 0
    assert found.p_clean[0] == (0.5 if manifest.given[0] in (0, 1) else 0)
    clip = tiny_clip()
    inputs = make_inputs(clip, manifest, true)
    draws = Draws(manifest.sample_ids, 0)
    classifier = load_classifier(TurnConfig(), manifest, inputs, clip, draws)
    tuning = turn.Tuning(
        config=TurnConfig(),
        manifest=manifest,
        classifier=classifier,
        labels=turn.read_labels(manifest, torch.device("cpu")),
        is_settled=np.arange(30) < 2,
        draws=draws,
        probed_NK=classifier.look(silent)[1],
        report=silent,
    )
    tuning.batches_of(1)
    value, count = tuning.terms(np.asarray([0, 1]), 1).losses["classify"]
    log_q = classifier.logits(np.asarray([0, 1]), 1).log_softmax(dim=1)
    torch.testing.assert_close(value, -0.5 * (log_q[0, 0] + log_q[0, 1]) - log_q[1, 2])
    assert count == 2


def test_the_purer_the_higher_the_threshold() -> None:
    manifest, true = noisy()
    # Two colours that are hard to tell apart, so that the mixtures are not sure.
    blurred = np.where(np.arange(60) % 4 == 0, (true + 1) % 3, true)
    low, high = (detect("turn", manifest, blurred, threshold=t, **FAST).notes for t in (0.1, 0.95))
    assert low["chosen"] >= high["chosen"]
    assert low["purity"] <= high["purity"]


class Interrupted(Exception):
    pass


def test_a_tuning_that_was_interrupted_ends_as_if_nothing_had_been(tmp_path: Path) -> None:
    manifest, true = noisy(30, {3: (Pin.CLEAN, (0,))})
    settings = {**FAST, "epochs": 4}
    whole = detect("turn", manifest, true, tmp_path / "whole", **settings)

    def interrupt(event: str, /, **values: Any) -> None:
        if event == "epoch" and values["epoch"] == 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        detect("turn", manifest, true, tmp_path / "parts", report=interrupt, **settings)
    for _ in range(2):  # and once more when nothing is left to do
        resumed = detect("turn", manifest, true, tmp_path / "parts", **settings)
        np.testing.assert_array_equal(resumed.p_clean, whole.p_clean)
        np.testing.assert_array_equal(resumed.probs, whole.probs)
        assert resumed.notes == whole.notes


def test_two_classes_and_few_samples() -> None:
    manifest, true = noisy(40)
    two = np.flatnonzero((manifest.given < 2) & (true < 2))
    found = detect("turn", manifest.take(two.tolist()), true[two], **FAST)
    assert found.notes["gmm_ok"]
    few = detect("turn", manifest.take(range(6)), true[:6], **FAST)
    assert not few.notes["gmm_ok"]  # and the answers are those of label-match
    assert np.isfinite(few.p_clean).all()
    assert few.notes["unfit_classes"] == ["red", "green", "blue"]
