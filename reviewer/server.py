"""The app's own routes: cards, decisions, pictures, export. Registered before Gradio is mounted at `/`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from engine.errors import EngineError
from reviewer import queries
from reviewer.assets import asset_path
from reviewer.attention import add_attention_routes
from reviewer.bodies import Identifier, Text
from reviewer.desk import Desk
from reviewer.disk import NotWritten
from reviewer.export import corrected_rows, encoded, read_source
from reviewer.filters import read_filter
from reviewer.gate import person_of
from reviewer.headers import FRESH, IMMUTABLE
from reviewer.images import SIDES, render
from reviewer.log_table import log_table
from reviewer.map_routes import add_map_routes
from reviewer.report import write_report
from reviewer.run_routes import add_run_routes
from reviewer.sheet_routes import add_sheet_routes
from reviewer.watch import Watcher

MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


class DecisionBody(BaseModel):
    """One decision as the page sends it."""

    model_config = ConfigDict(extra="forbid")

    id: Identifier
    position: int = Field(ge=0)
    sample_id: str
    outcome: str
    labels: list[str] = Field(default_factory=list, max_length=1000)
    seconds: float | None = Field(None, ge=0, allow_inf_nan=False)
    run: Text | None = Field(None, max_length=200)
    p_clean: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    suggested: Text | None = None
    note: Text | None = Field(None, max_length=2000)
    blind: bool = False
    screen: Literal["card", "audit", "second", "adjudication"] | None = None


class DecisionsBody(BaseModel):
    """A batch of decisions, in the order in which they were made."""

    decisions: list[DecisionBody] = Field(max_length=500)


class TabBody(BaseModel):
    """A page that was closed."""

    tab: Identifier


class AimBody(BaseModel):
    """How much is audited and gets a second opinion, and what is good enough; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    audit_rate: float | None = Field(None, allow_inf_nan=False)
    goal: float | None = Field(None, allow_inf_nan=False)
    second_rate: float | None = Field(None, allow_inf_nan=False)
    second_own_days: int | None = None


class TurnBody(BaseModel):
    """An undo or a redo; the id makes sending it twice harmless."""

    id: Identifier


def create_server(desk: Desk, watcher: Watcher) -> FastAPI:
    """Return the FastAPI app with every route of ours."""
    server = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, title="Labelsieve")
    server.add_exception_handler(EngineError, sentence)
    server.add_exception_handler(RequestValidationError, sentence)
    _add_review_routes(server, desk, watcher)
    _add_outlook_routes(server, desk)
    _add_file_routes(server, desk)
    add_web_files(server)
    add_sheet_routes(server, desk)
    add_map_routes(server, desk, watcher)
    add_run_routes(server, desk, watcher)
    add_attention_routes(server, desk, desk.encoder)
    return server


def sentence(_: Request, error: Exception) -> JSONResponse:
    """Answer what a person can fix with the sentence about it."""
    if isinstance(error, RequestValidationError):
        fault = error.errors()[0]
        text = f"The request is not understood: {'.'.join(map(str, fault['loc']))}: {fault['msg']}."
        return JSONResponse({"error": text}, status_code=422, headers=FRESH)
    status = 507 if isinstance(error, NotWritten) else 400  # 507: the same call may be sent again
    return JSONResponse({"error": str(error)}, status_code=status, headers=FRESH)


def _add_review_routes(server: FastAPI, desk: Desk, watcher: Watcher) -> None:
    def answer(**values: Any) -> JSONResponse:
        return JSONResponse({**values, "progress": desk.progress()}, headers=FRESH)

    @server.get("/healthz")
    def health() -> dict[str, Any]:
        return {"ok": True, "workspace": desk.workspace.config.workspace_id}

    @server.get("/api/session")
    def session(request: Request) -> JSONResponse:
        return answer(
            workspace=desk.workspace.config.name,
            workspace_id=desk.workspace.config.workspace_id,
            annotator=person_of(request, desk.annotator),
            logged_in="user" in request.scope,
            classes=list(desk.workspace.class_names),
            ranking=watcher.ranking_state(),
        )

    @server.get("/api/cards")
    def cards(
        request: Request,
        count: Annotated[int, Query(ge=1, le=50)] = 8,
        held: Annotated[str, Query(pattern=r"^[0-9]{0,9}(,[0-9]{0,9})*$", max_length=20000)] = "",
        tab: Annotated[str, Query(pattern=r"^([A-Za-z0-9_-]{8,64})?$")] = "",
    ) -> JSONResponse:
        positions = [int(part) for part in held.split(",") if part]
        asked = read_filter(request.query_params)
        person = person_of(request, desk.annotator)
        return answer(cards=desk.cards(count, positions, asked, tab, person), ranking=watcher.ranking_state())

    @server.post("/api/release")
    def release(body: TabBody) -> JSONResponse:
        desk.leases.release(body.tab)
        return JSONResponse({}, headers=FRESH)

    @server.get("/api/card/{position}")
    def card(position: int) -> JSONResponse:
        return JSONResponse(desk.card(position), headers=FRESH)

    @server.post("/api/decisions")
    def decide(request: Request, body: DecisionsBody) -> JSONResponse:
        entries = [entry.model_dump() for entry in body.decisions]
        saved, refused = desk.record(entries, person_of(request, desk.annotator))
        return answer(saved=saved, refused=refused, ranking=watcher.ranking_state())

    @server.post("/api/undo")
    def undo(request: Request, body: TurnBody) -> JSONResponse:
        return answer(**desk.undo(body.id, person_of(request, desk.annotator)))

    @server.post("/api/redo")
    def redo(request: Request, body: TurnBody) -> JSONResponse:
        return answer(**desk.redo(body.id, person_of(request, desk.annotator)))


def _add_outlook_routes(server: FastAPI, desk: Desk) -> None:
    def told(by_class: bool = True) -> JSONResponse:
        board = desk.board()
        words = {**desk.forecast.told(board, by_class=by_class), **desk.seconds.told(board)}
        return JSONResponse(words, headers=FRESH)

    @server.get("/api/outlook")
    def outlook(by_class: bool = True) -> JSONResponse:
        return told(by_class)

    @server.post("/api/outlook")
    def aim(body: AimBody) -> JSONResponse:
        if body.audit_rate is not None:
            desk.forecast.write_audit_rate(body.audit_rate)
        if body.goal is not None:
            desk.forecast.write_goal(body.goal)
        if body.second_rate is not None:
            desk.seconds.write_rate(body.second_rate)
        if body.second_own_days is not None:
            desk.seconds.write_own_days(body.second_own_days)
        return told()


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

    @server.get("/report.html")
    def report() -> HTMLResponse:
        return HTMLResponse(write_report(desk), headers=FRESH)

    @server.get("/log.csv")
    def log() -> StreamingResponse:
        headers = {**FRESH, "Content-Disposition": 'attachment; filename="log.csv"'}
        return StreamingResponse(log_table(desk.store.cursor()), media_type="text/csv", headers=headers)

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
