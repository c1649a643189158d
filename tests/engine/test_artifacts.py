import json
import os
import time
from dataclasses import replace

import numpy as np
import pytest

import engine.artifacts as artifacts
from engine.artifacts import (
    Detection,
    Neighbours,
    append_event,
    process_stamp,
    read_events,
    read_json,
    read_neighbours,
    read_own_chance,
    read_probabilities,
    read_scores,
    read_status,
    release_lock,
    take_lock,
    write_detection,
    write_json,
    write_probabilities,
)
from engine.errors import EngineError

NAMES = ("cat", "dog", "caf\udce9")
GONE = {"pid": 2**22 + 1, "host": process_stamp()["host"], "started": 1.0}


def detection(n=5, k=3):
    probs = np.random.default_rng(0).dirichlet(np.ones(k), n).astype(np.float32)
    return Detection(
        p_clean=probs[:, 0],
        probs=probs,
        embeddings=np.eye(n, 4, dtype=np.float32),
        suggested=probs.argmax(axis=1),
        suggested_probability=probs.max(axis=1),
    )


def write(run_dir, found):
    n = len(found.p_clean)
    near = Neighbours(rows=np.zeros((n, 2)), similarities=np.ones((n, 2)))
    ids = (*(f"s{i}" for i in range(n - 1)), "caf\udce9.png")
    write_detection(run_dir, ids, NAMES, np.zeros(n, dtype=np.int64), found, near)
    return ids


def test_a_detection_comes_back_as_it_was_written(tmp_path):
    found = detection()
    ids = write(tmp_path, found)
    scores = read_scores(tmp_path)
    assert tuple(scores.sample_ids) == ids
    assert tuple(scores.suggested) == tuple(NAMES[k] for k in found.suggested)
    np.testing.assert_allclose(scores.p_clean, found.p_clean)
    np.testing.assert_allclose(scores.loss, -np.log(found.probs[:, 0]), rtol=1e-5)
    np.testing.assert_allclose(read_probabilities(tmp_path), found.probs, atol=1e-3)
    assert read_neighbours(tmp_path).rows.shape == (5, 2)
    assert read_own_chance(tmp_path) is None


def test_what_two_prompts_prefer_comes_back(tmp_path):
    write(tmp_path, replace(detection(), own_chance=np.linspace(0, 1, 5)))
    again = read_own_chance(tmp_path)
    assert again is not None
    np.testing.assert_allclose(again, np.linspace(0, 1, 5))


def test_above_the_limit_the_likeliest_classes_are_kept_and_the_rest_is_even(tmp_path):
    probs = np.random.default_rng(0).dirichlet(np.full(50, 0.05), 7).astype(np.float32)
    write_probabilities(tmp_path, probs, max_cells=10)
    again = read_probabilities(tmp_path)
    assert not (tmp_path / "probabilities.npy").exists()
    np.testing.assert_allclose(again.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(again.argmax(axis=1), probs.argmax(axis=1))
    np.testing.assert_allclose(again, probs, atol=2e-3)


def test_the_state_follows_from_the_files(tmp_path):
    assert read_status(tmp_path).state == "prepared"
    take_lock(tmp_path)
    status = read_status(tmp_path)
    assert (status.state, status.pid) == ("running", os.getpid())
    release_lock(tmp_path)
    write_json(tmp_path / "error.json", {"kind": "Stopped", "message": "asked to"})
    assert read_status(tmp_path).state == "stopped"
    write_json(tmp_path / "error.json", {"kind": "EngineError", "message": "why"})
    assert (read_status(tmp_path).state, read_status(tmp_path).message) == ("failed", "why")
    write_json(tmp_path / "result.json", {})
    assert read_status(tmp_path).state == "done"


def test_a_killed_run_is_lost_and_its_lock_can_be_taken(tmp_path):
    write_json(tmp_path / "lock", GONE)
    assert read_status(tmp_path).state == "lost"
    take_lock(tmp_path)
    assert read_status(tmp_path).state == "running"


def test_a_reused_process_number_is_not_the_run(tmp_path):
    write_json(tmp_path / "lock", {**process_stamp(), "started": 5.0})
    assert read_status(tmp_path).state == "lost"


def test_a_living_run_cannot_be_taken(tmp_path):
    take_lock(tmp_path)
    with pytest.raises(EngineError, match="already running as process"):
        take_lock(tmp_path)


def test_a_run_is_never_done_before_its_last_write(tmp_path, monkeypatch):
    """Stop after each write in turn."""
    found, writes = detection(), 0

    class Halt(Exception):
        pass

    def counted(original, limit):
        def write(*args, **kwargs):
            nonlocal writes
            if writes == limit:
                raise Halt
            writes += 1
            return original(*args, **kwargs)

        return write

    for limit in range(4):
        writes = 0
        with monkeypatch.context() as patch:
            patch.setattr(artifacts.np, "save", counted(np.save, limit))
            patch.setattr(artifacts.np, "savez", counted(np.savez, limit))
            write_json(tmp_path / "lock", GONE)
            with pytest.raises(Halt):
                write(tmp_path, found)
        assert read_status(tmp_path).state == "lost"
    write(tmp_path, found)
    assert read_status(tmp_path).state == "lost"
    (tmp_path / "result.json.1.part").write_text('{"dete')
    assert read_status(tmp_path).state == "lost"
    write_json(tmp_path / "result.json", {"detector": "knn"})
    release_lock(tmp_path)
    assert read_status(tmp_path).state == "done"


def test_events_come_back_without_a_torn_line(tmp_path):
    assert read_events(tmp_path) == []
    append_event(tmp_path, "stage", stage="pixels")
    append_event(tmp_path, "progress", done=1, of=2)
    with (tmp_path / "events.jsonl").open("a") as file:
        file.write('{"event": "progr')
    events = read_events(tmp_path)
    assert [event["event"] for event in events] == ["stage", "progress"]
    assert abs(events[0]["time"] - time.time()) < 60


def test_json_is_whole_or_missing(tmp_path):
    write_json(tmp_path / "a.json", {"path": "caf\udce9"})
    assert read_json(tmp_path / "a.json") == {"path": "caf\udce9"}
    assert os.listdir(tmp_path) == ["a.json"]
    (tmp_path / "b.json").write_text(json.dumps({"a": 1})[:-1])
    assert read_json(tmp_path / "b.json") is None
