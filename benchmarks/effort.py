"""How many decisions until the labels are right: a simulated annotator works through the queue.

    python -m benchmarks.effort [--data cifar|demo|all] [--detector transition] [--every 25] [--seeds 5]
        [--labels sym40,sym20,c10n_worse,pair40,c10n_aggre] [--plots FOLDER]

The annotator keeps, relabels, or marks out of scope or bad, as the truth has it. The measure is the label
accuracy (the share of samples in their true state, undecided ones with their given label) against the number
of decisions, in these orders:

    oracle               all wrong labels first
    re-ranked            the app's queue, its EM run again on the decisions after every EVERY of them
    static               the app's queue as it is before the first decision
    cleanlab, probe      cleanlab's self-confidence on out-of-fold probabilities of the engine's linear probe
                         (logistic regression, 5 folds) on the same frozen features
    cleanlab, zero-shot  the same on CLIP's zero-shot probabilities
    random               no order

The queue comes from a real workspace, a real run of the detector, and the app's `rank` and `next_positions`.
Then the same on contact sheets, in acts (`benchmarks.sheet_acts`): on the sheet of everything, and on those
of the class table's cells first.
Needs the group `bench` (pip install -c constraints.txt -e '.[bench]').
"""

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import annotator
from benchmarks.chart import Line, Panel, draw
from benchmarks.known_truth import LABEL_SETS, NAMES, STATES, Task, tasks_of
from benchmarks.machine import circumstances
from benchmarks.sheet_acts import Annotator, acts_to
from reviewer.desk import Desk
from reviewer.store import Store
from reviewer.workspace import open_workspace

LEVELS = (0.95, 0.98, 0.99)
FOLDS = 5
Y_END = 0.996  # of the charts; above it the last few labels would take half the height
COLOURS = {
    "oracle": (0, ""),
    "re-ranked": (1, ""),
    "static": (2, ""),
    "cleanlab, probe": (3, ""),
    "cleanlab, zero-shot": (4, ""),
    "random": (5, "2 3"),
}


# -- orders --------------------------------------------------------------------------------------------


