"""Four keys a second for half an hour: does the memory of server and page stay where it is?"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from benchmarks.card import KEYS
from benchmarks.plain_browser import PlainBrowser, plain_browser
from tests.driver import Server

READY = "window.__labelsieve_ready === true && document.querySelector('[data-state=ready]') !== null"
RATE = 4.0
SETTLED = 5.0  # minutes after which nothing may grow
MB = 2**20


@dataclass(frozen=True, kw_only=True)
class Look:
    """Memory at one moment, in MB. server: resident; heap: JavaScript's, after a collection; page: resident,
    of the browser's process that draws it; nodes: elements of the document."""

    minute: float
    decided: int
    server: float
    heap: float
    page: float
    nodes: int


def soak(server: Server, minutes: float) -> None:
    """Decide for `minutes` and print what is held each minute, and how it has grown."""
    looks: list[Look] = []
    with plain_browser() as page:
        page.open(server.url)
        page.wait(READY)
        page.call("Performance.enable")
        start, pressed = time.monotonic(), 0
        while (now := (time.monotonic() - start) / 60) < minutes:
            page.press(KEYS[pressed % len(KEYS)])
            pressed += 1
            if now >= len(looks):
                looks.append(look(server, page, now))
                print(looks[-1], flush=True)
            time.sleep(max(0.0, start + pressed / RATE - time.monotonic()))
        looks.append(look(server, page, minutes))
        print(looks[-1], flush=True)
        if page.noise:
            raise RuntimeError(f"The console is not empty: {page.noise[:3]}")
    print(f"{pressed} keys in {minutes:.0f} minutes, {looks[-1].decided} decided")
    for name in ("server", "heap", "page", "nodes"):
        print(f"{name}: {growth(looks, name)}", flush=True)


def look(server: Server, page: PlainBrowser, minute: float) -> Look:
    """Return what is held now."""
    page.call("HeapProfiler.collectGarbage")
    metrics = {each["name"]: each["value"] for each in page.call("Performance.getMetrics")["metrics"]}
    return Look(
        minute=round(minute, 1),
        decided=server.session()["progress"]["decided"],
        server=round(psutil.Process(server.process.pid).memory_info().rss / MB, 1),
        heap=round(metrics["JSHeapUsedSize"] / MB, 2),
        page=round(max(renderers()) / MB, 1),
        nodes=int(metrics["Nodes"]),
    )


def renderers() -> list[int]:
    """Return the resident bytes of the processes that draw pages, below this one."""
    sizes = [0]
    for child in psutil.Process().children(recursive=True):
        try:
            if "--type=renderer" in child.cmdline():
                sizes.append(child.memory_info().rss)
        except psutil.NoSuchProcess:
            continue
    return sizes


def growth(looks: Sequence[Look], name: str) -> str:
    """Return how the mean of the last five looks compares with that of the first five that are settled."""
    settled = [float(getattr(each, name)) for each in looks if each.minute >= SETTLED]
    if len(settled) < 10:
        return f"{len(settled)} looks after {SETTLED:.0f} minutes are too few to compare"
    before, after = sum(settled[:5]) / 5, sum(settled[-5:]) / 5
    return f"{before:.1f} → {after:.1f} ({100 * (after / before - 1):+.1f} %)"
