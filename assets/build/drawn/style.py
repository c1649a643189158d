"""How a picture is drawn: flat, outlined, sketched, pastel, crayon or softly shaded."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from assets.build.drawn.colours import INK, WHITE, Colour, clamp, dark, luminance, mix

MODES = {"flat": 0.22, "outlined": 0.28, "soft": 0.2, "pastel": 0.12, "crayon": 0.1, "sketch": 0.08}
"""Style word to how often it is drawn."""


@dataclass(frozen=True)
class Style:
    """One manner of drawing. Lengths are shares of the picture's side."""

    mode: str
    outline: float
    """Width of the outline, 0 for none."""
    own_hue: bool
    """The outline is a dark shade of what it surrounds rather than ink."""
    shading: float
    """How dark the crescent of form shadow is."""
    wobble: float
    """How far the hand trembles."""
    phases: tuple[float, float, float, float]
    grain: float = 0.0
    """How much paper shows through."""
    lighting: float = 0.0
    """How much darker the object is at its foot."""

    def colour(self, colour: Colour) -> Colour:
        """What this style makes of a colour."""
        if self.mode == "pastel":
            return mix(colour, WHITE, 0.3 if luminance(colour) > 90 else 0.18)
        if self.mode == "sketch":
            return mix(colour, (254, 252, 246), 0.78 if luminance(colour) > 80 else 0.25)
        return colour

    def outline_of(self, colour: Colour) -> Colour:
        """The outline's colour around a shape of this colour."""
        if self.mode == "sketch":
            return (64, 58, 70)
        return clamp(*dark(colour, 0.5)) if self.own_hue else INK

    def bend(self, points: np.ndarray) -> np.ndarray:
        """The points as an unsteady hand puts them; points are in the unit square."""
        if not self.wobble:
            return points
        x, y = points[:, 0], points[:, 1]
        a, b, c, d = self.phases
        turn = 2 * math.pi
        dx = np.sin(turn * (2.3 * y + 1.1 * x) + a) + 0.6 * np.sin(turn * (5.1 * y - 2.0 * x) + b)
        dy = np.sin(turn * (2.7 * x - 0.9 * y) + c) + 0.6 * np.sin(turn * (4.7 * x + 1.7 * y) + d)
        return points + self.wobble * np.stack([dx, dy], axis=1)


def choose_style(rng: Generator) -> Style:
    """A style by chance."""
    mode = str(rng.choice(list(MODES), p=list(MODES.values())))
    a, b, c, d = rng.uniform(0, 2 * math.pi, 4)
    phases = (float(a), float(b), float(c), float(d))
    thin, some, wave = (float(v) for v in rng.random(3))
    if mode == "outlined":
        return Style(mode, 0.009 + 0.009 * thin, some < 0.35, 0.1 + 0.1 * wave, 0.002 * wave, phases)
    if mode == "sketch":
        return Style(mode, 0.006 + 0.005 * thin, False, 0.07, 0.003 + 0.003 * wave, phases)
    if mode == "pastel":
        return Style(mode, 0.008 if some < 0.5 else 0.0, True, 0.07, 0.003 * wave, phases, lighting=0.06)
    if mode == "crayon":
        outline = 0.008 + 0.006 * thin if some < 0.6 else 0.0
        return Style(mode, outline, True, 0.05, 0.003 + 0.003 * wave, phases, grain=0.5)
    if mode == "soft":
        outline = 0.006 if some < 0.3 else 0.0
        return Style(mode, outline, True, 0.16 + 0.08 * wave, 0.0, phases, lighting=0.16)
    return Style("flat", 0.0, False, 0.1 * (some < 0.6), 0.0, phases)
