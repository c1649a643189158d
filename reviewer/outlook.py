"""What the decisions say about the rest: errors left, when to stop, how many cards catch how many of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from reviewer import queries
from reviewer.audit import Review, check_rate, is_wrong
from reviewer.audits import Audits
from reviewer.class_table import OPEN
from reviewer.decisions import Decision, Outcome, Screen
from reviewer.estimate import Calibration, class_errors_left, errors_left, fit_calibration
from reviewer.filters import NO_CLASS, Board
from reviewer.stopping import (
    GOAL,
    LAST,
    catch_curve,
    catch_sentence,
    check_goal,
    errors_sentence,
    live_precision,
    may_stop,
    stop_sentence,
)
from reviewer.store import Store

MOST_CLASSES = 2000  # with an interval each; beyond it that takes seconds
CATCH = 0.9  # of the errors left, for the sentence
ENOUGH = 20  # decisions from which a card shows what they say of its chance


@dataclass(frozen=True, kw_only=True)
class Curve:
    """What the decisions say of one run's p_clean; decisions: how many speak."""

    run_id: str | None
    calibration: Calibration
    decisions: int


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What follows from one state of the review. told: sentences, numbers and curves, without the classes."""

    review: Review
    curve: Curve
    told: dict[str, Any]


class Forecast:
    """The audits of an open workspace, the person's goal, and what follows from them for the rest."""

    def __init__(self, store: Store, workspace_id: str, n: int) -> None:
        cursor = store.cursor()
        self._store = store
        rate = float(queries.read_setting(cursor, "audit_rate", "0"))
        self.audits = Audits(workspace_id, n, queries.read_passes(cursor), rate)
        self._goal = float(queries.read_setting(cursor, "goal", repr(GOAL)))
        self._known: tuple[tuple[object, ...], Outlook | None] = ((), None)
        self._by_class: tuple[Outlook | None, list[dict[str, Any]]] = (None, [])
        self._curve: Curve | None = None

    def write_audit_rate(self, rate: float) -> None:
        """Set the share of cards that are audits; raises ReviewerError unless it is in [0, 0.5]."""
        self._store.write_setting("audit_rate", repr(float(check_rate(rate))))
        self.audits.rate = rate

    def write_goal(self, goal: float) -> None:
        """Set the share of wrong labels that is good enough; raises ReviewerError unless in (0, 0.5]."""
        self._store.write_setting("goal", repr(check_goal(goal)))
        self._goal = float(goal)

    def told(self, board: Board, *, by_class: bool = True) -> dict[str, Any]:
        """Return what `outlook` says of a board; the same answer until something has changed.

        by_class: with an interval for each class, which takes a second where there are a thousand; without,
        "classes" is None.
        """
        now = (board.ranking, board.decisions, self._goal, self.audits.rate)
        known, found = self._known
        if found is None or not all(a is b for a, b in zip(known, now, strict=True)):
            found = outlook(board, self.audits, self._goal)
            self._known, self._curve = (now, found), found.curve
        if not by_class:
            return {**found.told, "classes": None}
        of, rows = self._by_class
        if of is not found:
            rows = _by_class(board, found.review, found.curve.calibration)
            self._by_class = (found, rows)
        return {**found.told, "classes": rows}

    def learn(self, board: Board) -> None:
        """Fit the curve that `chance` reads to what is decided; `told` does it as well."""
        review, _ = review_of(board, self.audits)
        self._curve = _curve(board, review)

    def chance(self, board: Board, position: int) -> dict[str, Any] | None:
        """Return the chance that an undecided sample's label is right, as the decisions so far have it.

        threshold: where the person's own lies on that scale; decisions: how many speak. None before there
        are enough of them. It reads the curve that was fitted last: a card must not wait for a fit.
        """
        curve, run, p_clean = self._curve, board.ranking.run, board.ranking.p_clean[position]
        if curve is None or run is None or curve.run_id != run.run_id or not np.isfinite(p_clean):
            return None
        if curve.decisions < ENOUGH or board.outcomes[position] not in OPEN:
            return None
        right, threshold = curve.calibration.p_clean(np.asarray([p_clean, board.threshold])).tolist()
        return {"p_clean": right, "threshold": threshold, "decisions": curve.decisions}


