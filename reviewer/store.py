"""Every write to `review.duckdb`: one process owns it, one thread writes at a time."""

import re
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from engine.artifacts import Scores
from reviewer.decisions import Decision, Event, Kind, redo_target, undo_target
from reviewer.errors import ReviewerError
from reviewer.schema import migrate, utc_now
from reviewer.sources import Fault, Sample

EVENT_COLUMNS = (
    "event_id, kind, target_id, position, outcome, labels, annotator, decided_at, given_label, "
    "suggested_label, p_clean, run_id, seconds"
)


class Store:
    """The open database. A context manager; closing checkpoints it."""

    def __init__(self, path: Path) -> None:
        self._connection = _connect(path)
        self._lock = threading.RLock()
        try:
            migrate(self._connection)
            # Labels and file names come from elsewhere; SQL must not be able to read or fetch anything.
            self._connection.execute("SET enable_external_access = false")
            self._events: list[Event] = self._load_events()
        except BaseException:
            self._connection.close()  # or this process would hold the file that it refused
            raise
        self._targets: dict[str, str | None] = {e.event_id: e.target_id for e in self._events}

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database; it can be opened by another process then."""
        with self._lock:
            self._connection.close()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a connection for one read; DuckDB connections are not shared between threads."""
        return self._connection.cursor()

    # -- decisions --

    def record(self, decisions: Sequence[Decision]) -> list[str]:
        """Write decisions in order, durable on return, and return the ids of those that are new.

        One whose id is known already is left as it stands, so a client may send again what it has no
        answer for. All or none of the new ones are written.
        """
        with self._lock:
            named: dict[str, Decision] = {}
            for decision in decisions:
                if decision.event_id not in self._targets:
                    named.setdefault(decision.event_id, decision)
            fresh = list(named.values())
            events = [_event(decision) for decision in fresh]
            self._append([(event, decision) for event, decision in zip(events, fresh, strict=True)])
        return [decision.event_id for decision in fresh]

    def undo(self, annotator: str, event_id: str) -> str | None:
        """Take back the annotator's last standing decision and return its id; None where there is none."""
        return self._turn(Kind.UNDO, annotator, event_id)

    def redo(self, annotator: str, event_id: str) -> str | None:
        """Put back the decision that was undone last and return its id; None where there is none."""
        return self._turn(Kind.REDO, annotator, event_id)

    def _turn(self, kind: Kind, annotator: str, event_id: str) -> str | None:
        with self._lock:
            if event_id in self._targets:
                return self._targets[event_id]
            find = undo_target if kind is Kind.UNDO else redo_target
            target = find(self._events, annotator)
            if target is None:
                self._targets[event_id] = None  # a late retry must not take back what came since
                return None
            row = self._connection.execute(
                "SELECT position, given_label FROM events WHERE event_id = ?", [target]
            ).fetchone()
            assert row is not None  # the log holds every decision that it was folded from
            event = Event(
                kind=kind, event_id=event_id, annotator=annotator, position=row[0], target_id=target
            )
            self._append([(event, None)], given_label=row[1])
            return target

    def _append(self, entries: Sequence[tuple[Event, Decision | None]], given_label: str = "") -> None:
        if not entries:
            return
        rows = [_row(event, decision, given_label) for event, decision in entries]
        marks = ", ".join("?" * len(EVENT_COLUMNS.split(",")))
        with _transaction(self._connection):
            for row in rows:
                self._connection.execute(f"INSERT INTO events ({EVENT_COLUMNS}) VALUES ({marks})", row)
        for event, _ in entries:
            self._events.append(event)
            self._targets[event.event_id] = event.target_id

    def _load_events(self) -> list[Event]:
        rows = self._connection.execute(
            "SELECT kind, event_id, annotator, position, target_id FROM events ORDER BY event_order"
        ).fetchall()
        return [
            Event(
                kind=Kind(kind), event_id=event_id, annotator=annotator, position=position, target_id=target
            )
            for kind, event_id, annotator, position, target in rows
        ]

    # -- samples, runs, settings --

    def import_samples(self, samples: Sequence[Sample], faults: Sequence[Fault]) -> None:
        """Write the samples of a new workspace and its import report."""
        columns = {
            "position": np.arange(len(samples), dtype=np.int32),
            "sample_id": _texts(s.sample_id for s in samples),
            "path": _texts(s.path for s in samples),
            "given_label": _texts(s.given_label for s in samples),
            "source_row": np.asarray([s.source_row for s in samples], dtype=np.int32),
            "problem": _texts(s.problem for s in samples),
        }
        with self._lock, _transaction(self._connection):
            self._insert("samples", columns)
            self._write_faults("import", faults)

    def import_run(self, run_id: str, detector: str, scores: Scores, faults: Sequence[Fault] = ()) -> None:
        """Join the scores of a finished run to the samples by `sample_id`, in one transaction.

        Importing a run again replaces nothing and is no error. Raises ReviewerError for a sample that the
        workspace does not know, and for scores that are no numbers.
        """
        strange = int((~np.isfinite(scores.p_clean + scores.suggested_probability)).sum())
        if strange:
            raise ReviewerError(f"The run {run_id} has {strange:,} scores that are no numbers; run it again.")
        with self._lock, _transaction(self._connection):
            if self._connection.execute("SELECT 1 FROM runs WHERE run_id = ?", [run_id]).fetchone():
                return
            n = len(scores.sample_ids)
            columns = {
                "sample_id": scores.sample_ids.astype(object),
                "row_number": np.arange(n, dtype=np.int32),
                "p_clean": scores.p_clean,
                "suggested_label": scores.suggested.astype(object),
                "suggested_probability": scores.suggested_probability,
            }
            self._connection.register("incoming", columns)
            try:
                self._connection.execute(
                    "INSERT INTO scores SELECT ?, s.position, i.row_number, i.p_clean, i.suggested_label, "
                    "i.suggested_probability FROM incoming i JOIN samples s USING (sample_id)",
                    [run_id],
                )
            finally:
                self._connection.unregister("incoming")
            joined = self._connection.execute(
                "SELECT count(*) FROM scores WHERE run_id = ?", [run_id]
            ).fetchone()
            if joined is None or joined[0] != n:
                raise ReviewerError(
                    f"The run {run_id} scores {n - (joined or (0,))[0]} samples that this workspace does not "
                    "have; it belongs to another one."
                )
            self._connection.execute("INSERT INTO runs VALUES (?, ?, ?, ?)", [run_id, detector, utc_now(), n])
            self._write_faults(run_id, faults)

    def write_setting(self, key: str, value: str) -> None:
        """Remember a setting of this workspace."""
        with self._lock:
            self._connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", [key, value])

    def _write_faults(self, stage: str, faults: Sequence[Fault]) -> None:
        columns = {
            "fault_order": np.arange(len(faults), dtype=np.int32),
            "stage": _texts(stage for _ in faults),
            "source_row": _texts(f.source_row for f in faults),
            "path": _texts(f.path for f in faults),
            "problem": _texts(f.problem for f in faults),
        }
        if faults:
            self._insert("faults", columns)

    def _insert(self, table: str, columns: dict[str, np.ndarray]) -> None:
        self._connection.register("incoming", columns)
        try:
            self._connection.execute(f"INSERT INTO {table} SELECT * FROM incoming")
        finally:
            self._connection.unregister("incoming")


