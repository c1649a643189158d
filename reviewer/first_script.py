"""A script of ours on Gradio's page before any of its own: what `head=` adds comes after them."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

SCRIPT = b'<script src="/web/first.js"></script>'
BEFORE = b'<script type="module"'


class FirstScript:
    """Puts the script into the page at `/`; everything else passes as it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back, with the script where it is the page."""
        if scope["type"] != "http" or (scope["method"], scope["path"]) != ("GET", "/"):
            await self._app(scope, receive, send)
            return
        start: Message = {}
        body = b""

        async def send_page(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message  # it tells the length, which is not known yet
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            page = body.replace(BEFORE, SCRIPT + BEFORE, 1)
            headers = [(name, value) for name, value in start["headers"] if name != b"content-length"]
            length = (b"content-length", str(len(page)).encode())
            await send({**start, "headers": [*headers, length]})
            await send({**message, "body": page})

        await self._app(scope, receive, send_page)
