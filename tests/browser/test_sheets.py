"""Contact sheets and the class table in a real browser: what is shown, chosen, decided and taken back."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.driver import Server, browser_page, found, position, served, settled, show_sheets

HOSTILE = '<img src=x onerror="window.hacked=1">\'; \u202eabc'
OPEN = "outcome=undecided,skip"
FAILED_REQUEST = "Failed to load resource"  # what the browser writes where a test cuts the network


@pytest.fixture(scope="module")
def sheets(ranked: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the tests that decide nothing, or take back what they decide."""
    copy = Path(shutil.copytree(ranked, tmp_path_factory.mktemp("sheets") / "digits"))
    with served(copy) as server:
        yield server


@contextmanager
def sheet_page(server: Server, path: str = "", **options: Any) -> Iterator[Any]:
    with browser_page(server.url + path, until=show_sheets, **options) as (page, noise):
        yield page
        assert [line for line in noise if FAILED_REQUEST not in line] == []


def tiles(page: Any) -> Any:
    return page.locator("#labelsieve-sheet .ls-tile")


def marked(page: Any) -> list[int]:
    """Return the places of the marked tiles."""
    return page.evaluate(
        "[...document.querySelectorAll('#labelsieve-sheet .ls-tile')]"
        ".flatMap((tile, i) => (tile.ariaSelected === 'true' ? [i] : []))"
    )


def largest_pair(server: Server) -> tuple[str, str, int]:
    cells = server.client.get("/api/classes").json()["cells"]
    cell = max(cells, key=lambda cell: (cell["flagged"], cell["undecided"]))
    return cell["given"], cell["suggested"], cell["undecided"]


def fetches(page: Any, part: str) -> int:
    """Return how often the page has asked for addresses with a part."""
    names = page.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)")
    return sum(part in name for name in names)


def says(page: Any, text: str) -> None:
    page.wait_for_function(
        "(text) => document.querySelector('#labelsieve-sheet .ls-status').textContent.includes(text)",
        arg=text,
    )


def test_the_table_opens_the_sheet_of_a_pair_and_the_address_keeps_it(sheets: Server) -> None:
    given, suggested, n = largest_pair(sheets)
    with sheet_page(sheets) as page:
        rows = page.locator("#labelsieve-sheet .ls-c-open")
        assert rows.count() == len(sheets.client.get("/api/classes").json()["cells"])
        rows.filter(has_text=given).filter(has_text=suggested).first.click()
        page.wait_for_function("location.hash.includes('suggested=')")
        settled(page)
        assert page.evaluate("location.hash") == f"#given={given}&suggested={suggested}"
        assert tiles(page).count() == min(n, 60)
        assert f"1–{min(n, 60)} of {n} undecided" in page.locator("#labelsieve-sheet .ls-range").inner_text()
        address = page.url
        # The line about a tile names what the server says of it.
        first = found(sheets, f"given={given}&suggested={suggested}&{OPEN}")[0]
        tile = sheets.client.get(f"/api/tiles?positions={first}").json()["tiles"][0]
        tiles(page).first.hover()
        line = page.locator("#labelsieve-sheet .ls-peek").inner_text()
        assert tile["path"] in line
        assert given in line
        assert suggested in line
        assert "p_clean" in line
        page.go_back()  # to the sheet before, as everywhere in a browser
        page.wait_for_function("document.querySelectorAll('#labelsieve-sheet .ls-tile').length === 60")
    with sheet_page(sheets, address.removeprefix(sheets.url)) as page:
        assert tiles(page).count() == min(n, 60)


def test_sixty_tiles_at_a_time_without_a_scroll_at_every_size(sheets: Server) -> None:
    with sheet_page(sheets, "/?__theme=dark") as page:
        for width, height, least in ((1440, 900, 60), (1280, 720, 30), (820, 1180, 40)):
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(400)
            settled(page)
            assert page.evaluate("document.documentElement.scrollHeight <= innerHeight"), (width, height)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (width, height)
            assert tiles(page).count() >= least
            lowest = max(
                box["y"] + box["height"] for box in (tile.bounding_box() for tile in tiles(page).all())
            )
            assert lowest <= page.locator("#labelsieve-sheet .ls-line").bounding_box()["y"]
        page.get_by_role("button", name="Class table").click()  # it lies over the tiles on a tablet
        page.locator("#labelsieve-sheet .ls-c-open").first.click()
        page.locator("#labelsieve-sheet .ls-c").wait_for(state="hidden")


