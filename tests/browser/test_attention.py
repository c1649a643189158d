"""V on the card: where the model sees the given and the suggested class."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.driver import Server, browser_page, position, reviewer, served, write_digits

CHIP = ".ls-heat-chip"
MAP = ".ls-heat-map"
SHARES = """() => {
    const picture = document.querySelector('.ls-picture img').getBoundingClientRect();
    const map = document.querySelector('.ls-heat-map').getBoundingClientRect();
    return [(map.x - picture.x) / picture.width, (map.y - picture.y) / picture.height,
            map.width / picture.width, map.height / picture.height];
}"""
PIXELS = """() => {
    const canvas = document.querySelector('.ls-heat-map');
    return [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data];
}"""

ASKED_FOR = """() => [...new Set(performance.getEntriesByType('resource')
    .map((entry) => /api\\/attention\\/(\\d+)/.exec(entry.name)?.[1]).filter(Boolean))]"""


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory, clip: Path) -> Path:
    """A ranked workspace of pictures that are half as wide again as they are high."""
    folder = tmp_path_factory.mktemp("wide")
    write_digits(folder / "images", count=200)
    for path in (folder / "images").rglob("*.png"):
        with Image.open(path) as picture:
            broad = Image.new("RGB", (96, 64), (255, 255, 255))
            broad.paste(picture, (16, 0))
        broad.save(path)
    workspace = folder / "digits"
    reviewer("init", workspace, "--images", folder / "images", "--weights", clip)
    reviewer("triage", workspace)
    return workspace


@pytest.fixture(scope="module")
def server(wide: Path) -> Iterator[Server]:
    with served(wide) as server:
        yield server


def shown(page: Any) -> tuple[str, str]:
    """The given and the suggested class of the card, as the page names them."""
    names = page.locator("#labelsieve-review .ls-tile-name")
    return names.nth(0).inner_text(), names.nth(1).inner_text()


def wait_for_map(page: Any, mode: str, words: str) -> None:
    page.wait_for_selector(f"{MAP}[data-mode={mode}]", timeout=60_000)
    page.wait_for_function(
        f"document.querySelector('{CHIP}').innerText.replace(/\\s+/g, ' ').trim() === {json.dumps(words)}"
    )


def to_a_doubtful_card(page: Any) -> tuple[str, str]:
    """Move on to a card whose suggestion is not the given label."""
    for _ in range(20):
        given, suggested = shown(page)
        if given != suggested:
            return given, suggested
        at = position(page)
        page.keyboard.press("ArrowRight")
        page.wait_for_function(f"document.querySelector('[data-position]').dataset.position !== '{at}'")
    raise AssertionError("every suggestion is the given label")


def test_v_shows_given_suggested_difference_and_nothing(server: Server) -> None:
    with browser_page(server.url) as (page, noise):
        given, suggested = to_a_doubtful_card(page)
        assert not page.locator(".ls-heat").is_visible()
        page.keyboard.press("v")
        wait_for_map(page, "given", f"Where the model sees {given} (given)")
        first = page.evaluate(PIXELS)
        page.keyboard.press("v")
        wait_for_map(page, "suggested", f"Where the model sees {suggested} (suggested)")
        second = page.evaluate(PIXELS)
        page.keyboard.press("v")
        wait_for_map(page, "difference", f"More for {suggested} (suggested) for {given} (given)")
        third = page.evaluate(PIXELS)
        assert first != second
        # The difference shows nothing where both maps are alike, and something where they are not.
        assert min(third[3::4]) < 10 < max(third[3::4])
        page.keyboard.press("v")
        page.wait_for_selector(".ls-heat", state="hidden")
        assert page.locator(".ls-heat-button").get_attribute("aria-pressed") == "false"
        assert noise == []


def test_the_map_lies_on_what_the_model_saw(server: Server) -> None:
    with browser_page(server.url) as (page, noise):
        to_a_doubtful_card(page)
        page.keyboard.press("v")
        page.wait_for_selector(MAP, timeout=60_000)
        # 96 × 64 pixels, of which the model sees the middle 64 × 64.
        for share, expected in zip(page.evaluate(SHARES), (16 / 96, 0, 64 / 96, 1), strict=True):
            assert share == pytest.approx(expected, abs=0.002)
        page.set_viewport_size({"width": 1000, "height": 700})
        page.wait_for_timeout(200)
        for share, expected in zip(page.evaluate(SHARES), (16 / 96, 0, 64 / 96, 1), strict=True):
            assert share == pytest.approx(expected, abs=0.003)
        assert noise == []


def test_the_map_follows_from_card_to_card_through_decisions(server: Server) -> None:
    before = server.session()["progress"]["decided"]
    with browser_page(server.url) as (page, noise):
        page.locator(".ls-heat-button").click()  # the mouse's way
        page.wait_for_selector(MAP, timeout=60_000)
        for _ in range(3):
            at = position(page)
            page.keyboard.press("a")
            page.wait_for_function(f"document.querySelector('[data-position]').dataset.position !== '{at}'")
            given, suggested = shown(page)
            words = "(given)" if given != suggested else "(given and suggested)"
            wait_for_map(page, "given", f"Where the model sees {given} {words}")
        # The next maps are there before they are needed: the overlay changes with the card.
        page.wait_for_function(f"({ASKED_FOR})().length >= 8")  # this card, those before it, four ahead
        page.evaluate(
            """() => void new MutationObserver(() => {
                window.__with_card ??= document.querySelector('.ls-heat-map') !== null;
            }).observe(document.querySelector('[data-position]'), {attributeFilter: ['data-position']})"""
        )
        page.keyboard.press("a")
        page.wait_for_function("window.__with_card !== undefined")
        assert page.evaluate("window.__with_card") is True
        server.wait(lambda: server.session()["progress"]["decided"] == before + 4, 15)
        assert noise == []


def test_decisions_do_not_wait_for_maps(server: Server) -> None:
    before = server.session()["progress"]["decided"]
    asked: list[str] = []

    def never(route: Any) -> None:
        asked.append(route.request.url)
        route.fulfill(json={"pending": "Asking the model where it sees the classes"})

    with browser_page(server.url) as (page, noise):
        page.route("**/api/attention/**", never)
        page.keyboard.press("v")
        page.get_by_text("Asking the model where it sees the classes").wait_for()
        assert page.locator(f"{CHIP}.ls-busy").is_visible()
        assert page.locator(MAP).count() == 0
        start = time.monotonic()
        for number in range(20):
            page.keyboard.press("a")
            time.sleep(max(0.0, start + (number + 1) * 0.04 - time.monotonic()))
        server.wait(lambda: server.session()["progress"]["decided"] == before + 20, 20)
        assert len(set(asked)) < 20  # a burst asks for the cards where it rests
        for _ in range(3):  # fewer where the card's two labels are the same
            page.keyboard.press("v")
            if page.locator(".ls-heat").is_hidden():
                break
        page.wait_for_selector(".ls-heat", state="hidden")
        assert noise == []


def test_what_cannot_be_had_is_said_in_a_sentence(server: Server) -> None:
    sentence = "No run has ranked <b>the samples</b> yet; the maps come with its model."
    with browser_page(server.url) as (page, noise):
        page.route("**/api/attention/**", lambda route: route.fulfill(json={"unavailable": sentence}))
        page.keyboard.press("v")
        page.get_by_text(sentence).wait_for()
        assert page.locator(f"{CHIP} b").count() == 0
        page.unroute("**/api/attention/**")
        at = position(page)
        page.keyboard.press("ArrowRight")  # the next card asks anew
        page.wait_for_function(f"document.querySelector('[data-position]').dataset.position !== '{at}'")
        page.wait_for_selector(MAP, timeout=60_000)
        assert noise == []


def test_v_is_a_letter_where_one_types(server: Server) -> None:
    with browser_page(server.url) as (page, noise):
        page.keyboard.press("/")
        page.keyboard.type("v")
        assert page.locator(".ls-picker-input").input_value() == "v"
        page.keyboard.press("Escape")
        assert not page.locator(".ls-heat").is_visible()
        assert noise == []


@pytest.mark.parametrize("size", [(1440, 900), (1280, 720)], ids=str)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_legend_fits_and_the_page_does_not_scroll(
    server: Server, tmp_path: Path, theme: str, size: tuple[int, int]
) -> None:
    viewport = {"width": size[0], "height": size[1]}
    with browser_page(f"{server.url}/?__theme={theme}", viewport=viewport, color_scheme=theme) as (
        page,
        noise,
    ):
        to_a_doubtful_card(page)
        for mode in ("given", "suggested", "difference"):
            page.keyboard.press("v")
            page.wait_for_selector(f"{MAP}[data-mode={mode}]", timeout=60_000)
            page.screenshot(path=tmp_path / f"{mode}-{theme}-{size[0]}.png")
            chip, stage = page.locator(CHIP).bounding_box(), page.locator(".ls-stage").bounding_box()
            assert chip is not None
            assert stage is not None
            assert stage["x"] < chip["x"]
            assert chip["x"] + chip["width"] < stage["x"] + stage["width"]
            assert chip["y"] + chip["height"] < stage["y"] + stage["height"]
        extent = page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
        )
        assert extent == list(size)
        button = page.locator(".ls-heat-button").bounding_box()
        assert button is not None
        assert button["y"] + button["height"] <= size[1]
        assert noise == []
