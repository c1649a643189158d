"""The transition EM: a model's posterior and the given labels as two annotators (methods §16).

Pure numpy, so the reviewer runs it too, after every few decisions. In the spirit of Dawid & Skene (1979)
and of the forward noise model of Patrini et al. (2017):

    y*_i ~ P_i·          P from a model that was not trained on sample i's given label
    y_i | y*_i = k ~ T_k·
    E: r_ik ∝ P_ik T_{k,y_i}     a confirmed label is a one-hot r_i, an ambiguous one uniform
    M: A_kc = Σ_{i: y_i=c} r_ik ;  T ← row-normalise(A + α · rowsum(A) · S)

S is the pooled symmetric matrix: diagonal d = tr A / ΣA, the rest (1 − d)/(K − 1).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

ITERATIONS = 60
TOLERANCE = 1e-7
FLOOR = 1e-9
MOSTLY = 0.8  # of the classes are labelled as themselves, where a model is taken to know their names
TEMPERATURES = (0.5, 0.7, 0.85, 1.0, 1.15, 1.4, 1.8, 2.5, 4.0, 7.0)


@dataclass(frozen=True, kw_only=True)
class Transition:
    """What the EM found.

    posterior: r, (N, K) float32, rows sum to 1. matrix: T, (K, K) float64, rows sum to 1.
    counts: A, (K, K) float64, expected samples of true class k with given label c.
    evidence: mean over the counted samples of log Σ_k P_ik T_{k,y_i}, nats.
    """

    posterior: np.ndarray
    matrix: np.ndarray
    counts: np.ndarray
    evidence: float

    def p_clean(self, given: np.ndarray) -> np.ndarray:
        """Return r_{i,y_i}, the probability that each given label is right, (N,) float32."""
        return self.posterior[np.arange(len(given)), given]

    @property
    def noise_rate(self) -> float:
        """Expected share of wrong labels among the counted samples, [0, 1]."""
        total = float(self.counts.sum())
        return 1.0 - float(np.trace(self.counts)) / total if total else 0.0


def fit_transition(
    probs: np.ndarray,
    given: np.ndarray,
    *,
    alpha: float = 0.3,
    known_rows: np.ndarray | None = None,
    known_targets: np.ndarray | None = None,
    dropped: np.ndarray | None = None,
    start: np.ndarray | None = None,
    tolerance: float = TOLERANCE,
) -> Transition:
    """Run the EM and return its fixed point (at most 60 iterations, from a diagonal of 0.9).

    probs: (N, K), rows sum to 1. given: (N,) int in [0, K). known_rows (M,) and known_targets (M, K)
    are the samples that people settled. dropped: (N,) bool, samples that do not count (out of scope,
    bad image); they still receive a posterior, from the others' T. start: another T to begin from, (K, K).
    tolerance: no entry of T that changes by more means that it was found.
    """
    n, k = probs.shape
    order = np.argsort(given, kind="stable")
    sorted_given = given[order]
    present, starts = np.unique(sorted_given, return_index=True)
    likelihood = np.clip(probs[order], FLOOR, None).astype(np.float32)
    free = np.ones(n, dtype=bool) if dropped is None else ~dropped
    settled = np.zeros((k, k))
    if known_rows is not None and known_targets is not None and len(known_rows):
        counted = free[known_rows]
        np.add.at(settled.T, given[known_rows[counted]], known_targets[counted])
        free[known_rows] = False
    sorted_free = free[order]

    matrix, counts = _first(k) if start is None else start, settled
    for _ in range(ITERATIONS):
        counts = settled + _count(likelihood, sorted_free, present, starts, matrix)
        previous, matrix = matrix, _maximise(counts, alpha)
        if np.abs(matrix - previous).max() < tolerance:
            break
    final, evidences = _expect(likelihood, sorted_given, matrix)
    result = np.empty_like(final)
    result[order] = final
    if known_rows is not None and known_targets is not None and len(known_rows):
        result[known_rows] = known_targets
    evidence = float(evidences[sorted_free].mean()) if free.any() else 0.0
    return Transition(posterior=result, matrix=matrix, counts=counts, evidence=evidence)


def _first(k: int) -> np.ndarray:
    matrix = np.full((k, k), 0.1 / max(k - 1, 1))
    np.fill_diagonal(matrix, 0.9)
    return matrix


def _expect(likelihood: np.ndarray, given: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    joint = likelihood * matrix.T.astype(np.float32)[given]
    total = joint.sum(axis=1, keepdims=True)
    joint /= total
    return joint, np.log(total[:, 0])


def _count(
    likelihood: np.ndarray, free: np.ndarray, present: np.ndarray, starts: np.ndarray, matrix: np.ndarray
) -> np.ndarray:
    """Return A, (K, K) float64, of the rows that are free; without the posterior of each, which costs most.

    Σ_i r_ik over the rows of one given label c is T_kc Σ_i P_ik / Σ_j P_ij T_jc: two products of the block.
    likelihood: (N, K) float32, sorted by given label; present: the labels there are; starts: where each
    begins.
    """
    counts = np.zeros_like(matrix)
    column_CK = np.ascontiguousarray(matrix.T, dtype=np.float32)
    stops = np.append(starts, len(free))[1:]
    for c, start, stop in zip(present.tolist(), starts.tolist(), stops.tolist(), strict=True):
        block = likelihood[start:stop]
        share = free[start:stop] / (block @ column_CK[c])
        counts[:, c] = matrix[:, c] * (share.astype(np.float32) @ block)
    return counts


def _maximise(counts: np.ndarray, alpha: float) -> np.ndarray:
    k = len(counts)
    total = counts.sum()
    diagonal = np.trace(counts) / total if total else 0.9
    pooled = np.full((k, k), (1.0 - diagonal) / max(k - 1, 1))
    np.fill_diagonal(pooled, diagonal)
    rows = counts.sum(axis=1, keepdims=True)
    # A class that nobody is thought to belong to keeps the pooled row.
    smoothed = counts + np.where(rows > 0, alpha * rows, 0.0) * pooled
    smoothed = np.where(smoothed.sum(axis=1, keepdims=True) > 0, smoothed, pooled)
    smoothed = np.maximum(smoothed, FLOOR)
    return smoothed / smoothed.sum(axis=1, keepdims=True)


def temper(probs: np.ndarray, temperature: float) -> np.ndarray:
    """Return softmax(log(probs) / temperature), (N, K) float32."""
    logits = np.log(np.clip(probs, FLOOR, None), dtype=np.float32) / np.float32(temperature)
    logits -= logits.max(axis=1, keepdims=True)
    weights = np.exp(logits)
    return weights / weights.sum(axis=1, keepdims=True)


def fit_temperature(
    probs: np.ndarray,
    given: np.ndarray,
    temperatures: Sequence[float] = TEMPERATURES,
    **options: object,
) -> tuple[float, float]:
    """Return (temperature, evidence) with the highest mean log evidence on a short grid."""
    fits = [
        (fit_transition(temper(probs, t), given, **options).evidence, t)  # type: ignore[arg-type]
        for t in temperatures
    ]
    evidence, temperature = max(fits)
    return temperature, evidence


def prior_evidence(given: np.ndarray, n_classes: int) -> float:
    """Return the mean log probability of the labels under their own frequencies, nats."""
    shares = np.bincount(given, minlength=n_classes) / max(len(given), 1)
    present = shares[shares > 0]
    return float((present * np.log(present)).sum())


def named_share(matrix: np.ndarray) -> float:
    """Return the share of classes that are labelled as themselves at least as often as any other, [0, 1]."""
    return float((np.diag(matrix) >= matrix.max(axis=1)).mean())


def trust_zero_shot(zero_shot: float, probe: float, prior: float, named: float) -> tuple[bool, str]:
    """Return whether zero-shot stays, and the reason in words (methods §16, "Which P").

    The first three are mean log evidences. A probe is fitted to the given labels, so structured noise
    flatters it: zero-shot stays unless its gain over the label prior is less than half of the probe's. named:
    see `named_share`, of the EM on the answers by name: a model that tells the classes apart but calls them
    by each other's names has evidence, too, in a T that swaps them.
    """
    gain, other = zero_shot - prior, probe - prior
    keep = gain >= 0.5 * other and named >= MOSTLY
    verdict = (
        "the model knows these classes by name"
        if keep
        else "the model does not know these classes by name, so a linear probe on its features answers"
    )
    return keep, f"{verdict} (evidence gain {gain:.2f} by name, {other:.2f} by probe, in nats)"
