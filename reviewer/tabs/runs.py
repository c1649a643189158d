"""The runs tab: one element; everything in it is drawn by `assets/web/runs.js`."""

from reviewer.tabs.later import build_later


def build() -> None:
    """Add the runs to the page that is being built."""
    build_later("runs")
