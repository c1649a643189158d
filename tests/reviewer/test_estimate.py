"""Errors left, recalibration and the sentences, on reviews drawn from known odds."""

from dataclasses import replace

import numpy as np
import pytest

from reviewer import estimate, stopping
from reviewer.audit import Review
from reviewer.estimate import ErrorsLeft, Interval

N, K = 1200, 4


def drawn(
    seed: int, *, decided: int = 150, audits: int = 40, shift: float = 0.8, worthless: bool = False
) -> Review:
    """A queue that showed the lowest p_clean first, after audits; with a shift, p_clean is too high."""
    rng = np.random.default_rng(seed)
    score = rng.normal(-2.0, 2.0, N)  # log odds of 1 − p_clean
    wrong = rng.random(N) < 1 / (1 + np.exp(-(score + shift)))
    if worthless:
        score = rng.permutation(score)
    p_clean = 1 / (1 + np.exp(score))
    audited, passed = np.zeros((2, N), dtype=bool)
    audited[rng.permutation(N)[:audits]] = True
    passed[np.argsort(p_clean)[:decided]] = True
    return Review(
        settled=audited | passed,
        wrong=wrong,
        audited=audited,
        passed=passed,
        p_clean=p_clean,
        shown=np.where(passed & ~audited, p_clean, np.nan),
        given=rng.integers(0, K, N),
        n_classes=K,
    )


def left_of(review: Review) -> ErrorsLeft:
    return estimate.errors_left(review, estimate.fit_calibration(review))


def truth_of(review: Review) -> int:
    return int(review.wrong[review.undecided].sum())


def holds(total: Interval, truth: int) -> bool:
    return total.low <= truth <= total.high


# -- errors left --------------------------------------------------------------------------------------


@pytest.mark.parametrize("worthless", [False, True])
def test_the_interval_covers_and_the_point_is_not_off_whatever_the_scores_are_worth(worthless: bool):
    reviews = [drawn(seed, worthless=worthless) for seed in range(150)]
    errors = [left_of(review).total.point - truth_of(review) for review in reviews]
    covered = np.mean([holds(left_of(review).total, truth_of(review)) for review in reviews])
    assert 0.90 <= covered <= 1.0
    mean = np.mean([truth_of(review) for review in reviews])
    assert abs(np.mean(errors)) < 0.12 * mean


def test_whoever_counts_passed_audits_as_if_they_stood_for_the_undecided_is_wrong():
    reviews = [drawn(seed, decided=500, audits=150, worthless=seed % 2 == 0) for seed in range(100)]
    reviews += [drawn(seed, decided=500, audits=150) for seed in range(100)]
    blank = [replace(review, p_clean=np.full(N, np.nan)) for review in reviews]
    forgets = [replace(review, passed=review.passed & ~review.audited) for review in blank]
    truths = [truth_of(review) for review in reviews]
    right = np.mean([holds(left_of(each).total, truth) for each, truth in zip(blank, truths, strict=True)])
    other = np.mean([holds(left_of(each).total, truth) for each, truth in zip(forgets, truths, strict=True)])
    assert right >= 0.90
    assert other <= 0.60


def test_good_scores_make_the_interval_narrower_and_so_do_more_audits():
    def width(review: Review) -> int:
        total = left_of(review).total
        return total.high - total.low

    few = [drawn(seed, shift=0.0) for seed in range(20)]
    blank = [replace(review, p_clean=np.full(N, np.nan)) for review in few]
    many = [drawn(seed, shift=0.0, audits=200) for seed in range(20)]
    assert np.mean([width(each) for each in few]) < 0.9 * np.mean([width(each) for each in blank])
    assert np.mean([width(each) for each in many]) < 0.7 * np.mean([width(each) for each in few])


def test_nobody_audited_gives_a_wide_interval_that_says_so():
    review = drawn(0, audits=0)
    found = left_of(review)
    assert found.audits == 0
    assert found.total.low < truth_of(review) / 2
    assert found.total.high > 2 * truth_of(review)
    assert "by p_clean alone" in stopping.errors_sentence(found)
    assert not stopping.may_stop(found, 0.5)
    assert "before audit cards are decided" in stopping.stop_sentence(found)


def test_before_the_first_audit_as_many_are_left_as_the_curve_says_not_the_mean_of_a_wide_prior():
    review = drawn(0, audits=0)
    calibration = estimate.fit_calibration(review)
    found, classes = left_of(review), estimate.class_errors_left(review, calibration)
    expected = (1.0 - calibration.p_clean(review.p_clean[review.undecided])).sum()
    assert found.total.point == pytest.approx(expected, rel=0.02)
    assert sum(each.point for each in classes) == pytest.approx(expected, rel=0.02)
    assert all(each.low <= each.point <= each.high for each in (found.total, *classes))


@pytest.mark.parametrize("scored", [True, False])
def test_all_labels_wrong_and_all_labels_right(scored: bool):
    review = drawn(1, audits=300, decided=0)
    if not scored:
        review = replace(review, p_clean=np.full(N, np.nan))
    undecided = int(review.undecided.sum())
    everything = left_of(replace(review, wrong=np.ones(N, dtype=bool))).total
    nothing = left_of(replace(review, wrong=np.zeros(N, dtype=bool))).total
    assert everything.high >= undecided - 1
    assert everything.low > 0.9 * undecided
    assert nothing.low == 0
    assert nothing.high < 0.05 * undecided


def test_nothing_undecided_has_no_errors_left():
    review = replace(drawn(2), settled=np.ones(N, dtype=bool))
    found = left_of(review)
    assert (found.total.low, found.total.high, found.undecided) == (0, 0, 0)
    assert found.total.point == pytest.approx(0.0)
    assert stopping.errors_sentence(found) == "Every sample is decided: no errors are left."
    assert stopping.stop_sentence(found) == "You can stop: every sample is decided."


