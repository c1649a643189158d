import os
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import engine.pixels
from engine.pixels import read_pixels, square
from engine.progress import silent
from tests.engine.conftest import draw, make_manifest


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(6):
        Image.fromarray(draw(f"{i}", i % 3, 20)).save(folder / f"s{i:03d}.png")
    return folder


def read(images, manifest=None, size=8, report=silent):
    manifest = make_manifest([0] * 6) if manifest is None else manifest
    return read_pixels(manifest, images, images.parent / "cache", size, report)


def with_path(manifest, row, path):
    paths = list(manifest.paths)
    paths[row] = path
    return replace(manifest, paths=tuple(paths))


def test_every_image_becomes_a_square_of_bytes(images):
    found = read(images)
    assert found.kept == tuple(range(6))
    assert found.faults == ()
    values = found.pixels.take(slice(None))
    assert values.shape == (6, 8, 8, 3)
    assert values.dtype == np.uint8
    expected = square(Image.open(images / "s003.png"), 8)
    np.testing.assert_array_equal(values[3], expected)


def test_a_second_pass_decodes_nothing_and_a_changed_file_is_read_again(images, monkeypatch):
    read(images)
    decoded = []
    original = engine.pixels._read_square
    monkeypatch.setattr(
        engine.pixels, "_read_square", lambda path, size: decoded.append(path.name) or original(path, size)
    )
    read(images)
    assert decoded == []
    Image.new("RGB", (30, 30), "white").save(images / "s002.png")
    os.utime(images / "s002.png", ns=(1, 1))
    assert read(images).pixels.take(2).min() == 255
    assert decoded == ["s002.png"]


def test_faults_are_named_and_the_rest_is_kept(images):
    (images / "s000.png").unlink()
    (images / "s001.png").write_bytes(b"")
    (images / "s002.png").write_bytes(b"a,b\n")
    (images / "s003.png").unlink()
    (images / "s003.png").mkdir()
    found = read(images)
    assert found.kept == (4, 5)
    assert [fault.sample_id for fault in found.faults] == ["s000", "s001", "s002", "s003"]
    problems = [fault.problem for fault in found.faults]
    assert problems == [
        "the file is not there",
        "the file is empty",
        "is not an image that can be read",
        "is not an ordinary file",
    ]
    assert read(images).faults == found.faults


@pytest.mark.parametrize("path", ["../secret.png", "/etc/passwd", "link.png", "a\0b", "x" * 5000, "loop.png"])
def test_a_path_that_leads_outside_or_nowhere_is_a_fault(images, path):
    Image.new("RGB", (9, 9)).save(images.parent / "secret.png")
    (images / "link.png").symlink_to(images.parent / "secret.png")
    (images / "loop.png").symlink_to(images / "loop.png")
    found = read(images, with_path(make_manifest([0] * 6), 2, path))
    assert found.kept == (0, 1, 3, 4, 5)
    assert found.faults[0].path == path
    assert found.faults[0].problem


def test_a_pipe_is_not_waited_for(images):
    os.mkfifo(images / "pipe.png")
    found = read(images, with_path(make_manifest([0] * 6), 0, "pipe.png"))
    assert found.faults[0].problem == "is not an ordinary file"


def test_a_name_that_is_not_utf_8_is_read(images):
    name = os.fsdecode(b"caf\xe9.png")
    os.rename(images / "s000.png", images / name)
    found = read(images, with_path(make_manifest([0] * 6), 0, name))
    assert found.faults == ()


def test_a_file_that_two_samples_share_is_decoded_once(images):
    found = read(images, with_path(make_manifest([0] * 6), 1, "s000.png"))
    assert found.pixels.index[0] == found.pixels.index[1]


def test_progress_ends_complete(images):
    seen = []
    read(images, report=lambda event, **values: seen.append(values))
    assert seen[-1] == {"stage": "pixels", "done": 6, "of": 6}


@pytest.mark.parametrize("size", [(90, 40), (33, 57), (64, 64), (5, 7)])
def test_a_square_equals_resizing_and_then_cropping(size):
    noise = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    picture = Image.fromarray(noise)
    width, height = (16 if side == min(size) else int(16 * side / min(size)) for side in size)
    left, top = round((width - 16) / 2), round((height - 16) / 2)
    expected = picture.resize((width, height), Image.Resampling.BICUBIC).crop(
        (left, top, left + 16, top + 16)
    )
    difference = np.abs(square(picture, 16).astype(int) - np.asarray(expected).astype(int))
    assert difference.max() <= 1


def test_a_hair_thin_picture_costs_no_memory():
    assert square(Image.new("RGB", (100_000, 1)), 32).shape == (32, 32, 3)
