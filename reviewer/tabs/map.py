"""The map tab: one element; everything in it is drawn by `assets/web/map.js`."""

from reviewer.tabs.later import build_later


def build() -> None:
    """Add the map to the page that is being built."""
    build_later("map")
