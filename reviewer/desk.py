"""The open workspace at work: what holds now, in memory, behind one lock; every change is on disk first."""

import logging
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any
from zipfile import BadZipFile

import numpy as np

from engine.errors import EngineError
from reviewer import queries
from reviewer.acts import check_position, read_act, read_decision
from reviewer.arrangements import Arrangements
from reviewer.audit import ranking_decisions
from reviewer.cards import card_json, decision_json, turned_card
from reviewer.decisions import Decision, Screen
from reviewer.encoder import Encoder
from reviewer.errors import ReviewerError
from reviewer.filters import (
    DISAGREEMENTS,
    EVERYTHING,
    Board,
    Filter,
    class_numbers,
    outcome_number,
    outcome_numbers,
)
from reviewer.leases import Leases
from reviewer.memory import give_back
from reviewer.opinions import disputed
from reviewer.outlook import Forecast
from reviewer.progress import progress
from reviewer.queue import Ranking, RunArrays, load_run, rank, without_arrays
from reviewer.reasons import REASONS, reason_masks
from reviewer.search import Search
from reviewer.seconds import SecondOpinions
from reviewer.store import Store
from reviewer.turns import next_cards
from reviewer.workspace import Workspace

LOG = logging.getLogger("labelsieve")
RERANK_PAUSE = 0.25  # seconds between a decision and the ranking that has learnt from it
MAX_CARDS = 50


