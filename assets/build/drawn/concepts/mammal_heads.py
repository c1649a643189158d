"""Heads of mammals from the front: about one unit in radius, around the origin."""

import numpy as np

from assets.build.drawn.colours import CREAM, INK, PINK, WHITE, dark, light, mix
from assets.build.drawn.pen import Pen
from assets.build.drawn.shapes import Path, ellipse, mirrored, moved, poly, scallop, smooth, tube


def both(path: Path) -> tuple[Path, Path]:
    """A path and its mirror image."""
    return path, mirrored(path)


def cat_head(p: Pen) -> None:
    """Pointed ears, wide cheeks, whiskers."""
    p.fill(p.main, *both(smooth((0.3, -0.6), (0.62, -1.2), (0.8, -1.22), (0.92, -0.85), (0.93, -0.2))))
    p.detail(PINK, *both(poly((0.5, -0.68), (0.73, -1.08), (0.82, -0.5))))
    face = smooth(
        (0, -0.78),
        (0.72, -0.6),
        (1.08, 0.1),
        (0.75, 0.66),
        (0, 0.82),
        (-0.75, 0.66),
        (-1.08, 0.1),
        (-0.72, -0.6),
    )
    p.fill(p.main, face)
    if p.chance(0.6):
        for x, long in ((-0.24, 0.3), (0, 0.42), (0.24, 0.3)):
            p.inside(face, p.deep(0.35), tube([(x, -0.85), (x * 0.8, -0.75 + long)], 0.12))
    p.detail(p.pale(0.75), ellipse(-0.2, 0.4, 0.3, 0.24), ellipse(0.2, 0.4, 0.3, 0.24))
    p.eyes(-0.05, 0.42, 0.17)
    p.muzzle(0.24, 0.3, (226, 120, 130))
    whisker = light(INK, 0.2) if p.main[1] > 90 else WHITE
    for side in (-1, 1):
        for dy in (-0.1, 0.08):
            p.line(whisker, 0.04, (side * 0.62, 0.34 + dy * 0.5), (side * 1.28, 0.3 + dy * 2.2))


def dog_head(p: Pen) -> None:
    """Hanging ears, long muzzle, perhaps the tongue out."""
    ear = mix(p.deep(0.4), (110, 70, 50), 0.3)
    p.fill(
        p.main,
        smooth(
            (0, -0.85),
            (0.66, -0.66),
            (0.82, 0),
            (0.66, 0.66),
            (0, 0.9),
            (-0.66, 0.66),
            (-0.82, 0),
            (-0.66, -0.66),
        ),
    )
    if p.chance(0.5):
        p.detail(p.pick(ear, p.pale(0.7)), ellipse(0.36, -0.12, 0.3, 0.36))
    drop = p.between(0.3, 0.6)
    p.fill(
        ear,
        *both(
            smooth(
                (0.45, -0.78),
                (0.85, -0.75),
                (1.15, drop - 0.35),
                (1.02, drop),
                (0.76, drop - 0.25),
                (0.68, -0.3),
            )
        ),
    )
    p.detail(
        p.pale(0.72), smooth((0, 0.06), (0.42, 0.22), (0.5, 0.55), (0, 0.84), (-0.5, 0.55), (-0.42, 0.22))
    )
    if p.chance(0.6):
        p.detail((236, 110, 120), smooth((-0.17, 0.58), (0.17, 0.58), (0.14, 0.98), (-0.14, 0.98)))
    p.eyes(-0.14, 0.36, 0.15)
    with p.at(0, 0.12, 1.25):
        p.muzzle(0.1, 0.28)


def fox_head(p: Pen) -> None:
    """Large dark-tipped ears, white cheeks running to a pointed chin."""
    for ear in both(poly((0.22, -0.5), (0.78, -1.3), (1.0, -0.15))):
        p.fill(p.main, ear)
        p.inside(ear, (74, 54, 56), ellipse(float(ear[1, 0]), -1.25, 0.4, 0.36))
    p.detail(CREAM, *both(poly((0.5, -0.52), (0.76, -0.92), (0.84, -0.35))))
    face = smooth(
        (0, -0.66),
        (0.6, -0.52),
        (1.2, 0.22),
        (0.62, 0.5),
        (0, 0.96),
        (-0.62, 0.5),
        (-1.2, 0.22),
        (-0.6, -0.52),
    )
    p.fill(p.main, face)
    for cheek in both(smooth((1.3, 0.16), (0.7, 0.02), (0.3, 0.2), (0.0, 0.7), (0.05, 1.1), (0.6, 0.8))):
        p.inside(face, CREAM, cheek)
    p.eyes(-0.02, 0.42, 0.15)
    p.detail(INK, ellipse(0, 0.82, 0.17, 0.13))
    p.detail(WHITE, ellipse(-0.05, 0.78, 0.05, 0.03), strength=0.7)


