"""Insects and other small animals of the land."""

from assets.build.drawn.colours import INK, PINK, WHITE, light, mix
from assets.build.drawn.concept import Concept
from assets.build.drawn.pen import Pen
from assets.build.drawn.shapes import arc, ellipse, mirrored, poly, smooth, tube


def butterfly(p: Pen) -> None:
    """Four patterned wings seen from above."""
    spot, tall = p.pick(light(p.main, 0.6), (250, 220, 120), WHITE), p.between(0.85, 1.1)
    upper = smooth((0.05, -0.1), (0.35, -0.9 * tall), (1.0, -1.1 * tall), (1.25, -0.6), (0.85, 0.0))
    lower = smooth((0.05, 0.05), (0.75, 0.0), (1.0, 0.45), (0.7, 0.95 * tall), (0.3, 0.6))
    for path in (lower, mirrored(lower)):
        p.fill(p.deep(0.2), path)
        p.inside(path, spot, (path - path.mean(0)) * 0.4 + path.mean(0))
    for path in (upper, mirrored(upper)):
        p.fill(p.main, path)
        p.inside(path, p.deep(0.35), ellipse(1.25 if path is upper else -1.25, -0.95, 0.35, 0.4))
        p.inside(path, spot, (path - path.mean(0)) * 0.42 + path.mean(0))
    p.line(INK, 0.05, (0, -0.6), (0.12, -1.0), (0.3, -1.15))
    p.line(INK, 0.05, (0, -0.6), (-0.12, -1.0), (-0.3, -1.15))
    p.fill((84, 66, 70), tube([(0, -0.5), (0, 0.65)], 0.2, 0.12), ellipse(0, -0.58, 0.15))


def bee(p: Pen) -> None:
    """Striped oval body, two pale wings."""
    stripe = (70, 58, 60)
    for x, turn in ((-0.25, -28), (0.2, 12)):
        p.fill((214, 234, 246), ellipse(x, -0.72, 0.34, 0.6, turn))
    p.fill(stripe, poly((-0.95, 0.02), (-1.3, 0.14), (-0.95, 0.26)))
    body = ellipse(-0.1, 0.12, 1.0, 0.66)
    p.fill(p.main, body)
    p.inside(body, stripe, *[tube([(x, -0.6), (x - 0.1, 0.12), (x, 0.85)], 0.24) for x in (-0.7, -0.2, 0.28)])
    p.one_eye(0.62, 0.0, 0.12)
    p.smile(0.66, 0.2, 0.12)
    for x in (0.45, 0.7):
        p.line(INK, 0.06, (x, -0.35), (x + 0.1, -0.75), (x + 0.28, -0.82))
    p.cheeks(0.22, 0.0, 0.0)


def ladybug(p: Pen) -> None:
    """Dotted dome wings with a dark head."""
    black = (62, 54, 62)
    for y in (-0.35, 0.15, 0.6):
        for side in (-1, 1):
            p.fill(black, tube([(side * 0.7, y), (side * 1.15, y + p.between(-0.1, 0.15))], 0.12))
    p.fill(black, ellipse(0, -0.82, 0.46, 0.4))
    for side in (-1, 1):
        p.line(INK, 0.07, (side * 0.2, -1.1), (side * 0.36, -1.4), (side * 0.52, -1.42))
    p.fill(p.main, ellipse(0, 0.1, 0.9, 0.98))
    p.detail(black, tube([(0, -0.85), (0, 1.05)], 0.08))
    p.detail(
        black,
        *[
            ellipse(side * x, y, 0.17)
            for x, y in ((0.42, -0.4), (0.58, 0.15), (0.32, 0.6))
            for side in (-1, 1)
        ],
    )
    p.eyes(-0.9, 0.2, 0.0)
    p.detail(WHITE, ellipse(-0.22, -0.94, 0.12), ellipse(0.22, -0.94, 0.12))
    p.shine(ellipse(-0.35, -0.55, 0.18, 0.1, -35))


