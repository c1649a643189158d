"""From the end of the import to the first ranked card, 1,500 images, as the app does it.

    python -m benchmarks.first_cards [--runs 3] [--count 1500]

The clock starts when `init` has ended and the app is started; it stops when /api/session says that the
ranking is there. Nothing is cached beforehand but the operating system's files.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.machine import circumstances
from tests.driver import SMALL_CLIP, reviewer, served, write_digits


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--count", type=int, default=1500)
    options = parser.parse_args()
    print(circumstances())
    times = []
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        write_digits(base / "photos", count=options.count)
        for number in range(options.runs):
            workspace = base / f"workspace{number}"
            reviewer("init", workspace, "--images", base / "photos", "--weights", SMALL_CLIP)
            start = time.monotonic()
            with served(workspace) as server:
                up = time.monotonic() - start
                server.wait_for_ranking()
                times.append(time.monotonic() - start)
            result = json.loads(next((workspace / "runs").glob("*/result.json")).read_text())
            print(f"run {number + 1}: page {up:.1f} s, ranked {times[-1]:.1f} s; stages {result['seconds']}")
    spread = statistics.stdev(times) if len(times) > 1 else 0.0
    print(f"first ranked card after {statistics.mean(times):.1f} ± {spread:.1f} s, {options.count} images")


if __name__ == "__main__":
    main()