def test_pages_are_stable_and_only_what_is_seen_is_in_the_page(sheets: Server) -> None:
    order = found(sheets, OPEN)
    with sheet_page(sheets) as page:
        assert tiles(page).count() == 60
        page.keyboard.press("]")
        page.wait_for_function(
            "document.querySelector('#labelsieve-sheet .ls-range').textContent.startsWith('61–120')"
        )
        settled(page)
        assert tiles(page).count() == 60
        first = sheets.client.get(f"/api/tiles?positions={order[60]}").json()["tiles"][0]
        assert tiles(page).first.locator("img").get_attribute("src") == first["image"]
        sheets.wait(lambda: fetches(page, "/api/tiles") >= 6, 20)  # half a page in each
        page.keyboard.press("PageDown")
        sheets.wait(lambda: fetches(page, "/api/tiles") >= 8, 20)
        page.keyboard.press("PageUp")
        page.keyboard.press("[")
        page.wait_for_function(
            "document.querySelector('#labelsieve-sheet .ls-range').textContent.startsWith('1–60')"
        )
        page.wait_for_timeout(300)
        assert fetches(page, "/api/tiles") == 8  # each page once: three that were seen, and one ahead
        assert fetches(page, "/api/positions") == 1


def test_choosing_by_click_range_rectangle_and_keys(sheets: Server) -> None:
    with sheet_page(sheets) as page:
        tiles(page).nth(2).click()
        tiles(page).nth(6).click(modifiers=["Shift"])
        assert marked(page) == [2, 3, 4, 5, 6]
        page.keyboard.press("x")  # the tile that was clicked last has the focus
        assert marked(page) == [2, 3, 4, 5]
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("x")
        columns = page.evaluate(
            "+document.querySelector('#labelsieve-sheet .ls-tiles').style.getPropertyValue('--columns')"
        )
        assert marked(page) == [2, 3, 4, 5, 5 + columns]
        page.get_by_role("button", name="Remove all marks").click()
        first, last = tiles(page).nth(0).bounding_box(), tiles(page).nth(columns + 1).bounding_box()
        page.mouse.move(first["x"] + 10, first["y"] + 10)
        page.mouse.down()
        page.mouse.move(last["x"] + 10, last["y"] + 10, steps=4)
        page.mouse.up()
        assert marked(page) == [0, 1, columns, columns + 1]
        page.keyboard.press("i")
        assert len(marked(page)) == 56
        page.keyboard.press("Control+a")
        assert len(marked(page)) == 60
        page.get_by_role("button", name="Mark all of the sheet").click()
        everything = len(found(sheets, OPEN))
        assert f"the chosen {everything}" in page.locator("#labelsieve-sheet .ls-switches").inner_text()


def test_the_exceptions_stay_one_key_decides_the_rest_and_one_takes_it_back(workspace: Path) -> None:
    with served(workspace) as server, sheet_page(server) as page:
        given, suggested, n = largest_pair(server)
        query = f"given={given}&suggested={suggested}&{OPEN}"
        samples = found(server, query)
        page.evaluate(f"location.hash = 'given={given}&suggested={suggested}'")
        page.wait_for_function(f"document.querySelectorAll('#labelsieve-sheet .ls-tile').length === {n}")
        settled(page)
        tiles(page).nth(1).click()
        assert tiles(page).nth(1).inner_text() == "exception"
        words = page.locator("#labelsieve-sheet .ls-preview").inner_text()
        assert f"W: {n - 1} of {n} get" in words
        assert "1 stays undecided" in words
        page.keyboard.press("w")
        if n - 1 > 20:
            page.keyboard.press("Enter")
        says(page, f"{n - 1} relabelled")
        relabelled = found(server, "outcome=relabel")
        assert sorted(relabelled) == sorted([samples[0], *samples[2:]])
        assert tiles(page).nth(0).inner_text() == suggested  # a word as well as a colour
        page.keyboard.press("w")
        says(page, "exceptions")
        assert len(found(server, "outcome=relabel")) == n - 1
        page.keyboard.press("e")
        page.keyboard.press("a")
        says(page, "1 kept")
        assert found(server, "outcome=keep") == [samples[1]]
        page.keyboard.press("z")
        says(page, "Taken back: 1 kept")
        page.keyboard.press("z")
        says(page, f"Taken back: {n - 1} relabelled")
        assert found(server, "outcome=relabel") == []
        assert found(server, f"given={given}&{OPEN}&text=") != []
        page.keyboard.press("Shift+Z")
        says(page, f"Done again: {n - 1} relabelled")
        assert len(found(server, "outcome=relabel")) == n - 1