def wolf_head(p: Pen) -> None:
    """Upright ears, ragged cheeks, long pale muzzle, brows."""
    p.fill(p.deep(0.15), *both(poly((0.2, -0.55), (0.6, -1.35), (0.88, -0.3))))
    p.detail(p.deep(0.5), *both(poly((0.42, -0.6), (0.59, -1.02), (0.72, -0.45))))
    right = [
        (0, -0.75),
        (0.55, -0.62),
        (0.9, -0.2),
        (1.25, 0.12),
        (0.98, 0.2),
        (1.12, 0.48),
        (0.78, 0.48),
        (0.74, 0.72),
        (0.4, 0.72),
        (0, 1.05),
    ]
    face = np.array(right + [(-x, y) for x, y in right[-2:0:-1]])
    p.fill(p.main, face)
    pale = p.pale(0.8)
    p.inside(
        face,
        pale,
        *both(poly((1.2, 0.2), (0.62, 0.1), (0.3, 0.36), (0.5, 0.9), (1.1, 0.6))),
        ellipse(0, 0.62, 0.42, 0.5),
    )
    p.inside(face, p.deep(0.3), poly((-0.2, -0.9), (0.2, -0.9), (0.13, 0.1), (0, 0.3), (-0.13, 0.1)))
    p.detail(pale, *both(ellipse(0.4, -0.22, 0.14, 0.09, -20)))
    p.eyes(0.0, 0.42, 0.14)
    with p.at(0, 0.26, 1.15):
        p.muzzle(0.22, 0.26)


def bear_head(p: Pen) -> None:
    """Small round ears, round pale snout."""
    p.fill(p.main, *both(ellipse(0.7, -0.66, 0.34)))
    p.detail(p.pale(0.45), *both(ellipse(0.7, -0.64, 0.18)))
    p.fill(p.main, ellipse(0, 0, 1.02, 0.92))
    p.detail(p.pale(0.65), ellipse(0, 0.36, 0.46, 0.38))
    p.eyes(-0.16, 0.4, 0.13)
    with p.at(0, 0.05, 1.2):
        p.muzzle(0.12, 0.2)


def panda_head(p: Pen) -> None:
    """White face, black ears, black eye patches."""
    black = (62, 58, 70)
    p.fill(black, *both(ellipse(0.72, -0.66, 0.34)))
    p.fill(WHITE, ellipse(0, 0, 1.05, 0.92))
    p.detail(black, *both(ellipse(0.42, -0.04, 0.26, 0.34, 25)))
    p.detail(WHITE, *both(ellipse(0.39, -0.08, 0.12)))
    p.detail(INK, *both(ellipse(0.38, -0.06, 0.07)))
    with p.at(0, 0.1, 1.1):
        p.muzzle(0.22, 0.2)


def lion_head(p: Pen) -> None:
    """A big mane."""
    mane = p.pick((176, 98, 52), (150, 84, 48), (206, 112, 46))
    p.fill(mane, scallop(0, 0.02, 1.3, 1.28, p.pick(11, 13, 15), 0.09))
    p.detail(dark(mane, 0.18), scallop(0, 0.06, 1.02, 1.0, 13, 0.08))
    p.fill(p.main, *both(ellipse(0.6, -0.66, 0.22)))
    p.fill(p.main, ellipse(0, 0.05, 0.84, 0.8))
    p.detail(
        p.pale(0.7),
        ellipse(-0.18, 0.42, 0.26, 0.22),
        ellipse(0.18, 0.42, 0.26, 0.22),
        ellipse(0, 0.62, 0.22, 0.16),
    )
    p.eyes(-0.08, 0.36, 0.13)
    with p.at(0, 0.04, 1.1):
        p.muzzle(0.2, 0.24, (150, 80, 70))


