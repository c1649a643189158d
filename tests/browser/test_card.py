"""What the card offers beside deciding: reasons, neighbours, notes, zoom, other keys, blind cards; and that
everybody can use it."""

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.driver import Server, browser_page, position, served, wait_for_card

CARD = "#labelsieve-review"
STAGE = f"{CARD} .ls-stage"
HEARD = "window.addEventListener('labelsieve:filter', (event) => { window.__filter = event.detail; })"
PLACE = """(selector) => {
    const box = document.querySelector(selector).getBoundingClientRect();
    return [box.x, box.y, box.width, box.height];
}"""


def picture(side: int) -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").resize((side, side)).save(file, "JPEG")
    return file.getvalue()


def show_large_pictures(page: Any) -> None:
    """Show pictures of 1,600 pixels, of which the card's own rendition has 1,280."""

    def cards(route: Any) -> None:
        answer = route.fetch()
        body = answer.json()
        for card in body["cards"]:
            full = card["image"].replace("/image/card/", "/image/full/")
            card.update(width=1600, height=1600, full=full)
        route.fulfill(response=answer, json=body)

    def answer_with(data: bytes) -> Callable[[Any], None]:
        return lambda route: route.fulfill(body=data, content_type="image/jpeg")

    page.route("**/api/cards?*", cards)
    page.route("**/image/card/*", answer_with(picture(1280)))
    page.route("**/image/full/*", answer_with(picture(1600)))
    page.reload()
    wait_for_card(page)


def moved_from(page: Any, at: int) -> None:
    page.wait_for_function(f"document.querySelector('[data-position]')?.dataset.position !== '{at}'")


def zoom_of(page: Any) -> float:
    return float(page.evaluate(f"document.querySelector('{STAGE}').style.getPropertyValue('--zoom') || '1'"))


def close_to(found: list[float], expected: list[float], by: float = 1.5) -> bool:
    return all(abs(a - b) <= by for a, b in zip(found, expected, strict=True))


# -- reasons and neighbours --


def test_a_reason_is_a_filter_that_finds_the_card(server: Server) -> None:
    with browser_page(server.url) as (page, noise):
        page.evaluate(HEARD)
        at = position(page)
        said = server.client.get(f"/api/card/{at}").json()["reasons"]
        buttons = page.locator(f"{CARD} .ls-reason")
        assert buttons.all_inner_texts() == [reason["words"] for reason in said]
        assert said
        for button, reason in zip(buttons.all(), said, strict=True):
            button.click()
            assert page.evaluate("window.__filter") == {"reason": reason["key"]}
        assert position(page) == at
        assert noise == []


def test_a_neighbour_opens_its_card_and_back_leads_to_the_first(server: Server) -> None:
    with browser_page(server.url) as (page, noise):
        at = position(page)
        neighbours = server.client.get(f"/api/card/{at}").json()["neighbours"]
        tiles = page.locator(f"{CARD} .ls-near-tile:visible")
        assert tiles.count() == 12
        tiles.nth(1).click()
        page.wait_for_selector(f"[data-position='{neighbours[1]['position']}']")
        page.keyboard.press("ArrowRight")
        page.wait_for_selector(f"[data-position='{at}']")
        assert noise == []


def test_the_strip_has_each_image_once_and_names_the_classes_of_its_parts(server: Server) -> None:
    with browser_page(server.url) as (page, noise):
        for _ in range(5):
            page.wait_for_function(
                f"[...document.querySelectorAll('{CARD} .ls-near img')]"
                ".filter((each) => each.checkVisibility()).every((each) => each.naturalWidth)"
            )
            sources = page.eval_on_selector_all(
                f"{CARD} .ls-near-tile:not([hidden]) img",
                "nodes => nodes.filter((each) => each.checkVisibility()).map((each) => each.src)",
            )
            assert len(set(sources)) == len(sources) == 12
            card = server.client.get(f"/api/card/{position(page)}").json()
            for kind in ("given", "suggested"):
                part = page.locator(f"{CARD} .ls-near-{kind}")
                if part.is_visible():
                    assert part.locator(".ls-near-text").inner_text().endswith(card[kind]["name"])
                    names = part.locator(".ls-neighbour:visible .ls-near-name").all_inner_texts()
                    assert set(names) == {card[kind]["name"]}
            at = position(page)
            page.keyboard.press("ArrowRight")
            moved_from(page, at)
        assert noise == []


# -- the note --


