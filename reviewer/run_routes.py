"""The runs tab's own routes: the runs as they are, what could be started at what cost, and the acts."""

import inspect
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from engine.config import parse_settings
from engine.errors import EngineError
from engine.presets import PRESETS, Preset
from engine.settings import DETECTORS
from reviewer import jobs
from reviewer.compare import compare
from reviewer.decisions import Outcome
from reviewer.desk import Desk
from reviewer.errors import ReviewerError
from reviewer.forms import changed_settings, form_fields
from reviewer.headers import FRESH
from reviewer.jobs import RunView
from reviewer.map_routes import plotly_file, plotly_version
from reviewer.run_history import RunHistory, teaching
from reviewer.run_progress import read_log_tail
from reviewer.watch import STAGES, Watcher

N_SHOWN = 20
N_NOTES = 5
RunName = Annotated[str, Field(max_length=200)]


class Asked(BaseModel):
    """A run as the form asks for it."""

    model_config = ConfigDict(extra="forbid")

    detector: RunName
    settings: dict[str, Any] = Field(default_factory=dict, max_length=200)


class Threshold(BaseModel):
    """The p_clean below which a sample is flagged."""

    model_config = ConfigDict(extra="forbid")

    threshold: float = Field(gt=0, lt=1, allow_inf_nan=False)


def add_run_routes(server: FastAPI, desk: Desk, watcher: Watcher) -> None:
    """Add `/api/runs` and what is below it, and `/api/threshold`."""
    history = RunHistory(desk.workspace)

    @server.get("/api/runs")
    def runs() -> JSONResponse:
        return _answer(runs_json(desk, watcher, history))

    @server.get("/api/runs/compare")
    def comparison(first: str, second: str) -> JSONResponse:
        board = desk.board()
        known = {run.run_id: run for run in board.runs}
        unknown = next((name for name in (first, second) if name not in known), None)
        if unknown is not None:
            raise ReviewerError(f"There is no finished run {unknown!r} here; choose another one.")
        return _answer(compare(known[first], known[second], board.threshold).as_json())

    @server.get("/api/runs/options")
    def options() -> JSONResponse:
        return _answer(options_json(desk, history))

    @server.post("/api/runs/estimate")
    def cost(body: Asked) -> JSONResponse:
        return _answer(cost_json(history, body.detector, body.settings, _n_samples(desk)))

    @server.post("/api/runs")
    def start(body: Asked) -> JSONResponse:
        settings = chosen_settings(body.detector, body.settings)
        return _answer({"run": watcher.start(body.detector, settings).name})

    @server.get("/api/runs/{run_id}")
    def one(run_id: str) -> JSONResponse:
        run_dir = history.find(run_id)
        return _answer({**details_json(history.view(run_dir)), "log": read_log_tail(run_dir)})

    @server.post("/api/runs/{run_id}/stop")
    def stop(run_id: str) -> JSONResponse:
        jobs.stop(history.find(run_id))
        return _answer({})

    @server.post("/api/runs/{run_id}/resume")
    def resume(run_id: str) -> JSONResponse:
        watcher.resume(history.find(run_id))
        return _answer({})

    @server.post("/api/threshold")
    def threshold(body: Threshold) -> JSONResponse:
        desk.write_threshold(body.threshold)
        return _answer({"threshold": desk.threshold})


def _answer(value: Any) -> JSONResponse:
    return JSONResponse(value, headers=FRESH)


# -- the runs --


def runs_json(desk: Desk, watcher: Watcher, history: RunHistory) -> dict[str, Any]:
    """Return the newest runs, which of them is at work, and what the next one would learn from."""
    busy = watcher.at_work()
    active = desk.ranking.run.run_id if desk.ranking.run else None
    known = history.measured()
    return {
        "runs": [
            run_json(view, seen, is_busy=view.run_id == busy, is_active=view.run_id == active)
            for view, seen in history.views(N_SHOWN)
        ],
        "busy": busy,
        "decisions": teaching(desk.decisions),
        "threshold": desk.threshold,
        "measured": known[0] if known else None,
        "plotly": f"/plotly/{plotly_version()}.js" if plotly_file() else None,
    }


