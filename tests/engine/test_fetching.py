"""`engine fetch` against a stand-in for the hub on this machine."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.backbones import FOR_PHOTOS
from tests.driver import ROOT
from tests.hub import slow_hub

BACKBONE = FOR_PHOTOS[0]


def fetch(cache: Path, endpoint: str, *options: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HUB_CACHE": str(cache), "HF_HUB_OFFLINE": "0"}
    return subprocess.Popen(
        [sys.executable, "-m", "engine", "fetch", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
    )


def left_in(cache: Path) -> list[Path]:
    return [path for path in cache.rglob("*") if path.is_file() and "blobs" in path.parts]


def test_progress_comes_as_json_lines_and_the_file_is_where_open_clip_looks(tmp_path: Path) -> None:
    with slow_hub(BACKBONE.file) as hub:
        out, err = fetch(tmp_path, hub.url, "--progress").communicate(timeout=150)
        events = [json.loads(line) for line in out.splitlines()]
        assert events[0] == {"event": "stage", "stage": "download"}, err
        steps = [event for event in events if event["event"] == "progress"]
        done = [event["done"] for event in steps]
        assert done == sorted(done)
        assert done[-1] == hub.size
        assert len(set(done)) >= 4  # it grows while it comes
        assert {event["of"] for event in steps} == {hub.size}
        file = Path(events[-1]["file"])
        assert events[-1]["event"] == "done"
        assert file.read_bytes() == hub.content
        assert f"models--{BACKBONE.repository.replace('/', '--')}" in file.parts
        requests = len(hub.asked)
        out, _ = fetch(tmp_path, hub.url).communicate(timeout=150)
        assert Path(out.strip()) == file  # it is here: nobody is asked again
        assert len(hub.asked) == requests


def test_a_download_that_is_stopped_leaves_no_part_of_the_file(tmp_path: Path) -> None:
    with slow_hub(BACKBONE.file, pause=1.0) as hub:
        process = fetch(tmp_path, hub.url, "--progress")
        assert process.stdout is not None
        while '"progress"' not in (line := process.stdout.readline()):
            assert line
        assert left_in(tmp_path)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        assert process.returncode != 0
        assert left_in(tmp_path) == []


@pytest.mark.parametrize("option", [(), ("--progress",)], ids=["plain", "lines"])
def test_what_the_hub_does_not_have_ends_in_one_sentence(tmp_path: Path, option: tuple[str, ...]) -> None:
    with slow_hub("another-file") as hub:
        process = fetch(tmp_path, hub.url, *option)
        out, err = process.communicate(timeout=150)
    assert process.returncode == 1
    sentence = err.strip().splitlines()[-1]
    assert sentence.startswith("The weights 'openai' of ViT-B-16-quickgelu could not be fetched: ")
    assert "Traceback" not in err
    if option:
        assert json.loads(out.splitlines()[-1]) == {"event": "error", "message": sentence}
