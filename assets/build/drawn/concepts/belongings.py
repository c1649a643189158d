"""Things to wear and to play with."""

from itertools import pairwise

import numpy as np

from assets.build.drawn.colours import (
    CREAM,
    GOLD,
    WHITE,
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
    scallop,
    smooth,
    tube,
)

BRIGHT = ("red", "blue", "green", "yellow", "orange", "teal", "purple", "pink", "navy")


def hat(p: Pen) -> None:
    """A crown with a ribbon over a wide brim."""
    tall = p.between(0.75, 1.15)
    p.fill(p.main, smooth((-1.35, 0.45), (-0.7, 0.3), (0.7, 0.3), (1.35, 0.45), (0.7, 0.72), (-0.7, 0.72)))
    dent = p.between(0.0, 0.14)
    crown = smooth(
        (-0.72, 0.45),
        (-0.66, -0.1),
        (-0.5, 0.42 - tall),
        (0, 0.42 - tall + dent),
        (0.5, 0.42 - tall),
        (0.66, -0.1),
        (0.72, 0.45),
        (0, 0.58),
    )
    p.fill(p.main, crown)
    ribbon = p.pick((222, 84, 80), (84, 96, 140), CREAM, p.deep(0.45))
    p.inside(
        crown, ribbon, smooth((-0.8, 0.16), (0, 0.28), (0.8, 0.16), (0.8, 0.42), (0, 0.56), (-0.8, 0.42))
    )
    if p.chance(0.4):
        p.fill(ribbon, poly((0.5, 0.3), (0.9, 0.1), (0.85, 0.5)))


def shoe(p: Pen) -> None:
    """A sneaker with laces and a thick sole."""
    upper = smooth(
        (-1.15, -0.5),
        (-0.6, -0.62),
        (-0.28, -0.35),
        (0.25, -0.05),
        (0.85, 0.06),
        (1.2, 0.35),
        (1.1, 0.6),
        (-1.1, 0.6),
        (-1.2, 0.1),
    )
    p.fill(p.main, upper)
    p.inside(upper, light(p.main, 0.55), ellipse(1.1, 0.45, 0.42, 0.4), ellipse(-1.2, 0.1, 0.3, 0.6))
    p.inside(upper, WHITE, tube([(-0.7, 0.5), (-0.3, 0.0), (0.1, 0.35)], 0.12))
    p.detail(p.deep(0.4), ellipse(-0.88, -0.5, 0.3, 0.1, -5))
    p.fill(
        WHITE,
        *[tube([(x, y), (x + 0.2, y - 0.14)], 0.08) for x, y in ((-0.45, -0.28), (-0.2, -0.12), (0.06, 0.0))],
    )
    p.fill(CREAM, box(-1.2, 0.5, 1.26, 0.76, 0.13))
    p.detail(p.deep(0.2), box(-1.1, 0.6, 1.16, 0.65))


def crown(p: Pen) -> None:
    """Points with balls, a jewelled band."""
    points = p.pick(3, 5)
    xs = np.linspace(-1.0, 1.0, points)
    top = []
    for i, x in enumerate(xs):
        tall = -0.95 + 0.25 * abs(x)
        top.append((x * 1.08, tall))
        if i < points - 1:
            top.append(((x + xs[i + 1]) / 2, 0.05))
    body = np.array([*top, (0.88, 0.75), (-0.88, 0.75)])
    p.fill(p.main, body)
    p.fill(p.pick((222, 76, 80), p.main, (120, 170, 226)), *[ellipse(x, y - 0.06, 0.14) for x, y in top[::2]])
    p.fill(p.deep(0.15), box(-0.95, 0.48, 0.95, 0.8, 0.08))
    for x, gem in ((-0.55, (90, 160, 220)), (0, (220, 70, 84)), (0.55, (96, 180, 120))):
        p.detail(gem, ellipse(x, 0.64, 0.13, 0.11))
    p.detail(p.pick((220, 70, 84), (150, 100, 190)), poly((0, 0.0), (0.14, 0.2), (0, 0.4), (-0.14, 0.2)))


def balloon(p: Pen) -> None:
    """A toy balloon on a string."""
    sway = p.between(-0.25, 0.25)
    p.line((120, 110, 120), 0.05, (0, 0.75), (sway, 1.15), (-sway * 0.6, 1.55), (sway * 0.5, 1.95))
    p.fill(p.deep(0.1), poly((-0.16, 0.95), (0, 0.72), (0.16, 0.95)))
    p.fill(
        p.main,
        smooth(
            (0, -1.1),
            (0.62, -0.85),
            (0.85, -0.2),
            (0.5, 0.5),
            (0, 0.8),
            (-0.5, 0.5),
            (-0.85, -0.2),
            (-0.62, -0.85),
        ),
    )
    p.shine(ellipse(-0.42, -0.52, 0.13, 0.28, 28))


