"""Answers of several models, each at its best temperature, made one and weighed with the given labels.

Methods §16: any class posterior P becomes a `p_clean` by the EM; several become one before it by a weighted
mean of their logarithms.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.manifest import Manifest
from engine.transition import TEMPERATURES, Transition, fit_temperature, fit_transition, temper

TINY = 1e-9
FINE = tuple(np.geomspace(0.5, 8.0, 25).tolist())
"""An eighth apart: between two of the short grid F1 and calibration still differ."""
OPENNESS = np.geomspace(0.05, 20.0, 61)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """P, (N, K) float32, rows sum to 1, after the temperature that was found for it. evidence: mean log
    probability of the given labels under P and the EM, nats."""

    probs: np.ndarray
    temperature: float
    evidence: float


class Weigher:
    """The EM on the labels of a manifest, with what people settled known to it."""

    def __init__(self, manifest: Manifest, alpha: float, temperatures: Sequence[float] = TEMPERATURES):
        rows, targets = manifest.known()
        self._given, self._temperatures = manifest.given, temperatures
        self._options = {"alpha": alpha, "known_rows": rows, "known_targets": targets}

    def tempered(self, probs: np.ndarray) -> Answer:
        """Return P at the temperature with the highest evidence; not for a model that has seen the labels."""
        temperature, evidence = fit_temperature(probs, self._given, self._temperatures, **self._options)
        return Answer(probs=temper(probs, temperature), temperature=temperature, evidence=evidence)

    def fit(self, probs: np.ndarray) -> Transition:
        """Return what the EM makes of P and the given labels."""
        return fit_transition(probs, self._given, **self._options)  # type: ignore[arg-type]


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
    return Answer(probs=temper(probs, best), temperature=best, evidence=float("nan"))


def entropies(probs: np.ndarray) -> np.ndarray:
    """Return −Σ_k p log p of each row, (N,), nats."""
    return -(probs * np.log(probs + TINY)).sum(axis=1)
