"""Birds, from the side or the front."""

from assets.build.drawn.colours import CREAM, INK, WHITE
from assets.build.drawn.concept import Concept
from assets.build.drawn.pen import Pen
from assets.build.drawn.shapes import ellipse, poly, smooth, tube

BEAK = (244, 164, 60)


def _legs(p: Pen, x: float, y: float, gap: float = 0.3) -> None:
    for foot in (x, x + gap):
        p.fill(
            BEAK,
            tube([(foot, y - 0.2), (foot, y + 0.28)], 0.1),
            tube([(foot - 0.02, y + 0.3), (foot + 0.2, y + 0.32)], 0.13),
        )


def _wing(p: Pen, x: float, y: float, scale: float) -> None:
    with p.at(x, y, scale):
        p.fill(
            p.deep(0.16),
            smooth(
                (0.5, -0.2),
                (0.1, -0.3),
                (-0.5, -0.1),
                (-0.85, p.between(-0.2, 0.2)),
                (-0.3, 0.3),
                (0.3, 0.25),
            ),
        )


def duck(p: Pen) -> None:
    """Boat-shaped body, round head, flat broad bill."""
    swims = p.chance(0.4)
    if not swims:
        _legs(p, -0.25, 0.85)
    p.fill(
        p.main,
        smooth(
            (-1.25, -0.25),
            (-0.75, 0.05),
            (0.1, -0.05),
            (0.6, 0.0),
            (0.85, 0.4),
            (0.4, 0.85),
            (-0.5, 0.85),
            (-1.0, 0.45),
        ),
        ellipse(0.55, -0.55, 0.5),
        tube([(0.5, -0.4), (0.5, 0.2)], 0.6),
    )
    if p.chance(0.3):
        p.detail((70, 140, 96), ellipse(0.55, -0.6, 0.46, 0.42))
        p.detail(WHITE, tube([(0.18, -0.16), (0.55, -0.06), (0.9, -0.18)], 0.12))
    p.fill(BEAK, smooth((0.92, -0.62), (1.2, -0.58), (1.5, -0.5), (1.45, -0.32), (1.1, -0.32), (0.9, -0.4)))
    _wing(p, -0.25, 0.32, 0.8)
    p.one_eye(0.66, -0.68, 0.1)
    if swims:
        p.detail(
            (120, 178, 222),
            *[tube([(x, 0.85), (x + 0.25, 0.95), (x + 0.5, 0.85)], 0.12) for x in (-1.2, -0.7, -0.2, 0.3)],
        )


def goose(p: Pen) -> None:
    """Long upright neck, small head."""
    _legs(p, -0.3, 0.95)
    neck = tube([(0.3, 0.3), (0.6, -0.3), (p.between(0.4, 0.65), -1.0), (0.7, -1.4)], 0.56, 0.34)
    p.fill(
        p.main,
        smooth(
            (-1.4, -0.1),
            (-0.8, -0.1),
            (0, -0.2),
            (0.6, 0.1),
            (0.6, 0.6),
            (0.1, 0.95),
            (-0.7, 0.85),
            (-1.1, 0.4),
        ),
        neck,
        ellipse(0.76, -1.45, 0.32, 0.27),
    )
    p.fill(BEAK, poly((1.0, -1.58), (1.5, -1.38), (1.0, -1.28)))
    _wing(p, -0.35, 0.3, 0.95)
    p.one_eye(0.84, -1.52, 0.08)


def chicken(p: Pen) -> None:
    """Red comb and wattle, upright tail."""
    _legs(p, -0.2, 0.95)
    red = (218, 66, 62)
    p.fill(red, ellipse(0.36, -1.15, 0.16), ellipse(0.58, -1.22, 0.17), ellipse(0.8, -1.12, 0.15))
    p.fill(
        p.deep(0.2),
        *[
            tube([(-0.7, 0.1), (-1.1 - 0.1 * i, -0.35), (-1.2 + 0.22 * i, -0.9 - 0.05 * i)], 0.3, 0.22)
            for i in range(3)
        ],
    )
    p.fill(
        p.main,
        smooth(
            (-1.0, -0.3),
            (-0.4, -0.1),
            (0.15, -0.4),
            (0.3, -0.95),
            (0.65, -1.1),
            (0.95, -0.8),
            (0.85, -0.2),
            (0.75, 0.4),
            (0.2, 0.92),
            (-0.5, 0.85),
            (-0.95, 0.35),
        ),
    )
    p.fill(red, ellipse(0.92, -0.46, 0.12, 0.22))
    p.fill(BEAK, poly((0.88, -0.86), (1.25, -0.68), (0.9, -0.58)))
    _wing(p, -0.15, 0.28, 0.75)
    p.one_eye(0.66, -0.8, 0.1)


