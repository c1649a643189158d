"""Why a sample is worth a look: rules over a run, so that a card's words and a filter never disagree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reviewer.decisions import Decision, Outcome
from reviewer.queue import Ranking, RunArrays

N_VOTERS = 15
CONFIDENT = 0.9
UNDECIDED_CHANCE = 0.5  # of the prompt "a photo of …" against that of "not …"
BLOCK = 65536  # rows whose neighbours are looked up at a time; more would leave the processor's cache
NOBODY = -1  # no neighbour there, or one that a person left without one class

REASONS: Mapping[str, str] = {
    "neighbours": "most neighbours have another label",
    "alone": "no neighbour has its label",
    "agree": "most neighbours have its label",
    "model": "the model alone says another class",
    "confident": "the suggestion is above 90 %",
    "prompts": "the trained prompts prefer “not” its label",
    "every_run": "every detector flags it",
    "runs_differ": "the detectors differ about it",
}


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One reason of one card: key is one of `REASONS`, words say it of this sample."""

    key: str
    words: str


@dataclass(frozen=True, kw_only=True)
class _Votes:
    """Of m rows, (m,) each: voters, neighbours that have one label now; same, those with the given one."""

    voters: np.ndarray
    same: np.ndarray

    def holds(self) -> dict[str, np.ndarray]:
        some = self.voters > 0
        return {
            "neighbours": 2 * (self.voters - self.same) > self.voters,
            "alone": some & (self.same == 0),
            "agree": 2 * self.same > self.voters,
        }


@dataclass(frozen=True, kw_only=True)
class _Flags:
    """Of m positions, (m,) each: detectors whose newest run knows it, and how many of these flag it."""

    detectors: np.ndarray
    flagging: np.ndarray

    def holds(self) -> dict[str, np.ndarray]:
        several = self.detectors > 1
        every = several & (self.flagging == self.detectors)
        return {"every_run": every, "runs_differ": several & (self.flagging > 0) & ~every}


def reason_masks(
    ranking: Ranking, runs: Sequence[RunArrays], decisions: Mapping[int, Decision], threshold: float
) -> dict[str, np.ndarray]:
    """Return for each key of `REASONS` the samples that it holds for, (N,) bool over positions.

    runs: those taken in, oldest first; threshold: the p_clean below which a sample is flagged, [0, 1].
    Without a run nothing holds; nor for a sample that the run could not read.
    """
    masks = {key: np.zeros(len(ranking.p_clean), dtype=bool) for key in REASONS}
    run, posterior = ranking.run, ranking.posterior
    if run is None or posterior is None:
        return masks
    labels = np.append(label_codes(run, decisions), NOBODY)  # a missing neighbour is −1: the last entry
    for start in range(0, len(run.positions), BLOCK):
        rows = slice(start, start + BLOCK)
        held = {
            **_votes(labels.take(run.neighbours.rows[rows, :N_VOTERS].T), run.given[rows]).holds(),
            **_of_model(run.probs[rows], posterior[rows], run.given[rows]),
        }
        for key, mask in held.items():
            masks[key][run.positions[rows]] = mask
    masks.update(_flags(runs, slice(None), len(ranking.p_clean), threshold).holds())
    masks["prompts"] = _own_chances(runs, slice(None), len(ranking.p_clean)) < UNDECIDED_CHANCE
    for key in ("prompts", "every_run", "runs_differ"):
        masks[key] &= run.row_at >= 0
    return masks


def reasons_of(
    ranking: Ranking,
    runs: Sequence[RunArrays],
    decisions: Mapping[int, Decision],
    position: int,
    threshold: float,
) -> list[Reason]:
    """Return the reasons of one sample in the order of `REASONS`: those whose mask holds there, no others."""
    run, posterior = ranking.run, ranking.posterior
    if run is None or posterior is None or run.row_at[position] < 0:
        return []
    row = int(run.row_at[position])
    at = slice(row, row + 1)
    given = run.class_names[run.given[row]]
    labels = _voices(run, decisions, row)
    votes = _Votes(voters=np.asarray([len(labels)]), same=np.asarray([labels.count(given)]))
    flags = _flags(runs, np.asarray([position]), 1, threshold)
    own = _own_chances(runs, np.asarray([position]), 1)
    held = {
        **votes.holds(),
        **_of_model(run.probs[at], posterior[at], run.given[at]),
        "prompts": own < UNDECIDED_CHANCE,
        **flags.holds(),
    }
    model, suggested = int(run.probs[row].argmax()), int(posterior[row].argmax())
    flagging = f"{flags.flagging[0]} of {flags.detectors[0]} detectors flag it"
    words = {
        "neighbours": _majority(labels, given),
        "alone": f"none says {given}",
        "agree": f"{labels.count(given)} of {len(labels)} neighbours say {given}",
        "model": f"the model alone says {run.class_names[model]} ({_percent(run.probs[row, model])})",
        "confident": f"{_percent(posterior[row, suggested])} for {run.class_names[suggested]}",
        "prompts": f"prompts prefer not {given} ({_percent(1.0 - own[0])})",
        "every_run": flagging,
        "runs_differ": flagging,
    }
    return [Reason(key=key, words=words[key]) for key in REASONS if held[key][0]]


