"""Things that hold a drink, food or flowers."""

import numpy as np

from assets.build.drawn.colours import (
    CREAM,
    LEAF,
    WHITE,
    Colour,
    dark,
    light,
)
from assets.build.drawn.concept import Concept
from assets.build.drawn.pen import Pen
from assets.build.drawn.shapes import (
    Path,
    arc,
    box,
    ellipse,
    scallop,
    smooth,
    tube,
)

TEA = (140, 84, 52)
GLAZES = ("red", "blue", "teal", "white", "yellow", "green", "purple", "pink", "orange", "navy")


def steam(p: Pen, y: float) -> None:
    """Wisps over something hot, sometimes."""
    if p.chance(0.45):
        for x in (-0.25, 0.1):
            p.glow(
                (250, 250, 252),
                tube([(x, y), (x + 0.12, y - 0.2), (x - 0.04, y - 0.4), (x + 0.1, y - 0.6)], 0.08),
                strength=0.8,
            )


def pattern(p: Pen, body: Path, low: float, high: float) -> None:
    """A decoration between two heights: bands, dots, a zigzag, a heart or none."""
    ink = p.pick(WHITE, CREAM, light(p.main, 0.6), p.deep(0.3))
    kind, middle = p.pick("none", "bands", "dots", "zigzag", "heart"), (low + high) / 2
    if kind == "bands":
        p.inside(
            body, ink, box(-2, middle - 0.18, 2, middle - 0.08), box(-2, middle + 0.06, 2, middle + 0.16)
        )
    elif kind == "dots":
        p.inside(
            body,
            ink,
            *[ellipse(x, y, 0.1) for x in np.arange(-0.9, 1, 0.4) for y in (middle - 0.2, middle + 0.2)],
        )
    elif kind == "zigzag":
        p.inside(
            body,
            ink,
            tube(
                [(-1.2 + 0.2 * i, middle + (0.12 if i % 2 else -0.12)) for i in range(13)], 0.09, bend=False
            ),
        )
    elif kind == "heart":
        p.inside(
            body,
            ink,
            smooth(
                (0, middle + 0.22),
                (-0.27, middle - 0.05),
                (-0.14, middle - 0.22),
                (0, middle - 0.1),
                (0.14, middle - 0.22),
                (0.27, middle - 0.05),
            ),
        )


def _rim(p: Pen, y: float, rx: float, ry: float, inner: Colour) -> None:
    p.fill(light(p.main, 0.3), ellipse(0, y, rx, ry))
    p.detail(inner, ellipse(0, y + ry * 0.12, rx * 0.86, ry * 0.74))


def cup(p: Pen) -> None:
    """A teacup: round bowl on a saucer, dainty handle."""
    p.fill(light(p.main, 0.25), ellipse(0, 0.82, 1.2, 0.26))
    p.detail(p.main, ellipse(0, 0.8, 0.7, 0.13))
    p.fill(p.main, tube([(0.72, -0.2), (1.2, -0.3), (1.15, 0.15), (0.6, 0.4)], 0.16))
    body = smooth(
        (-0.92, -0.45),
        (0.92, -0.45),
        (0.82, 0.1),
        (0.42, 0.62),
        (0.36, 0.78),
        (-0.36, 0.78),
        (-0.42, 0.62),
        (-0.82, 0.1),
    )
    p.fill(p.main, body)
    pattern(p, body, -0.3, 0.6)
    _rim(p, -0.45, 0.92, 0.24, TEA)
    steam(p, -0.6)


def mug(p: Pen) -> None:
    """A straight tall cylinder with a large handle."""
    p.fill(p.main, tube([(0.6, -0.45), (1.15, -0.5), (1.25, 0.05), (1.1, 0.5), (0.6, 0.48)], 0.22))
    body = box(-0.78, -0.8, 0.78, 0.95, 0.16)
    p.fill(p.main, body)
    pattern(p, body, -0.5, 0.9)
    _rim(p, -0.78, 0.78, 0.2, TEA)
    steam(p, -0.95)
    p.shine(tube([(-0.56, -0.4), (-0.56, 0.5)], 0.1))


def bowl(p: Pen) -> None:
    """A wide half-round bowl, sometimes full."""
    filling = p.pick("", "soup", "salad", "rice")
    body = arc(0, -0.15, 1.2, 1.0, 0, 180)
    if filling == "rice":
        p.fill(WHITE, scallop(0, -0.22, 0.9, 0.5, 9, 0.08))
    elif filling == "salad":
        p.fill(LEAF, scallop(0, -0.25, 0.92, 0.4, 9, 0.15))
        p.detail((226, 84, 70), ellipse(-0.4, -0.42, 0.16), ellipse(0.35, -0.36, 0.15))
    p.fill(p.deep(0.1), box(-0.45, 0.72, 0.45, 0.98, 0.06))
    p.fill(p.main, body)
    pattern(p, body, -0.05, 0.7)
    if filling in ("", "soup"):
        _rim(p, -0.15, 1.2, 0.26, (232, 150, 76) if filling else p.deep(0.3))
    else:
        p.fill(light(p.main, 0.3), tube([(-1.15, -0.14), (1.15, -0.14)], 0.14))


