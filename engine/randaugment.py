"""Strong augmentation on the device: RandAugment as FixMatch has it, in batches of uint8 pictures.

FixMatch (Sohn et al. 2020) with the operations of RandAugment (Cubuk et al. 2020), methods §7.4: N operations
one after the other, each drawn from fourteen, done with probability 1/2 at a level drawn from 1, …, M − 1 of
10. A picture gets what its own draws say, whoever else is in the batch; pictures that get the same operation
are worked together. Values are those of Pillow up to rounding. Choices: what comes into view from outside is
black and pixels are not interpolated, as in Pillow; Cutout is apart, because AVL-Prompter names the
operations alone.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional
from torchvision.transforms.v2 import functional as transforms

from engine.draws import Draws

GREY = 127  # of what Cutout covers
LEVELS = 10
LUMA = (0.299, 0.587, 0.114)
SMOOTH = ((1, 1, 1), (1, 5, 1), (1, 1, 1))  # Pillow's filter, in thirteenths


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What is done to each of B pictures, one after the other.

    operation: (B, N) int64, an index into OPERATIONS. strength: (B, N) float32, ±level/10.
    """

    operation: np.ndarray
    strength: np.ndarray


def draw_changes(draws: Draws, epoch: int, *, operations: int = 2, magnitude: int = 10) -> Changes:
    """Return what an epoch does to each sample. operations: N. magnitude: M in [2, 11]."""
    kinds, strengths = [], []
    for number in range(operations):
        kind = draws.integers(f"operation {number}", epoch, len(OPERATIONS))
        kinds.append(np.where(draws.uniform(f"done {number}", epoch) < 0.5, kind, 0))
        level = 1 + draws.integers(f"level {number}", epoch, magnitude - 1)
        sign = np.where(draws.uniform(f"sign {number}", epoch) < 0.5, -1.0, 1.0)
        strengths.append(sign * level / LEVELS)
    return Changes(operation=np.stack(kinds, axis=1), strength=np.stack(strengths, axis=1).astype(np.float32))


def change(image_BCHW: torch.Tensor, changes: Changes) -> torch.Tensor:
    """Return the pictures changed, uint8 (B, 3, H, W) like what is given; the given ones stay as they are."""
    image_BCHW = image_BCHW.clone()
    for kind_B, strength_B in zip(changes.operation.T, changes.strength.T, strict=True):
        # Who gets what is known here, so the device is never asked.
        for kind in np.unique(kind_B):
            rows = np.flatnonzero(kind_B == kind)
            row_R = torch.from_numpy(rows).to(image_BCHW.device)
            strength_R = torch.from_numpy(strength_B[rows]).to(image_BCHW.device)
            image_BCHW[row_R] = OPERATIONS[kind](image_BCHW[row_R], strength_R)
    return image_BCHW


