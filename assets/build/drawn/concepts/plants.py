"""Trees, flowers, a leaf."""

import numpy as np

from assets.build.drawn.colours import (
    CREAM,
    GOLD,
    LEAF,
    WHITE,
    WOOD,
    light,
)
from assets.build.drawn.concept import Concept
from assets.build.drawn.pen import Pen
from assets.build.drawn.shapes import (
    box,
    curve,
    ellipse,
    moved,
    poly,
    scallop,
    smooth,
    star,
    tube,
    turned,
)

PETALS = ("pink", "red", "purple", "white", "yellow", "orange", "blue")
GREENS = ("green", "teal", "green", "orange", "golden")


def _stalk(p: Pen, top: float) -> None:
    bend = p.between(-0.2, 0.2)
    p.fill(LEAF, tube([(0, top), (bend, 0.7), (bend * 0.5, 1.5)], 0.13))
    for side in p.pick((-1,), (1,), (-1, 1)):
        p.fill(
            LEAF,
            smooth(
                (bend, 1.15), (side * 0.4 + bend, 0.7), (side * 0.85 + bend, 0.62), (side * 0.6 + bend, 1.05)
            ),
        )


def oak(p: Pen) -> None:
    """A broad rounded crown on a forked trunk."""
    p.fill(
        WOOD,
        tube([(0, 1.25), (0, 0.1)], 0.5, 0.3),
        tube([(0, 0.5), (-0.45, -0.1)], 0.2, 0.14),
        tube([(0, 0.45), (0.45, -0.15)], 0.2, 0.14),
    )
    tops = [
        (x + p.between(-0.08, 0.08), y + p.between(-0.08, 0.08), r)
        for x, y, r in (
            (-0.72, -0.2, 0.48),
            (0.72, -0.2, 0.48),
            (-0.4, -0.72, 0.52),
            (0.4, -0.75, 0.52),
            (0, -0.3, 0.6),
        )
    ]
    p.fill(p.main, *[scallop(x, y, r, r, 8, 0.07) for x, y, r in tops])
    p.detail(light(p.main, 0.25), *[ellipse(x - 0.1, y - 0.15, r * 0.5, r * 0.38) for x, y, r in tops[2:4]])
    p.detail(
        p.deep(0.15),
        *[
            tube([(x - 0.12, y), (x, y + 0.08), (x + 0.12, y)], 0.06)
            for x, y in ((-0.6, -0.1), (0.15, -0.2), (0.62, -0.05), (-0.1, 0.1))
        ],
    )
    if p.chance(0.4):
        p.detail(
            (200, 130, 60),
            *[
                ellipse(x, y, 0.08, 0.1)
                for x, y in ((-0.35, -0.45), (0.5, -0.5), (0.05, -0.75), (-0.75, -0.3))
            ],
        )


def pine(p: Pen) -> None:
    """Tiers of drooping boughs narrowing to a tip."""
    p.fill(WOOD, box(-0.15, 0.8, 0.15, 1.3))
    tiers = p.pick(3, 4)
    for i in reversed(range(tiers)):
        y, w = -1.3 + i * 1.65 / tiers, 0.45 + 0.5 * i / (tiers - 1)
        low = y + 0.95
        bough = np.array(
            [
                (0.0, y),
                (w * 0.5, y + 0.55),
                (w, low),
                (w * 0.5, low - 0.06),
                (w * 0.2, low + 0.06),
                (-w * 0.2, low - 0.04),
                (-w * 0.55, low + 0.04),
                (-w, low),
                (-w * 0.5, y + 0.55),
            ]
        )
        p.fill(p.main if i % 2 else light(p.main, 0.08), bough)
        if p.eye == "round":
            p.inside(
                bough,
                WHITE,
                poly((-0.4, y - 0.1), (0.4, y - 0.1), (0.16, y + 0.3), (0, y + 0.2), (-0.16, y + 0.32)),
            )


