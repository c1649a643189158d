"""Fruit."""

import numpy as np

from assets.build.drawn.colours import (
    LEAF,
    WOOD,
    light,
)
from assets.build.drawn.concept import Concept
from assets.build.drawn.pen import Pen
from assets.build.drawn.shapes import (
    ellipse,
    smooth,
    tube,
)


def face(p: Pen, y: float, gap: float = 0.28) -> None:
    """A little face, on about one fruit in four."""
    if p.chance(0.25):
        p.eyes(y, gap, 0.1)
        p.smile(0, y + 0.1, 0.14)
        p.cheeks(y + 0.16, gap + 0.18, 0.1)


def stem_leaf(p: Pen, y: float, leaf: bool = True) -> None:
    """A stalk, with a leaf to one side."""
    p.fill(WOOD, tube([(0, y + 0.15), (0.03, y - 0.1), (0.12, y - 0.3)], 0.11, 0.13))
    if leaf:
        p.fill(LEAF, smooth((0.06, y - 0.02), (0.35, y - 0.34), (0.75, y - 0.32), (0.5, y - 0.02)))
        p.line((80, 136, 76), 0.04, (0.14, y - 0.06), (0.4, y - 0.2), (0.62, y - 0.28))


def apple(p: Pen) -> None:
    """Heart-shaped top and bottom."""
    body = smooth(
        (0, -0.6),
        (0.4, -0.8),
        (0.92, -0.5),
        (0.98, 0.15),
        (0.6, 0.86),
        (0.25, 0.95),
        (0, 0.86),
        (-0.25, 0.95),
        (-0.6, 0.86),
        (-0.98, 0.15),
        (-0.92, -0.5),
        (-0.4, -0.8),
    )
    p.fill(p.main, body)
    p.detail(p.deep(0.3), ellipse(0, -0.6, 0.24, 0.08))
    stem_leaf(p, -0.68, p.chance(0.8))
    p.shine(ellipse(-0.52, -0.3, 0.16, 0.28, 28))
    face(p, 0.1)


def orange(p: Pen) -> None:
    """A dimpled ball, or cut in half."""
    if p.chance(0.3):
        p.fill(p.main, ellipse(0, 0, 1.0))
        p.detail((255, 240, 208), ellipse(0, 0, 0.88))
        for i in range(8):
            a = np.radians(45 * i)
            p.detail(
                light(p.main, 0.15),
                smooth(
                    (0.12 * np.cos(a), 0.12 * np.sin(a)),
                    (0.76 * np.cos(a - 0.28), 0.76 * np.sin(a - 0.28)),
                    (0.78 * np.cos(a + 0.28), 0.78 * np.sin(a + 0.28)),
                ),
            )
        return
    p.fill(p.main, ellipse(0, 0, 1.0, 0.96))
    for x, y in (
        (-0.2, 0.5),
        (0.3, 0.62),
        (0.55, 0.2),
        (0.1, 0.2),
        (-0.55, 0.3),
        (0.62, -0.25),
        (0.2, -0.3),
        (-0.1, 0.78),
        (-0.35, -0.02),
    ):
        p.detail(p.deep(0.14), ellipse(x, y, 0.045))
    p.fill(LEAF, ellipse(0, -0.86, 0.16, 0.1))
    if p.chance(0.6):
        p.fill(LEAF, smooth((0.02, -0.88), (0.3, -1.22), (0.75, -1.2), (0.5, -0.9)))
    p.shine(ellipse(-0.5, -0.42, 0.15, 0.24, 40))
    face(p, 0.05)


def peach(p: Pen) -> None:
    """A cleft, a blush, a pointed end."""
    body = smooth(
        (0, -0.7),
        (0.5, -0.82),
        (0.98, -0.35),
        (0.88, 0.35),
        (0.4, 0.82),
        (0, 1.0),
        (-0.4, 0.82),
        (-0.88, 0.35),
        (-0.98, -0.35),
        (-0.5, -0.82),
    )
    p.fill(p.main, body)
    p.inside(body, (240, 116, 110), ellipse(0.72, 0.1, 0.52, 0.8, 15), strength=0.6)
    p.detail((222, 110, 96), tube([(0, -0.72), (-0.24, -0.2), (-0.22, 0.3), (-0.02, 0.78)], 0.07, 0.03))
    for side in (-1, 1):
        p.fill(LEAF, smooth((0, -0.72), (side * 0.3, -1.08), (side * 0.85, -1.0), (side * 0.5, -0.72)))
    p.fill(WOOD, tube([(0, -0.7), (0, -0.95)], 0.1))
    p.shine(ellipse(-0.6, -0.3, 0.12, 0.22, 25))


def pear(p: Pen) -> None:
    """Narrow above, wide below."""
    lean = p.between(-0.12, 0.12)
    p.fill(
        p.main,
        smooth(
            (lean, -1.0),
            (0.36 + lean, -0.82),
            (0.45, -0.25),
            (0.82, 0.3),
            (0.62, 0.9),
            (0, 1.08),
            (-0.62, 0.9),
            (-0.82, 0.3),
            (-0.45, -0.25),
            (-0.36 + lean, -0.82),
        ),
    )
    stem_leaf(p, -1.0, p.chance(0.7))
    p.shine(ellipse(-0.46, 0.3, 0.13, 0.28, 20))
    face(p, 0.35)


