"""The map of all images in a real browser: where its points are, what a click on one opens, what it costs."""

import io
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.artifacts import write_json
from engine.illustrations import ILLUSTRATIONS, SPACES, remove_illustrations, write_projection
from reviewer.jobs import run_directories
from reviewer.workspace import open_workspace
from tests.driver import Server, browser_page, position, served, wait_for_card

PLANE = "#labelsieve-map .ls-plane"
# Chromium draws WebGL without a GPU here, and says that copying the picture to the screen is slow.
SOFTWARE_GL = "GPU stall due to ReadPixels"


@pytest.fixture(scope="module")
def mapped(ranked: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose ranked workspace has its maps: clusters, dense within, and some points by themselves."""
    copy = Path(shutil.copytree(ranked, tmp_path_factory.mktemp("mapped") / "digits"))
    run_dir = run_directories(open_workspace(copy))[0]
    n = len(np.load(run_dir / "embeddings.npy"))
    for seed, space in enumerate(SPACES):
        rng = np.random.default_rng(seed)
        centres = np.linspace([-0.8, -0.3], [0.8, 0.3], 10)[np.arange(n) % 10]
        plane = centres + rng.normal(scale=0.02, size=(n, 2))
        plane[:20] = rng.uniform([-1, -0.5], [1, 0.5], (20, 2))
        write_projection(run_dir, space, plane)
    write_json(run_dir / ILLUSTRATIONS.result, {})  # nothing is left to draw
    with served(copy) as server:
        yield server


class Map:
    """The map tab, and what must lie where on it, computed from the bytes that the page gets."""

    def __init__(self, page: Any, server: Server) -> None:
        self.page = page
        self.server = server

    def open(self, seconds: float = 60) -> "Map":
        self.page.get_by_role("tab", name="Map").click()
        self.page.wait_for_selector("[data-map=ready]", timeout=seconds * 1000)
        self.page.wait_for_selector(f"{PLANE} .nsewdrag", timeout=20_000)
        self.read()
        return self

    def read(self, space: str = "image") -> None:
        header = self.server.client.get(f"/api/map?space={space}").json()
        data = self.server.client.get(header["points"]).content
        n = int(np.frombuffer(data, "<u4", 1)[0])
        self.positions = np.frombuffer(data, "<u4", n, 4)
        self.plane = np.frombuffer(data, "<f4", 2 * n, 4 + 4 * n).reshape(2, n).T.astype(float)

    def pixels(self) -> np.ndarray:
        """Return where each point is on the screen, (n, 2)."""
        view = self.page.evaluate(
            f"""() => {{
                const plane = document.querySelector('{PLANE}');
                const {{ left, top, width, height }} = plane.getBoundingClientRect();
                const {{ xaxis, yaxis }} = plane.layout;
                return {{ left, top, width, height, x: xaxis.range, y: yaxis.range }};
            }}"""
        )
        x = (self.plane[:, 0] - view["x"][0]) / (view["x"][1] - view["x"][0])
        y = (view["y"][1] - self.plane[:, 1]) / (view["y"][1] - view["y"][0])
        return np.stack([view["left"] + x * view["width"], view["top"] + y * view["height"]], axis=1)

    def settled(self, holds: Callable[[np.ndarray], bool]) -> np.ndarray:
        """Wait until the points stand still where `holds` is true; return where they are."""
        before = self.pixels()
        for _ in range(50):
            self.page.wait_for_timeout(300)
            now = self.pixels()
            if holds(now) and np.array_equal(now, before):
                return now
            before = now
        raise AssertionError("the points are not where they should be")

    def gaps(self) -> np.ndarray:
        """Return how far each point is from the next one, in pixels."""
        pixels = self.pixels()
        distance = np.linalg.norm(pixels[:, None] - pixels[None], axis=2)
        np.fill_diagonal(distance, np.inf)
        return distance.min(axis=1)

    def nearest(self, x: float, y: float) -> int:
        """Return the position of the point nearest to a pixel."""
        return int(self.positions[np.linalg.norm(self.pixels() - (x, y), axis=1).argmin()])

    def click(self, x: float, y: float) -> int:
        """Click there, and return the position of the card that opens."""
        self.page.mouse.click(x, y)
        self.page.wait_for_selector("#labelsieve-review", state="visible")
        expected = self.nearest_before
        self.page.wait_for_selector(
            f"#review [data-position='{expected}'], #review[data-position='{expected}']"
        )
        return position(self.page)

    def aim(self, x: float, y: float) -> int:
        """Return the position that a click there has to open."""
        self.nearest_before = self.nearest(x, y)
        return self.nearest_before


def wider(now: np.ndarray, before: np.ndarray, two: np.ndarray) -> bool:
    """Return whether two points have moved apart by a fifth."""
    apart = [np.linalg.norm(each[two[0]] - each[two[1]]) for each in (now, before)]
    return bool(apart[0] > 1.2 * apart[1])


@contextmanager
def map_page(server: Server, path: str = "", **options: Any) -> Iterator[tuple[Any, Map, list[str]]]:
    with browser_page(server.url + path, **options) as (page, noise):
        yield page, Map(page, server), noise
        assert [line for line in noise if SOFTWARE_GL not in line] == []


def fetched(page: Any) -> list[str]:
    return page.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)")


def test_nothing_of_the_map_is_fetched_before_its_tab_is_shown(mapped: Server) -> None:
    with map_page(mapped) as (page, plane, _):
        page.keyboard.press("ArrowRight")
        assert not [name for name in fetched(page) if "/plotly/" in name or "/map" in name]
        plane.open()
        assert len([name for name in fetched(page) if "/plotly/" in name]) == 1
        page.get_by_role("tab", name="Runs").click()
        plane.open()
        assert len([name for name in fetched(page) if ".bin" in name]) == 1  # the points travel once


def test_a_click_on_a_point_by_itself_opens_its_card_which_takes_keys(mapped: Server) -> None:
    with map_page(mapped) as (page, plane, _):
        plane.open()
        pixels, gaps = plane.pixels(), plane.gaps()
        for row in np.argsort(-gaps)[:3].tolist():
            x, y = pixels[row]
            assert plane.aim(x + 4, y - 3) == plane.positions[row]
            assert plane.click(x + 4, y - 3) == plane.positions[row]
            plane.open()
        x, y = pixels[gaps.argmax()]
        at = plane.aim(x, y)
        plane.click(x, y)
        page.keyboard.press("b")
        card = f"/api/card/{at}"
        mapped.wait(lambda: (mapped.client.get(card).json()["decision"] or {}).get("outcome") == "bad_image")
        plane.open()
        page.get_by_role("radio", name="Decision").click()
        page.get_by_role("button", name="Bad image 1").wait_for(timeout=10_000)
        page.get_by_role("tab", name="Review").click()
        page.keyboard.press("z")
        page.wait_for_selector(f"[data-position='{at}']")
        mapped.wait(lambda: mapped.client.get(card).json()["decision"] is None)


def test_a_click_in_a_crowd_opens_the_nearest_also_when_zoomed_and_moved(mapped: Server) -> None:
    with map_page(mapped) as (page, plane, _):
        plane.open()
        for move in ("", "zoom", "move"):
            pixels, gaps = plane.pixels(), plane.gaps()
            box = page.locator(PLANE).bounding_box()
            inside = (np.abs(pixels - (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)) < 200).all(
                1
            )
            dense = np.flatnonzero(inside)[np.argsort(gaps[inside])[:3]]
            assert gaps[dense].max() < 6
            x, y = pixels[dense[0]] + 1.5
            if move == "zoom":
                page.mouse.move(x, y)
                for _ in range(3):
                    page.mouse.wheel(0, -120)
                    page.wait_for_timeout(150)
                zoomed = plane.settled(lambda now, before=pixels, two=dense[[0, -1]]: wider(now, before, two))
                x, y = zoomed[dense[0]] + 1.5
            if move == "move":
                page.mouse.move(x, y)
                page.mouse.down()
                page.mouse.move(x + 60, y + 30, steps=4)
                page.mouse.up()
                page.wait_for_timeout(150)
                assert page.locator("#labelsieve-map").is_visible()  # a drag is no click
                moved = plane.pixels()[dense[0]]
                np.testing.assert_allclose(moved, pixels[dense[0]] + (60, 30), atol=2)
                x, y = moved + 1.5
            expected = plane.aim(x, y)
            assert plane.click(x, y) == expected
            plane.open()


def test_points_are_drawn_where_clicks_look_for_them(mapped: Server) -> None:
    with map_page(mapped) as (page, plane, _):
        plane.open()
        page.mouse.move(5, 5)
        page.wait_for_timeout(500)
        pixels, gaps = plane.pixels(), plane.gaps()
        shot = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB")).astype(int)
        alone = pixels[np.argsort(-gaps)[:6]].round().astype(int)
        ground = shot[int(pixels[:, 1].min()) - 10, int(pixels[:, 0].min()) - 10]
        for x, y in alone.tolist():
            assert np.abs(shot[y, x] - ground).max() > 40, (x, y)
            assert np.abs(shot[y - 25 : y - 22, x - 25 : x - 22] - ground).max() < 12, (x, y)


def test_a_click_beside_every_point_and_keys_on_the_map_do_nothing(mapped: Server) -> None:
    with map_page(mapped) as (page, plane, _):
        shown = position(page)
        plane.open()
        corner = page.locator(PLANE).bounding_box()
        page.mouse.click(corner["x"] + 6, corner["y"] + 6)
        for key in ("a", "w", "1", "s", "z", "ArrowRight"):
            page.keyboard.press(key)
        page.wait_for_timeout(300)
        assert page.locator("#labelsieve-map").is_visible()
        assert mapped.session()["progress"]["decided"] == 0
        page.get_by_role("tab", name="Review").click()
        assert position(page) == shown


def test_the_pointer_shows_the_picture_and_its_labels(mapped: Server) -> None:
    with map_page(mapped) as (page, plane, _):
        plane.open()
        row = int(plane.gaps().argmax())
        x, y = plane.pixels()[row]
        page.mouse.move(x - 200, y)
        page.mouse.move(x + 2, y + 2, steps=3)
        peek = page.locator(".ls-peek")
        peek.wait_for(state="visible")
        card = mapped.client.get(f"/api/card/{plane.positions[row]}").json()
        assert peek.locator("bdi").first.text_content() == card["given"]["name"]
        assert peek.locator("bdi").last.text_content() == card["suggested"]["name"]
        page.wait_for_function("document.querySelector('.ls-peek img').naturalWidth > 0")
        address = peek.locator("img").get_attribute("src")
        assert address.startswith(f"/image/thumb/{plane.positions[row]}?v=")
        corner = page.locator(PLANE).bounding_box()
        page.mouse.move(corner["x"] + 4, corner["y"] + 4)
        peek.wait_for(state="hidden")


def test_colours_spaces_and_the_legend(mapped: Server) -> None:
    with map_page(mapped) as (page, plane, _):
        plane.open()
        legend = page.locator("#labelsieve-map .ls-legend li")
        assert legend.count() == 10
        total = sum(
            int(text) for text in page.locator("#labelsieve-map .ls-legend li .ls-count").all_inner_texts()
        )
        assert total == len(plane.positions)
        # The rings around flagged points can be taken away, and come back.
        traces = f"document.querySelector('{PLANE}').data.length"
        rings = page.get_by_role("button", name="Flagged, undecided")
        assert page.evaluate(traces) == 10 + 2  # the card under review has a mark of its own
        rings.click()
        page.wait_for_function(f"{traces} === 11")
        assert rings.get_attribute("aria-pressed") == "false"
        rings.click()
        page.wait_for_function(f"{traces} === 12")
        # A class shown alone: the others can no longer be pointed at.
        page.get_by_role("button", name="three", exact=False).first.click()
        values = mapped.client.get(mapped.client.get("/api/map").json()["values"]).content
        given = np.frombuffer(values, "<u4", len(plane.positions), 4 + 4 * len(plane.positions))
        names = mapped.client.get("/api/map").json()["classes"]
        others = given != names.index("three")
        row = int(np.where(others, plane.gaps(), 0).argmax())
        page.mouse.move(*plane.pixels()[row])
        page.wait_for_timeout(300)
        assert page.locator(".ls-peek").is_hidden()
        page.get_by_role("button", name="three", exact=False).first.click()
        page.mouse.move(*(plane.pixels()[row] + 1))
        page.locator(".ls-peek").wait_for(state="visible")
        before = plane.plane.copy()
        page.get_by_role("radio", name="Vision–language features").click()
        page.wait_for_function(
            "performance.getEntriesByType('resource').some((e) => e.name.includes('/joint.bin'))"
        )
        page.wait_for_timeout(500)
        plane.read("joint")
        assert not np.allclose(plane.plane, before)
        row = int(plane.gaps().argmax())
        x, y = plane.pixels()[row]
        assert plane.aim(x, y) == plane.positions[row]
        assert plane.click(x, y) == plane.positions[row]


def test_it_follows_the_theme_and_the_size_of_the_window(mapped: Server) -> None:
    with map_page(mapped, "/?__theme=dark") as (page, plane, _):
        plane.open()
        ink = f"document.querySelector('{PLANE}').data.at(-1).marker.color"
        dark = page.evaluate(ink)
        page.evaluate("document.body.classList.remove('dark')")
        page.wait_for_function(f"{ink} !== '{dark}'")
        page.set_viewport_size({"width": 1100, "height": 700})
        page.wait_for_function(f"document.querySelector('{PLANE}').layout.height < 600")
        assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
        row = int(plane.gaps().argmax())
        x, y = plane.pixels()[row]
        assert plane.aim(x, y) == plane.positions[row]
        assert plane.click(x, y) == plane.positions[row]


@pytest.mark.slow
def test_the_map_appears_by_itself_after_the_first_ranking(workspace: Path) -> None:
    for run in run_directories(open_workspace(workspace)):
        remove_illustrations(run)
    with served(workspace) as server, map_page(server) as (page, plane, _):
        page.get_by_role("tab", name="Map").click()
        page.locator("#labelsieve-map .ls-message h2").wait_for()
        assert server.client.get("/api/map").json()["state"] in ("none", "running")
        plane.open(seconds=300)
        assert len(plane.positions) == 400
        assert np.isfinite(plane.plane).all()
        row = int(plane.gaps().argmax())
        x, y = plane.pixels()[row]
        assert plane.aim(x, y) == plane.positions[row]
        assert plane.click(x, y) == plane.positions[row]
        wait_for_card(page)


# -- drawing around images --


def drawn_around(page: Any, there: Map, name: str, corners: list[tuple[float, float]]) -> list[int]:
    """Draw around some pixels and return the positions that lie inside, as the page has to find them."""
    page.get_by_role("radio", name=name).click()
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner, steps=6)
    page.mouse.up()
    page.wait_for_selector("#labelsieve-map .ls-chosen", state="visible")
    left, top = np.min(corners, axis=0)
    right, bottom = np.max(corners, axis=0)
    x, y = there.pixels().T
    return sorted(there.positions[(x > left) & (x < right) & (y > top) & (y < bottom)].tolist())


def test_a_lasso_becomes_the_queue_and_has_an_address(mapped: Server):
    with map_page(mapped) as (page, there, _):
        there.open()
        x, y = there.pixels().T
        middle, right = float(np.median(x)), float(x.max()) + 12
        top, bottom = float(y.min()) - 12, float(y.max()) + 12
        corners = [(middle, top), (right, top), (right, bottom), (middle, bottom), (middle, top + 4)]
        inside = drawn_around(page, there, "Lasso", corners)
        assert 0 < len(inside) < len(x)
        assert f"{len(inside)} images" in page.text_content("#labelsieve-map .ls-chosen")
        page.get_by_role("button", name="Review them").click()
        page.wait_for_selector("#labelsieve-review", state="visible")
        page.wait_for_function("() => location.hash.startsWith('#selection=')")
        selection = page.evaluate("() => location.hash").partition("=")[2]
        cards = mapped.client.get(f"/api/cards?count=50&selection={selection}").json()["cards"]
        assert {card["position"] for card in cards} <= set(inside)
        found = np.frombuffer(mapped.client.get(f"/api/positions?selection={selection}").content, "<u4")
        assert sorted(found[1:].tolist()) == inside


def test_a_box_can_be_let_go(mapped: Server):
    with map_page(mapped) as (page, there, _):
        there.open()
        x, y = there.pixels().T
        corners = [(float(x.min()) - 5, float(y.min()) - 5), (float(np.median(x)), float(y.max()) + 5)]
        assert len(drawn_around(page, there, "Box", corners)) > 0
        page.get_by_role("button", name="Let go").click()
        page.wait_for_selector("#labelsieve-map .ls-chosen", state="hidden")
        page.get_by_role("radio", name="Move").click()
        where = there.pixels()[3]
        there.aim(*where)
        assert there.click(*where) == there.nearest_before
