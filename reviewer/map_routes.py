"""The map of all images, for its tab: where it stands, its points as bytes, what they mean now, plotly.js.

Points are sent once and kept by the browser; a run's map never changes. What a decision changes travels
separately. Neither is JSON: 100,000 points are 1.2 MB this way and need no parsing.
"""

import functools
import gzip
import importlib.util
import logging
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from engine.artifacts import read_events, read_status
from engine.illustrations import ILLUSTRATIONS, SPACES, read_projection
from reviewer.cards import image_url
from reviewer.desk import Desk
from reviewer.filters import OUTCOMES, Board
from reviewer.headers import BYTES, FRESH, IMMUTABLE
from reviewer.images import content_key
from reviewer.queue import RunArrays
from reviewer.watch import Watcher

LOG = logging.getLogger("labelsieve")


def add_map_routes(server: FastAPI, desk: Desk, watcher: Watcher) -> None:
    """Add `/api/map`, `/api/map/values`, `/api/map/point/{position}`, `/map/{run}/{space}.bin` and
    `/plotly/{version}.js`."""

    @server.get("/api/map")
    def header(space: str = "image") -> JSONResponse:
        if space not in SPACES:
            return _missing(f"There is no map of {space!r}; known are {', '.join(SPACES)}.")
        return JSONResponse(map_header(desk, watcher, space), headers=FRESH)

    @server.get("/api/map/values")
    def values(run: str) -> Response:
        board = desk.board()
        if board.ranking.run is None or board.ranking.run.run_id != run:
            return _missing(f"The run {run!r} does not order the cards; reload the map.")
        return Response(value_bytes(board), media_type=BYTES, headers=FRESH)

    @server.get("/api/map/point/{position}")
    def point(position: int) -> JSONResponse:
        if not 0 <= position < len(desk.samples):
            return _missing(f"There is no sample {position} here; reload the map.")
        key = content_key(desk.workspace.image_root, desk.samples.paths[position])
        return JSONResponse({"image": image_url("thumb", position, key)}, headers=FRESH)

    @server.get("/map/{run}/{space}.bin")
    def points(run: str, space: str) -> Response:
        # The names are compared, never joined to a path.
        active = desk.ranking.run
        if active is None or active.run_id != run or space not in SPACES:
            return _missing(f"There is no map {space!r} of the run {run!r} here; reload the map.")
        plane = read_map(desk.workspace.runs / active.run_id, active, space)
        if plane is None:
            return _missing(f"The map of the run {run} is not drawn yet; wait for it.")
        return Response(point_bytes(active.positions, plane), media_type=BYTES, headers=IMMUTABLE)

    @server.get("/plotly/{version}.js")
    def plotly(version: str, request: Request) -> Response:
        file = plotly_file()
        if file is None or version != plotly_version():
            return _missing(f"plotly.js {version!r} is not here; reload the map.")
        headers = {**IMMUTABLE, "Vary": "Accept-Encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            return Response(_compressed(file), media_type="text/javascript", headers=headers)
        return Response(file.read_bytes(), media_type="text/javascript", headers=headers)


def _missing(sentence: str) -> JSONResponse:
    return JSONResponse({"error": sentence}, status_code=404, headers=FRESH)


# -- where the map stands --


def map_header(desk: Desk, watcher: Watcher, space: str) -> dict[str, Any]:
    """Return what the page needs to know first: state ("none" | "running" | "failed" | "ready"), message
    (a sentence where it is not ready), done and of (progress, or None), and for a map that is ready run,
    count, the addresses of its points, values and plotly.js, and the words that the values' numbers mean.
    """
    ranking = desk.ranking
    state: dict[str, Any] = {"space": space, "run": None, "count": 0, "done": None, "of": None}
    if plotly_file() is None:
        message = (
            "The plotly package here has no plotly.js; mend it with pip install --force-reinstall plotly."
        )
        return {**state, "state": "failed", "message": message}
    if ranking.run is None:
        return {**state, **_without_run(watcher)}
    run_dir = desk.workspace.runs / ranking.run.run_id
    state["run"] = ranking.run.run_id
    if read_map(run_dir, ranking.run, space) is None:
        return {**state, **_drawing(run_dir)}
    return {
        **state,
        "state": "ready",
        "message": "",
        "count": len(ranking.run.positions),
        "points": f"/map/{ranking.run.run_id}/{space}.bin?v={_stamp(run_dir, space)}",
        "values": f"/api/map/values?run={ranking.run.run_id}",
        "plotly": f"/plotly/{plotly_version()}.js",
        "classes": list(desk.workspace.class_names),
        "outcomes": list(OUTCOMES),
        "threshold": desk.threshold,
        "version": ranking.version,
    }


def _without_run(watcher: Watcher) -> dict[str, Any]:
    ranking = watcher.ranking_state()
    if ranking["state"] == "running":
        message = "The map is drawn once the images are ranked."
        return {"state": "running", "message": message, "done": ranking["done"], "of": ranking["of"]}
    if ranking["state"] == "failed":
        return {"state": "failed", "message": f"The ranking failed, so there is no map: {ranking['message']}"}
    return {"state": "none", "message": "No run has ranked the samples yet; start one in the Runs tab."}


def _drawing(run_dir: Path) -> dict[str, Any]:
    """Return state and sentence of a map that is not there, from the files of its run."""
    status = read_status(run_dir, ILLUSTRATIONS)
    if status.state == "running":
        last = next((e for e in reversed(read_events(run_dir)) if e.get("event") == "progress"), {})
        if last.get("stage") == "map":
            message = "Laying the images out, like beside like."
            return {"state": "running", "message": message, "done": None, "of": None}
        known = last if last.get("stage") == "attention" else {}
        message = "The map comes after the attention maps, which are being drawn."
        return {"state": "running", "message": message, "done": known.get("done"), "of": known.get("of")}
    if status.state == "failed":
        return {"state": "failed", "message": f"The map could not be drawn: {status.message}"}
    if status.state == "done":
        message = f"The map of the run {run_dir.name} is gone or does not fit its samples; start another run."
        return {"state": "failed", "message": message}
    if status.state in ("stopped", "lost"):
        message = "The drawing of the map was interrupted; it goes on when the app is started again."
        return {"state": "none", "message": message}
    return {"state": "none", "message": "The map will be drawn shortly, in the background."}


def read_map(run_dir: Path, run: RunArrays, space: str) -> np.ndarray | None:
    """Return the (n, 2) float32 points of a run in its row order, or None where there is no whole map."""
    return _read_map(run_dir, len(run.positions), space, _stamp(run_dir, space))


@functools.lru_cache(maxsize=4)
def _read_map(run_dir: Path, n: int, space: str, stamp: int) -> np.ndarray | None:
    if not stamp:
        return None
    plane = read_projection(run_dir, space)
    if plane is None or plane.shape != (n, 2) or not np.isfinite(plane).all():
        LOG.warning("The %s map in %s does not fit its run of %d samples.", space, run_dir.name, n)
        return None
    return plane.astype(np.float32)


def _stamp(run_dir: Path, space: str) -> int:
    """Return a number that changes with the file of the map; 0 where there is none."""
    try:
        return (run_dir / f"projection_{space}.npy").stat().st_mtime_ns
    except OSError:
        return 0


# -- bytes --


def point_bytes(positions: np.ndarray, plane: np.ndarray) -> bytes:
    """Return n points as little-endian bytes: uint32 n, uint32 positions (n,), float32 x (n,), y (n,)."""
    parts = (np.asarray([len(positions)]), positions)
    x, y = plane.astype("<f4").T
    return b"".join([*(part.astype("<u4").tobytes() for part in parts), x.tobytes(), y.tobytes()])


def value_bytes(board: Board) -> bytes:
    """Return what the points of the active run mean now, rows as in `point_bytes`, little-endian: uint32 n,
    float32 p_clean (n,), uint32 given (n,) and suggested (n,) as class numbers (2³² − 1: none that the
    workspace has), uint8 outcome (n,) as a number into OUTCOMES.
    """
    run = board.ranking.run
    assert run is not None
    rows = run.positions
    parts = (
        np.asarray([len(rows)], dtype="<u4"),
        board.ranking.p_clean[rows].astype("<f4"),
        board.given[rows].astype("<u4"),  # NO_CLASS, −1, is 2³² − 1 here
        board.suggested[rows].astype("<u4"),
        board.outcomes[rows],
    )
    return b"".join(part.tobytes() for part in parts)


# -- plotly.js, from the plotly package, which is not imported for it --


@functools.cache
def plotly_file() -> Path | None:
    """Return where the plotly package keeps plotly.js, or None."""
    spec = importlib.util.find_spec("plotly")
    for place in (spec and spec.submodule_search_locations) or ():
        file = Path(place) / "package_data" / "plotly.min.js"
        if file.is_file():
            return file
    return None


@functools.cache
def plotly_version() -> str:
    """Return the version of the plotly package, which names the file in URLs."""
    return metadata.version("plotly")


@functools.lru_cache(maxsize=1)
def _compressed(file: Path) -> bytes:
    return gzip.compress(file.read_bytes(), 6, mtime=0)
