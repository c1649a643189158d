"""Screenshots of the README, 1440 × 900, light.

    python -m benchmarks.picture drawn assets/readme
    python -m benchmarks.picture runs assets/readme/runs.png

drawn   card.png, sheet.png, attention.png and map.png into a folder, on the demo once its maps are drawn: the
        card after three decisions, a pair of classes with two exceptions, the card with the heat map of the
        suggested class, and the map
runs    the Laptop preset in training on the demo, beside the first ranking
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from reviewer.demo import open_demo
from tests.driver import browser_page, choose_option, served

EPOCH = "Epoch 4 of"  # the curves have three points then
TRAINED = 600_000  # ms


def drawn(base: Path, out: Path) -> None:
    """Take the card, the contact sheet, the card with its heat map, and the map."""
    open_demo(base / "demo")
    with served(base / "demo") as server:
        server.wait_for_ranking()
        with browser_page(server.url) as (page, _):
            page.get_by_role("tab", name="Map").click()
            page.wait_for_selector("[data-map=ready]", timeout=TRAINED)
            page.wait_for_timeout(2500)
            page.screenshot(path=out / "map.png")
            page.get_by_role("tab", name="Review").click()
            page.evaluate("document.activeElement.blur()")  # or the tab shows that keys go to it
            for key in "www":
                page.keyboard.press(key)
                page.wait_for_timeout(600)
            page.wait_for_timeout(2500)
            page.screenshot(path=out / "card.png")
            for _ in ["given", "suggested"]:
                page.keyboard.press("v")
                page.wait_for_timeout(2500)
            page.screenshot(path=out / "attention.png")
            page.get_by_role("tab", name="Sheets").click()
            page.locator("#labelsieve-classes .ls-c-open").nth(2).click()
            page.wait_for_selector("[data-sheet=ready]")
            page.wait_for_timeout(1500)
            for tile in (1, 4):
                page.locator("#labelsieve-sheet .ls-tile").nth(tile).click()
            page.mouse.move(0, 0)
            page.wait_for_timeout(800)
            page.screenshot(path=out / "sheet.png")


def runs(base: Path, out: Path) -> None:
    """Take the runs tab."""
    open_demo(base / "demo")
    with served(base / "demo") as server:
        server.wait_for_ranking()
        with browser_page(server.url) as (page, _):
            page.get_by_role("tab", name="Runs").click()
            page.locator("#start-run").wait_for()
            choose_option(page, "Laptop")
            page.locator("#start-run:not([disabled])").click()
            page.locator("#run-panel .ls-epoch", has_text=EPOCH).wait_for(timeout=TRAINED)
            page.locator("#run-panel .ls-chart .main-svg").first.wait_for()
            page.mouse.move(0, 0)
            page.wait_for_timeout(1500)
            page.screenshot(path=out)
            page.locator("#stop-run").click()
            page.wait_for_timeout(3000)


PICTURES: dict[str, Callable[[Path, Path], None]] = {"drawn": drawn, "runs": runs}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("picture", choices=PICTURES)
    parser.add_argument("file", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        PICTURES[asked.picture](Path(folder), asked.file)


if __name__ == "__main__":
    main()
