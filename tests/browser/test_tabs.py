"""Runs and data in a real browser; the first minute; hostile names; the network."""

import csv
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import psutil
from PIL import Image

from engine.artifacts import read_status
from reviewer.jobs import run_directories
from reviewer.workspace import open_workspace
from tests.driver import Server, browser_page, choose_option, position, reviewer, served, wait_for_card

NETWORK_SPY = """
import json, os, socket

def spied(name, function):
    def call(self_or_host, *arguments, **options):
        address = arguments[0] if name == "connect" else self_or_host
        with open(os.environ["NETWORK_LOG"], "a") as file:
            file.write(json.dumps([name, os.getpid(), repr(address)]) + "\\n")
        return function(self_or_host, *arguments, **options)
    return call

class Socket(socket.socket):
    connect = spied("connect", socket.socket.connect)
    connect_ex = spied("connect", socket.socket.connect_ex)

socket.socket = Socket
socket.getaddrinfo = spied("getaddrinfo", socket.getaddrinfo)
"""


def open_tab(page: Any, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def start_run(page: Any, detector: str) -> None:
    choose_option(page, detector)
    page.locator("#start-run").click()


def newest(workspace: Path) -> Path:
    return run_directories(open_workspace(workspace))[0]


def test_a_run_is_started_followed_and_orders_the_cards_also_after_a_reload(server: Server) -> None:
    with browser_page(server.url) as (page, noise):
        open_tab(page, "Runs")
        start_run(page, "Neighbours")
        page.locator("#runs-table progress").wait_for(timeout=20_000)
        page.reload()
        wait_for_card(page)
        open_tab(page, "Runs")
        page.locator("#runs-table progress").first.wait_for(timeout=20_000)
        row = page.locator("#runs-table tr", has_text=newest(server.workspace).name)
        row.get_by_text("orders the cards").wait_for(timeout=90_000)
        assert server.session()["ranking"]["run"].endswith("-knn")
        open_tab(page, "Review")
        page.locator("#labelsieve-review").wait_for()
        for _ in range(14):  # past the cards that were fetched before
            page.keyboard.press("s")
        page.locator(".ls-run", has_text="knn").wait_for()
        assert noise == []


def test_a_run_is_stopped_from_the_tab(server: Server) -> None:
    before = server.session()["ranking"]["run"]
    with browser_page(server.url) as (page, noise):
        open_tab(page, "Runs")
        start_run(page, "Label-match")
        page.locator("#stop-run:not([disabled])").click(timeout=20_000)
        row = page.locator("#runs-table tr", has_text="label_match")
        row.get_by_text("stopped").first.wait_for(timeout=30_000)
        assert server.session()["ranking"]["run"] == before
        assert noise == []


def test_a_run_goes_on_over_a_restart_of_the_server_and_its_result_is_taken_in(workspace: Path) -> None:
    with served(workspace) as server, browser_page(server.url) as (page, _):
        open_tab(page, "Runs")
        start_run(page, "Neighbours")
        server.wait(lambda: read_status(newest(workspace)).state == "running", 30)
        server.kill()
    with served(workspace) as again:
        again.wait(lambda: (again.session()["ranking"]["run"] or "").endswith("-knn"), 90)


def test_a_killed_run_reads_as_lost_and_the_app_says_so(server: Server) -> None:
    workspace = server.workspace
    with browser_page(server.url) as (page, noise):
        open_tab(page, "Runs")
        start_run(page, "Neighbours")
        server.wait(lambda: read_status(newest(workspace)).state == "running", 30)
        psutil.Process(read_status(newest(workspace)).pid).kill()
        row = page.locator("#runs-table tr", has_text=newest(workspace).name)
        row.get_by_text("lost").first.wait_for(timeout=20_000)
        assert read_status(newest(workspace)).state == "lost"
        assert noise == []


def test_the_first_minute_the_ranking_comes_by_itself(
    digits: tuple[Path, dict[str, tuple[str, str]]], clip: Path, tmp_path: Path
) -> None:
    workspace = tmp_path / "fresh"
    reviewer("init", workspace, "--images", digits[0], "--weights", clip)
    with served(workspace) as server, browser_page(server.url) as (page, noise):
        assert server.session()["ranking"]["state"] == "ready"
        order = server.client.get("/api/positions").content  # how many there are, then their positions
        assert position(page) == int.from_bytes(order[4:8], "little")
        assert noise == []


def test_without_weights_the_app_says_what_to_fetch_and_cards_still_come(
    digits: tuple[Path, dict[str, tuple[str, str]]], tmp_path: Path
) -> None:
    workspace = tmp_path / "bare"
    reviewer(
        "init", workspace, "--images", digits[0], "--model", "ViT-B-32", "--weights", "laion2b_s34b_b79k"
    )
    environment = {"HF_HOME": str(tmp_path / "empty")}
    with (
        served(workspace, environment=environment) as server,
        browser_page(server.url, until=lambda page: page.locator("[data-state=unranked]").wait_for()) as (
            page,
            noise,
        ),
    ):
        assert server.session()["ranking"]["state"] == "failed"
        page.get_by_text("python -m engine fetch").first.wait_for(timeout=20_000)
        page.get_by_role("button", name="Review unranked cards meanwhile").click()
        wait_for_card(page)
        page.keyboard.press("a")
        server.wait(lambda: server.session()["progress"]["kept"] == 1, 10)
        assert noise == []


def write_hostile(folder: Path) -> tuple[Path, Path]:
    """Write images and a table whose names try everything."""
    classes = (
        '<img src=x onerror="window.__hacked=1">',
        "${window.__hacked=1}",
        "{{constructor}}'\"`</script><script>window.__hacked=1</script>",
        "=1+1|cmd",
        "\u202eright to left" + " long" * 40,
    )
    images = folder / "images"
    images.mkdir()
    table = folder / "labels.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label"])
        for number in range(40):
            name = f"<svg onload=window.__hacked=1>${{window.__hacked=1}}{number}.png"
            Image.new("RGB", (48, 48), (number * 6, 80, 200 - number * 4)).save(images / name)
            writer.writerow([name, classes[number % len(classes)]])
        writer.writerow(["../../etc/<img src=x onerror=window.__hacked=1>", classes[0]])
    return images, table


