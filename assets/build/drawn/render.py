"""Marks in local coordinates to pixels: placement in the unit square, then rasterising at any resolution."""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from assets.build.drawn.colours import Colour, dark
from assets.build.drawn.pen import Mark
from assets.build.drawn.shapes import Path, outset
from assets.build.drawn.style import Style

Points = list[float]


@dataclass(frozen=True)
class Placement:
    """Similarity from local coordinates into the unit square."""

    matrix: np.ndarray
    shift: np.ndarray

    def apply(self, path: Path) -> Path:
        """The path in the unit square."""
        return path @ self.matrix.T + self.shift

    def box(self, low: np.ndarray, high: np.ndarray, matrix: np.ndarray) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of bounds under `matrix`, of which `self.matrix` is a multiple."""
        scale = math.sqrt(abs(np.linalg.det(self.matrix) / np.linalg.det(matrix)))
        (x0, y0), (x1, y1) = low * scale + self.shift, high * scale + self.shift
        return float(x0), float(y0), float(x1), float(y1)


def pose(degrees: float, flip: bool, stretch: float) -> np.ndarray:
    """The 2×2 matrix of the pose: mirrored, stretched, then turned."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[c, -s], [s, c]]) @ np.diag([(-1 if flip else 1) * stretch, 1 / stretch])


def bounds(marks: list[Mark], matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest coordinates of everything that may show, after the pose."""
    points = (
        np.concatenate([path for mark in marks if not (mark.within or mark.glow) for path in mark.paths])
        @ matrix.T
    )
    return points.min(0), points.max(0)


def covered(marks: list[Mark], matrix: np.ndarray, low: np.ndarray, side: float, grid: int = 40) -> float:
    """Share of the bounding square (its side is `side`) that the marks cover."""
    image = Image.new("L", (grid, grid))
    draw = ImageDraw.Draw(image)
    for mark in marks:
        for path in () if mark.within or mark.glow else mark.paths:
            draw.polygon((((path @ matrix.T) - low) * (grid / side)).ravel().tolist(), fill=255)
    return np.asarray(image).mean() / 255


def paint(canvas: Image.Image, marks: list[Mark], placement: Placement, style: Style) -> None:
    """Draw the marks on an RGBA canvas (square); its alpha becomes the mask."""
    size = canvas.width
    draw = ImageDraw.Draw(canvas)
    for mark in marks:
        colour = mark.colour if mark.bare and style.mode == "sketch" else style.colour(mark.colour)
        paths = [style.bend(placement.apply(path)) for path in mark.paths]
        if mark.within or mark.strength < 1:
            within = [style.bend(placement.apply(path)) for path in mark.within]
            _paste(canvas, colour, paths, within, mark.strength)
            continue
        if style.outline and not mark.bare:
            edge = style.outline_of(mark.colour)
            for path in paths:
                draw.polygon(_pixels(outset(path, style.outline), size), fill=(*edge, 255))
        for path in paths:
            draw.polygon(_pixels(path, size), fill=(*colour, 255))
        if style.shading and not mark.bare:
            _crescent(canvas, dark(colour, style.shading * 1.6), paths)


def _pixels(path: Path, size: int, x: float = 0, y: float = 0) -> Points:
    return (path * size - (x, y)).ravel().tolist()


def _window(paths: list[Path], size: int) -> tuple[int, int, int, int] | None:
    """Pixel box around the paths, within the canvas."""
    low = np.min([path.min(0) for path in paths], axis=0) * size
    high = np.max([path.max(0) for path in paths], axis=0) * size
    x0, y0 = max(0, int(low[0])), max(0, int(low[1]))
    x1, y1 = min(size, int(high[0]) + 2), min(size, int(high[1]) + 2)
    return (x0, y0, x1, y1) if x1 - x0 > 1 and y1 - y0 > 1 else None


def _stencil(paths: list[Path], box: tuple[int, int, int, int], size: int, value: int = 255) -> Image.Image:
    image = Image.new("L", (box[2] - box[0], box[3] - box[1]))
    draw = ImageDraw.Draw(image)
    for path in paths:
        draw.polygon(_pixels(path, size, box[0], box[1]), fill=value)
    return image


def _paste(
    canvas: Image.Image, colour: Colour, paths: list[Path], within: list[Path], strength: float
) -> None:
    box = _window(within or paths, canvas.width)
    if box is None:
        return
    stencil = _stencil(paths, box, canvas.width, round(255 * strength))
    if within:
        stencil = ImageChops.darker(stencil, _stencil(within, box, canvas.width))
    canvas.paste((*colour, 255), box, stencil)


def _crescent(canvas: Image.Image, colour: Colour, paths: list[Path]) -> None:
    """Form shadow: what the shape leaves uncovered when it moves towards the light at the upper left."""
    size = canvas.width
    box = _window(paths, size)
    if box is None or min(box[2] - box[0], box[3] - box[1]) < size * 0.07:
        return
    depth = 0.1 * min(box[2] - box[0], box[3] - box[1]) / size
    whole = _stencil(paths, box, size)
    lit = _stencil([path - (depth, depth) for path in paths], box, size)
    canvas.paste((*colour, 255), box, ImageChops.subtract(whole, lit))
