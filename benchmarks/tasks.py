"""Long computations one after the other, each kept as a JSON file when it ends.

A finished task is never computed again; a failed one is kept with its sentence and tried again on the next
start.
"""

import hashlib
import json
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.artifacts import read_json, write_json
from engine.datasets import TRUE
from engine.errors import EngineError

Evaluate = Callable[..., dict[str, Any]]
"""`engine.evaluate.evaluate`, or what a test puts in its place."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """One call of `evaluate`. asked: its settings; label: what people call it.

    test, adapt: what a classifier is measured on, and its settings; None where none is trained.
    """

    label: str
    data: Path
    labels: str
    asked: Mapping[str, Any]
    test: Path | None = None
    adapt: Mapping[str, Any] | None = None

    @property
    def key(self) -> str:
        """The name of its file: that of its settings, data and weights, wherever they lie."""
        backbone = {**self.asked["backbone"], "weights": Path(self.asked["backbone"]["weights"]).name}
        asked = {**self.asked, "backbone": backbone, "device": None}
        # Without a test set the name is what it was before there were any: finished cells stay known.
        tested = [] if self.test is None else [self.test.name, self.adapt]
        facts = json.dumps([self.data.name, self.labels, asked, *tested], sort_keys=True)
        return f"{slug(self.label)}-{hashlib.blake2b(facts.encode(), digest_size=5).hexdigest()}"

    @property
    def words(self) -> dict[str, Any]:
        """What was asked for, as it is kept beside the result."""
        tested = {} if self.test is None else {"test": str(self.test), "adapt": self.adapt}
        return {"data": str(self.data), "labels": self.labels, **tested, **self.asked}


def slug(text: str) -> str:
    """Return `text` in small letters, digits, dots, plus signs and hyphens."""
    return re.sub(r"[^a-z0-9.+]+", "-", text.lower()).strip("-")


def state(task: Task, folder: Path) -> dict[str, Any] | None:
    """Return what is kept of a task: "state" is done (with "result") or failed (with "message")."""
    kept = read_json(folder / f"{task.key}.json")
    return kept if isinstance(kept, dict) and ("result" in kept or "message" in kept) else None


def compute(
    tasks: Iterable[Task],
    folder: Path,
    evaluate: Evaluate,
    read: Callable[[Path, str], Any],
    cache: Path | None = None,
) -> None:
    """Compute every task that is not done, one after the other, and keep each as it ends.

    A task that fails is kept with its sentence, and the others follow; so does one whose end is a bug, with
    its traceback on stderr. Stopped in between, all that was finished is there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    waiting = {task.key: task for task in tasks}
    waiting = {
        key: task for key, task in waiting.items() if (state(task, folder) or {}).get("state") != "done"
    }
    for number, (key, task) in enumerate(waiting.items(), start=1):
        print(f"{number} of {len(waiting)}: {task.label}", file=sys.stderr, flush=True)
        asked = task.words
        try:
            more = {} if task.test is None else {"test": read(task.test, TRUE), "adapt": task.adapt}
            result = evaluate(read(task.data, task.labels), task.asked, cache=cache, **more)
            kept = {"state": "done", "asked": asked, "result": result}
        except EngineError as error:
            kept = {"state": "failed", "asked": asked, "message": str(error)}
        except Exception as error:
            traceback.print_exc()
            sentence = " ".join(f"{type(error).__name__}: {error}".split())
            kept = {"state": "failed", "asked": asked, "message": sentence}
        if kept["state"] == "failed":
            print(kept["message"], file=sys.stderr, flush=True)
        write_json(folder / f"{key}.json", kept)
