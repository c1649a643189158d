"""The first minute: the start page on a clean profile, offline; and the loading screen of a workspace."""

import contextlib
import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import expect

from engine.backbones import FOR_PHOTOS
from tests.driver import DIGITS, ROOT, browser_page, wait_for_card, write_digits
from tests.hub import slow_hub

# Runs the program as it is, with another demo in the place of the shipped one.
STAND_IN = """
import sys
from pathlib import Path
import reviewer.demo
from engine.config import BackboneConfig
from reviewer.__main__ import main
reviewer.demo.DEMO, weights = Path(sys.argv.pop(1)), sys.argv.pop(1)
reviewer.demo.BACKBONE = BackboneConfig(weights=weights)
main()
"""
# The page's toolkit is there when the test wants it to be.
GATED = """
import os, time
from reviewer.opening import Opening

def build_later(self, desk, watcher, build=Opening.build):
    self._view = type(self._view)(state="working", subject=desk.workspace.config.name, stage="page")
    while not os.path.exists(os.environ["GATE"]):
        time.sleep(0.05)
    build(self, desk, watcher)

Opening.build = build_later
"""
SIZES = pytest.mark.parametrize(
    ("scheme", "width", "height"),
    [("light", 1440, 900), ("dark", 1440, 900), ("light", 1280, 720), ("dark", 1280, 720)],
)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small demo of the shipped layout: digits, a tenth of them labelled wrongly."""
    folder = tmp_path_factory.mktemp("demo")
    labels = write_digits(folder / "digits", count=160, noise=0.1)
    (folder / "images").mkdir()
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label"])
        for number, (path, (given, _)) in enumerate(labels.items()):
            Image.open(folder / "digits" / path).convert("RGB").save(folder / "images" / f"{number:04}.jpg")
            writer.writerow([f"images/{number:04}.jpg", given])
    return folder


@contextlib.contextmanager
def started(profile: Path, program: list[str], *arguments: str, **environment: str) -> Iterator[str]:
    """Start the app with a profile of its own; yields its address."""
    offline = {name: "" for name in os.environ if name.lower().endswith("_proxy")}
    process = subprocess.Popen(
        [sys.executable, *program, *arguments, "--no-browser", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, **offline, "XDG_DATA_HOME": str(profile), **environment},
    )
    assert process.stdout is not None
    try:
        line = next(line for line in process.stdout if " at http" in line)
        yield line.split(" at ")[1].split(" ")[0]
    finally:
        process.terminate()
        process.wait(30)


def at_choice(page: Any) -> None:
    page.locator("#try-demo").wait_for()
    page.locator(".st-recent > li").first.wait_for()


def at_card(page: Any) -> None:
    # The start page runs no code of ours but its own, so what is waited for is seen in the document.
    page.locator("#labelsieve-review").wait_for(timeout=90_000)
    page.locator("[data-state=ready]").wait_for(timeout=120_000)
    wait_for_card(page)


def fits(page: Any) -> bool:
    return page.evaluate(
        "(({ scrollHeight, scrollWidth }) => scrollHeight <= innerHeight && scrollWidth <= innerWidth)"
        "(document.documentElement)"
    )


def test_the_first_minute_from_a_bare_start_to_the_first_ranked_card(tmp_path: Path) -> None:
    program = ["-m", "reviewer"]
    profile = tmp_path / "profile"
    with started(profile, program) as url, browser_page(url, until=at_choice) as (page, noise):
        assert not profile.exists()
        assert page.locator(".st-strip img").count() == 12
        # Fails where one of them is no picture.
        page.locator(".st-strip img").evaluate_all("(all) => Promise.all(all.map((one) => one.decode()))")
        page.locator("#try-demo").click()
        page.locator(".st-loading").wait_for()
        at_card(page)
        page.keyboard.press("a")
        page.get_by_text("1 decided").wait_for()
        page.get_by_role("tab", name="Data").click()
        page.locator("#data-summary").get_by_text("Backbone").wait_for()
        assert (profile / "labelsieve" / "demo" / "workspace.toml").is_file()
        page.goto(url)
        at_card(page)
        assert noise == []
    with started(profile, program) as url, browser_page(url, until=at_choice) as (page, noise):
        assert page.locator("#try-demo").inner_text() == "Go on with the demo"
        assert noise == []


@SIZES
def test_both_views_fit_the_screen(
    scheme: Any, width: int, height: int, demo: Path, clip: Path, tmp_path: Path, server_url: str
) -> None:
    options = {"viewport": {"width": width, "height": height}, "color_scheme": scheme}
    with browser_page(server_url, until=at_choice, **options) as (page, noise):
        page.locator(".st-strip img").nth(11).wait_for()
        assert fits(page)
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(246, 247, 248)") == (scheme == "light")
        choose_folder(page, demo / "digits")
        page.get_by_text("160 samples of 10 classes").wait_for()
        page.locator(".st-backbone").nth(4).wait_for()
        assert fits(page)
        assert noise == []


@pytest.fixture(scope="module")
def server_url(demo: Path, clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A start page on which no test opens anything; its cache of weights is empty."""
    folder = tmp_path_factory.mktemp("start")
    program = ["-c", STAND_IN, str(demo), str(clip)]
    with started(folder / "profile", program, HF_HUB_CACHE=str(folder / "hub")) as url:
        yield url


