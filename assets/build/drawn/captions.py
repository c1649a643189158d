"""Captions in many wordings, from bare names to sentences, so that a model reads any prompt."""

from numpy.random import Generator

from assets.build.drawn.concepts import CONCEPTS
from assets.build.drawn.world import Facts

PLAIN = (
    "{a}",
    "{n}",
    "a picture of {a}",
    "a drawing of {a}",
    "a photo of {a}",
    "an image of {a}",
    "a picture of the {n}",
    "{a} in a picture",
    "this is {a}",
    "there is {a} here",
    "an illustration of {a}",
    "a {n} drawing",
    "a nice {n}",
    "a cute drawing of {a}",
    "the {n}",
    "one {n}",
    "a cartoon of {a}",
    "{n} illustration",
    "here is {a}",
)
DESCRIBED = (
    "{ca}",
    "a drawing of {ca}",
    "a picture of {ca}",
    "a photo of {ca}",
    "{ca} {where}",
    "a drawing of {ca} {where}",
    "{a} {where}",
    "a picture of {a} {where}",
    "{sa}",
    "a drawing of {sa}",
    "{sa} {where}",
    "{style} of {a}",
    "{style} of {ca}",
    "{style} of {a} {where}",
    "{ca}, {stylename}",
    "{a}, {facing}",
    "{ca}, {facing}",
    "{sca}",
    "{sca} {where}",
    "an image of {ca}, {stylename}",
    "{style} of {sca}",
)
KINDS = (
    "{k}, {a}",
    "{a}, a kind of {kn}",
    "{k}: {a}",
    "a drawing of {k}, {a}",
    "{a} is {k}",
    "a picture of {k}: {n}",
    "{ca}, {k} {where}",
)

FACING = ("animal", "sea animal", "bird", "insect", "vehicle")
"""Categories that have a front."""

STYLES: dict[str, tuple[str, ...]] = {
    "flat": ("a flat illustration", "a simple graphic", "a clean cartoon"),
    "outlined": ("an outlined cartoon", "a bold cartoon", "an ink and colour drawing"),
    "soft": ("a soft illustration", "a shaded illustration", "a smooth drawing"),
    "pastel": ("a pastel drawing", "a pale pastel picture", "a gentle pastel"),
    "crayon": ("a crayon drawing", "a child's crayon picture", "a chalky drawing"),
    "sketch": ("a sketch", "a line drawing", "a pencil sketch"),
}
WHERE: dict[str, tuple[str, ...]] = {
    "plain": ("on a plain {tone} background", "on {tone}", "on a {tone} background"),
    "gradient": ("on a smooth {tone} background", "in front of a {tone} gradient"),
    "striped": ("with a striped background", "on {tone} stripes", "in front of stripes"),
    "dotted": ("with a dotted background", "on {tone} dots", "on a polka dot background"),
    "checked": ("with a checked background", "on a checked {tone} cloth"),
    "paper": ("on {tone} paper", "drawn on rough paper"),
    "hills": ("in front of hills", "on a hill", "in a landscape"),
    "sea": ("on the sea", "in the water", "by the sea"),
    "sky": ("in front of the sky", "under a cloudy sky", "against the sky"),
    "room": ("in a room", "on the floor", "in front of a {tone} wall"),
    "night": ("at night", "under the stars"),
    "speckled": ("on a speckled background", "with confetti behind it"),
}


def caption(facts: Facts, rng: Generator) -> str:
    """One caption; it always names the concept or one of its synonyms."""
    concept = CONCEPTS[facts.concept]
    names = (facts.concept, *concept.synonyms)
    name = names[0] if rng.random() < 0.75 else names[int(rng.integers(len(names)))]
    group = (PLAIN, DESCRIBED, KINDS)[int(rng.choice(3, p=(0.5, 0.42, 0.08)))]
    wording = group[int(rng.integers(len(group)))]
    style = _pick(STYLES[facts.style], rng)
    size = _pick(
        {"small": ("small", "little", "tiny"), "large": ("big", "large")}.get(facts.size, ("medium-sized",)),
        rng,
    )
    coloured = name if name.startswith(facts.colour) else f"{facts.colour} {name}"
    sides = ("facing left", "turned left") if facts.mirrored else ("facing right", "turned right")
    text = wording.format(
        n=name,
        a=article(name),
        ca=article(coloured),
        sa=article(f"{size} {name}"),
        sca=article(f"{size} {coloured}"),
        k=article(concept.category),
        kn=concept.category,
        style=style,
        stylename=style.split(" ", 1)[1],
        facing=_pick(sides, rng) if concept.category in FACING else style.split(" ", 1)[1],
        where=_pick(WHERE[facts.background], rng).format(tone=facts.tone),
    )
    if rng.random() < 0.15:
        text = text[0].upper() + text[1:]
    return text + "." if rng.random() < 0.2 else text


def article(noun: str) -> str:
    """The noun with its indefinite article; plurals go without."""
    if noun.endswith(("scissors", "cherries")) and not noun.startswith("pair"):
        return noun
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _pick(options: tuple[str, ...], rng: Generator) -> str:
    return options[int(rng.integers(len(options)))]
