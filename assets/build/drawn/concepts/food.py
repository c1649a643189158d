"""Sweets, a vegetable, a mushroom."""

from assets.build.drawn.colours import CREAM, LEAF, PINK, WHITE, light
from assets.build.drawn.concept import Concept
from assets.build.drawn.concepts.fruit import face
from assets.build.drawn.pen import Pen
from assets.build.drawn.shapes import ellipse, poly, scallop, smooth, tube

STAND = (206, 214, 226)


def carrot(p: Pen) -> None:
    """A tapering root with feathery leaves."""
    for x in (-0.42, 0, 0.42):
        p.fill(LEAF, tube([(0, -0.5), (x * 0.7, -1.0), (x, -1.4)], 0.12, 0.22))
    body = smooth(
        (0, -0.62),
        (0.42, -0.5),
        (0.36, 0.1),
        (0.12, 1.1),
        (0, 1.32),
        (-0.12, 1.1),
        (-0.36, 0.1),
        (-0.42, -0.5),
    )
    p.fill(p.main, body)
    p.inside(
        body,
        p.deep(0.24),
        *[
            tube([(x, y), (x + w, y + 0.02)], 0.06)
            for x, y, w in (
                (-0.4, -0.25, 0.3),
                (0.15, -0.02, 0.3),
                (-0.35, 0.25, 0.25),
                (0.02, 0.55, 0.2),
                (-0.2, 0.82, 0.18),
            )
        ],
    )
    face(p, -0.2, 0.17)


def ice_cream(p: Pen) -> None:
    """One to three scoops in a wafer cone."""
    cone = poly((-0.52, 0.05), (0.52, 0.05), (0, 1.45))
    p.fill((226, 172, 104), cone)
    p.inside(
        cone,
        (190, 134, 76),
        *[tube([(x, -0.1), (x + d, 1.5)], 0.05) for x in (-0.7, -0.35, 0, 0.35, 0.7) for d in (-0.75, 0.75)],
    )
    flavours = [
        p.main,
        p.pick((252, 240, 214), PINK, (150, 96, 70), (176, 220, 180)),
        p.pick(CREAM, (250, 200, 110)),
    ]
    count = p.pick(1, 2, 2, 3)
    for i in range(count):
        y, r = -0.1 - 0.48 * i, 0.62 - 0.07 * i
        p.fill(flavours[i], ellipse(0, y, r, r * 0.86), scallop(0, y + r * 0.5, r * 1.02, 0.18, 6, 0.25))
    top = -0.1 - 0.48 * (count - 1) - 0.5
    if p.chance(0.5):
        p.fill((220, 60, 70), ellipse(0.04, top - 0.06, 0.15))
    p.shine(ellipse(-0.28, -0.25, 0.08, 0.16, 30))


def cake(p: Pen) -> None:
    """A round frosted cake with candles, or a slice with layers."""
    if p.chance(0.35):
        p.fill((248, 214, 150), poly((-1.05, -0.1), (1.05, -0.3), (1.05, 0.75), (-1.05, 0.75)))
        p.detail(p.main, poly((-1.05, 0.24), (1.05, 0.16), (1.05, 0.32), (-1.05, 0.4)))
        p.fill(
            p.main,
            smooth((-1.12, -0.1), (0.6, -0.72), (1.0, -0.6), (1.12, -0.15), (0.2, -0.05), (-0.4, 0.06)),
        )
        p.fill((222, 64, 72), ellipse(0.55, -0.72, 0.2))
        return
    for x in p.pick((-0.5, 0, 0.5), (0,), (-0.3, 0.3)):
        p.fill(p.pick((120, 180, 230), (250, 210, 100), WHITE), tube([(x, -0.4), (x, -0.95)], 0.13))
        p.fill((250, 180, 60), smooth((x, -1.32), (x + 0.1, -1.1), (x, -1.0), (x - 0.1, -1.1)))
    p.fill(STAND, ellipse(0, 0.86, 1.3, 0.2))
    p.fill((240, 196, 130), tube([(-0.8, 0.6), (0.8, 0.6)], 0.62))
    p.fill(
        p.main,
        tube([(-0.86, -0.05), (0.86, -0.05)], 0.66),
        *[
            tube([(x, 0), (x, y)], 0.28)
            for x, y in ((-0.95, 0.45), (-0.5, 0.28), (-0.05, 0.5), (0.42, 0.26), (0.93, 0.46))
        ],
    )
    p.detail(light(p.main, 0.5), ellipse(0, -0.26, 1.0, 0.14))
    for x in (-0.7, -0.25, 0.2, 0.66):
        p.detail(p.pick((222, 64, 72), WHITE, (250, 214, 100)), ellipse(x, 0.0, 0.08))


def mushroom(p: Pen) -> None:
    """A spotted cap on a pale stalk."""
    p.fill(
        (246, 232, 208),
        smooth((-0.3, -0.1), (0.3, -0.1), (0.36, 0.5), (0.48, 0.98), (-0.48, 0.98), (-0.36, 0.5)),
    )
    p.fill((226, 204, 176), ellipse(0, 0.0, 0.85, 0.2))
    tall = p.between(1.0, 1.25)
    cap = smooth(
        (-1.05, 0.0),
        (-0.95, -0.45),
        (-0.5, -tall * 0.85),
        (0, -tall),
        (0.5, -tall * 0.85),
        (0.95, -0.45),
        (1.05, 0.0),
        (0.5, 0.02),
        (0, 0.05),
        (-0.5, 0.02),
    )
    p.fill(p.main, cap)
    if p.chance(0.8):
        p.inside(
            cap,
            CREAM,
            *[
                ellipse(x, y, r)
                for x, y, r in (
                    (0, -0.62, 0.2),
                    (-0.55, -0.35, 0.16),
                    (0.56, -0.38, 0.17),
                    (-0.12, -0.16, 0.12),
                    (0.9, -0.05, 0.13),
                    (-0.92, 0.0, 0.12),
                )
            ],
        )
    if p.chance(0.4):
        p.eyes(0.36, 0.16, 0.08)
        p.smile(0, 0.46, 0.09, 0.04)


FOOD: dict[str, Concept] = {
    "carrot": Concept(carrot, "vegetable", ("orange",), "carrot", (), tilt=30),
    "ice cream": Concept(
        ice_cream,
        "sweet",
        ("pink", "white", "brown", "green", "yellow"),
        "sweet",
        ("ice-cream cone",),
        tilt=10,
    ),
    "cake": Concept(
        cake, "sweet", ("pink", "white", "brown", "purple", "teal"), "sweet", ("birthday cake",), tilt=3
    ),
    "mushroom": Concept(
        mushroom, "plant", ("red", "brown", "orange", "tan"), "mushroom", ("toadstool",), tilt=7
    ),
}
"""Other things to eat by name."""
