"""The client of the second door, against a small speaker of the protocol, and once against the engine."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from reviewer import encoder as module
from reviewer.encoder import Encoder
from reviewer.errors import ReviewerError
from tests.driver import ROOT

SPEAKER = """
import json, os, sys, time
print("started", os.getpid(), file=sys.stderr, flush=True)
for line in sys.stdin:
    question = json.loads(line)
    answer = {"id": question["id"]}
    if question["op"] == "die":
        os._exit(3)
    if question["op"] == "sleep":
        time.sleep(question["seconds"])
    if question["op"] == "chat":
        print("no protocol", flush=True)
        print('{"id": 12345}', flush=True)
    if question["op"] == "refuse":
        answer["error"] = "This is refused; ask for something else."
    else:
        answer |= {"echo": question, "pid": os.getpid(), "cwd": os.getcwd()}
    print(json.dumps(answer), flush=True)
"""


@pytest.fixture
def speaker(monkeypatch: pytest.MonkeyPatch) -> None:
    def command(*arguments: str) -> list[str]:
        assert arguments[0] == "serve"
        return [sys.executable, "-c", SPEAKER, *arguments]

    monkeypatch.setattr(module, "engine_command", command)


@pytest.fixture
def make(speaker: None) -> Iterator[Callable[..., Encoder]]:
    made: list[Encoder] = []

    def build(**values: float) -> Encoder:
        made.append(Encoder(**values))
        return made[-1]

    yield build
    for each in made:
        each.close()


def wait_until(holds: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_nothing_runs_before_it_is_asked_and_one_process_answers_all(
    make: Callable[..., Encoder], tmp_path: Path
):
    encoder = make()
    assert encoder.pid is None
    first = encoder.ask(tmp_path, "say", word="ж\udcff")  # a file name need not be UTF-8
    assert first["echo"]["op"] == "say"
    assert first["echo"]["word"] == "ж\udcff"
    assert first["cwd"] == str(tmp_path.resolve())
    assert encoder.ask(tmp_path, "say")["pid"] == first["pid"] == encoder.pid


def test_many_threads_each_get_their_own_answer(make: Callable[..., Encoder], tmp_path: Path):
    encoder = make()
    long = "x" * 5000

    def ask(number: int) -> int:
        return encoder.ask(tmp_path, "say", number=number, text=long)["echo"]["number"]

    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(ask, range(200))) == list(range(200))
    assert (tmp_path / "serve.log").read_text().count("started") == 1


def test_questions_that_fill_the_pipe_do_not_lock_up(make: Callable[..., Encoder], tmp_path: Path):
    encoder = make()
    texts = ["x" * 1000] * 500  # half a megabyte each way; a pipe holds 64 kB
    answers = [encoder.submit(tmp_path, "embed_text", texts=texts) for _ in range(6)]
    assert all(answer.result(60)["echo"]["texts"] == texts for answer in answers)


def test_a_refusal_is_a_sentence_and_noise_is_overheard(make: Callable[..., Encoder], tmp_path: Path):
    encoder = make()
    with pytest.raises(ReviewerError, match="This is refused"):
        encoder.ask(tmp_path, "refuse")
    assert encoder.ask(tmp_path, "chat")["echo"]["op"] == "chat"


def test_a_killed_process_is_said_and_the_next_question_starts_another(
    make: Callable[..., Encoder], tmp_path: Path
):
    encoder = make()
    encoder.ask(tmp_path, "say")
    pid = encoder.pid
    assert pid is not None
    waiting = encoder.submit(tmp_path, "sleep", seconds=60)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(ReviewerError, match=r"ended.*serve\.log"):
        waiting.result(30)
    again = encoder.ask(tmp_path, "say")
    assert again["pid"] not in (pid, None)
    with pytest.raises(ReviewerError, match="status 3"):
        encoder.ask(tmp_path, "die")
    assert encoder.ask(tmp_path, "say")["pid"] != again["pid"]


def test_one_who_does_not_wait_gets_a_sentence_and_the_process_goes_on(
    make: Callable[..., Encoder], tmp_path: Path
):
    encoder = make()
    pid = encoder.ask(tmp_path, "say")["pid"]
    with pytest.raises(ReviewerError, match="did not answer within"):
        encoder.ask(tmp_path, "sleep", timeout=0.05, seconds=0.5)
    assert encoder.ask(tmp_path, "say")["pid"] == pid


def test_a_stuck_process_is_ended_after_its_patience_however_often_it_is_asked(
    make: Callable[..., Encoder], tmp_path: Path
):
    encoder = make(patience=0.6)
    stuck = encoder.submit(tmp_path, "sleep", seconds=600)
    others = []
    while not stuck.done():
        others.append(encoder.submit(tmp_path, "say"))
        time.sleep(0.1)
    with pytest.raises(ReviewerError, match="did not answer for"):
        stuck.result(0)
    assert len(others) < 60


def test_an_idle_process_is_put_away_and_comes_back(make: Callable[..., Encoder], tmp_path: Path):
    encoder = make(idle=0.4)
    pid = encoder.ask(tmp_path, "sleep", seconds=1.0)["pid"]  # at work is not idle
    wait_until(lambda: is_gone(pid))
    assert encoder.pid is None
    assert encoder.ask(tmp_path, "say")["pid"] != pid


def test_another_run_replaces_the_model(make: Callable[..., Encoder], tmp_path: Path):
    encoder = make()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    first = encoder.ask(tmp_path / "one", "say")["pid"]
    waiting = encoder.submit(tmp_path / "one", "sleep", seconds=60)
    assert encoder.ask(tmp_path / "two", "say")["cwd"].endswith("two")
    wait_until(lambda: is_gone(first))
    with pytest.raises(ReviewerError, match="Another model was asked"):
        waiting.result(30)


def test_too_many_questions_are_refused(make: Callable[..., Encoder], tmp_path: Path):
    encoder = make()
    for _ in range(module.MAX_WAITING):
        encoder.submit(tmp_path, "sleep", seconds=60)
    with pytest.raises(ReviewerError, match="wait for the model already"):
        encoder.submit(tmp_path, "say")


def test_it_ends_with_its_owner_and_is_closed_for_good(make: Callable[..., Encoder], tmp_path: Path):
    encoder = make()
    pid = encoder.ask(tmp_path, "say")["pid"]
    encoder.close()
    wait_until(lambda: is_gone(pid))
    with pytest.raises(ReviewerError, match="closing"):
        encoder.submit(tmp_path, "say")
    forgotten = Encoder()
    pid = forgotten.ask(tmp_path, "say")["pid"]
    del forgotten
    gc.collect()
    wait_until(lambda: is_gone(pid))


def test_a_run_that_is_gone_is_a_sentence(make: Callable[..., Encoder], tmp_path: Path):
    with pytest.raises(ReviewerError, match="cannot be started"):
        make().ask(tmp_path / "gone", "say")


def test_the_engine_itself_answers_from_a_hostile_folder(tmp_path: Path):
    (tmp_path / "torch.py").write_text("raise SystemExit('executed')")
    (tmp_path / "json.py").write_text("raise SystemExit('executed')")
    encoder = Encoder()
    try:
        assert encoder.ask(tmp_path, "ping", timeout=120) == {"pong": True, "loaded": False}
        with pytest.raises(ReviewerError, match=r"config\.toml"):
            encoder.ask(tmp_path, "embed_text", timeout=120, texts=["a"])
    finally:
        encoder.close()
    wait_until(lambda: "encoder answers" not in {thread.name for thread in threading.enumerate()})


@pytest.mark.parametrize("end", ["pass", "os.kill(os.getpid(), signal.SIGKILL)"], ids=["exit", "kill"])
def test_the_model_does_not_outlive_the_app(tmp_path: Path, end: str):
    code = f"""
import os, signal
from pathlib import Path
from reviewer.encoder import Encoder
encoder = Encoder()
encoder.ask(Path({str(tmp_path)!r}), "ping", timeout=120)
print(encoder.pid, flush=True)
{end}
"""
    app = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=150)
    pid = int(app.stdout)
    wait_until(lambda: is_gone(pid))
