"""Which workspaces were opened lately: a small file in the person's own data folder."""

import logging
from dataclasses import dataclass
from pathlib import Path

from engine.artifacts import read_json, write_json
from reviewer.folders import data_folder
from reviewer.schema import utc_now
from reviewer.workspace import FILE as WORKSPACE_FILE

LOG = logging.getLogger("labelsieve")
FILE = "recent.json"
N_KEPT = 12


@dataclass(frozen=True, kw_only=True)
class Recent:
    """A workspace that was opened: where, and when (UTC, ISO 8601 without a zone)."""

    root: Path
    opened: str


def read_recent() -> list[Recent]:
    """Return the workspaces that were opened, newest first; those that are gone are left out."""
    try:
        noted = read_json(data_folder() / FILE)
    except OSError as error:
        LOG.warning("The list of recent workspaces could not be read: %s", error)
        return []
    entries = noted if isinstance(noted, list) else []
    found: dict[Path, Recent] = {}
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("root"), str):
            continue
        root = Path(entry["root"])
        try:
            if root.is_absolute() and (root / WORKSPACE_FILE).is_file():
                found.setdefault(root, Recent(root=root, opened=str(entry.get("opened", ""))))
        except (OSError, ValueError):  # a folder that may not be looked into, a zero byte in a name
            continue
    return list(found.values())[:N_KEPT]


def remember(root: Path) -> None:
    """Note that the workspace `root` is opened now; a disk that takes no note is no reason to stop."""
    root = root.absolute()
    others = [entry for entry in read_recent() if entry.root != root]
    entries = [{"root": str(root), "opened": utc_now().isoformat(timespec="seconds")}]
    entries += [{"root": str(entry.root), "opened": entry.opened} for entry in others]
    try:
        data_folder().mkdir(parents=True, exist_ok=True)
        write_json(data_folder() / FILE, entries[:N_KEPT])
    except (OSError, ValueError) as error:
        LOG.warning("The list of recent workspaces could not be written: %s", error)
