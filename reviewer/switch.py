"""One server, two apps: the start page until a workspace is open, and then the workspace's own."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Collection

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

FRONT = "/start/"
# What the start page itself needs while the app is on its way; all else waits for the app.
SHARED = ("/", "/healthz", "/favicon.ico")
GLANCE = 0.05  # seconds between two looks whether the app is there


class Switch:
    """The ASGI app that the server runs. Calls below `/start/` go to `front` always; the others go to the
    app that `show` brings, wait for it while `is_coming()`, and go to `front` where none is on its way.
    shared: paths that do not wait; so does nothing below `/web/`."""

    def __init__(
        self, front: ASGIApp, is_coming: Callable[[], bool], shared: Collection[str] = SHARED
    ) -> None:
        self._front = front
        self._is_coming = is_coming
        self._shared = shared
        self._app: FastAPI | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started = threading.Event()
        self._ended: asyncio.Event | None = None
        self._life: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the app whose turn it is."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        path = str(scope.get("path", ""))
        if path.startswith(FRONT):
            await self._front(scope, receive, send)
            return
        if path not in self._shared and not path.startswith("/web/"):
            # A page of an earlier server may still be open and send a decision: it is answered, only later.
            while self._app is None and self._is_coming():
                await asyncio.sleep(GLANCE)
        await (self._app or self._front)(scope, receive, send)

    def show(self, app: FastAPI) -> None:
        """Bring `app` up and let it answer from now on; called from any thread but the server's own."""
        self._started.wait()
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(self._bring_up(app), self._loop).result()

    async def _bring_up(self, app: FastAPI) -> None:
        ready = asyncio.Event()
        # One task enters and leaves the app's lifespan, because what it holds may belong to a task.
        self._life = asyncio.create_task(self._keep(app, ready))
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait((self._life, waiting), return_when=asyncio.FIRST_COMPLETED)
        if not ready.is_set():
            waiting.cancel()
            await self._life  # raises what kept it from starting
        self._app = app

    async def _keep(self, app: FastAPI, ready: asyncio.Event) -> None:
        assert self._ended is not None
        async with app.router.lifespan_context(app):
            ready.set()
            await self._ended.wait()

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        self._started.set()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._ended.set()
        if self._life is not None:
            with contextlib.suppress(Exception):  # the server ends all the same, and nothing was lost
                await self._life
        await send({"type": "lifespan.shutdown.complete"})
