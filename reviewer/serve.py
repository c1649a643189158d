"""One server for one workspace, from the open database to the last answer."""

import socket
from collections.abc import Callable

import uvicorn

from reviewer.desk import Desk
from reviewer.errors import ReviewerError
from reviewer.open_server import forget_server, note_server
from reviewer.store import Store
from reviewer.watch import Watcher
from reviewer.workspace import Workspace


def serve(
    workspace: Workspace, host: str, port: int, annotator: str, announce: Callable[[str], None]
) -> None:
    """Serve the workspace until the process is told to stop. A workspace without a run gets its first."""
    listener = _listen(host, port)
    address = f"[{host}]" if ":" in host else host
    url = f"http://{address}:{listener.getsockname()[1]}"
    with Store(workspace.database) as store:
        desk = Desk(workspace, store, annotator)
        watcher = Watcher(desk)
        try:
            # The first ranking needs the model; it loads while the page does.
            watcher.start_first()
            from reviewer.app import build_app

            config = uvicorn.Config(build_app(desk, watcher), log_level="warning", access_log=False)
            server = uvicorn.Server(config)
            note_server(workspace, url)
            announce(url)
            server.run(sockets=[listener])
        finally:
            forget_server(workspace)
            watcher.close()
            desk.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise ReviewerError(
            f"Port {port} of {host} cannot be used ({error.strerror}); choose another with --port."
        ) from error
    return listener
