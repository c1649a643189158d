"""When to stop, in words: errors left and the goal, the last cards, how many more catch how many errors."""

import numpy as np

from reviewer.errors import ReviewerError
from reviewer.estimate import ErrorsLeft

POINTS = 200  # of a curve that goes to a page
LAST = 100  # ranked cards, for the live precision
GOAL = 0.01  # of all labels wrong


def check_goal(goal: float) -> float:
    """Return the share of wrong labels that the person accepts; raises ReviewerError unless in (0, 0.5]."""
    if not 0.0 < goal <= 0.5:
        raise ReviewerError(f"The goal is {goal:g} of the labels wrong; choose more than 0, at most 0.5.")
    return float(goal)


def errors_sentence(left: ErrorsLeft) -> str:
    """Return how many errors are left, in words."""
    if not left.undecided:
        return "Every sample is decided: no errors are left."
    count = round(left.total.point)
    errors = "1 error is" if count == 1 else f"{count:,} errors are"
    samples = "1 undecided sample" if left.undecided == 1 else f"{left.undecided:,} undecided samples"
    source = "" if left.audits else ", by p_clean alone: no audit card speaks for them yet"
    return f"About {errors} left (95 %: {left.total.low:,} to {left.total.high:,}) among {samples}{source}."


def may_stop(left: ErrorsLeft, goal: float) -> bool:
    """Return whether the upper end of the errors left is within `goal` of all samples, shown by audits."""
    enough = left.audits > 0 and left.total.high <= goal * left.samples
    return not left.undecided or enough


def stop_sentence(left: ErrorsLeft, goal: float = GOAL) -> str:
    """Return whether to stop, in words: once at most `goal` of all labels are wrong, at the upper end."""
    if not left.undecided:
        return "You can stop: every sample is decided."
    most = f"{_percent(left.total.high / left.samples)} of all {left.samples:,} labels"
    aim = f"your goal is {_percent(goal)}"
    if may_stop(left, goal):
        return f"You can stop: at most {most} are still wrong, and {aim}."
    if not left.audits:
        return "When to stop cannot be said before audit cards are decided; set their share above 0."
    if left.total.point <= goal * left.samples:
        return f"Probably enough, but not sure yet: up to {most} may still be wrong, and {aim}; audit on."
    return f"Go on: up to {most} may still be wrong, and {aim}."


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.0995 else f"{share:.0%}".replace("%", " %")


def live_precision(wrong: np.ndarray, last: int = LAST) -> tuple[int, int]:
    """Return (wrong ones, cards) of the last ranked cards. wrong: (m,) bool, in the order decided."""
    recent = np.asarray(wrong, dtype=bool)[-last:]
    return int(recent.sum()), len(recent)


def catch_curve(p_clean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (cards, share): of the errors expected among the undecided, the share that the next cards catch.

    p_clean: (m,) recalibrated, of the undecided in the order of the queue. cards: (≤ 200,) int64 from 0 to m;
    share: same shape, [0, 1], never falling.
    """
    caught = _caught(p_clean)
    cards = np.unique(np.linspace(0, len(p_clean), POINTS).round().astype(np.int64))
    return cards, caught[cards]


def cards_to_catch(p_clean: np.ndarray, share: float) -> int:
    """Return how many of the next cards catch `share` of the expected errors; p_clean as in `catch_curve`."""
    return min(int(np.searchsorted(_caught(p_clean), share - 1e-12)), len(p_clean))


def catch_sentence(p_clean: np.ndarray, share: float) -> str:
    """Return "Review 820 cards to catch about 90 % of the errors left."."""
    cards = cards_to_catch(p_clean, share)
    noun = "card" if cards == 1 else "cards"
    return f"Review {cards:,} {noun} to catch about {_percent(share)} of the errors left."


def _caught(p_clean: np.ndarray) -> np.ndarray:
    expected = np.concatenate([[0.0], np.cumsum(1.0 - np.asarray(p_clean, dtype=np.float64))])
    return expected / expected[-1] if expected[-1] > 0 else np.linspace(0.0, 1.0, len(expected))
