"""What is in the picture without being its subject: shapes behind, things in front, shadows."""

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFilter

from assets.build.drawn.colours import Colour
from assets.build.drawn.pen import Mark
from assets.build.drawn.shapes import Path, box, ellipse, moved, poly, scallop, smooth, tube, turned

MUTED: tuple[Colour, ...] = (
    (214, 196, 178), (176, 190, 180), (186, 182, 200), (226, 206, 170), (160, 176, 190), (206, 170, 160),
)  # fmt: skip
"""Colours of things that do not matter."""


def scatter(rng: Generator, count: int, small: float, large: float) -> list[Mark]:
    """Muted simple shapes anywhere in the frame, some of them cut by its edge."""
    marks = []
    for _ in range(count):
        x, y = rng.uniform(-0.02, 1.02, 2)
        r = float(rng.uniform(small, large))
        path = moved(turned(_shape(int(rng.integers(6)), r), float(rng.uniform(0, 360))), x, y)
        marks.append(Mark((path,), MUTED[int(rng.integers(len(MUTED)))]))
    return marks


def _shape(kind: int, r: float) -> Path:
    if kind == 0:
        return ellipse(0, 0, r)
    if kind == 1:
        return box(-r, -r * 0.7, r, r * 0.7, r * 0.3)
    if kind == 2:
        return poly((-r, r * 0.7), (r, r * 0.7), (0, -r))
    if kind == 3:
        return tube([(-r, 0), (0, -r * 0.5), (r, 0)], r * 0.5)
    if kind == 4:
        return smooth((-r, 0), (-r * 0.2, -r * 0.6), (r, -r * 0.1), (r * 0.3, r * 0.8))
    return scallop(0, 0, r, r * 0.8, 6, 0.15)


def occluder(rng: Generator, around: tuple[float, float, float, float], place: str) -> list[Mark]:
    """A post, a card, a leaf or grass over a small part of the box (x0, y0, x1, y1).

    Grass grows only where things stand: `place` is that of the concept.
    """
    x0, y0, x1, y1 = around
    w, h = x1 - x0, y1 - y0
    colour = MUTED[int(rng.integers(len(MUTED)))]
    kind, along = int(rng.integers(4 if place in ("ground", "any") else 3)), float(rng.uniform(0.1, 0.9))
    if kind == 0:
        x = x0 + along * w
        return [Mark((box(x - w * 0.06, -0.1, x + w * 0.06, 1.1),), (160, 128, 104))]
    if kind == 1:
        corner = (
            (x0 if along < 0.5 else x1) + float(rng.uniform(-0.05, 0.05)),
            y0 + h * float(rng.uniform(0.2, 1.0)),
        )
        card = box(-0.2 * w, -0.18 * h, 0.2 * w, 0.18 * h, 0.02)
        return [Mark((moved(turned(card, float(rng.uniform(-30, 30))), *corner),), colour)]
    if kind == 2:
        leaf = smooth((-0.3, 0), (-0.1, -0.11), (0.3, -0.02), (0.0, 0.12)) * max(w, h)
        at = (x0 + along * w, y0 + h * float(rng.choice([0.08, 0.92])))
        return [Mark((moved(turned(leaf, float(rng.uniform(0, 360))), *at),), (120, 166, 110))]
    blades = [
        poly((x, y1 + 0.12), (x + 0.015, y1 - h * float(rng.uniform(0.1, 0.24))), (x + 0.05, y1 + 0.12))
        for x in np.arange(x0 - 0.05, x1 + 0.05, 0.05)
    ]
    return [Mark(tuple(blades), (120, 170, 100))]


def floor_shadow(canvas: Image.Image, x: float, y: float, half: float) -> None:
    """A soft dark ellipse where the object stands; lengths are shares of the side."""
    size = canvas.width
    small = Image.new("L", (64, 64))
    ImageDraw.Draw(small).ellipse(
        ((x - half) * 64, (y - 0.045) * 64, (x + half) * 64, (y + 0.035) * 64), fill=84
    )
    soft = small.filter(ImageFilter.GaussianBlur(1.2)).resize((size, size), Image.Resampling.BILINEAR)
    canvas.paste((50, 40, 70, 255), (0, 0), soft)
