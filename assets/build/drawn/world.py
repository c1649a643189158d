"""Scenes: one object of a concept on a background, with clutter, occlusion and faults."""

import math
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageChops

from assets.build.drawn.backgrounds import Background, choose_background, mottled, paint_background
from assets.build.drawn.clutter import floor_shadow, occluder, scatter
from assets.build.drawn.colours import shade_of
from assets.build.drawn.concepts import CONCEPTS
from assets.build.drawn.effects import Effects, apply, choose_effects, ruin
from assets.build.drawn.pen import Mark, Pen
from assets.build.drawn.render import Placement, bounds, covered, paint, pose
from assets.build.drawn.style import Style, choose_style

LEAST_COVER = 0.075
"""Smallest share of the frame that an object is given before anything is put in front of it."""


@dataclass(frozen=True)
class Facts:
    """What a caption may say about a picture, in words."""

    concept: str
    colour: str
    size: str
    """small, medium or large."""
    background: str
    """A kind of `backgrounds.KINDS`."""
    tone: str
    """Colour word of the background."""
    style: str
    """A mode of `style.MODES`."""
    mirrored: bool
    occluded: bool


@dataclass(frozen=True)
class Scene:
    """A picture and what is known about it."""

    image: Image.Image
    """RGB, size × size."""
    mask: Image.Image
    """L, 255 where the object is visible."""
    concept: str
    facts: Facts


@dataclass(frozen=True)
class Plan:
    """Everything that chance decides about a scene; nothing in it depends on the resolution."""

    facts: Facts
    marks: list[Mark]
    placement: Placement
    style: Style
    background: Background
    behind: list[Mark]
    front: list[Mark]
    effects: Effects
    foot: tuple[float, float, float] | None
    """Centre, height and half width of the shadow on the floor."""


def draw_scene(concept: str, seed: int, size: int) -> Scene:
    """The picture of this concept and seed, size × size; another size is the same picture."""
    plan = plan_scene(concept, seed)
    image, mask = render(plan, size)
    return Scene(image, mask, concept, plan.facts)


def draw_nothing(seed: int, size: int) -> Image.Image:
    """A picture of no class: a background and clutter."""
    rng = np.random.default_rng((zlib.crc32(b"nothing"), seed))
    background = choose_background(rng, (128, 128, 128), "any")
    work = size * oversampling(size)
    canvas = paint_background(background, work).convert("RGBA")
    paint(canvas, scatter(rng, int(rng.integers(3, 12)), 0.03, 0.2), UNIT, choose_style(rng))
    return apply(shrink(canvas, size), choose_effects(rng))


def draw_unusable(seed: int, size: int) -> Image.Image:
    """A picture that nobody can use: black, blown out, extremely blurred, noise, torn."""
    rng = np.random.default_rng((zlib.crc32(b"unusable"), seed))
    concept = list(CONCEPTS)[int(rng.integers(len(CONCEPTS)))]
    return ruin(draw_scene(concept, seed, size).image, rng)


def oversampling(size: int) -> int:
    """How many pixels are drawn for one that is shown, along a side."""
    return 4 if size <= 80 else 3 if size < 160 else 2


UNIT = Placement(np.eye(2), np.zeros(2))


def plan_scene(concept: str, seed: int) -> Plan:
    """Everything about the picture except its pixels."""
    spec = CONCEPTS[concept]
    rng = np.random.default_rng((zlib.crc32(concept.encode()), seed))
    word = spec.colours[int(rng.integers(len(spec.colours)))]
    main = shade_of(word, rng)
    pen = Pen(main, rng)
    spec.draw(pen)
    style = choose_style(rng)
    background = choose_background(rng, style.colour(main), spec.place)
    mirrored = spec.flips and bool(rng.random() < 0.5)
    matrix = pose(float(rng.normal(0, spec.tilt)), mirrored, float(rng.uniform(0.93, 1.08)))
    extent, low, high = _extent(pen.marks, matrix, rng)
    placement = _place(matrix, extent, low, high, background, spec.place, rng)
    box = placement.box(low, high, matrix)
    front = occluder(rng, box, spec.place) if rng.random() < 0.16 else []
    behind = scatter(rng, int(rng.integers(1, 6)), 0.02, 0.09) if rng.random() < 0.4 else []
    grounded = background.kind in ("hills", "room") and extent < 0.85
    lies = spec.place in ("ground", "any") and (grounded or rng.random() < 0.1)
    foot = ((box[0] + box[2]) / 2, box[3], (box[2] - box[0]) * 0.45) if lies else None
    size = "small" if extent < 0.5 else "medium" if extent < 0.72 else "large"
    facts = Facts(concept, word, size, background.kind, background.tone, style.mode, mirrored, bool(front))
    return Plan(facts, pen.marks, placement, style, background, behind, front, choose_effects(rng), foot)


