"""Second opinions: which samples get one, who is asked, and where people disagree. Pure.

A share of what somebody has decided is drawn at random and shown to somebody else as a blind card. What they
say never changes the label: where it differs from the decision, the sample is *disputed* until a third look,
the adjudication, settles it.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np

from reviewer.agreement import opinion
from reviewer.decisions import Decision, Outcome, Screen
from reviewer.errors import ReviewerError

MOST_DAYS = 3650
TAKEN = (Screen.CARD, Screen.SHEET)
"""The screens whose decisions get a second opinion. Audits get none: one that changed after it could not be
what the estimate of the errors left takes it for, a random sample of what was undecided."""
SHARE = 3  # of so many cards one is a second opinion, while any are wanted


def check_second_rate(rate: float) -> float:
    """Return the share of decisions that get a second opinion; raises ReviewerError unless in [0, 1]."""
    if not 0.0 <= rate <= 1.0:  # NaN is not, either
        raise ReviewerError(f"The share of second opinions is {rate:g}; choose one from 0 to 1.")
    return float(rate)


def check_own_days(days: int) -> int:
    """Return the days after which people are asked about their own decisions, 0: never.

    Raises ReviewerError for a number that cannot be meant.
    """
    if not 0 <= days <= MOST_DAYS:
        raise ReviewerError(
            f"One's own decisions come again after {days} days; choose 0 (never) to {MOST_DAYS}."
        )
    return days


def draws(seed: int, n: int) -> np.ndarray:
    """Return a number in [0, 1) for each of n samples, (n,) float64, fixed by seed.

    Those below the rate get a second opinion, so a higher rate adds samples and exchanges none.
    """
    return np.random.default_rng([seed, 2]).random(n)


def wants_opinion(decision: Decision, person: str, own_days: int, now: datetime) -> bool:
    """Return whether a person is to be asked about what was decided, where the draw says that somebody is.

    own_days: after so many days a person is asked about a decision of their own, too; 0: never.
    """
    if decision.outcome is Outcome.SKIP or decision.screen not in TAKEN:
        return False
    if decision.annotator != person:
        return True
    return own_days > 0 and now - decision.decided_at >= timedelta(days=own_days)


def open_opinions(said: Iterable[Decision]) -> tuple[Decision, ...]:
    """Return the second opinions that no adjudication has settled yet, the last one of each person.

    said: the second opinions and adjudications of one sample that stand, oldest first.
    """
    found: dict[str, Decision] = {}
    for each in said:
        if each.screen is Screen.SECOND:
            found.pop(each.annotator, None)
            found[each.annotator] = each
        elif each.counts:
            found.clear()
    return tuple(found.values())


def disagree(decision: Decision | None, opinions: Sequence[Decision]) -> bool:
    """Return whether a second opinion differs from the decision that holds; a skip says nothing."""
    if decision is None or decision.outcome is Outcome.SKIP:
        return False
    given = opinion(decision)
    return any(each.outcome is not Outcome.SKIP and opinion(each) != given for each in opinions)


def disputed(decisions: Mapping[int, Decision], opinions: Mapping[int, Sequence[Decision]]) -> list[int]:
    """Return the positions where people disagree, ascending. opinions: of `open_opinions`, by position."""
    return sorted(p for p, each in opinions.items() if disagree(decisions.get(p), each))


def agreed(decisions: Mapping[int, Decision], opinions: Iterable[Decision]) -> dict[int, Decision]:
    """Return the decisions that nobody disputes, by position: what a run may take for the word of people.

    opinions: the second opinions and adjudications that stand, oldest first.
    """
    said: dict[int, list[Decision]] = {}
    for each in opinions:
        said.setdefault(each.position, []).append(each)
    unsettled = set(disputed(decisions, {position: open_opinions(each) for position, each in said.items()}))
    return {position: each for position, each in decisions.items() if position not in unsettled}


def interleaved(
    cards: Sequence[tuple[int, Screen]], seconds: Sequence[tuple[int, Screen]]
) -> list[tuple[int, Screen]]:
    """Return cards with second opinions among them, one in SHARE, and what is left of either at the end."""
    mixed: list[tuple[int, Screen]] = []
    rest, wanted = list(cards), list(seconds)
    while rest and wanted:
        mixed += [*rest[: SHARE - 1], wanted.pop(0)]
        del rest[: SHARE - 1]
    return [*mixed, *rest, *wanted]