def review_of(board: Board, audits: Audits) -> tuple[Review, np.ndarray]:
    """Return the state of the review and the (n,) positions of the samples that it is over."""
    positions = np.flatnonzero(board.samples.is_reviewable & (board.given != NO_CLASS))
    n = len(board.samples)
    settled = ~np.isin(board.outcomes, OPEN)
    wrong, audited, shown = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool), np.full(n, np.nan)
    for position, decision in board.decisions.items():
        wrong[position] = is_wrong(decision)
        audited[position] = decision.screen is Screen.AUDIT
        if decision.screen is Screen.CARD and decision.p_clean is not None:
            shown[position] = decision.p_clean
    passed = settled & ~audited
    passed[list(audits.passes)] = True
    review = Review(
        settled=settled[positions],
        wrong=wrong[positions],
        audited=audited[positions],
        passed=passed[positions],
        p_clean=board.ranking.p_clean[positions],
        shown=shown[positions],
        given=board.given[positions],
        n_classes=len(board.class_names),
    )
    return review, positions


def outlook(board: Board, audits: Audits, goal: float) -> Outlook:
    """Return the answer to "how many are left", for the page.

    goal: the share of wrong labels that the person accepts, (0, 0.5].
    """
    review, positions = review_of(board, audits)
    curve = _curve(board, review)
    calibration = curve.calibration
    left = errors_left(review, calibration)
    trusted = np.full(len(board.samples), np.nan)
    trusted[positions] = calibration.p_clean(review.p_clean)
    order = board.ranking.order
    waiting = trusted[order[np.isin(board.outcomes[order], OPEN)]]
    waiting = waiting[np.isfinite(waiting)]
    cards, share = catch_curve(waiting)
    n_wrong, n_last = live_precision(_ranked(board.decisions.values()))
    told = {
        "errors": errors_sentence(left),
        "stop": stop_sentence(left, goal),
        "may_stop": may_stop(left, goal),
        "left": {"point": round(left.total.point, 1), "low": left.total.low, "high": left.total.high},
        "audits": left.audits,
        "undecided": left.undecided,
        "samples": left.samples,
        "goal": goal,
        "audit_rate": audits.rate,
        "precision": {"wrong": n_wrong, "of": n_last, "most": LAST},
        "moved": moved(board),
        "catch": catch_sentence(waiting, CATCH) if len(waiting) else "",
        "curve": {"cards": cards.tolist(), "share": np.round(share, 4).tolist()},
    }
    return Outlook(review=review, curve=curve, told=told)


def moved(board: Board) -> dict[str, int]:
    """Return how many undecided samples the decisions moved below the threshold (entered) and above it
    (left), as compared with the run by itself."""
    run = board.ranking.run
    if run is None:
        return {"entered": 0, "left": 0}
    waiting = np.isin(board.outcomes[run.positions], OPEN)
    before = run.p_clean < board.threshold
    now = board.ranking.p_clean[run.positions] < board.threshold
    return {"entered": int((waiting & now & ~before).sum()), "left": int((waiting & before & ~now).sum())}


def _curve(board: Board, review: Review) -> Curve:
    run = board.ranking.run
    ranked = review.settled & ~review.audited & np.isfinite(review.shown)
    return Curve(
        run_id=run.run_id if run else None,
        calibration=fit_calibration(review),
        decisions=int(review.open_audits.sum() + ranked.sum()),
    )


def _ranked(decisions: Any) -> np.ndarray:
    """Return whether each card of the queue was wrong, in the order decided, (m,) bool."""
    ranked: list[Decision] = [
        each
        for each in decisions
        if each.screen is Screen.CARD and each.outcome is not Outcome.SKIP and each.p_clean is not None
    ]
    ranked.sort(key=lambda each: each.decided_at)
    return np.asarray([is_wrong(each) for each in ranked], dtype=bool)


def _by_class(board: Board, review: Review, calibration: Calibration) -> list[dict[str, Any]]:
    if review.n_classes > MOST_CLASSES:
        return []
    intervals = class_errors_left(review, calibration)
    rows = [
        {"name": name, "point": round(each.point, 1), "low": each.low, "high": each.high}
        for name, each in zip(board.class_names, intervals, strict=True)
    ]
    return sorted(rows, key=lambda row: -row["point"])