def cut_out(image_BCHW: torch.Tensor, draws: Draws, epoch: int) -> torch.Tensor:
    """Return the pictures with a grey square of half their side on each, around any of their pixels.

    draws: of these B pictures. What of the square lies outside covers nothing (DeVries & Taylor 2017).
    """
    height, width = image_BCHW.shape[2:]
    is_covered = []
    for purpose, length in (("cut down", height), ("cut right", width)):
        middle_B1 = torch.from_numpy(draws.integers(purpose, epoch, length))[:, None].to(image_BCHW.device)
        place_BL = torch.arange(length, device=image_BCHW.device) - middle_B1 + length // 4
        is_covered.append((place_BL >= 0) & (place_BL < length // 2))
    covered_B1HW = (is_covered[0][:, :, None] & is_covered[1][:, None, :])[:, None]
    return image_BCHW.masked_fill(covered_B1HW, GREY)


# -- operations: uint8 (B, 3, H, W), strength in ±(0, 1] (B,) → uint8 (B, 3, H, W) --------------------


def _identity(image_BCHW: torch.Tensor, strength_B: torch.Tensor) -> torch.Tensor:
    return image_BCHW


def _autocontrast(image_BCHW: torch.Tensor, strength_B: torch.Tensor) -> torch.Tensor:
    return transforms.autocontrast(image_BCHW)


def _equalize(image_BCHW: torch.Tensor, strength_B: torch.Tensor) -> torch.Tensor:
    return transforms.equalize(image_BCHW)


def _solarize(image_BCHW: torch.Tensor, strength_B: torch.Tensor) -> torch.Tensor:
    """Invert what is bright: from 256·(1 − strength) on."""
    threshold_B = 256 - (256 * strength_B.abs()).int()
    return torch.where(image_BCHW.int() >= _wide(threshold_B), 255 - image_BCHW, image_BCHW)


def _posterize(image_BCHW: torch.Tensor, strength_B: torch.Tensor) -> torch.Tensor:
    """Keep the upper 4 to 7 bits."""
    kept_B = 4 + (4 * strength_B.abs()).int().clamp(max=4)
    return image_BCHW & _wide(256 - 2 ** (8 - kept_B)).to(torch.uint8)


def _color(image_BCHW: torch.Tensor, strength_B: torch.Tensor) -> torch.Tensor:
    return _between(_grey(image_BCHW), image_BCHW, strength_B)


def _contrast(image_BCHW: torch.Tensor, strength_B: torch.Tensor) -> torch.Tensor:
    mean_B111 = _grey(image_BCHW).mean(dim=(2, 3), keepdim=True).round()
    return _between(mean_B111, image_BCHW, strength_B)


def _brightness(image_BCHW: torch.Tensor, strength_B: torch.Tensor) -> torch.Tensor:
    return _between(torch.zeros((), device=image_BCHW.device), image_BCHW, strength_B)


def _sharpness(image_BCHW: torch.Tensor, strength_B: torch.Tensor) -> torch.Tensor:
    kernel = torch.tensor(SMOOTH, device=image_BCHW.device, dtype=torch.float32) / 13.0
    smooth_BCHW = image_BCHW.float()  # the outermost pixels stay
    smooth_BCHW[:, :, 1:-1, 1:-1] = functional.conv2d(
        image_BCHW.float(), kernel.expand(3, 1, 3, 3), groups=3
    ).round()
    return _between(smooth_BCHW, image_BCHW, strength_B)


def _rotate(image_BCHW: torch.Tensor, strength_B: torch.Tensor) -> torch.Tensor:
    """Turn by up to 30 degrees around the middle."""
    angle_B = torch.deg2rad((30.0 * strength_B).trunc())
    cos_B, sin_B, zero_B = angle_B.cos(), angle_B.sin(), torch.zeros_like(angle_B)
    return _moved(image_BCHW, (cos_B, -sin_B, zero_B), (sin_B, cos_B, zero_B), is_centred=True)


def _shear_x(image_BCHW: torch.Tensor, strength_B: torch.Tensor) -> torch.Tensor:
    one_B, zero_B = torch.ones_like(strength_B), torch.zeros_like(strength_B)
    return _moved(image_BCHW, (one_B, 0.3 * strength_B, zero_B), (zero_B, one_B, zero_B))


def _shear_y(image_BCHW: torch.Tensor, strength_B: torch.Tensor) -> torch.Tensor:
    one_B, zero_B = torch.ones_like(strength_B), torch.zeros_like(strength_B)
    return _moved(image_BCHW, (one_B, zero_B, zero_B), (0.3 * strength_B, one_B, zero_B))


def _translate_x(image_BCHW: torch.Tensor, strength_B: torch.Tensor) -> torch.Tensor:
    one_B, zero_B = torch.ones_like(strength_B), torch.zeros_like(strength_B)
    by_B = (0.3 * strength_B * image_BCHW.shape[3]).trunc()
    return _moved(image_BCHW, (one_B, zero_B, by_B), (zero_B, one_B, zero_B))


def _translate_y(image_BCHW: torch.Tensor, strength_B: torch.Tensor) -> torch.Tensor:
    one_B, zero_B = torch.ones_like(strength_B), torch.zeros_like(strength_B)
    by_B = (0.3 * strength_B * image_BCHW.shape[2]).trunc()
    return _moved(image_BCHW, (one_B, zero_B, zero_B), (zero_B, one_B, by_B))


Operation = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

OPERATIONS: tuple[Operation, ...] = (
    _identity,
    _autocontrast,
    _equalize,
    _rotate,
    _solarize,
    _color,
    _posterize,
    _contrast,
    _brightness,
    _sharpness,
    _shear_x,
    _shear_y,
    _translate_x,
    _translate_y,
)
"""The first one does nothing."""


def _wide(value_B: torch.Tensor) -> torch.Tensor:
    return value_B[:, None, None, None]


def _grey(image_BCHW: torch.Tensor) -> torch.Tensor:
    """Return how bright each pixel is, (B, 1, H, W) float32, whole numbers."""
    luma_C11 = torch.tensor(LUMA, device=image_BCHW.device)[:, None, None]
    return (image_BCHW.float() * luma_C11).sum(dim=1, keepdim=True).round()


def _between(plain: torch.Tensor, image_BCHW: torch.Tensor, strength_B: torch.Tensor) -> torch.Tensor:
    """Return plain + f·(image − plain) with f = 0.05 + 0.9·|strength|, rounded down as in Pillow."""
    share_B111 = _wide(0.05 + 0.9 * strength_B.abs())
    return (plain + share_B111 * (image_BCHW.float() - plain)).clamp(0, 255).to(torch.uint8)


Row = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def _moved(image_BCHW: torch.Tensor, column: Row, row: Row, *, is_centred: bool = False) -> torch.Tensor:
    """Return the pictures with each pixel from another place, the nearest one; black where there is none.

    column: (a, b, c), each (B,): the pixel in column x and row y comes from column a·x + b·y + c; row: the
    same for the row. A pixel is where its middle is, counted from the corner; is_centred: from the middle.
    """
    device, (batch, _, height, width) = image_BCHW.device, image_BCHW.shape
    middle_x, middle_y = (width / 2, height / 2) if is_centred else (0.0, 0.0)
    x_1W = torch.arange(width, device=device)[None] + 0.5 - middle_x
    y_H1 = torch.arange(height, device=device)[:, None] + 0.5 - middle_y
    from_BHW = []
    for (a_B, b_B, c_B), middle in ((column, middle_x), (row, middle_y)):
        a_B11, b_B11, c_B11 = (each[:, None, None] for each in (a_B, b_B, c_B))
        from_BHW.append((a_B11 * x_1W + b_B11 * y_H1 + c_B11 + middle).floor().long())
    x_BHW, y_BHW = from_BHW
    is_inside = (x_BHW >= 0) & (x_BHW < width) & (y_BHW >= 0) & (y_BHW < height)
    which_B11 = torch.arange(batch, device=device)[:, None, None]
    at = (which_B11, y_BHW.clamp(0, height - 1), x_BHW.clamp(0, width - 1))
    moved_BHWC = image_BCHW.permute(0, 2, 3, 1)[at] * is_inside[..., None]
    return moved_BHWC.permute(0, 3, 1, 2)