def test_a_note_goes_with_the_decision_and_its_keys_decide_nothing(workspace: Path) -> None:
    with served(workspace) as server, browser_page(server.url) as (page, noise):
        at = position(page)
        page.keyboard.press("n")
        page.keyboard.type("a wolf? z 1 /")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement === document.body")
        page.keyboard.press("n")
        page.keyboard.press("Escape")
        assert position(page) == at
        assert server.session()["progress"]["decided"] == 0

        page.keyboard.press("ArrowRight")
        moved_from(page, at)
        assert page.get_by_label("Note", exact=True).input_value() == ""
        page.keyboard.press("ArrowLeft")
        page.wait_for_selector(f"[data-position='{at}']")
        assert page.get_by_label("Note", exact=True).input_value() == "a wolf? z 1 /"

        page.keyboard.press("a")
        moved_from(page, at)
        server.wait(lambda: server.session()["progress"]["decided"] == 1, 10)
        assert server.client.get(f"/api/card/{at}").json()["decision"]["note"] == "a wolf? z 1 /"
        page.keyboard.press("z")
        page.wait_for_selector(f"[data-position='{at}']")
        assert page.get_by_label("Note", exact=True).input_value() == "a wolf? z 1 /"
        assert noise == []


# -- zoom --


def test_the_wheel_zooms_at_the_pointer_and_a_drag_pans(server: Server) -> None:
    with browser_page(server.url) as (page, noise):
        show_large_pictures(page)
        before = page.evaluate(PLACE, ".ls-picture img")
        at = before[0] + 0.25 * before[2], before[1] + 0.6 * before[3]
        page.mouse.move(*at)
        # Until it covers the stage it stays in the middle; from then on the point below the pointer stays.
        for _ in range(30):
            page.mouse.wheel(0, -120)
            page.wait_for_timeout(50)
            if zoom_of(page) > 2.2:
                break
        page.wait_for_timeout(300)
        x, y, width, height = page.evaluate(PLACE, ".ls-picture img")
        share = (at[0] - x) / width, (at[1] - y) / height
        page.mouse.wheel(0, -120)
        page.wait_for_function(
            f"document.querySelector('.ls-picture img').getBoundingClientRect().width > {1.1 * width}"
        )
        x, y, width, height = page.evaluate(PLACE, ".ls-picture img")
        assert close_to([x + share[0] * width, y + share[1] * height], list(at))
        page.mouse.down()
        page.mouse.move(at[0] + 40, at[1] - 30, steps=4)
        page.mouse.up()
        moved = page.evaluate(PLACE, ".ls-picture img")
        assert close_to(moved, [x + 40, y - 30, width, height])
        page.mouse.dblclick(*at)
        assert close_to(page.evaluate(PLACE, ".ls-picture img"), before)
        assert noise == []


def test_zoom_by_keys_shows_more_pixels_than_were_fetched_and_the_next_card_is_whole(server: Server) -> None:
    with browser_page(server.url) as (page, noise):
        show_large_pictures(page)
        asked: list[str] = []
        page.on(
            "request", lambda request: asked.append(request.url) if "/image/full/" in request.url else None
        )
        at = position(page)
        fitted = page.evaluate(PLACE, ".ls-picture img")
        page.keyboard.press("f")
        assert page.locator(f"{CARD} .ls-zoom-value").inner_text() == "100 %"
        page.wait_for_selector(f"{CARD} .ls-full")
        larger = page.evaluate("document.querySelector('.ls-full').naturalWidth")
        card = page.evaluate("document.querySelector('.ls-picture img').naturalWidth")
        assert (card, larger) == (1280, 1600)
        assert close_to(page.evaluate(PLACE, ".ls-full"), page.evaluate(PLACE, ".ls-picture img"))
        assert len(asked) == 1
        before = page.evaluate(PLACE, ".ls-picture img")
        page.keyboard.press("Shift+ArrowRight")
        assert page.evaluate(PLACE, ".ls-picture img")[0] < before[0]
        assert position(page) == at, "an arrow with Shift turns no page"
        page.keyboard.press("f")
        assert zoom_of(page) == 1
        page.keyboard.press("+")
        page.keyboard.press("+")
        assert zoom_of(page) == pytest.approx(2.25)
        page.keyboard.press("-")
        assert zoom_of(page) == pytest.approx(1.5)
        page.keyboard.press("ArrowRight")
        moved_from(page, at)
        page.wait_for_selector("[data-state=ready]")
        assert zoom_of(page) == 1
        assert close_to(page.evaluate(PLACE, ".ls-picture img"), fitted)
        assert page.locator(f"{CARD} .ls-full").count() == 0
        assert noise == []


def test_the_attention_map_moves_with_the_picture(server: Server) -> None:
    with browser_page(server.url) as (page, noise):
        page.keyboard.press("v")
        page.wait_for_selector(f"{CARD} .ls-heat-map", timeout=60_000)
        page.keyboard.press("+")
        page.keyboard.press("+")
        page.keyboard.press("Shift+ArrowDown")
        assert close_to(page.evaluate(PLACE, ".ls-heat-frame"), page.evaluate(PLACE, ".ls-picture img"))
        assert noise == []


