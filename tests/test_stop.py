"""The simulated reviews of benchmarks/reviews.py and stop.py are the app's, and its figures can be bad."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import annotator, reviews, stop
from reviewer import audit, estimate
from reviewer.queue import next_positions, rank

N, K = 300, 4
NAMES = ("ant", "bee", "cat", "dog")


@pytest.fixture(scope="module")
def problem() -> reviews.Problem:
    rng = np.random.default_rng(3)
    truth = rng.integers(0, K, N)
    given = np.where(rng.random(N) < 0.3, (truth + 1) % K, truth)
    believed = np.where(rng.random(N) < 0.8, truth, rng.integers(0, K, N))
    probs = rng.dirichlet(np.full(K, 0.5), size=N) * 0.4
    probs[np.arange(N), believed] += 0.6
    return reviews.Problem(names=NAMES, probs=probs.astype(np.float32), given=given, truth=truth, alpha=0.3)


def in_the_app(
    problem: reviews.Problem, seed: int, rate: float, count: int
) -> tuple[set[int], set[int], list]:
    """Decide `count` cards as the app serves them, ranked again where 50 more have passed.

    Returns (audited, passed, open audits over time): by `rank`, `next_positions` and `reviewer.audit` alone.
    """
    samples, run = reviews.in_app(problem)
    decide = annotator.truthful(NAMES, problem.given, problem.truth)
    draws, reviewable = audit.audit_order(seed, N), np.ones(N, dtype=bool)
    decisions, audited, open_audits, passed, seen = {}, set(), set(), set(), []
    ranking, ranked_at = rank(samples, run, {}, 0), 0
    for served in range(count):
        if audit.is_audit_turn(seed, served, rate):
            (position,) = audit.next_audits(draws, reviewable, decisions, 1)
            audited.add(position)
            open_audits.add(position)
        else:
            (position,) = next_positions(ranking.order, decisions, (), 1)
            gone = audit.passed_by(ranking.order, position, open_audits)
            if len(passed) + len(gone) >= ranked_at + reviews.EVERY:
                # Fifty have passed before this card: it comes from a new ranking.
                needed = ranked_at + reviews.EVERY - len(passed)
                passed.update(gone[:needed])
                open_audits.difference_update(gone[:needed])
                known = audit.ranking_decisions(decisions, open_audits)
                ranking, ranked_at = rank(samples, run, known, 0), ranked_at + reviews.EVERY
                (position,) = next_positions(ranking.order, decisions, (), 1)
                gone = audit.passed_by(ranking.order, position, open_audits)
            passed.update([*gone, position])
            open_audits.difference_update(gone)
        decisions[position] = decide(position)
        seen.append(sorted(open_audits))
    return audited, passed, seen


@pytest.mark.parametrize(("seed", "rate"), [(0, 0.1), (1, 0.4)])
def test_a_simulated_review_is_what_the_app_would_do(problem: reviews.Problem, seed: int, rate: float):
    order = reviews.find_order(problem, N)
    audited, passed, seen = in_the_app(problem, seed, rate, 180)
    review = reviews.reviewed(problem, order, seed, rate, 180)
    assert set(np.flatnonzero(review.audited).tolist()) == audited
    assert set(np.flatnonzero(review.passed).tolist()) == passed
    assert np.flatnonzero(review.open_audits).tolist() == seen[-1]
    assert review.settled.sum() == 180
    assert np.isfinite(review.shown).sum() == 180 - len(audited)


def test_what_passes_does_not_depend_on_who_is_audited(problem: reviews.Problem):
    order = reviews.find_order(problem, N)
    for seed in range(5):
        review = reviews.reviewed(problem, order, seed, 0.3, 150)
        count = int(review.passed.sum())
        assert set(np.flatnonzero(review.passed).tolist()) == set(order.passes[:count].tolist())


def test_the_interval_holds_in_small_reviews_and_not_when_errors_are_left_out(
    problem: reviews.Problem, monkeypatch: pytest.MonkeyPatch
):
    order = reviews.find_order(problem, N)
    states = [reviews.reviewed(problem, order, seed, 0.2, 60 + seed) for seed in range(0, 100, 2)]
    found = [stop.measure(state) for state in states]
    assert np.mean([each["shipped_holds"] for each in found]) >= 0.9
    assert np.mean([each["alone_holds"] for each in found]) >= 0.9
    for each, state in zip(found, states, strict=True):
        assert each["truth"] == state.wrong[~state.settled].sum()
        assert each["below"] + each["above"] + each["shipped_holds"] == 1.0
    histogram = estimate._histogram
    monkeypatch.setattr(estimate, "_histogram", lambda scores: 0.2 * histogram(scores))
    assert np.mean([stop.measure(state)["shipped_holds"] for state in states[::5]]) <= 0.7


def test_planted_labels_are_wrong_about_as_often_as_asked(problem: reviews.Problem):
    rates = [
        (reviews.planted(problem, np.random.default_rng(seed)) != problem.truth).mean() for seed in range(60)
    ]
    assert 0.0 <= min(rates) < 0.08
    assert 0.3 < max(rates) < 0.5
    labels = reviews.planted(problem, np.random.default_rng(0))
    assert ((labels >= 0) & (labels < K)).all()


def test_the_calibration_error_is_the_mean_gap_of_the_bins():
    p_clean = np.asarray([0.95, 0.95, 0.05, 0.05])
    right = np.asarray([True, True, False, False])
    assert stop.calibration_error(p_clean, right) == pytest.approx(0.05)
    assert stop.calibration_error(p_clean, ~right) == pytest.approx(0.95)
    assert stop.calibration_error(np.ones(4), right) == pytest.approx(0.5)


def test_a_problem_of_the_app_keeps_its_labels(problem: reviews.Problem):
    samples, run = reviews.in_app(replace(problem, given=problem.given[::-1]))
    assert [NAMES[k] for k in run.given] == samples.given_labels.tolist()
