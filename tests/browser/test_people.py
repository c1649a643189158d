"""Two people at once, in a browser each, on the real app."""

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.driver import CHROMIUM_FLAGS, ROOT, Server, position, served, wait_for_card

PASSWORDS = {"ada": "correct horse", "bob": "battery staple"}


@pytest.fixture
def people(tmp_path: Path) -> Path:
    file = tmp_path / "people.json"
    for name, password in PASSWORDS.items():
        command = [sys.executable, "-m", "reviewer", "account", str(file), name]
        subprocess.run(command, input=password, text=True, check=True, cwd=ROOT, capture_output=True)
    return file


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS)
        yield opened
        opened.close()


def page_of(opened: Any, noise: list[str]) -> Any:
    """Return a page in a context of its own: cookies and storage are nobody else's."""
    page = opened.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.on("console", lambda message: noise.append(f"console {message.type}: {message.text}"))
    page.on("pageerror", lambda error: noise.append(f"error: {error}"))
    return page


def log_in(page: Any, name: str, password: str | None = None) -> None:
    page.get_by_label("Password").wait_for()
    field = page.get_by_label("Name", exact=True)
    if field.is_editable():
        field.fill(name)
    page.get_by_label("Password").fill(password or PASSWORDS[name])
    page.get_by_role("button", name="Log in", exact=True).click()


def enter(page: Any, url: str, name: str) -> None:
    page.goto(url)
    log_in(page, name)
    at_card(page)


def at_card(page: Any) -> None:
    """Wait for the card; not by a script, as the page of the log-in lets none be evaluated."""
    page.locator("[data-position]").first.wait_for(timeout=60_000)
    wait_for_card(page)


def press(page: Any, key: str) -> int:
    at = position(page)
    page.keyboard.press(key)
    page.wait_for_function(f"document.querySelector('[data-position]')?.dataset.position !== '{at}'")
    return at


def saved(page: Any) -> None:
    page.locator(".ls-saved[data-state=Saved]").wait_for()


def log_in_here(server: Server, name: str) -> None:
    server.client.post("/log-in", json={"name": name, "password": PASSWORDS[name]}).raise_for_status()


def test_people_log_in_and_what_they_do_is_theirs(workspace: Path, people: Path) -> None:
    with served(workspace, options=("--auth", people)) as server, browser() as opened:
        noise: list[str] = []
        ada, bob = page_of(opened, noise), page_of(opened, noise)
        ada.goto(f"{server.url}/#outcome=undecided")
        assert ada.url == f"{server.url}/log-in#outcome=undecided"
        log_in(ada, "ada", "wrong one")
        ada.get_by_text("The name or the password is wrong.").wait_for()
        noise[:] = [line for line in noise if "403" not in line]
        log_in(ada, "ada")
        at_card(ada)
        assert ada.url == f"{server.url}/#outcome=undecided"
        enter(bob, server.url, "bob")
        assert position(ada) != position(bob)
        first, second = press(ada, "a"), press(bob, "a")
        saved(ada)
        saved(bob)
        log_in_here(server, "ada")
        cards = [server.client.get(f"/api/card/{at}").json() for at in (first, second)]
        assert [card["decision"]["annotator"] for card in cards] == ["ada", "bob"]
        assert noise == []

        # Her session ends while her page is open: what she decides waits for her, and for nobody else.
        ada.context.clear_cookies()
        third = press(ada, "a")
        ada.get_by_role("dialog", name="Log in").wait_for()
        assert not ada.get_by_label("Name", exact=True).is_editable()
        ada.get_by_text("NOT SAVED: 1 decision. They are kept in this browser").wait_for()
        assert ada.get_by_text("does not answer").count() == 0
        log_in(ada, "ada")
        ada.get_by_role("dialog", name="Log in").wait_for(state="detached")
        saved(ada)
        assert server.client.get(f"/api/card/{third}").json()["decision"]["annotator"] == "ada"
        noise[:] = [line for line in noise if "401" not in line]

        ada.get_by_role("button", name="Log out").click()
        ada.wait_for_url("**/log-in")
        ada.goto(server.url)
        assert ada.url == f"{server.url}/log-in"
        enter(ada, server.url, "bob")
        assert ada.get_by_title("Log out").inner_text().startswith("bob")
        assert noise == []


def test_a_second_opinion_is_blind_and_what_differs_is_settled(workspace: Path, people: Path) -> None:
    with served(workspace, options=("--auth", people)) as server, browser() as opened:
        log_in_here(server, "ada")
        server.client.post("/api/outlook", json={"second_rate": 1.0}).raise_for_status()
        first = server.client.get("/api/cards?count=1&tab=page-of-ada").json()["cards"][0]
        server.client.post("/api/release", json={"tab": "page-of-ada"}).raise_for_status()
        entry = {key: first[key] for key in ("position", "sample_id")}
        made = {"id": "first-decision", "outcome": "keep", "screen": "card", **entry}
        server.client.post("/api/decisions", json={"decisions": [made]}).raise_for_status()

        noise: list[str] = []
        bob = page_of(opened, noise)
        enter(bob, server.url, "bob")
        for _ in range(8):
            if position(bob) == first["position"]:
                break
            press(bob, "s")
        bob.get_by_text("Second opinion: judge the image alone").wait_for()
        assert "ada" not in bob.locator("#labelsieve-review .ls-card").inner_text()
        assert not bob.locator(".ls-badge").is_visible()
        assert press(bob, "o") == first["position"]
        saved(bob)
        bob.keyboard.press("z")
        bob.wait_for_selector(f"[data-position='{first['position']}']")
        bob.get_by_text("Second opinion: judge the image alone").wait_for()
        assert not bob.locator(".ls-badge").is_visible()
        press(bob, "o")
        saved(bob)
        assert server.client.get("/api/outlook").json()["disagreements"] == 1

        ada = page_of(opened, noise)
        enter(ada, server.url, "ada")
        ada.get_by_title("How many errors are left, and when to stop").click()
        ada.get_by_text("People disagree about 1 sample.").wait_for()
        ada.get_by_role("button", name="Settle them").click()
        ada.wait_for_url("**/#kind=disagreements")
        skipped = position(ada)
        if skipped != first["position"]:
            press(ada, "s")  # the card that was on screen stays there until it is decided
        said = ada.locator(".ls-badge").inner_text()
        assert ("ada" in said, "Kept" in said, "bob" in said, "Out of scope" in said) == (True,) * 4
        ada.keyboard.press("o")
        ada.get_by_role("button", name="Undo").first.wait_for()
        server.wait(lambda: server.client.get("/api/outlook").json()["disagreements"] == 0, 15)
        card = server.client.get(f"/api/card/{first['position']}").json()
        assert (card["decision"]["annotator"], card["decision"]["outcome"]) == ("ada", "out_of_scope")
        assert noise == []