# -- keys --


def change_key(page: Any, words: str, key: str) -> None:
    page.get_by_role("button", name=re.compile(f"^{re.escape(words)}: .*Change this key")).click()
    page.keyboard.press(key)


def test_a_key_is_changed_saved_and_swapped_with_one_that_is_taken(workspace: Path) -> None:
    with served(workspace) as server, browser_page(server.url) as (page, noise):
        at = position(page)
        page.keyboard.press("?")
        foot = page.locator(f"{CARD} .ls-sheet-foot")
        for refused in (" ", "Enter", "?", "Tab", "5"):
            change_key(page, "Keep the given label", refused)
            assert "Keep" not in foot.inner_text()
            page.keyboard.press("Escape")
            assert page.locator("dialog[open]").count() == 1, "Esc leaves the change, not the sheet"
        change_key(page, "Keep the given label", "j")
        change_key(page, "Take the suggestion", "j")
        assert "J belongs to “Keep the given label”" in foot.inner_text()
        page.get_by_role("button", name="Leave it").click()
        change_key(page, "Take the suggestion", "s")
        page.get_by_role("button", name="Swap them").click()
        page.keyboard.press("Escape")
        caps = page.locator(f"{CARD} .ls-tile .ls-key").all_inner_texts()
        assert caps == ["J", "S"]
        assert page.locator(f"{CARD} [data-outcome=skip] .ls-key").inner_text() == "W"
        assert position(page) == at

        page.reload()
        wait_for_card(page)
        assert page.locator(f"{CARD} .ls-tile .ls-key").all_inner_texts() == ["J", "S"]
        page.keyboard.press("a")
        page.keyboard.press("j")
        moved_from(page, at)
        server.wait(lambda: server.session()["progress"]["kept"] == 1, 10)

        page.keyboard.press("?")
        page.get_by_role("button", name="Back to the standard keys").click()
        page.keyboard.press("Escape")
        assert page.locator(f"{CARD} .ls-tile .ls-key").all_inner_texts() == ["A", "W"]
        assert page.evaluate("localStorage.getItem('labelsieve:keys')") is None
        assert noise == []


def test_hostile_stored_keys_are_ignored(server: Server) -> None:
    with browser_page(server.url) as (page, noise):
        hostile = json.dumps({"keep": "<img src=x onerror=alert(1)>", "skip": "Enter", "undo": ["z"]})
        page.evaluate("(text) => localStorage.setItem('labelsieve:keys', text)", hostile)
        page.reload()
        wait_for_card(page)
        assert page.locator(f"{CARD} .ls-tile .ls-key").all_inner_texts() == ["A", "W"]
        assert noise == []


# -- blind --


def withheld(route: Any) -> None:
    answer = route.fetch()
    body = answer.json()
    for card in body["cards"]:
        card["likeliest"] = [{"name": item["name"], "probability": None} for item in card["likeliest"]]
        card["given"]["probability"] = None
        card.update(blind=True, suggested=None, p_clean=None, run=None, runs=[], reasons=[], neighbours=[])
    route.fulfill(response=answer, json=body)


def test_a_blind_card_says_so_and_gives_nothing_away(workspace: Path) -> None:
    with served(workspace) as server, browser_page(server.url) as (page, noise):
        page.route("**/api/cards?*", withheld)
        maps: list[str] = []
        page.on(
            "request", lambda request: maps.append(request.url) if "/api/attention" in request.url else None
        )
        page.reload()
        wait_for_card(page)
        at = position(page)
        assert page.get_by_text("Audit card: judge the image alone").is_visible()
        for part in (".ls-trust", ".ls-reasons", ".ls-near-box"):
            assert not page.locator(f"{CARD} {part}").is_visible()
        for key in ("w", "v"):
            page.keyboard.press(key)
            page.wait_for_function(
                f"document.querySelector('{CARD} .ls-hint').textContent.includes('judge the image alone')"
            )
        assert position(page) == at
        assert not page.locator(f"{CARD} .ls-heat").is_visible()
        page.keyboard.press("2")
        moved_from(page, at)
        server.wait(lambda: server.session()["progress"]["decided"] == 1, 10)
        assert maps == []
        assert noise == []