def test_no_samples_at_all_is_no_fault():
    nobody = np.zeros(0, dtype=bool)
    review = Review(
        settled=nobody,
        wrong=nobody,
        audited=nobody,
        passed=nobody,
        p_clean=np.zeros(0),
        shown=np.zeros(0),
        given=np.zeros(0, dtype=np.int64),
        n_classes=2,
    )
    assert left_of(review).total.high == 0
    assert len(estimate.class_errors_left(review, estimate.fit_calibration(review))) == 2


def test_what_the_queue_decided_does_not_move_the_interval_but_the_curve():
    review = drawn(3)
    ranked = review.passed & ~review.audited
    other = replace(review, wrong=np.where(ranked, False, review.wrong))
    assert left_of(other) == left_of(review)
    first, second = estimate.fit_calibration(review).curve, estimate.fit_calibration(other).curve
    assert second[-1] < first[-1] - 0.2


def test_a_skipped_card_of_the_queue_stays_among_the_errors_that_may_be_left():
    review = drawn(4)
    skipped = np.flatnonzero(review.passed & ~review.audited)[:10]
    settled = review.settled.copy()
    settled[skipped] = False
    found = left_of(replace(review, settled=settled))
    assert found.undecided == left_of(review).undecided + 10
    assert found.total.point > left_of(review).total.point


# -- classes ------------------------------------------------------------------------------------------


def test_classes_cover_and_follow_their_own_audits():
    reviews = [drawn(seed) for seed in range(40)]
    covered = []
    for review in reviews:
        found = estimate.class_errors_left(review, estimate.fit_calibration(review))
        truths = np.bincount(review.given[review.undecided & review.wrong], minlength=K)
        covered += [holds(each, truth) for each, truth in zip(found, truths, strict=True)]
        total = left_of(review).total.point
        assert sum(each.point for each in found) == pytest.approx(total, rel=0.25)
    assert np.mean(covered) >= 0.9
    review = drawn(0, audits=300)
    worse = replace(review, wrong=review.wrong | (review.given == 2))
    before, after = (
        estimate.class_errors_left(each, estimate.fit_calibration(each)) for each in (review, worse)
    )
    assert after[2].point / before[2].point > 1.2 * after[0].point / before[0].point


def test_one_class_has_what_the_whole_has():
    review = replace(drawn(5), given=np.zeros(N, dtype=np.int64), n_classes=1)
    (only,) = estimate.class_errors_left(review, estimate.fit_calibration(review))
    total = left_of(review).total
    assert only.point == pytest.approx(total.point, rel=0.2)
    assert only.low <= total.point <= only.high


# -- p_clean ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_recalibrated_p_clean_is_a_probability_and_keeps_the_order(seed: int):
    review = drawn(seed, audits=(0, 3, 30, 400)[seed % 4], worthless=seed % 2 == 0)
    p = np.linspace(0, 1, 300)
    found = estimate.fit_calibration(review).p_clean(p)
    assert ((found >= 0) & (found <= 1)).all()
    assert (np.diff(found) >= -1e-12).all()


def test_recalibration_comes_nearer_to_the_truth():
    def off(review: Review, p_clean: np.ndarray) -> float:
        return abs(float((p_clean - ~review.wrong)[review.undecided].mean()))

    reviews = [drawn(seed) for seed in range(30)]
    before = np.mean([off(review, review.p_clean) for review in reviews])
    after = np.mean([off(each, estimate.fit_calibration(each).p_clean(each.p_clean)) for each in reviews])
    assert after < 0.6 * before


def test_cards_of_the_suspicious_end_alone_do_not_make_the_other_end_suspicious():
    review = drawn(3, audits=0, decided=100)
    top = np.flatnonzero(review.passed)
    wrong = review.wrong.copy()
    wrong[top] = np.arange(100) % 20 > 0  # as often at each p_clean: nothing says how the curve goes on
    sure = estimate.fit_calibration(replace(review, wrong=wrong)).p_clean(np.asarray([0.9, 0.98]))
    assert (sure > [0.7, 0.85]).all()


def test_a_missing_p_clean_gets_one_between_the_others():
    review = drawn(6)
    found = estimate.fit_calibration(review).p_clean(np.asarray([0.0, np.nan, 1.0]))
    assert found[0] < found[1] < found[2]


def test_isotonic_steps_take_over_when_there_are_thousands_of_decisions():
    rng = np.random.default_rng(0)
    n = 60_000
    p_clean = rng.random(n)
    wrong = rng.random(n) < np.where(p_clean < 0.5, 0.6, 0.1)  # no curve of two numbers is a step
    audited = np.arange(n) < n // 2
    review = Review(
        settled=audited,
        wrong=wrong,
        audited=audited,
        passed=np.zeros(n, dtype=bool),
        p_clean=p_clean,
        shown=np.full(n, np.nan),
        given=np.zeros(n, dtype=np.int64),
        n_classes=1,
    )
    found = estimate.fit_calibration(review).p_clean(np.asarray([0.1, 0.4, 0.6, 0.9]))
    np.testing.assert_allclose(found, [0.4, 0.4, 0.9, 0.9], atol=0.05)


def test_pooled_steps_are_the_nearest_sequence_that_never_falls():
    from sklearn.isotonic import isotonic_regression

    rng = np.random.default_rng(1)
    for _ in range(20):
        values, weights = rng.random(51), rng.random(51) + 0.01
        expected = isotonic_regression(values, sample_weight=weights)
        np.testing.assert_allclose(estimate._isotonic(values, weights), expected, atol=1e-9)
