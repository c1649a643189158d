import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import engine.illustrate
import engine.job
from engine.artifacts import (
    Scores,
    process_stamp,
    read_events,
    read_json,
    read_scores,
    read_status,
    write_json,
)
from engine.attention import class_maps
from engine.config import read_config
from engine.errors import EngineError
from engine.illustrate import doubtful, illustrate
from engine.illustrations import (
    ILLUSTRATIONS,
    read_attention,
    read_projection,
    remove_illustrations,
    write_attention,
    write_attention_ids,
    write_projection,
)
from engine.manifest import Pin
from engine.pixels import read_pixels
from engine.progress import silent
from tests.engine.conftest import REPOSITORY, make_manifest, write_run
from tests.engine.test_job import wait_for_stage

TRUE = np.arange(30) % 3


def clustered(features, seed, device="cpu"):
    """Stands for UMAP, which takes seconds to import; a map all the same."""
    return features[:, :2].astype(np.float32)


@pytest.fixture
def finished(tmp_path, small_clip, monkeypatch):
    """The directory of a finished run over 30 drawn images; one was settled before, one is unreadable."""
    monkeypatch.setattr("engine.projection.project", clustered)
    manifest = make_manifest(TRUE, pinned={4: (Pin.RELABELLED, (0,)), 5: (Pin.EXCLUDED, ())})
    run_dir = write_run(tmp_path / "run", manifest, str(small_clip))
    (tmp_path / "images" / "s001.png").write_bytes(b"no image")
    engine.job.run(run_dir)
    return run_dir


def drawn(run_dir) -> tuple[np.ndarray, np.ndarray]:
    found = read_attention(run_dir)
    assert found is not None
    return found


# -- the files --


