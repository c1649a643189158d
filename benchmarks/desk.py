"""The review desk against its promises, in Chromium on the real app.

    python -m benchmarks.desk FOLDER [--only key,million,people,sheet,lasso,rerank] [--runs 3]
    python -m benchmarks.desk FOLDER --only soak [--minutes 30]

key       60 keys, 0.4 s apart, among 1,500 samples: key to next card painted
million   the same among 1,000,000 samples
people    the same among 20,000 while eight others decide twice a second each
sheet     a page of 60 tiles: turned to at reading pace, turned to at once, and a sheet opened, until every
          picture of it is decoded and two frames have passed
lasso     20,000 of 100,000 points: from the button's release, over "Review them", to the first card of them
rerank    50,000 samples of 10 and of 100 classes: from a decision to the ranking that has learnt from it
soak      4 keys a second for MINUTES: memory of server and page, each minute

Workspaces are made in FOLDER (`benchmarks.large`) and kept there; each run works on a copy of its database.
"""

import argparse
import shutil
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from benchmarks.card import WARM_UP, decide, percentile
from benchmarks.crowd import start_crowd
from benchmarks.large import make_large
from benchmarks.machine import circumstances
from benchmarks.soak import soak
from reviewer.workspace import open_workspace
from tests.driver import Server, browser_page, served

PLANE = "#labelsieve-map .ls-plane"
IN_CORNER = (  # the card of one of the first fifth is ready
    "Number(document.querySelector('#review[data-state=ready], #review [data-state=ready]')"
    "?.closest('#review').querySelector('[data-position]')?.dataset.position ?? Infinity) < 20000"
)
N_KEYS, PAUSE = 60, 0.4
PEOPLE, EACH = 8, 0.5
N_PAGES = 20
N_RERANKS = 10


def workspace_of(folder: Path, n: int, n_classes: int = 10) -> Path:
    """Return the workspace of n samples, made where it is missing, without decisions or drawn pictures."""
    root = folder / f"{n}-of-{n_classes}-classes" / "workspace"
    fresh = root.with_name("review.duckdb")
    if not fresh.is_file():
        shutil.rmtree(root.parent, ignore_errors=True)
        start = time.monotonic()
        made = make_large(folder, n, n_classes=n_classes)
        shutil.copyfile(made.database, fresh)
        print(f"made {n:,} samples of {n_classes} classes in {time.monotonic() - start:.0f} s", flush=True)
    workspace = open_workspace(root)
    shutil.copyfile(fresh, workspace.database)
    workspace.database.with_name(f"{workspace.database.name}.wal").unlink(missing_ok=True)  # of a killed run
    shutil.rmtree(workspace.cache / "pictures", ignore_errors=True)
    return root


@contextmanager
def desk_of(folder: Path, n: int, n_classes: int = 10) -> Iterator[Server]:
    with served(workspace_of(folder, n, n_classes)) as server:
        server.wait_for_ranking()
        yield server


def told(name: str, values: list[float], unit: str = "ms") -> None:
    values = sorted(values)
    print(
        f"{name}: p50 {statistics.median(values):.1f}, p95 {percentile(values, 0.95):.1f}, "
        f"max {values[-1]:.1f} {unit} ({len(values)} values)",
        flush=True,
    )


# -- key to next card ----------------------------------------------------------------------------------


def keys(server: Server) -> list[float]:
    """Return the milliseconds from each key to the next card's paint."""
    with browser_page(server.url) as (page, noise):
        time.sleep(2)
        decide(page, WARM_UP, PAUSE)
        times = decide(page, N_KEYS, PAUSE)
        if noise:
            raise RuntimeError(f"The console is not empty: {noise}")
    return times


def measure_key(folder: Path, run: int) -> None:
    with desk_of(folder, 1_500) as server:
        told(f"key, 1,500 samples, run {run}", keys(server))


def measure_million(folder: Path, run: int) -> None:
    with desk_of(folder, 1_000_000) as server:
        told(f"key, 1,000,000 samples, run {run}", keys(server))


def measure_people(folder: Path, run: int) -> None:
    with desk_of(folder, 20_000) as server:

        def connect(_: int) -> httpx.Client:
            return httpx.Client(base_url=server.url, timeout=20, trust_env=False)

        crowd = start_crowd(connect, PEOPLE, decisions=None, pause=EACH)
        start = time.monotonic()
        times = keys(server)
        crowd.stop()
        seconds = time.monotonic() - start
        faults = [fault for tally in crowd.tallies for fault in tally.faults]
        if faults:
            raise RuntimeError(f"The others met {len(faults)} faults, the first: {faults[0]}")
        rate = sum(len(tally.acknowledged) for tally in crowd.tallies) / seconds / PEOPLE
        told(f"key, beside {PEOPLE} people at {rate:.2f} decisions a second each, run {run}", times)


# -- sheets --------------------------------------------------------------------------------------------

UNTIL_SHOWN = """async (row) => {
    const tiles = () => [...document.querySelectorAll('#labelsieve-sheet .ls-tile img')];
    const names = () => tiles().map((img) => img.getAttribute('src')).join();
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    const before = names();
    const start = performance.now();
    const turn = new KeyboardEvent('keydown', { key: ']', code: 'BracketRight' });
    if (row === null) document.dispatchEvent(turn);
    else document.querySelectorAll('#labelsieve-sheet .ls-c-open')[row].click();
    const isShown = () => names() !== before && tiles().length > 0
        && tiles().every((img) => img.getAttribute('src') && img.complete && img.naturalWidth);
    while (!isShown()) {
        await frame();
        if (performance.now() - start > 20000) throw new Error('the page of tiles never came');
    }
    await frame();
    await frame();
    return [performance.now() - start, tiles().length];
}"""


