"""What floats and what flies."""

from assets.build.drawn.colours import CREAM, GOLD, STEEL, WHITE, WOOD, light
from assets.build.drawn.concept import Concept
from assets.build.drawn.concepts.vehicles import TYRE, pane
from assets.build.drawn.pen import Pen
from assets.build.drawn.shapes import box, ellipse, poly, smooth, tube

AIR = ("red", "blue", "orange", "teal", "purple", "yellow", "green")


def _waves(p: Pen, y: float) -> None:
    if p.chance(0.6):
        points = [(-1.3 + i * 0.325, y + (0.0 if i % 2 else 0.12)) for i in range(9)]
        p.fill((104, 168, 220), tube(points, 0.17))


def sailboat(p: Pen) -> None:
    """A hull under two triangular sails."""
    sail = p.pick(WHITE, CREAM, (250, 200, 110), (240, 130, 120))
    p.fill(WOOD, tube([(0, 0.5), (0, -1.35)], 0.09))
    belly = p.between(0.05, 0.2)
    big = smooth(
        (0.08, -1.25), (0.14, -1.2), (0.6 + belly, -0.4), (0.95, 0.28), (0.9, 0.36), (0.12, 0.36), (0.08, 0.3)
    )
    p.fill(sail, big)
    if p.chance(0.5):
        p.inside(big, p.main, *[tube([(0, y), (1.2, y + 0.08)], 0.16) for y in (-0.7, -0.15)])
    p.fill(p.pick(sail, light(p.main, 0.4)), poly((-0.1, -1.1), (-0.12, 0.34), (-0.78, 0.34)))
    p.fill((222, 72, 70), poly((0, -1.5), (0.3, -1.4), (0, -1.28)))
    hull = smooth(
        (-1.05, 0.5),
        (-0.9, 0.48),
        (0.9, 0.48),
        (1.15, 0.44),
        (0.85, 0.95),
        (0.5, 1.08),
        (-0.55, 1.08),
        (-0.85, 0.9),
    )
    p.fill(p.main, hull)
    p.inside(hull, light(p.main, 0.6), box(-1.3, 0.56, 1.3, 0.68))
    _waves(p, 1.05)


def ship(p: Pen) -> None:
    """A steamer: decks with portholes, funnels, smoke."""
    for x in p.pick((-0.35, 0.25), (-0.5, 0.0, 0.5), (0.0,)):
        if p.chance(0.5):
            p.detail((226, 228, 234), ellipse(x - 0.1, -1.15, 0.18), ellipse(x - 0.32, -1.3, 0.22))
        p.fill((222, 84, 72), poly((x - 0.15, -0.4), (x - 0.13, -0.95), (x + 0.17, -0.95), (x + 0.17, -0.4)))
        p.detail(TYRE, box(x - 0.13, -0.96, x + 0.17, -0.8))
    p.fill(WHITE, box(-0.75, -0.5, 0.75, -0.15, 0.05), box(-1.05, -0.18, 0.98, 0.2, 0.05))
    p.detail((110, 160, 200), *[box(-0.6 + i * 0.3, -0.4, -0.44 + i * 0.3, -0.26, 0.03) for i in range(5)])
    p.detail((110, 160, 200), *[ellipse(-0.85 + i * 0.32, 0.02, 0.075) for i in range(6)])
    hull = smooth(
        (-1.45, 0.16),
        (-1.3, 0.2),
        (1.2, 0.2),
        (1.6, 0.02),
        (1.4, 0.5),
        (1.05, 0.9),
        (-1.1, 0.9),
        (-1.35, 0.6),
    )
    p.fill(p.main, hull)
    p.inside(hull, (200, 76, 70), box(-1.7, 0.68, 1.7, 1.0))
    p.detail(light(p.main, 0.6), *[ellipse(-0.95 + i * 0.42, 0.42, 0.07) for i in range(5)])
    _waves(p, 0.9)


def plane(p: Pen) -> None:
    """Airliner: fuselage, swept wing, tail fin."""
    p.fill(p.deep(0.2), poly((-0.2, -0.1), (-0.55, -0.75), (-0.3, -0.78), (0.35, -0.12)))
    p.fill(p.main, poly((-0.95, -0.1), (-1.5, -0.85), (-1.2, -0.86), (-0.6, -0.15)))
    body = smooth(
        (1.45, 0.02),
        (1.1, -0.22),
        (0.3, -0.3),
        (-0.9, -0.24),
        (-1.45, -0.2),
        (-1.0, 0.1),
        (-0.3, 0.24),
        (0.8, 0.26),
        (1.25, 0.18),
    )
    p.fill(WHITE if p.chance(0.6) else light(p.main, 0.7), body)
    p.inside(body, p.main, smooth((1.6, 0.08), (0.5, 0.1), (-1.6, -0.12), (-1.0, 0.5), (1.0, 0.5)))
    p.detail((96, 150, 200), *[ellipse(-0.75 + i * 0.25, -0.06, 0.065) for i in range(7)])
    pane(p, poly((1.02, -0.16), (1.26, -0.07), (1.1, -0.03), (0.98, -0.05)))
    p.fill(STEEL, smooth((0.25, 0.25), (0.4, 0.25), (0.42, 0.46), (-0.05, 0.46), (-0.05, 0.28)))
    p.fill(p.deep(0.12), poly((0.4, 0.08), (-0.55, 0.86), (-0.85, 0.84), (-0.25, 0.08)))
    p.fill(p.deep(0.12), poly((-1.0, -0.06), (-1.5, 0.2), (-1.28, 0.2), (-0.75, -0.02)))