def run_json(view: RunView, seen: int | None, *, is_busy: bool, is_active: bool) -> dict[str, Any]:
    """Return one line of the table. state: "starting" from the start of its process to its lock."""
    at_work = view.status.state == "running"
    progress = view.progress
    last = progress.epochs[-1] if progress.epochs else None
    return {
        "id": view.run_id,
        "detector": view.detector,
        "state": "starting" if is_busy and not at_work else view.status.state,
        "message": view.status.message,
        "stage": STAGES.get(progress.stage, "starting") if at_work else "",
        "done": progress.done,
        "of": progress.of,
        "seconds_left": progress.seconds_left,
        "epoch": last.epoch if last else None,
        "epochs": last.of if last else None,
        "seconds": view.seconds,
        "samples": view.n_samples,
        "faults": view.n_faults,
        "reason": view.reason,
        "device": view.device,
        "decisions": seen,
        "resumable": view.resumable,
        "active": is_active,
    }


def details_json(view: RunView) -> dict[str, Any]:
    """Return what the table has no room for: the curves, the notes, the settings that are not defaults."""
    settings = changed_settings(DETECTORS[view.detector], view.settings) if view.detector in DETECTORS else {}
    return {
        "id": view.run_id,
        "epochs": [asdict(epoch) for epoch in view.progress.epochs],
        "notes": list(view.progress.notes[-N_NOTES:]),
        "settings": {name: str(value) for name, value in settings.items()},
    }


# -- what can be started --


def options_json(desk: Desk, history: RunHistory) -> dict[str, Any]:
    """Return the choices, presets first and then the detectors without one, the form of each detector, and
    which choice is the natural next one."""
    presets = {preset.key for preset in PRESETS}
    # A preset with settings of its own is not the detector as published.
    taken = {preset.detector for preset in PRESETS if not preset.settings}
    others = [_option_of(name) for name in DETECTORS if name not in taken]
    device, n_samples = history.device(), _n_samples(desk)
    return {
        "options": [
            {
                "key": option.key,
                "title": option.title,
                "words": option.words,
                "detector": option.detector,
                "settings": dict(option.settings),
                "is_preset": option.key in presets,
                "unavailable": _obstacle(option, device),
                **cost_json(history, option.detector, option.settings, n_samples),
            }
            for option in (*(_fitting(each, history, n_samples) for each in PRESETS), *others)
        ],
        "forms": {
            name: [asdict(field) for field in form_fields(settings)] for name, settings in DETECTORS.items()
        },
        "next": "instant" if not device else "laptop" if device.startswith("cpu") else "gpu",
    }


def _fitting(preset: Preset, history: RunHistory, n_samples: int) -> Preset:
    """Return the preset, or what stands for it where it would take too long here."""
    if preset.otherwise is None:
        return preset
    cost = history.estimate(preset.detector, preset.settings, n_samples)
    return preset.otherwise if cost and cost.seconds > preset.within else preset


def _option_of(detector: str) -> Preset:
    first = (inspect.getdoc(DETECTORS[detector]) or detector).split("\n")[0]
    title, _, words = first.partition(": ")
    return Preset(key=detector, title=title, detector=detector, words=words[:1].upper() + words[1:])


def _obstacle(option: Preset, device: str) -> str:
    if option.needs_gpu and device.startswith("cpu"):
        return "The last run found no GPU here, and on a CPU this takes too long."
    return ""


def cost_json(
    history: RunHistory, detector: str, settings: Mapping[str, Any], n_samples: int
) -> dict[str, Any]:
    """Return the seconds and bytes that a run would take, None where they are unknown, or the sentence about
    a setting that breaks a rule."""
    try:
        cost = history.estimate(detector, settings, n_samples)
    except EngineError as error:
        return {"seconds": None, "bytes": None, "error": str(error)}
    return {"seconds": cost and cost.seconds, "bytes": cost and cost.bytes, "error": ""}


def chosen_settings(detector: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` as the detector reads them; raises EngineError with a sentence for the first fault.

    An optional setting that is left empty is left out.
    """
    settings = parse_settings(detector, values)
    chosen = {name: getattr(settings, name) for name in values}
    return {name: value for name, value in chosen.items() if value is not None}


def _n_samples(desk: Desk) -> int:
    out = (Outcome.OUT_OF_SCOPE, Outcome.BAD_IMAGE)
    return desk.progress()["samples"] - sum(each.outcome in out for each in desk.decisions.values())
