"""Looking for a folder: names in a directory, never what is in a file. The start page alone uses it."""

import os
from dataclasses import dataclass
from pathlib import Path

from reviewer.errors import ReviewerError
from reviewer.workspace import FILE as WORKSPACE_FILE

TABLE_SUFFIXES = (".csv", ".tsv", ".txt", ".tab")
N_LISTED = 1000


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A folder or a table. path: None where the name is no text that a page can send back."""

    name: str
    path: str | None
    kind: str  # folder, workspace or table


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What is in the folder `path`: workspaces and folders first, then tables, each in the order of their
    names. parent: None at the top. n_left_off: how many more there are than a page should show."""

    path: str
    parent: str | None
    entries: tuple[Entry, ...]
    n_left_off: int


def list_folder(place: str) -> Listing:
    """Return the folders and tables in `place` ("" and "~": the home folder); hidden ones are left out.

    Raises ReviewerError for what is no folder, cannot be read, or is not an absolute path.
    """
    try:
        path = Path(place or "~").expanduser()
        if not path.is_absolute():
            raise ReviewerError(f"{place!r} is not a whole path; write it from the root of the disk on.")
        path = Path(os.path.normpath(path))
        with os.scandir(path) as found:
            entries = [entry for each in found if (entry := _entry(each)) is not None]
    except (OSError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or error
        raise ReviewerError(f"{place} cannot be listed ({why}); choose another folder.") from error
    except ValueError as error:  # a zero byte, half a surrogate pair
        raise ReviewerError(f"{printable(place)!r} cannot be the name of a folder ({error}).") from error
    entries.sort(key=lambda entry: (entry.kind == "table", entry.name.casefold(), entry.name))
    parent = path.parent
    return Listing(
        path=printable(str(path)),
        parent=None if parent == path else printable(str(parent)),
        entries=tuple(entries[:N_LISTED]),
        n_left_off=max(0, len(entries) - N_LISTED),
    )


def _entry(found: os.DirEntry[str]) -> Entry | None:
    if found.name.startswith("."):
        return None
    try:
        if found.is_dir():
            kind = "workspace" if os.path.isfile(os.path.join(found.path, WORKSPACE_FILE)) else "folder"
        elif found.name.lower().endswith(TABLE_SUFFIXES) and found.is_file():
            kind = "table"
        else:
            return None
    except OSError:  # a link in a circle
        return None
    name = printable(found.name)
    return Entry(name=name, path=found.path if printable(found.path) == found.path else None, kind=kind)


def printable(name: str) -> str:
    """Return `name` with the bytes that are no text written out as escapes."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