class Desk:
    """One workspace, its store, the decisions that hold and the present ranking."""

    def __init__(self, workspace: Workspace, store: Store, annotator: str) -> None:
        self.workspace = workspace
        self.store = store
        self.annotator = annotator
        self.encoder = Encoder()
        self.samples = queries.read_samples(store.cursor())
        self._n_reviewable = len(self.samples.reviewable())
        self._lock = threading.RLock()
        self.leases = Leases()
        self._openings = store.openings
        self._decisions: dict[int, Decision] = queries.read_current_decisions(store.cursor())
        self._given = class_numbers(self.samples.given_labels, workspace.class_names)
        self._outcomes = outcome_numbers(len(self.samples), self._decisions)
        self.forecast = Forecast(store, workspace.config.workspace_id, len(self.samples))
        self._audits = self.forecast.audits
        self.seconds = SecondOpinions(store, workspace.config.workspace_id, len(self.samples))
        self._runs: list[RunArrays] = []
        self._reasons: tuple[Ranking | None, dict[str, np.ndarray]] = (None, {})
        self._arrange = Arrangements(Search(workspace.runs, self.encoder))
        self._ranking: Ranking = rank(self.samples, None, {}, 0)
        self._threshold = float(queries.read_setting(store.cursor(), "threshold", "0.5"))
        self._changed = threading.Event()
        self._closing = threading.Event()
        self._ranking_lock = threading.Lock()
        self.load_runs()
        self._learner = threading.Thread(target=self._learn, name="rerank", daemon=True)
        self._learner.start()

    def close(self) -> None:
        """Stop learning; decisions are on disk already."""
        self._closing.set()
        self._changed.set()
        self._learner.join()
        self.encoder.close()

    # -- reading --

    @property
    def ranking(self) -> Ranking:
        """The present ranking."""
        return self._ranking

    @property
    def decisions(self) -> Mapping[int, Decision]:
        """The decision that holds for each decided position."""
        return self._decisions

    @property
    def threshold(self) -> float:
        """Below it a sample is flagged; it belongs to the person."""
        return self._threshold

    def predicted(self) -> dict[int, str]:
        """Return position → the label that the active run suggests."""
        run = self._ranking.run
        if run is None:
            return {}
        return dict(zip(run.positions.tolist(), run.suggested.tolist(), strict=True))

    def board(self) -> Board:
        """Return what holds now, for reading; a later decision is not seen by it, but for its outcome."""
        with self._lock:
            return Board(
                class_names=self.workspace.class_names,
                samples=self.samples,
                given=self._given,
                ranking=self._ranking,
                runs=tuple(self._runs),
                decisions=self._decisions,
                outcomes=self._outcomes,
                threshold=self._threshold,
                reason_mask=self._reason_mask,
                arranged=self._arrange,
                selection_of=lambda known: queries.read_selection(self.store.cursor(), known),
                chance_of=self.forecast.chance,
                opinions=self.seconds.open,
            )

    def _reason_mask(self, board: Board, reason: str) -> np.ndarray:
        if reason not in REASONS:
            raise ReviewerError(f"reason={reason!r} is none of {', '.join(REASONS)}.")
        with self._lock:
            seen, masks = self._reasons
        if seen is not board.ranking:
            masks = reason_masks(board.ranking, board.runs, board.decisions, board.threshold)
            with self._lock:
                self._reasons = (board.ranking, masks)
        return masks[reason]

    def cards(
        self,
        count: int,
        held: Sequence[int],
        asked: Filter = EVERYTHING,
        tab: str = "",
        annotator: str | None = None,
    ) -> list[dict[str, Any]]:
        """Return the next cards that the page `tab` does not hold, nor any other, of those that the filter
        lets through; the page has them from now on. annotator: whose page it is; None: the desk's."""
        person = self.annotator if annotator is None else annotator
        with self.leases.handing_out:  # or two pages could be promised the same card
            taken = {*held, *self.leases.of_others(tab)}
            board = self.board()  # after the leases: a card that was given back by then is decided in it
            mixed = next_cards(board, min(count, MAX_CARDS), taken, asked, person, self._audits, self.seconds)
            self.leases.hold(tab, [*held, *(position for position, _ in mixed)])
        return [card_json(self.workspace, board, position, screen) for position, screen in mixed]

    def card(self, position: int) -> dict[str, Any]:
        """Return one card; raises ReviewerError for a position that does not exist."""
        board = self.board()
        check_position(board, position)
        return card_json(self.workspace, board, position)

    def progress(self) -> dict[str, Any]:
        """Return the counts of the header strip."""
        return progress(self.board(), self._n_reviewable)

    # -- deciding --

    def record(self, entries: Sequence[Mapping[str, Any]], annotator: str) -> tuple[list[str], list[dict]]:
        """Write decisions as they came from a client; return (ids that are on disk, refused with reasons)."""
        board = self.board()
        accepted, refused = [], []
        for entry in entries:
            try:
                accepted.append(read_decision(entry, annotator, board))
            except ReviewerError as error:
                refused.append({"id": str(entry.get("id", "")), "error": str(error)})
        with self._lock:
            self._keep(accepted, self._audits.passed_with(accepted, board))
        self.leases.free(decision.position for decision in accepted)
        return [decision.event_id for decision in accepted], refused

    def act(
        self,
        act_id: str,
        outcome: str,
        labels: Sequence[str],
        positions: Sequence[int],
        annotator: str,
        asked: Filter = EVERYTHING,
    ) -> tuple[int, list[dict[str, Any]]]:
        """Decide about many samples with one key; return (how many are on disk, refused with reasons).

        asked: the filter of the sheet that they were chosen from.
        """
        board = self.board()
        screen = Screen.ADJUDICATION if asked.kind == DISAGREEMENTS else Screen.SHEET
        made, refused = read_act(act_id, outcome, labels, positions, annotator, board, screen)
        with self._lock:
            self._keep(made, self._audits.passed_with_act(made, board, asked))
        return len(made), refused

    def _keep(self, decisions: Sequence[Decision], passes: Collection[int]) -> None:
        """Write decisions, and the audits that the queue comes past with them; under the lock."""
        fresh = set(self.store.record(decisions, passes))
        self._audits.take(passes, (decision.position for decision in decisions))
        # A retry may name decisions that were undone since: only new ones change what holds.
        new = [decision for decision in decisions if decision.event_id in fresh]
        self.seconds.take(new)
        self._hold({decision.position: decision for decision in new if decision.counts})

    def undo(self, event_id: str, annotator: str) -> dict[str, Any]:
        """Take back the annotator's last decision."""
        return self._turn("undone", self.store.undo, event_id, annotator)

    def redo(self, event_id: str, annotator: str) -> dict[str, Any]:
        """Put back what was undone last."""
        return self._turn("redone", self.store.redo, event_id, annotator)

    def _turn(
        self, name: str, turn: Callable[[str, str], tuple[str, ...]], event_id: str, annotator: str
    ) -> dict[str, Any]:
        with self._lock:
            targets = turn(annotator, event_id)
            if not targets:
                return {name: None, "count": 0, "card": None}
            cursor = self.store.cursor()
            turned = queries.read_decisions(cursor, targets)
            positions = [decision.position for decision in turned]
            self.seconds.read_again(positions)
            standing = queries.read_current_decisions_of(cursor, positions)
            self._hold({position: standing.get(position) for position in positions})
        last = turned[-1]
        card = turned_card(self.workspace, self.board(), last, is_redone=name == "redone")
        return {name: decision_json(last), "count": len(turned), "card": card}

    def _hold(self, changed: Mapping[int, Decision | None]) -> None:
        """Take in what holds now for some positions; None: nothing any more. Under the lock."""
        if self._openings != self.store.openings:  # what failed with the disk may have been written
            self._openings = self.store.openings
            self._decisions = queries.read_current_decisions(self.store.cursor())
            self._outcomes[:] = outcome_numbers(len(self.samples), self._decisions)
            self.seconds.read()
        decisions = dict(self._decisions)
        for position, decision in changed.items():
            if decision is None:
                decisions.pop(position, None)
            else:
                decisions[position] = decision
            self._outcomes[position] = outcome_number(decision)
        self._decisions = decisions
        self._changed.set()

    # -- ranking --

    def write_threshold(self, threshold: float) -> None:
        """Set the p_clean below which a sample is flagged."""
        self.store.write_setting("threshold", repr(float(threshold)))
        self._threshold = float(threshold)

    def load_runs(self) -> None:
        """Take up runs that were imported since; the newest one orders the queue."""
        loaded = {run.run_id for run in self._runs}
        fresh = [run for run in queries.read_runs(self.store.cursor()) if run.run_id not in loaded]
        for run in fresh:
            scores = queries.read_scores(self.store.cursor(), run.run_id)
            try:
                arrays = load_run(self.workspace.runs / run.run_id, scores, self.samples)
            except (OSError, EOFError, KeyError, ValueError, EngineError, BadZipFile):
                # Its scores are safe in the store; without its arrays it cannot order the queue.
                LOG.warning("The arrays of run %s are gone.", run.run_id)
                continue
            with self._lock:
                self._runs = [*map(without_arrays, self._runs), arrays]
        self._rerank()
        self.forecast.learn(self.board())  # what the decisions say of a new run's p_clean

    def _rerank(self) -> None:
        # One at a time: two that began together would share a version, and the newer one could be lost.
        with self._ranking_lock:
            with self._lock:
                run = self._runs[-1] if self._runs else None
                # Open audits (see `reviewer.audit`), and what is to be settled by what the run itself thinks.
                unknown = {*self._audits.open(self._decisions), *disputed(self._decisions, self.seconds.open)}
                decisions = ranking_decisions(self._decisions, unknown)
            self._ranking = rank(self.samples, run, decisions, self._ranking.version + 1)

    def _learn(self) -> None:
        while True:
            self._changed.wait()
            # Cleared before the pause: what comes during it, the word to close included, is not lost.
            self._changed.clear()
            if self._closing.wait(RERANK_PAUSE):
                return
            try:
                self._rerank()
                give_back()
            except Exception:
                # A fault in the ranking must not cost the person the session; the old order stands.
                LOG.exception("The ranking could not take in the last decisions.")