def test_maps_come_back_as_far_as_they_are_drawn(tmp_path):
    assert read_attention(tmp_path) is None
    ids = np.asarray(["b", "a", "caf\udce9"])
    write_attention_ids(tmp_path, ids)
    assert read_attention(tmp_path) is None
    maps = np.random.default_rng(0).random((3, 2, 4, 4))
    write_attention(tmp_path, maps[:2])
    found = read_attention(tmp_path)
    assert found is not None
    assert found[0].tolist() == ["b", "a"]
    assert found[1].dtype == np.float16
    write_attention(tmp_path, maps)
    found = read_attention(tmp_path)
    assert found is not None
    assert found[0].tolist() == ids.tolist()
    np.testing.assert_allclose(found[1], maps, atol=1e-3)
    write_attention_ids(tmp_path, ids[::-1])  # other samples: the maps are not theirs
    assert read_attention(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\x00torn", b"PK\x03\x04"])
def test_torn_arrays_read_as_missing(tmp_path, content):
    for name in ("attention.npy", "attention_ids.npy", "projection_image.npy"):
        (tmp_path / name).write_bytes(content)
    assert read_attention(tmp_path) is None
    assert read_projection(tmp_path, "image") is None


def test_projections_come_back_and_only_two_spaces_exist(tmp_path):
    points = np.random.default_rng(0).normal(size=(5, 2))
    write_projection(tmp_path, "joint", points)
    np.testing.assert_array_equal(read_projection(tmp_path, "joint"), points.astype(np.float32))
    assert read_projection(tmp_path, "image") is None
    with pytest.raises(EngineError, match=r"no map of '\.\./x'; known are image, joint"):
        read_projection(tmp_path, "../x")
    assert os.listdir(tmp_path) == ["projection_joint.npy"]
    remove_illustrations(tmp_path)
    assert os.listdir(tmp_path) == []


# -- which samples --


def scored(ids, p_clean):
    n = len(ids)
    return Scores(
        sample_ids=np.asarray(ids),
        p_clean=np.asarray(p_clean, dtype=np.float32),
        suggested=np.asarray(["red"] * n),
        suggested_probability=np.ones(n, np.float32),
        loss=np.ones(n, np.float32),
    )


def test_the_most_doubtful_come_first_and_settled_ones_last():
    manifest = make_manifest([0, 1, 2, 0, 1], pinned={1: (Pin.RELABELLED, (0,))})
    scores = scored(manifest.sample_ids, [0.5, 0.0, 0.2, 0.9, 0.2])
    assert doubtful(manifest, scores, 9).tolist() == [2, 4, 0, 3, 1]
    assert doubtful(manifest, scores, 2).tolist() == [2, 4]


# -- the whole of it --


@pytest.mark.weights
def test_a_finished_run_gets_its_maps(finished):
    result = illustrate(finished, n_maps=20)
    assert result["attention"] == {"maps": 20, "method": "effects"}
    assert read_json(finished / "illustrations.json") == result
    assert read_status(finished, ILLUSTRATIONS).state == "done"
    assert read_status(finished).state == "done"
    scores = read_scores(finished)
    found = read_attention(finished)
    assert found is not None
    ids, maps = found
    p_clean = dict(zip(scores.sample_ids.tolist(), scores.p_clean.tolist(), strict=True))
    assert [p_clean[each] for each in ids] == sorted(p_clean[each] for each in ids)
    assert max(p_clean[each] for each in ids) <= min(v for k, v in p_clean.items() if k not in {*ids, "s004"})
    assert "s004" not in ids
    assert maps.shape == (20, 2, 8, 8)
    assert maps.min() >= 0
    assert maps.max() == 1
    for space in ("image", "joint"):
        points = read_projection(finished, space)
        assert points is not None
        assert points.shape == (28, 2)
    stages = [event["stage"] for event in read_events(finished) if event["event"] == "stage"]
    assert stages[-3:] == ["model", "attention", "map"]
    assert not (finished / "illustrate.lock").exists()


@pytest.mark.weights
def test_each_map_is_of_its_sample_and_its_two_classes(finished):
    illustrate(finished)
    config = read_config(finished / "config.toml")
    _, backbone = engine.job.load_model(finished, config)
    ids, maps = drawn(finished)
    manifest = make_manifest(TRUE)
    scores = read_scores(finished)
    suggested = dict(zip(scores.sample_ids.tolist(), scores.suggested.tolist(), strict=True))
    text = backbone.class_features(manifest.class_prompts)
    cache = finished / config.cache
    for i in (0, 7, 27):
        row = manifest.sample_ids.index(ids[i])
        one = manifest.take([row])
        pixels = read_pixels(one, finished / config.image_root, cache, 32, silent).pixels.take([0])
        classes = np.asarray([[TRUE[row], manifest.class_names.index(suggested[ids[i]])]])
        np.testing.assert_allclose(class_maps(backbone, pixels, text, classes)[0], maps[i], atol=2e-3)


@pytest.mark.weights
def test_what_is_drawn_already_is_not_drawn_again(finished, monkeypatch):
    whole = illustrate(finished)
    ids, maps = drawn(finished)
    # As a process leaves it that was killed between two writes, and in the middle of the map.
    write_attention(finished, maps[:16])
    (finished / "illustrations.json").unlink()
    (finished / "projection_joint.npy").unlink()
    write_json(finished / "illustrate.lock", {**process_stamp(), "started": 0.0})
    assert read_status(finished, ILLUSTRATIONS).state == "lost"
    asked = []

    def counted(backbone, pixels, *rest):
        asked.append(len(pixels))
        return class_maps(backbone, pixels, *rest)

    monkeypatch.setattr("engine.attention.class_maps", counted)
    monkeypatch.setattr("engine.projection.project", lambda *a: asked.append("map") or clustered(*a))
    again = illustrate(finished)
    assert asked == [12, "map"]
    assert again["attention"] == whole["attention"]
    ids_again, maps_again = drawn(finished)
    assert list(ids_again) == list(ids)
    np.testing.assert_allclose(maps_again, maps, atol=2e-3)


@pytest.mark.weights
def test_a_new_run_in_the_directory_takes_the_old_pictures_away(finished):
    illustrate(finished)
    engine.job.run(finished)
    assert read_attention(finished) is None
    assert read_projection(finished, "image") is None
    assert read_status(finished, ILLUSTRATIONS).state == "prepared"


@pytest.mark.weights
def test_images_that_have_gone_get_no_map(finished):
    for name in ("s000.png", "s002.png"):
        (finished.parent / "images" / name).unlink()
    assert illustrate(finished)["attention"]["maps"] == 26
    ids, maps = drawn(finished)
    assert not {"s000", "s002"} & set(ids)
    assert len(maps) == 26


@pytest.mark.weights
def test_a_model_without_patches_gets_the_map_and_says_why_no_attention(finished, monkeypatch):
    load = engine.job.load_model

    def blind(*arguments):
        runtime, backbone = load(*arguments)
        backbone.model.visual.pool_type = "avg"
        return runtime, replace(backbone, name="RN50")

    monkeypatch.setattr(engine.illustrate, "load_model", blind)
    result = illustrate(finished)
    assert result["attention"]["maps"] == 0
    assert result["attention"]["reason"].startswith("RN50 has no grid of patches")
    assert read_attention(finished) is None
    assert read_projection(finished, "joint") is not None


# -- how it ends --


def test_only_a_finished_run_is_illustrated(tmp_path):
    run_dir = write_run(tmp_path / "run", make_manifest(TRUE), "./nowhere")
    with pytest.raises(EngineError, match=r"has no result\.json; only a finished run can be illustrated"):
        illustrate(run_dir)
    assert not (run_dir / "illustrate.error.json").exists()


def test_a_fault_is_said_in_a_file_of_its_own_and_leaves_the_run_done(tmp_path):
    run_dir = write_run(tmp_path / "run", make_manifest(TRUE), "./nowhere")
    write_json(run_dir / "result.json", {})
    with pytest.raises(EngineError, match="do not exist"):
        illustrate(run_dir)
    assert read_status(run_dir).state == "done"
    status = read_status(run_dir, ILLUSTRATIONS)
    assert status.state == "failed"
    assert "do not exist" in status.message


def test_two_never_draw_at_once(tmp_path):
    run_dir = write_run(tmp_path / "run", make_manifest(TRUE), "./nowhere")
    write_json(run_dir / "result.json", {})
    write_json(run_dir / "illustrate.lock", process_stamp())
    with pytest.raises(EngineError, match="already running as process"):
        illustrate(run_dir)
    assert read_status(run_dir, ILLUSTRATIONS).state == "running"


@pytest.mark.weights
@pytest.mark.parametrize(("stop", "state"), [(signal.SIGTERM, "stopped"), (signal.SIGKILL, "lost")])
def test_a_stopped_drawing_says_so_and_can_be_started_again(finished, stop, state):
    (finished / "events.jsonl").unlink()
    command = [sys.executable, "-m", "engine", "illustrate", str(finished), "--maps", "5"]
    process = subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_for_stage(finished, process, "model")
    assert read_status(finished, ILLUSTRATIONS).state == "running"
    process.send_signal(stop)
    _, errors = process.communicate(timeout=60)
    assert read_status(finished, ILLUSTRATIONS).state == state
    assert read_status(finished).state == "done"
    if state == "stopped":
        assert process.returncode == 1
        assert errors.splitlines()[-1].startswith("The drawing was stopped (SIGTERM)")
        assert "Traceback" not in errors
    illustrate(finished, n_maps=5)
    assert read_status(finished, ILLUSTRATIONS).state == "done"