def show_sheets(page: Any) -> None:
    page.get_by_role("tab", name="Sheets").click()
    page.wait_for_selector("[data-sheet=ready]", timeout=60_000)
    page.wait_for_selector("#labelsieve-sheet .ls-c-open")


def pages_of_tiles(page: Any, rows: list[int | None], pause: float) -> list[float]:
    """Return the milliseconds until each page is shown; rows: of the class table to open, None: the next."""
    times = []
    for row in rows:
        took, n = page.evaluate(UNTIL_SHOWN, row)
        if n != 60:
            raise RuntimeError(f"A page has {n} tiles instead of 60.")
        times.append(took)
        time.sleep(pause)
    return times


def measure_sheet(folder: Path, run: int) -> None:
    with (
        desk_of(folder, 20_000, 5) as server,  # few classes: each pair of them has more than a page
        browser_page(server.url, until=show_sheets) as (page, noise),
    ):
        time.sleep(2)
        told(f"next page of 60 tiles, read for 2 s, run {run}", pages_of_tiles(page, [None] * N_PAGES, 2.0))
        told(f"next page of 60 tiles, at once, run {run}", pages_of_tiles(page, [None] * N_PAGES, 0.0))
        rows: list[int | None] = list(range(10))
        told(f"a sheet opened from the class table, run {run}", pages_of_tiles(page, rows, 1.0))
        if noise:
            raise RuntimeError(f"The console is not empty: {noise}")


# -- the lasso -----------------------------------------------------------------------------------------


def show_map(page: Any) -> None:
    page.get_by_role("tab", name="Map").click()
    page.wait_for_selector("[data-map=ready]", timeout=120_000)
    page.wait_for_selector(f"{PLANE} .nsewdrag", timeout=60_000)


def corner(page: Any) -> list[tuple[float, float]]:
    """Return the corners, in pixels, of a square around the fifth of the points that lies by itself."""
    view = page.evaluate(
        """(name) => {
            const plane = document.querySelector(name);
            const { left, top, width, height } = plane.getBoundingClientRect();
            const { xaxis, yaxis } = plane.layout;
            return [left, top, width, height, ...xaxis.range, ...yaxis.range];
        }""",
        PLANE,
    )
    left, top, width, height, x0, x1, y0, y1 = view

    def pixel(x: float, y: float) -> tuple[float, float]:
        return left + (x - x0) / (x1 - x0) * width, top + (y1 - y) / (y1 - y0) * height

    return [pixel(0.5, 0.5), pixel(0.97, 0.5), pixel(0.97, 0.97), pixel(0.5, 0.97), pixel(0.5, 0.52)]


def measure_lasso(folder: Path, run: int) -> None:
    with desk_of(folder, 100_000) as server, browser_page(server.url, until=show_map) as (page, _):
        time.sleep(2)
        page.get_by_role("radio", name="Lasso").click()
        corners = corner(page)
        page.mouse.move(*corners[0])
        page.mouse.down()
        for x, y in corners[1:]:
            page.mouse.move(x, y, steps=6)
        start = time.perf_counter()
        page.mouse.up()
        page.wait_for_selector("#labelsieve-map .ls-chosen", state="visible")
        chosen = time.perf_counter()
        words = page.text_content("#labelsieve-map .ls-chosen [role=status]")
        if words != "20,000 images":
            raise RuntimeError(f"The lasso found {words!r} instead of 20,000 images.")
        clicked = time.perf_counter()
        page.get_by_role("button", name="Review them").click()
        page.wait_for_function("location.hash.startsWith('#selection=')")
        page.wait_for_function(IN_CORNER)
        end = time.perf_counter()
        print(
            f"lasso of 20,000 of 100,000, run {run}: {1e3 * (chosen - start):.0f} ms until they are chosen, "
            f"{1e3 * (end - clicked):.0f} ms from the click to their first card, "
            f"{1e3 * (chosen - start + end - clicked):.0f} ms together",
            flush=True,
        )


# -- ranking again -------------------------------------------------------------------------------------


def measure_rerank(folder: Path, run: int) -> None:
    for n_classes in (10, 100):
        with desk_of(folder, 50_000, n_classes) as server:
            told(f"re-rank, 50,000 samples of {n_classes} classes, run {run}", reranks(server), "s")


def reranks(server: Server) -> list[float]:
    """Return the seconds from each of some decisions to the ranking that has learnt from it."""
    times = []
    for card in server.client.get(f"/api/cards?count={N_RERANKS}").json()["cards"]:
        known = server.session()["ranking"]["version"]
        entry = {
            "id": uuid.uuid4().hex,
            "position": card["position"],
            "sample_id": card["sample_id"],
            "outcome": "relabel",
            "labels": [card["suggested"]["name"]],
        }
        start = time.perf_counter()
        server.client.post("/api/decisions", json={"decisions": [entry]}).raise_for_status()
        while server.session()["ranking"]["version"] == known:
            time.sleep(0.01)
        times.append(time.perf_counter() - start)
    return times


MEASURES: dict[str, Callable[[Path, int], None]] = {
    "key": measure_key,
    "million": measure_million,
    "people": measure_people,
    "sheet": measure_sheet,
    "lasso": measure_lasso,
    "rerank": measure_rerank,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default=",".join(MEASURES))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=30.0)
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    print(circumstances(), flush=True)
    for name in asked.only.split(","):
        if name == "soak":
            with desk_of(asked.folder, 20_000) as server:
                soak(server, asked.minutes)
            continue
        for run in range(1, asked.runs + 1):
            MEASURES[name](asked.folder, run)


if __name__ == "__main__":
    main()
