"""The map: every image as a point in the plane, near to the images that it resembles.

UMAP (McInnes, Healy & Melville 2018, arXiv:1802.03426) on exact cosine neighbours, started from the
principal components, which keeps the large distances meaningful (Kobak & Linderman 2021).
"""

import warnings

import numpy as np
import torch

from engine.neighbours import nearest

N_NEIGHBOURS = 15
MIN_FITTED = 12  # below it two principal components say all that there is
MAX_FITTED = 30_000  # rows that UMAP itself lays out; minutes on two cores
N_ANCHORS = 4  # laid-out rows between which a further row is placed
FLAT = 1e-6  # spread below which rows count as one and the same
BLOCK_CELLS = 16_000_000


def project(features: np.ndarray, seed: int, device: torch.device | str = "cpu") -> np.ndarray:
    """Return (N, 2) float32 in [−1, 1]: the map of N images, its longer side along the first axis.

    features: (N, D), unit L2, finite. The same rows and seed give the same map on one machine. Fewer than
    12 rows are laid out by their two principal components, rows that are all alike lie at the origin. Of
    more than 30,000 rows, that many drawn by `seed` are laid out; each other one is placed among the four
    of them that it resembles most. `device` finds the neighbours; the layout itself runs on one CPU core.
    """
    rows = np.ascontiguousarray(features, dtype=np.float32)
    if len(rows) < 2 or float(rows.std(axis=0).max(initial=0.0)) < FLAT:
        return np.zeros((len(rows), 2), dtype=np.float32)
    if len(rows) < MIN_FITTED:
        return _neat(_principal(rows))
    if len(rows) <= MAX_FITTED:
        return _neat(_layout(rows, seed, device))
    fitted = np.sort(np.random.default_rng(seed).permutation(len(rows))[:MAX_FITTED])
    laid_out = _layout(rows[fitted], seed, device)
    placed = _between(rows, rows[fitted], laid_out, device)
    placed[fitted] = laid_out
    return _neat(placed)


def joint_features(features: np.ndarray, class_features: np.ndarray) -> np.ndarray:
    """Return (N, D + K) float32, unit L2: what an image looks like and what it says in words, side by side.

    features: (N, D) image features, class_features: (K, D) text features, both unit L2. The first D columns
    are the image feature less the mean image, the others its similarity to each class text, standardised
    over the images (a class whose text is near to everything would rule otherwise); each part has the same
    length, so a cosine of two rows is the mean of the two parts' cosines. The similarities alone would
    leave one or two dimensions where there are few classes, and tell look-alikes within a class no more.
    """
    image_ND = np.asarray(features, dtype=np.float32)
    said_NK = image_ND @ np.asarray(class_features, dtype=np.float32).T
    said_NK = said_NK - said_NK.mean(axis=0) if len(said_NK) else said_NK
    said_NK = said_NK / np.maximum(said_NK.std(axis=0), FLAT) if len(said_NK) else said_NK
    seen_ND = image_ND - image_ND.mean(axis=0) if len(image_ND) else image_ND
    return _unit(np.concatenate([_unit(seen_ND), _unit(said_NK)], axis=1))


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), FLAT)


def _principal(rows: np.ndarray) -> np.ndarray:
    """Return (N, 2): the coordinates on the two directions of the largest spread; the second may be 0."""
    centred = rows.astype(np.float64) - rows.mean(axis=0, dtype=np.float64)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    points = np.zeros((len(rows), 2))
    k = min(2, len(values))
    points[:, :k] = left[:, :k] * values[:k]
    return points


def _layout(rows: np.ndarray, seed: int, device: torch.device | str) -> np.ndarray:
    """Return UMAP's (n, 2) for n ≥ 3 rows that are not all alike."""
    import umap  # noqa: PLC0415 - it compiles for seconds, and only maps need it

    k = min(N_NEIGHBOURS, len(rows))
    found = nearest(rows, m=k - 1, device=device)
    own = np.arange(len(rows), dtype=np.int32)[:, None]  # UMAP counts a row among its own neighbours
    indices = np.concatenate([own, found.rows], axis=1)
    distances = np.concatenate([np.zeros_like(own, dtype=np.float32), 1.0 - found.similarities], axis=1)
    reducer = umap.UMAP(
        n_neighbors=k,
        metric="cosine",
        init="pca",
        random_state=seed,
        n_jobs=1,  # what a seed asks for
        precomputed_knn=(indices, np.maximum(distances, 0.0), None),
        force_approximation_algorithm=True,  # small sets, too, take the neighbours from above
        disconnection_distance=float("inf"),  # opposite rows are far from each other, not unplaceable
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that new rows could not be added later
        return np.asarray(reducer.fit_transform(rows), dtype=np.float64)


def _between(
    rows: np.ndarray, fitted: np.ndarray, points: np.ndarray, device: torch.device | str
) -> np.ndarray:
    """Return (N, 2): each row at the mean of its anchors' points, nearer ones weighing more."""
    anchor_MD = torch.from_numpy(np.ascontiguousarray(fitted)).to(device)
    point_M2 = torch.from_numpy(np.ascontiguousarray(points, dtype=np.float32)).to(device)
    placed = np.empty((len(rows), 2))
    block = max(1, BLOCK_CELLS // len(fitted))
    for start in range(0, len(rows), block):
        row_BD = torch.from_numpy(rows[start : start + block]).to(device)
        cosine_BA, chosen_BA = (row_BD @ anchor_MD.T).topk(min(N_ANCHORS, len(fitted)), dim=1)
        weight_BA = 1.0 / (1.0 - cosine_BA).clamp_min(1e-4)
        weight_BA = weight_BA / weight_BA.sum(dim=1, keepdim=True)
        mean_B2 = (point_M2[chosen_BA] * weight_BA[:, :, None]).sum(dim=1)
        placed[start : start + block] = mean_B2.cpu().numpy()
    return placed


def _neat(points: np.ndarray) -> np.ndarray:
    """Turn the map so that it is widest along the first axis, centre it, and scale it into [−1, 1].

    A turn, a mirror image and a scale mean nothing to UMAP; fixed ones keep maps of one data set alike.
    """
    centred = np.asarray(points, dtype=np.float64)
    centred = centred - centred.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    turned = centred @ axes[:, ::-1]
    turned *= np.where((turned**3).sum(axis=0) < 0, -1.0, 1.0)
    turned -= (turned.max(axis=0) + turned.min(axis=0)) / 2
    return (turned / max(float(np.abs(turned).max()), FLAT)).astype(np.float32)
