"""Nearest neighbours: a label is right as far as the most similar other images carry it (methods §18).

    w_j = exp(s'·(c_j − c_1)),  v_k = Σ_j w_j·1[y_j = k],  p = (v + ε/K)/(Σv + ε),  p_clean = p_y

over the k nearest other images j of cosine c_j. Out-of-sample by construction. A confirmed neighbour votes
with its corrected label, an ambiguous one with equal parts of its classes.
"""

import numpy as np

from engine.artifacts import Detection, Neighbours
from engine.clip.backbone import Backbone
from engine.detectors import Inputs, pinned_p_clean
from engine.manifest import Manifest
from engine.neighbours import nearest
from engine.progress import Report
from engine.runtime import Runtime
from engine.settings import KnnConfig


def detect(
    config: KnnConfig,
    manifest: Manifest,
    inputs: Inputs,
    backbone: Backbone,
    runtime: Runtime,
    report: Report,
) -> Detection:
    """Return the votes of the `config.k` nearest other images."""
    neighbours = nearest(inputs.features, config.k, runtime.device)
    votes_NK = neighbour_votes(neighbours, manifest, config.sharpness)
    smoothing = np.float32(config.smoothing)
    probs_NK = (votes_NK + smoothing / manifest.n_classes) / (votes_NK.sum(axis=1, keepdims=True) + smoothing)
    return Detection(
        p_clean=pinned_p_clean(probs_NK[np.arange(len(manifest)), manifest.given], manifest),
        probs=probs_NK,
        embeddings=inputs.features,
        suggested=probs_NK.argmax(axis=1),
        suggested_probability=probs_NK.max(axis=1),
    )


def neighbour_votes(neighbours: Neighbours, manifest: Manifest, sharpness: float) -> np.ndarray:
    """Return v, (N, K) float32, at least 0: what the neighbours of each sample vote for."""
    n, n_classes = len(manifest), manifest.n_classes
    rows_NM, cosine_NM = neighbours.rows, neighbours.similarities
    weight_NM = np.exp(np.float32(sharpness) * (cosine_NM - cosine_NM[:, :1]))
    weight_NM[rows_NM < 0] = 0.0

    known_rows, known_targets = manifest.known()
    shared = (known_targets > 0).sum(axis=1) > 1
    place = np.full(n, -1)
    place[known_rows[shared]] = np.flatnonzero(shared)
    is_ambiguous_NM = (place[rows_NM] >= 0) & (rows_NM >= 0)

    cell_NM = np.arange(n)[:, None] * n_classes + manifest.current()[rows_NM]
    single_NM = np.where(is_ambiguous_NM, 0.0, weight_NM)
    votes = np.bincount(cell_NM.ravel(), weights=single_NM.ravel(), minlength=n * n_classes)
    votes_NK = votes.reshape(n, n_classes).astype(np.float32)
    voter, position = np.nonzero(is_ambiguous_NM)
    targets = known_targets[place[rows_NM[voter, position]]]
    np.add.at(votes_NK, voter, weight_NM[voter, position, None] * targets)
    return votes_NK
