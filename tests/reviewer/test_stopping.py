"""When to stop, and how many cards catch how many errors, in words."""

import numpy as np
import pytest

from reviewer import stopping
from reviewer.errors import ReviewerError
from reviewer.estimate import ErrorsLeft, Interval


def left(point: float, low: int, high: int, *, audits: int = 50, undecided: int = 3102) -> ErrorsLeft:
    total = Interval(point=point, low=low, high=high)
    return ErrorsLeft(total=total, audits=audits, undecided=undecided, samples=10_000)


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (left(41.2, 18, 77), "About 41 errors are left (95 %: 18 to 77) among 3,102 undecided samples."),
        (left(0.9, 0, 3, undecided=1), "About 1 error is left (95 %: 0 to 3) among 1 undecided sample."),
        (
            left(2400, 1800, 3000),
            "About 2,400 errors are left (95 %: 1,800 to 3,000) among 3,102 undecided samples.",
        ),
    ],
)
def test_the_sentence_about_errors_left(found: ErrorsLeft, sentence: str):
    assert stopping.errors_sentence(found) == sentence


@pytest.mark.parametrize(
    ("found", "goal", "sentence"),
    [
        (left(41, 18, 77), 0.01, "You can stop: at most 0.77 % of {} are still wrong, and your goal is 1 %."),
        (left(41, 18, 100), 0.01, "You can stop: at most 1 % of {} are still wrong, and your goal is 1 %."),
        (left(41, 18, 177), 0.02, "You can stop: at most 1.8 % of {} are still wrong, and your goal is 2 %."),
        (
            left(41, 18, 177),
            0.01,
            "Probably enough, but not sure yet: up to 1.8 % of {} may still be wrong, and your goal is 1 %; "
            "audit on.",
        ),
        (left(341, 18, 1770), 0.01, "Go on: up to 18 % of {} may still be wrong, and your goal is 1 %."),
        (
            left(1, 0, 2, audits=0),
            0.01,
            "When to stop cannot be said before audit cards are decided; set their share above 0.",
        ),
    ],
)
def test_the_sentence_when_to_stop(found: ErrorsLeft, goal: float, sentence: str):
    assert stopping.stop_sentence(found, goal) == sentence.format("all 10,000 labels")
    assert stopping.may_stop(found, goal) == sentence.startswith("You can stop")


@pytest.mark.parametrize("goal", [0.0, -1.0, 0.6, float("nan")])
def test_a_goal_out_of_range_is_refused(goal: float):
    with pytest.raises(ReviewerError, match=r"more than 0, at most 0\.5"):
        stopping.check_goal(goal)
    assert stopping.check_goal(0.01) == 0.01


def test_live_precision_counts_the_last_cards():
    wrong = np.concatenate([np.ones(50, dtype=bool), np.zeros(30, dtype=bool), np.ones(70, dtype=bool)])
    assert stopping.live_precision(wrong) == (70, 100)
    assert stopping.live_precision(wrong[:60]) == (50, 60)
    assert stopping.live_precision(wrong[:0]) == (0, 0)


def test_how_many_cards_catch_a_share_of_the_errors():
    p_clean = np.concatenate([np.full(90, 0.1), np.full(900, 0.99)])  # 81 and 9 errors expected
    cards, share = stopping.catch_curve(p_clean)
    assert len(cards) == len(share) == 200
    assert (cards[0], cards[-1], share[0], share[-1]) == (0, 990, 0.0, pytest.approx(1.0))
    assert (np.diff(share) >= 0).all()
    assert stopping.cards_to_catch(p_clean, 0.9) == 90
    assert stopping.cards_to_catch(p_clean, 0.5) == 50
    assert stopping.cards_to_catch(p_clean, 0.0) == 0
    assert stopping.cards_to_catch(p_clean, 1.0) == 990
    assert stopping.catch_sentence(p_clean, 0.9) == "Review 90 cards to catch about 90 % of the errors left."
    assert stopping.catch_curve(p_clean[:3])[0].tolist() == [0, 1, 2, 3]
    assert stopping.cards_to_catch(p_clean[:0], 0.9) == 0
    assert stopping.cards_to_catch(np.ones(5), 0.4) == 2
