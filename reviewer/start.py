"""The start page: the demo, a workspace that exists, or a new one. No gradio, so it is there at once.

It is also what every address shows while a workspace is being opened.
"""

import ipaddress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from engine.backbones import BACKBONES, Backbone, find_backbone, find_downloaded, weights_folder
from engine.config import BUNDLED
from engine.errors import EngineError
from reviewer import demo
from reviewer.assets import asset_path
from reviewer.browse import list_folder
from reviewer.download import Download
from reviewer.errors import ReviewerError
from reviewer.folders import demo_place
from reviewer.images import SUFFIXES, draw_anew
from reviewer.opening import Opening
from reviewer.preview import preview_source
from reviewer.recent import read_recent
from reviewer.server import FRESH, add_web_files, sentence
from reviewer.workspace import FILE, Workspace, create_workspace, open_workspace

PAGE_HEADERS = {
    **FRESH,
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
}
# What the sentences of the command line call its options, as the page calls its fields.
FIELDS = {
    "--images": "“Folder of images”",
    "--labels": "“Table of labels”",
    "--path-column": "“Column of the image”",
    "--label-column": "“Column of the label”",
    "--encoding": "its encoding on the command line",
}


def _text(value: str) -> str:
    if "\0" in value:
        raise ValueError("it holds a zero byte")
    return value.encode("utf-8").decode("utf-8")  # half a surrogate pair is no text


PathText = Annotated[str, Field(min_length=1, max_length=4096), AfterValidator(_text)]


class PlaceBody(BaseModel):
    """A workspace to open."""

    model_config = ConfigDict(extra="forbid")
    path: PathText


class SourceBody(BaseModel):
    """A folder of images, and the table of its labels unless the sub-folders are the classes."""

    model_config = ConfigDict(extra="forbid")
    images: PathText
    labels: PathText | None = None
    path_column: str | None = Field(None, max_length=1000)
    label_column: str | None = Field(None, max_length=1000)


class BackboneBody(BaseModel):
    """One of the table of backbones."""

    model_config = ConfigDict(extra="forbid")
    model: str = Field(max_length=200)
    weights: str = Field(max_length=200)

    def backbone(self) -> Backbone:
        """Return the entry of the table; raises ReviewerError where there is none."""
        found = find_backbone(self.model, self.weights)
        if found is None:
            raise ReviewerError(
                f"{self.model} with the weights {self.weights} is not offered; choose from the list."
            )
        return found


class MakeBody(SourceBody):
    """A workspace to make."""

    place: PathText
    backbone: BackboneBody


def create_front(opening: Opening, download: Download) -> FastAPI:
    """Return the app of the start page; everything below `/start/` answers this machine alone."""
    server = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, title="Labelsieve")
    server.add_exception_handler(EngineError, _in_fields)
    server.add_exception_handler(RequestValidationError, sentence)
    page = (asset_path("web") / "start.html").read_bytes()

    @server.get("/")
    def start() -> Response:
        return Response(page, media_type="text/html; charset=utf-8", headers=PAGE_HEADERS)

    @server.get("/healthz")
    def health() -> JSONResponse:
        return JSONResponse({"ok": False, "state": opening.view().state}, status_code=503, headers=FRESH)

    add_web_files(server)
    router = APIRouter(prefix="/start", dependencies=[Depends(_refuse_strangers)])
    _add_state(router, opening, download)
    router_of_choice = APIRouter(dependencies=[Depends(_while_choosing(opening))])
    _add_looking(router_of_choice)
    _add_choosing(router_of_choice, opening)
    _add_downloading(router_of_choice, download)
    router.include_router(router_of_choice)
    server.include_router(router)

    @server.api_route("/{rest:path}", methods=["GET", "HEAD", "POST", "PUT", "DELETE"])
    def nothing_yet(rest: str) -> JSONResponse:
        # 503 and not 404: the page of an earlier server then keeps its decisions and asks again.
        status = 404 if rest == "favicon.ico" or rest.startswith("start/") else 503
        return JSONResponse({"error": "No workspace is open here yet; choose one at /."}, status, FRESH)

    return server


def _in_fields(_: Request, error: Exception) -> JSONResponse:
    # 200: a folder that is no data set is an answer, and a failed call would be an error in the console.
    return JSONResponse({"error": _in_words(str(error))}, headers=FRESH)


def _in_words(text: str) -> str:
    for option, field in FIELDS.items():
        text = text.replace(option, field)
    return text


def _refuse_strangers(request: Request) -> None:
    """Names on a disk are for the person at this machine, whatever the server listens on or stands behind."""
    host = request.client.host if request.client else ""
    try:
        is_here = ipaddress.ip_address(host.removeprefix("::ffff:")).is_loopback
    except ValueError:
        is_here = False
    # The guard lets reading calls of other sites pass; no other site has a reason for these.
    site = request.headers.get("sec-fetch-site", "same-origin")
    if not is_here or site not in ("same-origin", "none"):
        raise HTTPException(403, "The start page answers this machine alone.")


