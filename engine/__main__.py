"""The command line: `python -m engine run | standby | illustrate | prepare | evaluate | serve | …`.

A run directory holds `config.toml` and `manifest.csv`; `run` adds the detection and `result.json`. Runs
never use a network; only `fetch` does.
"""

import contextlib
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from engine.commands import adapt, evaluate, predict, prepare
from engine.errors import EngineError
from engine.priority import RUN_NICENESS, lower_priority
from engine.progress import silent
from engine.terminal import (
    STANDARD,
    clean_up_when_stopped,
    give_up,
    json_lines,
    nothing,
    offline,
    told_in_a_sentence,
    watch,
    watched,
)

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
    # A thread that waits for another sleeps: on a computer with other work, spinning takes the core from it.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@app.command()
def run(
    run_dir: Annotated[Path, typer.Argument(help="folder with config.toml and manifest.csv")],
    behind: Annotated[bool, typer.Option("--behind", help="at low priority: somebody reviews here")] = False,
) -> None:
    """Do the run in RUN_DIR; exit status 0 when it is done, 1 when error.json says why not."""
    offline()
    if behind:
        lower_priority(RUN_NICENESS)
    _run(run_dir)


@app.command()
def standby() -> None:
    """Load everything, then do the run whose directory comes as one line on stdin, if one comes."""
    from engine.standby import wait_for_run  # noqa: PLC0415 - the environment comes first

    offline()
    run_dir = wait_for_run()
    if run_dir is not None:
        _run(run_dir)


def _run(run_dir: Path) -> None:
    from engine.distributed import asked  # noqa: PLC0415 - the environment comes first
    from engine.job import run as run_job  # noqa: PLC0415
    from engine.lifecycle import Stopped  # noqa: PLC0415

    try:
        # Of several processes that torchrun started the first one speaks.
        report, close = watch() if asked().is_first else (silent, nothing)
        try:
            result = run_job(run_dir, report)
        finally:
            close()
    except (EngineError, Stopped) as error:
        raise give_up(str(error)) from None
    if not result:
        return
    seconds = result["seconds"]["total"]
    print(
        f"{result['detector']}: {result['n_samples']} samples in {seconds:.1f} s on {result['device']}, "
        f"{result['n_faults']} unreadable; {run_dir}"
    )


@app.command()
def illustrate(
    run_dir: Annotated[Path, typer.Argument(help="folder of a finished run")],
    maps: Annotated[int, typer.Option(min=0, help="samples that get attention maps")] = 2000,
) -> None:
    """Draw what is missing of a finished run: attention maps and 2-D maps; works at low priority."""
    from engine.illustrate import illustrate as draw  # noqa: PLC0415 - the environment comes first

    offline()
    lower_priority()
    with told_in_a_sentence(), watched() as report:
        result = draw(run_dir, report, maps)
    seconds = result["seconds"]["total"]
    print(f"{result['attention']['maps']} attention maps and the maps of all samples in {seconds:.1f} s")


for _command in (prepare, evaluate, adapt, predict):
    app.command()(_command)


@app.command()
def serve(
    run_dir: Annotated[Path, typer.Argument(help="folder of a run: its model, classes and images")],
) -> None:
    """Answer questions about RUN_DIR, JSON lines on stdin and stdout, until stdin ends."""
    from engine.serve import protocol_output  # noqa: PLC0415 - the environment comes first
    from engine.serve import serve as serve_door  # noqa: PLC0415

    offline()
    with contextlib.suppress(BrokenPipeError), protocol_output() as answers:
        serve_door(run_dir, sys.stdin.buffer, answers)


@app.command()
def doctor(
    weights: Annotated[str | None, typer.Option(help="a tag, an open_clip directory, or a file")] = None,
    model: Annotated[str | None, typer.Option(help="open_clip model name")] = None,
) -> None:
    """Tell what is installed, which device a run takes and why, which weights are here, and what to mend."""
    from engine.doctor import examine  # noqa: PLC0415 - the environment comes first

    offline()
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
    clean_up_when_stopped()
    from engine.clip.fetching import fetch_weights  # noqa: PLC0415 - torch and open_clip, seconds

    report, close = (json_lines, nothing) if progress else watch()
    try:
        file = fetch_weights(model, weights, report)
    except EngineError as error:
        if progress:
            json_lines("error", message=str(error))
        raise give_up(str(error)) from None
    finally:
        close()
    if progress:
        json_lines("done", file=str(file))
    else:
        print(file)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
