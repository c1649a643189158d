"""What concepts draw with: it records marks in local coordinates; `render` makes pixels of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.random import Generator

from assets.build.drawn.colours import INK, WHITE, Colour, dark, mix
from assets.build.drawn.shapes import Path, arc, curve, ellipse, tube

Option = TypeVar("Option")
EYES = ("dot", "dot", "dot", "round", "happy")


@dataclass(frozen=True)
class Mark:
    """One act of painting: the union of some closed paths in one colour."""

    paths: tuple[Path, ...]
    colour: Colour
    bare: bool = False
    """No outline and no shading: a detail."""
    within: tuple[Path, ...] = ()
    """Painted only where these are, when there are any."""
    strength: float = 1.0
    """Opacity."""
    glow: bool = False
    """Light or steam around the object rather than a part of it: behind it, and not in its mask."""


class Pen:
    """Records marks, and knows the object's main colour and the generator that its freedom comes from."""

    def __init__(self, main: Colour, rng: Generator) -> None:
        self.main = main
        self.rng = rng
        self.marks: list[Mark] = []
        self.eye = EYES[int(rng.integers(len(EYES)))]
        self._scale = np.ones(2)
        self._shift = np.zeros(2)

    def chance(self, probability: float) -> bool:
        """Whether something of this probability happens."""
        return bool(self.rng.random() < probability)

    def between(self, low: float, high: float) -> float:
        """A number between the two."""
        return float(self.rng.uniform(low, high))

    def pick(self, *options: Option) -> Option:
        """One of the options."""
        return options[int(self.rng.integers(len(options)))]

    @contextmanager
    def at(self, x: float, y: float, scale: float = 1.0, flip: bool = False) -> Iterator[None]:
        """Draw in a frame of its own around (x, y)."""
        before = self._scale, self._shift
        self._shift = self._shift + self._scale * (x, y)
        self._scale = self._scale * (-scale if flip else scale, scale)
        yield
        self._scale, self._shift = before

    def fill(self, colour: Colour, *paths: Path) -> None:
        """Paint the union of the paths, outlined and shaded as the style asks."""
        self.marks.append(Mark(self._place(paths), colour))

    def detail(self, colour: Colour, *paths: Path, strength: float = 1.0) -> None:
        """Paint without outline or shading."""
        self.marks.append(Mark(self._place(paths), colour, bare=True, strength=strength))

    def inside(self, within: Path, colour: Colour, *paths: Path, strength: float = 1.0) -> None:
        """Paint the paths only where `within` is: stripes on a coat, panels of an umbrella."""
        self.marks.append(Mark(self._place(paths), colour, True, self._place((within,)), strength))

    def glow(self, colour: Colour, *paths: Path, strength: float = 0.5) -> None:
        """Light or steam: behind the object, no part of it."""
        self.marks.append(Mark(self._place(paths), colour, bare=True, strength=strength, glow=True))

    def line(self, colour: Colour, width: float, *points: tuple[float, float]) -> None:
        """Thin smooth line with round ends."""
        self.detail(colour, tube(points, width))

    def shine(self, *paths: Path) -> None:
        """A soft highlight."""
        self.detail(WHITE, *paths, strength=0.45)

    def eyes(self, y: float, gap: float, size: float, x: float = 0.0) -> None:
        """A pair of eyes around x."""
        for side in (-gap, gap):
            self.one_eye(x + side, y, size)

    def one_eye(self, x: float, y: float, size: float) -> None:
        """One eye of the kind that this picture has."""
        if self.eye == "happy":
            self.detail(INK, tube(arc(x, y + size * 0.5, size, size, 200, 340, n=8), size * 0.55, bend=False))
            return
        if self.eye == "round":
            self.detail(WHITE, ellipse(x, y, size * 1.45, n=18))
        self.detail(INK, ellipse(x, y, size * 0.9, size * (0.9 if self.eye == "round" else 1.1), n=16))
        self.detail(WHITE, ellipse(x - size * 0.3, y - size * 0.4, size * 0.34, n=10))

    def smile(self, x: float, y: float, width: float, thick: float = 0.05) -> None:
        """A smile whose ends are at y."""
        self.detail(INK, tube(arc(x, y, width, width * 0.7, 20, 160, n=10), thick, bend=False))

    def muzzle(self, y: float, width: float, nose: Colour = INK) -> None:
        """Nose and mouth of a mammal seen from the front."""
        self.line(INK, 0.055, (-width, y + 0.22), (-width * 0.5, y + 0.34), (0, y + 0.2))
        self.line(INK, 0.055, (width, y + 0.22), (width * 0.5, y + 0.34), (0, y + 0.2))
        self.detail(INK, tube([(0, y), (0, y + 0.2)], 0.055))
        self.detail(nose, curve([(-0.15, y - 0.06), (0.15, y - 0.06), (0, y + 0.12)], closed=True))
        self.detail(WHITE, ellipse(-0.04, y - 0.05, 0.05, 0.03, n=8), strength=0.6)

    def cheeks(self, y: float, gap: float, size: float, colour: Colour = (246, 140, 140)) -> None:
        """Two blushing cheeks."""
        self.detail(
            colour, ellipse(-gap, y, size, size * 0.7), ellipse(gap, y, size, size * 0.7), strength=0.5
        )

    def deep(self, share: float = 0.3) -> Colour:
        """A darker shade of the main colour."""
        return dark(self.main, share)

    def pale(self, share: float = 0.6) -> Colour:
        """A much lighter shade of the main colour."""
        return mix(self.main, (255, 250, 240), share)

    def _place(self, paths: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(path * self._scale + self._shift for path in paths)
