"""A simulated annotator who knows the truth, and what the labels are worth after each decision. Pure.

Every array is over positions, (N,). A state is what a sample's label is at one moment: a class index k ≥ 0,
OUT_OF_SCOPE or BAD_IMAGE. The truth is the state that a sample should be in; an undecided sample is in the
state of its given label.
"""

from collections.abc import Callable
from datetime import datetime

import numpy as np

from reviewer.decisions import Decision, Outcome
from reviewer.queries import Samples
from reviewer.queue import RunArrays, next_positions, rank

OUT_OF_SCOPE, BAD_IMAGE = -1, -2
# No clock in a simulation; nothing reads it.
DECIDED_AT = datetime(2026, 1, 1)

Annotator = Callable[[int], Decision]


def truthful(names: tuple[str, ...], given: np.ndarray, truth: np.ndarray) -> Annotator:
    """Return an annotator who keeps, relabels, or marks out of scope or bad, as the truth has it."""

    def decide(position: int) -> Decision:
        true, label = int(truth[position]), int(given[position])
        if true == OUT_OF_SCOPE:
            return _decision(position, Outcome.OUT_OF_SCOPE, names[label])
        if true == BAD_IMAGE:
            return _decision(position, Outcome.BAD_IMAGE, names[label])
        if true == label:
            return _decision(position, Outcome.KEEP, names[label])
        return _decision(position, Outcome.RELABEL, names[label], (names[true],))

    return decide


def _decision(position: int, outcome: Outcome, given: str, labels: tuple[str, ...] = ()) -> Decision:
    return Decision(
        event_id=f"d{position}",
        position=position,
        outcome=outcome,
        labels=labels,
        annotator="simulated",
        decided_at=DECIDED_AT,
        given_label=given,
    )


def state_after(decision: Decision, names: tuple[str, ...]) -> int | None:
    """Return the state that a decision leaves its sample in, or None where it settles nothing."""
    if decision.outcome is Outcome.OUT_OF_SCOPE:
        return OUT_OF_SCOPE
    if decision.outcome is Outcome.BAD_IMAGE:
        return BAD_IMAGE
    labels = decision.settled_labels()
    return names.index(labels[0]) if len(labels) == 1 else None


def accuracy_curve(
    order: np.ndarray, given: np.ndarray, truth: np.ndarray, names: tuple[str, ...], decide: Annotator
) -> np.ndarray:
    """Return the share of samples in their true state after 0, 1, …, M decisions, (M + 1,) float64.

    order: (M,) distinct positions, in the order of the decisions.
    """
    state = np.array(given, dtype=np.int64)
    right = int((state == truth).sum())
    counts = [right]
    for position in order.tolist():
        after = state_after(decide(position), names)
        if after is not None:
            right += int(after == truth[position]) - int(state[position] == truth[position])
            state[position] = after
        counts.append(right)
    return np.asarray(counts) / len(state)


def decisions_to(curve: np.ndarray, level: float) -> int | None:
    """Return the least number of decisions after which the accuracy is `level` or more; None: never."""
    reached = np.flatnonzero(curve >= level - 1e-12)
    return int(reached[0]) if len(reached) else None


# -- the orders ---------------------------------------------------------------------------------------


def oracle_order(given: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return all positions, those with a wrong label first: nobody can do better."""
    return np.argsort(given == truth, kind="stable")


def random_order(n: int, seed: int) -> np.ndarray:
    """Return all positions in a random order."""
    return np.random.default_rng(seed).permutation(n)


def self_confidence_order(given: np.ndarray, probs: np.ndarray) -> np.ndarray:
    """Return the positions by cleanlab's self-confidence, lowest first (Northcutt et al., JAIR 2021)."""
    # The group `bench` has it; type checks run without.
    from cleanlab.rank import get_label_quality_scores  # pyright: ignore[reportMissingImports]

    return np.argsort(get_label_quality_scores(given, probs, method="self_confidence"), kind="stable")


def static_order(samples: Samples, run: RunArrays) -> np.ndarray:
    """Return the queue as it stands before the first decision."""
    return rank(samples, run, {}, 0).order


def reranked_order(samples: Samples, run: RunArrays, decide: Annotator, every: int) -> np.ndarray:
    """Return the positions in the order in which they are decided when the EM learns from the decisions.

    After every `every` decisions the app's own `rank` runs again with all decisions so far, and its own
    `next_positions` says what comes next. The app re-ranks sooner (a quarter of a second after a decision).
    """
    decisions: dict[int, Decision] = {}
    order: list[int] = []
    while chosen := next_positions(rank(samples, run, decisions, 0).order, decisions, (), every):
        decisions.update({position: decide(position) for position in chosen})
        order += chosen
    return np.asarray(order, dtype=np.int64)
