import dataclasses

import numpy as np
import pytest

from engine.metrics import (
    Bin,
    Metrics,
    accuracy,
    batch_selection,
    calibration_error,
    clean_selection,
    measure,
    measure_with_pins,
    noise_selection,
    reliability,
    top_accuracy,
)

P_CLEAN = np.asarray([0.05, 0.35, 0.45, 0.55, 0.55, 0.95], dtype=np.float32)
IS_CLEAN = np.asarray([False, False, True, False, True, True])


def test_the_figures_equal_those_computed_by_hand():
    found = measure(P_CLEAN, IS_CLEAN)
    # Three are above 0.5, two of them clean; three are clean.
    assert (found.precision, found.recall, found.f1) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert found.n_selected == 3
    # Of nine pairs (wrong, clean) seven are in order, one is a tie, one (0.55 wrong, 0.45 clean) is not.
    assert found.auroc == pytest.approx(7.5 / 9)
    # The wrong ones are found at ranks 1 and 2, and at the tie of ranks 4 and 5: 3 of 5.
    assert found.average_precision == pytest.approx((1 + 1 + 3 / 5) / 3)
    # One bin each for 0.05, 0.35, 0.45 and 0.95, one for both of 0.55.
    assert found.ece == pytest.approx((0.05 + 0.35 + 0.55 + 2 * 0.05 + 0.05) / 6)
    assert sum(each.count for each in found.reliability) == 6
    assert found.reliability[5].count == 2
    assert found.reliability[5].mean_p_clean == pytest.approx(0.55)
    assert found.reliability[5].share_clean == 0.5
    assert found.reliability[1] == Bin(count=0, mean_p_clean=None, share_clean=None)
    assert dataclasses.fields(Metrics)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.f1 = 1.0  # type: ignore[misc]


def test_a_perfect_and_a_reversed_order():
    is_clean = np.arange(10) >= 4
    perfect, reversed_order = measure(is_clean * 1.0, is_clean), measure(1.0 - is_clean, is_clean)
    assert (perfect.f1, perfect.auroc, perfect.average_precision, perfect.ece) == (1, 1, 1, 0)
    assert (reversed_order.f1, reversed_order.auroc, reversed_order.ece) == (0, 0, 1)
    assert (reversed_order.precision, reversed_order.recall) == (0, 0)
    assert reversed_order.average_precision == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("selected", "clean", "precision", "recall", "f1"),
    [
        (0, 0, None, None, None),
        (0, 1, None, 0, 0),
        (1, 0, 0, None, 0),
        (1, 1, 1, 1, 1),
    ],
)
def test_what_is_not_defined_is_none(selected, clean, precision, recall, f1):
    found = clean_selection(np.full(4, bool(selected)), np.full(4, bool(clean)))
    assert (found.precision, found.recall, found.f1) == (precision, recall, f1)
    assert found.n_selected == 4 * selected


@pytest.mark.parametrize("clean", [True, False])
def test_without_both_kinds_there_is_no_order_to_judge(clean):
    found = measure(P_CLEAN, np.full(6, clean))
    assert (found.average_precision, found.auroc) == (None, None)
    assert found.ece == pytest.approx(abs(clean - P_CLEAN).mean())


def test_exactly_a_half_is_not_selected():
    assert measure(np.asarray([0.5, 0.5]), np.asarray([True, False])).n_selected == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_bin_begins_with_its_lower_edge_and_the_last_holds_one(dtype):
    edges = np.asarray([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1], dtype=dtype)
    bins = reliability(edges, np.ones(11, dtype=bool))
    assert [each.count for each in bins] == [1] * 9 + [2]


def test_the_calibration_error_of_honest_chances_is_near_zero():
    rng = np.random.default_rng(0)
    p_clean = rng.random(200_000)
    bins = reliability(p_clean, rng.random(200_000) < p_clean)
    assert len(bins) == 10
    assert calibration_error(bins) < 0.005


def test_one_sample_is_enough():
    found = measure(np.asarray([0.25]), np.asarray([True]))
    assert (found.ece, found.auroc, found.precision, found.recall) == (0.75, None, None, 0)


@pytest.mark.parametrize(
    ("p_clean", "is_clean"),
    [
        ([np.nan, 0.5], [True, False]),
        ([1.5, 0.5], [True, False]),
        ([-0.5, 0.5], [True, False]),
        ([0.5], [True, False]),
        ([0.5, 0.5], [1, 0]),
        ([[0.5, 0.5]], [[True, False]]),
    ],
)
def test_what_no_detector_may_return_is_a_bug(p_clean, is_clean):
    with pytest.raises(ValueError, match="p_clean"):
        measure(np.asarray(p_clean), np.asarray(is_clean))
    with pytest.raises(ValueError, match="p_clean"):
        measure(np.empty(0), np.empty(0, dtype=bool))


# -- the other side --


def test_what_is_not_selected_is_a_selection_of_wrong_labels():
    found = measure(P_CLEAN, IS_CLEAN).noisy
    # Three are left out, two of them wrong; three are wrong.
    assert (found.precision, found.recall, found.f1, found.n_selected) == (2 / 3, 2 / 3, 2 / 3, 3)
    assert found == noise_selection(P_CLEAN > 0.5, IS_CLEAN)


