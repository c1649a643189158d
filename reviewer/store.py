"""Every write to `review.duckdb`: one process owns it, one thread writes at a time."""

import contextlib
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import duckdb
import numpy as np

from engine.artifacts import Scores
from reviewer.decisions import Decision, Kind
from reviewer.disk import NotWritten, not_written
from reviewer.errors import ReviewerError
from reviewer.event_log import EventLog
from reviewer.schema import migrate, utc_now
from reviewer.sources import Fault, Sample
from reviewer.transactions import as_texts, incoming, transaction


class Store:
    """The open database. A context manager; closing checkpoints it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._is_broken = False
        self._openings = 0
        self._open()

    def _open(self) -> None:
        self._connection = _connect(self._path)
        try:
            migrate(self._connection)
            # Labels and file names come from elsewhere; SQL must not be able to read or fetch anything.
            self._connection.execute("SET enable_external_access = false")
            self._log = EventLog(self._connection)
        except BaseException:
            self._connection.close()  # or this process would hold the file that it refused
            raise
        self._is_broken = False
        self._openings += 1

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
        if self._is_broken:
            with self._lock:
                self._mend()
        return self._connection.cursor()

    @property
    def openings(self) -> int:
        """How often the database was opened: once more after each failure that DuckDB does not survive.

        What was written when it failed may be on disk or not; who holds a copy reads it anew then.
        """
        return self._openings

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the lock for a write; where the disk does not take it, raise NotWritten and stay usable."""
        with self._lock:
            try:
                self._mend()
                yield
            except (duckdb.Error, OSError) as error:
                self._is_broken |= isinstance(error, duckdb.FatalException)
                said = not_written(error, self._path.parent)
                if said is None:
                    raise
                with contextlib.suppress(NotWritten):  # tried again by whoever comes next
                    self._mend()
                raise said from error

    def _mend(self) -> None:
        """Open the database anew after a failure that it does not survive, as a checkpoint on a full disk."""
        if not self._is_broken:
            return
        self._connection.close()
        try:
            self._open()
        except (ReviewerError, duckdb.Error) as error:
            raise NotWritten(
                f"{self._path} failed with its disk and does not open again; free some space, then try again."
            ) from error

    # -- decisions --

    def record(self, decisions: Sequence[Decision], passes: Iterable[int] = ()) -> list[str]:
        """Write decisions in order, durable on return, and return the ids of those that are new.

        One whose id is known already is left as it stands, so a client may send again what it has no
        answer for. All or none of the new ones are written. passes: positions of audited samples that the
        queue comes past with them; they are written with the first new decision, and stay.
        """
        with self._writing():
            return self._log.record(decisions, passes)

    def undo(self, annotator: str, event_id: str) -> tuple[str, ...]:
        """Take back the annotator's last act that stands and return the ids of its decisions, or ()."""
        with self._writing():
            return self._log.turn(Kind.UNDO, annotator, event_id)

    def redo(self, annotator: str, event_id: str) -> tuple[str, ...]:
        """Put back the act that was undone last and return the ids of its decisions, or ()."""
        with self._writing():
            return self._log.turn(Kind.REDO, annotator, event_id)

    # -- samples, runs, selections, settings --

    def import_samples(self, samples: Sequence[Sample], faults: Sequence[Fault]) -> None:
        """Write the samples of a new workspace and its import report."""
        columns = {
            "position": np.arange(len(samples), dtype=np.int32),
            "sample_id": as_texts(s.sample_id for s in samples),
            "path": as_texts(s.path for s in samples),
            "given_label": as_texts(s.given_label for s in samples),
            "source_row": np.asarray([s.source_row for s in samples], dtype=np.int32),
            "problem": as_texts(s.problem for s in samples),
        }
        with self._writing(), transaction(self._connection):
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
        with self._writing(), transaction(self._connection):
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
            with incoming(self._connection, columns):
                self._connection.execute(
                    "INSERT INTO scores SELECT ?, s.position, i.row_number, i.p_clean, i.suggested_label, "
                    "i.suggested_probability FROM incoming i JOIN samples s USING (sample_id)",
                    [run_id],
                )
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

    def write_selection(self, selection_id: str, name: str, annotator: str, positions: Sequence[int]) -> None:
        """Remember a set of samples that somebody chose; one whose id is known stays as it is."""
        with self._writing():
            self._connection.execute(
                "INSERT OR IGNORE INTO selections VALUES (?, ?, ?, ?, ?)",
                [selection_id, name, annotator, utc_now(), list(positions)],
            )

    def write_setting(self, key: str, value: str) -> None:
        """Remember a setting of this workspace."""
        with self._writing():
            self._connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", [key, value])

    def _write_faults(self, stage: str, faults: Sequence[Fault]) -> None:
        columns = {
            "fault_order": np.arange(len(faults), dtype=np.int32),
            "stage": as_texts(stage for _ in faults),
            "source_row": as_texts(f.source_row for f in faults),
            "path": as_texts(f.path for f in faults),
            "problem": as_texts(f.problem for f in faults),
        }
        if faults:
            self._insert("faults", columns)

    def _insert(self, table: str, columns: dict[str, np.ndarray]) -> None:
        with incoming(self._connection, columns):
            self._connection.execute(f"INSERT INTO {table} SELECT * FROM incoming")


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