def test_more_than_twenty_are_counted_and_asked_about_first(workspace: Path) -> None:
    with served(workspace) as server, sheet_page(server, "/#given=three") as page:
        n = len(found(server, f"given=three&{OPEN}"))
        assert n > 20
        page.keyboard.press("Control+a")
        for no in ("Escape", "n"):
            page.keyboard.press("a")
            dialog = page.locator("#labelsieve-sheet dialog")
            dialog.wait_for()
            assert dialog.locator("p").inner_text() == f"Keep the given label of {n} samples?"
            page.keyboard.press(no)
            dialog.wait_for(state="hidden")
            says(page, "Nothing was changed")
        assert found(server, "outcome=keep") == []
        page.keyboard.press("a")
        page.keyboard.press("Enter")
        says(page, f"{n} kept")
        assert len(found(server, "outcome=keep")) == n
        page.keyboard.press("r")
        page.get_by_text("Nothing matches").wait_for()
        page.keyboard.press("z")  # without a tile on the screen as well
        page.wait_for_function(f"document.querySelectorAll('#labelsieve-sheet .ls-tile').length === {n}")


def test_a_failed_save_is_said_and_sent_again_under_the_same_id(workspace: Path) -> None:
    with served(workspace) as server, sheet_page(server) as page:
        sent: list[str] = []
        page.on(
            "request",
            lambda request: "/api/acts" in request.url and sent.append(request.post_data_json["id"]),
        )
        page.route("**/api/acts", lambda route: route.abort())
        tiles(page).nth(0).click()
        tiles(page).nth(1).click()
        page.keyboard.press("b")
        page.locator("#labelsieve-sheet .ls-alert").get_by_text("NOT SAVED: 2 decisions").wait_for()
        assert tiles(page).nth(0).inner_text() != "bad image"
        page.unroute("**/api/acts")
        page.get_by_role("button", name="Send again").click()
        says(page, "2 bad images")
        assert page.locator("#labelsieve-sheet .ls-alert").is_hidden()
        assert len(sent) == 2
        assert len(set(sent)) == 1
        assert len(found(server, "outcome=bad_image")) == 2


def test_the_keyboard_alone_is_enough_and_enter_opens_the_card(sheets: Server) -> None:
    given, suggested, n = largest_pair(sheets)
    with sheet_page(sheets) as page:
        page.get_by_label("Find a class").focus()
        page.keyboard.type(given)  # letters belong to the field
        assert marked(page) == []
        page.keyboard.press("Tab")
        for _ in range(12):
            if page.evaluate("document.activeElement.className") == "ls-c-open":
                break
            page.keyboard.press("Tab")
        while page.evaluate("document.activeElement.textContent") != f"{given}{suggested}":
            before = page.evaluate("document.activeElement.textContent")
            page.keyboard.press("ArrowDown")
            assert page.evaluate("document.activeElement.textContent") != before
        page.keyboard.press("Enter")
        page.wait_for_function(
            f"document.querySelectorAll('#labelsieve-sheet .ls-tile').length === {min(n, 60)}"
        )
        page.wait_for_function("document.activeElement.classList.contains('ls-tile')")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("x")
        assert marked(page) == [1]
        page.keyboard.press("Enter")
        wanted = found(sheets, f"given={given}&suggested={suggested}&{OPEN}")[1]
        page.wait_for_selector(
            f"#review [data-position='{wanted}'], #review[data-position='{wanted}']", timeout=20_000
        )
        assert position(page) == wanted


