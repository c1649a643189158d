"""The routes of contact sheets: which samples, what each tile shows, one act on many of them."""

from typing import Annotated, Any
from urllib.parse import parse_qsl

import numpy as np
from fastapi import FastAPI, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from reviewer import queries
from reviewer.acts import check_position
from reviewer.arrangements import KINDS
from reviewer.bodies import Identifier, Text
from reviewer.class_table import class_table
from reviewer.desk import Desk
from reviewer.errors import ReviewerError
from reviewer.filters import NO_CLASS, Board, read_filter
from reviewer.gate import person_of
from reviewer.headers import BYTES, FRESH
from reviewer.images import render_address
from reviewer.reasons import REASONS

MOST_POSITIONS = 100_000
MOST_TILES = 200
Positions = Annotated[list[Annotated[int, Field(ge=0)]], Field(max_length=MOST_POSITIONS)]


class ActBody(BaseModel):
    """One act on many samples; the id makes sending it twice harmless. queue: the filter of the sheet that
    they were chosen from, as a query string."""

    model_config = ConfigDict(extra="forbid")

    id: Identifier
    outcome: str = Field(max_length=40)
    labels: list[str] = Field(default_factory=list, max_length=1000)
    positions: Positions
    queue: str = Field("", max_length=4000)


class SelectionBody(BaseModel):
    """A set of samples that somebody chose."""

    model_config = ConfigDict(extra="forbid")

    id: Identifier
    name: Text = Field(max_length=200)
    positions: Positions


def add_sheet_routes(server: FastAPI, desk: Desk) -> None:
    """Add `/api/positions`, `/api/tiles`, `/api/acts`, `/api/classes`, `/api/selections`, `/api/filters`."""

    @server.get("/api/positions")
    def positions(request: Request) -> Response:
        found = desk.board().ordered(read_filter(request.query_params))
        headers = {**FRESH, "X-Total": str(len(found))}
        return Response(position_bytes(found[:MOST_POSITIONS]), media_type=BYTES, headers=headers)

    @server.get("/api/tiles")
    def tiles(
        positions: Annotated[str, Query(pattern=r"^[0-9]{1,9}(,[0-9]{1,9})*$", max_length=10 * MOST_TILES)],
    ) -> JSONResponse:
        board = desk.board()
        asked = [int(part) for part in positions.split(",")]
        if len(asked) > MOST_TILES:
            raise ReviewerError(f"{len(asked)} tiles are asked for at once; {MOST_TILES} are the most.")
        shown = [tile_json(desk, board, position) for position in asked]
        return JSONResponse({"tiles": shown, "progress": desk.progress()}, headers=FRESH)

    @server.post("/api/acts")
    def act(request: Request, body: ActBody) -> JSONResponse:
        asked = read_filter(dict(parse_qsl(body.queue)))
        annotator = person_of(request, desk.annotator)
        saved, refused = desk.act(body.id, body.outcome, body.labels, body.positions, annotator, asked)
        answer = {"saved": saved, "refused": refused, "progress": desk.progress()}
        return JSONResponse(answer, headers=FRESH)

    @server.get("/api/classes")
    def classes(request: Request) -> JSONResponse:
        return JSONResponse(class_table(desk.board(), read_filter(request.query_params)), headers=FRESH)

    @server.post("/api/selections")
    def select(request: Request, body: SelectionBody) -> JSONResponse:
        board = desk.board()
        for position in body.positions:
            check_position(board, position)
        annotator = person_of(request, desk.annotator)
        desk.store.write_selection(body.id, body.name, annotator, body.positions)
        return JSONResponse({"id": body.id}, headers=FRESH)

    @server.get("/api/filters")
    def filters() -> JSONResponse:
        return JSONResponse(filter_values(desk), headers=FRESH)


def position_bytes(positions: np.ndarray) -> bytes:
    """Return positions as little-endian bytes: uint32 n, uint32 positions (n,)."""
    return np.concatenate([[len(positions)], positions]).astype("<u4").tobytes()


def tile_json(desk: Desk, board: Board, position: int) -> dict[str, Any]:
    """Return what one tile shows; raises ReviewerError where there is no such sample.

    The picture is in it: sixty requests of their own took five times as long as drawing the pictures.
    """
    check_position(board, position)
    path = board.samples.paths[position]
    probabilities = board.ranking.class_probabilities(position)
    k = int(board.suggested_at(position))
    p_clean = float(board.ranking.p_clean[position])
    decision = board.decisions.get(position)
    return {
        "position": position,
        "sample_id": board.samples.sample_ids[position],
        "path": path,
        "image": render_address(desk.workspace.image_root, path, "thumb", desk.workspace.cache),
        "given": board.samples.given_labels[position],
        "suggested": None if k == NO_CLASS else board.class_names[k],
        "suggested_probability": None if probabilities is None else float(probabilities.max()),
        "p_clean": p_clean if p_clean == p_clean else None,
        "outcome": decision.outcome.value if decision else None,
        "labels": list(decision.labels) if decision else [],
        "annotator": decision.annotator if decision else None,
    }


def filter_values(desk: Desk) -> dict[str, Any]:
    """Return what a filter can ask for besides classes and outcomes."""
    cursor = desk.store.cursor()
    return {
        "annotators": queries.read_annotators(cursor),
        "runs": [{"run": run.run_id, "detector": run.detector} for run in reversed(desk.board().runs)],
        "reasons": [{"key": key, "words": words} for key, words in REASONS.items()],
        "kinds": [{"key": key, "words": words} for key, words in KINDS.items()],
        "selections": [
            {"id": known, "name": name, "count": count}
            for known, name, count in queries.read_selection_names(cursor)
        ],
    }
