"""The sheets tab: one element; everything in it is drawn by `assets/web/sheet.js`."""

from reviewer.tabs.later import build_later


def build() -> None:
    """Add the contact sheets and the class table to the page that is being built."""
    build_later("sheet")
