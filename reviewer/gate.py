"""The log-in around everything that is served: who may pass, and as whom."""

import math
import secrets
from typing import Any
from urllib.parse import quote, unquote

from anyio import CapacityLimiter, to_thread
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.authentication import SimpleUser
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from reviewer.accounts import Accounts
from reviewer.assets import asset_path
from reviewer.headers import FRESH
from reviewer.sessions import LONGEST, Sessions, Tries

LOG_IN = "/log-in"
LOG_OUT = "/log-out"
OPEN = ("/healthz", "/web/log-in.js", "/web/log-in-page.js", "/web/log-in.css")
"""What is answered to anybody: whether the server is up, and what the log-in's own page needs."""
FOR_COMMANDS = ("/export.csv", "/report.html", "/log.csv")
"""What a command on this machine may fetch with the key of the server's note."""
LARGEST = 16_384  # bytes of a try
PERSON = "x-labelsieve-person"
"""The header with which a page says whose it is: another tab may have logged somebody else in since."""
PAGE_HEADERS = {
    **FRESH,
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
}


class LogInBody(BaseModel):
    """A try."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(max_length=200)
    password: str = Field(max_length=1100)


def person_of(connection: HTTPConnection, default: str) -> str:
    """Return who a call comes from: the person who is logged in, or `default` where nobody has to be."""
    user = connection.scope.get("user")
    return user.username if isinstance(user, SimpleUser) else default


class Gate:
    """The ASGI app around all others: passes on what people send who are logged in, as `user` in the scope.

    A page is sent to the log-in, any other call is answered 401 and a WebSocket is closed. key: opens
    FOR_COMMANDS without a log-in. port: cookies know no ports, so the cookie's name does.
    """

    def __init__(self, app: ASGIApp, accounts: Accounts, key: str, port: int) -> None:
        self._app = app
        self._accounts = accounts
        self._key = key
        self._cookie = f"labelsieve-{port}"
        self._sessions = Sessions(accounts)
        self._tries = Tries()
        self._at_once = CapacityLimiter(1)  # a hash takes 32 MiB and a core; more would be a way to stop us
        self._page = (asset_path("web") / "log-in.html").read_bytes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a call on, or answer it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        token = connection.cookies.get(self._cookie, "")
        person = self._sessions.person(token) if token else None
        path = scope["path"]
        if scope["type"] == "http" and path in (LOG_IN, LOG_OUT):
            answer = await self._log_in_or_out(Request(scope, receive), token, person)
            await answer(scope, receive, send)
            return
        refusal = _refusal(connection, person)
        if refusal is None and person is not None:
            await self._app({**scope, "user": SimpleUser(person)}, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["method"] in ("GET", "HEAD") and (path in OPEN or self._is_command(connection, path)):
            await self._app(scope, receive, send)
        else:
            await _turned_away(connection, refusal or "")(scope, receive, send)

    def _is_command(self, connection: HTTPConnection, path: str) -> bool:
        said = connection.headers.get("authorization", "")
        return path in FOR_COMMANDS and secrets.compare_digest(said.encode(), f"Bearer {self._key}".encode())

    async def _log_in_or_out(self, request: Request, token: str, person: str | None) -> Response:
        is_out = request.scope["path"] == LOG_OUT
        if request.method == "POST":
            return self._log_out(request, token) if is_out else await self._try(request)
        if request.method not in ("GET", "HEAD") or is_out:
            return _json({"error": f"{request.method} is not understood here."}, 405)
        if person is not None:
            return RedirectResponse("/", 303, FRESH)
        return Response(self._page, media_type="text/html; charset=utf-8", headers=PAGE_HEADERS)

    def _log_out(self, request: Request, token: str) -> Response:
        if token:
            self._sessions.close(token)
        answer = _json({})
        answer.delete_cookie(self._cookie, **_flags(request))
        return answer

    async def _try(self, request: Request) -> Response:
        body = await _read_body(request)
        try:
            tried = LogInBody.model_validate_json(body)
        except ValidationError:
            return _json({"error": "The log-in is not understood; load the page again."}, 422)
        address = request.client.host if request.client else ""
        keys = (("name", tried.name), ("address", address))
        wait = math.ceil(self._tries.begin(*keys))
        if wait:
            seconds = f"{wait} second{'' if wait == 1 else 's'}"
            answer = _json({"error": f"Too many wrong tries; try again in {seconds}.", "wait": wait}, 429)
            answer.headers["Retry-After"] = str(wait)
            return answer
        account = await to_thread.run_sync(
            self._accounts.check, tried.name, tried.password, limiter=self._at_once
        )
        if account is None:
            return _json({"error": "The name or the password is wrong."}, 403)
        self._tries.forgive(*keys)
        answer = _json({"name": account.name})
        answer.set_cookie(self._cookie, self._sessions.open(account), max_age=int(LONGEST), **_flags(request))
        return answer


def _flags(request: Request) -> dict[str, Any]:
    """Return how the cookie is kept from scripts, other sites, and behind a TLS proxy from plain HTTP."""
    return {"path": "/", "httponly": True, "samesite": "strict", "secure": request.url.scheme == "https"}


async def _read_body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            return b""
    return body


def _refusal(connection: HTTPConnection, person: str | None) -> str | None:
    """Return why a call does not pass, or None."""
    if person is None:
        return "You are not logged in, or no longer; log in and try again."
    said = connection.headers.get(PERSON)
    if said is not None and unquote(said) != person:
        return (
            f"This page belongs to {unquote(said)}, and {person} is logged in meanwhile; log in again, or "
            "load the page anew."
        )
    return None


def _turned_away(connection: HTTPConnection, refusal: str) -> Response:
    is_page = "text/html" in connection.headers.get("accept", "") and connection.scope["method"] == "GET"
    if not is_page or PERSON in connection.headers:
        return _json({"error": refusal}, 401)
    path = connection.scope["path"]
    query = connection.scope.get("query_string", b"").decode("latin-1")
    wanted = f"{path}?{query}" if query else path
    return RedirectResponse(
        LOG_IN if wanted == "/" else f"{LOG_IN}?next={quote(wanted, safe='')}", 303, FRESH
    )


def _json(value: dict[str, Any], status: int = 200) -> Response:
    return JSONResponse(value, status, FRESH)
