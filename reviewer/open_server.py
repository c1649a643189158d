"""Which server has a workspace open, so that a second command talks to it instead of failing."""

import http.client
import socket
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from engine.artifacts import is_alive, process_stamp, read_json
from reviewer.private_files import write_private
from reviewer.workspace import Workspace

FILE = "server.json"


def note_server(workspace: Workspace, url: str, key: str = "") -> None:
    """Leave word that this process serves the workspace at `url`, for the owner alone to read.

    key: lets a command fetch from a server that people have to log in to.
    """
    note = {**process_stamp(), "url": url, "workspace": str(workspace.root.resolve()), "key": key}
    write_private(workspace.root / FILE, note)


def forget_server(workspace: Workspace) -> None:
    """Take that word back."""
    (workspace.root / FILE).unlink(missing_ok=True)


def find_server(workspace: Workspace) -> dict[str, Any] | None:
    """Return pid, url and key of the living server of this workspace, or None."""
    stamp = read_json(workspace.root / FILE)
    if not isinstance(stamp, dict) or "url" not in stamp:
        return None
    if stamp.get("workspace") != str(workspace.root.resolve()):
        return None  # a copy of an open workspace is not open
    # The address is one of this machine: what another or a container left behind cannot be reached here.
    return stamp if stamp.get("host") == socket.gethostname() and is_alive(stamp) else None


def fetch(url: str, name: str, out: Path, key: str = "") -> None:
    """Write the file that the server at `url` gives by this name; raises OSError when it does not answer.

    key: of the server's note.
    """
    # A proxy of the environment has no business with a call to this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        request = urllib.request.Request(f"{url}/{name}", headers={"Authorization": f"Bearer {key}"})
        with opener.open(request, timeout=300) as answer:
            write_whole(out, iter(lambda: answer.read(1 << 20), b""))
    except urllib.error.URLError as error:
        raise OSError(str(error.reason)) from error
    except http.client.HTTPException as error:
        raise OSError(f"the server at {url} broke off: {type(error).__name__}") from error


def write_whole(path: Path, chunks: Any) -> None:
    """Write `chunks` of bytes so that the file appears whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
