"""Every read of `review.duckdb`: one function a question, each on a cursor of its own."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from duckdb import DuckDBPyConnection as Cursor

from reviewer.decisions import Decision, Outcome
from reviewer.sources import Fault


@dataclass(frozen=True, kw_only=True)
class Samples:
    """All samples as arrays over `position`: (N,) str objects; problems hold None where there is none."""

    sample_ids: np.ndarray
    paths: np.ndarray
    given_labels: np.ndarray
    problems: np.ndarray

    def __len__(self) -> int:
        return len(self.sample_ids)

    def reviewable(self) -> np.ndarray:
        """Return the positions of the samples without a problem, ascending, int64."""
        return np.flatnonzero(self.problems == None)  # noqa: E711  (element-wise)


@dataclass(frozen=True, kw_only=True)
class ImportedRun:
    """A finished run whose scores are in the store."""

    run_id: str
    detector: str
    imported_at: datetime
    n_samples: int


@dataclass(frozen=True, kw_only=True)
class RunScores:
    """Scores of one run, in the row order of its arrays: positions (n,) int32, p_clean (n,) float32,
    suggested_labels (n,) str, suggested_probabilities (n,) float32."""

    positions: np.ndarray
    p_clean: np.ndarray
    suggested_labels: np.ndarray
    suggested_probabilities: np.ndarray


@dataclass(frozen=True, kw_only=True)
class CurrentLabel:
    """What one source row has now; labels is empty where nothing is left of it."""

    source_row: int
    position: int
    given_label: str
    labels: tuple[str, ...]
    outcome: str | None
    annotator: str | None
    decided_at: datetime | None


def read_samples(cursor: Cursor) -> Samples:
    """Return every sample, by position."""
    columns = cursor.execute(
        "SELECT sample_id, path, given_label, problem FROM samples ORDER BY position"
    ).fetchnumpy()
    problems = np.asarray(columns["problem"], dtype=object)
    problems[np.ma.getmaskarray(np.asanyarray(columns["problem"]))] = None  # NULL
    return Samples(
        sample_ids=np.asarray(columns["sample_id"], dtype=object),
        paths=np.asarray(columns["path"], dtype=object),
        given_labels=np.asarray(columns["given_label"], dtype=object),
        problems=problems,
    )


DECISION_COLUMNS = (
    "event_id, position, outcome, labels, annotator, decided_at, given_label, suggested_label, p_clean, "
    "run_id, seconds"
)


def read_current_decisions(cursor: Cursor) -> dict[int, Decision]:
    """Return the decision that holds for each decided position."""
    rows = cursor.execute(f"SELECT {DECISION_COLUMNS} FROM current_decisions").fetchall()
    return {row[1]: _decision(row) for row in rows}


def read_current_decision(cursor: Cursor, position: int) -> Decision | None:
    """Return the decision that holds for one position."""
    row = cursor.execute(
        f"SELECT {DECISION_COLUMNS} FROM current_decisions WHERE position = ?", [position]
    ).fetchone()
    return _decision(row) if row else None


def read_decision(cursor: Cursor, event_id: str) -> Decision | None:
    """Return a decision by its id, whether it stands or not."""
    row = cursor.execute(
        f"SELECT {DECISION_COLUMNS} FROM events WHERE event_id = ? AND kind = 'decision'", [event_id]
    ).fetchone()
    return _decision(row) if row else None


def _decision(row: tuple) -> Decision:
    event_id, position, outcome, labels, annotator, decided_at, given, suggested, p_clean, run, seconds = row
    return Decision(
        event_id=event_id,
        position=position,
        outcome=Outcome(outcome),
        labels=tuple(labels or ()),
        annotator=annotator,
        decided_at=decided_at,
        given_label=given,
        suggested_label=suggested,
        p_clean=p_clean,
        run_id=run,
        seconds=seconds,
    )


def read_current_labels(cursor: Cursor) -> list[CurrentLabel]:
    """Return what every sample's label is now, by source row."""
    rows = cursor.execute(
        "SELECT source_row, position, given_label, corrected_labels, outcome, annotator, decided_at "
        "FROM current_labels ORDER BY source_row"
    ).fetchall()
    return [
        CurrentLabel(
            source_row=row[0],
            position=row[1],
            given_label=row[2],
            labels=tuple(row[3] or ()),
            outcome=row[4],
            annotator=row[5],
            decided_at=row[6],
        )
        for row in rows
    ]


def read_runs(cursor: Cursor) -> list[ImportedRun]:
    """Return the imported runs, oldest first."""
    rows = cursor.execute(
        "SELECT run_id, detector, imported_at, n_samples FROM runs ORDER BY imported_at, run_id"
    ).fetchall()
    return [ImportedRun(run_id=r[0], detector=r[1], imported_at=r[2], n_samples=r[3]) for r in rows]


def read_scores(cursor: Cursor, run_id: str) -> RunScores:
    """Return the scores of one run."""
    columns = cursor.execute(
        "SELECT position, p_clean, suggested_label, suggested_probability FROM scores "
        "WHERE run_id = ? ORDER BY row_number",
        [run_id],
    ).fetchnumpy()
    return RunScores(
        positions=np.asarray(columns["position"], dtype=np.int64),
        p_clean=np.asarray(columns["p_clean"], dtype=np.float32),
        suggested_labels=np.asarray(columns["suggested_label"], dtype=object),
        suggested_probabilities=np.asarray(columns["suggested_probability"], dtype=np.float32),
    )


def read_faults(cursor: Cursor, limit: int = 1000) -> list[tuple[str, Fault]]:
    """Return (stage, fault) lines of the import report, the import's own first."""
    rows = cursor.execute(
        "SELECT stage, source_row, path, problem FROM faults "
        "ORDER BY stage <> 'import', stage, fault_order LIMIT ?",
        [limit],
    ).fetchall()
    return [(stage, Fault(source_row=row, path=path, problem=problem)) for stage, row, path, problem in rows]


def read_fault_count(cursor: Cursor) -> int:
    """Return how many lines the import report has."""
    row = cursor.execute("SELECT count(*) FROM faults").fetchone()
    return row[0] if row else 0


def read_class_counts(cursor: Cursor) -> list[tuple[str, int, int]]:
    """Return (class, samples with it as given label, samples relabelled away from it), by name."""
    return cursor.execute(
        "SELECT given_label, count(*), count(*) FILTER (outcome = 'relabel') FROM current_labels "
        "WHERE problem IS NULL GROUP BY given_label ORDER BY given_label"
    ).fetchall()


def read_setting(cursor: Cursor, key: str, default: str) -> str:
    """Return a remembered setting."""
    row = cursor.execute("SELECT value FROM settings WHERE key = ?", [key]).fetchone()
    return row[0] if row else default