def helicopter(p: Pen) -> None:
    """Bubble cabin, tail boom, rotor, skids."""
    p.fill(
        TYRE,
        tube([(-0.6, 0.98), (0.9, 0.98), (1.05, 0.85)], 0.1),
        *[tube([(x, 0.5), (x, 0.95)], 0.08) for x in (-0.2, 0.5)],
    )
    p.fill(
        p.main,
        tube([(-0.2, -0.05), (-1.45, -0.2)], 0.42, 0.16),
        poly((-1.3, -0.2), (-1.65, -0.7), (-1.42, -0.72), (-1.15, -0.25)),
    )
    p.fill(TYRE, box(0.12, -0.85, 0.22, -0.45))
    tip = p.between(-0.08, 0.08)
    p.fill(STEEL, tube([(-1.25, -0.88 - tip), (1.6, -0.88 + tip)], 0.13), ellipse(0.17, -0.88, 0.15))
    p.fill(
        p.main,
        smooth(
            (-0.6, -0.1),
            (-0.2, -0.5),
            (0.4, -0.55),
            (0.95, -0.15),
            (1.0, 0.25),
            (0.6, 0.55),
            (-0.2, 0.5),
            (-0.58, 0.25),
        ),
    )
    pane(p, smooth((0.35, -0.4), (0.8, -0.12), (0.9, 0.15), (0.35, 0.15)))
    pane(p, box(-0.16, -0.3, 0.2, 0.1, 0.06))
    p.fill(
        STEEL,
        *[
            tube([(-1.5 + dx, -0.45 + dy), (-1.5 - dx, -0.45 - dy)], 0.08)
            for dx, dy in ((0.22, 0.12), (-0.12, 0.22))
        ],
    )


def rocket(p: Pen) -> None:
    """Pointed hull with a porthole, fins and a flame."""
    hull = p.pick(WHITE, CREAM, STEEL)
    if p.chance(0.75):
        p.fill(
            (244, 140, 52),
            smooth((-0.28, 0.85), (0.28, 0.85), (0.24, 1.25), (0, p.between(1.5, 1.8)), (-0.24, 1.25)),
        )
        p.detail((252, 214, 92), smooth((-0.15, 0.85), (0.15, 0.85), (0.1, 1.15), (0, 1.35), (-0.1, 1.15)))
    for side in (-1, 1):
        p.fill(
            p.main,
            smooth(
                (side * 0.4, 0.15),
                (side * 0.85, 0.6),
                (side * 0.88, 1.1),
                (side * 0.7, 1.0),
                (side * 0.3, 0.82),
            ),
        )
    body = smooth(
        (0, -1.4),
        (0.32, -0.95),
        (0.52, -0.2),
        (0.46, 0.55),
        (0.3, 0.9),
        (-0.3, 0.9),
        (-0.46, 0.55),
        (-0.52, -0.2),
        (-0.32, -0.95),
    )
    p.fill(hull, body)
    p.inside(body, p.main, box(-1, -1.6, 1, -0.72), box(-1, 0.55, 1, 0.68))
    p.fill(GOLD if p.chance(0.5) else p.deep(0.2), ellipse(0, -0.22, 0.3))
    pane(p, ellipse(0, -0.22, 0.21))
    p.fill(p.main, tube([(0, 0.5), (0, 1.05)], 0.14))


def hot_air_balloon(p: Pen) -> None:
    """A striped envelope over a basket."""
    p.fill(WOOD, *[tube([(x, 0.35), (x * 0.55, 1.1)], 0.05) for x in (-0.42, 0, 0.42)])
    envelope = smooth(
        (0, -1.4),
        (0.75, -1.15),
        (1.05, -0.5),
        (0.8, 0.1),
        (0.35, 0.55),
        (-0.35, 0.55),
        (-0.8, 0.1),
        (-1.05, -0.5),
        (-0.75, -1.15),
    )
    p.fill(p.main, envelope)
    band = p.pick(CREAM, GOLD, light(p.main, 0.55))
    for side in (-1, 1):
        p.inside(
            envelope,
            band,
            smooth(
                (side * 0.08, -1.45),
                (side * 0.55, -0.5),
                (side * 0.15, 0.6),
                (side * 0.3, 0.6),
                (side * 0.82, -0.5),
                (side * 0.4, -1.4),
            ),
        )
    p.shine(ellipse(-0.55, -0.85, 0.12, 0.26, 32))
    basket = box(-0.28, 0.98, 0.28, 1.42, 0.08)
    p.fill((190, 138, 86), basket)
    p.inside(basket, (150, 104, 64), box(-0.4, 0.98, 0.4, 1.08), box(-0.4, 1.2, 0.4, 1.26))


CRAFT: dict[str, Concept] = {
    "sailboat": Concept(
        sailboat,
        "vehicle",
        ("red", "blue", "brown", "teal", "white", "orange"),
        "boat-like",
        ("sailing boat",),
        tilt=6,
        place="water",
    ),
    "ship": Concept(
        ship,
        "vehicle",
        ("navy", "blue", "black", "red", "teal"),
        "boat-like",
        ("steamship",),
        tilt=3,
        place="water",
    ),
    "plane": Concept(plane, "vehicle", AIR, "aircraft", ("airplane", "aeroplane"), tilt=14, place="sky"),
    "helicopter": Concept(helicopter, "vehicle", AIR, "aircraft", ("chopper",), tilt=8, place="sky"),
    "rocket": Concept(
        rocket, "vehicle", AIR, "aircraft", ("spaceship", "space rocket"), tilt=18, place="sky"
    ),
    "hot-air balloon": Concept(
        hot_air_balloon, "vehicle", AIR, "floating thing", ("hot air balloon",), tilt=6, place="sky"
    ),
}
"""Boats and aircraft by name."""
