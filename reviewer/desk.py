"""The open workspace at work: what holds now, in memory, behind one lock; every change is on disk first."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from zipfile import BadZipFile

from engine.errors import EngineError
from reviewer import queries
from reviewer.cards import card_json, decision_json
from reviewer.decisions import STATUSES, Decision, Outcome, check_outcome
from reviewer.errors import ReviewerError
from reviewer.queue import Ranking, RunArrays, load_run, next_positions, rank, without_arrays
from reviewer.schema import utc_now
from reviewer.store import Store
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
        self.samples = queries.read_samples(store.cursor())
        self._n_reviewable = len(self.samples.reviewable())
        self._lock = threading.RLock()
        self._decisions: dict[int, Decision] = queries.read_current_decisions(store.cursor())
        self._runs: list[RunArrays] = []
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

    def cards(self, count: int, held: Sequence[int]) -> list[dict[str, Any]]:
        """Return the next cards that the client does not hold."""
        with self._lock:
            ranking, decisions = self._ranking, self._decisions
            positions = next_positions(ranking, decisions, held, min(count, MAX_CARDS))
        return [self._card(ranking, decisions, position) for position in positions]

    def card(self, position: int) -> dict[str, Any]:
        """Return one card; raises ReviewerError for a position that does not exist."""
        self._check_position(position)
        return self._card(self._ranking, self._decisions, position)

    def _card(self, ranking: Ranking, decisions: Mapping[int, Decision], position: int) -> dict[str, Any]:
        return card_json(
            self.workspace, self.samples, ranking, self._runs, decisions, position, self._threshold
        )

    def progress(self) -> dict[str, Any]:
        """Return the counts of the header strip."""
        decisions = list(self._decisions.values())
        flagged = self._ranking.p_clean < self._threshold
        settled = [d for d in decisions if d.outcome is not Outcome.SKIP]
        left = int(flagged.sum()) - sum(1 for d in decisions if flagged[d.position])
        found = sum(1 for d in decisions if d.p_clean is not None and d.p_clean < self._threshold)
        counts = {status: 0 for status in STATUSES.values()}
        for decision in decisions:
            counts[STATUSES[decision.outcome]] += 1
        return {
            "samples": self._n_reviewable,
            "decided": len(settled),
            "flagged": left + found,
            "flagged_left": left,
            "threshold": self._threshold,
            **counts,
        }

    # -- deciding --

    def record(self, entries: Sequence[Mapping[str, Any]], annotator: str) -> tuple[list[str], list[dict]]:
        """Write decisions as they came from a client; return (ids that are on disk, refused with reasons)."""
        accepted, refused = [], []
        for entry in entries:
            try:
                accepted.append(self._decision(entry, annotator))
            except ReviewerError as error:
                refused.append({"id": str(entry.get("id", "")), "error": str(error)})
        with self._lock:
            fresh = set(self.store.record(accepted))
            # A retry may name decisions that were undone since: only new ones change what holds.
            newest = {d.position: d for d in accepted if d.event_id in fresh}
            self._decisions = {**self._decisions, **newest}
            self._changed.set()
        return [decision.event_id for decision in accepted], refused

    def undo(self, event_id: str, annotator: str) -> dict[str, Any]:
        """Take back the annotator's last decision."""
        return self._turn("undone", self.store.undo, event_id, annotator)

    def redo(self, event_id: str, annotator: str) -> dict[str, Any]:
        """Put back what was undone last."""
        return self._turn("redone", self.store.redo, event_id, annotator)

    def _turn(
        self, name: str, turn: Callable[[str, str], str | None], event_id: str, annotator: str
    ) -> dict[str, Any]:
        with self._lock:
            target = turn(annotator, event_id)
            decision = queries.read_decision(self.store.cursor(), target) if target else None
            if decision is None:
                return {name: None, "card": None}
            self._reread(decision.position)
        return {name: decision_json(decision), "card": self.card(decision.position)}

    def _decision(self, entry: Mapping[str, Any], annotator: str) -> Decision:
        position = entry["position"]
        self._check_position(position)
        if self.samples.sample_ids[position] != entry["sample_id"]:
            raise ReviewerError(
                f"The decision is about {entry['sample_id']!r}, but this workspace has another sample there; "
                "reload the page."
            )
        given = str(self.samples.given_labels[position])
        outcome, labels = check_outcome(
            entry["outcome"], entry.get("labels") or (), given, self.workspace.class_names
        )
        return Decision(
            event_id=entry["id"],
            position=position,
            outcome=outcome,
            labels=labels,
            annotator=annotator,
            decided_at=utc_now(),
            given_label=given,
            suggested_label=entry.get("suggested"),
            p_clean=entry.get("p_clean"),
            run_id=entry.get("run"),
            seconds=entry.get("seconds"),
        )

    def _reread(self, position: int) -> None:
        decisions = dict(self._decisions)
        standing = queries.read_current_decision(self.store.cursor(), position)
        if standing is None:
            decisions.pop(position, None)
        else:
            decisions[position] = standing
        self._decisions = decisions
        self._changed.set()

    def _check_position(self, position: int) -> None:
        if not 0 <= position < len(self.samples) or self.samples.problems[position] is not None:
            raise ReviewerError(f"There is no sample {position} to review here; reload the page.")

    # -- ranking --

    def write_threshold(self, threshold: float) -> None:
        """Set the p_clean below which a sample is flagged."""
        self.store.write_setting("threshold", repr(float(threshold)))
        self._threshold = float(threshold)

    def load_runs(self) -> None:
        """Take up runs that were imported since; the newest one orders the queue."""
        loaded = {run.run_id for run in self._runs}
        for run in queries.read_runs(self.store.cursor()):
            directory = self.workspace.runs / run.run_id
            if run.run_id in loaded:
                continue
            scores = queries.read_scores(self.store.cursor(), run.run_id)
            try:
                arrays = load_run(directory, scores, self.samples)
            except (OSError, EOFError, KeyError, ValueError, EngineError, BadZipFile):
                # Its scores are safe in the store; without its arrays it cannot order the queue.
                LOG.warning("The arrays of run %s are gone.", run.run_id)
                continue
            with self._lock:
                self._runs = [*map(without_arrays, self._runs), arrays]
        self._rerank()

    def _rerank(self) -> None:
        # One at a time: two that began together would share a version, and the newer one could be lost.
        with self._ranking_lock:
            with self._lock:
                run, decisions = (self._runs[-1] if self._runs else None), self._decisions
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
            except Exception:
                # A fault in the ranking must not cost the person the session; the old order stands.
                LOG.exception("The ranking could not take in the last decisions.")
