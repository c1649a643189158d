"""The app's own routes: cards, decisions, pictures, export. Registered before Gradio is mounted at `/`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, field_validator

from engine.errors import EngineError
from reviewer import queries
from reviewer.assets import asset_path
from reviewer.attention import add_attention_routes
from reviewer.desk import Desk
from reviewer.encoder import Encoder
from reviewer.export import corrected_rows, encoded, read_source
from reviewer.images import SIDES, render
from reviewer.map_routes import add_map_routes
from reviewer.run_routes import add_run_routes
from reviewer.watch import Watcher

IMMUTABLE = {"Cache-Control": "private, max-age=31536000, immutable"}
FRESH = {"Cache-Control": "no-store"}
MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
Identifier = Annotated[str, Field(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]


class DecisionBody(BaseModel):
    """One decision as the page sends it."""

    model_config = ConfigDict(extra="forbid")

    id: Identifier
    position: int = Field(ge=0)
    sample_id: str
    outcome: str
    labels: list[str] = Field(default_factory=list, max_length=1000)
    seconds: float | None = Field(None, ge=0, allow_inf_nan=False)
    run: str | None = Field(None, max_length=200)
    p_clean: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    suggested: str | None = None

    @field_validator("suggested", "run")
    @classmethod
    def _writable(cls, value: str | None) -> str | None:
        # JSON can hold half a surrogate pair, which no database can; UnicodeEncodeError is a ValueError.
        return value if value is None else value.encode("utf-8").decode("utf-8")


class DecisionsBody(BaseModel):
    """A batch of decisions, in the order in which they were made."""

    decisions: list[DecisionBody] = Field(max_length=500)


class TurnBody(BaseModel):
    """An undo or a redo; the id makes sending it twice harmless."""

    id: Identifier


def create_server(desk: Desk, watcher: Watcher) -> FastAPI:
    """Return the FastAPI app with every route of ours."""
    server = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, title="Labelsieve")
    server.add_exception_handler(EngineError, sentence)
    server.add_exception_handler(RequestValidationError, sentence)
    _add_review_routes(server, desk, watcher)
    _add_file_routes(server, desk)
    add_web_files(server)
    add_map_routes(server, desk, watcher)
    add_run_routes(server, desk, watcher)
    add_attention_routes(server, desk, Encoder())
    return server


def sentence(_: Request, error: Exception) -> JSONResponse:
    """Answer what a person can fix with the sentence about it."""
    if isinstance(error, RequestValidationError):
        fault = error.errors()[0]
        text = f"The request is not understood: {'.'.join(map(str, fault['loc']))}: {fault['msg']}."
        return JSONResponse({"error": text}, status_code=422, headers=FRESH)
    return JSONResponse({"error": str(error)}, status_code=400, headers=FRESH)


def _add_review_routes(server: FastAPI, desk: Desk, watcher: Watcher) -> None:
    def answer(**values: Any) -> JSONResponse:
        return JSONResponse({**values, "progress": desk.progress()}, headers=FRESH)

    @server.get("/healthz")
    def health() -> dict[str, Any]:
        return {"ok": True, "workspace": desk.workspace.config.workspace_id}

    @server.get("/api/session")
    def session() -> JSONResponse:
        return answer(
            workspace=desk.workspace.config.name,
            workspace_id=desk.workspace.config.workspace_id,
            annotator=desk.annotator,
            classes=list(desk.workspace.class_names),
            ranking=watcher.ranking_state(),
        )

    @server.get("/api/cards")
    def cards(
        count: Annotated[int, Query(ge=1, le=50)] = 8,
        held: Annotated[str, Query(pattern=r"^[0-9]{0,9}(,[0-9]{0,9})*$", max_length=20000)] = "",
    ) -> JSONResponse:
        positions = [int(part) for part in held.split(",") if part]
        return answer(cards=desk.cards(count, positions), ranking=watcher.ranking_state())

    @server.get("/api/card/{position}")
    def card(position: int) -> JSONResponse:
        return JSONResponse(desk.card(position), headers=FRESH)

    @server.post("/api/decisions")
    def decide(body: DecisionsBody) -> JSONResponse:
        entries = [entry.model_dump() for entry in body.decisions]
        saved, refused = desk.record(entries, desk.annotator)
        return answer(saved=saved, refused=refused, ranking=watcher.ranking_state())

    @server.post("/api/undo")
    def undo(body: TurnBody) -> JSONResponse:
        return answer(**desk.undo(body.id, desk.annotator))

    @server.post("/api/redo")
    def redo(body: TurnBody) -> JSONResponse:
        return answer(**desk.redo(body.id, desk.annotator))


def add_web_files(server: FastAPI) -> None:
    """Add the route of the page's modules and style sheets."""
    web = {path.name: path for path in Path(asset_path("web")).iterdir() if path.suffix in MEDIA_TYPES}

    @server.get("/web/{name}")
    def asset(name: str) -> Response:
        # A fixed list, read at the start: the name is looked up, never joined to a path.
        path = web.get(name)
        if path is None:
            return Response("There is no such file.", status_code=404, headers=FRESH)
        headers = {"Cache-Control": "no-cache"}
        return Response(path.read_bytes(), media_type=MEDIA_TYPES[path.suffix], headers=headers)


def _add_file_routes(server: FastAPI, desk: Desk) -> None:
    @server.get("/image/{kind}/{position}")
    def image(kind: str, position: int) -> Response:
        if kind not in SIDES or not 0 <= position < len(desk.samples):
            return Response("There is no such picture.", status_code=404, headers=FRESH)
        path = desk.samples.paths[position]
        data, media_type = render(desk.workspace.image_root, path, kind, desk.workspace.cache)
        return Response(data, media_type=media_type, headers=IMMUTABLE)

    @server.get("/export.csv")
    def export() -> StreamingResponse:
        name = f"{desk.workspace.config.name}-corrected.csv".encode("ascii", "replace").decode()
        safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in name)
        return StreamingResponse(
            export_rows(desk),
            media_type="text/csv",
            headers={**FRESH, "Content-Disposition": f'attachment; filename="{safe}"'},
        )


def export_rows(desk: Desk) -> Iterator[bytes]:
    """Yield the corrected table of an open workspace as bytes."""
    source = read_source(desk.workspace)
    rows = corrected_rows(
        source,
        queries.read_current_labels(desk.store.cursor()),
        desk.ranking.p_clean,
        desk.predicted(),
        desk.threshold,
    )
    return encoded(rows, source.encoding)