def kite(p: Pen) -> None:
    """A crossed diamond with a tail of bows."""
    sway = p.between(-0.4, 0.4)
    tail = [(0, 0.95), (sway, 1.3), (-sway * 0.4, 1.65), (sway * 0.8, 2.0)]
    p.line((120, 110, 120), 0.05, *tail)
    for x, y in tail[1:]:
        p.fill(
            p.pick(GOLD, p.main, (110, 180, 200)),
            poly((x - 0.2, y - 0.12), (x, y), (x - 0.2, y + 0.12)),
            poly((x + 0.2, y - 0.12), (x, y), (x + 0.2, y + 0.12)),
        )
    diamond = poly((0, -1.15), (0.78, -0.25), (0, 1.0), (-0.78, -0.25))
    other = p.pick(GOLD, light(p.main, 0.5), CREAM)
    p.fill(p.main, diamond)
    p.inside(
        diamond, other, poly((0, -1.2), (0.9, -0.25), (0, -0.25)), poly((0, 1.05), (-0.9, -0.25), (0, -0.25))
    )
    p.detail(WOOD, tube([(0, -1.1), (0, 0.95)], 0.05), tube([(-0.72, -0.25), (0.72, -0.25)], 0.05))


def drum(p: Pen) -> None:
    """A laced barrel with two sticks."""
    body = np.concatenate([arc(0, 0.75, 0.95, 0.26, 0, 180, n=14), [(-0.95, -0.4), (0.95, -0.4)]])
    p.fill(p.main, body)
    lacing = [(-0.95 + 0.317 * i, -0.2 if i % 2 else 0.82 + 0.08 * (1 - abs(i - 3) / 3)) for i in range(7)]
    p.inside(body, CREAM, *[tube([a, b], 0.06) for a, b in pairwise(lacing)])
    p.fill(
        GOLD, np.concatenate([arc(0, 0.72, 0.98, 0.27, 0, 180, n=14), arc(0, 0.58, 0.98, 0.27, 180, 0, n=14)])
    )
    p.fill(GOLD, ellipse(0, -0.36, 0.98, 0.3))
    p.fill((252, 244, 228), ellipse(0, -0.42, 0.96, 0.28))
    spread = p.between(0.2, 0.5)
    for side in (-1, 1):
        p.fill(
            WOOD,
            tube([(side * 0.1, -0.48), (side * (0.5 + spread), -1.15)], 0.1),
            ellipse(side * 0.1, -0.48, 0.12),
        )


def gift(p: Pen) -> None:
    """A wrapped box with a bow."""
    bow = p.pick((222, 76, 80), GOLD, WHITE, (110, 180, 200))
    p.fill(
        bow,
        smooth((0, -0.5), (-0.3, -1.05), (-0.8, -0.95), (-0.6, -0.5)),
        smooth((0, -0.5), (0.3, -1.05), (0.8, -0.95), (0.6, -0.5)),
    )
    body = box(-0.88, -0.2, 0.88, 1.0, 0.06)
    p.fill(p.main, body)
    if p.chance(0.5):
        p.inside(
            body,
            light(p.main, 0.5),
            *[ellipse(x, y, 0.09) for x in (-0.62, -0.3, 0.3, 0.62) for y in (0.2, 0.5, 0.8)],
        )
    p.detail(bow, box(-0.15, -0.2, 0.15, 1.0))
    p.fill(light(p.main, 0.12), box(-1.0, -0.5, 1.0, -0.1, 0.06))
    p.detail(bow, box(-0.15, -0.5, 0.15, -0.1))
    p.fill(bow, scallop(0, -0.56, 0.18, 0.15, 4, 0.1))


BELONGINGS: dict[str, Concept] = {
    "hat": Concept(
        hat,
        "piece of clothing",
        ("brown", "tan", "black", "red", "blue", "green", "purple"),
        "clothing",
        ("brimmed hat",),
        tilt=10,
    ),
    "shoe": Concept(shoe, "piece of clothing", BRIGHT, "clothing", ("sneaker",), tilt=8),
    "crown": Concept(crown, "thing to wear", ("golden", "yellow"), "clothing", (), tilt=8),
    "balloon": Concept(balloon, "toy", BRIGHT, "floating thing", ("toy balloon",), tilt=10, place="sky"),
    "kite": Concept(kite, "toy", BRIGHT, "floating thing", ("paper kite",), tilt=22, place="sky"),
    "drum": Concept(
        drum, "musical instrument", ("red", "blue", "teal", "purple", "orange"), "drum", ("toy drum",), tilt=6
    ),
    "gift": Concept(gift, "present", BRIGHT, "gift", ("wrapped present",)),
}
"""Belongings by name."""
