"""What stands in the sky."""

import numpy as np

from assets.build.drawn.colours import (
    INK,
    WHITE,
    dark,
    light,
    mix,
)
from assets.build.drawn.concept import Concept
from assets.build.drawn.pen import Pen
from assets.build.drawn.shapes import (
    arc,
    ellipse,
    star,
    tube,
)


def star_shape(p: Pen) -> None:
    """Five tips, rounded a little."""
    inner = p.between(0.46, 0.58)
    p.fill(p.main, star(0, 0, 1.1, inner, 5))
    p.shine(ellipse(-0.3, -0.3, 0.1, 0.2, 35))
    if p.chance(0.5):
        p.eyes(0.0, 0.2, 0.1)
        p.smile(0, 0.12, 0.13)
        p.cheeks(0.16, 0.38, 0.1)


def sun(p: Pen) -> None:
    """A disc with rays."""
    rays, ray = p.pick(8, 10, 12), light(p.main, 0.12)
    if p.chance(0.5):
        p.fill(ray, star(0, 0, 1.3, 0.85, rays))
    else:
        angles = np.radians(np.arange(rays) * 360 / rays)
        p.fill(
            ray,
            *[
                tube([(0.9 * np.cos(a), 0.9 * np.sin(a)), (1.22 * np.cos(a), 1.22 * np.sin(a))], 0.15)
                for a in angles
            ],
        )
    p.fill(p.main, ellipse(0, 0, 0.74))
    if p.chance(0.6):
        p.eyes(-0.08, 0.25, 0.11)
        p.smile(0, 0.1, 0.2)
        p.cheeks(0.16, 0.48, 0.12)


def moon(p: Pen) -> None:
    """A crescent, now and then with a sleeping face."""
    outer, inner = arc(0, 0, 1.1, 1.1, 50, 310, n=40), arc(0.42, 0, 0.86, 0.86, 292, 68, n=30)
    p.fill(p.main, np.concatenate([outer, inner]))
    if p.chance(0.6):
        p.detail(INK, tube(arc(-0.62, -0.12, 0.13, 0.1, 10, 170, n=8), 0.06, bend=False))
        p.smile(-0.55, 0.28, 0.13)
        p.detail((246, 140, 140), ellipse(-0.78, 0.18, 0.12, 0.09), strength=0.5)
    else:
        p.detail(
            dark(p.main, 0.14),
            ellipse(-0.72, -0.2, 0.14),
            ellipse(-0.6, 0.35, 0.1),
            ellipse(-0.36, -0.72, 0.1),
        )
    if p.chance(0.4):
        p.fill(light(p.main, 0.3), star(0.45, -0.1, 0.28, 0.12, 5))


def cloud(p: Pen) -> None:
    """Heaped puffs on a flat base, perhaps raining."""
    if p.chance(0.35):
        p.fill((110, 170, 226), *[tube([(x, 0.62), (x - 0.1, 0.95)], 0.11) for x in (-0.6, -0.1, 0.4, 0.8)])
    lift = p.between(-0.1, 0.12)
    p.fill(
        p.main,
        tube([(-0.85, 0.15), (0.9, 0.15)], 0.62),
        ellipse(-0.4, -0.2 + lift, 0.5),
        ellipse(0.3, -0.3, 0.62),
        ellipse(0.85, 0.02 - lift, 0.4),
    )
    p.detail(
        light(mix(p.main, WHITE, 0.3), 0.6),
        ellipse(0.18, -0.52, 0.26, 0.18),
        ellipse(-0.5, -0.38 + lift, 0.18, 0.13),
    )
    if p.chance(0.4):
        p.eyes(0.0, 0.26, 0.1)
        p.smile(0, 0.12, 0.13)
        p.cheeks(0.15, 0.5, 0.12)


SKY: dict[str, Concept] = {
    "star": Concept(
        star_shape,
        "sky thing",
        ("yellow", "golden", "orange", "pink", "blue"),
        "sky light",
        ("five-pointed star",),
        tilt=14,
        place="sky",
    ),
    "sun": Concept(
        sun, "sky thing", ("yellow", "orange", "golden"), "sky light", ("sunshine",), tilt=14, place="sky"
    ),
    "moon": Concept(
        moon,
        "sky thing",
        ("yellow", "golden", "gray", "blue"),
        "sky light",
        ("crescent moon",),
        tilt=16,
        place="sky",
    ),
    "cloud": Concept(
        cloud, "sky thing", ("white", "gray", "blue", "pink"), "cloud", ("fluffy cloud",), tilt=3, place="sky"
    ),
}
"""Things of the sky by name."""
