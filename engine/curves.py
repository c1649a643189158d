"""How a training went, epoch by epoch: curves as columns, and what papers call best and last (methods §11).

Every detector that trains reports one event an epoch (`engine.training`); a run directory keeps them in
`events.jsonl`, `evaluate` listens to them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.artifacts import read_events

LAST_EPOCHS = {"avl_prompter": 10}
"""Over how many final epochs "last" is a mean, where it is not the final one alone: AVL-Prompter's tables."""

JUDGED = ("accuracy", "top1", "top5", "precision", "recall", "f1", "auroc", "average_precision")
"""Figures that true labels are needed for, the higher the better; of others no epoch is the best."""

Column = list[float | None]


@dataclass(frozen=True, kw_only=True)
class BestLast:
    """The two ends of a curve, as the papers' tables print them.

    best_on_test: the highest figure of any epoch, best_epoch its number: which one it is nobody knows without
    the true labels. last: the mean over the final n_last epochs.
    """

    best_on_test: float
    best_epoch: int
    last: float | None
    n_last: int


def read_curves(run_dir: Path) -> dict[str, Column]:
    """Return the curves of the run in `run_dir` so far; {} where no epoch is over."""
    return columns(each for each in read_events(run_dir) if _is_epoch(each))


def _is_epoch(event: Any) -> bool:
    return isinstance(event, dict) and event.get("event") == "epoch"


def columns(rows: Iterable[Mapping[str, Any]]) -> dict[str, Column]:
    """Return one column a figure, all of one length: "epoch", "loss", "losses.pair", "figures.margin", …

    rows: one mapping an epoch, with its number as `epoch`, in the order in which they were told. A training
    that was taken up again, or begun anew, tells some epochs twice: an epoch overrules what was told of
    itself and of later ones. Only numbers are kept; where an epoch lacks one, it is None.
    """
    kept: list[dict[str, float]] = []
    for row in rows:
        figures = _numbers(row)
        if "epoch" in figures:
            kept = [*(each for each in kept if each["epoch"] < figures["epoch"]), figures]
    names = dict.fromkeys(name for each in kept for name in each)
    return {name: [each.get(name) for each in kept] for name in names}


def _numbers(row: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    found: dict[str, float] = {}
    for name, value in row.items():
        if isinstance(value, Mapping):
            found |= _numbers(value, f"{prefix}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool) and name not in ("time", "of"):
            found[prefix + name] = value
    return found


def best_and_last(values: Sequence[float | None], n_last: int = 1) -> BestLast | None:
    """Return both ends of one curve; None where no epoch has the figure.

    values: one an epoch, the higher the better. Of several best epochs the first counts. An epoch without the
    figure is no candidate and in no mean.
    """
    known = [(value, -epoch) for epoch, value in enumerate(values, start=1) if value is not None]
    if not known:
        return None
    best, epoch = max(known)
    final = [value for value in values[-n_last:] if value is not None]
    return BestLast(
        best_on_test=best,
        best_epoch=-epoch,
        last=sum(final) / len(final) if final else None,
        n_last=len(final),
    )


def judged(curves: Mapping[str, Sequence[float | None]], detector: str) -> dict[str, BestLast]:
    """Return the ends of every curve that is a figure against the true labels, by name."""
    n_last = LAST_EPOCHS.get(detector, 1)
    ends = {
        name: best_and_last(column, n_last)
        for name, column in curves.items()
        if name.split(".")[-1].removeprefix("test_") in JUDGED
    }
    return {name: each for name, each in ends.items() if each is not None}
