"""Similarity: a text to images, an image to images, through the features that CLIP has of every sample."""

import threading
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from engine.artifacts import read_json
from reviewer.errors import ReviewerError
from reviewer.filters import Board
from reviewer.queue import RunArrays

LONGEST_TEXT = 300  # characters; the text tower reads 77 tokens
KEPT = 8  # answers that are kept: a queue asks again with every few cards


class Asks(Protocol):
    """What is needed of `reviewer.encoder.Encoder`."""

    def ask(self, run_dir: Path, operation: str, *, timeout: float = 60.0, **values: Any) -> dict[str, Any]:
        """Ask the model of a run and wait for its answer."""
        ...


class Search:
    """Similarities within one workspace; safe to call from any thread."""

    def __init__(self, runs: Path, encoder: Asks) -> None:
        self._runs = runs
        self._encoder = encoder
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], np.ndarray] = {}

    def to_text(self, board: Board, text: str) -> np.ndarray:
        """Return how well each image fits a text, (N,) float32 cosines; NaN where there is no feature.

        The model is loaded by the first question, which takes seconds. Raises ReviewerError for a text that
        is too long, without a run, and where the model does not answer.
        """
        words = text.strip()
        if len(words) > LONGEST_TEXT:
            raise ReviewerError(f"The text has {len(words)} characters; {LONGEST_TEXT} are the most.")
        run = self._run(board)

        def vector() -> np.ndarray:
            answer = self._encoder.ask(self._runs / run.run_id, "embed_text", texts=[words])
            return np.asarray(answer["features"][0], dtype=np.float32)

        return self._similarities(board, run, f"text {words}", vector)

    def to_image(self, board: Board, position: int) -> np.ndarray:
        """Return how similar each image is to the one at `position`, likewise; that one comes first.

        Raises ReviewerError for a sample that no run has looked at.
        """
        run = self._run(board)
        row = int(run.row_at[position]) if 0 <= position < len(run.row_at) else -1
        if row < 0:
            raise ReviewerError(f"No run has looked at sample {position}; choose another one.")
        features = _features(self._runs / run.run_id)
        found = self._similarities(board, run, f"image {row}", lambda: features[row]).copy()
        found[position] = 2.0  # above every cosine: rounding must not put another one first
        return found

    def _similarities(self, board: Board, run: RunArrays, question: str, vector: Any) -> np.ndarray:
        key = (run.run_id, question)
        with self._lock:
            known = self._known.get(key)
        if known is None:
            features, wanted = _features(self._runs / run.run_id), vector()
            if wanted.shape != features.shape[1:]:
                raise ReviewerError(
                    f"The run {run.run_id} has features of another model; start a run of transition."
                )
            known = np.full(len(board.samples), np.nan, dtype=np.float32)
            known[run.positions] = features @ wanted
            with self._lock:
                while len(self._known) >= KEPT:
                    self._known.pop(next(iter(self._known)))
                self._known[key] = known
        return known

    def _run(self, board: Board) -> RunArrays:
        """Return the newest run that kept CLIP's own features, which texts can be compared with."""
        for run in reversed(board.runs):
            result = read_json(self._runs / run.run_id / "result.json")
            if isinstance(result, dict) and result.get("embeddings") == "clip":
                return run
        raise ReviewerError("No run has kept CLIP's features of the images; start a run of transition.")


@lru_cache(maxsize=1)
def _features(run_dir: Path) -> np.ndarray:
    """Return the features of a run, (n, D) float32, unit L2, in its row order."""
    return np.load(run_dir / "embeddings.npy").astype(np.float32)
