"""RandAugment in batches: Pillow's values, a picture's own draws, and FixMatch's frequencies."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps

from engine import randaugment
from engine.draws import Draws
from engine.randaugment import OPERATIONS, Changes, change, cut_out, draw_changes

NAMES = [each.__name__.removeprefix("_") for each in OPERATIONS]
SIZE = 32


def pictures(count: int = 4, height: int = SIZE, width: int = SIZE) -> torch.Tensor:
    """Smooth pictures of little contrast with some noise, uint8 (B, 3, H, W)."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:height, 0:width] / SIZE
    waves = [np.sin(rng.uniform(2, 9) * x + rng.uniform(2, 9) * y) for _ in range(3 * count)]
    values = 120 + 60 * np.stack(waves).reshape(count, 3, height, width)
    return torch.from_numpy((values + rng.normal(0, 8, values.shape)).clip(0, 255).astype(np.uint8))


def affine(matrix: Callable[[float], tuple[float, ...]]) -> Callable[[Image.Image, float], Image.Image]:
    return lambda image, s: image.transform(
        image.size, Image.Transform.AFFINE, matrix(s), Image.Resampling.NEAREST
    )


PILLOW: dict[str, Callable[[Image.Image, float], Image.Image]] = {
    "identity": lambda image, s: image,
    "autocontrast": lambda image, s: ImageOps.autocontrast(image),
    "equalize": lambda image, s: ImageOps.equalize(image),
    "rotate": lambda image, s: image.rotate(int(30 * s)),
    "solarize": lambda image, s: ImageOps.solarize(image, 256 - int(256 * abs(s))),
    "color": lambda image, s: ImageEnhance.Color(image).enhance(0.05 + 0.9 * abs(s)),
    "posterize": lambda image, s: ImageOps.posterize(image, 4 + int(4 * abs(s))),
    "contrast": lambda image, s: ImageEnhance.Contrast(image).enhance(0.05 + 0.9 * abs(s)),
    "brightness": lambda image, s: ImageEnhance.Brightness(image).enhance(0.05 + 0.9 * abs(s)),
    "sharpness": lambda image, s: ImageEnhance.Sharpness(image).enhance(0.05 + 0.9 * abs(s)),
    "shear_x": affine(lambda s: (1, 0.3 * s, 0, 0, 1, 0)),
    "shear_y": affine(lambda s: (1, 0, 0, 0.3 * s, 1, 0)),
    "translate_x": affine(lambda s: (1, 0, int(0.3 * s * SIZE), 0, 1, 0)),
    "translate_y": affine(lambda s: (1, 0, 0, 0, 1, int(0.3 * s * SIZE))),
}


def one(name: str, strength: list[float]) -> Changes:
    kind = np.full((len(strength), 1), NAMES.index(name))
    return Changes(operation=kind, strength=np.asarray(strength, dtype=np.float32)[:, None])


@pytest.mark.parametrize("name", NAMES)
def test_each_operation_gives_pillows_values_whoever_else_is_in_the_batch(name: str) -> None:
    assert len(PILLOW) == len(OPERATIONS) == 14
    image = pictures(4)
    strength = [0.1, -0.4, 0.9, -0.7]
    found = change(image, one(name, strength))
    assert found.dtype is torch.uint8
    for number, s in enumerate(strength):
        picture = Image.fromarray(image[number].permute(1, 2, 0).numpy())
        expected = np.asarray(PILLOW[name](picture, s)).astype(int)
        difference = np.abs(found[number].permute(1, 2, 0).numpy().astype(int) - expected)
        # A pixel on the border between two places may come from either.
        assert (difference > 2).mean() < (0.02 if name in ("rotate", "shear_x", "shear_y") else 1e-9), s
        alone = change(image[number : number + 1], one(name, [s]))
        assert torch.equal(alone[0], found[number])
    if name != "identity":
        assert not torch.equal(found, image)


