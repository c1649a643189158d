"""Colour words, the palette behind them, and mixing."""

from numpy.random import Generator

Colour = tuple[int, int, int]
"""Red, green, blue, 0 … 255."""

INK: Colour = (52, 44, 58)
CREAM: Colour = (253, 246, 232)
WHITE: Colour = (255, 255, 255)
PINK: Colour = (245, 160, 165)
LEAF: Colour = (104, 168, 90)
WOOD: Colour = (150, 104, 70)
STEEL: Colour = (176, 186, 198)
GLASS: Colour = (188, 224, 238)
GOLD: Colour = (244, 196, 72)

WORDS: dict[str, tuple[Colour, ...]] = {
    "red": ((222, 74, 68), (205, 52, 62), (235, 92, 78)),
    "orange": ((243, 146, 55), (236, 124, 48), (248, 165, 80)),
    "yellow": ((250, 208, 72), (246, 196, 50), (253, 220, 104)),
    "golden": ((238, 184, 80), (226, 168, 64)),
    "green": ((108, 176, 92), (74, 152, 100), (142, 188, 84)),
    "teal": ((60, 164, 160), (44, 140, 148)),
    "blue": ((78, 138, 212), (96, 164, 226), (58, 108, 186)),
    "navy": ((52, 74, 124), (44, 60, 106)),
    "purple": ((144, 104, 188), (168, 124, 206)),
    "pink": ((244, 150, 170), (236, 122, 156), (250, 176, 186)),
    "brown": ((150, 100, 66), (126, 82, 56), (172, 120, 82)),
    "tan": ((218, 178, 130), (206, 162, 112)),
    "gray": ((150, 154, 166), (126, 132, 146), (176, 180, 190)),
    "black": ((66, 62, 74), (54, 54, 64)),
    "white": ((246, 243, 238), (250, 248, 246)),
}
"""Colour word to the shades that it may mean."""


def shade_of(word: str, rng: Generator) -> Colour:
    """One colour that the word means, with a little chance in it."""
    red, green, blue = WORDS[word][int(rng.integers(len(WORDS[word])))]
    jitter = rng.integers(-9, 10, 3)
    return clamp(red + jitter[0], green + jitter[1], blue + jitter[2])


def clamp(red: float, green: float, blue: float) -> Colour:
    """Whole channels within 0 … 255."""
    return tuple(int(min(255, max(0, channel))) for channel in (red, green, blue))  # type: ignore[return-value]


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """`a` with `share` of `b` in it."""
    return clamp(*(x + (y - x) * share for x, y in zip(a, b, strict=True)))


def light(colour: Colour, share: float = 0.35) -> Colour:
    """A lighter, slightly warmer shade."""
    return mix(colour, (255, 250, 238), share)


def dark(colour: Colour, share: float = 0.25) -> Colour:
    """A darker shade: warm colours turn redder, cool ones bluer, so that none turns muddy."""
    warmth = colour[0] - colour[2]
    if warmth > 60:
        return mix(colour, (186, 84, 36) if luminance(colour) > 150 else (132, 48, 44), share * 1.25)
    return mix(colour, (36, 34, 92) if warmth < -30 else (44, 34, 62), share)


def luminance(colour: Colour) -> float:
    """Perceived brightness, 0 … 255."""
    return 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]


def apart(a: Colour, b: Colour) -> float:
    """How different two colours look: weighted channel distance, 0 … about 255."""
    weights = (0.3, 0.5, 0.2)
    return sum(w * (x - y) ** 2 for w, x, y in zip(weights, a, b, strict=True)) ** 0.5