def palm(p: Pen) -> None:
    """A curved trunk under a fan of leaves."""
    lean = p.between(-0.3, 0.4)
    trunk = tube([(0, 1.35), (0.1 + lean * 0.2, 0.5), (lean, -0.5)], 0.32, 0.2)
    p.fill((176, 128, 86), trunk)
    p.inside(
        trunk, (140, 98, 66), *[tube([(-1, y), (1, y + 0.05)], 0.05) for y in np.arange(-0.3, 1.3, 0.24)]
    )
    for turn in (-160, -115, -60, -15, 25, 160):
        a = np.radians(turn + p.between(-8, 8))
        tip = (lean + 1.1 * np.cos(a), -0.55 + 0.75 * np.sin(a) + 0.35)
        middle = (lean + 0.6 * np.cos(a), -0.6 + 0.65 * np.sin(a))
        p.fill(
            p.main if turn % 2 else p.deep(0.12),
            smooth((lean, -0.5), (middle[0], middle[1] - 0.14), tip, (middle[0], middle[1] + 0.16)),
        )
    p.fill((130, 88, 60), ellipse(lean - 0.12, -0.4, 0.14), ellipse(lean + 0.14, -0.38, 0.14))


def cactus(p: Pen) -> None:
    """A ribbed column with arms, perhaps in a pot."""
    arms = [
        tube([(side * 0.2, y), (side * 0.75, y), (side * 0.78, y - p.between(0.45, 0.7))], 0.36)
        for side, y in ((-1, 0.25), (1, -0.05))
    ]
    p.fill(p.main, tube([(0, 0.9), (0, -0.95)], 0.66), *arms)
    p.detail(p.deep(0.22), *[tube([(x, 0.8), (x, -0.95)], 0.04) for x in (-0.16, 0.02, 0.2)])
    p.detail(
        CREAM,
        *[
            tube([(x, y), (x + 0.07, y - 0.07)], 0.04)
            for x, y in (
                (-0.25, -0.6),
                (0.1, -0.3),
                (-0.08, 0.1),
                (0.12, 0.45),
                (-0.24, 0.4),
                (0.78, -0.4),
                (-0.78, -0.1),
            )
        ],
    )
    if p.chance(0.6):
        p.fill((240, 120, 150), scallop(0, -1.25, 0.26, 0.22, 5, 0.2))
    if p.chance(0.6):
        p.fill(
            (206, 116, 82),
            poly((-0.62, 0.75), (0.62, 0.75), (0.48, 1.4), (-0.48, 1.4)),
            box(-0.72, 0.62, 0.72, 0.88, 0.06),
        )


def flower(p: Pen) -> None:
    """A daisy: round petals around a disc."""
    petals = p.pick(5, 6, 7, 8)
    if p.chance(0.75):
        _stalk(p, 0.2)
    reach = 0.52
    for i in range(petals):
        a = 360 / petals * i
        p.fill(p.main, moved(turned(ellipse(0, -reach, 1.75 / petals + 0.02, 0.42), a), 0, -0.3))
    p.fill(p.pick(GOLD, (246, 176, 60), (150, 96, 66)), ellipse(0, -0.3, 0.34))
    if p.chance(0.35):
        p.eyes(-0.36, 0.13, 0.06)
        p.smile(0, -0.28, 0.09, 0.035)


def tulip(p: Pen) -> None:
    """A closed cup of three pointed petals."""
    p.fill(LEAF, tube([(0, 0.0), (p.between(-0.1, 0.1), 1.45)], 0.14))
    for side in (-1, 1):
        p.fill(
            LEAF, smooth((0, 1.45), (side * 0.3, 0.9), (side * 0.62, p.between(0.2, 0.4)), (side * 0.5, 1.0))
        )
    p.fill(p.deep(0.12), smooth((0, -1.15), (0.35, -0.6), (0.3, 0), (-0.3, 0), (-0.35, -0.6)))
    for side in (-1, 1):
        p.fill(
            p.main,
            smooth(
                (side * 0.58, -1.12),
                (side * 0.66, -0.4),
                (side * 0.4, 0.1),
                (0, 0.2),
                (side * -0.1, -0.2),
                (side * 0.12, -0.7),
            ),
        )


