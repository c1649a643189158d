"""Buildings, from the front."""

import numpy as np

from assets.build.drawn.colours import (
    CREAM,
    GOLD,
    STEEL,
    WHITE,
    WOOD,
    Colour,
    dark,
    light,
)
from assets.build.drawn.concept import Concept
from assets.build.drawn.pen import Pen
from assets.build.drawn.shapes import (
    Path,
    arc,
    box,
    ellipse,
    poly,
    tube,
)

ROOFS: tuple[Colour, ...] = ((206, 92, 74), (110, 124, 168), (150, 92, 80), (84, 140, 136), (226, 132, 80))
LIT: Colour = (255, 224, 136)
STONE = ("gray", "tan", "white", "pink", "blue", "purple")


def window(p: Pen, x: float, y: float, w: float, h: float, arched: bool = False) -> None:
    """A window with a cross bar, dark or lit."""
    glass = LIT if p.eye == "happy" else (150, 196, 222)
    path = _arch(x, y, w, h) if arched else box(x - w, y - h, x + w, y + h, 0.03)
    p.fill(glass, path)
    p.detail(WHITE, tube([(x, y - h), (x, y + h)], 0.04), tube([(x - w, y), (x + w, y)], 0.04))


def _arch(x: float, y: float, w: float, h: float) -> Path:
    return np.concatenate([arc(x, y - h + w, w, w, 180, 360, n=10), [(x + w, y + h), (x - w, y + h)]])


def door(p: Pen, x: float, y: float, w: float, h: float) -> None:
    """An arched door standing at y."""
    p.fill(p.pick(WOOD, (122, 84, 66), (96, 130, 150)), _arch(x, y - h, w, h))
    p.detail(GOLD, ellipse(x + w * 0.5, y - h * 0.8, 0.04))


def _teeth(x0: float, x1: float, y: float, size: float) -> list[Path]:
    count = max(2, round((x1 - x0) / size / 2))
    step = (x1 - x0 - size) / (count - 1)
    return [box(x0 + i * step, y - size * 0.8, x0 + i * step + size, y + 0.05) for i in range(count)]


def _tower(p: Pen, x: float, top: float, half: float, roof: Colour | None) -> None:
    p.fill(
        light(p.main, 0.12),
        box(x - half, top, x + half, 0.95),
        *_teeth(x - half - 0.05, x + half + 0.05, top, 0.2),
    )
    p.detail((86, 78, 92), _arch(x, top + 0.4, 0.08, 0.16))
    if roof:
        p.fill(roof, poly((x - half - 0.12, top), (x, top - 0.85), (x + half + 0.12, top)))
    flag = top - (0.85 if roof else 0.2)
    p.fill(WOOD, tube([(x, flag + 0.1), (x, flag - 0.4)], 0.05))
    p.fill((222, 76, 72), poly((x, flag - 0.4), (x + 0.38, flag - 0.27), (x, flag - 0.14)))


def house(p: Pen) -> None:
    """Gabled roof, door, windows, a chimney with smoke."""
    wall, eaves = p.main, p.between(1.1, 1.3)
    roof = p.pick(*ROOFS)
    peak = p.between(-1.2, -0.95)
    if p.chance(0.7):
        if p.chance(0.6):
            p.detail(
                (232, 232, 236), ellipse(0.66, -1.4, 0.13), ellipse(0.8, -1.6, 0.18), ellipse(1.02, -1.8, 0.2)
            )
        p.fill((176, 104, 86), box(0.48, -1.15, 0.78, -0.4))
    p.fill(wall, box(-0.95, -0.4, 0.95, 0.95))
    path = (
        poly((-eaves, -0.22), (-0.12, peak), (0.12, peak), (eaves, -0.22))
        if p.chance(0.7)
        else poly((-eaves, -0.22), (-0.8, peak), (0.8, peak), (eaves, -0.22))
    )
    p.fill(roof, path)
    if p.chance(0.5):
        p.inside(path, dark(roof, 0.18), *[tube([(-1.3, y), (1.3, y)], 0.05) for y in (-0.85, -0.6, -0.38)])
    side = p.pick(-0.45, 0, 0.45)
    door(p, side, 0.95, 0.2, 0.38)
    for x in [x for x in (-0.56, 0.0, 0.56) if abs(x - side) > 0.4]:
        window(p, x, 0.28, 0.19, 0.22)