def tiger_head(p: Pen) -> None:
    """Orange with black stripes and white cheeks."""
    stripe = (58, 50, 58)
    p.fill(p.main, *both(ellipse(0.7, -0.66, 0.3)))
    p.detail(PINK, *both(ellipse(0.7, -0.64, 0.15)))
    face = smooth(
        (0, -0.85),
        (0.75, -0.6),
        (1.04, 0.05),
        (0.84, 0.6),
        (0, 0.9),
        (-0.84, 0.6),
        (-1.04, 0.05),
        (-0.75, -0.6),
    )
    p.fill(p.main, face)
    p.inside(face, WHITE, *both(ellipse(0.78, 0.48, 0.36, 0.3)), ellipse(0, 0.62, 0.5, 0.36))
    p.inside(
        face,
        stripe,
        *[tube([(x, -0.95), (x * 0.6, -0.45 + abs(x) * 0.3)], 0.17, 0.05) for x in (-0.42, 0, 0.42)],
    )
    for y in (-0.12, 0.18, 0.46):
        p.inside(face, stripe, *both(tube([(1.1, y), (0.68, y + 0.04)], 0.15, 0.03)))
    p.eyes(-0.08, 0.38, 0.14)
    p.muzzle(0.26, 0.26, (220, 110, 110))


def rabbit_head(p: Pen) -> None:
    """Two long ears, front teeth."""
    lean = p.between(-6, 22)
    ear = smooth((0.12, -0.5), (0.18, -1.5), (0.38, -1.95), (0.6, -1.5), (0.56, -0.5))
    bent = p.chance(0.25)
    for side, path in enumerate(both(moved(ear, 0.002 * lean, 0))):
        path = path * (1, 0.72 if bent and side else 1) + (0, -0.18 if bent and side else 0)
        p.fill(p.main, path)
        p.inside(path, PINK, (path - path.mean(0)) * (0.5, 0.72) + path.mean(0))
    p.fill(
        p.main,
        smooth(
            (0, -0.72),
            (0.62, -0.5),
            (0.9, 0.15),
            (0.66, 0.62),
            (0, 0.76),
            (-0.66, 0.62),
            (-0.9, 0.15),
            (-0.62, -0.5),
        ),
    )
    p.detail(WHITE, ellipse(-0.2, 0.34, 0.27, 0.21), ellipse(0.2, 0.34, 0.27, 0.21))
    p.detail(WHITE, poly((-0.12, 0.48), (0.12, 0.48), (0.1, 0.72), (-0.1, 0.72)))
    p.eyes(-0.1, 0.42, 0.15)
    p.muzzle(0.18, 0.26, (232, 120, 140))
    p.cheeks(0.26, 0.62, 0.15)


def mouse_head(p: Pen) -> None:
    """Very large round ears, small pointed face."""
    p.fill(p.main, *both(ellipse(0.84, -0.62, 0.62, 0.64)))
    p.detail(PINK, *both(ellipse(0.84, -0.6, 0.42, 0.44)))
    p.fill(
        p.main,
        smooth(
            (0, -0.62),
            (0.6, -0.42),
            (0.76, 0.1),
            (0.4, 0.58),
            (0, 0.86),
            (-0.4, 0.58),
            (-0.76, 0.1),
            (-0.6, -0.42),
        ),
    )
    p.eyes(-0.02, 0.3, 0.15)
    for side in (-1, 1):
        for dy in (-0.05, 0.1):
            p.line(INK, 0.035, (side * 0.24, 0.58), (side * 0.86, 0.55 + dy * 2))
    p.detail((236, 120, 140), ellipse(0, 0.76, 0.17, 0.14))


def pig_head(p: Pen) -> None:
    """Flat snout with two nostrils."""
    p.fill(p.deep(0.1), *both(smooth((0.4, -0.62), (0.62, -1.0), (0.98, -0.9), (0.92, -0.3))))
    p.fill(p.main, ellipse(0, 0.02, 1.0, 0.88))
    p.fill(p.deep(0.12), ellipse(0, 0.3, 0.42, 0.3))
    p.detail(p.deep(0.5), *both(ellipse(0.15, 0.3, 0.08, 0.12)))
    p.eyes(-0.14, 0.46, 0.13)
    p.cheeks(0.34, 0.72, 0.15, (238, 100, 120))
    p.smile(0, 0.6, 0.16)


def sheep_head(p: Pen) -> None:
    """Dark face under a tuft of wool."""
    skin = (92, 80, 84)
    p.fill(skin, *both(ellipse(0.78, -0.12, 0.36, 0.18, 18)))
    p.fill(
        skin,
        smooth((0, -0.7), (0.55, -0.5), (0.6, 0.2), (0.36, 0.82), (-0.36, 0.82), (-0.6, 0.2), (-0.55, -0.5)),
    )
    p.fill(p.main, scallop(0, -0.58, 0.62, 0.4, 7, 0.15))
    p.detail(WHITE, *both(ellipse(0.26, 0.06, 0.17)))
    p.detail(INK, *both(ellipse(0.24, 0.08, 0.1)))
    p.line((240, 180, 180), 0.06, (-0.14, 0.52), (0, 0.6), (0.14, 0.52))