def rose(p: Pen) -> None:
    """A spiral of petals on a thorny stalk."""
    _stalk(p, 0.1)
    p.fill(LEAF, poly((-0.5, 0.0), (0, 0.55), (0.5, 0.0)))
    p.fill(p.main, scallop(0, -0.45, 0.8, 0.72, 5, 0.09, 40))
    p.fill(light(p.main, 0.12), ellipse(0.04, -0.55, 0.52, 0.46))
    p.fill(p.main, ellipse(0, -0.6, 0.34, 0.3))
    spiral = [
        (r * np.cos(t), -0.6 + r * 0.9 * np.sin(t))
        for t, r in zip(np.linspace(0, 11, 18), np.linspace(0.04, 0.52, 18), strict=True)
    ]
    p.detail(p.deep(0.3), tube(curve(spiral, n=3), 0.05, 0.07, bend=False))


def sunflower(p: Pen) -> None:
    """Pointed yellow petals around a large brown disc."""
    if p.chance(0.75):
        _stalk(p, 0.2)
    p.fill(p.deep(0.14), star(0, -0.35, 1.0, 0.6, 14, 0))
    p.fill(p.main, star(0, -0.35, 0.95, 0.58, 14, 13))
    p.fill((126, 82, 54), ellipse(0, -0.35, 0.5))
    p.detail(
        (92, 60, 44), *[ellipse(x, y - 0.35, 0.05) for x in (-0.3, -0.1, 0.1, 0.3) for y in (-0.22, 0, 0.22)]
    )


def leaf(p: Pen) -> None:
    """A single pointed leaf with veins."""
    blade = smooth(
        (0, -1.25),
        (0.45, -0.75),
        (0.72, 0.0),
        (0.42, 0.65),
        (0, 0.92),
        (-0.42, 0.65),
        (-0.72, 0.0),
        (-0.45, -0.75),
    )
    p.fill(p.deep(0.25), tube([(0, 0.8), (0.1, 1.4)], 0.12))
    p.fill(p.main, blade)
    veins = [tube([(0, y), (side * 0.5, y - 0.32)], 0.05) for y in (-0.4, 0.0, 0.4) for side in (-1, 1)]
    p.inside(blade, p.deep(0.25), tube([(0, -1.0), (0, 0.95)], 0.07), *veins)


PLANTS: dict[str, Concept] = {
    "oak": Concept(oak, "tree", GREENS, "tree", ("oak tree",), tilt=3, place="ground"),
    "pine": Concept(pine, "tree", ("green", "teal"), "tree", ("pine tree", "fir"), tilt=3, place="ground"),
    "palm": Concept(palm, "tree", ("green", "teal"), "tree", ("palm tree",), tilt=3, place="ground"),
    "cactus": Concept(cactus, "plant", ("green", "teal"), "cactus", (), tilt=3, place="ground"),
    "flower": Concept(flower, "plant", PETALS, "blossom", ("daisy",), tilt=10, place="ground"),
    "tulip": Concept(
        tulip,
        "plant",
        ("red", "pink", "yellow", "purple", "orange"),
        "blossom",
        ("tulip flower",),
        tilt=8,
        place="ground",
    ),
    "rose": Concept(
        rose, "plant", ("red", "pink", "yellow", "white"), "blossom", ("rose flower",), tilt=8, place="ground"
    ),
    "sunflower": Concept(
        sunflower,
        "plant",
        ("yellow", "golden", "orange"),
        "blossom",
        ("sunflower bloom",),
        tilt=8,
        place="ground",
    ),
    "leaf": Concept(leaf, "plant", ("green", "orange", "red", "golden", "brown"), "leaf", (), tilt=35),
}
"""Plants by name."""