def choose_folder(page: Any, folder: Path) -> None:
    """Choose a folder of images as a person does who knows its path."""
    page.locator("#make-workspace").click()
    field = page.locator(".st-dialog input")
    page.locator(".st-list li").first.wait_for()
    field.fill(str(folder.parent))
    field.press("Enter")
    page.locator(".st-list-row", has_text=folder.name).click()
    expect(field).to_have_value(str(folder))
    page.locator("#choose-here").click()


def test_a_workspace_is_made_from_a_folder_and_a_table(clip: Path, demo: Path, tmp_path: Path) -> None:
    images = Path(shutil.copytree(demo / "images", tmp_path / "photos"))
    rows = (demo / "labels.csv").read_text().splitlines()[1:]
    (tmp_path / "truth.csv").write_text(
        "\n".join(
            [
                "nr;bild;urteil;gruppe",
                *(
                    f"{n};{row.replace(',', ';').removeprefix('images/')};{'ab'[n % 2]}"
                    for n, row in enumerate(rows)
                ),
                "160;gone.jpg;one;a",
            ]
        )
    )
    program = ["-c", STAND_IN, str(demo), str(clip)]
    with (
        started(tmp_path / "profile", program, HF_HUB_CACHE=str(tmp_path / "hub")) as url,
        browser_page(url, until=at_choice) as (page, noise),
    ):
        choose_folder(page, images)
        page.get_by_text("“Table of labels”").wait_for()
        assert page.locator("#make").is_disabled()
        page.locator("#labels").fill(str(tmp_path / "truth.csv"))
        page.locator("#labels").press("Tab")
        # The image is found by what stands in the column; of two columns that may be labels, none is taken.
        page.get_by_text("Choose the column that holds the label.").wait_for()
        assert page.locator("#path-column").input_value() == "bild"
        page.get_by_text("Guessed: 160 of 161 are files here.").wait_for()
        page.locator(".st-table img").evaluate_all("(all) => Promise.all(all.map((one) => one.decode()))")
        assert page.locator("#make").is_disabled()
        page.locator("#label-column").select_option("gruppe")
        page.get_by_text("160 samples of 2 classes, 1 cannot be reviewed").wait_for()
        page.locator("#path-column").select_option("nr")
        page.get_by_text("None of the 161 rows names an image").wait_for()
        page.locator(".st-table").get_by_text("the file is not there").first.wait_for()
        assert page.locator("#make").is_disabled()
        page.locator("#path-column").select_option("bild")
        page.locator("#label-column").select_option("urteil")
        page.get_by_text("160 samples of 10 classes, 1 cannot be reviewed").wait_for()
        page.locator(".st-faults").get_by_text("row 161: gone.jpg the file is not there").wait_for()
        chips = [chip.rsplit(" ", 1) for chip in page.locator(".st-chip").all_inner_texts()]
        assert {name for name, _ in chips} == set(DIGITS)
        assert sum(int(count) for _, count in chips) == 160
        assert page.locator(".st-table tbody tr").count() == 8
        page.get_by_text("download them first").wait_for()
        page.locator(".st-backbone", has_text="Bundled model").click()
        page.get_by_text("for photos choose another").wait_for()
        page.locator("#place").fill(str(tmp_path / "made"))
        page.locator("#make").click()
        page.locator("#labelsieve-review").wait_for(timeout=90_000)
        config = (tmp_path / "made" / "workspace.toml").read_text()
        assert 'weights = "bundled"' in config
        page.get_by_role("tab", name="Data").click()
        page.get_by_text("no use for photos").wait_for()
        assert noise == []


