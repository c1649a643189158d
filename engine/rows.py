"""Rows of one shape, computed once and kept: the store behind the pixel and the feature cache.

    <name>.rows     the rows, raw, one after the other
    <name>.index    a header, then one JSON line per key: its row number, or why it has none
    <name>.lock     held by the one process that may append

A row's line is written after its bytes are on the disk. So a process may be killed at any instant: rows
without a line are overwritten by the next one, and a torn last line is cut off.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from filelock import FileLock

from engine import collective, distributed


@dataclass(frozen=True, kw_only=True)
class Rows:
    """N rows of a store: row i is store[index[i]].

    store: read-only memory map (R, *shape). index: (N,) int64. keys: (N,), what names the content.
    """

    store: np.ndarray
    index: np.ndarray
    keys: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.index)

    def take(self, positions: Any) -> np.ndarray:
        """Return a copy of these rows (a slice or positions in [0, N)), (B, *shape)."""
        return self.store[self.index[positions]]


class RowCache:
    """The store `name` in `folder`; a context manager that holds its lock.

    together: of several processes that do one run (`engine.distributed`) the first one holds the lock and
    writes, and all of them go through the same calls with the same rows; otherwise each is on its own.
    positions: key → row number. faults: key → sentence, for keys that have no row and need none.
    """

    def __init__(self, folder: Path, name: str, shape: tuple[int, ...], dtype: str, *, together: bool = True):
        self._together = together and distributed.team().size > 1
        self._writes = not self._together or distributed.team().is_first
        self._rows = folder / f"{name}.rows"
        self._index = folder / f"{name}.index"
        self._lock = FileLock(folder / f"{name}.lock")
        self._shape = shape
        self._dtype = np.dtype(dtype)
        self._row_bytes = self._dtype.itemsize * int(np.prod(shape))
        self.positions: dict[str, int] = {}
        self.faults: dict[str, str] = {}

    def __enter__(self) -> "RowCache":
        if self._writes:
            self._rows.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
            try:
                self._recover()
                self._share()
            except BaseException:
                self._lock.release()
                raise
        else:
            self._share()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writes:
            self._lock.release()

    def __contains__(self, key: str) -> bool:
        return key in self.positions or key in self.faults

    def missing(self, keys: Iterable[str]) -> list[str]:
        """Return the keys that are neither stored nor known to be faulty, each once, in order."""
        return [key for key in dict.fromkeys(keys) if key not in self]

    def append(
        self,
        keys: Sequence[str],
        rows: Sequence[np.ndarray] | np.ndarray,
        faults: Mapping[str, str] | None = None,
    ) -> None:
        """Store the rows of new keys, each of the store's shape, and the faults of others."""
        faults = faults or {}
        values = np.asarray(rows, dtype=self._dtype).reshape(len(keys), *self._shape)
        first = len(self.positions)
        if len(keys) and self._writes:
            with self._rows.open("r+b") as file:
                file.seek(first * self._row_bytes)
                file.write(values.tobytes())
                file.flush()
                os.fsync(file.fileno())
        added = {key: first + i for i, key in enumerate(keys)}
        lines = [json.dumps({"key": key, "row": row}) for key, row in added.items()]
        lines += [json.dumps({"key": key, "fault": fault}) for key, fault in faults.items()]
        if self._writes:
            with self._index.open("a", encoding="ascii") as file:
                file.write("".join(line + "\n" for line in lines))
        self.positions.update(added)
        self.faults.update(faults)

    def read(self, keys: Sequence[str]) -> Rows:
        """Return the rows of these keys, all of them stored; the value outlives the lock."""
        if self._together:
            # The first process must have written what the others map.
            distributed.meet()
            size = self._rows.stat().st_size if self._rows.exists() else 0
            collective.agree(f"the size of {self._rows}", size)
        n_rows = len(self.positions)
        shape = (n_rows, *self._shape)
        if n_rows:
            store: np.ndarray = np.memmap(self._rows, dtype=self._dtype, mode="r", shape=shape)
        else:
            store = np.empty(shape, dtype=self._dtype)
        index = np.asarray([self.positions[key] for key in keys], dtype=np.int64)
        return Rows(store=store, index=index, keys=tuple(keys))

    def _share(self) -> None:
        """Let the other processes of the run know what is stored; the first has made it whole."""
        if not self._together:
            return
        distributed.meet()
        if not self._writes and self._rows.exists() and self._index.exists():
            self._accept_all(self._index.read_bytes().removeprefix(self._header()))
        collective.agree(f"what {self._index} holds", len(self.positions))

    def _header(self) -> bytes:
        return json.dumps({"shape": self._shape, "dtype": self._dtype.str}).encode("ascii") + b"\n"

    def _recover(self) -> None:
        """Read the index, and cut both files back to what is whole."""
        header = self._header()
        content = self._index.read_bytes() if self._index.exists() else b""
        if not content.startswith(header):
            # Removed, not emptied: another process may still have the old rows mapped.
            self._rows.unlink(missing_ok=True)
            self._index.write_bytes(header)
            content = header
        self._rows.touch()
        end = len(header) + self._accept_all(content.removeprefix(header))
        if end < len(content):
            os.truncate(self._index, end)
        os.truncate(self._rows, len(self.positions) * self._row_bytes)

    def _accept_all(self, content: bytes) -> int:
        """Read the lines of the index as far as they are whole; return how many bytes that is."""
        self.positions, self.faults = {}, {}
        n_stored, end = self._rows.stat().st_size // self._row_bytes, 0
        for line in content.splitlines(keepends=True):
            if not self._accept(line, n_stored):
                break
            end += len(line)
        return end

    def _accept(self, line: bytes, n_stored: int) -> bool:
        if not line.endswith(b"\n"):
            return False
        try:
            entry = json.loads(line)
            key = entry["key"]
            if "fault" in entry:
                self.faults[key] = entry["fault"]
                return True
            row = entry["row"]
        except (ValueError, KeyError, TypeError):
            return False
        # Rows are numbered in the order of their lines; anything else was not written by this code.
        if row != len(self.positions) or row >= n_stored or key in self.positions:
            return False
        self.positions[key] = row
        return True
