"""How many errors are left, and when to stop: does the 95 % interval hold?

    python -m benchmarks.stop [--reviews 2000] [--seeds 50] [--cache FOLDER] [--json FILE]

Simulated reviews of 1,000 to 5,000 samples of cifar10n-5k, each stopped after 100 to 1,500 decisions, at most
80 % of the samples, with 5 % and with 10 % of audit cards. Five kinds of labels: three of people (random1,
aggre, worse), symmetric 40 %, and noise planted anew in each problem (symmetric, pair, or a random confusion,
3 to 40 %). Choices were made on random1, aggre and planted; worse and sym40 were scored once.

The probabilities are those of a real run of `transition`, the order is the app's `rank`, again after every 50
cards, audits by `reviewer.audit`, the interval by `reviewer.estimate`. What passes does not depend on who is
audited, so twenty reviews share one order. Beside the shipped interval: the same without p_clean (audits
alone, Jeffreys' prior), and what becomes of it when passed audits are counted as if they were open.

Then the calibration error (10 bins) of p_clean on the undecided of all 5,000 after 300 decisions, 10 % of
them audits, over SEEDS drawings, and after 50, 100 and 300 without audits.
"""

import argparse
import json
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import circumstances
from benchmarks.reviews import MOST, Problem, drawn, find_order, load_problems, reviewed
from reviewer import estimate, stopping
from reviewer.audit import Review

TASKS = ("random1", "aggre", "planted", "worse", "sym40")
RATES = (0.05, 0.10)
PER_ORDER = 20  # reviews that share an order
CALIBRATED = ((300, 0.10), (50, 0.0), (100, 0.0), (300, 0.0))  # (decisions, share of audits)
GOAL = 0.01
PLANTED = 8  # problems whose calibration is measured
SEEDS = 16  # of workspaces; each draws differently for each number of samples


# -- reviews -----------------------------------------------------------------------------------------


def measure(review: Review) -> dict[str, float]:
    """Return how each interval does on one review."""
    truth = int(review.wrong[review.undecided].sum())
    calibration = estimate.fit_calibration(review)
    left = estimate.errors_left(review, calibration)
    found = {"truth": truth, "error": left.total.point - truth, "audits": left.audits}
    blank = np.full(len(review.given), np.nan)
    others = {
        "shipped": left.total,
        "alone": _total(replace(review, p_clean=blank, shown=blank)),
        "forgets": _total(replace(review, passed=review.passed & ~review.audited)),
    }
    for name, total in others.items():
        found |= {f"{name}_holds": total.low <= truth <= total.high, f"{name}_width": total.high - total.low}
    found |= {"below": truth < left.total.low, "above": truth > left.total.high}
    classes = estimate.class_errors_left(review, calibration)
    truths = np.bincount(review.given[review.undecided & review.wrong], minlength=review.n_classes)
    found["class_holds"] = np.mean([c.low <= t <= c.high for c, t in zip(classes, truths, strict=True)])
    found["class_width"] = np.mean([c.high - c.low for c in classes])
    found["stops"] = stopping.may_stop(left, GOAL)
    found["stops_early"] = found["stops"] and truth > GOAL * left.samples
    return {key: float(value) for key, value in found.items()}


def _total(review: Review) -> estimate.Interval:
    return estimate.errors_left(review, estimate.fit_calibration(review)).total


