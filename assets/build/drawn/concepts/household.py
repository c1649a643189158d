"""Things of the household."""

from itertools import pairwise

import numpy as np

from assets.build.drawn.colours import (
    CREAM,
    GOLD,
    INK,
    STEEL,
    WOOD,
    light,
)
from assets.build.drawn.concept import Concept
from assets.build.drawn.pen import Pen
from assets.build.drawn.shapes import (
    arc,
    box,
    ellipse,
    poly,
    smooth,
    tube,
)

BRIGHT = ("red", "blue", "green", "yellow", "orange", "teal", "purple", "pink", "navy")
FURNITURE = ("brown", "tan", "red", "teal", "blue", "white", "yellow")


def dial(p: Pen, r: float) -> None:
    """A white face with marks and two hands."""
    p.detail((253, 250, 240), ellipse(0, 0, r))
    for i in range(12):
        a = np.radians(30 * i)
        inner = r * (0.74 if i % 3 == 0 else 0.82)
        p.detail(
            INK,
            tube(
                [(inner * np.cos(a), inner * np.sin(a)), (r * 0.9 * np.cos(a), r * 0.9 * np.sin(a))], r * 0.07
            ),
        )
    for reach, width in ((0.46, 0.12), (0.68, 0.08)):
        a = p.between(0, 6.28)
        p.detail(INK, tube([(0, 0), (r * reach * np.cos(a), r * reach * np.sin(a))], r * width))
    p.detail((222, 76, 70), ellipse(0, 0, r * 0.1))


def umbrella(p: Pen) -> None:
    """A panelled canopy over a crook handle."""
    p.fill(WOOD, tube([(0, -0.9), (0, 0.9), (0.08, 1.15), (0.3, 1.15), (0.36, 0.95)], 0.11))
    edge = [(1.2 - 0.6 * i, -0.02) for i in range(5)]
    canopy = np.concatenate(
        [
            arc(0, 0, 1.2, 1.1, 180, 360, n=24),
            *[arc((a[0] + b[0]) / 2, 0.0, 0.3, 0.16, 0, -180, n=8) for a, b in pairwise(edge)],
        ]
    )
    p.fill(p.main, canopy)
    other = p.pick(light(p.main, 0.45), p.deep(0.2), CREAM)
    p.inside(
        canopy,
        other,
        smooth((0, -1.15), (-0.75, -0.5), (-0.62, 0.1), (0, 0.1), (-0.15, -0.5)),
        smooth((0, -1.15), (0.95, -0.6), (1.25, 0.1), (0.6, 0.1), (0.5, -0.5)),
    )
    p.fill(WOOD, tube([(0, -1.08), (0, -1.28)], 0.09))


def chair(p: Pen) -> None:
    """Back, seat, four legs; three-quarter view."""
    back = p.pick("slats", "solid")
    p.fill(p.deep(0.22), tube([(-0.1, 0.2), (-0.1, 0.98)], 0.15), tube([(0.72, 0.2), (0.78, 0.95)], 0.15))
    if back == "slats":
        p.fill(
            p.main,
            *[tube([(x, 0.0), (x - 0.04, -1.1)], 0.12) for x in (-0.5, -0.15, 0.2, 0.5)],
            box(-0.66, -1.28, 0.62, -1.0, 0.1),
        )
    else:
        p.fill(p.main, box(-0.62, -1.3, 0.58, 0.05, 0.2))
        p.detail(light(p.main, 0.3), box(-0.46, -1.15, 0.42, -0.15, 0.14))
    p.fill(p.main, tube([(-0.58, 0.2), (-0.64, 1.3)], 0.17), tube([(0.5, 0.2), (0.56, 1.3)], 0.17))
    p.fill(
        light(p.main, 0.14),
        smooth((-0.66, 0.0), (0.6, -0.04), (0.92, 0.14), (0.6, 0.34), (-0.66, 0.36), (-0.78, 0.2)),
    )
    if p.chance(0.4):
        p.fill((226, 110, 100), smooth((-0.5, -0.08), (0.45, -0.1), (0.6, 0.08), (0.4, 0.18), (-0.5, 0.2)))


def lamp(p: Pen) -> None:
    """A shade on a stand, glowing."""
    base = p.pick(WOOD, STEEL, GOLD, p.deep(0.4))
    if p.chance(0.6):
        p.glow((255, 236, 160), poly((-0.7, -0.25), (0.7, -0.25), (1.0, 0.7), (-1.0, 0.7)))
    if p.chance(0.5):
        p.fill(base, tube([(0, -0.3), (0, 1.0)], 0.13), ellipse(0, 1.12, 0.55, 0.15))
    else:
        p.fill(
            base,
            smooth((-0.14, -0.2), (0.14, -0.2), (0.45, 0.5), (0.3, 1.05), (-0.3, 1.05), (-0.45, 0.5)),
            box(-0.42, 1.0, 0.42, 1.2, 0.07),
        )
    shade = poly((-0.48, -1.2), (0.48, -1.2), (0.92, -0.2), (-0.92, -0.2))
    p.fill(p.main, shade)
    p.inside(shade, light(p.main, 0.5), box(-1, -0.38, 1, -0.2), box(-1, -1.2, 1, -1.1))
    p.line(base, 0.05, (0.5, -0.2), (0.5, 0.12))
    p.detail(base, ellipse(0.5, 0.16, 0.07))