def lemon(p: Pen) -> None:
    """An oval with a nipple at both ends."""
    p.fill(
        p.main,
        smooth(
            (-1.25, 0.05),
            (-1.0, -0.2),
            (-0.6, -0.62),
            (0, -0.76),
            (0.6, -0.62),
            (1.0, -0.2),
            (1.25, -0.05),
            (1.0, 0.22),
            (0.6, 0.62),
            (0, 0.76),
            (-0.6, 0.62),
            (-1.0, 0.22),
        ),
    )
    p.detail(
        p.deep(0.12),
        *[
            ellipse(x, y, 0.04)
            for x, y in ((0.2, 0.4), (-0.3, 0.45), (0.55, 0.1), (0.0, 0.1), (-0.6, 0.15), (0.4, -0.35))
        ],
    )
    if p.chance(0.6):
        p.fill(LEAF, smooth((-1.1, -0.05), (-1.05, -0.6), (-0.6, -0.95), (-0.7, -0.4)))
    p.shine(ellipse(-0.35, -0.42, 0.3, 0.1, -14))
    face(p, -0.05)


def banana(p: Pen) -> None:
    """A thick crescent with dark ends."""
    p.fill(
        p.main,
        smooth(
            (-1.1, -0.55),
            (-0.95, -0.62),
            (-0.72, -0.1),
            (-0.1, 0.3),
            (0.55, 0.2),
            (1.08, -0.35),
            (1.2, -0.26),
            (0.98, 0.35),
            (0.3, 0.86),
            (-0.45, 0.75),
            (-0.98, 0.2),
        ),
    )
    p.detail(
        p.deep(0.16), tube([(-0.98, -0.3), (-0.7, 0.28), (-0.1, 0.6), (0.5, 0.52), (1.0, 0.0)], 0.06, 0.03)
    )
    p.fill((120, 92, 60), tube([(-1.05, -0.55), (-1.12, -0.82)], 0.16), ellipse(1.14, -0.32, 0.1))


def strawberry(p: Pen) -> None:
    """A seeded heart with a leafy cap."""
    body = smooth(
        (0, -0.72),
        (0.55, -0.78),
        (0.92, -0.4),
        (0.7, 0.3),
        (0, 1.08),
        (-0.7, 0.3),
        (-0.92, -0.4),
        (-0.55, -0.78),
    )
    p.fill(p.main, body)
    p.inside(
        body,
        (252, 222, 130),
        *[
            ellipse(x, y, 0.05, 0.085)
            for x, y in (
                (-0.5, -0.3),
                (0, -0.25),
                (0.5, -0.3),
                (-0.3, 0.1),
                (0.28, 0.1),
                (0, 0.45),
                (-0.68, -0.02),
                (0.66, -0.02),
                (-0.2, 0.7),
                (0.2, 0.66),
            )
        ],
    )
    p.fill(
        LEAF,
        *[
            smooth((0, -0.68), (x - 0.12, y), (x, y + 0.14), (x + 0.12, y))
            for x, y in ((-0.62, -0.72), (-0.3, -0.5), (0.05, -0.42), (0.36, -0.52), (0.64, -0.74))
        ],
        tube([(0, -0.7), (0.08, -1.05)], 0.1),
    )


def cherries(p: Pen) -> None:
    """Two balls on joined stalks."""
    top = (p.between(-0.1, 0.3), -1.05)
    for x, y in ((-0.5, 0.5), (0.52, 0.62)):
        p.fill(LEAF, tube([(x, y - 0.4), (x * 0.6, -0.4), top], 0.08))
    p.fill(LEAF, smooth(top, (0.4 + top[0], -1.3), (0.95 + top[0], -1.1), (0.5 + top[0], -0.9)))
    for x, y in ((-0.5, 0.5), (0.52, 0.62)):
        p.fill(p.main, ellipse(x, y, 0.5, 0.48))
        p.shine(ellipse(x - 0.18, y - 0.16, 0.09, 0.15, 30))


FRUIT: dict[str, Concept] = {
    "apple": Concept(apple, "fruit", ("red", "green", "yellow"), "round fruit", (), tilt=14),
    "orange": Concept(orange, "fruit", ("orange",), "round fruit", ("orange fruit",), tilt=14),
    "peach": Concept(peach, "fruit", ("orange", "pink", "yellow"), "round fruit", (), tilt=14),
    "pear": Concept(pear, "fruit", ("green", "yellow", "golden"), "long fruit", (), tilt=14),
    "lemon": Concept(lemon, "fruit", ("yellow",), "long fruit", (), tilt=14),
    "banana": Concept(banana, "fruit", ("yellow",), "long fruit", (), tilt=14),
    "strawberry": Concept(strawberry, "fruit", ("red", "pink"), "berry", ("berry",), tilt=14),
    "cherry": Concept(
        cherries, "fruit", ("red", "purple"), "berry", ("pair of cherries", "cherries"), tilt=10
    ),
}
"""Fruit by name."""
