"""Mammals: a head from the front on a body that sits, stands, or is not shown."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from assets.build.drawn.colours import CREAM, PINK, WHITE, Colour, dark, mix
from assets.build.drawn.concept import Concept
from assets.build.drawn.concepts.mammal_heads import (
    bear_head,
    both,
    cat_head,
    dog_head,
    fox_head,
    lion_head,
    mouse_head,
    panda_head,
    pig_head,
    rabbit_head,
    sheep_head,
    tiger_head,
    wolf_head,
)
from assets.build.drawn.pen import Pen
from assets.build.drawn.shapes import ellipse, scallop, smooth, tube

Part = Callable[[Pen], None]


@dataclass(frozen=True)
class Coat:
    """Colours of a body beside the main one."""

    belly: Colour
    paws: Colour
    legs: Colour
    stripes: Colour | None = None


def mammal(p: Pen, head: Part, tail: Part, coat: Coat) -> None:
    """The head on a body of one of three poses; `tail` is drawn from (0, 0) to the left."""
    pose = p.pick("face", "sit", "sit", "stand", "stand")
    if pose == "face":
        head(p)
    elif pose == "sit":
        _sitting(p, head, tail, coat)
    else:
        _standing(p, head, tail, coat)


def _sitting(p: Pen, head: Part, tail: Part, coat: Coat) -> None:
    width = p.between(0.72, 0.9)
    with p.at(-width * 0.7, 1.75, 0.85):
        tail(p)
    trunk = smooth(
        (-0.45, 0.5), (0.45, 0.5), (width, 1.5), (width * 0.75, 2.05), (-width * 0.75, 2.05), (-width, 1.5)
    )
    p.fill(p.main, trunk)
    p.detail(coat.belly, ellipse(0, 1.3, 0.36, 0.52))
    if coat.stripes:
        for y in (1.05, 1.35, 1.65):
            p.inside(trunk, coat.stripes, *both(tube([(1.0, y - 0.1), (0.5, y + 0.06)], 0.15, 0.04)))
    p.fill(coat.paws, *both(ellipse(width * 0.72, 2.0, 0.34, 0.2)))
    p.fill(coat.legs, *both(tube([(0.26, 1.25), (0.27, 1.95)], 0.34, 0.3)))
    p.detail(coat.paws, *both(ellipse(0.27, 1.99, 0.16, 0.12)))
    with p.at(0, 0, p.between(0.92, 1.05)):
        head(p)


def _standing(p: Pen, head: Part, tail: Part, coat: Coat) -> None:
    far, length, stride = dark(coat.legs, 0.22), p.between(1.9, 2.4), p.between(-0.18, 0.18)
    back, front = -length, -0.1
    with p.at(back + 0.12, 0.75, 0.9):
        tail(p)
    for x, swing in ((back + 0.55, stride), (front - 0.15, -stride)):
        p.fill(far, tube([(x, 1.1), (x + swing, 1.85)], 0.38, 0.3))
    near = [
        tube([(x, 1.1), (x + swing, 1.9)], 0.42, 0.34)
        for x, swing in ((back + 0.3, -stride), (front + 0.1, stride))
    ]
    trunk = smooth(
        (back, 0.7),
        (back + 0.3, 0.36),
        (front - 0.4, 0.4),
        (front + 0.4, 0.5),
        (front + 0.4, 1.2),
        (front - 0.5, 1.38),
        (back + 0.4, 1.38),
        (back, 1.15),
    )
    if coat.legs == p.main:
        p.fill(p.main, trunk, *near)
    else:
        p.fill(coat.legs, *near)
        p.fill(p.main, trunk)
    if coat.stripes:
        xs = [back + 0.35 + i * (length - 0.7) / 4 for i in range(5)]
        p.inside(trunk, coat.stripes, *[tube([(x, 0.3), (x + 0.06, 0.95)], 0.17, 0.05) for x in xs])
    p.inside(trunk, coat.belly, ellipse((back + front) / 2, 1.5, length * 0.36, 0.3))
    for path in near:
        p.inside(path, coat.paws, ellipse(path[:, 0].mean(), 1.98, 0.5, 0.16))
    with p.at(p.between(0.1, 0.3), p.between(-0.15, 0.25), p.between(0.8, 0.92)):
        head(p)


def slim_tail(p: Pen, colour: Colour | None = None, tip: Colour | None = None, width: float = 0.24) -> None:
    """Long thin tail, up or curled."""
    up = p.pick(-1.1, -0.7, -0.2)
    points = [(0.1, 0), (-0.5, -0.05), (-0.75, up * 0.6), (-0.65 + 0.2 * up, up)]
    p.fill(colour or p.main, tube(points, width, width * 0.8))
    if tip:
        p.fill(tip, ellipse(points[-1][0], points[-1][1], width * 0.8, width))


def bushy_tail(p: Pen, tip: Colour) -> None:
    """Thick tail with another colour at its tip."""
    lift = p.between(-0.9, 0.1)
    whole = smooth(
        (0.2, 0.05),
        (-0.3, -0.25),
        (-0.8, -0.3 + lift * 0.5),
        (-1.3, lift),
        (-1.05, 0.35 + lift * 0.5),
        (-0.5, 0.4),
    )
    p.fill(p.main, whole)
    p.inside(whole, tip, ellipse(-1.28, lift + 0.02, 0.42, 0.55))


def stub_tail(p: Pen, colour: Colour | None = None) -> None:
    """Round short tail."""
    p.fill(colour or p.main, ellipse(-0.05, -0.1, 0.26))


def sheep(p: Pen) -> None:
    """A cloud of wool on four thin legs."""
    skin = (92, 80, 84)
    for x in (-0.95, -0.62, 0.2, 0.52):
        p.fill(skin, tube([(x, 0.5), (x + p.between(-0.05, 0.05), 1.35)], 0.2))
    p.fill(p.main, scallop(-0.2, 0, 1.25, 0.85, p.pick(10, 11, 12), 0.1))
    for x, y in ((-0.7, -0.2), (-0.2, 0.25), (-0.6, 0.4), (-0.1, -0.35)):
        p.detail(p.deep(0.14), tube([(x, y), (x + 0.12, y + 0.1), (x + 0.26, y)], 0.06))
    with p.at(p.between(0.85, 1.0), p.between(-0.4, 0), 0.72):
        sheep_head(p)


def elephant(p: Pen) -> None:
    """From the side: a big ear, the trunk, a tusk."""
    far, lift = p.deep(0.2), p.pick(-0.5, 0.3, 0.9)
    for x in (-0.75, 0.25):
        p.fill(far, tube([(x, 0.4), (x, 1.2)], 0.4, 0.42))
    p.fill(far, tube([(-1.15, -0.2), (-1.4, 0.2), (-1.38, 0.55)], 0.12, 0.1))
    legs = [tube([(x, 0.4), (x, 1.25)], 0.44, 0.46) for x in (-0.95, 0.05)]
    p.fill(p.main, ellipse(-0.4, 0, 0.98, 0.78), *legs)
    trunk = tube([(0.9, -0.3), (1.45, 0.1), (1.5, 0.5 + lift * 0.25), (1.75, 0.45 + lift * 0.4)], 0.52, 0.2)
    p.fill(p.main, ellipse(0.75, -0.4, 0.62, 0.6), trunk)
    p.fill(WHITE, tube([(1.05, 0.16), (1.3, 0.42), (1.55, 0.38)], 0.15, 0.04))
    p.fill(
        p.deep(0.14),
        smooth((0.55, -0.85), (0.1, -0.95), (-0.2, -0.5), (0.0, 0.2), (0.45, 0.22), (0.62, -0.3)),
    )
    p.detail(
        mix(PINK, p.main, 0.5),
        smooth((0.45, -0.68), (0.15, -0.74), (-0.02, -0.4), (0.12, 0.02), (0.38, 0.02), (0.47, -0.3)),
    )
    p.one_eye(0.98, -0.48, 0.1)
    for x in (-1.08, -0.08):
        p.detail(CREAM, *[ellipse(x + i * 0.13, 1.42, 0.06, 0.05) for i in range(3)])


def _species(
    head: Part, tail: Part, belly: float, paws: Colour | None = None, stripes: Colour | None = None
) -> Part:
    def draw(p: Pen) -> None:
        mammal(p, head, tail, Coat(p.pale(belly), paws or p.main, p.main, stripes))

    return draw


def _panda(p: Pen) -> None:
    black = (62, 58, 70)
    mammal(p, panda_head, partial(stub_tail, colour=WHITE), Coat(WHITE, black, black))


def _animal(draw: Part, colours: tuple[str, ...], looks_like: str, *synonyms: str) -> Concept:
    return Concept(draw, "animal", colours, looks_like, synonyms, place="ground")


MAMMALS: dict[str, Concept] = {
    "cat": _animal(
        _species(cat_head, slim_tail, 0.6),
        ("orange", "gray", "black", "white", "brown", "tan"),
        "cat-like",
        "kitten",
        "kitty",
    ),
    "dog": _animal(
        _species(dog_head, partial(slim_tail, width=0.26), 0.6),
        ("brown", "tan", "white", "gray", "golden"),
        "dog-like",
        "puppy",
        "doggy",
    ),
    "fox": _animal(
        _species(fox_head, partial(bushy_tail, tip=CREAM), 0.85, (74, 54, 56)),
        ("orange", "red"),
        "dog-like",
    ),
    "wolf": _animal(
        _species(wolf_head, partial(bushy_tail, tip=(96, 96, 110)), 0.75),
        ("gray", "black", "brown"),
        "dog-like",
    ),
    "bear": _animal(_species(bear_head, stub_tail, 0.4), ("brown", "black", "tan"), "bear-like"),
    "panda": _animal(_panda, ("white",), "bear-like", "panda bear"),
    "lion": _animal(
        _species(lion_head, partial(slim_tail, tip=(150, 84, 48), width=0.18), 0.5),
        ("tan", "golden", "yellow"),
        "cat-like",
    ),
    "tiger": _animal(
        _species(tiger_head, partial(slim_tail, tip=(58, 50, 58)), 0.9, stripes=(58, 50, 58)),
        ("orange",),
        "cat-like",
    ),
    "rabbit": _animal(
        _species(rabbit_head, partial(stub_tail, colour=WHITE), 0.7),
        ("white", "gray", "brown", "tan"),
        "rodent-like",
        "bunny",
        "hare",
    ),
    "mouse": _animal(
        _species(mouse_head, partial(slim_tail, colour=PINK, width=0.12), 0.6),
        ("gray", "brown", "white", "tan"),
        "rodent-like",
    ),
    "pig": _animal(
        _species(pig_head, partial(slim_tail, width=0.12), 0.4), ("pink",), "farm animal", "piglet"
    ),
    "sheep": _animal(sheep, ("white", "tan", "gray"), "farm animal", "lamb"),
    "elephant": _animal(elephant, ("gray", "blue", "purple"), "elephant"),
}
"""Mammals by name."""
