"""Where the model sees the given and the suggested class of a card: stored with the run, or asked for."""

import base64
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

import numpy as np
from fastapi import FastAPI, Query
from fastapi.responses import JSONResponse

from engine.illustrations import read_attention
from reviewer.desk import Desk
from reviewer.encoder import Answer
from reviewer.errors import ReviewerError
from reviewer.queue import RunArrays

KEPT = 512  # answers of the model that are held, a few kilobytes each
WAIT = 0.8  # seconds that a request waits before it says that the answer is not there yet
NO_RUN = "No run has ranked the samples yet; the maps come with its model."


class Asks(Protocol):
    """What is needed of `reviewer.encoder.Encoder`."""

    def submit(self, run_dir: Path, operation: str, **values: Any) -> Answer:
        """Ask, and return the answer to come."""
        ...


@dataclass(frozen=True, kw_only=True)
class Stored:
    """`attention.npy` of a run as it was at `stamp`, because it grows while it is drawn.

    row_of: sample_id → row. maps: (m, 2, G, G) float16, given and suggested class.
    """

    stamp: tuple[int, int]
    row_of: dict[str, int]
    maps: np.ndarray


class AttentionMaps:
    """Maps for the cards of an open workspace; safe to call from any thread."""

    def __init__(self, desk: Desk, encoder: Asks) -> None:
        self._desk = desk
        self._encoder = encoder
        self._lock = threading.Lock()
        self._stored: dict[str, Stored] = {}
        self._asked: OrderedDict[tuple[str, ...], Answer] = OrderedDict()

    def maps(self, position: int, suggested: str | None = None, wait: float = WAIT) -> dict[str, Any]:
        """Return what the page draws for a sample: the maps of its given and of its suggested class.

        suggested: the class that the card on the screen shows; without it the one suggested now. The result
        has `given` and `suggested` (name, map: base64 of G·G bytes, row by row), or `pending`, a sentence,
        where the model works on it for more than `wait` seconds, or `unavailable`, a sentence. Raises
        ReviewerError for a position that does not exist.
        """
        card = self._desk.card(position)
        run = self._desk.ranking.run
        if run is None:
            return {"unavailable": NO_RUN}
        row = int(run.row_at[position])
        if row < 0:
            return {"unavailable": f"The run {run.run_id} has no such image, or could not read it."}
        given = str(card["given"]["name"])
        suggested = suggested or str((card["suggested"] or card["given"])["name"])
        for name in (given, suggested):
            if name not in run.class_names:
                return {
                    "unavailable": f"The run {run.run_id} does not know the class {name!r}; start another."
                }
        stored = self._stored_maps(run, row, card["sample_id"], suggested)
        if stored is not None:
            return _answer(run, (given, suggested), stored)
        try:
            answer = self._ask(run, position, card["image"], given, suggested)
            reply = answer.result(wait)
        except TimeoutError:
            return {"pending": "Asking the model where it sees the classes"}
        except ReviewerError as error:
            return {"unavailable": str(error)}
        maps = np.asarray(reply["maps"], dtype=np.float32)[[0, -1]]
        return _answer(run, (given, suggested), maps, reply.get("size"))

    def _stored_maps(self, run: RunArrays, row: int, sample_id: str, suggested: str) -> np.ndarray | None:
        """Return (2, G, G) from the run directory, where the run suggested the same class."""
        if run.suggested[row] != suggested:
            return None
        run_dir = self._desk.workspace.runs / run.run_id
        try:
            facts = (run_dir / "attention.npy").stat()
        except OSError:  # it appears some time after the run itself
            return None
        stamp = (facts.st_mtime_ns, facts.st_size)
        stored = self._stored.get(run.run_id)
        if stored is None or stored.stamp != stamp:
            found = read_attention(run_dir)
            if found is None:
                return None
            ids, maps = found
            row_of = {str(each): i for i, each in enumerate(ids.tolist())}
            stored = self._stored[run.run_id] = Stored(stamp=stamp, row_of=row_of, maps=maps)
        at = stored.row_of.get(sample_id)
        return None if at is None else np.asarray(stored.maps[at], dtype=np.float32)

    def _ask(self, run: RunArrays, position: int, image: str, given: str, suggested: str) -> Answer:
        """Return the answer to come; one question per picture, however often it is asked for."""
        key = (run.run_id, image, given, suggested)  # `image` changes with the file
        with self._lock:
            known = self._asked.pop(key, None)
            if known is None or (known.done() and (known.cancelled() or known.exception() is not None)):
                known = self._encoder.submit(
                    self._desk.workspace.runs / run.run_id,
                    "attention",
                    path=str(self._desk.samples.paths[position]),
                    classes=list(dict.fromkeys((given, suggested))),
                )
            self._asked[key] = known
            while len(self._asked) > KEPT:
                self._asked.popitem(last=False)
        return known


def _answer(run: RunArrays, names: tuple[str, str], maps: np.ndarray, size: Any = None) -> dict[str, Any]:
    """maps: (2, G, G) in [0, 1]; size: side of the square that the model saw, where it is known."""
    steps = np.round(np.clip(np.nan_to_num(maps), 0.0, 1.0) * 255).astype(np.uint8)
    sides = [
        {"name": n, "map": base64.b64encode(m.tobytes()).decode()} for n, m in zip(names, steps, strict=True)
    ]
    return {
        "run": run.run_id,
        "grid": int(maps.shape[-1]),
        "size": size,
        "given": sides[0],
        "suggested": sides[1],
    }


def add_attention_routes(server: FastAPI, desk: Desk, encoder: Asks) -> None:
    """Add `/api/attention/{position}`."""
    attention = AttentionMaps(desk, encoder)

    @server.get("/api/attention/{position}")
    def maps(
        position: int, suggested: Annotated[str | None, Query(max_length=10_000)] = None
    ) -> JSONResponse:
        return JSONResponse(attention.maps(position, suggested), headers={"Cache-Control": "no-store"})
