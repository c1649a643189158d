"""The papers' tables, ours beside the printed figures, for the data and the weights that are here.

    python -m benchmarks.paper_tables FOLDER [--cells FOLDER] [--only deft-1,deft-7] [--seeds 0,1,2] [--list]

FOLDER holds data sets (.npz files or folders of `python -m engine prepare`, named as in
`paper_cells.DATASETS`) and weights of CLIP (files or open_clip directories, named like ViT-B-16), in itself
or in the folders in it. The accuracy on test data is that of a classifier, which learns what the detector
found clean; it takes the test split, too (`prepare … --split test`), of whose name "test" is a part. What is
not there keeps the printed figure alone; so do methods that are not ours (UNICON, RoLT, LongReMix, ProMix)
and figures that `evaluate` does not measure.

A cell is a table, data set, method, noise and seed, as `--list` names it; `--only` takes such names, their
beginnings up to a /, and patterns with *. Every cell is kept in the folder --cells as it ends, so that the
next start goes on behind it. Markdown goes to stdout, the rest to stderr.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from benchmarks.machine import circumstances
from benchmarks.paper_cells import Found, look, measured, task_of
from benchmarks.printed import COUNTS, Cell, Table, read_tables
from benchmarks.tasks import Task, compute, slug, state
from engine.datasets import read_dataset
from engine.evaluate import evaluate

CELLS = Path("paper-cells")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The tables that are shown; each cell by (table, number, seed), with its task or the reason for none."""

    tables: tuple[Table, ...]
    seeds: tuple[int, ...]
    tasks: Mapping[tuple[str, int, int], Task | str]

    def to_compute(self) -> list[Task]:
        """Return the tasks, table by table."""
        return [each for each in self.tasks.values() if isinstance(each, Task)]


def make_plan(
    tables: Sequence[Table],
    found: Found,
    seeds: Sequence[int],
    only: Sequence[str] = (),
    device: str = "auto",
) -> Plan:
    """Return what to show and to compute; a table of which `only` names no cell is left out."""
    tasks: dict[tuple[str, int, int], Task | str] = {}
    shown = []
    for table in tables:
        asked = {
            (table.id, number, seed): task_of(cell, found, seed, device)
            for number, cell in enumerate(table.cells)
            for seed in seeds
            if is_asked(name_of(cell, seed), only)
        }
        shown += [table] if asked else []
        tasks |= asked
    return Plan(tables=tuple(shown), seeds=tuple(seeds), tasks=tasks)


def name_of(cell: Cell, seed: int) -> str:
    """Return what `--list` and `--only` call a cell: deft-1/cifar-100/deft/sym-0.2/0."""
    first = [cell.facts.get(key, "any") for key in ("dataset", "method", "noise")]
    # What else tells it from the other cells of its table, such as the backbone or the figure.
    more = [value for key, value in cell.facts.items() if key not in ("dataset", "method", "noise", "model")]
    return "/".join([cell.table, *map(slug, first), *(slug(each) for each in more if slug(each)), f"{seed}"])


def is_asked(name: str, only: Sequence[str]) -> bool:
    """Return whether a pattern fits the name, or the name up to a /; without patterns all are asked for."""
    return not only or any(fnmatchcase(name, each) or fnmatchcase(name, f"{each}/*") for each in only)


# -- Markdown ------------------------------------------------------------------------------------------


def markdown(table: Table, plan: Plan, folder: Path) -> str:
    """Return a table: ours first, what the paper prints in brackets behind it."""
    lines = [f"### {table.title}", ""]
    if table.shared:
        lines += [", ".join(f"{key}: {value}" for key, value in table.shared.items()) + ".", ""]
    lines += [f"{note}" for note in table.notes] + ([""] if table.notes else [])
    lines.append(f"| {' | '.join([*table.heads, *table.columns])} |")
    lines.append("|---" * (len(table.heads) + len(table.columns)) + "|")
    sources, failures, number = dict[str, None](), dict[str, None](), 0
    for row in table.rows:
        texts = list(row.heads)
        for cell in row.cells:
            kept = _kept(table, number, plan, folder)
            texts.append(_text(cell, kept))
            sources |= dict.fromkeys(_source(each) for each in kept if each["state"] == "done")
            failures |= dict.fromkeys(each["message"] for each in kept if each["state"] == "failed")
            number += 1
        lines.append(f"| {' | '.join(texts)} |")
    below = [f"- {each}" for each in sources] + [f"- failed: {each}" for each in failures]
    return "\n".join([*lines, "", *below, *([""] if below else [])])


