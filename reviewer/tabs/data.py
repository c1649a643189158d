"""The data tab: what was imported, what was wrong with it, and the way out."""

import html

import gradio as gr

from engine.backbones import FOR_PHOTOS, find_backbone, find_downloaded
from engine.config import BUNDLED, BackboneConfig
from reviewer import queries
from reviewer.demo import is_demo
from reviewer.desk import Desk
from reviewer.report import key_figures
from reviewer.workspace import FILE, Workspace

EXPORT = (
    '<a class="export" href="/export.csv" download>Download the corrected table</a>'
    "<p>Your table, row for row and byte for byte, with the corrected label and its history appended. "
    "The same from a terminal: <code>python -m reviewer export WORKSPACE OUT.csv</code></p>"
)
REPORT = (
    '<a class="report" href="/report.html" target="_blank" rel="noopener">Open the report</a>'
    "<p>What was wrong, where and by whose eyes, as one page to keep or to send. From a terminal: "
    "<code>python -m reviewer report WORKSPACE OUT.html</code></p>"
)


def build() -> tuple[gr.HTML, gr.Dataframe, gr.Dataframe, gr.HTML]:
    """Add the tab to the page that is being built; return what `refresh` fills."""
    with gr.Row():
        with gr.Column(scale=1):
            summary = gr.HTML(elem_id="data-summary")
            gr.HTML(EXPORT, elem_id="export")
            figures = gr.HTML(elem_id="report-figures")
        with gr.Column(scale=2):
            classes = gr.Dataframe(
                headers=["class", "samples", "relabelled away"],
                datatype=["str", "number", "number"],
                interactive=False,
                max_height=480,
                label="Classes",
            )
            report = gr.Dataframe(
                headers=["found", "row", "file", "problem"],
                datatype=["str", "str", "str", "str"],
                interactive=False,
                max_height=320,
                label="Import report",
                elem_id="import-report",
                visible=False,
            )
    return summary, classes, report, figures


def refresh(desk: Desk) -> tuple[str, list[list], gr.Dataframe, str]:
    """Return the summary (HTML), the class table, the import report (hidden if empty), the figures (HTML)."""
    cursor = desk.store.cursor()
    classes = [list(row) for row in queries.read_class_counts(cursor)]
    report = [
        [stage, "" if fault.source_row is None else str(fault.source_row + 1), fault.path, fault.problem]
        for stage, fault in queries.read_faults(cursor)
    ]
    shown = gr.Dataframe(value=report, visible=bool(report))
    return _summary(desk, queries.read_fault_count(cursor)), classes, shown, _figures(desk)


def _figures(desk: Desk) -> str:
    board = desk.board()
    told = desk.forecast.told(board, by_class=False)
    # What nobody has said so far needs no tile here; the report has them all.
    shown = [(word, count) for word, count in key_figures(board, told) if count or word == "decided"]
    tiles = "".join(f"<li><b>{count:,}</b>{html.escape(word)}</li>" for word, count in shown)
    said = "".join(f"<p>{html.escape(told[key])}</p>" for key in ("errors", "stop") if told[key])
    return f"<h2>Report</h2><ul>{tiles}</ul>{said}{REPORT}"


def _summary(desk: Desk, n_faults: int) -> str:
    progress = desk.progress()
    left_out = sum(1 for problem in desk.samples.problems if problem is not None)
    backbone, advice = backbone_words(desk.workspace)
    facts = [
        ("Workspace", str(desk.workspace.root)),
        ("Images", str(desk.workspace.image_root)),
        ("Rows", f"{len(desk.samples):,}" + (f", {left_out:,} cannot be reviewed" if left_out else "")),
        ("Classes", f"{len(desk.workspace.class_names):,}"),
        ("Backbone", backbone),
        ("Decided", _decided(progress)),
        ("Import report", f"{n_faults:,} lines" if n_faults else "nothing to report"),
    ]
    rows = "".join(f"<dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd>" for k, v in facts)
    return f"<dl>{rows}</dl>" + (f'<p class="advice">{html.escape(advice)}</p>' if advice else "")


def backbone_words(workspace: Workspace) -> tuple[str, str]:
    """Return which backbone looks at the images; and what to do where it will not do, else ""."""
    config = workspace.config.backbone
    if config.weights == BUNDLED:
        if is_demo(workspace):
            return "the bundled model, which knows the drawn world of this demo and no other", ""
        better = FOR_PHOTOS[0]
        return "the bundled model", (
            "The bundled model knows only the drawn world of the demo and is of no use for photos. To take "
            f'another, write model = "{better.model}" and weights = "{better.weights}" under [backbone] in '
            f"{workspace.root / FILE}, {_fetch(better.config)} ({better.megabytes:,} MB), open the workspace "
            "again and start a run."
        )
    known = find_backbone(config.model, config.weights)
    if known is None:
        return f"{config.model}, weights {config.weights}", ""
    advice = ""
    if find_downloaded(known) is None:
        advice = f"Its weights are not on this computer: {_fetch(config)} ({known.megabytes:,} MB)."
    return f"{known.model}, weights {known.weights}", advice


def _fetch(config: BackboneConfig) -> str:
    return f"fetch them with python -m engine fetch --model {config.model} --weights {config.weights}"


def _decided(progress: dict) -> str:
    parts = [f"{progress[word]:,} {word.replace('_', ' ')}" for word in STATUS_WORDS if progress[word]]
    return f"{progress['decided']:,}" + (f" ({', '.join(parts)})" if parts else "")


STATUS_WORDS = ("kept", "relabelled", "ambiguous", "out_of_scope", "bad_image", "skipped")
