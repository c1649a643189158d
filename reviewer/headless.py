"""What the command line does without the web interface."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from engine.artifacts import read_status
from reviewer import jobs, queries
from reviewer.desk import Desk
from reviewer.errors import ReviewerError
from reviewer.export import COLUMNS
from reviewer.log_table import log_table
from reviewer.open_server import fetch, find_server, write_whole
from reviewer.opinions import agreed
from reviewer.report import write_report
from reviewer.server import export_rows
from reviewer.store import Store
from reviewer.workspace import Workspace


def export_table(workspace: Workspace, out: Path) -> int:
    """Write the corrected table to `out`, from the running server where there is one.

    Returns how many columns were appended. `out` appears whole or not at all.
    """
    _write(workspace, "export.csv", export_rows, out)
    return len(COLUMNS)


def save_report(workspace: Workspace, out: Path) -> None:
    """Write the report of a workspace to `out`, likewise."""
    _write(workspace, "report.html", lambda desk: [write_report(desk).encode("utf-8")], out)


def save_log(workspace: Workspace, out: Path) -> None:
    """Write the log of a workspace to `out`, likewise."""
    _write(workspace, "log.csv", lambda desk: log_table(desk.store.cursor()), out)


def _write(workspace: Workspace, name: str, chunks_of: Callable[[Desk], Iterable[bytes]], out: Path) -> None:
    """Write what a server gives by this name, and an open workspace as chunks."""
    if out.is_dir():
        raise ReviewerError(f"{out} is a folder; name the file to write.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        running = find_server(workspace)
        if running is not None:
            fetch(running["url"], name, out, str(running.get("key", "")))
            return
        with Store(workspace.database) as store:
            desk = Desk(workspace, store, "")
            try:
                write_whole(out, chunks_of(desk))
            finally:
                desk.close()
    except OSError as error:
        raise ReviewerError(f"{out} cannot be written ({error}); choose another place.") from error


def run_detector(workspace: Workspace, detector: str) -> str:
    """Run a detector to its end, take its scores in, and return a sentence about it."""
    running = find_server(workspace)
    if running is not None:
        raise ReviewerError(
            f"{workspace.root} is open at {running['url']} (process {running['pid']}); start the run in its "
            "runs tab, or stop the app first."
        )
    with Store(workspace.database) as store:
        samples = queries.read_samples(store.cursor())
        decisions = agreed(
            queries.read_current_decisions(store.cursor()), queries.read_opinions(store.cursor())
        )
        run_dir = jobs.prepare(workspace, samples, decisions, detector)
        process = jobs.start(run_dir)
        try:
            process.wait()
        except KeyboardInterrupt:
            process.terminate()
            process.wait()
        status = read_status(run_dir)
        if status.state != "done":
            print(f"See {run_dir / 'log.txt'}.", file=sys.stderr)
            raise ReviewerError(status.message or f"The run {run_dir.name} ended without a result.")
        jobs.import_run(run_dir, store)
        view = jobs.read_run(run_dir)
        return f"{view.run_id}: {view.n_samples:,} samples in {view.seconds:.1f} s. {view.reason}"
