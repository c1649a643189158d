"""The review card in a real browser, on the real app."""

import csv
import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.driver import Server, browser_page, position, reviewer, served, wait_for_card


class Annotator:
    """Presses keys and remembers what they mean, from what the server says of the card on the screen."""

    def __init__(self, page: Any, server: Server) -> None:
        self.page = page
        self.server = server
        self.done: list[tuple[int, str, str]] = []  # position, status, corrected label
        self.taken_back: list[tuple[int, str, str]] = []

    def choice(self, key: str) -> str:
        """Return the class that `key` stands for, as the card on the screen names it.

        The server may have ranked anew since; what counts is what the person saw.
        """
        button = self.page.locator(f"#labelsieve-review button[aria-label$=', key {key}']:visible").first
        name = button.get_attribute("aria-label").removesuffix(f", key {key}")
        for words in ("Keep the given label ", "Take the suggestion ", "Relabel as "):
            name = name.removeprefix(words)
        return name

    def press(self, key: str, status: str, label: str) -> None:
        at = position(self.page)
        self.page.keyboard.press(key)
        self.moved_from(at)
        self.done.append((at, status, label))
        self.taken_back.clear()

    def moved_from(self, at: int) -> None:
        self.page.wait_for_function(
            f"document.querySelector('[data-position]')?.dataset.position !== '{at}'", timeout=10_000
        )

    def keep(self) -> None:
        self.press("a", "kept", self.choice("A"))

    def relabelled(self, label: str) -> tuple[str, str]:
        given = self.choice("A")
        return ("kept", given) if label == given else ("relabelled", label)

    def suggestion(self) -> None:
        self.press("w", *self.relabelled(self.choice("W")))

    def digit(self, number: int) -> None:
        self.press(str(number), *self.relabelled(self.choice(str(number))))

    def type_ahead(self, label: str) -> None:
        meaning = self.relabelled(label)
        at = position(self.page)
        self.page.keyboard.press("/")
        self.page.keyboard.type(label)
        self.page.keyboard.press("Enter")
        self.moved_from(at)
        self.done.append((at, *meaning))

    def ambiguous(self, *labels: str) -> None:
        at = position(self.page)
        self.page.keyboard.press("m")
        for label in labels:
            self.page.keyboard.type(label)
            self.page.keyboard.press("Enter")
        self.page.keyboard.press("Enter")
        self.moved_from(at)
        self.done.append((at, "ambiguous", "|".join(labels)))

    def undo(self) -> None:
        last = self.done.pop()
        self.page.keyboard.press("z")
        self.page.wait_for_selector(f"[data-position='{last[0]}']", timeout=10_000)
        self.taken_back.append(last)

    def redo(self) -> None:
        at = position(self.page)
        self.page.keyboard.press("Shift+Z")
        self.moved_from(at)
        self.done.append(self.taken_back.pop())

    def saved(self) -> None:
        expected = len({at for at, _, _ in self.done})
        self.server.wait(lambda: decided(self.server) == expected, 15)


def decided(server: Server) -> int:
    progress = server.session()["progress"]
    return progress["decided"] + progress["skipped"]


def exported(workspace: Path, out: Path) -> list[dict[str, str]]:
    reviewer("export", workspace, out)
    with out.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_twenty_decisions_by_key_survive_a_restart_and_leave_in_the_export(
    workspace: Path, tmp_path: Path
) -> None:
    with served(workspace) as server, browser_page(server.url) as (page, noise):
        person = Annotator(page, server)
        person.suggestion()
        person.keep()
        person.digit(3)
        person.digit(2)
        person.type_ahead("seven")
        person.press("s", "skipped", person.choice("A"))
        person.ambiguous("three", "eight")
        person.press("o", "out_of_scope", "")
        person.press("b", "bad_image", "")
        person.undo()
        person.undo()
        person.redo()
        person.suggestion()
        person.saved()
        assert noise == []

        server.stop()
        # The page is still open; what it decides now has to wait for the server.
        at = position(page)
        page.keyboard.press("a")
        person.moved_from(at)
        given = json.loads(page.evaluate("JSON.stringify(localStorage)"))
        page.get_by_text("NOT SAVED").first.wait_for(timeout=15_000)
        assert any("keep" in value for value in given.values())
        rows = exported(workspace, tmp_path / "closed.csv")
        kept_offline = (at, "kept", given_label(rows, at))

        with served(workspace, port=server.port) as again:
            person.server = again
            person.done.append(kept_offline)
            person.saved()
            page.get_by_text("NOT SAVED").first.wait_for(state="hidden", timeout=15_000)
            noise[:] = [line for line in noise if "ERR_CONNECTION" not in line and "Failed to" not in line]
            person.undo()  # reaches back over the restart
            person.undo()
            person.redo()
            for _ in range(4):
                person.suggestion()
            person.keep()
            person.digit(2)
            person.digit(1)
            person.press("s", "skipped", person.choice("A"))
            person.press("o", "out_of_scope", "")
            person.type_ahead("one")
            person.saved()
            rows = exported(workspace, tmp_path / "open.csv")
            assert noise == []

    assert len(person.done) >= 20 - 1  # of 24 acts, five were undo and redo
    expected = {at: (status, label) for at, status, label in person.done}
    for at, row in enumerate(rows):
        status, label = expected.get(at, ("unreviewed", row["given_label"]))
        assert (row["status"], row["corrected_label"]) == (status, label), (at, row)
    assert exported(workspace, tmp_path / "after.csv") == rows


