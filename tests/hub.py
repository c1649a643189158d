"""A stand-in for the hub on this machine: one file, served as slowly as a test wants."""

import contextlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "1234567890abcdef1234567890abcdef12345678"


class Hub:
    """url: its address. size: bytes of the file. pause: seconds after each sixteenth of it. asked: the
    requests that came, as "METHOD path"."""

    def __init__(self, size: int, pause: float) -> None:
        self.size, self.pause = size, pause
        self.asked: list[str] = []
        self.content = bytes(range(256)) * (size // 256)
        self.url = ""


@contextlib.contextmanager
def slow_hub(file: str, *, size: int = 1 << 22, pause: float = 0.1) -> Iterator[Hub]:
    """Serve `file` of every repository at revision main; anything else is not found."""
    hub = Hub(size, pause)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._head()

        def do_GET(self) -> None:
            if self._head():
                step = len(hub.content) // 16
                with contextlib.suppress(ConnectionError):
                    for start in range(0, len(hub.content), step):
                        self.wfile.write(hub.content[start : start + step])
                        self.wfile.flush()
                        time.sleep(hub.pause)

        def _head(self) -> bool:
            hub.asked.append(f"{self.command} {self.path}")
            found = self.path.endswith(f"/resolve/main/{file}")
            self.send_response(200 if found else 404)
            self.send_header("X-Repo-Commit", COMMIT)
            if found:
                self.send_header("ETag", '"0123456789abcdef0123456789abcdef"')
            else:
                self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", str(len(hub.content) if found else 0))
            self.end_headers()
            return found

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
