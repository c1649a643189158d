"""What cameras, scanners and accidents do to a picture."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageFilter, ImageOps


@dataclass(frozen=True)
class Effects:
    """Faults of a picture that stays usable. Lengths are shares of the side."""

    blur: float
    noise: float
    """Standard deviation on the 0 … 255 scale."""
    noise_seed: int
    cast: tuple[float, float, float]
    """Factor of each channel."""
    contrast: float


def choose_effects(rng: Generator) -> Effects:
    """Mostly nothing; sometimes blur, noise, a colour cast, a little contrast."""
    blur, noise, cast = (float(v) for v in rng.random(3))
    amount = rng.random(6)
    factors = 1 + (amount[:3] - 0.5) * (0.16 if cast < 0.3 else 0.0)
    return Effects(
        blur=0.003 + 0.007 * float(amount[3]) if blur < 0.13 else 0.0,
        noise=3 + 8 * float(amount[4]) if noise < 0.18 else 0.0,
        noise_seed=int(rng.integers(2**31)),
        cast=(float(factors[0]), float(factors[1]), float(factors[2])),
        contrast=float(0.9 + 0.2 * amount[5]) if cast > 0.7 else 1.0,
    )


def apply(image: Image.Image, effects: Effects) -> Image.Image:
    """The picture with its faults."""
    size = image.width
    if effects.blur:
        image = image.filter(ImageFilter.GaussianBlur(effects.blur * size))
    if effects.cast != (1.0, 1.0, 1.0) or effects.contrast != 1.0:
        levels = (np.arange(256) - 128) * effects.contrast + 128
        table = np.concatenate([levels * factor for factor in effects.cast]).clip(0, 255)
        image = image.point(table.astype(int).tolist())
    if effects.noise:
        field = np.random.default_rng(effects.noise_seed).normal(0, effects.noise, (128, 128, 3))
        tile = Image.fromarray((128 + field).clip(0, 255).astype(np.uint8)).resize(
            image.size, Image.Resampling.BILINEAR
        )
        noisy = np.asarray(image, dtype=np.int16) + np.asarray(tile, dtype=np.int16) - 128
        image = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
    return image


def ruin(image: Image.Image, rng: Generator) -> Image.Image:
    """The picture made unusable in one of five ways."""
    size, kind = image.width, int(rng.integers(5))
    pixels = np.asarray(image, dtype=np.float32)
    coarse = rng.normal(0, 1, (96, 96, 3))
    if kind == 0:
        return Image.fromarray((pixels * 0.04 + 4).astype(np.uint8))
    if kind == 1:
        return Image.fromarray((pixels * 0.06 + 240).clip(0, 255).astype(np.uint8))
    if kind == 2:
        return image.filter(ImageFilter.GaussianBlur(0.16 * size))
    if kind == 3:
        field = Image.fromarray((128 + 70 * coarse).clip(0, 255).astype(np.uint8))
        return field.resize(image.size, Image.Resampling.NEAREST)
    return _torn(image, rng)


def _torn(image: Image.Image, rng: Generator) -> Image.Image:
    """Most of the rows lost: grey, or shifted sideways with swapped colours."""
    size = image.width
    start = float(rng.uniform(0.04, 0.2))
    out = Image.new("RGB", image.size, (128, 128, 128))
    out.paste(image.crop((0, 0, size, round(start * size))), (0, 0))
    if rng.random() < 0.6:
        broken = ImageOps.invert(image)
        edges = np.sort(rng.uniform(start, 0.95, 9))
        for low, high, shift in zip(edges[:-1], edges[1:], rng.uniform(-1, 1, 8), strict=True):
            top, bottom = round(low * size), round(high * size)
            if bottom > top and shift > -0.4:
                out.paste(broken.crop((0, top, size, bottom)), (round(shift * size), top))
    return out
