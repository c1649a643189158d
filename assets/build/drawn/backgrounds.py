"""What lies behind the object: plain, gradient, patterns, paper, hills, sky, room, night."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFilter

from assets.build.drawn.colours import Colour, apart, dark, light, mix
from assets.build.drawn.shapes import curve, scallop

KINDS = {
    "plain": 0.2, "gradient": 0.12, "striped": 0.1, "dotted": 0.1, "checked": 0.07, "paper": 0.08,
    "hills": 0.12, "sky": 0.07, "room": 0.08, "night": 0.03, "speckled": 0.03,
}  # fmt: skip
"""Background word to how often it is drawn."""

TONES: dict[str, tuple[Colour, ...]] = {
    "white": ((250, 248, 244), (255, 255, 255)),
    "cream": ((252, 240, 214), (248, 232, 200)),
    "yellow": ((252, 226, 140), (250, 214, 112)),
    "pink": ((248, 204, 206), (244, 184, 192)),
    "green": ((190, 222, 172), (152, 200, 150)),
    "mint": ((196, 234, 216), (170, 222, 202)),
    "blue": ((176, 212, 238), (140, 190, 228)),
    "lilac": ((216, 204, 240), (196, 180, 230)),
    "gray": ((208, 210, 216), (180, 184, 194)),
    "orange": ((250, 200, 150), (246, 182, 124)),
    "teal": ((120, 188, 186), (98, 170, 172)),
    "dark": ((64, 68, 96), (78, 66, 92), (58, 84, 92)),
}
"""Tone word to colours that go well with everything in the palette."""


@dataclass(frozen=True)
class Background:
    """A kind, the word for its colour, and everything that chance decided about it."""

    kind: str
    tone: str
    base: Colour
    second: Colour
    chance: tuple[float, ...]
    """Eight numbers in 0 … 1."""
    ground: float
    """Height of the horizon or of the floor's edge; 1 where there is none."""


def choose_background(rng: Generator, main: Colour, place: str) -> Background:
    """A background that the main colour stands out from and that suits where the thing lives."""
    kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    if kind in ("hills", "room", "sky") and place in ("water", "sky"):
        kind = "sea" if place == "water" else "sky"
    tones = list(TONES)
    tone, base = "white", TONES["white"][0]
    for _ in range(8):
        tone = tones[int(rng.integers(len(tones)))]
        if kind in ("hills", "sky", "sea"):
            tone = str(rng.choice(["blue", "blue", "cream", "pink", "orange", "lilac"]))
        if kind == "night":
            tone = "dark"
        base = TONES[tone][int(rng.integers(len(TONES[tone])))]
        if apart(base, main) > 48:
            break
    chance = tuple(float(v) for v in rng.random(8))
    second = light(base, 0.4) if chance[0] < 0.5 or tone == "dark" else mix(base, _partner(chance[1]), 0.35)
    if apart(base, second) < 12:
        second = dark(base, 0.12)
    ground = 0.55 + 0.25 * chance[2] if kind in ("hills", "room", "sea") else 1.0
    return Background(kind, tone, base, second, chance, ground)


def _partner(chance: float) -> Colour:
    options = [TONES[name][0] for name in ("pink", "yellow", "blue", "mint", "orange", "lilac")]
    return options[int(chance * len(options))]


def paint_background(background: Background, size: int) -> Image.Image:
    """The background as RGB, size × size."""
    image = Image.new("RGB", (size, size), background.base)
    painter = PAINTERS.get(background.kind)
    return image if painter is None else painter(background, image)


def _gradient(b: Background, image: Image.Image) -> Image.Image:
    ramp = Image.radial_gradient("L") if b.chance[3] < 0.35 else Image.linear_gradient("L")
    if b.chance[3] >= 0.35:
        ramp = ramp.rotate(90 * int(b.chance[4] * 4))
    ramp = ramp.resize(image.size, Image.Resampling.BILINEAR)
    far = b.second if b.chance[5] < 0.5 else mix(b.base, _partner(b.chance[1]), 0.6)
    return Image.composite(Image.new("RGB", image.size, far), image, ramp)


def _striped(b: Background, image: Image.Image) -> Image.Image:
    size = image.width
    draw = ImageDraw.Draw(image)
    period = size * (0.09 + 0.16 * b.chance[3])
    slope = (0.0, 1.0, -1.0, math.inf)[int(b.chance[4] * 4)]
    for i in range(-int(size / period) - 2, 2 * int(size / period) + 3):
        at = (i + b.chance[5]) * period
        if slope == math.inf:
            draw.rectangle((0, at, size, at + period / 2), fill=b.second)
        else:
            a, z = at, at + slope * size
            draw.polygon([(a, 0), (a + period / 2, 0), (z + period / 2, size), (z, size)], fill=b.second)
    return image


def _dotted(b: Background, image: Image.Image) -> Image.Image:
    size = image.width
    draw = ImageDraw.Draw(image)
    period = size * (0.1 + 0.1 * b.chance[3])
    r = period * (0.16 + 0.14 * b.chance[4])
    for i in range(-1, int(size / period) + 2):
        for j in range(-1, int(size / period) + 2):
            x = (i + b.chance[5] + (j % 2) / 2) * period
            y = (j + b.chance[6]) * period
            draw.ellipse((x - r, y - r, x + r, y + r), fill=b.second)
    return image


