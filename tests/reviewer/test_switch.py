"""One server that shows the start page and then the app."""

import contextlib
import threading
import time
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from reviewer.switch import Switch


class Stage:
    """A running server with a switch in it: `coming` is what the front says of the app."""

    def __init__(self) -> None:
        self.coming = False
        self.lives: list[str] = []
        front = FastAPI()

        @front.get("/{path:path}")
        def answer(path: str) -> str:
            return f"front {path}"

        self.switch = Switch(front, lambda: self.coming)
        self.server = uvicorn.Server(uvicorn.Config(self.switch, port=0, log_level="error"))
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        port = self.server.servers[0].sockets[0].getsockname()[1]
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20)

    def app(self, fault: str = "") -> FastAPI:
        @contextlib.asynccontextmanager
        async def life(_: FastAPI) -> AsyncIterator[None]:
            if fault:
                raise RuntimeError(fault)
            self.lives.append("up")
            yield
            self.lives.append("down")

        app = FastAPI(lifespan=life)

        @app.get("/{path:path}")
        def answer(path: str) -> str:
            return f"app {path}"

        return app

    def get(self, path: str) -> str:
        return self.client.get(path).json()

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(20)


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.stop()


def test_the_front_answers_until_the_app_is_there_and_keeps_its_own_paths(stage: Stage) -> None:
    assert stage.get("/") == "front "
    assert stage.get("/api/cards") == "front api/cards"
    stage.switch.show(stage.app())
    assert stage.lives == ["up"]
    assert stage.get("/") == "app "
    assert stage.get("/api/cards") == "app api/cards"
    assert stage.get("/start/state") == "front start/state"
    assert stage.get("/startup-events") == "app startup-events"
    stage.stop()
    assert stage.lives == ["up", "down"]


def test_a_call_of_an_earlier_page_waits_for_the_app(stage: Stage) -> None:
    stage.coming = True
    answers: list[str] = []
    waiting = threading.Thread(target=lambda: answers.append(stage.get("/api/decisions")))
    waiting.start()
    assert stage.get("/") == "front "
    assert stage.get("/healthz") == "front healthz"
    assert stage.get("/web/start.js") == "front web/start.js"
    assert answers == []
    stage.switch.show(stage.app())
    waiting.join(20)
    assert answers == ["app api/decisions"]


def test_a_call_that_waits_is_let_go_when_nothing_comes(stage: Stage) -> None:
    stage.coming = True
    answers: list[str] = []
    waiting = threading.Thread(target=lambda: answers.append(stage.get("/api/cards")))
    waiting.start()
    stage.coming = False
    waiting.join(20)
    assert answers == ["front api/cards"]


def test_an_app_that_cannot_start_leaves_the_front_in_its_place(stage: Stage) -> None:
    with pytest.raises(RuntimeError, match="no disk"):
        stage.switch.show(stage.app("no disk"))
    assert stage.get("/") == "front "
