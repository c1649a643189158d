"""What the page says where there is nothing to decide, or what was decided cannot be saved."""

import contextlib
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.driver import Server, browser_page, position, served, wait_for_card


@contextlib.contextmanager
def full_disk(server: Server) -> Iterator[None]:
    """Let no file of the server's process grow, as on a disk without room."""
    soft, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (100, hard))
    try:
        yield
    finally:
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (soft, hard))


def alert(page: Any) -> str:
    return page.locator(".ls-alert:visible").first.inner_text()


def decided(server: Server) -> int:
    return server.session()["progress"]["decided"]


def without(noise: list[str], *words: str) -> list[str]:
    """Return what is left of the console without the browser's own lines about calls that failed."""
    return [line for line in noise if not any(word in line for word in words)]


def test_a_full_disk_says_not_saved_and_what_to_do_and_loses_nothing(workspace: Path, tmp_path: Path) -> None:
    with served(workspace) as server, browser_page(server.url) as (page, noise):
        with full_disk(server):
            for _ in range(3):
                at = position(page)
                page.keyboard.press("a")
                page.wait_for_function(f"document.querySelector('[data-position]').dataset.position != {at}")
            page.get_by_text("NOT SAVED: 3 decisions").wait_for(timeout=15_000)
            said = alert(page)
            assert "is full, so nothing was written; free some space, then try again." in said
            assert "kept in this browser" in said
            page.screenshot(path=tmp_path / "full.png")
            page.locator(".ls-alert").get_by_role("button", name="Try again").click()
            page.get_by_role("tab", name="Sheets").click()
            page.locator("[data-sheet=ready]").wait_for()
            page.locator("#labelsieve-sheet .ls-tile").last.click()  # none of the three
            page.keyboard.press("a")
            page.locator("#labelsieve-sheet .ls-alert").get_by_text("is full").wait_for()
            page.screenshot(path=tmp_path / "full-sheet.png")
            assert decided(server) == 0
        page.get_by_role("button", name="Send again").click()
        page.get_by_role("tab", name="Review").click()
        server.wait(lambda: decided(server) == 4, 15)
        page.locator(".ls-saved", has_text="Saved").wait_for()
        assert page.locator(".ls-alert:visible").count() == 0
        assert without(noise, "507") == []


def shows(state: str) -> Any:
    """Return what waits until the pane is in this state."""
    return lambda page: page.locator(f"[data-state={state}]").wait_for(timeout=60_000)


def test_when_everything_is_decided_the_table_is_one_click_away(workspace: Path, tmp_path: Path) -> None:
    with served(workspace) as server:
        server.wait_for_ranking()
        everything = list(range(server.session()["progress"]["samples"]))
        act = {"id": "act-of-all-01", "outcome": "keep", "positions": everything}
        assert server.client.post("/api/acts", json=act).json()["saved"] == 400
        with browser_page(server.url, until=shows("empty")) as (page, noise):
            page.get_by_role("heading", name="Everything is decided").wait_for()
            page.get_by_text("400 kept").wait_for()
            page.screenshot(path=tmp_path / "all.png")
            with page.expect_download() as download:
                page.get_by_role("link", name="Download the corrected table").click()
            assert Path(download.value.path()).read_bytes().count(b"kept") == 400
            page.keyboard.press("z")
            wait_for_card(page)
            assert decided(server) == 0
            assert noise == []


def test_a_filter_that_leaves_no_card_can_be_cleared(server: Server, tmp_path: Path) -> None:
    with browser_page(f"{server.url}/#text=nothing-is-called-so", until=shows("empty")) as (page, noise):
        page.get_by_role("heading", name="No undecided card matches the filter").wait_for()
        page.screenshot(path=tmp_path / "filter.png")
        page.get_by_role("button", name="Clear the filter").click()
        wait_for_card(page)
        assert page.evaluate("location.hash") in ("", "#")
        assert noise == []
    with browser_page(f"{server.url}/#selection=gone-000001", until=shows("error")) as (page, noise):
        page.get_by_text("There is no selection 'gone-000001' here; choose the samples again.").wait_for()
        page.screenshot(path=tmp_path / "gone.png")
        page.get_by_role("button", name="Clear the filter").click()
        wait_for_card(page)
        assert without(noise, "400") == []


