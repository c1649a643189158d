"""The way from a choice to an open workspace: in a thread, so that the page can tell how far it is."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from fastapi import FastAPI

from engine.errors import EngineError
from reviewer.desk import Desk
from reviewer.errors import ReviewerError
from reviewer.open_server import find_server, forget_server, note_server
from reviewer.recent import remember
from reviewer.standby import Standby
from reviewer.store import Store
from reviewer.watch import Watcher
from reviewer.workspace import Workspace

LOG = logging.getLogger("labelsieve")


@dataclass(frozen=True, kw_only=True)
class OpeningView:
    """state: choose (no workspace yet), working, or open. subject: what is being opened. stage: make,
    open or page. message: why the last choice came to nothing; url: where that workspace is open."""

    state: str = "choose"
    subject: str = ""
    stage: str = ""
    message: str = ""
    url: str = ""


class OpenElsewhere(ReviewerError):
    """Another process serves the workspace, at `url`."""

    def __init__(self, workspace: Workspace, running: dict) -> None:
        super().__init__(f"{workspace.root} is open already, at {running['url']} (process {running['pid']}).")
        self.url = str(running["url"])


class Opening:
    """Opens one workspace, once. `show` takes the finished app; `url` is where this server answers;
    `standby` is an engine for the first ranking, closed with this; `key` is for the server's note."""

    def __init__(
        self,
        annotator: str,
        url: str,
        show: Callable[[FastAPI], None],
        standby: Standby | None = None,
        key: str = "",
    ) -> None:
        self._annotator = annotator
        self._url = url
        self._show = show
        self._standby = standby
        self._key = key
        self._view = OpeningView()
        self._choice = threading.Lock()
        self._holding = threading.Lock()  # while the workspace is made or its database opened
        self._resources = ExitStack()
        self._closing = False
        self._warming: threading.Thread | None = None

    def view(self) -> OpeningView:
        """Return how far it is."""
        return self._view

    def warm(self) -> None:
        """Begin to load the toolkit and the engine, which takes seconds, while the person still looks."""
        with self._choice:
            if self._warming is None and not self._closing:
                self._standby = self._standby or Standby()
                self._warming = threading.Thread(target=_import_page, name="toolkit", daemon=True)
                self._warming.start()

    def begin(self, find: Callable[[], Workspace], subject: str) -> None:
        """Open what `find` makes or opens, in the background; what goes wrong is in `view()`."""
        with self._choice:
            if self._view.state != "choose":
                raise ReviewerError(
                    f"{self._view.subject} is being opened already; this server serves one workspace."
                )
            self._view = OpeningView(state="working", subject=subject, stage="make")
        threading.Thread(target=self._work, args=(find,), name="opening", daemon=True).start()

    def take(self, workspace: Workspace) -> tuple[Desk, Watcher]:
        """Open the database of a workspace and start its first ranking, which needs no page.

        Raises OpenElsewhere, or EngineError for a database that cannot be opened.
        """
        with self._holding:
            if self._closing:
                raise ReviewerError("The server is being stopped.")
            self._view = OpeningView(state="working", subject=workspace.config.name, stage="open")
            running = find_server(workspace)
            if running is not None:
                raise OpenElsewhere(workspace, running)
            with ExitStack() as stack:
                store = stack.enter_context(Store(workspace.database))
                desk = Desk(workspace, store, self._annotator)
                stack.callback(desk.close)
                watcher = Watcher(desk)
                stack.callback(watcher.close)
                # The first ranking needs the model; it loads while the page does.
                watcher.start_first(self._standby)
                note_server(workspace, self._url, self._key)
                stack.callback(forget_server, workspace)
                remember(workspace.root)
                self._resources = stack.pop_all()
            self._close_standby()  # not needed where a run has ranked the samples
            return desk, watcher

    def build(self, desk: Desk, watcher: Watcher) -> None:
        """Build the workspace's page and bring it up."""
        self._view = OpeningView(state="working", subject=desk.workspace.config.name, stage="page")
        started = time.monotonic()
        from reviewer.app import build_app  # gradio takes seconds; the first run starts before it

        app = build_app(desk, watcher)
        self._show(app)
        LOG.info("The page took %.1f s.", time.monotonic() - started)
        self._view = OpeningView(state="open", subject=desk.workspace.config.name)

    def _work(self, find: Callable[[], Workspace]) -> None:
        try:
            with self._holding:
                workspace = find()
            self.build(*self.take(workspace))
        except EngineError as error:
            self._fail(str(error), getattr(error, "url", ""))
        except Exception as error:
            LOG.exception("The workspace could not be opened.")
            self._fail(f"The workspace could not be opened ({type(error).__name__}: {error}).", "")

    def _fail(self, message: str, url: str) -> None:
        with self._holding:
            self._resources.close()
            self._view = OpeningView(message=message, url=url)

    def close(self) -> None:
        """Close what is open. An import under way is not waited for."""
        with self._choice:
            self._closing = True
        with self._holding:
            self._resources.close()
            self._close_standby()

    def _close_standby(self) -> None:
        if self._standby is not None:
            self._standby.close()


def _import_page() -> None:
    try:
        import reviewer.app  # noqa: F401
    except Exception:  # said when the page is built, which imports it again
        LOG.exception("The page's toolkit could not be imported.")
