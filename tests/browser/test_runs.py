"""The runs tab in a real browser: choose, watch, stop, go on, re-rank, learn from decisions."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from assets.build.make_demo import read_truth
from engine.artifacts import append_event, process_stamp, read_scores, write_json
from engine.manifest import Pin, read_manifest
from reviewer.demo import open_demo
from reviewer.jobs import run_directories
from reviewer.workspace import open_workspace
from tests.driver import Server, browser_page, choose_option, position, served, wait_for_card

NO_CLASS = ("out_of_scope", "bad_image")
SOON = 20_000  # ms for what the page does
TRAINED = 240_000  # ms for a short training, its start included


@pytest.fixture(scope="module")
def server(ranked: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    copy = Path(shutil.copytree(ranked, tmp_path_factory.mktemp("runs") / "digits"))
    with served(copy) as server:
        yield server


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Server]:
    """The demo as it is opened for the first time, ranked."""
    workspace = open_demo(tmp_path / "demo").root
    with served(workspace) as server:
        server.wait_for_ranking()
        yield server


@contextmanager
def runs_tab(server: Server, **options: Any) -> Iterator[tuple[Any, list[str]]]:
    with browser_page(server.url, **options) as (page, noise):
        open_runs(page)
        yield page, noise


def open_runs(page: Any) -> None:
    page.get_by_role("tab", name="Runs").click()
    page.locator("#start-run").wait_for(timeout=SOON)


def choose(page: Any, option: str, **settings: Any) -> None:
    """Choose an option by its title and type its settings, by label."""
    choose_option(page, option)
    if settings:
        details = page.locator(".ls-settings")
        if details.get_attribute("open") is None:
            details.locator("summary").click()
    for label, value in settings.items():
        page.get_by_label(label.replace("_", " "), exact=True).fill(str(value))


def start(page: Any) -> None:
    page.locator("#start-run:not([disabled])").click(timeout=SOON)


def row(page: Any, run_id: str) -> Any:
    return page.locator(f"#runs-table tr[data-run='{run_id}']")


def newest(server: Server) -> Path:
    return run_directories(open_workspace(server.workspace))[0]


def wait_for_rows(page: Any, server: Server, count: int) -> Path:
    page.wait_for_function(f"document.querySelectorAll('#runs-table tbody tr').length === {count}")
    return newest(server)


def decide(server: Server, count: int, true_label: Callable[[str], str]) -> dict[str, str]:
    """Decide the next `count` cards as somebody who knows would; returns sample_id → label."""
    made = {}
    for card in server.client.get(f"/api/cards?count={count}").json()["cards"]:
        true = true_label(card["path"])
        outcome = true if true in NO_CLASS else "keep" if true == card["given"]["name"] else "relabel"
        entry = {
            "id": f"decision-{card['position']:06}",
            "position": card["position"],
            "sample_id": card["sample_id"],
            "outcome": outcome,
            "labels": [true] if outcome == "relabel" else [],
        }
        answer = server.client.post("/api/decisions", json={"decisions": [entry]}).json()
        assert answer["saved"] == [entry["id"]]
        made[card["sample_id"]] = true
    return made


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_deft_is_trained_on_the_demo_watched_and_orders_the_cards_and_learns_from_decisions(
    demo: Server,
) -> None:
    server, true = demo, {each.path: each.true_label for each in read_truth()}
    n_runs = len(run_directories(open_workspace(server.workspace)))
    with browser_page(server.url) as (page, noise):
        before = position(page)
        open_runs(page)
        page.get_by_text("learns from the labels alone").wait_for(timeout=SOON)
        choose(page, "DeFT", Epochs=4)
        page.locator(".ls-now-cost", has_text="about").wait_for(timeout=SOON)
        start(page)
        first = wait_for_rows(page, server, n_runs + 1)
        assert first.name.endswith("-deft")
        page.locator("#run-panel .ls-chart .main-svg").first.wait_for(timeout=TRAINED)
        page.locator("#run-panel", has_text="counted clean").wait_for(timeout=SOON)
        row(page, first.name).get_by_text("orders the cards").wait_for(timeout=TRAINED)
        assert page.locator("#run-panel .ls-chart").count() == 2
        assert page.locator("#stop-run").is_hidden()
        # The card that was on the screen is still there; those that come next know both runs.
        page.get_by_role("tab", name="Review").click()
        assert position(page) == before
        page.reload()
        wait_for_card(page)
        page.locator(".ls-run", has_text="deft").wait_for(timeout=SOON)
        assert page.locator(".ls-run").all_text_contents()[0].startswith("deft")
        assert page.locator(".ls-run", has_text="transition").count() == 1

        chosen = decide(server, 30, lambda path: true[path])
        open_runs(page)
        page.get_by_text("learns from 30 decisions").wait_for(timeout=SOON)
        choose(page, "DeFT", Epochs=4)
        start(page)
        second = wait_for_rows(page, server, n_runs + 2)
        row(page, second.name).get_by_text("30 decisions").wait_for(timeout=SOON)
        row(page, second.name).get_by_text("orders the cards").wait_for(timeout=TRAINED)
        page.locator("#run-panel", has_text="of the decisions").wait_for(timeout=SOON)
        assert noise == []
    assert_honoured(second, chosen)


def assert_honoured(run_dir: Path, chosen: dict[str, str]) -> None:
    """What people decided is what the run says of these samples; those of no class are not in it."""
    classes = [(name, name) for name in sorted(set(chosen.values()) - {*NO_CLASS} | set(_labels(run_dir)))]
    manifest = read_manifest(run_dir / "manifest.csv", classes)
    pins = dict(zip(manifest.sample_ids, manifest.pins, strict=True))
    scores = read_scores(run_dir)
    p_clean = dict(zip(scores.sample_ids.tolist(), scores.p_clean.tolist(), strict=True))
    for sample_id, label in chosen.items():
        if label in NO_CLASS:
            assert sample_id not in p_clean
        else:
            assert p_clean[sample_id] == (1.0 if pins[sample_id] is Pin.CLEAN else 0.0)


def _labels(run_dir: Path) -> list[str]:
    lines = (run_dir / "manifest.csv").read_text().splitlines()[1:]
    return [line.split(",")[2] for line in lines]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_training_is_stopped_and_goes_on_from_its_checkpoint(server: Server) -> None:
    n_runs = len(run_directories(open_workspace(server.workspace)))
    with runs_tab(server) as (page, noise):
        choose(page, "DeFT", Epochs=400)
        start(page)
        run_dir = wait_for_rows(page, server, n_runs + 1)
        panel = page.locator("#run-panel")
        panel.locator(".ls-epoch", has_text="of 400").wait_for(timeout=TRAINED)
        assert page.locator("#start-run").is_disabled()
        page.locator("#stop-run").click()
        panel.get_by_text("It can go on after epoch").wait_for(timeout=SOON)
        row(page, run_dir.name).get_by_text("stopped").first.wait_for(timeout=SOON)
        epoch = json.loads((run_dir / "checkpoint.json").read_text())["epoch"]
        page.locator("#resume-run").click()
        panel.get_by_text(f"Went on after epoch {epoch}.").wait_for(timeout=TRAINED)
        page.locator("#resume-run").wait_for(state="hidden")
        page.locator("#stop-run:not([disabled])").click(timeout=SOON)
        panel.get_by_text("It can go on after epoch").wait_for(timeout=SOON)
        assert json.loads((run_dir / "checkpoint.json").read_text())["epoch"] >= epoch
        assert noise == []


def test_a_bad_setting_is_a_sentence_and_starts_nothing(server: Server) -> None:
    before = run_directories(open_workspace(server.workspace))
    with runs_tab(server) as (page, noise):
        choose(page, "DeFT", Epochs=0)
        start(page)
        page.get_by_role("alert").filter(has_text="deft.epochs is 0; it should be greater").wait_for(
            timeout=SOON
        )
        assert page.get_by_label("Epochs", exact=True).get_attribute("aria-invalid") is not None
        assert run_directories(open_workspace(server.workspace)) == before
        choose(page, "DeFT", Epochs=10)
        page.get_by_role("alert").filter(has_text="deft").wait_for(state="hidden")
        # A 400 is an answer here; the browser's console tells of every one.
        assert [line for line in noise if "400" not in line] == []


def test_the_gpu_is_not_offered_where_the_last_run_found_none(server: Server) -> None:
    with runs_tab(server) as (page, noise):
        gpu = page.locator(".ls-option", has_text="GPU").first
        gpu.get_by_text("The last run found no GPU").wait_for(timeout=SOON)
        assert gpu.get_by_role("radio").is_disabled()
        assert noise == []


@contextmanager
def training(server: Server, name: str) -> Iterator[Path]:
    """A run that looks as if this process were training in it."""
    first = run_directories(open_workspace(server.workspace))[-1]
    run_dir = server.workspace / "runs" / name
    run_dir.mkdir()
    config = (first / "config.toml").read_text().replace('detector = "transition"', 'detector = "deft"')
    (run_dir / "config.toml").write_text(config)
    shutil.copy(first / "manifest.csv", run_dir)
    write_json(run_dir / "lock", process_stamp())
    append_event(run_dir, "stage", stage="training")
    try:
        yield run_dir
    finally:
        shutil.rmtree(run_dir)


def tell_epoch(run_dir: Path, number: int, done: int) -> None:
    append_event(run_dir, "progress", stage="training", done=done, of=70, seconds_left=130.0)
    losses = {"pair": 1.0 / number, "similarity": 0.5}
    append_event(run_dir, "epoch", epoch=number, of=10, loss=2.0 / number, losses=losses, selected=0.7)


def test_what_changes_is_changed_and_nothing_else(server: Server) -> None:
    with training(server, "99990101-000000-deft") as run_dir, runs_tab(server) as (page, noise):
        tell_epoch(run_dir, 1, 7)
        page.locator("#run-panel .main-svg").first.wait_for(timeout=SOON)
        choose(page, "DeFT", Epochs=25)
        page.get_by_label("Learning rate", exact=True).focus()
        page.evaluate(
            """() => {
                window.__kept = [...document.querySelectorAll(
                    '#labelsieve-runs tr, #labelsieve-runs .ls-control, #run-panel, #run-panel .main-svg, '
                    + '#run-panel progress')];
                document.querySelector('#run-panel .ls-log-box').open = true;
            }"""
        )
        tell_epoch(run_dir, 2, 14)
        (run_dir / "log.txt").write_text("still here\n")
        page.locator("#run-panel", has_text="Epoch 2 of 10").wait_for(timeout=SOON)
        page.locator("#run-panel .ls-log", has_text="still here").wait_for(timeout=SOON)
        page.locator("#run-panel", has_text="14 of 70, about 2 min left").wait_for(timeout=SOON)
        assert page.evaluate("window.__kept.every((node) => node.isConnected)")
        assert page.evaluate("document.activeElement.name") == "learning_rate"
        assert page.get_by_label("Epochs", exact=True).input_value() == "25"
        assert page.locator(".ls-settings").get_attribute("open") is not None
        assert page.locator("#run-panel .ls-log-box").get_attribute("open") is not None
        assert noise == []


def test_a_page_at_rest_asks_little(server: Server) -> None:
    asked: list[str] = []
    with runs_tab(server) as (page, noise):
        page.wait_for_timeout(1500)
        page.on("request", lambda request: asked.append(request.url.removeprefix(server.url)))
        page.wait_for_timeout(6500)
        assert set(asked) <= {"/api/runs"}
        assert 1 <= len(asked) <= 3
        asked.clear()
        page.get_by_role("tab", name="Data").click()
        page.wait_for_timeout(4000)
        assert [url for url in asked if url.startswith("/api/runs")] == []
        assert noise == []


HOSTILE = "<img src=x onerror=window.__hacked=1>"


def test_what_comes_from_the_disk_runs_nothing(server: Server) -> None:
    name = f"99990101-000001-{HOSTILE}".replace("/", "")
    with training(server, name) as run_dir, runs_tab(server) as (page, noise):
        append_event(run_dir, "note", message=HOSTILE)
        append_event(run_dir, "epoch", epoch=1, of=2, loss=1.0, losses={HOSTILE: 1.0, "b": 2.0}, selected=0.5)
        append_event(run_dir, "stage", stage=HOSTILE)
        (run_dir / "log.txt").write_text(f"<script>window.__hacked=1</script>{HOSTILE}\n")
        page.locator("#run-panel .main-svg").first.wait_for(timeout=SOON)
        page.locator("#run-panel .ls-notes", has_text="onerror").wait_for(timeout=SOON)
        (run_dir / "lock").unlink()
        write_json(run_dir / "error.json", {"kind": "EngineError", "message": HOSTILE})
        write_json(run_dir / "checkpoint.json", {"epoch": 1})
        page.locator("#run-panel", has_text="It can go on after epoch 1").wait_for(timeout=SOON)
        page.wait_for_timeout(500)
        assert page.evaluate("window.__hacked") is None
        assert page.locator("img[src='x']").count() == 0
        assert noise == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1440, 900), (1280, 720), (820, 1180)])
def test_the_tab_fits_the_window_in_both_themes(server: Server, theme: str, size: tuple[int, int]) -> None:
    viewport = {"width": size[0], "height": size[1]}
    with training(server, "99990101-000002-deft") as run_dir:
        tell_epoch(run_dir, 1, 7)
        with browser_page(f"{server.url}/?__theme={theme}", viewport=viewport) as (page, noise):
            open_runs(page)
            page.locator("#run-panel .main-svg").first.wait_for(timeout=SOON)
            assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
            charts = page.locator(".ls-charts")
            assert charts.evaluate("(node) => node.scrollWidth - node.clientWidth") <= 0
            assert noise == []


def test_the_threshold_is_moved_and_remembered(server: Server) -> None:
    with runs_tab(server) as (page, noise):
        slider = page.locator("#flag-below:not([disabled])")
        slider.wait_for(timeout=SOON)
        slider.focus()
        page.keyboard.press("ArrowRight")
        server.wait(lambda: server.session()["progress"]["threshold"] == pytest.approx(0.55), 10)
        page.reload()
        wait_for_card(page)
        open_runs(page)
        page.wait_for_function("document.querySelector('#flag-below').value === '0.55'")
        assert noise == []