def snail(p: Pen) -> None:
    """A spiral shell on a creeping foot."""
    skin = p.pick((226, 196, 150), (206, 186, 140), (190, 200, 150))
    p.fill(skin, tube([(-1.3, 0.85), (0.3, 0.82), (0.9, 0.7), (1.05, 0.1)], 0.22, 0.42))
    for x in (0.98, 1.25):
        p.fill(skin, tube([(x - 0.02, 0.0), (x + 0.08, -0.48)], 0.11))
        p.detail(INK, ellipse(x + 0.08, -0.52, 0.11))
        p.detail(WHITE, ellipse(x + 0.05, -0.56, 0.04))
    p.fill(p.main, ellipse(-0.2, 0.02, 0.86, 0.82))
    spiral = [
        (-0.2 + r * c, 0.04 + r * s)
        for r, c, s in (
            (0.62, 0.0, 1.0),
            (0.6, -0.9, 0.4),
            (0.56, -0.7, -0.7),
            (0.5, 0.4, -0.9),
            (0.42, 1.0, 0.1),
            (0.34, 0.2, 1.0),
            (0.28, -0.9, 0.2),
            (0.22, 0.1, -0.9),
            (0.14, 0.8, 0.4),
        )
    ]
    p.detail(p.deep(0.38), tube(spiral, 0.13, 0.09))
    p.smile(1.12, 0.22, 0.1)


def turtle(p: Pen) -> None:
    """Patterned dome shell, head and feet peeping out."""
    skin = mix((150, 196, 110), (200, 200, 120), p.between(0, 0.8))
    p.fill(
        skin,
        *[tube([(x, 0.5), (x + p.between(-0.15, 0.15), 0.95)], 0.36, 0.32) for x in (-0.75, 0.5)],
        poly((-1.0, 0.45), (-1.45, 0.62), (-0.95, 0.66)),
    )
    p.fill(
        skin,
        tube([(0.7, 0.4), (1.15, 0.1 + p.between(-0.25, 0.1))], 0.36, 0.3),
        ellipse(1.28, -0.05, 0.36, 0.32),
    )
    dome = arc(-0.1, 0.55, 1.08, 1.25, 180, 360)
    p.fill(p.main, dome)
    p.inside(
        dome,
        p.deep(0.3),
        *[
            ellipse(x, y, 0.26, 0.24)
            for x, y in ((-0.1, -0.28), (-0.62, 0.1), (0.42, 0.1), (-0.1, 0.3), (-1.0, 0.42), (0.84, 0.42))
        ],
    )
    p.fill(p.deep(0.18), tube([(-1.12, 0.55), (0.92, 0.55)], 0.22))
    p.one_eye(1.38, -0.12, 0.09)
    p.smile(1.4, 0.08, 0.1)


def frog(p: Pen) -> None:
    """Eyes on top of a wide head, a wide mouth, folded legs."""
    for side in (-1, 1):
        p.fill(
            p.deep(0.12),
            ellipse(side * 0.82, 0.62, 0.4, 0.46, side * 20),
            tube([(side * 0.7, 1.0), (side * 1.25, 1.05)], 0.24),
        )
    p.fill(
        p.main,
        ellipse(-0.45, -0.72, 0.34),
        ellipse(0.45, -0.72, 0.34),
        ellipse(0, -0.15, 0.98, 0.7),
        ellipse(0, 0.45, 0.72, 0.62),
    )
    p.detail(p.pale(0.55), ellipse(0, 0.55, 0.46, 0.42))
    for side in (-1, 1):
        p.detail(WHITE, ellipse(side * 0.45, -0.76, 0.24))
        p.detail(INK, ellipse(side * 0.43, -0.74, 0.14))
        p.detail(WHITE, ellipse(side * 0.43 - 0.05, -0.8, 0.05))
        p.fill(p.main, tube([(side * 0.34, 0.6), (side * 0.36, 1.02)], 0.24))
    p.detail(INK, tube([(-0.62, -0.12), (-0.3, 0.1), (0, 0.15), (0.3, 0.1), (0.62, -0.12)], 0.07))
    p.cheeks(0.0, 0.7, 0.15, PINK)


SMALL_ANIMALS: dict[str, Concept] = {
    "butterfly": Concept(
        butterfly,
        "insect",
        ("orange", "blue", "purple", "pink", "yellow", "teal"),
        "insect",
        (),
        tilt=18,
        place="sky",
    ),
    "bee": Concept(
        bee, "insect", ("yellow", "golden"), "insect", ("honeybee", "bumblebee"), tilt=12, place="sky"
    ),
    "ladybug": Concept(ladybug, "insect", ("red", "orange", "yellow"), "insect", ("ladybird",), tilt=30),
    "snail": Concept(
        snail,
        "animal",
        ("orange", "pink", "brown", "purple", "teal", "yellow"),
        "creeper",
        ("garden snail",),
        place="ground",
    ),
    "turtle": Concept(
        turtle, "animal", ("green", "teal", "brown", "orange"), "creeper", ("tortoise",), place="ground"
    ),
    "frog": Concept(frog, "animal", ("green", "teal", "yellow"), "creeper", ("toad",), place="ground"),
}
"""Small animals by name."""
