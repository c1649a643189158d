"""The commands: the start page; or make a workspace, rank it, open it, take the corrected table."""

import getpass
import sys
import threading
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from engine.config import BackboneConfig
from engine.errors import EngineError
from engine.settings import DETECTORS
from reviewer.demo import open_demo
from reviewer.errors import ReviewerError
from reviewer.headless import export_table, run_detector
from reviewer.open_server import find_server
from reviewer.serve import serve
from reviewer.standby import Standby
from reviewer.workspace import Workspace, create_workspace, open_workspace

LOOPBACK = ("127.0.0.1", "localhost", "::1")
DEFAULTS = BackboneConfig()

Host = Annotated[str, typer.Option(help="address to listen on; only this machine's own for now")]
Port = Annotated[int, typer.Option(help="port; 0 takes a free one", min=0, max=65535)]
Browser = Annotated[bool, typer.Option("--browser/--no-browser", help="open the page")]
Annotator = Annotated[str | None, typer.Option(help="your name in the history; default: login name")]

cli = typer.Typer(
    help="Find the wrong labels of an image data set and settle each with one key.",
    add_completion=False,
    pretty_exceptions_enable=False,
)


@cli.command()
def init(
    workspace: Annotated[Path, typer.Argument(help="folder to make")],
    images: Annotated[Path, typer.Option(help="folder of the images")],
    labels: Annotated[
        Path | None,
        typer.Option(help="table of paths and labels; without it the sub-folders are the classes"),
    ] = None,
    path_column: Annotated[str | None, typer.Option(help="column that names the image")] = None,
    label_column: Annotated[str | None, typer.Option(help="column that holds the label")] = None,
    encoding: Annotated[str | None, typer.Option(help="encoding of the table, such as cp1252")] = None,
    model: Annotated[str, typer.Option(help="open_clip model name")] = DEFAULTS.model,
    weights: Annotated[
        str, typer.Option(help="weights tag of open_clip, an open_clip directory, a weights file, or bundled")
    ] = DEFAULTS.weights,
) -> None:
    """Make a workspace from a folder of images, with or without a table of labels."""

    backbone = BackboneConfig(
        model=model, weights=str(Path(weights).absolute()) if Path(weights).exists() else weights
    )
    made, source = create_workspace(
        workspace,
        images,
        labels=labels,
        path_column=path_column,
        label_column=label_column,
        encoding=encoding,
        backbone=backbone,
    )
    good = sum(1 for sample in source.samples if sample.problem is None)
    print(f"{good:,} samples of {len(source.classes):,} classes are in {made.root}.")
    if source.faults:
        print(f"The import report has {len(source.faults):,} lines; the first:")
        for fault in source.faults[:5]:
            row = "" if fault.source_row is None else f"row {fault.source_row + 1}: "
            print(f"  {row}{fault.path!r} {fault.problem}" if fault.path else f"  {row}{fault.problem}")
    print(f"Open it with: python -m reviewer {workspace}")


@cli.command("open")
def open_app(
    context: typer.Context,
    workspace: Annotated[Path, typer.Argument(help="folder of the workspace")],
    host: Host = "127.0.0.1",
    port: Port = 7861,
    browser: Browser = True,
    annotator: Annotator = None,
) -> None:
    """Open a workspace in the browser. `python -m reviewer WORKSPACE` is short for it."""
    _check_host(host)
    _show(open_workspace(workspace), host, port, browser, annotator, context.obj)


@cli.command()
def demo(
    context: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(help="where to keep its workspace; default: your data folder")
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = 7861,
    browser: Browser = True,
    annotator: Annotator = None,
) -> None:
    """Open the demo: drawn pictures with wrong labels among them. It is made the first time."""
    _check_host(host)
    workspace = open_demo(folder)
    print(f"The demo's workspace is {workspace.root}.", flush=True)
    _show(workspace, host, port, browser, annotator, context.obj)


@cli.command()
def start(
    host: Host = "127.0.0.1",
    port: Port = 7861,
    browser: Browser = True,
    annotator: Annotator = None,
) -> None:
    """Open the start page: the demo, a workspace, or a new one. `python -m reviewer` is short for it."""
    _check_host(host)
    _show(None, host, port, browser, annotator)


def _check_host(host: str) -> None:
    if host not in LOOPBACK:
        raise ReviewerError(
            f"--host is {host}; the app has no log-in yet, so it listens only on {', '.join(LOOPBACK)}."
        )


def _show(
    workspace: Workspace | None,
    host: str,
    port: int,
    browser: bool,
    annotator: str | None,
    standby: Standby | None = None,
) -> None:
    running = find_server(workspace) if workspace else None
    if workspace is not None and running is not None:
        print(f"{workspace.root} is open already, at {running['url']} (process {running['pid']}).")
        if browser:
            webbrowser.open(running["url"])
        return

    def announce(url: str) -> None:
        print(f"Labelsieve is at {url} (Ctrl+C stops it; decisions are saved as they are made).", flush=True)
        if browser:
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()

    serve(workspace, host, port, annotator or login_name(), announce, standby)


@cli.command()
def triage(
    workspace: Annotated[Path, typer.Argument(help="folder of the workspace")],
    detector: Annotated[str, typer.Option(help=f"one of {', '.join(DETECTORS)}")] = "transition",
) -> None:
    """Rank the samples without opening the app, and wait for it."""

    print(run_detector(open_workspace(workspace), detector))


@cli.command()
def export(
    workspace: Annotated[Path, typer.Argument(help="folder of the workspace")],
    out: Annotated[Path, typer.Argument(help="file to write")],
) -> None:
    """Write the corrected table, also while the workspace is open in the app."""

    rows = export_table(open_workspace(workspace), out)
    print(f"{out} holds the table with {rows} appended columns.")


def login_name() -> str:
    """Return the name under which decisions are recorded when none is given."""
    try:
        return getpass.getuser().encode("utf-8", "replace").decode("utf-8")
    except (OSError, KeyError, ImportError):
        return "annotator"


def run_command(arguments: list[str], standby: Standby | None = None) -> int:
    """Run a command and return the exit status; what a person can fix ends as one sentence and 1.

    standby: an engine that loads already, for the first ranking of a workspace that is opened.
    """
    try:
        cli(args=arguments, prog_name="python -m reviewer", obj=standby)
    except EngineError as error:
        print(error, file=sys.stderr)
        return 1
    return 0
