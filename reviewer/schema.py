"""The tables of `review.duckdb`, as migrations: a list that only ever grows, none edited once released."""

from datetime import UTC, datetime

import duckdb

from reviewer.errors import ReviewerError

M001_INITIAL = """
CREATE TABLE samples (
    position INTEGER PRIMARY KEY,      -- order of the source table; names the sample in URLs
    sample_id VARCHAR NOT NULL UNIQUE,
    path VARCHAR NOT NULL,             -- below the image root, forward slashes
    given_label VARCHAR NOT NULL,
    source_row INTEGER NOT NULL,
    problem VARCHAR                    -- why it cannot be reviewed
);
CREATE TABLE faults (                  -- the import report
    fault_order INTEGER NOT NULL,
    stage VARCHAR NOT NULL,            -- 'import', or the run that met it
    source_row INTEGER,
    path VARCHAR NOT NULL,
    problem VARCHAR NOT NULL
);
CREATE TABLE runs (
    run_id VARCHAR PRIMARY KEY,
    detector VARCHAR NOT NULL,
    imported_at TIMESTAMP NOT NULL,
    n_samples INTEGER NOT NULL
);
CREATE TABLE scores (
    run_id VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    row_number INTEGER NOT NULL,       -- row in the arrays of the run directory
    p_clean FLOAT NOT NULL,
    suggested_label VARCHAR NOT NULL,
    suggested_probability FLOAT NOT NULL
);
CREATE TABLE settings (key VARCHAR PRIMARY KEY, value VARCHAR NOT NULL);
CREATE SEQUENCE event_order;
CREATE TABLE events (                  -- append-only: nothing here is ever changed or deleted
    event_order BIGINT PRIMARY KEY DEFAULT nextval('event_order'),
    event_id VARCHAR NOT NULL UNIQUE,  -- made by the client; a retry names it again
    kind VARCHAR NOT NULL CHECK (kind IN ('decision', 'undo', 'redo')),
    target_id VARCHAR,                 -- the decision that an undo or redo is about
    position INTEGER NOT NULL,
    outcome VARCHAR,
    labels VARCHAR[],
    annotator VARCHAR NOT NULL,
    decided_at TIMESTAMP NOT NULL,     -- UTC, as every time here
    given_label VARCHAR NOT NULL,
    suggested_label VARCHAR,
    p_clean DOUBLE,
    run_id VARCHAR,
    seconds DOUBLE
);
CREATE VIEW standing_decisions AS      -- decisions that are not undone
    SELECT d.* FROM events d
    LEFT JOIN (
        SELECT target_id, sum(CASE kind WHEN 'undo' THEN 1 ELSE -1 END) AS undone
        FROM events WHERE kind <> 'decision' GROUP BY target_id
    ) u ON u.target_id = d.event_id
    WHERE d.kind = 'decision' AND coalesce(u.undone, 0) = 0;
CREATE VIEW current_decisions AS       -- the one that counts for each sample
    SELECT * FROM standing_decisions
    QUALIFY row_number() OVER (PARTITION BY position ORDER BY event_order DESC) = 1;
CREATE VIEW current_labels AS          -- the label that each sample has now; NULL where it has none
    SELECT s.*, d.outcome, d.annotator, d.decided_at,
        CASE
            WHEN d.outcome IN ('out_of_scope', 'bad_image') THEN []
            WHEN d.outcome IN ('relabel', 'ambiguous') THEN d.labels
            ELSE [s.given_label]
        END AS corrected_labels
    FROM samples s LEFT JOIN current_decisions d USING (position);
"""

M002_ACTS = """
ALTER TABLE events ADD COLUMN act_id VARCHAR;  -- what one key did, to many samples perhaps; NULL: to this one
ALTER TABLE events ADD COLUMN note VARCHAR;
ALTER TABLE events ADD COLUMN screen VARCHAR;  -- 'card', 'audit' (a blind card) or 'sheet'; NULL: 'card'
CREATE TABLE passes (                  -- audited samples that the queue has come past since
    position INTEGER PRIMARY KEY,
    event_id VARCHAR NOT NULL          -- the decision with which it did
);
CREATE TABLE selections (              -- sets of samples that somebody chose by hand
    selection_id VARCHAR PRIMARY KEY,
    name VARCHAR NOT NULL,
    annotator VARCHAR NOT NULL,
    made_at TIMESTAMP NOT NULL,
    positions INTEGER[] NOT NULL
);
"""

M003_SECOND_OPINIONS = """
-- screen can be 'second' (a blind card about what somebody else decided) and 'adjudication' (a card that
-- shows who said what), too. A second opinion never is the label, nor an adjudication that was put off.
CREATE OR REPLACE VIEW current_decisions AS
    SELECT * FROM standing_decisions
    WHERE coalesce(screen, 'card') <> 'second'
        AND NOT (coalesce(screen, 'card') = 'adjudication' AND outcome = 'skip')
    QUALIFY row_number() OVER (PARTITION BY position ORDER BY event_order DESC) = 1;
"""

MIGRATIONS: tuple[tuple[str, str], ...] = (
    ("m001_initial", M001_INITIAL),
    ("m002_acts", M002_ACTS),
    ("m003_second_opinions", M003_SECOND_OPINIONS),
)


def utc_now() -> datetime:
    """Return the time as the database stores it: UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def applied(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the names of the migrations that the database has, in order."""
    connection.execute(
        "CREATE TABLE IF NOT EXISTS migrations (name VARCHAR PRIMARY KEY, applied_at TIMESTAMP NOT NULL)"
    )
    return [name for (name,) in connection.execute("SELECT name FROM migrations ORDER BY name").fetchall()]


def migrate(
    connection: duckdb.DuckDBPyConnection, migrations: tuple[tuple[str, str], ...] = MIGRATIONS
) -> list[str]:
    """Bring the database to the newest schema and return what was applied.

    Each migration and its record are one transaction. Raises ReviewerError for a database that a newer
    version has written: going back could lose decisions.
    """
    done = applied(connection)
    unknown = set(done) - {name for name, _ in migrations}
    if unknown:
        raise ReviewerError(
            f"A newer Labelsieve wrote this workspace ({', '.join(sorted(unknown))}); update with "
            "pip install --upgrade labelsieve."
        )
    fresh = [name for name, _ in migrations if name not in done]
    for name, sql in migrations:
        if name in done:
            continue
        connection.execute("BEGIN")
        try:
            connection.execute(sql)
            connection.execute("INSERT INTO migrations VALUES (?, ?)", [name, utc_now()])
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
    return fresh
