"""Tools and instruments."""

import numpy as np

from assets.build.drawn.colours import (
    CREAM,
    INK,
    STEEL,
    WHITE,
    WOOD,
    dark,
    light,
)
from assets.build.drawn.concept import Concept
from assets.build.drawn.pen import Pen
from assets.build.drawn.shapes import (
    Path,
    box,
    ellipse,
    poly,
    smooth,
    tube,
)

BRIGHT = ("red", "blue", "green", "yellow", "orange", "teal", "purple", "pink", "navy")
METAL = ("golden", "gray", "yellow", "brown")


def ring(x: float, y: float, rx: float, ry: float, width: float, turn: float = 0) -> list[Path]:
    """Pieces of a thick ring; what is inside stays open."""
    points = ellipse(x, y, rx, ry, turn, n=18)
    return [tube([a, b], width) for a, b in zip(points, np.roll(points, -1, 0), strict=True)]


def _strings(p: Pen, top: float, low: float) -> None:
    p.detail((250, 244, 230), *[tube([(x, top), (x, low)], 0.022) for x in (-0.06, 0, 0.06)])


def key(p: Pen) -> None:
    """A bow, a shaft, two or three teeth."""
    p.fill(
        p.main,
        *ring(-0.85, 0, 0.42, 0.42, 0.26),
        tube([(-0.4, 0), (1.25, 0)], 0.24),
        *[box(x, 0, x + 0.18, 0.5, 0.05) for x in p.pick((0.7, 1.05), (0.45, 0.75, 1.05))],
    )
    p.detail(p.deep(0.25), box(-0.32, -0.18, -0.22, 0.18, 0.03))
    p.shine(tube([(-0.15, -0.05), (1.1, -0.05)], 0.05))


def scissors(p: Pen) -> None:
    """Two blades and two finger rings."""
    opening = p.between(0.22, 0.42)
    for side in (-1, 1):
        blade = poly(
            (side * -opening * 0.25, 0.35),
            (side * opening * 1.1, -1.35),
            (side * opening * 0.45 + side * 0.3, -0.5),
            (side * 0.2, 0.25),
        )
        p.fill(light(STEEL, 0.3) if side > 0 else STEEL, blade)
    for side in (-1, 1):
        p.fill(
            p.main,
            *ring(side * 0.48, 0.98, 0.3, 0.4, 0.2, side * -18),
            tube([(0, 0.2), (side * 0.3, 0.66)], 0.22),
        )
    p.fill(p.deep(0.3), ellipse(0, 0.2, 0.11))


def hammer(p: Pen) -> None:
    """A steel head across a handle."""
    handle = tube([(0, -0.6), (0, 1.35)], 0.22, 0.3)
    p.fill(WOOD if p.chance(0.6) else STEEL, handle)
    p.fill(p.main, tube([(0, 0.7), (0, 1.3)], 0.34))
    head = smooth(
        (-0.3, -1.0),
        (0.35, -1.0),
        (0.4, -1.05),
        (0.75, -1.05),
        (0.75, -0.45),
        (0.4, -0.45),
        (0.3, -0.55),
        (-0.3, -0.55),
        (-0.7, -0.62),
        (-1.15, -0.3),
        (-0.95, -0.8),
    )
    p.fill((140, 146, 160), head)
    p.shine(tube([(-0.5, -0.88), (0.25, -0.9)], 0.09))


def anchor(p: Pen) -> None:
    """Ring, stock, shank, two flukes."""
    arms = tube([(-0.98, 0.45), (-0.72, 0.95), (0, 1.2), (0.72, 0.95), (0.98, 0.45)], 0.24)
    flukes = [poly((side * 1.22, 0.62), (side * 1.02, 0.1), (side * 0.66, 0.52)) for side in (-1, 1)]
    p.fill(
        p.main,
        *ring(0, -1.1, 0.2, 0.2, 0.15),
        tube([(0, -0.85), (0, 1.15)], 0.24),
        arms,
        *flukes,
        tube([(-0.55, -0.5), (0.55, -0.5)], 0.2),
    )
    if p.chance(0.4):
        p.fill(
            (214, 176, 120), tube([(0.1, -1.2), (0.5, -0.9), (-0.3, -0.1), (0.35, 0.4), (-0.1, 0.9)], 0.11)
        )