def clock(p: Pen) -> None:
    """An alarm clock: bells, feet, a dial."""
    alarm = p.chance(0.65)
    if alarm:
        p.fill(p.deep(0.15), tube([(-0.5, 0.7), (-0.72, 1.1)], 0.18), tube([(0.5, 0.7), (0.72, 1.1)], 0.18))
        p.fill(GOLD, arc(-0.58, -0.82, 0.4, 0.36, 140, 320), arc(0.58, -0.82, 0.4, 0.36, 220, 400))
        p.fill(STEEL, tube([(0, -0.8), (0, -1.15)], 0.12))
    p.fill(p.main, ellipse(0, 0, 0.98))
    dial(p, 0.78)


def watch(p: Pen) -> None:
    """A dial on a strap with holes and a buckle."""
    p.fill(
        p.main,
        poly((-0.42, -0.5), (-0.3, -1.5), (0.3, -1.5), (0.42, -0.5)),
        poly((-0.42, 0.5), (-0.3, 1.55), (0.3, 1.55), (0.42, 0.5)),
    )
    p.detail(p.deep(0.4), *[ellipse(0, y, 0.06) for y in (0.95, 1.15, 1.35)])
    p.fill(
        p.pick(GOLD, STEEL),
        box(-0.36, -1.62, 0.36, -1.42, 0.05),
        ellipse(0, 0, 0.74),
        box(0.68, -0.1, 0.88, 0.1, 0.04),
    )
    dial(p, 0.58)


def book(p: Pen) -> None:
    """Lying closed in three-quarter view, or open."""
    if p.chance(0.45):
        p.fill(p.main, poly((-1.25, -0.62), (0, -0.5), (1.25, -0.62), (1.25, 0.72), (0, 0.82), (-1.25, 0.72)))
        for side in (-1, 1):
            p.fill(
                (253, 248, 236),
                smooth(
                    (0, -0.58),
                    (side * 0.5, -0.78),
                    (side * 1.12, -0.68),
                    (side * 1.14, 0.0),
                    (side * 1.12, 0.58),
                    (side * 0.5, 0.5),
                    (0, 0.68),
                ),
            )
            p.detail(
                (176, 168, 172),
                *[tube([(side * 0.2, y), (side * 0.92, y - 0.06)], 0.05) for y in (-0.35, -0.12, 0.1, 0.32)],
            )
        p.detail((206, 196, 186), tube([(0, -0.55), (0, 0.66)], 0.05))
        return
    p.fill(
        p.deep(0.2), poly((-0.75, -1.05), (0.75, -1.05), (0.9, -0.9), (0.9, 1.15), (-0.6, 1.15), (-0.75, 1.0))
    )
    p.fill(
        (250, 244, 230),
        poly((-0.7, 0.95), (0.75, 0.95), (0.86, 1.08), (-0.56, 1.08)),
        poly((0.75, -1.0), (0.86, -0.9), (0.86, 1.08), (0.75, 0.98)),
    )
    p.fill(p.main, box(-0.78, -1.08, 0.75, 0.96, 0.06))
    p.detail(p.deep(0.25), box(-0.78, -1.08, -0.6, 0.96))
    p.detail(
        p.pick(CREAM, GOLD),
        box(-0.38, -0.72, 0.55, -0.52, 0.04),
        box(-0.25, -0.38, 0.42, -0.27, 0.04),
        ellipse(0.08, 0.3, 0.26),
    )


def bell(p: Pen) -> None:
    """A flared golden bell with a clapper."""
    p.fill(p.deep(0.35), ellipse(0, 0.82, 0.24))
    p.fill(p.main, ellipse(0, -0.95, 0.2))
    p.fill(
        p.main,
        smooth(
            (0, -0.92),
            (0.42, -0.75),
            (0.58, -0.1),
            (0.72, 0.38),
            (1.0, 0.68),
            (0.9, 0.8),
            (0, 0.84),
            (-0.9, 0.8),
            (-1.0, 0.68),
            (-0.72, 0.38),
            (-0.58, -0.1),
            (-0.42, -0.75),
        ),
    )
    p.detail(p.deep(0.25), tube([(-0.74, 0.42), (0, 0.5), (0.74, 0.42)], 0.08))
    p.shine(tube([(-0.34, -0.45), (-0.42, 0.1)], 0.13))
    if p.chance(0.45):
        bow = (220, 74, 74)
        p.fill(
            bow,
            smooth((0, -0.95), (-0.55, -1.3), (-0.6, -0.75)),
            smooth((0, -0.95), (0.55, -1.3), (0.6, -0.75)),
            ellipse(0, -0.97, 0.13),
        )


HOUSEHOLD: dict[str, Concept] = {
    "umbrella": Concept(umbrella, "thing to carry", BRIGHT, "umbrella", ("parasol",), tilt=14),
    "chair": Concept(chair, "piece of furniture", FURNITURE, "furniture", ("wooden chair",), tilt=2),
    "lamp": Concept(lamp, "piece of furniture", BRIGHT, "furniture", ("table lamp",), tilt=2),
    "clock": Concept(clock, "timepiece", BRIGHT, "timepiece", ("alarm clock",), tilt=6),
    "watch": Concept(
        watch,
        "timepiece",
        ("brown", "black", "blue", "red", "teal", "pink"),
        "timepiece",
        ("wristwatch",),
        tilt=20,
    ),
    "book": Concept(book, "thing to read", BRIGHT, "book", ("storybook",), tilt=14),
    "bell": Concept(bell, "thing that rings", ("golden", "yellow"), "bell", (), tilt=14),
}
"""Household things by name."""