def test_hostile_names_run_nothing_anywhere(clip: Path, tmp_path: Path) -> None:
    images, table = write_hostile(tmp_path)
    workspace = tmp_path / "hostile"
    reviewer("init", workspace, "--images", images, "--labels", table, "--weights", clip)
    with served(workspace) as server:
        server.wait_for_ranking()
        with browser_page(server.url) as (page, noise):
            page.on("dialog", lambda dialog: noise.append(f"dialog {dialog.message}"))
            for key in "waw":
                page.keyboard.press(key)
            page.keyboard.press("/")
            page.keyboard.type("right")
            page.keyboard.press("Escape")
            open_tab(page, "Runs")
            page.locator("#runs-table table").wait_for()
            open_tab(page, "Data")
            report = page.locator("#import-report").get_by_text("outside the image folder")
            report.locator("visible=true").first.wait_for(timeout=15_000)
            time.sleep(0.5)
            assert page.evaluate("window.__hacked") is None
            assert page.locator("img[src='x']").count() == 0
            assert noise == []
    reviewer("export", workspace, tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["corrected_label"] for row in rows if row["label"] == "=1+1|cmd"} <= {"'=1+1|cmd"} | {
        row["label"] for row in rows if row["label"] != "=1+1|cmd"
    }


def test_the_download_is_what_the_command_writes(server: Server, tmp_path: Path) -> None:
    before = server.session()
    with browser_page(server.url) as (page, noise):
        page.keyboard.press("w")
        server.wait(lambda: server.session()["progress"]["decided"] > before["progress"]["decided"], 10)
        server.wait(lambda: server.session()["ranking"]["version"] > before["ranking"]["version"], 10)
        open_tab(page, "Data")
        with page.expect_download() as download:
            page.locator("#export a").click()
        download.value.save_as(tmp_path / "download.csv")
        reviewer("export", server.workspace, tmp_path / "command.csv")
        assert (tmp_path / "download.csv").read_bytes() == (tmp_path / "command.csv").read_bytes()
        assert noise == []


def test_neither_the_server_nor_its_runs_reach_out_of_the_machine(
    digits: tuple[Path, dict[str, tuple[str, str]]], clip: Path, tmp_path: Path
) -> None:
    (tmp_path / "spy").mkdir()
    (tmp_path / "spy" / "sitecustomize.py").write_text(NETWORK_SPY)
    log = tmp_path / "network.jsonl"
    environment = {"PYTHONPATH": str(tmp_path / "spy"), "NETWORK_LOG": str(log)}
    environment |= {name: "" for name in os.environ if name.lower().endswith("_proxy")}
    workspace = tmp_path / "watched"
    reviewer("init", workspace, "--images", digits[0], "--weights", clip)
    with served(workspace, environment=environment) as server:
        server.wait_for_ranking()
        with browser_page(server.url) as (page, noise):
            page.keyboard.press("w")
            open_tab(page, "Data")
            page.locator("#export a").wait_for()
            connections = connections_of(server)
            assert noise == []
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    outside = [
        line for line in lines if not any(name in line[2] for name in ("127.0.0.1", "::1", "localhost"))
    ]
    assert outside == []
    assert [address for address in connections if address not in ("127.0.0.1", "::1")] == []


def connections_of(server: Server) -> list[str]:
    """Return both ends of every network connection of the server and its children."""
    process = psutil.Process(server.process.pid)
    ends = []
    for each in [process, *process.children(recursive=True)]:
        for connection in each.net_connections(kind="inet"):
            ends += [end.ip for end in (connection.laddr, connection.raddr) if end]
    return ends


def test_the_workspace_and_its_images_can_be_moved_together(
    workspace: Path, digits: tuple, tmp_path: Path
) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(digits[0], moved / "photos")
    shutil.copytree(workspace, moved / "digits")
    config = (moved / "digits" / "workspace.toml").read_text()
    lines = [line for line in config.splitlines() if not line.startswith("image_root")]
    lines[0:0] = ['image_root = "../photos"', 'image_root_absolute = "/nowhere/photos"']
    (moved / "digits" / "workspace.toml").write_text("\n".join(lines))
    with served(moved / "digits") as server, browser_page(server.url) as (_, noise):
        assert noise == []
