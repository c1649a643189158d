"""Animals of the water."""

import numpy as np

from assets.build.drawn.colours import (
    INK,
    WHITE,
    light,
)
from assets.build.drawn.concept import Concept
from assets.build.drawn.pen import Pen
from assets.build.drawn.shapes import (
    ellipse,
    poly,
    smooth,
    tube,
)


def fish(p: Pen) -> None:
    """Oval body, fan tail, scales or bands."""
    tall, fin = p.between(0.5, 0.72), p.deep(0.18)
    p.fill(fin, smooth((-0.7, 0), (-1.3, -0.6), (-1.4, -0.3), (-1.2, 0), (-1.4, 0.3), (-1.3, 0.6)))
    p.fill(
        fin,
        smooth((-0.3, -tall * 0.7), (0.0, -tall - 0.38), (0.45, -tall * 0.8)),
        smooth((-0.2, tall * 0.7), (-0.1, tall + 0.28), (0.25, tall * 0.8)),
    )
    body = smooth(
        (1.1, 0.05),
        (0.7, -tall * 0.75),
        (0, -tall),
        (-0.7, -tall * 0.35),
        (-0.85, 0),
        (-0.7, tall * 0.35),
        (0, tall),
        (0.7, tall * 0.8),
    )
    p.fill(p.main, body)
    kind = p.pick("bands", "scales", "belly")
    if kind == "bands":
        band = p.pick(WHITE, light(p.main, 0.65), p.deep(0.35))
        p.inside(body, band, *[tube([(x, -1), (x + 0.12, 0), (x, 1)], 0.2) for x in (-0.5, 0.05, 0.45)])
    elif kind == "scales":
        for x in np.arange(-0.5, 0.4, 0.26):
            for y in (-0.25, 0, 0.25):
                p.line(p.deep(0.25), 0.05, (x, y - 0.11), (x - 0.1, y), (x, y + 0.11))
    else:
        p.inside(body, p.pale(0.6), ellipse(0.1, tall, 0.9, tall * 0.65))
    p.fill(fin, smooth((0.2, 0.15), (-0.2, 0.05), (-0.25, 0.35), (0.05, 0.35)))
    p.detail(WHITE, ellipse(0.72, -0.12, 0.17))
    p.detail(INK, ellipse(0.75, -0.11, 0.1))
    p.smile(0.95, 0.12, 0.12)


def whale(p: Pen) -> None:
    """Huge rounded head, pale grooved belly, a spout."""
    p.fill(
        p.main,
        smooth(
            (-1.0, -0.2),
            (-1.25, -0.6),
            (-1.65, -0.85),
            (-1.55, -0.5),
            (-1.3, -0.3),
            (-1.35, -0.1),
            (-1.0, 0.15),
        ),
    )
    body = smooth(
        (1.2, 0.0),
        (1.0, -0.6),
        (0.35, -0.8),
        (-0.3, -0.55),
        (-0.95, -0.25),
        (-1.2, -0.15),
        (-1.0, 0.2),
        (-0.3, 0.68),
        (0.6, 0.74),
        (1.1, 0.45),
    )
    p.fill(p.main, body)
    p.inside(
        body,
        p.pale(0.75),
        smooth((1.3, 0.15), (0.7, 0.16), (0.1, 0.36), (-0.7, 0.36), (-0.4, 1.0), (1.0, 1.0)),
    )
    for x in (0.35, 0.62, 0.9):
        p.inside(body, p.pale(0.4), tube([(x, 0.38), (x - 0.12, 0.9)], 0.05))
    p.fill(p.deep(0.15), smooth((0.15, 0.4), (-0.15, 0.55), (-0.4, 0.95), (-0.1, 0.9), (0.3, 0.65)))
    p.one_eye(0.72, -0.08, 0.1)
    p.smile(0.95, 0.08, 0.14)
    if p.chance(0.7):
        for side in (-1, 1):
            p.fill(
                (168, 216, 240),
                tube(
                    [
                        (0.4, -0.85),
                        (0.4 + side * 0.08, -1.2),
                        (0.4 + side * 0.38, -1.3),
                        (0.4 + side * 0.45, -1.1),
                    ],
                    0.13,
                    0.1,
                ),
            )


def shark(p: Pen) -> None:
    """Slim body, tall back fin, forked tail, teeth."""
    p.fill(p.main, poly((-1.0, -0.02), (-1.6, -0.68), (-1.42, -0.05), (-1.58, 0.42), (-1.0, 0.14)))
    p.fill(p.main, smooth((-0.3, -0.3), (-0.18, -0.72), (0.0, -0.95), (0.06, -0.6), (0.3, -0.3)))
    p.fill(p.deep(0.15), smooth((0.35, 0.25), (0.1, 0.55), (-0.25, 0.88), (-0.2, 0.5), (-0.02, 0.25)))
    body = smooth(
        (1.4, -0.08),
        (0.9, -0.36),
        (0.2, -0.46),
        (-0.6, -0.26),
        (-1.15, 0.0),
        (-0.6, 0.24),
        (0.3, 0.4),
        (0.9, 0.3),
    )
    p.fill(p.main, body)
    p.inside(body, WHITE, smooth((1.5, 0.08), (0.9, 0.12), (0.2, 0.14), (-0.9, 0.1), (-0.4, 0.6), (1.0, 0.6)))
    mouth = smooth((1.12, 0.08), (0.8, 0.1), (0.62, 0.18), (0.9, 0.26))
    p.detail((150, 60, 70), mouth)
    p.inside(
        mouth, WHITE, *[poly((x, 0.02), (x + 0.1, 0.02), (x + 0.05, 0.17)) for x in (0.66, 0.78, 0.9, 1.02)]
    )
    p.one_eye(0.95, -0.12, 0.08)
    for x in (0.3, 0.42, 0.54):
        p.line(p.deep(0.4), 0.04, (x, -0.12), (x - 0.04, 0.08))