def guitar(p: Pen) -> None:
    """A wide two-bout body with a round hole."""
    p.fill(dark(WOOD, 0.25), box(-0.1, -1.6, 0.1, 0.1), box(-0.17, -1.95, 0.17, -1.55, 0.05))
    p.fill(CREAM, *[ellipse(side * 0.22, y, 0.06) for y in (-1.86, -1.66) for side in (-1, 1)])
    p.fill(
        p.main,
        smooth(
            (0, -0.45),
            (0.42, -0.42),
            (0.55, -0.1),
            (0.46, 0.2),
            (0.72, 0.62),
            (0.58, 1.1),
            (0, 1.24),
            (-0.58, 1.1),
            (-0.72, 0.62),
            (-0.46, 0.2),
            (-0.55, -0.1),
            (-0.42, -0.42),
        ),
    )
    p.detail(CREAM, ellipse(0, 0.26, 0.27))
    p.detail((74, 52, 50), ellipse(0, 0.26, 0.21))
    p.detail(dark(WOOD, 0.35), box(-0.3, 0.76, 0.3, 0.88, 0.04), box(-0.1, -0.5, 0.1, 0.08))
    _strings(p, -1.7, 0.82)


def violin(p: Pen) -> None:
    """A waisted body with f-holes, a scroll, a bow beside it."""
    p.fill((60, 48, 52), box(-0.09, -1.45, 0.09, 0.3))
    p.fill(
        p.deep(0.15),
        *ring(0, -1.62, 0.1, 0.1, 0.14),
        *[tube([(-0.25, y), (0.25, y)], 0.07) for y in (-1.42, -1.28)],
    )
    body = smooth(
        (0, -0.6),
        (0.4, -0.52),
        (0.5, -0.2),
        (0.34, 0.08),
        (0.34, 0.3),
        (0.6, 0.5),
        (0.62, 0.95),
        (0, 1.2),
        (-0.62, 0.95),
        (-0.6, 0.5),
        (-0.34, 0.3),
        (-0.34, 0.08),
        (-0.5, -0.2),
        (-0.4, -0.52),
    )
    p.fill(p.main, body)
    for side in (-1, 1):
        p.detail(
            (70, 46, 44),
            tube([(side * 0.3, 0.12), (side * 0.24, 0.3), (side * 0.36, 0.5), (side * 0.28, 0.68)], 0.06),
        )
    p.detail(
        (60, 48, 52),
        box(-0.09, -0.65, 0.09, 0.15),
        poly((-0.1, 0.62), (0.1, 0.62), (0.06, 1.15), (-0.06, 1.15)),
    )
    p.detail(CREAM, box(-0.2, 0.42, 0.2, 0.5, 0.02))
    _strings(p, -1.3, 0.7)
    if p.chance(0.75):
        p.fill(dark(WOOD, 0.2), tube([(0.78, 1.25), (1.0, -0.1), (1.0, -1.4)], 0.09, 0.07))
        p.detail(CREAM, tube([(0.72, 1.15), (0.9, -1.3)], 0.04))


