"""Queues in an order of their own, and what the decisions say of the rest, in a real browser on the demo."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_plus

import pytest

from reviewer.arrangements import KINDS
from reviewer.demo import open_demo
from tests.driver import Server, browser_page, found, position, served, settled, show_sheets, wait_for_card

OPEN = "outcome=undecided,skip"
RANGE = "#labelsieve-sheet .ls-range"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The demo, ranked: its model knows its classes by name."""
    with served(open_demo(tmp_path_factory.mktemp("queues") / "demo").root) as server:
        server.wait_for_ranking()
        yield server


def test_a_text_brings_the_images_of_it_and_stands_in_the_address(demo: Server) -> None:
    asked = "a picture of a sailboat"
    with browser_page(demo.url, until=show_sheets) as (page, noise):
        bar = page.locator("#labelsieve-sheet .ls-filters")
        bar.get_by_role("button", name="Filter").first.click()
        bar.get_by_label("Images of").fill(asked)
        page.keyboard.press("Enter")
        page.wait_for_function("(hash) => location.hash === hash", arg=f"#query={quote_plus(asked)}")
        page.keyboard.press("Escape")
        page.locator("#labelsieve-sheet .ls-f-chip", has_text=asked).wait_for()
        settled(page)
        captions = page.locator("#labelsieve-sheet .ls-tile")
        captions.first.wait_for()
        page.wait_for_function("document.querySelectorAll('#labelsieve-sheet .ls-tile img').length >= 20")
        words = [captions.nth(i).get_attribute("aria-label") or "" for i in range(20)]
        assert sum("sailboat" in each for each in words) >= 15
        assert noise == []


def test_more_like_this_starts_with_the_image_itself_and_takes_keys(demo: Server) -> None:
    with browser_page(demo.url) as (page, noise):
        at = position(page)
        page.locator("#labelsieve-review").get_by_role("button", name="More images like this one").click()
        page.wait_for_function("(at) => location.hash === `#like=${at}`", arg=at)
        page.locator(".ls-f-chip", has_text="like one image").first.wait_for()
        wait_for_card(page)
        assert position(page) in found(demo, f"like={at}&{OPEN}")[:2]
        assert noise == []


@pytest.mark.parametrize("kind", ["duplicates", "conflicts", "outliers"])
def test_duplicates_and_outliers_are_queues_of_their_own(demo: Server, kind: str) -> None:
    expected = found(demo, f"kind={kind}&{OPEN}")
    with browser_page(demo.url, until=show_sheets) as (page, noise):
        bar = page.locator("#labelsieve-sheet .ls-filters")
        bar.get_by_role("button", name="Filter").first.click()
        bar.get_by_label("Alike, apart, disputed").select_option(kind)
        page.wait_for_function("(hash) => location.hash === hash", arg=f"#kind={kind}")
        page.keyboard.press("Escape")
        page.locator("#labelsieve-sheet .ls-f-chip", has_text=KINDS[kind]).wait_for()
        if expected:
            page.wait_for_function(
                "([selector, words]) => document.querySelector(selector).textContent.includes(words)",
                arg=[RANGE, f"of {len(expected):,}"],
            )
        assert noise == []


def test_the_outlook_says_what_is_left_and_mixes_audits_in(demo: Server, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(demo.workspace, tmp_path / "demo"))
    (copy / "server.json").unlink(missing_ok=True)
    with served(copy) as server, browser_page(server.url) as (page, noise):
        opener = page.get_by_role("button", name="errors left")
        opener.wait_for()
        assert opener.inner_text().endswith("not audited")
        opener.click()
        window = page.get_by_role("dialog", name="How many errors are left")
        assert "When to stop cannot be said" in window.inner_text()
        window.get_by_role("row").nth(12).wait_for()  # each of the twelve classes, and the head
        caught = window.locator(".ls-out-catch p")
        before = caught.inner_text()
        assert "to catch about 90 %" in before
        window.get_by_label("Share of the errors to catch").fill("60")
        assert "to catch about 60 %" in caught.inner_text() != before
        window.get_by_label("Audit cards").select_option("0.5")
        server.wait(lambda: server.client.get("/api/outlook").json()["audit_rate"] == 0.5, 10)
        window.get_by_role("button", name="Close").click()
        wait_for_card(page)
        for _ in range(12):
            if page.get_by_text("Audit card: judge the image alone").is_visible():
                break
            at = position(page)
            page.keyboard.press("s")
            page.wait_for_function(
                "(at) => Number(document.querySelector('[data-position]')?.dataset.position) !== at", arg=at
            )
        assert page.get_by_text("Audit card: judge the image alone").is_visible()
        page.keyboard.press("1")
        server.wait(lambda: server.client.get("/api/outlook").json()["audits"] == 1, 10)
        opener.filter(has_not_text="not audited").wait_for()
        assert noise == []