def vase(p: Pen) -> None:
    """Narrow neck over a belly, usually with flowers."""
    if p.chance(0.65):
        for x, y in ((-0.5, -1.35), (0.05, -1.6), (0.52, -1.3)):
            p.fill(LEAF, tube([(x * 0.2, -0.6), (x * 0.6, y + 0.4), (x, y)], 0.08))
            petal = p.pick((240, 130, 150), (250, 206, 90), (236, 96, 84), (176, 140, 220), WHITE)
            p.fill(petal, scallop(x, y, 0.26, 0.26, p.pick(5, 6), 0.2))
            p.detail((244, 180, 70), ellipse(x, y, 0.09))
    belly, neck = p.between(0.62, 0.85), p.between(0.24, 0.34)
    body = smooth(
        (-neck - 0.1, -0.8),
        (neck + 0.1, -0.8),
        (neck, -0.5),
        (belly * 0.8, -0.05),
        (belly, 0.45),
        (belly * 0.55, 1.05),
        (-belly * 0.55, 1.05),
        (-belly, 0.45),
        (-belly * 0.8, -0.05),
        (-neck, -0.5),
    )
    p.fill(p.main, body)
    pattern(p, body, 0.0, 0.9)
    p.fill(light(p.main, 0.3), ellipse(0, -0.82, neck + 0.12, 0.1))
    p.shine(tube([(-belly * 0.6, 0.1), (-belly * 0.68, 0.5)], 0.12))


def teapot(p: Pen) -> None:
    """Round pot with spout, handle and lid."""
    p.fill(p.main, tube([(-0.7, -0.3), (-1.25, -0.35), (-1.3, 0.2), (-0.75, 0.45)], 0.18))
    p.fill(p.main, tube([(0.6, 0.35), (1.05, 0.15), (1.2, -0.3), (1.5, -0.42)], 0.46, 0.16))
    body = ellipse(0, 0.12, 0.98, 0.8)
    p.fill(p.deep(0.12), box(-0.5, 0.8, 0.5, 0.98, 0.06))
    p.fill(p.main, body)
    pattern(p, body, -0.2, 0.6)
    p.fill(light(p.main, 0.2), arc(0, -0.52, 0.52, 0.3, 180, 360), ellipse(0, -0.52, 0.52, 0.1))
    p.fill(dark(p.main, 0.2), ellipse(0, -0.88, 0.14))
    p.shine(ellipse(-0.48, -0.2, 0.12, 0.22, 35))


def basket(p: Pen) -> None:
    """Woven sides under a hoop of a handle."""
    p.fill(p.deep(0.1), tube([(-0.85, 0), (-0.75, -0.8), (0, -1.15), (0.75, -0.8), (0.85, 0)], 0.16))
    for x, colour in ((-0.5, (222, 74, 68)), (-0.05, (248, 190, 80)), (0.45, (130, 180, 90))):
        if p.chance(0.75):
            p.fill(colour, ellipse(x, -0.1, 0.32))
    body = smooth((-1.1, 0.0), (1.1, 0.0), (0.95, 0.6), (0.8, 0.95), (-0.8, 0.95), (-0.95, 0.6))
    p.fill(p.main, body)
    for row, y in enumerate((0.22, 0.46, 0.7)):
        p.inside(
            body,
            p.deep(0.28),
            *[
                box(x, y - 0.07, x + 0.22, y + 0.07, 0.06)
                for x in np.arange(-1.2 + 0.2 * (row % 2), 1.2, 0.4)
            ],
        )
    p.fill(light(p.main, 0.2), tube([(-1.08, 0.02), (1.08, 0.02)], 0.18))


VESSELS: dict[str, Concept] = {
    "cup": Concept(cup, "dish", GLAZES, "drinking vessel", ("teacup", "cup of tea")),
    "mug": Concept(mug, "dish", GLAZES, "drinking vessel", ("coffee mug",)),
    "bowl": Concept(bowl, "dish", GLAZES, "bowl-like", ("soup bowl",)),
    "vase": Concept(vase, "container", GLAZES, "vase", ("flower vase",)),
    "teapot": Concept(teapot, "dish", GLAZES, "drinking vessel", ("tea pot",)),
    "basket": Concept(basket, "container", ("tan", "brown", "golden"), "bowl-like", ("wicker basket",)),
}
"""Vessels by name."""
