"""Who may call the server: pages of its own, under its own names, and nobody else (`gradio.md` §5)."""

from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class CrossSiteGuard:
    """Refuses calls that another site's page could make a browser send.

    A POST from a foreign origin needs no answer to do harm, so the check is on the way in: the Origin's
    host must be the Host, and the browser's own word (Sec-Fetch-Site) must not be cross-site.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 403."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if _is_foreign(scope, headers):
            await _refuse(scope, send)
            return

        async def send_guarded(message: dict) -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *((name, value) for name, value in HEADERS if name not in present),
                ]
            await send(message)

        await self._app(scope, receive, send_guarded)  # type: ignore[arg-type]


def _is_foreign(scope: Scope, headers: dict[str, str]) -> bool:
    if scope["type"] == "http" and scope["method"] in SAFE_METHODS:
        # Reading is stopped by the same-origin policy; pictures and JSON of ours carry CORP besides.
        return False
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return True
    origin = headers.get("origin")
    return origin is not None and origin.partition("://")[2] != headers.get("host")


async def _refuse(scope: Scope, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"Calls from other sites are refused."})


def guarded(app: ASGIApp, hosts: Sequence[str] = LOOPBACK) -> ASGIApp:
    """Return `app` behind the host check, the cross-site check and closed CORS.

    hosts: what may stand in the Host of a call; without the check, a foreign name that is made to point here
    would give its page the same origin as ours.
    """
    closed = CORSMiddleware(app, allow_origins=[])
    return TrustedHostMiddleware(CrossSiteGuard(closed), allowed_hosts=list(hosts), www_redirect=False)