def dolphin(p: Pen) -> None:
    """Leaping arc of a body with a beak."""
    p.fill(p.main, poly((-1.05, 0.42), (-1.55, 0.5), (-1.4, 0.75), (-1.3, 1.05), (-0.9, 0.68)))
    p.fill(p.deep(0.12), smooth((-0.25, -0.45), (-0.35, -0.85), (-0.42, -0.98), (0.05, -0.75), (0.2, -0.45)))
    p.fill(p.deep(0.18), smooth((0.4, 0.1), (0.3, 0.5), (0.05, 0.75), (0.08, 0.4), (0.1, 0.1)))
    body = smooth(
        (1.5, 0.38),
        (1.18, 0.1),
        (1.05, -0.2),
        (0.6, -0.5),
        (0, -0.56),
        (-0.6, -0.2),
        (-1.1, 0.48),
        (-0.95, 0.62),
        (-0.4, 0.28),
        (0.3, 0.16),
        (0.9, 0.36),
        (1.2, 0.42),
    )
    p.fill(p.main, body)
    p.inside(
        body,
        p.pale(0.75),
        smooth((1.6, 0.42), (1.0, 0.22), (0.5, 0.02), (-0.2, 0.1), (-0.9, 0.55), (0.5, 0.7)),
    )
    p.one_eye(0.82, -0.05, 0.085)
    p.line(INK, 0.045, (1.38, 0.32), (1.12, 0.24), (0.95, 0.12))


def crab(p: Pen) -> None:
    """Wide shell, two raised claws, eyes on stalks."""
    for side in (-1, 1):
        for i in range(3):
            p.fill(
                p.deep(0.18),
                tube(
                    [
                        (side * 0.6, 0.25 + 0.1 * i),
                        (side * (1.05 - 0.08 * i), 0.35 + 0.2 * i),
                        (side * (1.1 - 0.12 * i), 0.65 + 0.16 * i),
                    ],
                    0.16,
                    0.1,
                ),
            )
        lift = p.between(-0.15, 0.2)
        p.fill(p.main, tube([(side * 0.7, 0.0), (side * 1.1, -0.1), (side * 1.1, -0.45 + lift)], 0.22))
        with p.at(side * 1.1, -0.7 + lift, 1.0, side < 0):
            p.fill(
                p.main,
                smooth(
                    (-0.2, 0.3),
                    (-0.38, -0.05),
                    (-0.2, -0.5),
                    (-0.02, -0.15),
                    (0.14, -0.52),
                    (0.38, -0.1),
                    (0.2, 0.3),
                ),
            )
        p.fill(p.main, tube([(side * 0.26, -0.3), (side * 0.28, -0.62)], 0.1))
        p.detail(WHITE, ellipse(side * 0.28, -0.7, 0.17))
        p.detail(INK, ellipse(side * 0.27, -0.69, 0.1))
    p.fill(
        p.main,
        smooth((-0.9, 0.0), (-0.5, -0.38), (0.5, -0.38), (0.9, 0.0), (0.62, 0.5), (0, 0.62), (-0.62, 0.5)),
    )
    p.smile(0, 0.16, 0.26, 0.06)
    p.cheeks(0.12, 0.52, 0.14, light(p.main, 0.5))


def octopus(p: Pen) -> None:
    """Large head over curling arms."""
    for i, x in enumerate((-0.9, -0.55, -0.18, 0.18, 0.55, 0.9)):
        curl = p.between(-0.25, 0.25)
        colour = p.deep(0.16) if i % 2 else p.main
        p.fill(
            colour,
            tube(
                [
                    (x * 0.5, 0.2),
                    (x * 0.8, 0.65),
                    (x * 1.2 + curl * 0.5, 0.95),
                    (x * 1.45 + curl, 0.85 + abs(curl)),
                ],
                0.36,
                0.14,
            ),
        )
    p.fill(
        p.main,
        smooth(
            (0, -1.15),
            (0.65, -0.95),
            (0.85, -0.35),
            (0.6, 0.25),
            (0, 0.42),
            (-0.6, 0.25),
            (-0.85, -0.35),
            (-0.65, -0.95),
        ),
    )
    p.eyes(-0.25, 0.3, 0.16)
    p.smile(0, 0.0, 0.18, 0.06)
    p.cheeks(0.02, 0.52, 0.14)
    p.shine(ellipse(-0.4, -0.78, 0.2, 0.12, -35))


WATER_ANIMALS: dict[str, Concept] = {
    "fish": Concept(
        fish,
        "sea animal",
        ("orange", "blue", "yellow", "red", "teal", "purple", "pink"),
        "swimmer",
        ("goldfish",),
        tilt=10,
        place="water",
    ),
    "whale": Concept(
        whale,
        "sea animal",
        ("blue", "navy", "teal", "gray"),
        "swimmer",
        (),
        tilt=10,
        place="water",
    ),
    "shark": Concept(shark, "sea animal", ("gray", "blue", "teal"), "swimmer", (), tilt=10, place="water"),
    "dolphin": Concept(
        dolphin,
        "sea animal",
        ("blue", "gray", "teal"),
        "swimmer",
        (),
        tilt=10,
        place="water",
    ),
    "crab": Concept(crab, "sea animal", ("red", "orange", "pink"), "crab", (), tilt=10, place="water"),
    "octopus": Concept(
        octopus,
        "sea animal",
        ("purple", "pink", "orange", "teal", "red"),
        "octopus",
        ("squid",),
        tilt=6,
        place="water",
    ),
}
"""Water animals by name."""