def orders(task: Task, every: int, seeds: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (method, order); a method that draws comes once for each seed."""
    from engine.probe import fold_of, out_of_fold  # torch

    decide = annotator.truthful(task.names, task.given, task.truth)
    yield "oracle", annotator.oracle_order(task.given, task.truth)
    yield "re-ranked", annotator.reranked_order(task.samples, task.run, decide, every)
    yield "static", annotator.static_order(task.samples, task.run)
    for seed in range(seeds):
        fold = fold_of(task.samples.sample_ids.tolist(), FOLDS, seed)
        probs = out_of_fold(task.features, task.given, len(task.names), fold)
        yield "cleanlab, probe", annotator.self_confidence_order(task.given, probs)
    yield "cleanlab, zero-shot", annotator.self_confidence_order(task.given, task.zero_shot)
    for seed in range(seeds):
        yield "random", annotator.random_order(len(task.given), seed)


def curves(task: Task, every: int, seeds: int) -> dict[str, np.ndarray]:
    """Return the accuracy curves of each method, (seeds or 1, N + 1)."""
    decide = annotator.truthful(task.names, task.given, task.truth)
    found: dict[str, list[np.ndarray]] = {}
    for method, order in orders(task, every, seeds):
        curve = annotator.accuracy_curve(order, task.given, task.truth, task.names, decide)
        found.setdefault(method, []).append(curve)
    return {method: np.stack(each) for method, each in found.items()}


# -- contact sheets --------------------------------------------------------------------------------------


def acts_of(task: Task, *, cells_first: bool) -> list[tuple[int, int]]:
    """Return the steps of an annotator on contact sheets, at a copy of the workspace."""
    words = {number: word for word, number in STATES.items()}
    truth = [words.get(k) or task.names[k] for k in task.truth.tolist()]
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(task.root, Path(folder) / "copy", ignore=shutil.ignore_patterns("cache"))
        workspace = open_workspace(Path(folder) / "copy")
        with Store(workspace.database) as store:
            desk = Desk(workspace, store, "simulated")
            try:
                at_work = Annotator(desk, truth)
                at_work.work(cells_first=cells_first)
            finally:
                desk.close()
    return at_work.steps


def acts_rows(task: Task, found: dict[str, np.ndarray]) -> list[str]:
    """Return the rows of the table of acts, "÷ oracle" over the oracle's decisions to the last level."""
    oracle = annotator.decisions_to(found["oracle"][0], LEVELS[-1])
    rows = []
    for name, cells_first in (("everything", False), ("cells first", True)):
        steps = acts_of(task, cells_first=cells_first)
        needed = [acts_to(steps, len(task.given), level) for level in LEVELS]
        ratio = "never" if needed[-1] is None or oracle is None else f"{needed[-1] / oracle:.2f}"
        cells = " | ".join("never" if each is None else f"{each:,}" for each in needed)
        rows.append(f"| {task.name} | | sheets, {name} (acts) | {cells} | {ratio} |")
    return rows


# -- results -------------------------------------------------------------------------------------------


def summary(found: dict[str, np.ndarray]) -> dict[str, dict[str, list[float]]]:
    """Return, for each method and level, the decisions of each seed; "ratio": at the last level ÷ oracle."""
    result: dict[str, dict[str, list[float]]] = {}
    for method, each in found.items():
        needed = {level: [annotator.decisions_to(curve, level) for curve in each] for level in LEVELS}
        result[method] = {
            f"{level:.0%}": [float(count) for count in counts if count is not None]
            for level, counts in needed.items()
        }
    last = f"{LEVELS[-1]:.0%}"
    best = result["oracle"][last][0]
    for each in result.values():
        each["ratio"] = [count / best for count in each[last]]
    return result


def spread(values: list[float], digits: int) -> str:
    """Return the mean, with ± the standard deviation where there are several; "never" where there is none."""
    if not values:
        return "never"
    mean = f"{np.mean(values):,.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {np.std(values, ddof=1):,.{digits}f}"


def table_rows(task: Task, found: dict[str, np.ndarray]) -> list[str]:
    start = f"{found['oracle'][0, 0]:.1%}"
    rows = []
    for method, each in summary(found).items():
        cells = [spread(values, 2 if key == "ratio" else 0) for key, values in each.items()]
        rows.append(f"| {task.name} | {start} | {method} | {' | '.join(cells)} |")
        start = ""
    return rows


def panel(task: Task, found: dict[str, np.ndarray]) -> Panel:
    """Return the chart, to where the slowest order but random is at the last level."""
    reached = summary(found)
    last = f"{LEVELS[-1]:.0%}"
    slowest = max(np.mean(each[last]) for method, each in reached.items() if method != "random")
    x_end = min(int(1.04 * slowest), len(task.given))
    start = float(found["oracle"][0, 0])
    lines = [
        Line(name=method, y=each.mean(axis=0), colour=COLOURS[method][0], dash=COLOURS[method][1])
        for method, each in found.items()
    ]
    title = f"{task.name}: {1 - start:.1%} of {len(task.given):,} labels wrong"
    return Panel(title=title, lines=lines, x_end=x_end, y_from=start, y_end=Y_END, level=LEVELS[-1])


def measure(tasks: Iterator[Task], every: int, seeds: int) -> tuple[list[Panel], dict[str, Any]]:
    """Print the rows of each task; return its chart and its figures."""
    panels, figures = [], {}
    for task in tasks:
        start = time.monotonic()
        found = curves(task, every, seeds)
        print("\n".join([*table_rows(task, found), *acts_rows(task, found)]), flush=True)
        panels.append(panel(task, found))
        figures[task.name] = {
            "start": float(found["oracle"][0, 0]),
            "posterior": task.notes["posterior"],
            "temperature": task.notes["temperature"],
            "noise_rate": task.notes["noise_rate"],
            "methods": summary(found),
            "curves": {method: each.mean(axis=0).round(5).tolist() for method, each in found.items()},
            "seconds": round(time.monotonic() - start, 1),
        }
    return panels, figures


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", choices=(*NAMES, "all"), default="all")
    parser.add_argument("--detector", default="transition", help="whose run orders the queue")
    parser.add_argument("--labels", default=",".join(LABEL_SETS), help="of the CIFAR sample")
    parser.add_argument("--every", type=int, default=25, help="decisions between two rankings")
    parser.add_argument("--seeds", type=int, default=5, help="of the random order and of the probe's folds")
    parser.add_argument("--json", type=Path, help="file for figures and curves")
    parser.add_argument("--plots", type=Path, help="folder for the charts")
    options = parser.parse_args()
    print(circumstances())
    print(f"\nre-ranked after every {options.every} decisions; {options.seeds} seeds\n")
    print(f"| labels | at start | order | {' | '.join(f'to {level:.0%}' for level in LEVELS)} | ÷ oracle |")
    print("|---|---|---|---|---|---|---|")
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for data in NAMES if options.data == "all" else (options.data,):
            tasks = tasks_of(data, Path(folder), options.detector, options.labels.split(","))
            panels, found = measure(tasks, options.every, options.seeds)
            figures |= found
            if options.plots:
                options.plots.mkdir(parents=True, exist_ok=True)
                drawn = draw(panels, x_name="decisions", y_name="label accuracy")
                (options.plots / f"effort-{NAMES[data]}.svg").write_text(drawn, encoding="utf-8")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
