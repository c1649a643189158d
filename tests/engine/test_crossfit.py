"""Cross-fit: what each copy may see, and what becomes of the answers."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.config import parse_settings
from engine.detectors.crossfit import _ask, _terms_of, directions
from engine.errors import EngineError
from engine.manifest import Pin
from engine.pooling import Weigher
from engine.probe import fold_of
from tests.engine.test_detectors import N, auroc, toy

SMALL = {"epochs": 1, "views": 1, "batch_size": 32}


@pytest.mark.parametrize("knows_names", [True, False])
def test_no_copy_is_told_the_label_of_a_sample_that_it_answers_for(knows_names, run_detector, monkeypatch):
    """What the EM makes of a sample's label reaches the other copy only, to the bit."""
    manifest, true, _ = toy()
    answers: list[np.ndarray] = []

    def spying(*arguments):
        answers.append(_ask(*arguments))
        return answers[-1]

    monkeypatch.setattr("engine.detectors.crossfit._ask", spying)
    monkeypatch.setattr("engine.pooling.trust_zero_shot", lambda *_: (knows_names, "so it is"))
    fit = Weigher.fit
    for label in (0, 1):
        posterior = np.eye(3, dtype=np.float32)[np.arange(N) % 3]
        posterior[7] = np.eye(3)[label]
        monkeypatch.setattr(Weigher, "fit", lambda *each, told=posterior: replace(fit(*each), posterior=told))
        run_detector("crossfit", manifest, true, **SMALL)
    np.testing.assert_array_equal(answers[0][7], answers[1][7])
    others = fold_of(manifest.sample_ids, 2, 0) != fold_of(manifest.sample_ids, 2, 0)[7]
    assert np.abs(answers[0][others] - answers[1][others]).max() > 0


def test_classes_begin_where_their_images_lie():
    rng = np.random.default_rng(0)
    towards = rng.normal(size=(3, 8))
    label = np.arange(60) % 3
    features = 5.0 + towards[label] + rng.normal(0, 0.1, (60, 8))
    found = directions(features.astype(np.float32), np.eye(3, dtype=np.float32)[label])
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    centred = features - features.mean(axis=0)
    assert ((centred @ found.T).argmax(axis=1) == label).all()
    nobody = directions(features.astype(np.float32), np.eye(4, dtype=np.float32)[label])
    assert np.isfinite(nobody).all()


def test_each_batch_belongs_to_one_copy_and_never_to_its_own_fold(run_detector, monkeypatch):
    manifest, true, _ = toy()
    seen: list[np.ndarray] = []

    def spying(copies, inputs, target, draws):
        inner = _terms_of(copies, inputs, target, draws)

        def terms(batch, epoch):
            seen.append(batch)
            return inner(batch, epoch)

        return terms

    monkeypatch.setattr("engine.detectors.crossfit._terms_of", spying)
    run_detector("crossfit", manifest, true, **SMALL, folds=3)
    fold = fold_of(manifest.sample_ids, 3, 0)
    told = {copy: np.concatenate([each % N for each in seen if each[0] // N == copy]) for copy in range(3)}
    for copy, rows in told.items():
        assert sorted(rows) == np.flatnonzero(fold != copy).tolist()
    assert all(len(set(each // N)) == 1 for each in seen)


def test_copies_that_learn_change_the_answer(run_detector):
    manifest, true, wrong = toy()
    still = run_detector("crossfit", manifest, true, **SMALL, weight=0)[1]
    moved = run_detector("crossfit", manifest, true, **SMALL | {"epochs": 2}, weight=1)[1]
    assert np.abs(still.probs - moved.probs).max() > 0.01
    assert auroc(moved.p_clean, wrong) > 0.9
    assert moved.notes["epochs"] == 2


def test_the_frozen_form_trains_no_tower(run_detector, monkeypatch):
    monkeypatch.setattr("engine.detectors.crossfit._tune", lambda *_: pytest.fail("a tower was trained"))
    manifest, true, wrong = toy()
    _, found = run_detector("crossfit", manifest, true, tower="frozen", views=1)
    assert auroc(found.p_clean, wrong) > 0.9
    assert found.notes["epochs"] == 0


def test_ambiguous_samples_are_learned_as_both(run_detector, monkeypatch):
    targets: list[torch.Tensor] = []

    def spying(copies, inputs, target, draws):
        targets.append(target)
        return _terms_of(copies, inputs, target, draws)

    monkeypatch.setattr("engine.detectors.crossfit._terms_of", spying)
    manifest, true, _ = toy(pinned={4: (Pin.AMBIGUOUS, (0, 2)), 5: (Pin.RELABELLED, (1,))})
    run_detector("crossfit", manifest, true, **SMALL)
    np.testing.assert_allclose(targets[0][4], [0.5, 0, 0.5], atol=1e-6)
    np.testing.assert_allclose(targets[0][5], [0, 1, 0], atol=1e-6)


def test_a_rate_out_of_range_is_said_in_a_sentence():
    with pytest.raises(EngineError, match=r"crossfit.weight is 2; it should be less than or equal to 1"):
        parse_settings("crossfit", {"weight": 2})
