"""Shifting by index arithmetic is padding, cropping and mirroring."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from engine.augment import Shifts, draw_shifts, shift
from engine.draws import Draws


def by_padding(image_CHW: torch.Tensor, down: int, right: int, flipped: bool) -> torch.Tensor:
    size, reach = image_CHW.shape[-1], image_CHW.shape[-1] // 8
    padded = functional.pad(image_CHW[None].float(), (reach,) * 4, mode="reflect")[0]
    crop = padded[:, reach + down : reach + down + size, reach + right : reach + right + size]
    return crop.flip(-1) if flipped else crop


@pytest.mark.parametrize("size", [16, 32])
def test_it_is_a_crop_of_the_reflected_picture(size: int) -> None:
    image = torch.randint(0, 256, (12, 3, size, size), dtype=torch.uint8)
    shifts = draw_shifts(Draws([f"s{i}" for i in range(12)], 0), 1, size)
    moved = shift(image, shifts)
    assert moved.dtype == torch.uint8
    for i in range(12):
        down, right = int(shifts.down[i]), int(shifts.right[i])
        expected = by_padding(image[i], down, right, bool(shifts.flipped[i]))
        torch.testing.assert_close(moved[i].float(), expected, rtol=0, atol=0)


def test_no_shift_leaves_the_picture() -> None:
    image = torch.rand(2, 3, 8, 8)
    still = Shifts(down=np.zeros(2, int), right=np.zeros(2, int), flipped=np.zeros(2, bool))
    torch.testing.assert_close(shift(image, still), image, rtol=0, atol=0)


def test_every_shift_up_to_an_eighth_occurs_and_half_are_mirrored() -> None:
    shifts = draw_shifts(Draws([f"s{i}" for i in range(2000)], 0), 1, 32)
    for values in (shifts.down, shifts.right):
        assert sorted(set(values.tolist())) == list(range(-4, 5))
    assert 0.45 < shifts.flipped.mean() < 0.55
    some = shifts.take(np.asarray([3, 1]))
    assert some.down.tolist() == [shifts.down[3], shifts.down[1]]