def pencil(p: Pen) -> None:
    """A striped shaft, a point, an eraser."""
    p.fill((240, 150, 160), box(-0.24, -1.45, 0.24, -1.15, 0.1))
    p.fill(STEEL, box(-0.25, -1.22, 0.25, -1.0))
    shaft = box(-0.25, -1.0, 0.25, 0.85)
    p.fill((240, 208, 160), poly((-0.25, 0.8), (0.25, 0.8), (0, 1.5)))
    p.detail(p.deep(0.3), poly((-0.09, 1.25), (0.09, 1.25), (0, 1.5)))
    p.fill(p.main, shaft)
    p.inside(shaft, light(p.main, 0.35), box(-0.25, -1.0, -0.09, 0.85))
    p.inside(shaft, p.deep(0.2), box(0.1, -1.0, 0.25, 0.85))


def paintbrush(p: Pen) -> None:
    """Handle, ferrule, a loaded tip."""
    p.fill(WOOD, tube([(0, 0.1), (0, 1.6)], 0.3, 0.12))
    p.fill(STEEL, poly((-0.2, -0.35), (0.2, -0.35), (0.16, 0.25), (-0.16, 0.25)))
    tuft = smooth((-0.2, -0.35), (-0.3, -0.75), (0.05, -1.35), (0.3, -0.75), (0.2, -0.35))
    p.fill((226, 200, 160), tuft)
    p.inside(tuft, p.main, box(-1, -1.5, 1, -0.65))


def magnifier(p: Pen) -> None:
    """A lens in a ring on a handle."""
    p.fill(p.deep(0.2), tube([(0.5, 0.55), (1.2, 1.25)], 0.3, 0.34))
    p.fill(p.main, ellipse(-0.1, -0.1, 0.95))
    p.detail((206, 232, 242), ellipse(-0.1, -0.1, 0.72))
    p.shine(tube([(-0.5, -0.3), (-0.35, -0.55), (-0.1, -0.65)], 0.13))


def camera(p: Pen) -> None:
    """A box with a large round lens."""
    p.fill(STEEL, box(-0.75, -0.85, -0.35, -0.5, 0.06))
    p.fill(p.deep(0.2), box(-0.35, -0.95, 0.5, -0.4, 0.12))
    p.fill(p.main, box(-1.15, -0.65, 1.15, 0.8, 0.18))
    p.detail(p.deep(0.3), box(-1.15, -0.2, 1.15, 0.35))
    p.fill(STEEL, ellipse(0.05, 0.1, 0.62))
    p.detail(INK, ellipse(0.05, 0.1, 0.48))
    p.detail((90, 130, 180), ellipse(0.05, 0.1, 0.3))
    p.detail(WHITE, ellipse(-0.08, -0.05, 0.1))
    p.detail((255, 240, 180), box(0.72, -0.5, 1.0, -0.32, 0.04))


TOOLS: dict[str, Concept] = {
    "key": Concept(key, "tool", METAL, "key", ("door key",), tilt=40),
    "scissors": Concept(scissors, "tool", BRIGHT, "tool", ("pair of scissors",), tilt=25),
    "hammer": Concept(hammer, "tool", BRIGHT, "tool", ("claw hammer",), tilt=25),
    "anchor": Concept(
        anchor,
        "part of a ship",
        ("navy", "gray", "blue", "black", "red"),
        "anchor",
        ("ship anchor",),
        tilt=12,
    ),
    "guitar": Concept(
        guitar,
        "musical instrument",
        ("orange", "brown", "red", "tan", "blue"),
        "string instrument",
        ("acoustic guitar",),
        tilt=25,
    ),
    "violin": Concept(
        violin, "musical instrument", ("brown", "orange", "red"), "string instrument", ("fiddle",), tilt=25
    ),
    "pencil": Concept(pencil, "tool", BRIGHT, "drawing tool", ("coloured pencil",), tilt=40),
    "paintbrush": Concept(paintbrush, "tool", BRIGHT, "drawing tool", ("artist brush",), tilt=40),
    "magnifying glass": Concept(magnifier, "tool", BRIGHT, "magnifier", ("magnifier",), tilt=25),
    "camera": Concept(camera, "tool", BRIGHT, "camera", ("photo camera",), tilt=6),
}
"""Tools and instruments by name."""