def castle(p: Pen) -> None:
    """Two or more crenellated towers, flags, a gate."""
    roofs = p.pick(None, *ROOFS)
    outer = p.between(0.85, 1.05)
    towers = [(-outer, -0.55), (outer, -0.55)] + ([(0, -0.95)] if p.chance(0.6) else [])
    for x, top in sorted(towers, key=lambda tower: abs(tower[0])):
        if x == 0:
            _tower(p, x, top, 0.34, roofs)
    p.fill(p.main, box(-outer, -0.15, outer, 0.95), *_teeth(-outer, outer, -0.15, 0.2))
    for x, top in towers:
        if x:
            _tower(p, x, top, 0.34, roofs)
    p.fill((98, 72, 62), _arch(0, 0.55, 0.3, 0.4))
    p.detail((70, 52, 50), *[tube([(x, 0.2), (x, 0.95)], 0.04) for x in (-0.15, 0, 0.15)])
    for x, y in ((-0.5, 0.2), (0.5, 0.25), (-0.35, 0.75), (outer, 0.5), (-outer, 0.62)):
        p.detail(p.deep(0.16), box(x - 0.1, y - 0.04, x + 0.1, y + 0.04, 0.03))


def church(p: Pen) -> None:
    """A nave and a steeple with a cross."""
    roof = p.pick(*ROOFS)
    p.fill(light(p.main, 0.1), box(-0.25, -0.05, 1.3, 0.95))
    p.fill(roof, poly((-0.35, 0.05), (-0.1, -0.5), (1.15, -0.5), (1.42, 0.05)))
    for x in (0.4, 0.75, 1.08):
        window(p, x, 0.5, 0.1, 0.24, arched=True)
    p.fill(p.main, box(-0.95, -0.75, -0.1, 0.95))
    p.fill(roof, poly((-1.08, -0.7), (-0.525, p.between(-1.75, -1.5)), (0.03, -0.7)))
    p.fill(GOLD, tube([(-0.525, -1.5), (-0.525, -2.1)], 0.09), tube([(-0.7, -1.9), (-0.35, -1.9)], 0.09))
    p.fill(WHITE, ellipse(-0.525, -0.36, 0.18))
    p.detail(
        (70, 60, 76),
        tube([(-0.525, -0.36), (-0.525, -0.48)], 0.04),
        tube([(-0.525, -0.36), (-0.44, -0.33)], 0.04),
    )
    door(p, -0.525, 0.95, 0.2, 0.36)


def lighthouse(p: Pen) -> None:
    """A tall banded tower with a lamp room."""
    if p.chance(0.4):
        p.glow(
            (255, 240, 170),
            poly((0, -1.2), (1.7, -1.65), (1.7, -0.85)),
            poly((0, -1.2), (-1.7, -1.65), (-1.7, -0.85)),
        )
    p.fill(STEEL, poly((-1.0, 1.3), (-0.7, 0.98), (0.7, 0.98), (1.05, 1.3)))
    tower = poly((-0.32, -0.85), (0.32, -0.85), (0.52, 1.15), (-0.52, 1.15))
    p.fill(WHITE, tower)
    p.inside(tower, p.main, *[box(-1, y, 1, y + 0.33) for y in (-0.75, -0.08, 0.6)])
    p.fill((84, 82, 98), box(-0.46, -0.95, 0.46, -0.82, 0.04))
    p.fill(LIT, box(-0.24, -1.32, 0.24, -0.95))
    p.detail((84, 82, 98), tube([(0, -1.32), (0, -0.95)], 0.05))
    p.fill(p.main, arc(0, -1.3, 0.34, 0.34, 180, 360), tube([(0, -1.6), (0, -1.78)], 0.07))
    door(p, 0, 1.15, 0.14, 0.24)


