"""A write that did not reach the disk, as a sentence with the way out; nothing else is wrong then."""

import errno
from pathlib import Path

import duckdb

from reviewer.errors import ReviewerError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FULL_WORDS = ("No space left on device", "Disk quota exceeded", "File too large")  # as DuckDB passes them on
FAILURES = (duckdb.IOException, duckdb.FatalException, duckdb.TransactionException)


class NotWritten(ReviewerError):
    """Raised where the disk took nothing of a write; the same write may be tried again."""


def not_written(error: Exception, folder: Path) -> NotWritten | None:
    """Return what a failed write below `folder` means to a person, or None where the disk is not to blame."""
    if isinstance(error, FAILURES):
        if isinstance(error, duckdb.TransactionException) and "Could not" not in str(error):
            return None  # a commit fails for other reasons, too
        is_full, why = any(words in str(error) for words in FULL_WORDS), str(error).splitlines()[0]
    elif isinstance(error, OSError):
        is_full, why = error.errno in FULL, error.strerror or str(error)
        if not is_full and error.errno not in (errno.EROFS, errno.EIO):
            return None
    else:
        return None
    if is_full:
        return NotWritten(
            f"The disk of {folder} is full, so nothing was written; free some space, then try again."
        )
    return NotWritten(
        f"Nothing could be written to {folder} ({why.removesuffix('.')}); see to its disk, then try again."
    )
