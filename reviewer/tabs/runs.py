"""The runs tab: start a detector, follow it, stop it. What it shows comes from the run directories alone."""

import html
import inspect

import gradio as gr

from engine.config import DETECTORS
from engine.errors import EngineError
from reviewer import jobs
from reviewer.desk import Desk
from reviewer.jobs import RunView
from reviewer.watch import STAGES, Watcher

N_SHOWN = 20


def build(desk: Desk, watcher: Watcher) -> None:
    """Add the tab to the page that is being built."""
    choices = [(_first_sentence(settings), name) for name, settings in DETECTORS.items()]
    gr.Markdown(
        "A run looks at every image and says how likely each given label is right. "
        "The newest one orders the cards."
    )
    with gr.Row(equal_height=True):
        detector = gr.Radio(choices, value=choices[0][1], label="Detector", interactive=True, scale=4)
        with gr.Column(scale=1, min_width=160):
            start = gr.Button("Start run", variant="primary", elem_id="start-run")
            stop = gr.Button("Stop", elem_id="stop-run", interactive=False)
    table = gr.HTML(runs_table(desk), elem_id="runs-table")
    threshold = gr.Slider(
        0.05,
        0.95,
        value=desk.threshold,
        step=0.05,
        interactive=True,
        label="Flag a sample when the probability that its label is right is below",
    )
    timer = gr.Timer(1.0)

    def refresh() -> tuple[str, dict]:
        return runs_table(desk), gr.update(interactive=bool(running(desk)))

    def start_run(name: str) -> tuple[str, dict]:
        try:
            if running(desk):
                raise EngineError("A run is at work already; wait for it or stop it first.")
            watcher.start(name)
        except EngineError as error:
            gr.Warning(html.escape(str(error)))
        return refresh()

    def stop_run() -> tuple[str, dict]:
        try:
            for view in running(desk):
                jobs.stop(desk.workspace.runs / view.run_id)
        except EngineError as error:
            gr.Warning(html.escape(str(error)))
        return refresh()

    outputs = [table, stop]
    hidden = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}
    timer.tick(refresh, outputs=outputs, **hidden)
    start.click(start_run, inputs=detector, outputs=outputs, **hidden)
    stop.click(stop_run, outputs=outputs, **hidden)
    threshold.release(desk.write_threshold, inputs=threshold, **hidden)


def running(desk: Desk) -> list[RunView]:
    """Return the runs that are at work."""
    views = [jobs.read_run(d) for d in jobs.run_directories(desk.workspace)[:N_SHOWN]]
    return [view for view in views if view.status.state == "running"]


def runs_table(desk: Desk) -> str:
    """Return the table of runs as HTML; every value in it is escaped."""
    views = [jobs.read_run(d) for d in jobs.run_directories(desk.workspace)[:N_SHOWN]]
    if not views:
        return "<p>No run yet. The first one starts by itself when the app opens.</p>"
    active = desk.ranking.run.run_id if desk.ranking.run else None
    rows = "".join(_row(view, view.run_id == active) for view in views)
    head = "<tr><th>Run</th><th>Detector</th><th>State</th><th>What it says</th></tr>"
    return f'<table class="runs"><thead>{head}</thead><tbody>{rows}</tbody></table>'


def _row(view: RunView, is_active: bool) -> str:
    mark = '<span class="mark">orders the cards</span>' if is_active else ""
    cells = (html.escape(view.run_id), html.escape(view.detector), view.status.state + mark, _words(view))
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _words(view: RunView) -> str:
    if view.status.state == "running":
        label = html.escape(STAGES.get(view.stage, "starting"))
        if view.of:
            return (
                f'<progress max="{int(view.of)}" value="{int(view.done or 0)}"></progress> '
                f"{label}, {int(view.done or 0):,} of {int(view.of):,}"
            )
        return f"<progress></progress> {label}"
    if view.status.state == "done":
        faults = f", {view.n_faults:,} images could not be read" if view.n_faults else ""
        took = f"{view.n_samples or 0:,} samples in {view.seconds or 0:.1f} s{faults}"
        return html.escape(f"{took}. {view.reason[:1].upper()}{view.reason[1:]}")
    return html.escape(view.status.message)


def _first_sentence(settings: type) -> str:
    return (inspect.getdoc(settings) or settings.__name__).split("\n")[0]
