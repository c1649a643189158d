"""The README's screenshot: the card on scikit-learn's digits, 1440 × 900, light.

python -m benchmarks.picture assets/readme/card.png
"""

import sys
import tempfile
from pathlib import Path

from tests.driver import SMALL_CLIP, browser_page, reviewer, served, write_digits


def main() -> None:
    out = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        write_digits(base / "photos", side=256)
        reviewer("init", base / "digits", "--images", base / "photos", "--weights", SMALL_CLIP)
        reviewer("triage", base / "digits")
        with served(base / "digits") as server, browser_page(server.url) as (page, _):
            for key in "www":
                page.keyboard.press(key)
            page.wait_for_timeout(2500)
            page.screenshot(path=out)


if __name__ == "__main__":
    main()