def given_label(rows: list[dict[str, str]], at: int) -> str:
    return rows[at]["given_label"]


def test_sixty_decisions_at_25_per_second_all_land_on_the_right_sample(
    server: Server, tmp_path: Path
) -> None:
    keys = [str(1 + number % 3) for number in range(60)]
    before = {
        at for at, row in enumerate(exported(server.workspace, tmp_path / "before.csv")) if decided_row(row)
    }
    with browser_page(server.url) as (page, noise):
        # The page notes what was on the screen when each key went down, before the card hears of it.
        page.evaluate(
            """() => {
                window.__seen = [];
                window.addEventListener('keydown', () => window.__seen.push(
                    document.querySelector('[data-position]')?.dataset.position ?? null), {capture: true});
            }"""
        )
        start = time.monotonic()
        for number, key in enumerate(keys):
            page.keyboard.press(key)
            time.sleep(max(0.0, start + (number + 1) * 0.04 - time.monotonic()))
        server.wait(lambda: decided(server) == len(before) + 60, 20)
        page.wait_for_function("window.__labelsieve_timings.length === 60")
        seen = page.evaluate("window.__seen")
        timings = sorted(page.evaluate("window.__labelsieve_timings"), key=lambda timing: timing["key_time"])
        acted = [timing["position"] for timing in timings]
        assert len(set(acted)) == 60
        # Every key that went down while nothing was owed acted on the card that was on the screen then;
        # one that went down while the next card was on its way waited for its turn.
        calm = [
            number
            for number in range(60)
            if all(timing["painted_time"] <= timings[number]["key_time"] for timing in timings[:number])
        ]
        assert calm
        assert [(acted[n], int(seen[n])) for n in calm if seen[n] != str(acted[n])] == []
        assert noise == []
    after = {
        at for at, row in enumerate(exported(server.workspace, tmp_path / "after.csv")) if decided_row(row)
    }
    assert after - before == set(acted)


def decided_row(row: dict[str, str]) -> bool:
    return row["status"] != "unreviewed"


def test_a_fast_undo_and_a_key_after_it_decide_the_undone_card(server: Server) -> None:
    before = decided(server)
    with browser_page(server.url) as (page, noise):
        person = Annotator(page, server)
        first = position(page)
        person.keep()
        page.keyboard.press("z")
        page.keyboard.press("o")  # at once, while the undo is on its way
        server.wait(lambda: server.session()["progress"]["out_of_scope"] == 1, 10)
        assert server.client.get(f"/api/card/{first}").json()["decision"]["outcome"] == "out_of_scope"
        assert decided(server) == before + 1
        assert noise == []


@pytest.mark.parametrize("size", [(1440, 900), (1280, 720)], ids=str)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_does_not_scroll(server: Server, tmp_path: Path, theme: str, size: tuple[int, int]) -> None:
    viewport = {"width": size[0], "height": size[1]}
    url = f"{server.url}/?__theme={theme}"
    with browser_page(url, viewport=viewport, color_scheme=theme) as (page, noise):
        page.screenshot(path=tmp_path / f"{theme}-{size[0]}.png")
        extent = page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
        )
        assert extent == list(size)
        assert page.evaluate("document.body.classList.contains('dark')") == (theme == "dark")
        buttons = page.locator("#labelsieve-review button:visible")
        for box in [button.bounding_box() for button in buttons.all()]:
            assert box is None or box["y"] + box["height"] <= size[1]
        assert noise == []


def test_typing_in_a_field_decides_nothing_and_escape_leaves_it(server: Server) -> None:
    before = decided(server)
    with browser_page(server.url) as (page, noise):
        at = position(page)
        page.keyboard.press("/")
        page.keyboard.type("aob")
        page.keyboard.press("Escape")
        page.keyboard.press("Control+a")
        page.get_by_role("tab", name="Runs").click()
        page.keyboard.press("a")
        page.get_by_role("tab", name="Review").click()
        wait_for_card(page)
        assert position(page) == at
        assert noise == []
    assert decided(server) == before


COUNT_FRAMES = """(() => {
    const frame = window.requestAnimationFrame.bind(window);
    window.asked = 0;
    window.requestAnimationFrame = (callback) => { window.asked += 1; return frame(callback); };
})()"""


def test_a_page_that_nobody_touches_rests(server: Server) -> None:
    """Gradio's loading screen leaves a clock behind that would ask for every frame for ever."""
    with browser_page(server.url) as (page, noise):
        page.add_init_script(COUNT_FRAMES)
        page.reload()
        wait_for_card(page)
        assert page.evaluate("window.asked") > 0
        page.wait_for_timeout(6000)  # until the loading screen has swung to rest
        page.evaluate("window.asked = 0")
        page.wait_for_timeout(2000)
        assert page.evaluate("window.asked") < 10  # sixty a second, with the clock
        assert noise == []
