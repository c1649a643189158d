"""The order in which cards come: the transition EM on the active run, with people's decisions in it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from engine.artifacts import Neighbours, read_json, read_neighbours, read_own_chance, read_probabilities
from engine.config import read_config
from engine.transition import fit_transition
from reviewer.decisions import Decision, Outcome
from reviewer.queries import RunScores, Samples

BLOCK = 4096  # positions turned into Python numbers at a time
DROPPED = (Outcome.OUT_OF_SCOPE, Outcome.BAD_IMAGE)


@dataclass(frozen=True, kw_only=True)
class RunArrays:
    """What the queue needs of a finished run, in its row order: n rows, K classes.

    positions: (n,) int64, where each row stands in the workspace. row_at: (N,) int64, the way back, −1
    where the run has no row. probs: (n, K) float32, the model's own class posterior. given: (n,) class
    index. alpha: the shrinkage that the run used. own_chance: (n,) float32, how much the positive prompt of
    the given label is preferred to its negative one; None where the detector has no such prompts.
    """

    run_id: str
    detector: str
    class_names: tuple[str, ...]
    alpha: float
    positions: np.ndarray
    row_at: np.ndarray
    given: np.ndarray
    probs: np.ndarray
    p_clean: np.ndarray
    suggested: np.ndarray
    neighbours: Neighbours
    reason: str
    own_chance: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """The queue at one moment. version grows with every change; p_clean: (N,) float32 over positions, NaN
    where nothing is known; order: positions, most suspicious first; posterior: (n, K) in the run's rows."""

    version: int
    run: RunArrays | None
    p_clean: np.ndarray
    order: np.ndarray
    posterior: np.ndarray | None = None
    noise_rate: float | None = None

    @cached_property
    def likeliest(self) -> np.ndarray:
        """The likeliest class of each row of the run, (n,) int64; (0,) without a run."""
        return np.zeros(0, dtype=np.int64) if self.posterior is None else self.posterior.argmax(axis=1)

    def class_probabilities(self, position: int) -> np.ndarray | None:
        """Return the (K,) probabilities that each class is the true one, or None without a run."""
        if self.run is None or self.posterior is None or self.run.row_at[position] < 0:
            return None
        return self.posterior[self.run.row_at[position]]


def without_arrays(run: RunArrays) -> RunArrays:
    """Return an older run as the cards still speak of it: what it thinks of each sample, and no more.

    What orders the queue is only ever asked of the newest run; a million samples would fill the memory with
    the probabilities and neighbours of each earlier one.
    """
    nobody = Neighbours(rows=np.empty((0, 0), np.int32), similarities=np.empty((0, 0), np.float16))
    return replace(run, probs=np.empty((0, len(run.class_names)), np.float32), neighbours=nobody)


def load_run(run_dir: Path, scores: RunScores, samples: Samples) -> RunArrays:
    """Read the arrays of an imported run."""
    config = read_config(run_dir / "config.toml")
    names = tuple(item.name for item in config.classes)
    index = {name: k for k, name in enumerate(names)}
    row_at = np.full(len(samples), -1, dtype=np.int64)
    row_at[scores.positions] = np.arange(len(scores.positions))
    result = read_json(run_dir / "result.json") or {}
    notes = result.get("notes", {})
    return RunArrays(
        run_id=run_dir.name,
        detector=config.detector,
        class_names=names,
        alpha=float(notes.get("alpha", 0.3)),
        positions=scores.positions,
        row_at=row_at,
        given=np.asarray([index[label] for label in samples.given_labels[scores.positions]], dtype=np.int64),
        probs=read_probabilities(run_dir),
        p_clean=scores.p_clean,
        suggested=scores.suggested_labels,
        neighbours=read_neighbours(run_dir),
        reason=str(notes.get("reason", "")),
        own_chance=read_own_chance(run_dir),
    )


def rank(samples: Samples, run: RunArrays | None, decisions: Mapping[int, Decision], version: int) -> Ranking:
    """Return the ranking that follows from a run and the decisions that hold: a pure function of them.

    Without a run, cards come in the order of the table. Samples that a run could not read come last;
    samples with a problem never come.
    """
    reviewable = samples.reviewable()
    p_clean = np.full(len(samples), np.nan, dtype=np.float32)
    if run is None:
        return Ranking(version=version, run=None, p_clean=p_clean, order=reviewable)
    known_rows, known_targets, dropped = _known(run, decisions)
    fit = fit_transition(
        run.probs,
        run.given,
        alpha=run.alpha,
        known_rows=known_rows,
        known_targets=known_targets,
        dropped=dropped if dropped.any() else None,
    )
    p_clean[run.positions] = fit.p_clean(run.given)
    scored = run.positions[np.lexsort((run.positions, p_clean[run.positions]))]
    unscored = reviewable[run.row_at[reviewable] < 0]
    return Ranking(
        version=version,
        run=run,
        p_clean=p_clean,
        order=np.concatenate([scored, unscored]),
        posterior=fit.posterior,
        noise_rate=fit.noise_rate,
    )


def _known(run: RunArrays, decisions: Mapping[int, Decision]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    index = {name: k for k, name in enumerate(run.class_names)}
    dropped = np.zeros(len(run.positions), dtype=bool)
    rows, targets = [], []
    for position, decision in decisions.items():
        row = int(run.row_at[position])
        if row < 0 or decision.outcome is Outcome.SKIP:
            continue
        labels = decision.settled_labels()
        if decision.outcome in DROPPED or any(label not in index for label in labels):
            # Of no class that the run knows: it teaches the EM nothing about them.
            dropped[row] = True
            continue
        target = np.zeros(len(index), dtype=np.float32)
        target[[index[label] for label in labels]] = 1.0 / len(labels)
        rows.append(row)
        targets.append(target)
    known = np.stack(targets) if targets else np.zeros((0, len(index)), dtype=np.float32)
    return np.asarray(rows, dtype=np.int64), known, dropped


def next_positions(
    order: np.ndarray,
    decisions: Mapping[int, Decision],
    held: Collection[int],
    count: int,
    *,
    decided_too: bool = False,
) -> list[int]:
    """Return the next `count` positions of an order to show: undecided ones, then those that were skipped.

    decided_too: others that are decided come in their place, as somebody asked for them.
    """
    chosen: list[int] = []
    skipped: list[int] = []
    taken = set(held)
    for start in range(0, len(order), BLOCK):
        for position in order[start : start + BLOCK].tolist():
            if position in taken:
                continue
            decision = decisions.get(position)
            if decision is None or decided_too:
                chosen.append(position)
                if len(chosen) == count:
                    return chosen
            elif decision.outcome is Outcome.SKIP:
                skipped.append(position)
    return (chosen + skipped)[:count]