def _extent(marks: list[Mark], matrix: np.ndarray, rng: Generator) -> tuple[float, np.ndarray, np.ndarray]:
    """How much of the frame the longer side takes; thin things are drawn larger."""
    low, high = bounds(marks, matrix)
    side = float((high - low).max())
    fill = covered(marks, matrix, low, side)
    wished = float(
        rng.choice(
            [rng.uniform(0.4, 0.5), rng.uniform(0.5, 0.72), rng.uniform(0.72, 0.94)], p=[0.2, 0.45, 0.35]
        )
    )
    return min(0.96, max(wished, math.sqrt(LEAST_COVER / max(fill, 1e-3)))), low, high


def _place(
    matrix: np.ndarray,
    extent: float,
    low: np.ndarray,
    high: np.ndarray,
    b: Background,
    place: str,
    rng: Generator,
) -> Placement:
    scale = extent / float((high - low).max())
    half = (high - low) * scale / 2
    slack = np.maximum(0.5 - half + 0.01, 0)
    centre = 0.5 + rng.uniform(-1, 1, 2) * slack
    if place != "sky" and b.ground < 1:
        reach = 0.3 if b.kind == "sea" else 0.12
        centre[1] = min(max(b.ground + 0.08 + reach * rng.random(), half[1] * 2 + 0.02), 0.98) - half[1]
    return Placement(matrix * scale, centre - (low + high) / 2 * scale)


def render(plan: Plan, size: int) -> tuple[Image.Image, Image.Image]:
    """Picture and mask of the plan at a size."""
    work = size * oversampling(size)
    canvas = paint_background(plan.background, work).convert("RGBA")
    if plan.behind:
        paint(canvas, plan.behind, UNIT, plan.style)
    if plan.foot:
        floor_shadow(canvas, *plan.foot)
    layer = Image.new("RGBA", (work, work))
    paint(canvas, [mark for mark in plan.marks if mark.glow], plan.placement, plan.style)
    paint(layer, [mark for mark in plan.marks if not mark.glow], plan.placement, plan.style)
    alpha = layer.getchannel("A")
    canvas.paste(_finished(layer, plan.style), (0, 0), alpha)
    if plan.front:
        cover = Image.new("RGBA", (work, work))
        paint(cover, plan.front, UNIT, plan.style)
        canvas.alpha_composite(cover)
        alpha.paste(0, (0, 0), cover.getchannel("A"))
    return apply(shrink(canvas, size), plan.effects), alpha.reduce(work // size)


def _finished(layer: Image.Image, style: Style) -> Image.Image:
    """The object with the grain and the lighting of its style."""
    image = layer.convert("RGB")
    if style.grain:
        paper = Image.new("RGB", image.size, (255, 252, 244))
        grain = mottled(Image.new("RGB", image.size, (255, 255, 255)), style.phases * 2, 60, 80).convert("L")
        image = Image.composite(
            image,
            Image.blend(image, paper, style.grain),
            grain.point([max(0, 3 * v - 510) for v in range(256)]),
        )
    if style.lighting:
        ramp = Image.linear_gradient("L").resize(image.size)
        tints = [
            ramp.point([round(255 - v * style.lighting * t) for v in range(256)]) for t in (0.6, 1.1, 0.9)
        ]
        image = ImageChops.multiply(image, Image.merge("RGB", tints))
    return image


def shrink(canvas: Image.Image, size: int) -> Image.Image:
    """The canvas as RGB at the size that is shown."""
    return canvas.convert("RGB").reduce(canvas.width // size)
