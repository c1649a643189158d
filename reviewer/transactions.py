"""Writing to DuckDB: all or nothing, and many rows as columns."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import duckdb
import numpy as np


@contextlib.contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commit what is done in it, or nothing of it."""
    connection.execute("BEGIN")
    try:
        yield
    except BaseException:
        # A database that has failed takes no ROLLBACK; why it failed is what has to be told.
        with contextlib.suppress(duckdb.Error):
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")  # one that fails has rolled back


@contextlib.contextmanager
def incoming(connection: duckdb.DuckDBPyConnection, columns: Mapping[str, np.ndarray]) -> Iterator[None]:
    """Let SQL read these columns as the table `incoming`."""
    connection.register("incoming", dict(columns))
    try:
        yield
    finally:
        connection.unregister("incoming")


def as_texts(values: Iterable[Any]) -> np.ndarray:
    """Return texts, or None, as an array of objects, (n,)."""
    items = list(values)
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array
