"""A linear probe on frozen features, asked only about samples that it was not fitted to."""

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from scipy.optimize import minimize
from torch.nn import functional

from engine.manifest import Manifest, Pin

FLOOR = 1e-6
# Weight of ‖W‖²/2 beside the mean cross-entropy on standardised features, chosen on the label sets of
# methods §16: ten times less overfits 40 % noise, ten times more blurs the digits.
DECAY = 1e-2
ITERATIONS = 100


def fold_of(sample_ids: Sequence[str], folds: int, seed: int) -> np.ndarray:
    """Return the fold of each sample, (N,) int64 in [0, folds): a function of (seed, sample_id) alone."""
    digests = (
        hashlib.blake2b(f"{seed}:{sample_id}".encode("utf-8", "surrogateescape"), digest_size=8).digest()
        for sample_id in sample_ids
    )
    return np.asarray([int.from_bytes(digest, "big") % folds for digest in digests], dtype=np.int64)


def out_of_fold(
    features: np.ndarray,
    labels: np.ndarray,
    n_classes: int,
    fold: np.ndarray,
    *,
    fitted: np.ndarray | None = None,
    device: torch.device | str = "cpu",
) -> np.ndarray:
    """Return each sample's class posterior from a probe fitted to the other folds, (N, K) float32.

    features: (N, D) float32. labels: (N,) int in [0, K). fold: (N,), see `fold_of`. fitted: (N,) bool,
    samples whose label may be fitted to; the others are only predicted. Rows sum to 1; a class that is
    not among the fitted labels of a fold keeps a floor of 1e-6.
    """
    fitted = np.ones(len(labels), dtype=bool) if fitted is None else fitted
    image_ND = torch.from_numpy(features).to(device)
    label_N = torch.from_numpy(labels).to(device)
    probs = np.full((len(labels), n_classes), 1.0 / n_classes, dtype=np.float32)
    for number in np.unique(fold):
        held_out = fold == number
        training = torch.from_numpy(np.flatnonzero(fitted & ~held_out)).to(device)
        if len(training):
            asked = torch.from_numpy(np.flatnonzero(held_out)).to(device)
            probs[held_out] = _fit_and_ask(
                image_ND[training], label_N[training], image_ND[asked], n_classes
            ).cpu()
    return probs


def ask_probe(
    manifest: Manifest,
    features: np.ndarray,
    labels: np.ndarray,
    fold: np.ndarray,
    device: torch.device | str = "cpu",
) -> np.ndarray:
    """Return the out-of-fold answers for a manifest's samples; an ambiguous one is asked about and never
    fitted to. The arguments as of `out_of_fold`."""
    is_single = np.asarray([pin is not Pin.AMBIGUOUS for pin in manifest.pins])
    return out_of_fold(features, labels, manifest.n_classes, fold, fitted=is_single, device=device)


def _fit_and_ask(
    image_BD: torch.Tensor, label_B: torch.Tensor, asked_MD: torch.Tensor, n_classes: int
) -> torch.Tensor:
    """Return softmax((I − mean)/std · W + b) of the asked images, W by L-BFGS."""
    mean_D, std_D = image_BD.mean(dim=0), image_BD.std(dim=0, correction=0).clamp_min(1e-6)
    image_BD = (image_BD - mean_D) / std_D
    present_K = torch.bincount(label_B, minlength=n_classes) > 0
    closed_K = torch.where(present_K, 0.0, -torch.inf)

    def unpack(values: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        both = torch.from_numpy(values.astype(np.float32)).to(image_BD.device).view(-1, n_classes)
        return both[:-1], both[-1]

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        weight_DK, bias_K = unpack(values)
        log_BK = (image_BD @ weight_DK + bias_K + closed_K).log_softmax(dim=1)
        value = functional.nll_loss(log_BK, label_B) + DECAY / 2 * weight_DK.square().sum()
        error_BK = log_BK.exp()
        error_BK[torch.arange(len(label_B), device=error_BK.device), label_B] -= 1.0
        error_BK /= len(label_B)
        slope = torch.cat([image_BD.T @ error_BK + DECAY * weight_DK, error_BK.sum(dim=0)[None]])
        return float(value), slope.cpu().numpy().ravel().astype(np.float64)

    start = np.zeros((image_BD.shape[1] + 1) * n_classes)
    best = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS, "gtol": 1e-5})
    weight_DK, bias_K = unpack(best.x)
    probs_MK = ((asked_MD - mean_D) / std_D @ weight_DK + bias_K + closed_K).softmax(dim=1).clamp_min(FLOOR)
    return probs_MK / probs_MK.sum(dim=1, keepdim=True)