@pytest.mark.parametrize("seed", range(3))
def test_both_views_speak_of_the_same_four_counts(seed):
    rng = np.random.default_rng(seed)
    selected, clean = rng.random(200) < 0.3, rng.random(200) < 0.8
    kept, left = clean_selection(selected, clean), noise_selection(selected, clean)
    counts = {(s, c): int(((selected == s) & (clean == c)).sum()) for s in (0, 1) for c in (0, 1)}
    assert kept.precision == counts[1, 1] / (counts[1, 1] + counts[1, 0])
    assert kept.recall == counts[1, 1] / (counts[1, 1] + counts[0, 1])
    assert left.precision == counts[0, 0] / (counts[0, 0] + counts[0, 1])
    assert left.recall == counts[0, 0] / (counts[0, 0] + counts[1, 0])
    assert kept.n_selected + left.n_selected == 200


# -- the mean over batches --


def rows(*batches):
    return [np.asarray(batch, dtype=np.int64) for batch in batches]


def test_the_mean_over_batches_equals_that_computed_by_hand():
    selected = np.asarray([1, 1, 0, 0, 1, 0, 0], dtype=bool)
    clean = np.asarray([1, 0, 1, 1, 1, 0, 0], dtype=bool)
    # {0, 1, 2}: 1 of 2 selected, 1 of 2 clean. {3, 4}: 1 of 1, 1 of 2. {5, 6}: nothing selected or clean.
    found = batch_selection(selected, clean, rows([0, 1, 2], [3, 4], [5, 6]))
    assert (found.precision, found.recall) == (0.75, 0.5)
    assert found.f1 == pytest.approx(2 * 0.75 * 0.5 / 1.25)
    assert (found.n_batches, found.n_without_selected, found.n_without_clean) == (3, 1, 1)
    # Pooled, the small batch counts for less.
    pooled = clean_selection(selected, clean)
    assert (pooled.precision, pooled.recall) == (2 / 3, 2 / 4)


def test_one_batch_of_all_is_the_pooled_figure_whatever_its_order():
    rng = np.random.default_rng(1)
    selected, clean = rng.random(50) < 0.5, rng.random(50) < 0.7
    found, pooled = batch_selection(selected, clean, [rng.permutation(50)]), clean_selection(selected, clean)
    assert (found.precision, found.recall) == (pooled.precision, pooled.recall)
    assert found.f1 == pytest.approx(pooled.f1)


def test_the_mean_over_batches_of_nothing_is_none_and_counted():
    nothing, everything = np.zeros(4, dtype=bool), np.ones(4, dtype=bool)
    found = batch_selection(nothing, everything, rows([0, 1], [2, 3]))
    assert (found.precision, found.recall, found.f1, found.n_without_selected) == (None, 0, None, 2)
    found = batch_selection(everything, nothing, rows([0, 1], [2, 3]))
    assert (found.precision, found.recall, found.f1, found.n_without_clean) == (0, None, None, 2)
    wrong = batch_selection(np.asarray([True, False]), np.asarray([False, True]), rows([0, 1]))
    assert (wrong.precision, wrong.recall, wrong.f1) == (0, 0, 0)
    assert batch_selection(nothing, nothing, []).n_batches == 0


def test_the_recall_of_small_batches_is_flattered():
    """Methods §2: the mean of |S∩G| / |G| over batches lies above the pooled recall, so it is not the main
    figure; here a selection of fixed size per batch, as small-loss makes it."""
    rng = np.random.default_rng(0)
    clean = rng.random(64_000) < 0.2
    batches = np.split(np.arange(64_000), 8_000)
    selected = np.zeros(64_000, dtype=bool)
    for batch in batches:
        selected[batch[np.argsort(~clean[batch] + rng.normal(0, 0.6, 8))[:2]]] = True
    found, pooled = batch_selection(selected, clean, batches).recall, clean_selection(selected, clean).recall
    assert found is not None
    assert pooled is not None
    assert found > pooled + 0.05


# -- with and without what people settled --


def test_settled_samples_are_told_apart():
    pinned = np.asarray([True, False, False, False, False, True])
    every, left = measure_with_pins(P_CLEAN, IS_CLEAN, pinned)
    assert every == measure(P_CLEAN, IS_CLEAN)
    assert left == measure(P_CLEAN[1:5], IS_CLEAN[1:5])
    assert left is not None
    # Of four pairs two are in order, one is a tie, one is not.
    assert left.auroc == 0.625
    assert measure_with_pins(P_CLEAN, IS_CLEAN, np.ones(6, dtype=bool))[1] is None


# -- the class posterior --


def test_the_true_class_is_looked_for_among_the_highest():
    scores = np.asarray([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3], [0.2, 0.3, 0.5], [0.4, 0.35, 0.25]])
    true = np.asarray([0, 2, 0, 1])
    assert top_accuracy(scores, true, 1) == accuracy(scores.argmax(axis=1), true) == 0.25
    assert top_accuracy(scores, true, 2) == 0.75
    assert top_accuracy(scores, true, 3) == 1


@pytest.mark.parametrize("k", [1, 2, 5, 9])
def test_the_top_classes_equal_those_of_a_stable_sort(k):
    rng = np.random.default_rng(k)
    scores = rng.integers(0, 4, (300, 9)) / 4  # many ties
    true = rng.integers(0, 9, 300)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    assert top_accuracy(scores, true, k) == np.mean([t in row for t, row in zip(true, order, strict=True)])


def test_with_fewer_classes_than_places_nothing_is_missed():
    scores = np.asarray([[0.9, 0.1], [0.8, 0.2]])
    assert top_accuracy(scores, np.asarray([1, 1]), 5) == 1
    assert top_accuracy(scores, np.asarray([1, 1]), 1) == 0


def test_equal_scores_are_no_free_hit():
    even = np.full((6, 3), 1 / 3)
    true = np.asarray([0, 0, 1, 1, 2, 2])
    assert [top_accuracy(even, true, k) for k in (1, 2, 3)] == pytest.approx([1 / 3, 2 / 3, 1])
