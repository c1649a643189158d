"""Simulated reviews of cifar10n-5k by the app's own queue and audits, many of them on one order.

What passes does not depend on who is audited, so an order is found once and reviewed with many drawings.
"""

import tempfile
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from benchmarks import annotator
from benchmarks.known_truth import cifar_tasks
from engine.artifacts import Neighbours
from reviewer import audit
from reviewer.audit import Review
from reviewer.decisions import Decision
from reviewer.queries import Samples
from reviewer.queue import RunArrays, rank

LABELS = {"random1": "c10n_random1", "aggre": "c10n_aggre", "worse": "c10n_worse", "sym40": "sym40"}
EVERY = 50  # cards between two rankings
MOST = 1500  # decisions


@dataclass(frozen=True, kw_only=True)
class Problem:
    """n samples of K classes. probs: (n, K) float32; given, truth: (n,) class index."""

    names: tuple[str, ...]
    probs: np.ndarray
    given: np.ndarray
    truth: np.ndarray
    alpha: float

    @property
    def wrong(self) -> np.ndarray:
        """(n,) bool."""
        return self.given != self.truth


@dataclass(frozen=True, kw_only=True)
class Order:
    """What passes, in order, (m,), and the p_clean at each ranking: before 0, 50, 100, … passed."""

    passes: np.ndarray
    p_clean: list[np.ndarray]


# -- data ---------------------------------------------------------------------------------------------


def load_problems(cache: Path) -> dict[str, Problem]:
    """Return the label sets, from real runs of `transition`; the cache keeps what they found."""
    cache.mkdir(parents=True, exist_ok=True)
    if any(not (cache / f"{name}.npz").is_file() for name in LABELS):
        _run_detector(cache)
    problems = {}
    for name in LABELS:
        with np.load(cache / f"{name}.npz") as data:
            names = tuple(str(each) for each in data["names"])
            arrays = {key: data[key] for key in ("probs", "given", "truth")}
            problems[name] = Problem(names=names, alpha=float(data["alpha"]), **arrays)
    return problems


def _run_detector(cache: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        tasks = cifar_tasks(Path(folder), "transition", LABELS.values())
        for name, task in zip(LABELS, tasks, strict=True):
            # Planted noise goes under probabilities that saw no labels.
            if task.notes["posterior"] != "zero_shot":
                raise RuntimeError(f"{name}: the run used the posterior {task.notes['posterior']!r}.")
            np.savez(
                cache / f"{name}.npz",
                probs=task.run.probs[task.run.row_at].astype(np.float32),
                given=task.given,
                truth=task.truth,
                names=np.asarray(task.names),
                alpha=task.run.alpha,
            )


def drawn(problems: dict[str, Problem], task: str, rng: np.random.Generator) -> Problem:
    """Return 1,000 to 5,000 samples of a task, with noise of their own where it is planted."""
    whole = problems.get(task, problems["random1"])
    rows = rng.permutation(len(whole.given))[: rng.integers(1000, len(whole.given) + 1)]
    problem = replace(whole, probs=whole.probs[rows], given=whole.given[rows], truth=whole.truth[rows])
    return problem if task in problems else replace(problem, given=planted(problem, rng))


def planted(problem: Problem, rng: np.random.Generator) -> np.ndarray:
    """Return given labels, 3 to 40 % of them wrong by symmetric, pair or random confusion, (n,)."""
    truth, k = problem.truth, len(problem.names)
    kind = rng.integers(3)
    if kind == 0:
        other = (truth + rng.integers(1, k, len(truth))) % k
    elif kind == 1:
        other = (truth + 1) % k
    else:
        confusion = rng.dirichlet(np.full(k, 0.3), size=k).cumsum(axis=1)
        other = (rng.random(len(truth))[:, None] > confusion[truth]).sum(axis=1).clip(max=k - 1)
    return np.where(rng.random(len(truth)) < rng.uniform(0.03, 0.40), other, truth)


# -- reviews ------------------------------------------------------------------------------------------


def in_app(problem: Problem) -> tuple[Samples, RunArrays]:
    """Return a problem as the app's queue takes it."""
    n = len(problem.given)
    ids = np.asarray([f"{i:05}" for i in range(n)], dtype=object)
    labels = np.asarray(problem.names, dtype=object)[problem.given]
    samples = Samples(sample_ids=ids, paths=ids, given_labels=labels, problems=np.full(n, None, dtype=object))
    run = RunArrays(
        run_id="r",
        detector="transition",
        class_names=problem.names,
        alpha=problem.alpha,
        positions=np.arange(n),
        row_at=np.arange(n),
        given=problem.given,
        probs=problem.probs,
        p_clean=np.zeros(n, np.float32),
        suggested=labels,
        neighbours=Neighbours(rows=np.empty((0, 0), np.int32), similarities=np.empty((0, 0), np.float16)),
        reason="",
    )
    return samples, run


def find_order(problem: Problem, most: int) -> Order:
    """Return what passes first, up to `most`, ranked by the app after every 50."""
    samples, run = in_app(problem)
    decide = annotator.truthful(problem.names, problem.given, problem.truth)
    decisions: dict[int, Decision] = {}
    p_clean = []
    while True:
        ranking = rank(samples, run, decisions, 0)
        p_clean.append(ranking.p_clean)
        if len(decisions) >= min(most, len(problem.given)):
            return Order(passes=np.fromiter(decisions, np.int64), p_clean=p_clean)
        fresh = [each for each in ranking.order.tolist() if each not in decisions][:EVERY]
        decisions |= {position: decide(position) for position in fresh}


@lru_cache(maxsize=256)
def audit_turns(seed: int, rate: float, count: int) -> tuple[bool, ...]:
    return tuple(audit.is_audit_turn(seed, served, rate) for served in range(count))


def reviewed(problem: Problem, order: Order, seed: int, rate: float, stop: int) -> Review:
    """Return the state after `stop` decisions of somebody who knows the truth."""
    n = len(problem.given)
    everything, draws = np.ones(n, dtype=bool), audit.audit_order(seed, n)
    passed, audited = np.zeros((2, n), dtype=bool)
    taken: set[int] = set()
    front = 0
    for is_audit in audit_turns(seed, rate, MOST)[:stop]:
        if is_audit and (chosen := audit.next_audits(draws, everything, taken, 1)):
            audited[chosen] = True
            taken.update(chosen)
            continue
        while audited[order.passes[front]]:
            passed[order.passes[front]] = True
            front += 1
        passed[order.passes[front]] = True
        taken.add(int(order.passes[front]))
        front += 1
    shown = np.full(n, np.nan)
    for number in range(-(-front // EVERY)):
        rows = order.passes[number * EVERY : min((number + 1) * EVERY, front)]
        shown[rows] = order.p_clean[number][rows]
    shown[audited] = np.nan
    return Review(
        settled=audited | passed,
        wrong=problem.wrong,
        audited=audited,
        passed=passed,
        p_clean=order.p_clean[front // EVERY],
        shown=shown,
        given=problem.given,
        n_classes=len(problem.names),
    )
