"""Weak augmentation on the device: a shift of up to an eighth of the side, and a mirror image half the time.

Methods §7.4: reflect-padding by 12.5 %, a random crop of the old size (4 pixels of 32, 28 of 224), a
horizontal flip. Index arithmetic instead of padding, so that no larger picture is ever made.
"""

from dataclasses import dataclass

import numpy as np
import torch

from engine.draws import Draws


@dataclass(frozen=True, kw_only=True)
class Shifts:
    """How each sample is shifted. down, right: (N,) int64, pixels; flipped: (N,) bool."""

    down: np.ndarray
    right: np.ndarray
    flipped: np.ndarray

    def take(self, rows: np.ndarray) -> "Shifts":
        """Return those of these rows."""
        return Shifts(down=self.down[rows], right=self.right[rows], flipped=self.flipped[rows])


def draw_shifts(draws: Draws, epoch: int, size: int) -> Shifts:
    """Return the shifts of one epoch for pictures of `size` pixels."""
    reach = size // 8
    return Shifts(
        down=draws.integers("down", epoch, 2 * reach + 1) - reach,
        right=draws.integers("right", epoch, 2 * reach + 1) - reach,
        flipped=draws.uniform("flip", epoch) < 0.5,
    )


def shift(image_BCHW: torch.Tensor, shifts: Shifts) -> torch.Tensor:
    """Return the pictures shifted, mirrored at their edges; same shape and dtype."""
    device, (batch, _, height, width) = image_BCHW.device, image_BCHW.shape
    row_BH = _reflected(height, torch.from_numpy(shifts.down).to(device))
    column_BW = _reflected(width, torch.from_numpy(shifts.right).to(device))
    flipped_B1 = torch.from_numpy(shifts.flipped).to(device)[:, None]
    column_BW = torch.where(flipped_B1, column_BW.flip(1), column_BW)
    which_B11 = torch.arange(batch, device=device)[:, None, None]
    # The channels go last where a slice stands between the indices.
    shifted_BHWC = image_BCHW.permute(0, 2, 3, 1)[which_B11, row_BH[:, :, None], column_BW[:, None, :]]
    return shifted_BHWC.permute(0, 3, 1, 2)


def _reflected(length: int, offset_B: torch.Tensor) -> torch.Tensor:
    """Return which of `length` places is seen at each place, (B, length), the edge not repeated."""
    place_BL = torch.arange(length, device=offset_B.device) + offset_B[:, None]
    last = length - 1
    return last - (last - place_BL.abs()).abs()