def test_a_backbone_is_downloaded_with_a_bar_and_only_after_a_click(
    demo: Path, clip: Path, tmp_path: Path
) -> None:
    program = ["-c", STAND_IN, str(demo), str(clip)]
    with slow_hub(FOR_PHOTOS[0].file, pause=0.3) as hub:
        online = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "", "TRANSFORMERS_OFFLINE": ""}
        cache = str(tmp_path / "hub")
        with (
            started(tmp_path / "profile", program, HF_HUB_CACHE=cache, **online) as url,
            browser_page(url, until=at_choice) as (page, noise),
        ):
            choose_folder(page, demo / "digits")
            page.get_by_text(f"kept in {cache}").wait_for()
            assert hub.asked == []
            page.locator("#download").click()
            page.get_by_text("MB of 4.2 MB").wait_for(timeout=120_000)
            assert page.locator(".st-bar[aria-valuenow]").count() == 1
            page.locator("#cancel-download").click()
            page.get_by_text("Cancelled; nothing was kept.").wait_for(timeout=20_000)
            hub.pause = 0.05
            page.locator("#download").click()
            page.get_by_text("Downloaded.").wait_for(timeout=120_000)
            page.locator(".st-chosen").get_by_text("here already").wait_for()
            assert page.locator("#download").is_hidden()
            assert noise == []


def test_hostile_names_are_text(demo: Path, clip: Path, tmp_path: Path, server_url: str) -> None:
    hostile = "<img src=x onerror=window.__hacked=1>"
    for name in (hostile, "dog"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(2):
            Image.new("RGB", (8, 8)).save(tmp_path / "data" / name / f"{number}{hostile}.png")
    with browser_page(server_url, until=at_choice) as (page, noise):
        page.on("dialog", lambda dialog: noise.append(f"dialog {dialog.message}"))
        choose_folder(page, tmp_path / "data")
        page.locator(".st-chip", has_text="onerror").wait_for()
        page.get_by_role("button", name="Browse for: Folder of images").click()
        page.locator(".st-list-row", has_text="onerror").wait_for()
        assert page.evaluate("window.__hacked") is None
        assert page.locator("img[src='x']").count() == 0
        assert noise == []


@pytest.mark.parametrize("command", ["open", "demo"])
def test_the_address_answers_before_the_toolkit_is_there(
    command: str, ranked: Path, demo: Path, clip: Path, tmp_path: Path
) -> None:
    workspace = Path(shutil.copytree(ranked, tmp_path / "digits"))
    program = ["-c", GATED + STAND_IN, str(demo), str(clip)]
    arguments = ["open", str(workspace)] if command == "open" else ["demo"]
    with (
        started(tmp_path / "profile", program, *arguments, GATE=str(tmp_path / "gate")) as url,
        browser_page(url, until=lambda page: page.locator(".st-loading h2").wait_for()) as (page, noise),
    ):
        assert (
            page.locator(".st-loading h2").inner_text()
            == f"Opening {workspace.name if command == 'open' else 'demo'}"
        )
        page.get_by_text("the first ranking has begun already").wait_for()
        (tmp_path / "gate").touch()
        at_card(page)
        assert noise == []
