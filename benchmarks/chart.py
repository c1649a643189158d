"""Line charts as SVG by hand: small panels, a name at the end of each line, legible on light and on dark."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

PANEL_WIDTH, PANEL_HEIGHT = 560, 320
LEFT, RIGHT, TOP, BOTTOM = 58, 172, 44, 46
LINE_HEIGHT = 15
MAX_POINTS = 240  # of a line: more do not show at this size
SHARES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)

STYLE = """
svg { color: #1f2937; font: 12px -apple-system, "Segoe UI", "Noto Sans", "Liberation Sans",
      Arial, sans-serif; }
text { fill: currentColor; } .ground { fill: #ffffff; }
.muted { fill: #5b6472; } .grid { stroke: #e3e6ea; } .axis { stroke: #8a93a0; } .level { stroke: #5b6472; }
.title { font-size: 14px; font-weight: 600; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; } .leader { fill: none; stroke-width: 1; }
.c0 { --c: #5b6472; } .c1 { --c: #0b6b62; } .c2 { --c: #2563eb; } .c3 { --c: #b45309; } .c4 { --c: #a21caf; }
.c5 { --c: #5b6472; }
.line, .leader { stroke: var(--c); } .dot { fill: var(--c); } .name { fill: var(--c); font-weight: 600; }
@media (prefers-color-scheme: dark) {
  svg { color: #e6e9ee; } .ground { fill: #14171c; }
  .muted { fill: #a6afbb; } .grid { stroke: #2a2f37; } .axis { stroke: #6b7480; } .level { stroke: #a6afbb; }
  .c0 { --c: #a6afbb; } .c1 { --c: #5fd9c8; } .c2 { --c: #8ab4ff; } .c3 { --c: #fbb45c; }
  .c4 { --c: #f0a6ff; } .c5 { --c: #a6afbb; }
}
"""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line: y[i] after i steps, from 0. colour: 0 to 5, a class of STYLE. dash: an SVG dash array."""

    name: str
    y: np.ndarray
    colour: int
    dash: str = ""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One chart of shares: x runs from 0 to x_end, y from y_from to y_end, both < 1.

    Each halving of what is missing to 1 is equally high, so that 98 % and 99 % lie apart. level: a y value
    to mark, with the places where lines cross it.
    """

    title: str
    lines: Sequence[Line]
    x_end: int
    y_from: float
    y_end: float
    level: float


def draw(panels: Sequence[Panel], *, x_name: str, y_name: str, columns: int = 2) -> str:
    """Return an SVG document with the panels in rows of `columns`."""
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    width, height = columns * PANEL_WIDTH, rows * PANEL_HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img"><title>{html.escape(y_name)} against {html.escape(x_name)}</title>'
        f'<style>{STYLE}</style><rect class="ground" width="{width}" height="{height}"/>'
    ]
    for number, panel in enumerate(panels):
        at = (number % columns * PANEL_WIDTH, number // columns * PANEL_HEIGHT)
        parts.append(f'<g transform="translate({at[0]} {at[1]})">{_panel(panel, x_name, y_name)}</g>')
    return "\n".join([*parts, "</svg>\n"])


class _Scale:
    """From values to pixels of the panel."""

    def __init__(self, panel: Panel) -> None:
        self.x_end, self.y_from, self.y_end = panel.x_end, panel.y_from, panel.y_end

    def x(self, value: float) -> float:
        return LEFT + (PANEL_WIDTH - LEFT - RIGHT) * value / self.x_end

    def y(self, value: float) -> float:
        missing = np.log(1.0 - min(value, self.y_end))
        share = (missing - np.log(1.0 - self.y_from)) / np.log((1.0 - self.y_end) / (1.0 - self.y_from))
        return PANEL_HEIGHT - BOTTOM - (PANEL_HEIGHT - TOP - BOTTOM) * share


def _panel(panel: Panel, x_name: str, y_name: str) -> str:
    scale = _Scale(panel)
    right, bottom = scale.x(panel.x_end), scale.y(panel.y_from)
    parts = [f'<text class="title" x="{LEFT}" y="20">{html.escape(panel.title)}</text>']
    for value in (share for share in SHARES if panel.y_from <= share <= panel.y_end):
        y = scale.y(value)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_text(LEFT - 8, y + 4, f"{value * 100:g} %", "muted", "end"))
    for value in ticks(0.0, float(panel.x_end)):
        parts.append(_text(scale.x(value), bottom + 18, f"{value:,.0f}", "muted", "middle"))
    parts.append(f'<line class="axis" x1="{LEFT}" x2="{right}" y1="{bottom}" y2="{bottom}"/>')
    parts.append(_text((LEFT + right) / 2, bottom + 36, x_name, "muted", "middle"))
    parts.append(_text(LEFT, 36, y_name, "muted", "start"))
    y = scale.y(panel.level)
    parts.append(
        f'<line class="level" stroke-dasharray="2 3" x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>'
    )
    # The first line is drawn last: it lies on top.
    parts += [_line(line, scale, panel) for line in reversed(panel.lines)]
    return "\n".join(parts + _names(panel, scale))


def _line(line: Line, scale: _Scale, panel: Panel) -> str:
    end = min(panel.x_end, len(line.y) - 1)
    at = np.unique(np.linspace(0, end, min(end + 1, MAX_POINTS)).round().astype(int))
    points = " ".join(f"{scale.x(i):.1f},{scale.y(float(line.y[i])):.1f}" for i in at.tolist())
    dash = f' stroke-dasharray="{line.dash}"' if line.dash else ""
    drawn = f'<g class="c{line.colour}"><polyline class="line"{dash} points="{points}"/>'
    crossed = np.flatnonzero(line.y[: end + 1] >= panel.level)
    if len(crossed) and crossed[0] > 0:
        drawn += (
            f'<circle class="dot" r="3.5" cx="{scale.x(crossed[0]):.1f}" cy="{scale.y(panel.level):.1f}"/>'
        )
    return drawn + "</g>"


def _names(panel: Panel, scale: _Scale) -> list[str]:
    """Return the names beside the ends of the lines, moved apart, each with a thin leader to its line."""
    ends = [(min(panel.x_end, len(line.y) - 1), line) for line in panel.lines]
    wanted = [scale.y(float(line.y[end])) for end, line in ends]
    parts = []
    for place, (end, line), start in zip(spread(wanted, LINE_HEIGHT, TOP), ends, wanted, strict=True):
        x = scale.x(end)
        tip = scale.x(panel.x_end) + 14
        parts.append(
            f'<g class="c{line.colour}"><polyline class="leader" points="{x:.1f},{start:.1f} '
            f'{tip:.1f},{place:.1f}"/>{_text(tip + 4, place + 4, line.name, "name", "start")}</g>'
        )
    return parts


def _text(x: float, y: float, words: str, kind: str, anchor: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(words)}</text>'


def spread(wanted: Sequence[float], gap: float, lowest: float) -> list[float]:
    """Return places in the order of `wanted`, at least `gap` apart and none below `lowest`: each as near to
    its wish as going from small to large allows."""
    places = [0.0] * len(wanted)
    free = lowest
    for i in sorted(range(len(wanted)), key=lambda i: (wanted[i], i)):
        places[i] = max(wanted[i], free)
        free = places[i] + gap
    return places


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Return round numbers between `low` and `high`, `about` of them."""
    rough = (high - low) / about
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    first = int(np.ceil(low / step - 1e-9))
    return [round(k * step, 12) for k in range(first, int(np.floor(high / step + 1e-9)) + 1)]
