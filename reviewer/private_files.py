"""Files that only their owner may read: password hashes, the key to a running server."""

import json
import os
from pathlib import Path
from typing import Any


def write_private(path: Path, value: Any) -> None:
    """Write `value` as JSON so that readers see the whole of it or nothing, and nobody but the owner any.

    Raises OSError.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)  # what a killed process left; made anew, it gets these rights for certain
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(value, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def is_private(path: Path) -> bool:
    """Return whether nobody but the owner may read or write a file; Windows has no such rights to ask for."""
    return os.name != "posix" or path.stat().st_mode & 0o077 == 0
