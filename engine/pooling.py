"""Answers of several models, each at its best temperature, made one and weighed with the given labels.

Methods §16: any class posterior P becomes a `p_clean` by the EM; several become one before it by a weighted
mean of their logarithms.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from engine.manifest import Manifest
from engine.probe import fold_of
from engine.transition import (
    FLOOR,
    Transition,
    fit_temperature,
    fit_transition,
    named_share,
    prior_evidence,
    temper,
    trust_zero_shot,
)

TINY = 1e-9
ALPHAS = (0.0, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
SHARPEST, MOST_OPEN = 0.5, 8.0  # temperatures
TOLERANCE = 0.03  # of a temperature, as a share of it
SHARPER = 0.93
"""Of the temperature that held-out labels favour. People are wrong where models are, and a label that agrees
by mistake makes an open answer look likelier than it is; labels confused by chance pay .01 of calibration."""
FOLDS = 4
ENOUGH = 1e-4  # change of the confusion at which a search has seen it settle
MOST_ROWS = 10_000  # a temperature and a shrinkage are found on so many samples
OPENNESS = np.geomspace(0.05, 20.0, 61)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """P, (N, K) float32, rows sum to 1, after the temperature that was found for it. evidence: mean log
    probability of the given labels under P and the EM, nats. alpha: shrinkage of the class confusion."""

    probs: np.ndarray
    temperature: float
    evidence: float
    alpha: float


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which answer stands for CLIP, what the EM makes of it, and why, in words. by_name: whether it is that
    of the class names, and not that of a probe."""

    answer: Answer
    fit: Transition
    by_name: bool
    reason: str

    @property
    def posterior(self) -> str:
        """What it is called in the notes of a run."""
        return "zero_shot" if self.by_name else "probe"


class Weigher:
    """The EM on the labels of a manifest, with what people settled known to it."""

    def __init__(self, manifest: Manifest):
        self._manifest, self._given = manifest, manifest.given
        rows, targets = manifest.known()
        self._known: dict[str, Any] = {"known_rows": rows, "known_targets": targets}

    def tempered(self, probs: np.ndarray, alpha: float) -> Answer:
        """Return P at the temperature with the highest evidence; not for a model that has seen the labels."""
        temperature, evidence = fit_temperature(probs, self._given, alpha=alpha, **self._known)
        return Answer(
            probs=temper(probs, temperature), temperature=temperature, evidence=evidence, alpha=alpha
        )

    def suited(self, probs: np.ndarray) -> Answer:
        """Return P at the temperature, and with the shrinkage, at which other labels than those that the EM
        was fitted to are likeliest; not for a model that has seen the labels.

        Labels that are confused at random want a confusion near the symmetric one, labels that are confused
        in pairs one with zeros; which it is shows in labels that were held out. One is searched for given
        the other: temperature, shrinkage, temperature, and that a little sharper (`SHARPER`). evidence: of
        the held-out labels.
        """
        held_out = HeldOut(probs, self._manifest)
        temperature = held_out.best_temperature(ALPHAS[len(ALPHAS) // 2])
        alpha = max(ALPHAS, key=lambda each: held_out.evidence(temperature, each))
        temperature = SHARPER * held_out.best_temperature(alpha)
        return Answer(
            probs=temper(probs, temperature),
            temperature=temperature,
            evidence=held_out.evidence(temperature, alpha),
            alpha=alpha,
        )

    @property
    def prior(self) -> float:
        """The evidence of the labels' own frequencies, nats."""
        return prior_evidence(self._given, self._manifest.n_classes)

    def choose(self, named: Answer, probed: Answer) -> Choice:
        """Return the answer by name where CLIP knows the classes by name, else that of the probe."""
        fit = self.fit(named)
        share = named_share(fit.matrix)
        by_name, reason = trust_zero_shot(named.evidence, probed.evidence, self.prior, share)
        if by_name:
            return Choice(answer=named, fit=fit, by_name=True, reason=reason)
        return Choice(answer=probed, fit=self.fit(probed), by_name=False, reason=reason)

    def fit(self, answer: Answer) -> Transition:
        """Return what the EM makes of P and the given labels."""
        return fit_transition(answer.probs, self._given, alpha=answer.alpha, **self._known)


class HeldOut:
    """How likely labels are under P and an EM that was fitted to others, on some of many samples.

    Each fit begins where the last one of its fold ended: between two of a search little changes.
    """

    def __init__(self, probs: np.ndarray, manifest: Manifest):
        fold = fold_of(manifest.sample_ids, FOLDS * max(1, len(manifest) // MOST_ROWS), 0)
        self.rows = np.flatnonzero(fold < FOLDS)
        self._probs, self._given, self._fold = probs[self.rows], manifest.given[self.rows], fold[self.rows]
        known_rows, targets = manifest.known()
        is_here = np.isin(known_rows, self.rows)
        self._known_rows = np.searchsorted(self.rows, known_rows[is_here])
        self._known_targets = targets[is_here]
        self._is_asked = np.ones(len(self.rows), dtype=bool)
        self._is_asked[self._known_rows] = False
        self._confusions: dict[int, np.ndarray] = {}

    def evidence(self, temperature: float, alpha: float) -> float:
        """Return the mean of log Σ_k P_ik T_{k,y_i}, T from the samples of all folds but that of i, nats.

        Samples that people settled are not asked about; 0 where there are no others.
        """
        probs, total = temper(self._probs, temperature), 0.0
        for number in np.unique(self._fold):
            out = self._fold == number
            confusion = fit_transition(
                probs,
                self._given,
                alpha=alpha,
                known_rows=self._known_rows,
                known_targets=self._known_targets,
                dropped=out,
                start=self._confusions.get(number),
                tolerance=ENOUGH,
            ).matrix
            self._confusions[number] = confusion
            asked = out & self._is_asked
            likelihood = np.clip(probs[asked], FLOOR, None) * confusion.T[self._given[asked]]
            total += float(np.log(likelihood.sum(axis=1)).sum())
        return total / max(int(self._is_asked.sum()), 1)

    def best_temperature(self, alpha: float) -> float:
        """Return the temperature with the highest evidence."""
        found = minimize_scalar(
            lambda at: -self.evidence(float(np.exp(at)), alpha),
            bounds=(np.log(SHARPEST), np.log(MOST_OPEN)),
            method="bounded",
            options={"xatol": TOLERANCE},
        )
        return float(np.exp(found.x))  # type: ignore[attr-defined]


def pool(answers: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """Return softmax(Σ w_m log P_m / Σ w_m), (N, K) float32, rows sum to 1.

    answers: (N, K) each, rows sum to 1. weights: one each, at least 0, not all 0.
    """
    total = sum(weights)
    mixed = sum(w / total * np.log(each + TINY) for each, w in zip(answers, weights, strict=True))
    return temper(np.exp(mixed).astype(np.float32), 1.0)


def as_sure_as(probs: np.ndarray, entropy: float) -> Answer:
    """Return P at the temperature at which its rows are as open, on average, as `entropy` says, nats.

    For a model that has learned from the very labels that it is asked about: the evidence flatters it, so it
    cannot tell its temperature. evidence: not a number.
    """
    means = [float(entropies(temper(probs, float(t))).mean()) for t in OPENNESS]
    best = float(OPENNESS[int(np.argmin(np.abs(np.asarray(means) - entropy)))])
    return Answer(probs=temper(probs, best), temperature=best, evidence=float("nan"), alpha=0.0)


def entropies(probs: np.ndarray) -> np.ndarray:
    """Return −Σ_k p log p of each row, (N,), nats."""
    return -(probs * np.log(probs + TINY)).sum(axis=1)
