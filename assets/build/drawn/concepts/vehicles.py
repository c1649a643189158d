"""Vehicles of road and rail, from the side."""

from assets.build.drawn.colours import CREAM, GLASS, GOLD, INK, STEEL, WHITE, WOOD, light
from assets.build.drawn.concept import Concept
from assets.build.drawn.pen import Pen
from assets.build.drawn.shapes import Path, arc, box, ellipse, poly, smooth, tube

TYRE = (66, 62, 72)
LAMP = (255, 226, 130)
ROAD = ("red", "blue", "green", "yellow", "orange", "teal", "white", "purple", "pink", "navy")


def wheel(p: Pen, x: float, y: float, r: float) -> None:
    """Tyre and hub."""
    p.fill(TYRE, ellipse(x, y, r))
    p.detail(STEEL, ellipse(x, y, r * 0.52))
    p.detail((110, 112, 124), ellipse(x, y, r * 0.18))


def pane(p: Pen, path: Path) -> None:
    """A window with a reflection."""
    p.fill(GLASS, path)
    (x0, y0), (x1, y1) = path.min(0), path.max(0)
    width = (x1 - x0) * 0.18
    shine = poly((x0 + 2 * width, y0), (x0 + 3.2 * width, y0), (x0 + 1.8 * width, y1), (x0 + 0.6 * width, y1))
    p.inside(path, WHITE, shine, strength=0.6)


def car(p: Pen) -> None:
    """Low body, curved cabin, two windows."""
    roof, long = p.between(-0.72, -0.56), p.between(1.3, 1.5)
    p.fill(
        p.main,
        smooth((-0.95, -0.02), (-0.62, roof), (0.0, roof - 0.06), (0.5, roof + 0.06), (0.92, 0.0), (0, 0.2)),
    )
    p.fill(
        p.main,
        smooth(
            (-long, 0.1),
            (-long + 0.2, -0.1),
            (-0.4, -0.14),
            (0.8, -0.12),
            (long - 0.05, 0.02),
            (long, 0.4),
            (long - 0.2, 0.5),
            (-long + 0.1, 0.5),
        ),
    )
    pane(p, poly((-0.72, -0.1), (-0.5, roof + 0.14), (-0.06, roof + 0.1), (-0.06, -0.1)))
    pane(p, poly((0.06, -0.1), (0.06, roof + 0.1), (0.42, roof + 0.16), (0.7, -0.1)))
    p.detail(LAMP, ellipse(long - 0.08, 0.12, 0.1, 0.12))
    p.detail((226, 80, 70), ellipse(-long + 0.07, 0.12, 0.06, 0.11))
    p.detail(p.deep(0.25), box(-long + 0.05, 0.34, long - 0.05, 0.42, 0.04), box(0.06, 0.02, 0.24, 0.07))
    for x in (-0.78, 0.78):
        wheel(p, x, 0.5, 0.32)


def bus(p: Pen) -> None:
    """Long tall box with a row of windows."""
    long = p.between(1.45, 1.7)
    p.fill(p.main, box(-long, -0.85, long, 0.6, 0.22))
    p.detail(light(p.main, 0.55), box(-long, 0.14, long, 0.26))
    count = p.pick(3, 4)
    step = (2 * long - 0.75) / count
    for i in range(count):
        x = -long + 0.12 + i * step
        pane(p, box(x, -0.6, x + step - 0.12, -0.02, 0.06))
    pane(p, box(long - 0.52, -0.6, long - 0.14, 0.5, 0.06))
    p.detail(LAMP, ellipse(long - 0.06, 0.34, 0.06, 0.1))
    for x in (-long * 0.58, long * 0.42):
        wheel(p, x, 0.6, 0.3)


def truck(p: Pen) -> None:
    """A cab in front of a separate cargo box."""
    cargo = p.pick(CREAM, WHITE, STEEL, light(p.main, 0.6))
    p.fill(TYRE, box(-1.6, 0.36, 1.4, 0.56, 0.05))
    p.fill(cargo, box(-1.65, -0.95, 0.42, 0.4, 0.07))
    p.detail(p.main, box(-1.65, -0.32, 0.42, -0.14), ellipse(-0.62, -0.24, 0.26))
    p.fill(
        p.main,
        smooth(
            (0.54, -0.5),
            (0.62, -0.62),
            (1.05, -0.6),
            (1.3, -0.1),
            (1.62, 0.02),
            (1.66, 0.42),
            (1.5, 0.5),
            (0.56, 0.5),
            (0.52, 0.2),
        ),
    )
    pane(p, poly((0.7, -0.48), (0.98, -0.46), (1.2, -0.04), (0.7, -0.04)))
    p.detail(LAMP, ellipse(1.58, 0.18, 0.08, 0.1))
    for x in (-1.2, -0.62, 1.1):
        wheel(p, x, 0.54, 0.28)