def _while_choosing(opening: Opening) -> Any:
    def check() -> None:
        if opening.view().state == "open":
            raise HTTPException(409, "A workspace is open; this server serves no other.")

    return check


def _add_state(router: APIRouter, opening: Opening, download: Download) -> None:
    @router.get("/state")
    def state() -> JSONResponse:
        # The page has been painted by now: the toolkit may have the processor.
        opening.warm()
        return JSONResponse({**asdict(opening.view()), "download": asdict(download.view())}, headers=FRESH)


def _add_looking(router: APIRouter) -> None:
    pictures = demo.demo_pictures()

    @router.get("/choices")
    def choices() -> JSONResponse:
        place = demo_place()
        recent = [
            {"name": entry.root.name, "path": str(entry.root), "opened": entry.opened}
            for entry in read_recent()
            if entry.root != place and _is_text(str(entry.root))
        ]
        about = {
            "there": demo.is_there(),
            "made": (place / FILE).is_file(),
            "place": str(place),
            "pictures": len(pictures),
        }
        return JSONResponse({"demo": about, "recent": recent}, headers=FRESH)

    @router.get("/picture/{number}")
    def picture(number: int) -> Response:
        if not 0 <= number < len(pictures):
            return Response("There is no such picture.", status_code=404, headers=FRESH)
        return FileResponse(
            pictures[number], media_type="image/jpeg", headers={"Cache-Control": "max-age=3600"}
        )

    @router.get("/folder")
    def folder(path: str = "") -> JSONResponse:
        return JSONResponse(asdict(list_folder(path)), headers=FRESH)

    @router.get("/backbones")
    def backbones() -> JSONResponse:
        return JSONResponse(
            {"place": str(weights_folder()), "backbones": [_backbone_json(item) for item in BACKBONES]},
            headers=FRESH,
        )

    @router.post("/preview")
    def preview(body: SourceBody) -> JSONResponse:
        found = preview_source(
            _absolute(body.images),
            _absolute(body.labels) if body.labels else None,
            body.path_column,
            body.label_column,
        )
        return JSONResponse({**asdict(found), "problem": _in_words(found.problem)}, headers=FRESH)

    @router.get("/thumbnail")
    def thumbnail(images: PathText, path: PathText) -> Response:
        # Drawn anew and kept nowhere: there is no workspace yet.
        data, suffix = draw_anew(_absolute(images), path, "thumb")
        return Response(data, media_type=SUFFIXES[suffix or ".png"], headers=FRESH)


def _backbone_json(item: Backbone) -> dict[str, Any]:
    here = item.weights == BUNDLED or find_downloaded(item) is not None
    return {
        "model": item.model,
        "weights": item.weights,
        "purpose": item.purpose,
        "megabytes": item.megabytes,
        "bundled": item.weights == BUNDLED,
        "here": here,
    }


def _add_choosing(router: APIRouter, opening: Opening) -> None:
    @router.post("/demo")
    def open_demo() -> JSONResponse:
        opening.begin(demo.open_demo, "the demo")
        return JSONResponse({"ok": True}, headers=FRESH)

    @router.post("/open")
    def open_one(body: PlaceBody) -> JSONResponse:
        root = _absolute(body.path)
        opening.begin(lambda: open_workspace(root), root.name)
        return JSONResponse({"ok": True}, headers=FRESH)

    @router.post("/make")
    def make(body: MakeBody) -> JSONResponse:
        backbone = body.backbone.backbone().config
        root, images = _absolute(body.place), _absolute(body.images)
        labels = _absolute(body.labels) if body.labels else None

        def made() -> Workspace:
            workspace, _ = create_workspace(
                root,
                images,
                labels=labels,
                path_column=body.path_column,
                label_column=body.label_column,
                backbone=backbone,
            )
            return workspace

        opening.begin(made, root.name)
        return JSONResponse({"ok": True}, headers=FRESH)


def _add_downloading(router: APIRouter, download: Download) -> None:
    @router.post("/fetch")
    def fetch(body: BackboneBody) -> JSONResponse:
        download.start(body.backbone())
        return JSONResponse(asdict(download.view()), headers=FRESH)

    @router.post("/cancel")
    def cancel() -> JSONResponse:
        download.cancel()
        return JSONResponse(asdict(download.view()), headers=FRESH)


def _absolute(text: str) -> Path:
    try:
        path = Path(text).expanduser()
    except RuntimeError:  # ~somebody who is not known here
        path = Path(text)
    if not path.is_absolute():
        raise ReviewerError(f"{text} is not a whole path; write it from the root of the disk on.")
    return path


def _is_text(path: str) -> bool:
    try:
        return _text(path) == path
    except ValueError:
        return False
