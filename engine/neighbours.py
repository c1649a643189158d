"""The nearest other images of every image: exact, by cosine, in blocks."""

import numpy as np
import torch

from engine.artifacts import Neighbours

BLOCK_CELLS = 16_000_000


def nearest(embeddings: np.ndarray, m: int = 32, device: torch.device | str = "cpu") -> Neighbours:
    """Return the `m` nearest other rows of each row, nearest first.

    embeddings: (N, D), unit L2. Where there are fewer than `m` others, rows are −1 and similarities 0.
    Memory stays below a few hundred megabytes beside the embeddings themselves.
    """
    n = len(embeddings)
    rows = np.full((n, m), -1, dtype=np.int32)
    similarities = np.zeros((n, m), dtype=np.float32)
    k = min(m, n - 1)
    if k < 1:
        return Neighbours(rows=rows, similarities=similarities)
    image_ND = torch.from_numpy(np.ascontiguousarray(embeddings, dtype=np.float32)).to(device)
    block = max(1, BLOCK_CELLS // n)
    for start in range(0, n, block):
        cosine_BN = image_ND[start : start + block] @ image_ND.T
        own = torch.arange(len(cosine_BN), device=image_ND.device)
        cosine_BN[own, own + start] = -torch.inf
        values_BM, rows_BM = cosine_BN.topk(k, dim=1)
        stop = start + len(cosine_BN)
        rows[start:stop, :k] = rows_BM.cpu().numpy()
        similarities[start:stop, :k] = values_BM.clamp(-1.0, 1.0).cpu().numpy()
    return Neighbours(rows=rows, similarities=similarities)