def penguin(p: Pen) -> None:
    """Dark back, white belly, flippers."""
    p.fill(BEAK, ellipse(-0.32, 1.2, 0.3, 0.14), ellipse(0.32, 1.2, 0.3, 0.14))
    for side in (-1, 1):
        swing = p.between(0.0, 0.45)
        p.fill(
            p.deep(0.1),
            tube(
                [
                    (side * 0.62, -0.2),
                    (side * (0.85 + swing * 0.4), 0.25),
                    (side * (0.85 + swing), 0.6 - swing * 0.5),
                ],
                0.36,
                0.18,
            ),
        )
    p.fill(
        p.main,
        smooth(
            (0, -1.2),
            (0.55, -0.95),
            (0.68, -0.3),
            (0.82, 0.5),
            (0.5, 1.12),
            (-0.5, 1.12),
            (-0.82, 0.5),
            (-0.68, -0.3),
            (-0.55, -0.95),
        ),
    )
    p.detail(
        WHITE,
        smooth((0, -0.3), (0.5, -0.1), (0.56, 0.6), (0.3, 1.0), (-0.3, 1.0), (-0.56, 0.6), (-0.5, -0.1)),
        ellipse(-0.24, -0.6, 0.27, 0.33),
        ellipse(0.24, -0.6, 0.27, 0.33),
    )
    p.eyes(-0.64, 0.23, 0.11)
    p.fill(BEAK, poly((-0.17, -0.46), (0.17, -0.46), (0, -0.2)))
    p.cheeks(-0.36, 0.4, 0.11)
    if p.chance(0.3):
        p.fill((214, 72, 76), tube([(-0.55, -0.18), (0, -0.02), (0.55, -0.18)], 0.2))


def owl(p: Pen) -> None:
    """Two huge eyes, ear tufts, a speckled breast."""
    p.fill(
        p.deep(0.2),
        poly((-0.75, -0.6), (-0.72, -1.3), (-0.15, -0.9)),
        poly((0.75, -0.6), (0.72, -1.3), (0.15, -0.9)),
    )
    p.fill(
        p.main,
        smooth(
            (0, -1.0),
            (0.7, -0.85),
            (0.85, 0),
            (0.78, 0.7),
            (0.3, 1.1),
            (-0.3, 1.1),
            (-0.78, 0.7),
            (-0.85, 0),
            (-0.7, -0.85),
        ),
    )
    p.detail(p.pale(0.55), ellipse(0, 0.5, 0.52, 0.55))
    p.detail(
        p.deep(0.15),
        *[
            tube([(x - 0.1, y), (x, y + 0.08), (x + 0.1, y)], 0.06)
            for x, y in ((-0.24, 0.3), (0.02, 0.3), (0.26, 0.3), (-0.12, 0.55), (0.14, 0.55), (0, 0.8))
        ],
    )
    for side in (-1, 1):
        p.fill(
            p.deep(0.24),
            smooth((side * 0.72, -0.2), (side * 0.98, 0.3), (side * 0.8, 0.85), (side * 0.56, 0.4)),
        )
    ring = p.pick(CREAM, (250, 214, 110), WHITE)
    p.fill(ring, ellipse(-0.36, -0.42, 0.38), ellipse(0.36, -0.42, 0.38))
    for x in (-0.33, 0.33):
        p.detail(INK, ellipse(x, -0.42, 0.22))
        p.detail(WHITE, ellipse(x - 0.07, -0.5, 0.07))
    p.fill(BEAK, poly((-0.13, -0.28), (0.13, -0.28), (0, 0.04)))
    p.fill(BEAK, *[ellipse(x, 1.1, 0.1, 0.12) for x in (-0.4, -0.22, 0.22, 0.4)])


BIRDS: dict[str, Concept] = {
    "duck": Concept(
        duck, "bird", ("yellow", "white", "brown", "tan"), "farm bird", ("duckling",), place="ground"
    ),
    "goose": Concept(goose, "bird", ("white", "gray", "tan"), "farm bird", ("farm goose",), place="ground"),
    "chicken": Concept(
        chicken, "bird", ("white", "brown", "orange", "tan", "black"), "farm bird", ("hen",), place="ground"
    ),
    "penguin": Concept(penguin, "bird", ("black", "navy", "gray"), "upright bird", (), place="ground"),
    "owl": Concept(
        owl,
        "bird",
        ("brown", "gray", "tan", "purple", "blue"),
        "upright bird",
        (),
        place="ground",
    ),
}
"""Birds by name."""
