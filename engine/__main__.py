"""The command line: `python -m engine run | standby | illustrate | evaluate | serve | doctor | fetch`.

A run directory holds `config.toml` and `manifest.csv`; `run` adds the detection and `result.json`. Runs
never use a network; only `fetch` does.
"""

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.config import BackboneConfig
from engine.errors import EngineError
from engine.priority import RUN_NICENESS, lower_priority
from engine.progress import Report

STANDARD = BackboneConfig()

app = typer.Typer(
    name="python -m engine",
    help=__doc__,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def _environment() -> None:
    # Read by the libraries when they are imported, so before any of them is.
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["DO_NOT_TRACK"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"


def _offline() -> None:
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        os.environ[name] = "1"


def _give_up(message: str) -> typer.Exit:
    print(message, file=sys.stderr, flush=True)
    return typer.Exit(1)


@app.command()
def run(
    run_dir: Annotated[Path, typer.Argument(help="folder with config.toml and manifest.csv")],
    behind: Annotated[bool, typer.Option("--behind", help="at low priority: somebody reviews here")] = False,
) -> None:
    """Do the run in RUN_DIR; exit status 0 when it is done, 1 when error.json says why not."""
    _offline()
    if behind:
        lower_priority(RUN_NICENESS)
    _run(run_dir)


@app.command()
def standby() -> None:
    """Load everything, then do the run whose directory comes as one line on stdin, if one comes."""
    from engine.standby import wait_for_run  # noqa: PLC0415 - the environment comes first

    _offline()
    run_dir = wait_for_run()
    if run_dir is not None:
        _run(run_dir)


def _run(run_dir: Path) -> None:
    from engine.job import run as run_job  # noqa: PLC0415 - the environment comes first
    from engine.lifecycle import Stopped  # noqa: PLC0415

    try:
        watch, close = _watch()
        try:
            result = run_job(run_dir, watch)
        finally:
            close()
    except (EngineError, Stopped) as error:
        raise _give_up(str(error)) from None
    seconds = result["seconds"]["total"]
    print(
        f"{result['detector']}: {result['n_samples']} samples in {seconds:.1f} s on {result['device']}, "
        f"{result['n_faults']} unreadable; {run_dir}"
    )


def _watch() -> tuple[Report, Callable[[], None]]:
    """Return a report for whoever looks at the terminal, and what ends it."""
    return _bars() if sys.stderr.isatty() else (_lines(), _nothing)


def _nothing() -> None:
    pass


def _json_lines(event: str, /, **values: Any) -> None:
    print(json.dumps({"event": event, **values}), flush=True)


def _lines() -> Report:
    """Return a report of plain lines: each stage as it begins, and every tenth of its progress."""
    told = ("", -1)

    def report(event: str, /, **values: Any) -> None:
        nonlocal told
        if event == "stage":
            print(values["stage"], file=sys.stderr, flush=True)
        elif event == "progress" and values["of"]:
            tenth = (values["stage"], 10 * values["done"] // values["of"])
            if tenth != told and values["done"]:
                line = f"{values['stage']} {values['done']} of {values['of']}"
                print(line, file=sys.stderr, flush=True)
            told = tenth

    return report


def _bars() -> tuple[Report, Callable[[], None]]:
    from rich.console import Console  # noqa: PLC0415 - only for a terminal
    from rich.progress import Progress, TaskID  # noqa: PLC0415

    progress = Progress(console=Console(stderr=True))
    progress.start()
    tasks: dict[str, TaskID] = {}

    def report(event: str, /, **values: Any) -> None:
        if event not in ("stage", "progress"):
            return
        stage = values["stage"]
        if event == "stage":
            for task in tasks.values():
                progress.update(task, total=1, completed=1)
        if stage not in tasks:
            # Writing takes milliseconds, and no stage follows that would complete its bar.
            tasks[stage] = progress.add_task(stage, total=1 if stage == "write" else None)
            progress.update(tasks[stage], completed=1 if stage == "write" else 0)
        if event == "progress":
            progress.update(tasks[stage], completed=values["done"], total=max(values["of"], 1))

    return report, progress.stop


@app.command()
def illustrate(
    run_dir: Annotated[Path, typer.Argument(help="folder of a finished run")],
    maps: Annotated[int, typer.Option(min=0, help="samples that get attention maps")] = 2000,
) -> None:
    """Draw what is missing of a finished run: attention maps and 2-D maps; works at low priority."""
    from engine.illustrate import illustrate as draw  # noqa: PLC0415 - the environment comes first
    from engine.lifecycle import Stopped  # noqa: PLC0415

    _offline()
    lower_priority()
    watch, close = _watch()
    try:
        result = draw(run_dir, watch, maps)
    except (EngineError, Stopped) as error:
        raise _give_up(str(error)) from None
    finally:
        close()
    seconds = result["seconds"]["total"]
    print(f"{result['attention']['maps']} attention maps and the maps of all samples in {seconds:.1f} s")


@app.command()
def evaluate(
    data: Annotated[
        Path, typer.Option(help=".npz file: images, clean (the true labels), class_names, label sets")
    ],
    labels: Annotated[str, typer.Option(help="name of the label set in it")],
    detector: Annotated[str, typer.Option(help="name of the detector")],
    json_file: Annotated[Path, typer.Option("--json", help="file to write the figures to")],
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", help="a setting of the detector as key=value; may be repeated"),
    ] = None,
    weights: Annotated[
        str, typer.Option(help="a tag, an open_clip directory, a file, or bundled")
    ] = STANDARD.weights,
    model: Annotated[str, typer.Option(help="open_clip model name")] = STANDARD.model,
    seed: Annotated[int, typer.Option(help="of every draw")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps")] = "auto",
    batch_size: Annotated[int, typer.Option(help="images per forward pass")] = 256,
    cache: Annotated[Path | None, typer.Option(help="folder that keeps pixels and features")] = None,
) -> None:
    """Measure one detector on one label set whose true labels are known; prints a line, writes JSON."""
    # Asked to stop, it removes its temporary folder: only an exception lets it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    from engine.artifacts import write_json  # noqa: PLC0415 - the environment comes first
    from engine.datasets import read_dataset  # noqa: PLC0415
    from engine.evaluate import evaluate as measure_detector  # noqa: PLC0415
    from engine.evaluate import read_assignments, summary  # noqa: PLC0415
    from engine.lifecycle import disk_problem  # noqa: PLC0415

    _offline()
    try:
        # Before the work, not after it.
        if not json_file.parent.is_dir() or json_file.is_dir():
            raise EngineError(
                f"{json_file} cannot be written; --json names a file in a folder that is there."
            )
        if cache is not None and cache.exists() and not cache.is_dir():
            raise EngineError(f"{cache} is a file; --cache names a folder.")
        asked = {
            "detector": detector,
            "settings": read_assignments(detector, assignments or ()),
            "seed": seed,
            "device": device,
            "batch_size": batch_size,
            "backbone": {"model": model, "weights": weights},
        }
        watch, close = _watch()
        try:
            result = measure_detector(read_dataset(data, labels), asked, cache=cache, watch=watch)
        finally:
            close()
        write_json(json_file, {"data": str(data), **result})
    except EngineError as error:
        raise _give_up(str(error)) from None
    except OSError as error:
        problem = disk_problem(error)
        if problem is None:
            raise
        raise _give_up(problem) from None
    print(summary(result))


@app.command()
def serve(
    run_dir: Annotated[Path, typer.Argument(help="folder of a run: its model, classes and images")],
) -> None:
    """Answer questions about RUN_DIR, JSON lines on stdin and stdout, until stdin ends."""
    from engine.serve import protocol_output  # noqa: PLC0415 - the environment comes first
    from engine.serve import serve as serve_door  # noqa: PLC0415

    _offline()
    with contextlib.suppress(BrokenPipeError), protocol_output() as answers:
        serve_door(run_dir, sys.stdin.buffer, answers)


@app.command()
def doctor(
    weights: Annotated[str | None, typer.Option(help="a tag, an open_clip directory, or a file")] = None,
    model: Annotated[str | None, typer.Option(help="open_clip model name")] = None,
) -> None:
    """Tell what is installed, which device a run takes and why, which weights are here, and what to mend."""
    from engine.doctor import examine  # noqa: PLC0415 - the environment comes first

    _offline()
    sick = False
    for finding in examine(weights, model):
        sick = sick or bool(finding.mend)
        print(f"{'✗' if finding.mend else '✓'} {finding.subject}: {finding.found}")
        if finding.mend:
            print(f"    mend it with: {finding.mend}")
    if sick:
        raise typer.Exit(1)


@app.command()
def fetch(
    model: Annotated[str, typer.Option(help="open_clip model name")] = STANDARD.model,
    weights: Annotated[str, typer.Option(help="open_clip weights tag")] = STANDARD.weights,
    progress: Annotated[bool, typer.Option("--progress", help="report as JSON lines on stdout")] = False,
) -> None:
    """Download open_clip weights into the usual cache; the only command that uses a network."""
    # Asked to stop, the hub removes the part of the file that it has: only an exception lets it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    from engine.clip.fetching import fetch_weights  # noqa: PLC0415 - torch and open_clip, seconds

    watch, close = (_json_lines, _nothing) if progress else _watch()
    try:
        file = fetch_weights(model, weights, watch)
    except EngineError as error:
        if progress:
            _json_lines("error", message=str(error))
        raise _give_up(str(error)) from None
    finally:
        close()
    if progress:
        _json_lines("done", file=str(file))
    else:
        print(file)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
