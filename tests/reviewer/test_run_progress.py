import json
import math
from pathlib import Path
from typing import Any

import pytest

from engine.artifacts import append_event
from reviewer.run_progress import LOG_LINES, Follower, Progress, follow, read_log_tail


def epoch(number: int, **values: Any) -> dict[str, Any]:
    return {"event": "epoch", "epoch": number, "of": 10, "loss": 2.0 / number, **values}


def test_a_training_is_told_from_its_stage_to_its_epochs():
    progress = follow(
        Progress(),
        [
            {"event": "stage", "stage": "training"},
            {"event": "progress", "stage": "training", "done": 7, "of": 70, "seconds_left": 12.5},
            epoch(1, losses={"pair": 1.0, "similarity": 0.5}, selected=0.7, agreement=None, seconds=4.2),
        ],
    )
    assert (progress.stage, progress.done, progress.of, progress.seconds_left) == ("training", 7, 70, 12.5)
    (first,) = progress.epochs
    assert (first.epoch, first.of, first.loss, first.selected, first.agreement) == (1, 10, 2.0, 0.7, None)
    assert first.losses == {"pair": 1.0, "similarity": 0.5}


def test_a_new_stage_has_no_progress_of_the_old_one():
    told = [{"event": "progress", "stage": "training", "done": 7, "of": 7, "seconds_left": 0.0}]
    progress = follow(Progress(), [*told, {"event": "stage", "stage": "write"}])
    assert (progress.stage, progress.done, progress.of, progress.seconds_left) == ("write", None, None, None)


def test_of_two_epochs_with_one_number_the_later_counts():
    progress = follow(Progress(), [epoch(1), epoch(2), epoch(3), epoch(2, loss=9.0)])
    assert [(each.epoch, each.loss) for each in progress.epochs] == [(1, 2.0), (2, 9.0)]


def test_a_resumed_run_forgets_the_epochs_after_its_checkpoint_and_says_so():
    events = [epoch(1), epoch(2), epoch(3), {"event": "resumed", "epoch": 2}]
    progress = follow(Progress(), [*events, {"event": "note", "message": "Halved."}])
    assert [each.epoch for each in progress.epochs] == [1, 2]
    assert progress.notes == ("Went on after epoch 2.", "Halved.")


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        "epoch",
        {},
        {"event": "epoch"},
        {"event": "epoch", "epoch": "two"},
        {"event": "epoch", "epoch": -1},
        {"event": "something new", "epoch": 3},
    ],
)
def test_an_event_that_makes_no_sense_changes_nothing(event: Any):
    assert follow(Progress(), [event]) == Progress()


def test_numbers_that_are_none_never_reach_the_page():
    (made,) = follow(
        Progress(),
        [epoch(1, loss=math.nan, selected=math.inf, agreement="much", losses={"pair": math.nan, "b": True})],
    ).epochs
    assert (made.loss, made.selected, made.agreement, made.losses) == (None, None, None, {})


# -- files --


def test_a_follower_reads_what_was_appended_and_waits_for_a_torn_line(tmp_path: Path):
    follower = Follower(tmp_path)
    assert follower.read() == Progress()
    append_event(tmp_path, "epoch", epoch=1, of=3, loss=2.0)
    assert len(follower.read().epochs) == 1
    line = json.dumps({"event": "epoch", "epoch": 2, "of": 3, "loss": 1.0}) + "\n"
    with (tmp_path / "events.jsonl").open("a") as file:
        file.write(line[:20])
        file.flush()
        assert len(follower.read().epochs) == 1
        file.write(line[20:])
        file.flush()
    assert [each.epoch for each in follower.read().epochs] == [1, 2]
    assert follower.read() == Follower(tmp_path).read()


def test_a_follower_starts_anew_with_another_file(tmp_path: Path):
    follower = Follower(tmp_path)
    for number in (1, 2, 3):
        append_event(tmp_path, "epoch", epoch=number, of=3, loss=2.0)
    assert len(follower.read().epochs) == 3
    (tmp_path / "events.jsonl").unlink()
    append_event(tmp_path, "stage", stage="model")
    assert follower.read() == Progress(stage="model")


def test_a_line_that_is_no_event_is_passed_over(tmp_path: Path):
    (tmp_path / "events.jsonl").write_bytes(b'\xff\xfe\n{"event": "epo\n[1]\n')
    append_event(tmp_path, "stage", stage="training")
    assert Follower(tmp_path).read().stage == "training"


# -- the log --


def test_the_end_of_a_log_is_its_last_lines_without_what_steers_a_terminal(tmp_path: Path):
    assert read_log_tail(tmp_path) == []
    lines = [f"line {number}" for number in range(5000)]
    tail = "\x1b[31mred\x1b[0m\n  0%\r 50%\r100%\r\n\xff<b>bold</b>\n\n"
    (tmp_path / "log.txt").write_bytes(("\n".join(lines) + "\n" + tail).encode("latin-1"))
    said = read_log_tail(tmp_path)
    assert len(said) == LOG_LINES
    assert said[-3:] == ["red", "100%", "\ufffd<b>bold</b>"]
    assert said[0] == "line 4983"


def test_a_log_of_one_endless_line_is_cut(tmp_path: Path):
    (tmp_path / "log.txt").write_text("x" * 1_000_000)
    assert sum(map(len, read_log_tail(tmp_path))) <= 400