# -- for everybody --


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_serious_violation(server: Server, theme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")

    def serious(page: Any) -> list[str]:
        found = axe.Axe().run(page, context=CARD).response["violations"]
        return [
            f"{each['id']}: {[node['html'][:200] for node in each['nodes']]}"
            for each in found
            if each["impact"] in ("serious", "critical")
        ]

    url = f"{server.url}/?__theme={theme}"
    with browser_page(url, color_scheme=theme) as (page, noise):
        assert serious(page) == []
        page.keyboard.press("+")
        page.keyboard.press("v")
        page.wait_for_selector(f"{CARD} .ls-heat-map", timeout=60_000)
        assert serious(page) == []
        page.keyboard.press("?")
        assert serious(page) == []
        page.keyboard.press("Escape")
        page.keyboard.press("m")
        page.keyboard.press("1")
        assert serious(page) == []
        assert noise == []


def test_tab_reaches_every_button_and_shows_where_it_is(server: Server) -> None:
    with browser_page(server.url) as (page, noise):
        at = position(page)
        wanted = page.locator(f"{CARD} :is(button, input):visible:not(:disabled)").count()
        page.locator(f"{CARD} .ls-f-button").focus()  # the first of them
        reached = set()
        for _ in range(wanted + 4):
            page.keyboard.press("Tab")
            inside, name, outline = page.evaluate(
                f"""() => {{
                    const node = document.activeElement;
                    const shown = node.closest('.ls-note, .ls-f-search') ?? node;
                    const style = getComputedStyle(shown);
                    return [!!node.closest('{CARD}'), node.outerHTML.slice(0, 300), style.outlineStyle];
                }}"""
            )
            if not inside:
                break
            assert outline != "none", name
            reached.add(name)
        assert len(reached) >= wanted - 1
        assert position(page) == at
        assert noise == []


@pytest.mark.parametrize("size", [(1280, 720), (820, 1180)], ids=str)
def test_nothing_of_the_card_is_cut_off(server: Server, size: tuple[int, int]) -> None:
    viewport = {"width": size[0], "height": size[1]}
    with browser_page(server.url, viewport=viewport) as (page, noise):
        extent = [page.evaluate(f"document.documentElement.scroll{side}") for side in ("Width", "Height")]
        assert extent == list(size)
        for each in page.locator(f"{CARD} :is(button, input):visible").all():
            box = each.bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= size[0]
            assert box["y"] + box["height"] <= size[1], each.inner_text()
        assert noise == []


def test_a_thousand_classes_are_found_by_typing(server: Server) -> None:
    names = [f"class number {number:04}" for number in range(1000)]

    def thousand(route: Any) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "classes": names})

    with browser_page(server.url) as (page, noise):
        page.route("**/api/session", thousand)
        page.route("**/api/decisions", lambda route: route.fulfill(json={"saved": [], "refused": []}))
        page.reload()
        wait_for_card(page)
        assert page.locator(f"{CARD} .ls-find").inner_text().startswith("all 1000")
        took = page.evaluate(
            """async () => {
                const next = () => new Promise((done) => requestAnimationFrame(done));
                const press = (key, target = document.body) => target.dispatchEvent(
                    new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true, composed: true}));
                const times = {};
                const timed = async (name, run) => {
                    const start = performance.now();
                    await run();
                    times[name] = performance.now() - start;
                    await next();
                    await next();
                };
                await timed('open', () => press('/'));
                const field = document.querySelector('.ls-picker-input');
                for (const text of ['0', '08', '083', '0834']) {
                    field.value = text;
                    const typed = new Event('input', {bubbles: true});
                    await timed(`type ${text}`, () => field.dispatchEvent(typed));
                }
                times.found = document.querySelector('.ls-picker-list .ls-marked').textContent;
                await timed('choose', () => press('Enter', field));
                return times;
            }"""
        )
        print({name: took[name] if name == "found" else f"{took[name]:.1f} ms" for name in took})
        assert took["found"] == "class number 0834"
        assert noise == []


def test_a_card_is_swapped_without_reading_layout(server: Server) -> None:
    """Whatever asks for a size between the key and the frame would make the browser lay the page out."""
    read = """() => {
        window.__reads = [];
        for (const [owner, names] of [
            [Element.prototype, ['clientWidth', 'clientHeight', 'scrollWidth', 'scrollHeight', 'scrollTop']],
            [HTMLElement.prototype, ['offsetWidth', 'offsetHeight', 'offsetTop', 'offsetLeft']]])
            for (const name of names) {
                const known = Object.getOwnPropertyDescriptor(owner, name);
                const get = function () { window.__reads.push(name); return known.get.call(this); };
                Object.defineProperty(owner, name, {...known, get});
            }
        const box = Element.prototype.getBoundingClientRect;
        Element.prototype.getBoundingClientRect = function () {
            window.__reads.push('box');
            return box.call(this);
        };
    }"""
    with browser_page(server.url) as (page, noise):
        page.wait_for_timeout(500)  # the next pictures are at hand
        page.evaluate(read)
        reads = page.evaluate(
            """() => {
                const before = document.querySelector('[data-position]').dataset.position;
                document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true}));
                const after = document.querySelector('[data-position]').dataset.position;
                return [before !== after, window.__reads];
            }"""
        )
        assert reads == [True, []]
        assert noise == []
