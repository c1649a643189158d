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
from reviewer.accounts import Accounts, check_name, make_account, remove_account, write_account
from reviewer.demo import open_demo
from reviewer.errors import ReviewerError
from reviewer.headless import export_table, run_detector, save_log, save_report
from reviewer.hosts import LOOPBACK, Listening, check_listening
from reviewer.open_server import find_server
from reviewer.serve import serve
from reviewer.standby import Standby
from reviewer.workspace import Workspace, create_workspace, open_workspace

DEFAULTS = BackboneConfig()

Host = Annotated[str, typer.Option(help="address to listen on; others than this machine's own need --auth")]
Port = Annotated[int, typer.Option(help="port; 0 takes a free one", min=0, max=65535)]
Browser = Annotated[bool, typer.Option("--browser/--no-browser", help="open the page")]
Annotator = Annotated[str | None, typer.Option(help="your name in the history; default: login name")]
Auth = Annotated[Path | None, typer.Option(help="people log in: the file that the command account writes")]
Names = Annotated[
    list[str] | None,
    typer.Option("--allow-host", help="a further name of the server, as in its address; may be repeated"),
]

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
    path_column: Annotated[str | None, typer.Option(help="column that names the image; guessed")] = None,
    label_column: Annotated[str | None, typer.Option(help="column that holds the label; guessed")] = None,
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
    if labels is not None:
        print(f"Paths are read from the column {source.path_column!r}, labels from {source.label_column!r}.")
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
    auth: Auth = None,
    allow_host: Names = None,
) -> None:
    """Open a workspace in the browser. `python -m reviewer WORKSPACE` is short for it."""
    listening = _listening(host, port, auth, allow_host, annotator)
    _show(open_workspace(workspace), listening, browser, annotator, context.obj)


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
    auth: Auth = None,
    allow_host: Names = None,
) -> None:
    """Open the demo: drawn pictures with wrong labels among them. It is made the first time."""
    listening = _listening(host, port, auth, allow_host, annotator)
    workspace = open_demo(folder)
    print(f"The demo's workspace is {workspace.root}.", flush=True)
    _show(workspace, listening, browser, annotator, context.obj)


@cli.command()
def start(
    host: Host = "127.0.0.1",
    port: Port = 7861,
    browser: Browser = True,
    annotator: Annotator = None,
    auth: Auth = None,
    allow_host: Names = None,
) -> None:
    """Open the start page: the demo, a workspace, or a new one. `python -m reviewer` is short for it."""
    listening = _listening(host, port, auth, allow_host, annotator)
    if listening.is_public:
        raise ReviewerError(
            "The start page browses the disk, so it is for this machine alone; name the workspace: "
            f"python -m reviewer WORKSPACE --auth {auth}."
        )
    _show(None, listening, browser, annotator)


def _listening(
    host: str, port: int, auth: Path | None, names: list[str] | None, annotator: str | None
) -> Listening:
    if auth is not None and annotator is not None:
        raise ReviewerError("With --auth everybody has the name of their account; leave --annotator out.")
    accounts = None if auth is None else Accounts(auth)
    return check_listening(Listening(host=host, port=port, names=tuple(names or ()), accounts=accounts))


def _show(
    workspace: Workspace | None,
    listening: Listening,
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
        if listening.host not in LOOPBACK:
            print(
                "Other machines reach it, and the connection is not encrypted: where others use the network, "
                "put it behind a TLS proxy.",
                flush=True,
            )
        if browser:
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()

    serve(workspace, listening, annotator or login_name(), announce, standby)


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


@cli.command()
def report(
    workspace: Annotated[Path, typer.Argument(help="folder of the workspace")],
    out: Annotated[Path, typer.Argument(help="HTML file to write")],
) -> None:
    """Write what was wrong, by class and by annotator, as one HTML file; also while the app is open."""

    save_report(open_workspace(workspace), out)
    print(f"{out} holds the report.")


@cli.command()
def log(
    workspace: Annotated[Path, typer.Argument(help="folder of the workspace")],
    out: Annotated[Path, typer.Argument(help="CSV file to write")],
) -> None:
    """Write every act of everybody as a table: who, when, from which screen, how long, undone ones too."""

    save_log(open_workspace(workspace), out)
    print(f"{out} holds the log.")


@cli.command()
def account(
    file: Annotated[Path, typer.Argument(help="file of the accounts; made the first time")],
    name: Annotated[str, typer.Argument(help="name of the person, as the history will have it")],
    remove: Annotated[bool, typer.Option("--remove", help="take the account away")] = False,
) -> None:
    """Let a person log in where the app is opened with --auth FILE, or give them another password."""

    if remove:
        remove_account(file, check_name(name))
        print(f"{name} can no longer log in.")
        return
    is_new = write_account(file, make_account(name, _ask_password(check_name(name))))
    print(f"{name} can log in now." if is_new else f"{name} has another password now.")


def _ask_password(name: str) -> str:
    """Return what is typed without an echo, twice the same, or the first line of what is piped in."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass(f"Password of {name}: ")
    if getpass.getpass("The same once more: ") != password:
        raise ReviewerError("The two passwords differ; nothing was changed.")
    return password


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
