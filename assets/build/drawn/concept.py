"""What a concept is: how it is drawn, what it is called, what it is mistaken for."""

from collections.abc import Callable
from dataclasses import dataclass

from assets.build.drawn.pen import Pen


@dataclass(frozen=True)
class Concept:
    """One thing of the drawn world."""

    draw: Callable[[Pen], None]
    category: str
    """The super-category, a noun: animal, vehicle, fruit, …"""
    colours: tuple[str, ...]
    """Colour words that it may have; the first are not likelier than the others."""
    looks_like: str
    """Name of the group of look-alikes that it belongs to."""
    synonyms: tuple[str, ...] = ()
    """Other nouns that captions may use for it."""
    tilt: float = 5.0
    """Standard deviation of the turn, in degrees."""
    flips: bool = True
    """Whether it may be mirrored."""
    place: str = "any"
    """Where it lives: ground, sky, water or any; backgrounds, shadows and grass follow it."""
