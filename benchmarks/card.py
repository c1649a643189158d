"""Key to next card painted: 60 single decisions, and 60 at 25 per second, in Chromium on the real app.

    python -m benchmarks.card [--runs 3]

Painted is when the second animation frame after the swap begins (assets/web/timings.js): an upper bound.
The workspace is the CIFAR sample (5,000 images) under the small natural-image CLIP, in a temporary folder.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import circumstances
from tests.driver import SMALL_CLIP, browser_page, reviewer, served
from tests.test_loop import write_cifar

KEYS = "aw1w2a"
WARM_UP = 5


def decide(page: Any, count: int, pause: float) -> list[float]:
    """Press `count` keys and return the milliseconds from each to its paint."""
    page.evaluate("window.__labelsieve_timings = []")
    start = time.monotonic()
    for number in range(count):
        page.keyboard.press(KEYS[number % len(KEYS)])
        time.sleep(max(0.0, start + (number + 1) * pause - time.monotonic()))
    page.wait_for_function(f"window.__labelsieve_timings.length === {count}")
    timings = page.evaluate("window.__labelsieve_timings")
    return sorted(timing["painted_time"] - timing["key_time"] for timing in timings)


def percentile(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, round(share * (len(values) - 1)))]


def measure(workspace: Path) -> tuple[list[float], list[float], int]:
    """Return the sorted times of single decisions, of the burst, and how many samples it decided."""
    with served(workspace) as server:
        server.wait_for_ranking()
        with browser_page(server.url) as (page, noise):
            time.sleep(2)
            decide(page, WARM_UP, 0.4)
            single = decide(page, 60, 0.4)
            before = server.session()["progress"]["decided"]
            burst = decide(page, 60, 0.04)
            server.wait(lambda: server.session()["progress"]["decided"] >= before + 60, 20)
            landed = server.session()["progress"]["decided"] - before
            if noise:
                raise RuntimeError(f"The console is not empty: {noise}")
    return single, burst, landed


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    print(circumstances())
    p95s = []
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        write_cifar(base / "cifar")
        for number in range(runs):
            workspace = base / f"workspace{number}"
            source = ("--images", base / "cifar" / "images", "--labels", base / "cifar" / "labels.csv")
            columns = ("--path-column", "file name", "--label-column", "label (worse)")
            reviewer("init", workspace, *source, *columns, "--weights", SMALL_CLIP)
            reviewer("triage", workspace)
            single, burst, landed = measure(workspace)
            p95s.append(percentile(single, 0.95))
            print(
                f"run {number + 1}: single p50 {statistics.median(single):.1f} p95 {p95s[-1]:.1f} "
                f"max {single[-1]:.1f} ms; burst p50 {statistics.median(burst):.1f} "
                f"p95 {percentile(burst, 0.95):.1f} ms, {landed} of 60 landed"
            )
    spread = statistics.stdev(p95s) if len(p95s) > 1 else 0.0
    print(f"p95 of single decisions: {statistics.mean(p95s):.1f} ± {spread:.1f} ms over {runs} runs")


if __name__ == "__main__":
    main()
