"""The blind random audit slice: which cards are audits, and which audits still speak for the undecided. Pure.

The ranked queue takes the suspicious samples away, so what is left is never like what was reviewed. An audit
card is therefore drawn uniformly from what is left, and the queue goes on as if there were no audits (*shadow
passing*): it is ordered by `ranking_decisions`, and when it comes to a sample that an audit has settled, that
sample has *passed*, without being shown again. What has passed so far does not depend on who was drawn.

Why the estimate is unbiased: draws take the first in one fixed random order of the samples that is neither
passed nor drawn, so those drawn that have not passed are always the first m, in that order, of all that have
not passed. Which m of them come first has no influence on what passes or on m itself, so given both they are
a uniform sample without replacement of all samples that have not passed: themselves and the undecided.

Audits must be treated like any other sample of the same rank: a card of a filtered queue and an act on a
sheet pass the open audits that they would have taken in (`passed_by`, `passed_by_act`). A skipped audit is no
audit; a skipped card of the queue has passed and stays undecided.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from random import Random

import numpy as np

from reviewer.decisions import Decision, Outcome
from reviewer.errors import ReviewerError

MOST = 0.5  # of the cards may be audits
BLOCK = 256  # positions turned into Python numbers at a time


@dataclass(frozen=True, kw_only=True)
class Review:
    """The state of a review, over n reviewable samples.

    settled: (n,) bool, has a decision other than skip. wrong: (n,) bool, that decision says that the given
    label is wrong; read where settled. audited: (n,) bool, settled by an audit card. passed: (n,) bool, the
    ranked queue, a sheet or an act has come past it. p_clean: (n,) from the EM on `ranking_decisions`, NaN
    where unknown. shown: (n,) p_clean when the card was decided, NaN where it was not. given: (n,) class
    index in [0, n_classes).
    """

    settled: np.ndarray
    wrong: np.ndarray
    audited: np.ndarray
    passed: np.ndarray
    p_clean: np.ndarray
    shown: np.ndarray
    given: np.ndarray
    n_classes: int

    @property
    def open_audits(self) -> np.ndarray:
        """(n,) bool: the audits that stand for the undecided."""
        return self.audited & self.settled & ~self.passed

    @property
    def undecided(self) -> np.ndarray:
        """(n,) bool."""
        return ~self.settled


def is_wrong(decision: Decision) -> bool:
    """Return whether a decision says that the given label is wrong; one of two that fit is not."""
    return decision.outcome is not Outcome.SKIP and decision.given_label not in decision.settled_labels()


def check_rate(rate: float) -> float:
    """Return the share of cards that are audits; raises ReviewerError unless it is in [0, 0.5]."""
    if not 0.0 <= rate <= MOST:  # NaN is not, either
        raise ReviewerError(f"The share of audit cards is {rate:g}; choose one from 0 to {MOST:g}.")
    return float(rate)


def is_audit_turn(seed: int, served: int, rate: float) -> bool:
    """Return whether the card after `served` cards is an audit: one at a random place in every 1/rate cards.

    A function of its arguments alone, so a restart goes on in the same way, and so does a new rate.
    """
    low, high = served * rate, (served + 1) * rate
    return any(
        low <= block + Random(f"{seed}/{block}").random() < high for block in range(int(low), int(high) + 1)
    )


def audit_order(seed: int, n: int) -> np.ndarray:
    """Return the order in which n samples are drawn for audits: (n,) int64 positions, fixed by seed."""
    return np.random.default_rng(seed).permutation(n)


def next_audits(order: np.ndarray, reviewable: np.ndarray, taken: Collection[int], count: int) -> list[int]:
    """Return the next `count` positions to audit, fewer where fewer are left.

    order: of `audit_order`. reviewable: (N,) bool over positions. taken: positions that have a decision
    (skipped ones too), have passed, or are on somebody's screen.
    """
    chosen: list[int] = []
    for start in range(0, len(order), BLOCK):
        block = order[start : start + BLOCK]
        for position in block[reviewable[block]].tolist():
            if position not in taken:
                chosen.append(position)
                if len(chosen) == count:
                    return chosen
    return chosen


def ranking_decisions(decisions: Mapping[int, Decision], unknown: Collection[int]) -> dict[int, Decision]:
    """Return the decisions that the order of the queue may know: all but the unknown ones.

    unknown: positions of audits that are settled and have not passed, as an order that knew them would depend
    on who was drawn; and of what people disagree about.
    """
    return {position: each for position, each in decisions.items() if position not in unknown}


def passed_by(
    order: np.ndarray, position: int, open_audits: Collection[int], waiting: np.ndarray | None = None
) -> list[int]:
    """Return the open audits that a queue has passed when a card of it is decided or skipped, in its order.

    order: the queue, only what matches its filter; most suspicious first. waiting: (N,) bool over positions,
    undecided and on nobody's screen: what ranks behind one of them has not had its turn, however far back a
    new ranking has put the card meanwhile; without it, `order` must be the one by which the card was
    served. Empty where the card is not in it (one that was looked up passes nothing).
    """
    if not open_audits:
        return []
    found = np.flatnonzero(order == position)
    before = order[: found[0]] if len(found) else order[:0]
    if waiting is not None and waiting[before].any():
        before = before[: int(waiting[before].argmax())]
    return before[np.isin(before, list(open_audits))].tolist()


def passed_by_act(
    shown: Iterable[int],
    open_audits: Mapping[int, Decision],
    acts: Collection[tuple[Outcome, tuple[str, ...]]],
) -> list[int]:
    """Return the open audits that an act on a sheet or a lasso has passed.

    shown: the positions that it could have covered, audited ones included (the sheet's filter, applied
    without regard to decisions). Chosen one by one, a person chooses what the act is right for: an audit
    passes where its own decision is what the act would have said. acts: the (outcome, labels) that it gave.
    """
    return [
        position
        for position in shown
        if position in open_audits and (open_audits[position].outcome, open_audits[position].labels) in acts
    ]