def test_filters_are_chips_and_a_sentence(sheets: Server) -> None:
    with sheet_page(sheets) as page:
        bar = page.locator("#labelsieve-sheet .ls-filters")
        bar.get_by_role("button", name="Filter").first.click()
        bar.get_by_label("Given label").first.select_option("two")
        page.wait_for_function("location.hash === '#given=two'")
        bar.get_by_label("p_clean to").first.fill("0.4")
        page.keyboard.press("Tab")
        page.wait_for_function("location.hash === '#given=two&p_max=0.4'")
        page.keyboard.press("Escape")
        settled(page)
        n = len(found(sheets, f"given=two&p_max=0.4&{OPEN}"))
        assert page.locator("#labelsieve-sheet .ls-range").inner_text().startswith(f"1–{min(n, 60)} of {n}")
        chips = page.locator("#labelsieve-sheet .ls-f-chip")
        assert chips.count() == 2
        chips.first.get_by_role("button").click()
        page.wait_for_function("location.hash === '#p_max=0.4'")
        page.locator("#labelsieve-sheet .ls-f-text").fill("two/0")
        page.wait_for_function("location.hash === '#p_max=0.4&text=two%2F0'")
        bar.get_by_role("button", name="Clear", exact=True).click()
        page.wait_for_function("location.hash === ''")
        page.wait_for_function("document.querySelectorAll('#labelsieve-sheet .ls-tile').length === 60")


def test_hostile_names_stay_text_and_a_thousand_classes_are_drawn_in_parts(sheets: Server) -> None:
    names = [HOSTILE, *(f"class {i}" for i in range(999))]
    cell = {"undecided": 9, "flagged": 3, "relabelled": 0, "kept": 0}
    cells = [
        {"given": names[i % 1000], "suggested": names[(i * 7 + 1) % 1000], **cell, "flagged": 20_000 - i}
        for i in range(20_000)
    ]
    rows = [
        {
            "name": name,
            "samples": 9,
            "flagged": 3,
            "decided": 0,
            "relabelled_away": 0,
            "relabelled_to": 0,
            "errors_expected": 2.5,
        }
        for name in names
    ]
    tile = {
        "sample_id": HOSTILE,
        "path": HOSTILE,
        "given": HOSTILE,
        "suggested": HOSTILE + "2",
        "suggested_probability": 0.9,
        "p_clean": 0.1,
        "outcome": None,
        "labels": [],
        "annotator": None,
        "image": "/image/thumb/0",
    }

    def answer(route: Any) -> None:
        if "/api/classes" in route.request.url:
            return route.fulfill(json={"classes": rows, "cells": cells, "threshold": 0.5})
        asked = route.request.url.split("positions=")[1].split("%2C" if "%2C" in route.request.url else ",")
        return route.fulfill(json={"tiles": [{**tile, "position": int(p)} for p in asked], "progress": {}})

    def hostile(page: Any) -> None:
        page.route("**/api/classes*", answer)
        page.route("**/api/tiles*", answer)
        show_sheets(page)

    with browser_page(sheets.url, until=hostile) as (page, noise):
        opened = page.locator("#labelsieve-sheet .ls-c-open")
        assert opened.count() == 200
        page.get_by_role("button", name="Show more").click()
        assert opened.count() == 400
        took = page.evaluate("""() => {
            const start = performance.now();
            document.querySelectorAll('#labelsieve-sheet .ls-c-sort')[0].click();
            return performance.now() - start;
        }""")
        print(f"20,000 pairs of 1,000 classes in another order: {took:.0f} ms")
        assert opened.count() == 200
        assert page.locator("#labelsieve-sheet th[aria-sort=ascending]").inner_text().startswith("Given")
        page.get_by_role("button", name="Classes", exact=True).click()
        assert opened.count() == 200
        tiles(page).first.hover()
        assert HOSTILE in page.locator("#labelsieve-sheet .ls-peek-path").inner_text()
        assert page.locator("#labelsieve-sheet img[onerror], #labelsieve-sheet script").count() == 0
        assert page.evaluate("window.hacked") is None
        assert noise == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_serious_violation(sheets: Server, theme: str) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    )
    given, suggested, _ = largest_pair(sheets)
    with sheet_page(sheets, f"/?__theme={theme}#given={given}&suggested={suggested}") as page:
        tiles(page).first.click()
        violations = axe.Axe().run(page, context="#labelsieve-sheet").response["violations"]
        page.locator("#labelsieve-sheet .ls-f-button").click()
        violations += axe.Axe().run(page, context="#labelsieve-sheet").response["violations"]
        serious = [
            (each["id"], node["html"][:200], node.get("failureSummary", "")[:300])
            for each in violations
            if each["impact"] in ("serious", "critical")
            for node in each["nodes"]
        ]
        assert serious == []
