"""The event log of an open database: what people did, appended and never changed, and who can undo what.

Not for threads: the store holds its lock around every call.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import duckdb

from reviewer.decisions import Decision, Event, History, Kind
from reviewer.schema import utc_now
from reviewer.transactions import transaction

EVENT_COLUMNS = (
    "event_id",
    "kind",
    "target_id",
    "position",
    "outcome",
    "labels",
    "annotator",
    "decided_at",
    "given_label",
    "suggested_label",
    "p_clean",
    "run_id",
    "seconds",
    "act_id",
    "note",
    "screen",
)
TYPES = {
    "position": "INTEGER",
    "labels": "VARCHAR[]",
    "decided_at": "TIMESTAMP",
    "p_clean": "DOUBLE",
    "seconds": "DOUBLE",
}
"""Of those columns that are no text."""
MANY = 64  # events of one act from which they are written as columns


class EventLog:
    """The log on a connection that nobody else writes to."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._ids: set[str] = set()
        self._histories: dict[str, History] = {}
        self._turned: dict[str, list[str]] = {}  # what each undo and redo was about
        self._load_events()

    def record(self, decisions: Sequence[Decision], passes: Iterable[int] = ()) -> list[str]:
        """See `Store.record`."""
        named: dict[str, Decision] = {}
        for decision in decisions:
            if decision.event_id not in self._ids:
                named.setdefault(decision.event_id, decision)
        fresh = list(named.values())
        if fresh:
            entries = [(_event(decision), decision) for decision in fresh]
            self._append(entries, passes=[(int(p), fresh[0].event_id) for p in passes])
        return [decision.event_id for decision in fresh]

    def turn(self, kind: Kind, annotator: str, event_id: str) -> tuple[str, ...]:
        """See `Store.undo` and `Store.redo`."""
        if event_id in self._turned:
            return tuple(self._turned[event_id])
        history = self._histories.get(annotator, History())
        targets = history.undo_targets() if kind is Kind.UNDO else history.redo_targets()
        self._turned[event_id] = []  # a late retry must not take back what came since
        if not targets:
            return ()
        facts = self._read_facts(targets)
        events = [
            Event(
                kind=kind,
                event_id=event_id if i == 0 else f"{event_id}.{i}",
                annotator=annotator,
                position=facts[target][0],
                target_id=target,
                act_id=event_id,
            )
            for i, target in enumerate(targets)
        ]
        try:
            self._append([(event, None) for event in events], [facts[target][1] for target in targets])
        except BaseException:
            del self._turned[event_id]
            raise
        return targets

    def _read_facts(self, event_ids: Sequence[str]) -> dict[str, tuple[int, str]]:
        """Return the position and the given label of each of these decisions."""
        rows = self._connection.execute(
            "SELECT event_id, position, given_label FROM events WHERE event_id IN (SELECT unnest(?))",
            [list(event_ids)],
        ).fetchall()
        return {event_id: (position, given) for event_id, position, given in rows}

    def _append(
        self,
        entries: Sequence[tuple[Event, Decision | None]],
        given_labels: Sequence[str] = (),
        passes: Sequence[tuple[int, str]] = (),
    ) -> None:
        rows = [
            _row(event, decision, given_labels[i] if given_labels else "")
            for i, (event, decision) in enumerate(entries)
        ]
        with transaction(self._connection):
            if len(rows) < MANY:
                marks = ", ".join("?" * len(EVENT_COLUMNS))
                for row in rows:
                    self._connection.execute(
                        f"INSERT INTO events ({', '.join(EVENT_COLUMNS)}) VALUES ({marks})", row
                    )
            else:
                self._insert_many(rows)
            for position, event_id in passes:
                self._connection.execute("INSERT OR IGNORE INTO passes VALUES (?, ?)", [position, event_id])
        for event, _ in entries:
            self._take(event)

    def _insert_many(self, rows: Sequence[Sequence[Any]]) -> None:
        """Write events as columns: row by row, ten thousand of them take many seconds."""
        taken = [f"unnest(CAST(? AS {TYPES.get(name, 'VARCHAR')}[]))" for name in EVENT_COLUMNS]
        self._connection.execute(
            f"INSERT INTO events ({', '.join(EVENT_COLUMNS)}) SELECT {', '.join(taken)}",
            [list(column) for column in zip(*rows, strict=True)],
        )

    def _take(self, event: Event) -> None:
        self._ids.add(event.event_id)
        self._histories.setdefault(event.annotator, History()).add(event)
        if event.target_id is not None:
            self._turned.setdefault(event.act, []).append(event.target_id)

    def _load_events(self) -> None:
        rows = self._connection.execute(
            "SELECT kind, event_id, annotator, position, target_id, act_id FROM events ORDER BY event_order"
        ).fetchall()
        for kind, event_id, annotator, position, target_id, act_id in rows:
            self._take(
                Event(
                    kind=Kind(kind),
                    event_id=event_id,
                    annotator=annotator,
                    position=position,
                    target_id=target_id,
                    act_id=act_id,
                )
            )


def _event(decision: Decision) -> Event:
    return Event(
        kind=Kind.DECISION,
        event_id=decision.event_id,
        annotator=decision.annotator,
        position=decision.position,
        act_id=decision.act_id,
        counts=decision.counts,
    )


def _row(event: Event, decision: Decision | None, given_label: str) -> list[Any]:
    head = [event.event_id, event.kind.value, event.target_id, event.position]
    if decision is None:
        shown, said = [None] * 4, [None] * 2
        return [*head, *said, event.annotator, utc_now(), given_label, *shown, event.act_id, *said]
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
        decision.act_id,
        decision.note,
        decision.screen.value,
    ]