def train(p: Pen) -> None:
    """Steam engine: boiler, chimney, cab, a cow-catcher."""
    red = p.pick((214, 74, 70), GOLD, (70, 90, 130))
    if p.chance(0.7):
        p.detail(
            (226, 228, 234), ellipse(0.7, -1.35, 0.22), ellipse(0.4, -1.5, 0.28), ellipse(0.05, -1.62, 0.2)
        )
    p.fill(TYRE, poly((0.55, -0.3), (0.6, -0.8), (0.48, -1.05), (1.05, -1.05), (0.92, -0.8), (0.96, -0.3)))
    p.fill(GOLD, arc(0.12, -0.4, 0.24, 0.3, 180, 360))
    p.fill(p.main, box(-0.5, -0.45, 1.25, 0.35, 0.3))
    p.detail(GOLD, box(0.2, -0.45, 0.3, 0.35), box(0.85, -0.45, 0.95, 0.35))
    p.fill(p.main, box(-1.3, -1.0, -0.35, 0.4, 0.05))
    p.fill(red, box(-1.45, -1.16, -0.2, -0.98, 0.08))
    pane(p, box(-1.08, -0.78, -0.58, -0.3, 0.05))
    p.fill(red, poly((1.1, 0.35), (1.6, 0.85), (1.0, 0.85)), box(-1.35, 0.3, 1.25, 0.5, 0.05))
    for x, r in ((-0.95, 0.38), (-0.1, 0.38), (0.65, 0.27)):
        wheel(p, x, 0.92 - r, r)
    p.fill(STEEL, tube([(-0.95, 0.6), (-0.1, 0.6)], 0.1))
    p.detail(LAMP, ellipse(1.25, -0.1, 0.1, 0.14))


def bicycle(p: Pen) -> None:
    """Two spoked wheels and a frame."""
    for x in (-0.85, 0.85):
        ring = ellipse(x, 0.4, 0.62)
        p.fill(TYRE, *[tube([a, b], 0.12) for a, b in zip(ring, [*ring[1:], ring[0]], strict=True)])
        p.detail(
            STEEL,
            *[
                tube([(x, 0.4), (x + dx, 0.4 + dy)], 0.03)
                for dx, dy in (
                    (0.54, 0),
                    (-0.54, 0),
                    (0, 0.54),
                    (0, -0.54),
                    (0.38, 0.38),
                    (-0.38, -0.38),
                    (0.38, -0.38),
                    (-0.38, 0.38),
                )
            ],
        )
    seat, head, crank = (-0.42, -0.45), (0.55, -0.5), (-0.1, 0.42)
    p.fill(
        p.main,
        *[
            tube(line, 0.12)
            for line in (
                [(-0.85, 0.4), crank],
                [crank, head],
                [seat, crank],
                [seat, (0.5, -0.4)],
                [(-0.85, 0.4), seat],
                [(0.85, 0.4), (0.48, -0.75)],
            )
        ],
    )
    p.fill(WOOD, smooth((-0.75, -0.62), (-0.3, -0.64), (-0.1, -0.56), (-0.42, -0.44)))
    p.fill(INK, tube([(0.3, -0.85), (0.5, -0.78), (0.75, -0.88), (0.78, -0.68)], 0.1))
    p.fill(STEEL, ellipse(*crank, 0.14))
    p.fill(INK, tube([crank, (-0.02, 0.72)], 0.07), tube([(-0.12, 0.74), (0.12, 0.74)], 0.09))
    if p.chance(0.4):
        p.fill((206, 160, 108), poly((0.62, -0.62), (1.1, -0.62), (1.02, -0.25), (0.7, -0.25)))


VEHICLES: dict[str, Concept] = {
    "car": Concept(car, "vehicle", ROAD, "road vehicle", ("automobile",), tilt=3, place="ground"),
    "bus": Concept(bus, "vehicle", ROAD, "road vehicle", ("city bus", "coach"), tilt=3, place="ground"),
    "truck": Concept(truck, "vehicle", ROAD, "road vehicle", ("lorry",), tilt=3, place="ground"),
    "train": Concept(train, "vehicle", ROAD, "train", ("steam train", "locomotive"), tilt=3, place="ground"),
    "bicycle": Concept(bicycle, "vehicle", ROAD, "bicycle", ("bike",), tilt=3, place="ground"),
}
"""Vehicles by name."""
