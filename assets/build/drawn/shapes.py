"""Pure geometry: every function returns a closed path, a float array of shape `(N, 2)`.

Concepts are drawn in a local frame: x to the right, y down, the object in about -1 … 1. Nothing depends on
the resolution.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Path = NDArray[np.float64]
"""Points of one closed outline, shape `(N, 2)`."""


def ellipse(x: float, y: float, rx: float, ry: float | None = None, turn: float = 0, n: int = 28) -> Path:
    """Ellipse around (x, y), turned by `turn` degrees; a circle without `ry`."""
    return arc(x, y, rx, ry, 0, 360 * (1 - 1 / n), turn, n)


def arc(
    x: float, y: float, rx: float, ry: float | None, start: float, end: float, turn: float = 0, n: int = 20
) -> Path:
    """Points of an elliptic arc from `start` to `end` degrees (0: right, 90: down); its chord closes it."""
    angle = np.radians(np.linspace(start, end, n))
    points = np.stack([rx * np.cos(angle), (rx if ry is None else ry) * np.sin(angle)], axis=1)
    return (turned(points, turn) if turn else points) + np.array([x, y])


def poly(*points: tuple[float, float]) -> Path:
    """Polygon with sharp corners."""
    return np.array(points, dtype=float)


def box(x0: float, y0: float, x1: float, y1: float, radius: float = 0.0) -> Path:
    """Rectangle, its corners rounded."""
    r = min(radius, (x1 - x0) / 2, (y1 - y0) / 2)
    if r <= 0:
        return poly((x0, y0), (x1, y0), (x1, y1), (x0, y1))
    corners = ((x1 - r, y0 + r, -90), (x1 - r, y1 - r, 0), (x0 + r, y1 - r, 90), (x0 + r, y0 + r, 180))
    return np.concatenate([arc(x, y, r, r, start, start + 90, n=6) for x, y, start in corners])


def curve(points: ArrayLike, closed: bool = False, n: int = 6) -> Path:
    """Smooth (Catmull-Rom) curve through the points, `n` steps between two of them."""
    p = np.asarray(points, dtype=float)
    if closed:
        a, b, c, d = np.roll(p, 1, 0), p, np.roll(p, -1, 0), np.roll(p, -2, 0)
    else:
        q = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
        a, b, c, d = q[:-3], q[1:-2], q[2:-1], q[3:]
    t = np.linspace(0, 1, n, endpoint=False)[None, :, None]
    a, b, c, d = a[:, None], b[:, None], c[:, None], d[:, None]
    out = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    out = out.reshape(-1, 2)
    return out if closed else np.concatenate([out, p[-1:]])


def smooth(*points: tuple[float, float]) -> Path:
    """Soft closed shape through the points."""
    return curve(points, closed=True)


def tube(points: ArrayLike, start: float, end: float | None = None, bend: bool = True) -> Path:
    """Thick line with round caps along the points, its width running from `start` to `end`."""
    p = curve(points) if bend and len(np.asarray(points)) > 2 else np.asarray(points, dtype=float)
    half = np.linspace(start, start if end is None else end, len(p))[:, None] / 2
    step = np.gradient(p, axis=0)
    step /= np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-9)
    side = np.stack([step[:, 1], -step[:, 0]], axis=1) * half
    heading = np.degrees(np.arctan2(step[:, 1], step[:, 0])).tolist()
    tip = _cap(p[-1], half[-1, 0], heading[-1] - 90)
    tail = _cap(p[0], half[0, 0], heading[0] + 90)
    return np.concatenate([p + side, tip, (p - side)[::-1], tail])


def _cap(at: Path, radius: float, start: float) -> Path:
    return arc(at[0], at[1], radius, radius, start, start + 180, n=8)


def star(x: float, y: float, outer: float, inner: float, tips: int, turn: float = -90) -> Path:
    """Star with sharp tips."""
    angle = np.radians(turn + np.arange(2 * tips) * 180 / tips)
    radius = np.where(np.arange(2 * tips) % 2, inner, outer)
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)


def scallop(
    x: float, y: float, rx: float, ry: float, bumps: int, depth: float = 0.12, turn: float = 0
) -> Path:
    """Cloud-like outline: an ellipse whose radius swells `bumps` times."""
    angle = np.linspace(0, 2 * np.pi, bumps * 8, endpoint=False)
    swell = 1 - depth + depth * np.abs(np.sin(angle * bumps / 2 + math.radians(turn))) * 2
    return np.stack([x + rx * swell * np.cos(angle), y + ry * swell * np.sin(angle)], axis=1)


def turned(path: Path, degrees: float, x: float = 0, y: float = 0) -> Path:
    """The path turned clockwise (on the screen) about (x, y)."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return (path - (x, y)) @ np.array([[c, s], [-s, c]]) + (x, y)


def moved(path: Path, x: float, y: float) -> Path:
    """The path shifted by (x, y)."""
    return path + np.array([x, y])


def mirrored(path: Path) -> Path:
    """The path flipped left to right about x = 0."""
    return path * (-1.0, 1.0)


def outset(path: Path, distance: float) -> Path:
    """The path grown outwards by `distance`, corners mitred up to a limit."""
    edge = np.roll(path, -1, 0) - path
    length = np.hypot(edge[:, 0], edge[:, 1])
    keep = length > 1e-9
    path, edge, length = path[keep], edge[keep], length[keep]
    if len(path) < 3:
        return path
    nxt = np.roll(path, -1, 0)
    area = float((path[:, 0] * nxt[:, 1] - nxt[:, 0] * path[:, 1]).sum())
    normal = np.stack([edge[:, 1], -edge[:, 0]], axis=1) / length[:, None] * (1 if area > 0 else -1)
    both = normal + np.roll(normal, 1, 0)
    return path + both * (2 * distance / np.maximum((both**2).sum(1, keepdims=True), 0.6))