def test_a_server_that_is_gone_is_said_and_comes_back_by_itself(workspace: Path, tmp_path: Path) -> None:
    with served(workspace) as server, browser_page(server.url) as (page, noise):
        page.get_by_role("tab", name="Sheets").click()
        page.locator("[data-sheet=ready]").wait_for()
        page.get_by_role("tab", name="Review").click()
        server.kill()
        pressed = 0
        while page.locator("[data-position]").count():  # the cards that were fetched before
            page.keyboard.press("a")
            page.wait_for_timeout(60)
            pressed += 1
            assert pressed < 60
        page.get_by_role("heading", name="The reviewer does not answer").wait_for(timeout=15_000)
        page.get_by_text("NOT SAVED").first.wait_for()
        page.screenshot(path=tmp_path / "lost.png")
        page.get_by_role("tab", name="Sheets").click()
        page.keyboard.press("r")
        page.get_by_role("heading", name="The sheet cannot be shown").wait_for(timeout=15_000)
        page.locator("#labelsieve-sheet").get_by_text(
            "start it again with python -m reviewer"
        ).first.wait_for()
        page.screenshot(path=tmp_path / "lost-sheet.png")
        page.get_by_role("tab", name="Review").click()
        with served(workspace, port=server.port) as again:
            wait_for_card(page)
            again.wait(lambda: decided(again) >= pressed - 1, 15)
            page.locator(".ls-saved", has_text="Saved").wait_for()
            page.get_by_text("NOT SAVED").first.wait_for(state="hidden")
            assert without(noise, "ERR_CONNECTION", "Failed to", "does not answer") == []


def test_the_report_is_a_click_away_and_its_figures_stand_in_the_data_tab(workspace: Path) -> None:
    with served(workspace) as server:
        server.wait_for_ranking()
        act = {"id": "act-of-some-1", "outcome": "keep", "positions": list(range(7))}
        assert server.client.post("/api/acts", json=act).json()["saved"] == 7
        with browser_page(server.url) as (page, noise):
            assert page.locator("h1").all_inner_texts() == ["digits, Labelsieve"]
            page.get_by_role("tab", name="Data").click()
            figures = page.locator("#report-figures")
            figures.get_by_text("errors are left").wait_for()
            assert figures.locator("li").all_inner_texts() == ["400\nsamples", "7\ndecided", "7\nkept"]
            page.evaluate("document.title = 'digits'")
            with page.expect_popup() as opened:
                figures.get_by_role("link", name="Open the report").click()
            report = opened.value
            report.on("console", lambda message: noise.append(message.text))
            report.get_by_role("heading", name="What was relabelled").wait_for()
            assert report.url == f"{server.url}/report.html"
            assert report.evaluate("window.opener") is None
            assert noise == []


def test_the_keys_of_a_mixed_sheet_are_whole_on_a_small_screen(server: Server) -> None:
    with browser_page(server.url, viewport={"width": 1280, "height": 720}) as (page, noise):
        page.get_by_role("tab", name="Sheets").click()
        page.locator("[data-sheet=ready]").wait_for()
        keys = page.locator("#labelsieve-sheet [data-act=digit]")
        keys.nth(4).wait_for()
        pane = page.locator("#labelsieve-sheet").bounding_box()
        for key in keys.all():
            box = key.bounding_box()
            assert box["x"] + box["width"] <= pane["x"] + pane["width"]
            assert box["y"] + box["height"] <= 720
            assert key.evaluate("(node) => node.scrollWidth <= node.clientWidth")
        assert noise == []