def _checked(b: Background, image: Image.Image) -> Image.Image:
    size = image.width
    draw = ImageDraw.Draw(image)
    period = size * (0.1 + 0.12 * b.chance[3])
    for i in range(-1, int(size / period) + 2):
        for j in range(-1, int(size / period) + 2):
            if (i + j) % 2 == 0:
                x, y = (i + b.chance[5]) * period, (j + b.chance[6]) * period
                draw.rectangle((x, y, x + period, y + period), fill=b.second)
    return image


def _paper(b: Background, image: Image.Image) -> Image.Image:
    return mottled(image, b.chance, 16 + 14 * b.chance[3], 90)


def _speckled(b: Background, image: Image.Image) -> Image.Image:
    size = image.width
    draw = ImageDraw.Draw(image)
    spots = np.random.default_rng(int(b.chance[3] * 2**31)).random((70, 3))
    for x, y, r in spots * (size, size, size * 0.016):
        draw.ellipse((x - r, y - r, x + r, y + r), fill=b.second if r < size * 0.011 else dark(b.base, 0.15))
    return image


def _hills(b: Background, image: Image.Image) -> Image.Image:
    return _rolling(b, image, ((150, 196, 120), (196, 206, 120), (118, 178, 132), (226, 206, 150)))


def _sea(b: Background, image: Image.Image) -> Image.Image:
    return _rolling(b, image, ((116, 180, 214), (104, 190, 196), (134, 168, 218)))


def _rolling(b: Background, image: Image.Image, colours: tuple[Colour, ...]) -> Image.Image:
    """Two wavy layers of ground or water below a sky."""
    size = image.width
    image = _sky(b, image)
    draw = ImageDraw.Draw(image)
    near = colours[int(b.chance[3] * len(colours))]
    for layer, lift in ((0, -0.1), (1, 0.02)):
        phase = 6.3 * b.chance[4 + layer]
        xs = np.linspace(-0.05, 1.05, 14)
        ys = b.ground + lift + 0.045 * np.sin(5 * xs + phase) + 0.02 * np.sin(11 * xs + 2 * phase)
        edge = np.concatenate([curve(np.stack([xs, ys], 1)), [(1.05, 1.1), (-0.05, 1.1)]])
        draw.polygon((edge * size).ravel().tolist(), fill=light(near, 0.3) if layer == 0 else near)
    return image


def _sky(b: Background, image: Image.Image) -> Image.Image:
    size = image.width
    ramp = Image.linear_gradient("L").resize(image.size, Image.Resampling.BILINEAR)
    image = Image.composite(Image.new("RGB", image.size, light(b.base, 0.7)), image, ramp)
    draw = ImageDraw.Draw(image)
    for i in range(1 + int(b.chance[6] * 3)):
        x, y = (b.chance[i + 2] * 1.1 - 0.05), 0.08 + 0.3 * b.chance[7 - i]
        cloud = scallop(x, y, 0.1 + 0.05 * b.chance[i], 0.045, 5, 0.18)
        draw.polygon((cloud * size).ravel().tolist(), fill=light(b.base, 0.8))
    return image


def _room(b: Background, image: Image.Image) -> Image.Image:
    size = image.width
    draw = ImageDraw.Draw(image)
    floors = ((206, 168, 128), (188, 150, 130), (170, 178, 186), dark(b.base, 0.2))
    floor = floors[int(b.chance[3] * len(floors))]
    edge = b.ground * size
    if b.chance[4] < 0.4:
        for i in range(8):
            x = (i + b.chance[5]) * size / 7
            draw.rectangle((x, 0, x + size * 0.012, edge), fill=b.second)
    draw.rectangle((0, edge, size, size), fill=floor)
    draw.rectangle((0, edge, size, edge + size * 0.02), fill=dark(floor, 0.2))
    return image


def _night(b: Background, image: Image.Image) -> Image.Image:
    image = _gradient(b, image)
    size = image.width
    draw = ImageDraw.Draw(image)
    for x, y, r in np.random.default_rng(int(b.chance[3] * 2**31)).random((24, 3)) * (
        size,
        size,
        size * 0.009,
    ):
        draw.ellipse((x - r, y - r, x + r, y + r), fill=(250, 240, 200))
    return image


def mottled(image: Image.Image, chance: tuple[float, ...], depth: float, grid: int) -> Image.Image:
    """The image with an uneven, paper-like brightness; the pattern does not depend on the resolution."""
    field = np.random.default_rng(int(chance[7] * 2**31)).normal(128, depth, (grid, grid))
    tile = Image.fromarray(field.clip(0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.6))
    tile = tile.resize(image.size, Image.Resampling.BILINEAR)
    shadow = Image.new("RGB", image.size, dark(image.getpixel((0, 0)), 0.3))  # type: ignore[arg-type]
    return Image.composite(image, shadow, tile.point([min(255, v + 96) for v in range(256)]))


PAINTERS = {
    "gradient": _gradient, "striped": _striped, "dotted": _dotted, "checked": _checked, "paper": _paper,
    "speckled": _speckled, "hills": _hills, "sea": _sea, "sky": _sky, "room": _room, "night": _night,
}  # fmt: skip
"""What draws each kind; a plain background needs nothing."""
