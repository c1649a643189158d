"""A download as the start page runs it, against a stand-in for the hub on this machine."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.backbones import DRAWN, FOR_PHOTOS
from reviewer.download import Download, DownloadView, _seconds_left
from reviewer.errors import ReviewerError
from tests.hub import slow_hub

BACKBONE = FOR_PHOTOS[1]


@pytest.fixture
def download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Download]:
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    made = Download()
    # As Gradio's import does later.
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    yield made
    made.close()


def follow(download: Download, until: Callable[[DownloadView], bool]) -> list[DownloadView]:
    views = [download.view()]
    end = time.monotonic() + 150
    while not until(views[-1]):
        assert time.monotonic() < end, views[-1]
        time.sleep(0.02)
        if download.view() != views[-1]:
            views.append(download.view())
    return views


def test_it_tells_how_far_it_is_and_how_long_it_takes(
    download: Download, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with slow_hub(BACKBONE.file, pause=0.25) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        download.start(BACKBONE)
        with pytest.raises(ReviewerError, match="wait for it or cancel it first"):
            download.start(FOR_PHOTOS[0])
        views = follow(download, lambda view: not view.is_at_work)
    assert views[-1].state == "done", views[-1].message
    assert (views[-1].done, views[-1].of) == (hub.size, hub.size)
    running = [view for view in views if view.state == "running"]
    assert len(running) > 3
    assert any(view.seconds_left for view in running)
    assert next(tmp_path.rglob(BACKBONE.file)).read_bytes() == hub.content


def test_it_can_be_cancelled_and_begun_again(
    download: Download, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with slow_hub(BACKBONE.file, pause=1.0) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        download.start(BACKBONE)
        assert follow(download, lambda view: view.done > 0 or not view.is_at_work)[-1].is_at_work
        download.cancel()
        assert download.view().state == "cancelled"
        assert not list(tmp_path.rglob("*.incomplete"))
        hub.pause = 0
        download.start(BACKBONE)
        assert follow(download, lambda view: not view.is_at_work)[-1].state == "done"


def test_what_goes_wrong_is_one_sentence(download: Download, monkeypatch: pytest.MonkeyPatch) -> None:
    with slow_hub("another-file") as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        download.start(BACKBONE)
        view = follow(download, lambda view: not view.is_at_work)[-1]
    assert view.state == "failed"
    assert view.message.startswith("The weights 'openai' of ViT-B-32-quickgelu could not be fetched: ")
    with pytest.raises(ReviewerError, match="nothing to download"):
        download.start(DRAWN)


def test_a_process_that_dies_is_said_to_have_failed(
    download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reviewer.download.engine_command", lambda *_: ["/bin/sh", "-c", "echo '3'; exit 7"])
    download.start(BACKBONE)
    view = follow(download, lambda view: not view.is_at_work)[-1]
    assert (view.state, "status 7" in view.message) == ("failed", True)


def test_nobody_says_a_time_without_a_pace() -> None:
    assert _seconds_left(None, 5, 10) is None
    assert _seconds_left((time.monotonic() - 10, 0), 5, 0) is None
    assert _seconds_left((time.monotonic(), 0), 5, 10) is None
    assert _seconds_left((time.monotonic() - 10, 0), 25, 100) == pytest.approx(30, abs=1)
