"""A contact sheet of every concept, for a person to look at.

From the repository's root:
`python -m assets.build.drawn.sheet OUT.png [--size 128] [--columns 8] [--only cat,dog]`
"""

import argparse
from pathlib import Path

from PIL import Image, ImageDraw

from assets.build.drawn.concepts import CONCEPTS
from assets.build.drawn.world import draw_nothing, draw_scene, draw_unusable


def contact_sheet(names: list[str], seeds: range, size: int, labels: bool = True) -> Image.Image:
    """One row for each concept, one column for each seed."""
    margin = 100 if labels else 0
    sheet = Image.new("RGB", (margin + len(seeds) * (size + 4), len(names) * (size + 4)), "white")
    draw = ImageDraw.Draw(sheet)
    for row, name in enumerate(names):
        draw.text((4, row * (size + 4) + size // 2), name, fill="black")
        for column, seed in enumerate(seeds):
            sheet.paste(_picture(name, seed, size), (margin + column * (size + 4), row * (size + 4)))
    return sheet


def _picture(name: str, seed: int, size: int) -> Image.Image:
    if name == "(nothing)":
        return draw_nothing(seed, size)
    return draw_unusable(seed, size) if name == "(unusable)" else draw_scene(name, seed, size).image


def main() -> None:
    """Write the sheet that the command line asks for."""
    parser = argparse.ArgumentParser(description="Draw a contact sheet of the drawn world.")
    parser.add_argument("out", type=Path, help="image file to write")
    parser.add_argument("--size", type=int, default=128, help="side of one picture in pixels")
    parser.add_argument("--columns", type=int, default=8, help="seeds for each concept")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--only", default="", help="comma-separated names; all concepts by default")
    options = parser.parse_args()
    names = [name for name in options.only.split(",") if name] or [*CONCEPTS, "(nothing)", "(unusable)"]
    seeds = range(options.first, options.first + options.columns)
    contact_sheet(names, seeds, options.size).save(options.out)


if __name__ == "__main__":
    main()
