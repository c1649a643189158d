import dataclasses

import numpy as np
import pytest

from engine.metrics import Bin, Metrics, calibration_error, clean_selection, measure, reliability

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