def windmill(p: Pen) -> None:
    """A tapering tower with four lattice sails."""
    p.fill(p.main, poly((-0.45, -0.55), (0.45, -0.55), (0.7, 1.2), (-0.7, 1.2)))
    p.fill(p.pick(*ROOFS), arc(0, -0.5, 0.52, 0.5, 180, 360))
    door(p, 0, 1.2, 0.18, 0.3)
    window(p, 0, 0.25, 0.12, 0.14)
    spin = np.radians(p.between(0, 90))
    for i in range(4):
        c, s = np.cos(spin + i * np.pi / 2), np.sin(spin + i * np.pi / 2)
        at = np.array([(c, s), (-s, c)])
        p.fill(CREAM, np.array([(0.3, 0.0), (1.25, 0.0), (1.25, 0.32), (0.3, 0.32)]) @ at + (0, -0.55))
        p.detail(
            WOOD, *[tube(np.array([(r, 0.0), (r, 0.32)]) @ at + (0, -0.55), 0.04) for r in (0.5, 0.75, 1.0)]
        )
        p.fill(WOOD, tube(np.array([(0.0, 0.0), (1.28, 0.0)]) @ at + (0, -0.55), 0.08))
    p.fill((96, 80, 80), ellipse(0, -0.55, 0.12))


def tent(p: Pen) -> None:
    """A ridge tent with an open flap."""
    p.fill(WOOD, tube([(0.1, -0.75), (-0.12, -1.12)], 0.07), tube([(-0.1, -0.75), (0.12, -1.12)], 0.07))
    p.fill(p.deep(0.14), poly((0, -0.95), (0.75, -0.8), (1.55, 0.8), (0.9, 0.9)))
    p.fill(p.main, poly((0, -0.95), (1.0, 0.9), (-1.15, 0.9)))
    p.detail(dark(p.main, 0.62), poly((-0.03, -0.45), (0.36, 0.9), (-0.46, 0.9)))
    p.fill(light(p.main, 0.4), poly((-0.03, -0.5), (-0.2, 0.3), (-0.72, 0.9), (-0.46, 0.9)))
    for x0, x1 in ((-1.15, -1.45), (1.5, 1.8)):
        p.fill(WOOD, tube([(x1, 0.98), (x1 + (0.06 if x1 < 0 else -0.06), 0.8)], 0.08))
        p.line((150, 130, 120), 0.04, (x1, 0.86), (x0, 0.5))


BUILDINGS: dict[str, Concept] = {
    "house": Concept(
        house,
        "building",
        ("white", "yellow", "pink", "blue", "tan", "red", "green"),
        "building",
        ("home", "cottage"),
        tilt=2,
        place="ground",
    ),
    "castle": Concept(castle, "building", STONE, "building", ("fortress",), tilt=2, place="ground"),
    "church": Concept(
        church,
        "building",
        ("white", "tan", "gray", "yellow", "pink"),
        "building",
        ("chapel",),
        tilt=2,
        place="ground",
    ),
    "lighthouse": Concept(
        lighthouse,
        "building",
        ("red", "blue", "navy", "orange", "black"),
        "tower",
        (),
        tilt=2,
        place="ground",
    ),
    "windmill": Concept(
        windmill,
        "building",
        ("white", "tan", "gray", "brown", "red"),
        "tower",
        ("mill",),
        tilt=2,
        place="ground",
    ),
    "tent": Concept(
        tent,
        "building",
        ("orange", "green", "red", "teal", "yellow", "blue"),
        "tent",
        ("camping tent",),
        tilt=2,
        place="ground",
    ),
}
"""Buildings by name."""
