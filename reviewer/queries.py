"""Every read of `review.duckdb`: one function a question, each on a cursor of its own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
from duckdb import DuckDBPyConnection as Cursor

from reviewer.decisions import Decision, Outcome, Screen
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

    @cached_property
    def folded_paths(self) -> list[str]:
        """The paths in one case, for a search in any; kept, as every letter that is typed asks for them."""
        return [path.casefold() for path in self.paths]

    @cached_property
    def is_reviewable(self) -> np.ndarray:
        """Which samples have no problem, (N,) bool."""
        return self.problems == None  # noqa: E711  (element-wise)

    def reviewable(self) -> np.ndarray:
        """Return the positions of the samples without a problem, ascending, int64."""
        return np.flatnonzero(self.is_reviewable)


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
    "run_id, seconds, act_id, note, screen"
)


def read_current_decisions(cursor: Cursor) -> dict[int, Decision]:
    """Return the decision that holds for each decided position."""
    rows = cursor.execute(f"SELECT {DECISION_COLUMNS} FROM current_decisions").fetchall()
    return {row[1]: _decision(row) for row in rows}


def read_decisions(cursor: Cursor, event_ids: Sequence[str]) -> list[Decision]:
    """Return the decisions with these ids, oldest first, whether they stand or not."""
    rows = cursor.execute(
        f"SELECT {DECISION_COLUMNS} FROM events WHERE event_id IN (SELECT unnest(?)) ORDER BY event_order",
        [list(event_ids)],
    ).fetchall()
    return [_decision(row) for row in rows]


def read_standing_decisions(cursor: Cursor) -> list[Decision]:
    """Return every decision that nobody took back, oldest first: of one sample there may be several."""
    rows = cursor.execute(
        f"SELECT {DECISION_COLUMNS} FROM standing_decisions ORDER BY event_order"
    ).fetchall()
    return [_decision(row) for row in rows]


def read_opinions(cursor: Cursor, positions: Sequence[int] | None = None) -> list[Decision]:
    """Return the second opinions and the adjudications that stand, oldest first; of these positions alone."""
    rows = cursor.execute(
        f"SELECT {DECISION_COLUMNS} FROM standing_decisions WHERE screen IN ('second', 'adjudication') "
        "AND (? IS NULL OR position IN (SELECT unnest(?::INTEGER[]))) ORDER BY event_order",
        [None if positions is None else len(positions), list(positions or ())],
    ).fetchall()
    return [_decision(row) for row in rows]


def read_current_decisions_of(cursor: Cursor, positions: Sequence[int]) -> dict[int, Decision]:
    """Return the decision that holds for each of these positions that has one."""
    rows = cursor.execute(
        f"SELECT {DECISION_COLUMNS} FROM current_decisions WHERE position IN (SELECT unnest(?))",
        [list(positions)],
    ).fetchall()
    return {row[1]: _decision(row) for row in rows}


def _decision(row: tuple) -> Decision:
    event_id, position, outcome, labels, annotator, decided_at, given, suggested, p_clean, run, *rest = row
    seconds, act_id, note, screen = rest
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
        act_id=act_id,
        note=note,
        screen=Screen(screen or Screen.CARD),
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


@dataclass(frozen=True, kw_only=True)
class Selection:
    """A set of samples that somebody chose by hand. positions: (n,) int64."""

    selection_id: str
    name: str
    annotator: str
    positions: np.ndarray


def read_selection(cursor: Cursor, selection_id: str) -> Selection | None:
    """Return a selection by its id."""
    row = cursor.execute(
        "SELECT selection_id, name, annotator, positions FROM selections WHERE selection_id = ?",
        [selection_id],
    ).fetchone()
    if row is None:
        return None
    return Selection(
        selection_id=row[0], name=row[1], annotator=row[2], positions=np.asarray(row[3], dtype=np.int64)
    )


def read_selection_names(cursor: Cursor, limit: int = 50) -> list[tuple[str, str, int]]:
    """Return (id, name, number of samples) of the newest selections, newest first."""
    return cursor.execute(
        "SELECT selection_id, name, len(positions) FROM selections ORDER BY made_at DESC LIMIT ?", [limit]
    ).fetchall()


def read_log(cursor: Cursor) -> Iterator[dict[str, Any]]:
    """Yield every act, oldest first, as column → value of `events`, with its sample_id; a thousand at a time
    are in memory."""
    rows = cursor.execute(
        "SELECT e.*, s.sample_id FROM events e JOIN samples s USING (position) ORDER BY e.event_order"
    )
    names = [column[0] for column in rows.description or ()]
    while page := rows.fetchmany(1000):
        yield from (dict(zip(names, row, strict=True)) for row in page)


def read_passes(cursor: Cursor) -> frozenset[int]:
    """Return the audited positions that the queue has come past."""
    return frozenset(position for (position,) in cursor.execute("SELECT position FROM passes").fetchall())


def read_annotators(cursor: Cursor) -> list[str]:
    """Return everybody who decided something, by name."""
    rows = cursor.execute("SELECT DISTINCT annotator FROM events ORDER BY annotator").fetchall()
    return [name for (name,) in rows]