def _kept(table: Table, number: int, plan: Plan, folder: Path) -> list[dict[str, Any]]:
    tasks = [plan.tasks.get((table.id, number, seed)) for seed in plan.seeds]
    found = [state(each, folder) for each in tasks if isinstance(each, Task)]
    return [each for each in found if each is not None]


def _text(cell: Cell, kept: Sequence[Mapping[str, Any]]) -> str:
    results = [each["result"] for each in kept if each["state"] == "done"]
    printed = f"({cell.printed.replace('/', ' / ')})" if cell.printed != "-" else ""
    if results:
        own = " / ".join(
            _spread([measured(each, name) for each in results], 0 if name in COUNTS else 2)
            for name in cell.figures
        )
        return f"{own} {printed}".strip()
    return f"failed {printed}".strip() if kept else printed or "–"


def _spread(values: Sequence[float | None], digits: int) -> str:
    known = [each for each in values if each is not None]
    if not known:
        return "–"
    sd = f" ± {stdev(known):.{digits}f}" if len(known) > 1 else ""
    return f"{mean(known):.{digits}f}{sd}"


def _source(kept: Mapping[str, Any]) -> str:
    """Return where a figure of ours comes from, for the line below the table."""
    result, data = kept["result"], Path(kept["asked"]["data"]).name
    wrong = f"{result['noise_rate']:.3f} of {result['n_samples']:,} labels wrong"
    by = f"{result['detector']} with {Path(result['weights']).name}"
    source = f"{by} on {data}, {result['labels']} ({wrong}), seed {result['seed']}, {result['device']}"
    learned = result.get("classifier")
    if learned is None:
        return f"{source}."
    samples = "every sample" if learned["settings"]["samples"] == "all" else "what it selected"
    test = f"{Path(kept['asked']['test']).name} ({learned['n_test']:,} images)"
    return f"{source}; a classifier ({learned['adapter']}) on {samples}, measured on {test}."


def listing(plan: Plan, folder: Path) -> list[str]:
    """Return one line a cell: its name, and done, failed, to do, or why it stays the paper's."""
    lines = []
    cells = {table.id: table.cells for table in plan.tables}
    for (table, number, seed), task in plan.tasks.items():
        if isinstance(task, Task):
            kept = state(task, folder)
            words = "to do" if kept is None else kept["state"]
            words += f": {kept['message']}" if kept is not None and kept["state"] == "failed" else ""
        else:
            words = f"printed: {task}"
        lines.append(f"{name_of(cells[table][number], seed)}  {words}")
    return lines


# -- the command ---------------------------------------------------------------------------------------


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, help="where data sets and weights are")
    parser.add_argument("--cells", type=Path, default=CELLS, help="where finished cells are kept")
    parser.add_argument("--only", default="", help="tables or cells, with commas; patterns with *")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--list", action="store_true", help="say what there is to do, and do none of it")
    asked = parser.parse_args(words)
    if not asked.folder.is_dir():
        parser.error(f"{asked.folder} is no folder; it holds data sets and weights.")
    only = [each.strip() for each in asked.only.split(",") if each.strip()]
    seeds = [int(each) for each in asked.seeds.split(",")]
    plan = make_plan(read_tables(), look(asked.folder.resolve()), seeds, only, asked.device)
    if not plan.tables:
        parser.error(f"--only is {asked.only!r}, which names no cell; --list shows their names.")
    if asked.list:
        print("\n".join(listing(plan, asked.cells)))
        return
    compute(plan.to_compute(), asked.cells, evaluate, read_dataset, asked.cells / "cache")
    print(circumstances())
    print("\nOurs, and what the paper prints (in brackets).\n")
    print("\n".join(markdown(table, plan, asked.cells) for table in plan.tables))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
