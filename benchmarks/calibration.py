"""Reliability diagrams as SVG: what share of the labels of each `p_clean` was right.

Beside the diagonal a circle for each of the ten bins, as large as the bin is full; where it lies above the
diagonal, labels are better than their chance says.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.chart import STYLE

SIDE, LEFT, TOP, BOTTOM, RIGHT = 240, 52, 36, 48, 16
LARGEST = 11.0  # radius of the fullest bin; area goes with the count
SMALLEST = 1.5
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, kw_only=True)
class Diagram:
    """One diagram. chance: mean p_clean of each bin; right: share of right labels; counts: samples."""

    title: str
    chance: np.ndarray
    right: np.ndarray
    counts: np.ndarray


def draw(diagrams: Sequence[Diagram], columns: int) -> str:
    """Return an SVG document with the diagrams in rows of `columns`."""
    columns = min(columns, len(diagrams))
    wide, high = SIDE + LEFT + RIGHT, SIDE + TOP + BOTTOM
    width, height = columns * wide, -(-len(diagrams) // columns) * high
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img"><title>share of right labels against p_clean</title>'
        f'<style>{STYLE}</style><rect class="ground" width="{width}" height="{height}"/>'
    ]
    for number, each in enumerate(diagrams):
        at = f"{number % columns * wide} {number // columns * high}"
        parts.append(f'<g transform="translate({at})">{_panel(each)}</g>')
    return "\n".join([*parts, "</svg>\n"])


def _panel(diagram: Diagram) -> str:
    parts = [f'<text class="title" x="{LEFT}" y="20">{html.escape(diagram.title)}</text>']
    for tick in TICKS:
        x, y = _x(tick), _y(tick)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{LEFT + SIDE}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="muted" text-anchor="end" x="{LEFT - 8}" y="{y + 4}">{tick:g}</text>')
        parts.append(
            f'<text class="muted" text-anchor="middle" x="{x}" y="{TOP + SIDE + 18}">{tick:g}</text>'
        )
    parts.append(
        f'<text class="muted" text-anchor="middle" x="{_x(0.5)}" y="{TOP + SIDE + 36}">p_clean</text>'
    )
    parts.append(f'<line class="level" x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}"/>')
    radius = np.maximum(LARGEST * np.sqrt(diagram.counts / diagram.counts.max()), SMALLEST)
    for chance, right, count, r in zip(diagram.chance, diagram.right, diagram.counts, radius, strict=True):
        if count:
            parts.append(
                f'<g class="c1"><circle class="dot" cx="{_x(chance):.1f}" cy="{_y(right):.1f}" r="{r:.1f}">'
                f"<title>{count} labels at {chance:.2f}, {right:.2f} of them right</title></circle></g>"
            )
    return "\n".join(parts)


def _x(share: float) -> float:
    return LEFT + SIDE * share


def _y(share: float) -> float:
    return TOP + SIDE * (1.0 - share)