def reviews(problems: dict[str, Problem], task: str, count: int) -> Iterator[tuple[float, dict[str, float]]]:
    """Yield (rate, figures) of `count` reviews at each rate."""
    for number in range(-(-count // PER_ORDER)):
        rng = np.random.default_rng((TASKS.index(task), number))
        problem = drawn(problems, task, rng)
        most = min(MOST, int(0.8 * len(problem.given)))
        # As many may pass unseen as there are audits.
        order = find_order(problem, min(len(problem.given), int(most * (1 + max(RATES)))))
        for _ in range(min(PER_ORDER, count - number * PER_ORDER)):
            stop, seed = int(rng.integers(100, most + 1)), int(rng.integers(SEEDS))
            for rate in RATES:
                yield rate, measure(reviewed(problem, order, seed, rate, stop))


# -- calibration --------------------------------------------------------------------------------------


def calibration_error(p_clean: np.ndarray, right: np.ndarray) -> float:
    """Return the expected calibration error over 10 bins of equal width."""
    bins = np.minimum((p_clean * 10).astype(np.int64), 9)
    gaps = np.bincount(bins, p_clean, minlength=10) - np.bincount(bins, right, minlength=10)
    return float(np.abs(gaps).sum() / len(p_clean))


def calibration_problems(problems: dict[str, Problem], tasks: Iterable[str]) -> Iterator[tuple[str, Problem]]:
    """Yield the label sets with all their samples, and some with planted noise, by name."""
    for task in tasks:
        if task in problems:
            yield task, problems[task]
            continue
        for seed in range(PLANTED):
            yield f"{task} {seed}", drawn(problems, task, np.random.default_rng(seed))


def calibration_errors(problem: Problem, seeds: int, decisions: int, rate: float) -> dict[str, list[float]]:
    """Return the errors on the undecided after so many decisions, (seeds,) each, or (1,) without audits."""
    order = find_order(problem, decisions * 2)
    found: dict[str, list[float]] = {"first": [], "em": [], "recalibrated": []}
    for seed in range(seeds if rate else 1):
        review = reviewed(problem, order, seed, rate, decisions)
        left = review.undecided
        recalibrated = estimate.fit_calibration(review).p_clean(review.p_clean)
        for name, p_clean in (
            ("first", order.p_clean[0]),
            ("em", review.p_clean),
            ("recalibrated", recalibrated),
        ):
            found[name].append(calibration_error(p_clean[left], ~problem.wrong[left]))
    return found


# -- results ------------------------------------------------------------------------------------------


def row(name: str, rate: float, found: list[dict[str, float]]) -> str:
    mean = {key: float(np.mean([each[key] for each in found])) for key in found[0]}
    stops = sum(each["stops"] for each in found)
    cells = [
        f"{mean['audits']:.0f}",
        f"{mean['truth']:.0f}",
        f"{mean['error']:+.1f}",
        f"{mean['shipped_holds']:.1%}",
        f"{mean['below']:.1%} / {mean['above']:.1%}",
        f"{mean['shipped_width']:.0f}",
        f"{mean['alone_holds']:.1%}, {mean['alone_width']:.0f}",
        f"{mean['forgets_holds']:.1%}",
        f"{mean['class_holds']:.1%}, {mean['class_width']:.0f}",
        f"{stops:.0f}, {sum(each['stops_early'] for each in found):.0f}",
    ]
    return f"| {name} | {rate:.0%} | {len(found):,} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--reviews", type=int, default=2000, help="at each rate, over the five kinds of labels"
    )
    parser.add_argument("--seeds", type=int, default=50, help="drawings of audits for the calibration error")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "labelsieve-stop")
    parser.add_argument("--tasks", nargs="*", choices=TASKS, default=TASKS)
    parser.add_argument("--json", type=Path, help="file for the figures of every review")
    options = parser.parse_args()
    problems = load_problems(options.cache)
    print(circumstances())
    print(
        "\n| labels | audits | reviews | open audits | errors left | point − truth | holds "
        "| truth below / above | width | without p_clean: holds, width | forgets what passed: holds "
        "| per class: holds, width | said stop, of them above 1 % |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|---|---|", flush=True)
    figures: dict[Any, Any] = {rate: {} for rate in RATES}
    for task in options.tasks:
        for rate, found in reviews(problems, task, options.reviews // len(options.tasks)):
            figures[rate].setdefault(task, []).append(found)
        print("\n".join(row(task, rate, figures[rate][task]) for rate in RATES), flush=True)
    for rate in RATES:
        print(row("all", rate, [found for each in figures[rate].values() for found in each]))
    print("\n| labels | decisions, audits | calibration error before any | EM with them | recalibrated |")
    print("|---|---|---|---|---|")
    for decisions, rate in CALIBRATED:
        for task, problem in calibration_problems(problems, options.tasks):
            errors = calibration_errors(problem, options.seeds, decisions, rate)
            figures.setdefault("calibration", {})[f"{task} {decisions} {rate:g}"] = errors
            cells = [f"{np.mean(each):.3f} ± {np.std(each):.3f}" for each in errors.values()]
            print(f"| {task} | {decisions}, {rate:.0%} | {' | '.join(cells)} |", flush=True)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