def test_pictures_that_are_not_square_are_moved_by_their_own_sides() -> None:
    image = pictures(1, 16, SIZE)
    down = change(image, one("translate_y", [0.9]))[0]
    right = change(image, one("translate_x", [-0.9]))[0]
    assert torch.equal(down[:, : 16 - 4], image[0, :, 4:])
    assert not down[:, 16 - 4 :].any()
    assert torch.equal(right[:, :, 8:], image[0, :, :, :-8])
    assert not right[:, :, :8].any()


def test_operations_follow_each_other_and_the_pictures_given_stay() -> None:
    image = pictures(2)
    before = image.clone()
    both = Changes(
        operation=np.asarray([[NAMES.index("solarize"), NAMES.index("translate_x")]] * 2),
        strength=np.asarray([[0.5, 0.5], [0.9, -0.2]], dtype=np.float32),
    )
    found = change(image, both)
    first = change(image, one("solarize", [0.5, 0.9]))
    assert torch.equal(found, change(first, one("translate_x", [0.5, -0.2])))
    assert torch.equal(image, before)


def test_a_picture_of_one_colour_survives_everything() -> None:
    flat = torch.full((1, 3, 8, 8), 77, dtype=torch.uint8)
    for name in NAMES:
        assert change(flat, one(name, [0.9])).shape == flat.shape
    assert torch.equal(change(flat, one("autocontrast", [0.9])), flat)
    assert torch.equal(change(flat, one("equalize", [0.9])), flat)


def test_half_of_the_operations_are_done_each_as_often_at_levels_up_to_nine() -> None:
    n = 20_000
    drawn = draw_changes(Draws([f"{i}" for i in range(n)], 0), 1)
    assert drawn.operation.shape == drawn.strength.shape == (n, 2)
    for number in range(2):
        counts = np.bincount(drawn.operation[:, number], minlength=14) / n
        assert counts[1:] == pytest.approx(np.full(13, 0.5 / 14), abs=0.006)
        assert counts[0] == pytest.approx(0.5 + 0.5 / 14, abs=0.015)
        levels, often = np.unique(np.abs(drawn.strength[:, number]).round(4), return_counts=True)
        assert levels == pytest.approx(np.arange(1, 10) / 10)
        assert often / n == pytest.approx(np.full(9, 1 / 9), abs=0.01)
        assert (drawn.strength[:, number] > 0).mean() == pytest.approx(0.5, abs=0.02)
    assert (drawn.operation[:, 0] == drawn.operation[:, 1]).mean() < 0.4
    weak = draw_changes(Draws(["a", "b"], 0), 1, operations=5, magnitude=2)
    assert weak.operation.shape == (2, 5)
    assert np.abs(weak.strength) == pytest.approx(0.1)


def test_draws_belong_to_the_sample_the_epoch_and_the_seed() -> None:
    names = [f"s{i}" for i in range(50)]
    first = draw_changes(Draws(names, 0), 3)
    again = draw_changes(Draws(names[::-1], 0), 3)
    np.testing.assert_array_equal(first.operation, again.operation[::-1])
    np.testing.assert_array_equal(first.strength, again.strength[::-1])
    for other in (draw_changes(Draws(names, 1), 3), draw_changes(Draws(names, 0), 4)):
        assert (first.strength != other.strength).any()


def test_cutout_covers_a_square_of_half_the_side_and_less_at_the_edge() -> None:
    image = torch.zeros(300, 3, 16, 16, dtype=torch.uint8)
    draws = Draws([f"{i}" for i in range(300)], 0)
    covered = cut_out(image, draws, 1) == randaugment.GREY
    assert torch.equal(covered.all(dim=1), covered.any(dim=1))
    heights = covered[:, 0].any(dim=2).sum(dim=1)
    widths = covered[:, 0].any(dim=1).sum(dim=1)
    assert (covered[:, 0].sum(dim=(1, 2)) == heights * widths).all()
    for sides in (heights, widths):
        assert (sides.min(), sides.max()) == (4, 8)