class _transaction:
    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._connection.execute("COMMIT" if kind is None else "ROLLBACK")


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    try:
        return duckdb.connect(str(path))
    except duckdb.Error as error:
        holder = re.search(r"\(PID (\d+)\)", str(error))
        if holder:
            raise ReviewerError(
                f"{path} is open in process {holder[1]}; one process has a workspace open at a time, so stop "
                "that one first."
            ) from error
        raise ReviewerError(f"{path} cannot be opened ({str(error).splitlines()[0]}).") from error


def _texts(values: Iterable[Any]) -> np.ndarray:
    items = list(values)
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


def _event(decision: Decision) -> Event:
    return Event(
        kind=Kind.DECISION,
        event_id=decision.event_id,
        annotator=decision.annotator,
        position=decision.position,
    )


def _row(event: Event, decision: Decision | None, given_label: str) -> list[Any]:
    head = [event.event_id, event.kind.value, event.target_id, event.position]
    if decision is None:
        return [*head, None, None, event.annotator, utc_now(), given_label, None, None, None, None]
    return [
        *head,
        decision.outcome.value,
        list(decision.labels),
        decision.annotator,
        decision.decided_at,
        decision.given_label,
        decision.suggested_label,
        decision.p_clean,
        decision.run_id,
        decision.seconds,
    ]
