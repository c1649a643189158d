import numpy as np
import pytest

from engine.probe import fold_of, out_of_fold


@pytest.fixture
def blobs():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300)
    centres = np.eye(3)[labels]
    features = (centres + rng.normal(0, 0.2, (300, 3))).astype(np.float32)
    return features, labels, fold_of([f"s{i}" for i in range(300)], 5, seed=0)


def test_the_fold_is_a_function_of_seed_and_sample():
    ids = [f"s{i}" for i in range(100)]
    first = fold_of(ids, 5, 0)
    np.testing.assert_array_equal(fold_of(ids[::-1], 5, 0), first[::-1])
    assert (fold_of(ids, 5, 1) != first).any()
    assert set(first) == set(range(5))


def test_the_probe_answers_out_of_fold(blobs):
    features, labels, fold = blobs
    probs = out_of_fold(features, labels, 3, fold)
    np.testing.assert_allclose(probs.sum(axis=1), 1, atol=1e-5)
    assert (probs.argmax(axis=1) == labels).mean() > 0.95


def test_the_own_label_of_a_sample_does_not_reach_its_answer(blobs):
    features, labels, fold = blobs
    other = labels.copy()
    other[7] = (other[7] + 1) % 3
    same_fold = fold == fold[7]
    before, after = (out_of_fold(features, each, 3, fold) for each in (labels, other))
    np.testing.assert_array_equal(before[same_fold], after[same_fold])


def test_a_sample_that_may_not_be_fitted_is_only_asked(blobs):
    features, labels, fold = blobs
    fitted = np.ones(300, dtype=bool)
    fitted[:20] = False
    other = labels.copy()
    other[:20] = 0
    before, after = (out_of_fold(features, each, 3, fold, fitted=fitted) for each in (labels, other))
    np.testing.assert_array_equal(before, after)


def test_a_class_that_no_label_names_keeps_a_tiny_floor(blobs):
    features, labels, fold = blobs
    probs = out_of_fold(features, labels, 4, fold)
    assert (probs[:, 3] > 0).all()
    assert (probs[:, 3] < 1e-5).all()


def test_one_sample_per_fold_and_one_class_still_give_an_answer():
    probs = out_of_fold(np.eye(2, dtype=np.float32), np.asarray([0, 0]), 2, np.asarray([0, 0]))
    np.testing.assert_allclose(probs, 0.5)
    probs = out_of_fold(np.eye(2, dtype=np.float32), np.asarray([0, 0]), 2, np.asarray([0, 1]))
    assert np.isfinite(probs).all()