def label_now(decision: Decision | None, given: str) -> str | None:
    """Return the one class that a sample has now, or None where a person left it none, or several."""
    if decision is None or decision.outcome in (Outcome.KEEP, Outcome.SKIP):
        return given
    return decision.labels[0] if decision.outcome is Outcome.RELABEL else None


def label_codes(run: RunArrays, decisions: Mapping[int, Decision]) -> np.ndarray:
    """Return `label_now` of each row of the run as a number, (n,) int32: an index of the run's classes.

    A class that is not the run's has a number past them; None is `NOBODY`.
    """
    codes = run.given.astype(np.int32)
    index = {name: k for k, name in enumerate(run.class_names)}
    for position, decision in decisions.items():
        row = run.row_at[position]
        if row >= 0:
            label = label_now(decision, run.class_names[run.given[row]])
            codes[row] = NOBODY if label is None else index.setdefault(label, len(index))
    return codes


# -- the rules --


def _votes(labels: np.ndarray, given: np.ndarray) -> _Votes:
    """Count the labels of m rows' neighbours, (≤ 15, m); sums of so few run faster down than across."""
    return _Votes(
        voters=(labels != NOBODY).sum(axis=0, dtype=np.int8),
        same=(labels == given).sum(axis=0, dtype=np.int8),
    )


def _of_model(probs: np.ndarray, posterior: np.ndarray, given: np.ndarray) -> dict[str, np.ndarray]:
    suggested = posterior.argmax(axis=1)
    certain = np.take_along_axis(posterior, suggested[:, None], axis=1)[:, 0] > CONFIDENT
    return {"model": probs.argmax(axis=1) != given, "confident": certain & (suggested != given)}


def _flags(runs: Sequence[RunArrays], positions: np.ndarray | slice, count: int, threshold: float) -> _Flags:
    detectors = np.zeros(count, dtype=np.int32)
    flagging = np.zeros(count, dtype=np.int32)
    # Of each detector the newest run: what it said before it was trained again is no second opinion.
    for run in {run.detector: run for run in runs if len(run.positions)}.values():
        rows = run.row_at[positions]
        known = rows >= 0
        detectors += known
        flagging += known & (run.p_clean[rows] < threshold)
    return _Flags(detectors=detectors, flagging=flagging)


def _own_chances(runs: Sequence[RunArrays], positions: np.ndarray | slice, count: int) -> np.ndarray:
    """Return `own_chance` of m positions by the newest run that has one, (m,) float32; NaN: not known."""
    chances = np.full(count, np.nan, dtype=np.float32)
    newest = next((run for run in reversed(runs) if run.own_chance is not None), None)
    if newest is not None and newest.own_chance is not None and len(newest.positions):
        rows = newest.row_at[positions]
        chances[rows >= 0] = newest.own_chance[rows[rows >= 0]]
    return chances


def _voices(run: RunArrays, decisions: Mapping[int, Decision], row: int) -> list[str]:
    others = [int(other) for other in run.neighbours.rows[row, :N_VOTERS] if other >= 0]
    labels = [
        label_now(decisions.get(int(run.positions[other])), run.class_names[run.given[other]])
        for other in others
    ]
    return [label for label in labels if label is not None]


# -- the words --


def _majority(labels: Sequence[str], given: str) -> str:
    others = [label for label in labels if label != given]
    if not others:
        return ""
    common = max(sorted(set(others)), key=others.count)
    if 2 * others.count(common) > len(labels):
        return f"{others.count(common)} of {len(labels)} neighbours say {common}"
    # Spread over many classes: what they have in common is that they are not the given one.
    return f"{len(others)} of {len(labels)} neighbours are not {given}, {others.count(common)} say {common}"


def _percent(share: float) -> str:
    """As the page writes it: a rounded 0 or 100 would say more than is known."""
    if 0 < share < 0.005:
        return "<1 %"
    return ">99 %" if 0.995 <= share < 1 else f"{share * 100:.0f} %"
