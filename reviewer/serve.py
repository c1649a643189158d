"""One server for one workspace, from the first look at it to the last answer."""

import secrets
import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp

from reviewer.desk import Desk
from reviewer.download import Download
from reviewer.errors import ReviewerError
from reviewer.gate import Gate
from reviewer.guard import guarded
from reviewer.headers import FRESH
from reviewer.hosts import Listening
from reviewer.opening import Opening
from reviewer.server import add_web_files
from reviewer.standby import Standby
from reviewer.start import create_front
from reviewer.switch import SHARED, Switch
from reviewer.watch import Watcher
from reviewer.workspace import Workspace


def serve(
    workspace: Workspace | None,
    listening: Listening,
    annotator: str,
    announce: Callable[[str], None],
    standby: Standby | None = None,
) -> None:
    """Serve until the process is told to stop: `workspace`, or the start page where there is none yet.

    A workspace without a run gets its first at once; the page is there a few seconds later, and until then
    the address answers with what is being done. Raises ReviewerError for a port that cannot be used, and
    EngineError for a workspace that cannot be opened.
    """
    listener = _listen(listening.host, listening.port)
    port = listener.getsockname()[1]
    url = listening.url(port)
    key = secrets.token_urlsafe(32)
    opening = Opening(annotator, url, lambda app: switch.show(app), standby, key)
    download = Download()

    def is_coming() -> bool:
        return opening.view().state == "working" and not server.should_exit

    if listening.is_public:
        # Who calls from elsewhere waits for the app: of this machine's disk there is nothing to be asked.
        switch = Switch(_create_closed_front(), is_coming, shared=("/healthz",))
    else:
        switch = Switch(create_front(opening, download), is_coming, shared=SHARED)
    app: ASGIApp = switch if listening.accounts is None else Gate(switch, listening.accounts, key, port)
    hosts = listening.allowed_hosts()
    server = uvicorn.Server(uvicorn.Config(guarded(app, hosts), log_level="warning", access_log=False))
    failures: list[Exception] = []

    def build(desk: Desk, watcher: Watcher) -> None:
        try:
            opening.build(desk, watcher)
        except Exception as error:
            if not server.should_exit:  # a server that is being stopped takes no page any more
                failures.append(error)
            server.should_exit = True

    try:
        if workspace is not None:
            opened = opening.take(workspace)
            threading.Thread(target=build, args=opened, name="page", daemon=True).start()
        announce(url)
        _close_when_told(server)
        server.run(sockets=[listener])
    finally:
        listener.close()
        opening.close()
        download.close()
    if failures:
        raise failures[0]


def _create_closed_front() -> FastAPI:
    """Return what answers before the app is there, where the start page is not for those who call."""
    front = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, title="Labelsieve")
    add_web_files(front)

    @front.api_route("/{rest:path}", methods=["GET", "HEAD", "POST", "PUT", "DELETE"])
    def nothing_yet(rest: str) -> JSONResponse:
        # 503 and not 404: the page of an earlier server then keeps its decisions and asks again.
        status = 404 if rest.startswith("start/") else 503
        return JSONResponse({"error": "The workspace is not open yet."}, status, FRESH)

    return front


def _close_when_told(server: uvicorn.Server) -> None:
    """Let SIGTERM and a terminal that is closed end the server as Ctrl+C does: what is open is closed then.

    uvicorn stops for SIGTERM and raises it once more, which ends a process on the spot that has no handler of
    its own, with its drawings going on and the workspace noted as open.
    """
    if threading.current_thread() is not threading.main_thread():
        return  # signals come to the main thread alone
    signal.signal(signal.SIGTERM, _leave)
    hang_up = getattr(signal, "SIGHUP", None)  # not on Windows
    if hang_up is not None and signal.getsignal(hang_up) == signal.SIG_DFL:  # nohup ignores it
        signal.signal(hang_up, server.handle_exit)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP: asyncio turns Nagle's delay off only for sockets that say so, and an answer of two parts
    # would wait 40 ms for the word that its first part has come.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except (OSError, UnicodeError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or error
        raise ReviewerError(
            f"Port {port} of {host} cannot be used ({reason}); choose another with --port."
        ) from error
    return listener
