"""The audit slice: its turns, its draws, and that open audits are a uniform sample of what has not passed."""

from collections import Counter
from datetime import datetime

import numpy as np
import pytest

from reviewer import audit
from reviewer.decisions import Decision, Outcome
from reviewer.errors import ReviewerError

N = 12


def decision(position: int, outcome: Outcome = Outcome.KEEP, labels: tuple[str, ...] = ()) -> Decision:
    return Decision(
        event_id=f"d{position}",
        position=position,
        outcome=outcome,
        labels=labels,
        annotator="ann",
        decided_at=datetime(2026, 1, 1),
        given_label="cat",
    )


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.5])
def test_a_rate_is_from_nothing_to_a_half(rate: float):
    assert audit.check_rate(rate) == rate


@pytest.mark.parametrize("rate", [-0.01, 0.51, float("nan")])
def test_another_rate_is_refused_with_the_range(rate: float):
    with pytest.raises(ReviewerError, match=r"choose one from 0 to 0\.5"):
        audit.check_rate(rate)


@pytest.mark.parametrize("rate", [0.02, 0.05, 0.1, 0.25, 0.5])
def test_one_card_in_every_so_many_is_an_audit_at_a_place_that_cannot_be_foreseen(rate: float):
    turns = np.asarray([audit.is_audit_turn(3, served, rate) for served in range(1000)])
    blocks = turns.reshape(-1, round(1 / rate)).sum(axis=1)
    assert blocks.tolist() == [1] * len(blocks)
    places = turns.reshape(-1, round(1 / rate)).argmax(axis=1)
    assert len(set(places.tolist())) >= min(len(places), round(1 / rate)) / 2
    others = [audit.is_audit_turn(4, served, rate) for served in range(1000)]
    assert turns.tolist() != others


def test_no_audits_where_the_rate_is_nothing_and_about_as_many_as_asked_where_it_divides_nothing():
    assert not any(audit.is_audit_turn(1, served, 0.0) for served in range(500))
    found = sum(audit.is_audit_turn(1, served, 0.37) for served in range(10_000))
    assert found == pytest.approx(3700, rel=0.03)


def test_draws_go_on_after_what_is_taken_and_end_when_nothing_is_left():
    order = audit.audit_order(5, N)
    assert sorted(order.tolist()) == list(range(N))
    assert order.tolist() == audit.audit_order(5, N).tolist() != audit.audit_order(6, N).tolist()
    reviewable = np.ones(N, dtype=bool)
    reviewable[order[0]] = False
    first = audit.next_audits(order, reviewable, (), 2)
    assert first == order[1:3].tolist()
    assert audit.next_audits(order, reviewable, set(first), 1) == [order[3]]
    assert len(audit.next_audits(order, reviewable, set(first), 100)) == N - 3
    assert audit.next_audits(order, reviewable, set(range(N)), 1) == []


def test_a_card_passes_the_open_audits_ahead_of_it_and_no_others():
    order = np.asarray([7, 3, 5, 1, 9])
    assert audit.passed_by(order, 5, {3, 1, 8}) == [3]
    assert audit.passed_by(order, 9, {3, 7, 8, 1}) == [7, 3, 1]
    assert audit.passed_by(order, 7, {3}) == []
    assert audit.passed_by(order, 5, ()) == []
    assert audit.passed_by(order, 4, {3, 1}) == []


def test_a_card_that_was_ranked_back_while_on_screen_passes_no_audit_whose_turn_has_not_come():
    order = np.asarray([7, 3, 5, 1, 9])
    waiting = np.zeros(N, dtype=bool)
    waiting[[5, 9]] = True
    assert audit.passed_by(order, 9, {3, 1}, waiting) == [3]
    assert audit.passed_by(order, 5, {3, 1}, waiting) == [3]
    waiting[7] = True
    assert audit.passed_by(order, 9, {3, 1}, waiting) == []
    waiting[:] = False
    assert audit.passed_by(order, 9, {3, 1}, waiting) == [3, 1]


def test_an_act_passes_the_open_audits_that_it_would_have_been_right_for():
    open_audits = {1: decision(1), 2: decision(2, Outcome.RELABEL, ("dog",)), 8: decision(8)}
    assert audit.passed_by_act([0, 1, 2, 3], open_audits, {(Outcome.KEEP, ())}) == [1]
    dogs = {(Outcome.RELABEL, ("dog",)), (Outcome.KEEP, ())}
    assert audit.passed_by_act([0, 1, 2, 3], open_audits, dogs) == [1, 2]
    assert audit.passed_by_act([0, 1, 2, 3], open_audits, {(Outcome.RELABEL, ("cow",))}) == []


def test_the_order_knows_all_decisions_but_those_of_open_audits():
    decisions = {position: decision(position) for position in range(4)}
    assert list(audit.ranking_decisions(decisions, {1, 3, 9})) == [0, 2]


@pytest.mark.parametrize(
    ("outcome", "labels", "wrong"),
    [
        (Outcome.KEEP, (), False),
        (Outcome.SKIP, (), False),
        (Outcome.RELABEL, ("dog",), True),
        (Outcome.AMBIGUOUS, ("cat", "dog"), False),
        (Outcome.AMBIGUOUS, ("cow", "dog"), True),
        (Outcome.OUT_OF_SCOPE, (), True),
        (Outcome.BAD_IMAGE, (), True),
    ],
)
def test_what_counts_as_a_wrong_label(outcome: Outcome, labels: tuple[str, ...], wrong: bool):
    assert audit.is_wrong(decision(0, outcome, labels)) == wrong


def open_after(seed: int, cards: int, rate: float) -> tuple[tuple[int, ...], int]:
    """Return (open audits, how many passed) after some cards of a queue that shows 0, 1, 2, … in order."""
    queue, reviewable = np.arange(N), np.ones(N, dtype=bool)
    draws = audit.audit_order(seed, N)
    decided: set[int] = set()
    open_audits: set[int] = set()
    passed: set[int] = set()
    for served in range(cards):
        if audit.is_audit_turn(seed, served, rate):
            chosen = audit.next_audits(draws, reviewable, decided, 1)
            open_audits.update(chosen)
            decided.update(chosen)
            continue
        position = next(each for each in queue.tolist() if each not in decided)
        gone = audit.passed_by(queue, position, open_audits)
        open_audits.difference_update(gone)
        passed.update([*gone, position])
        decided.add(position)
    return tuple(sorted(open_audits)), len(passed)


def test_open_audits_are_a_uniform_sample_of_what_has_not_passed():
    found: dict[tuple[int, int], Counter] = {}
    for seed in range(2500):
        open_audits, passed = open_after(seed, 6, 0.4)
        counts = found.setdefault((passed, len(open_audits)), Counter())
        counts.update(open_audits)
        counts["reviews"] += 1
    tried = 0
    for (passed, m), counts in found.items():
        if counts["reviews"] < 300 or not m:
            continue
        tried += 1
        share = m / (N - passed)
        sd = (share * (1 - share) / counts["reviews"]) ** 0.5
        for position in range(passed, N):  # the queue shows them in order: the rest has not passed
            assert counts[position] / counts["reviews"] == pytest.approx(share, abs=4.5 * sd)
        assert all(position >= passed for position in counts if position != "reviews")
    assert tried >= 2
