import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reviewer.images import content_key, read_size, render
from tests.reviewer.simulated import draw, jpeg_bytes


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    return tmp_path / "images"


def opened(answer: tuple[bytes, str]) -> Image.Image:
    picture = Image.open(io.BytesIO(answer[0]))
    assert Image.MIME[picture.format or ""] == answer[1]
    return picture


def size_of(root: Path, path: str) -> tuple[int, int] | None:
    return read_size(root, path, content_key(root, path))


def is_placeholder(answer: tuple[bytes, str]) -> bool:
    return opened(answer).size == (480, 360) and answer[1] == "image/png"


def test_a_small_picture_is_shown_pixel_for_pixel(root: Path, tmp_path: Path):
    values = np.random.default_rng(0).integers(0, 256, (256, 200, 3), dtype=np.uint8)
    Image.fromarray(values).save(root / "a.png")
    answer = render(root, "a.png", "card", tmp_path / "cache")
    assert answer[1] == "image/png"
    np.testing.assert_array_equal(np.asarray(opened(answer)), values)


def test_a_large_picture_is_scaled_and_a_middling_one_is_not(root: Path, tmp_path: Path):
    draw(root / "big.jpg", size=(5000, 2500))
    draw(root / "mid.jpg", size=(800, 600))
    assert opened(render(root, "big.jpg", "card", tmp_path / "cache")).size == (1280, 640)
    assert opened(render(root, "mid.jpg", "card", tmp_path / "cache")).size == (800, 600)
    assert max(opened(render(root, "big.jpg", "thumb", tmp_path / "cache")).size) == 160


@pytest.mark.parametrize("size", [(20000, 1), (1, 20000), (1, 1)])
def test_a_picture_of_an_extreme_shape_is_shown(root: Path, tmp_path: Path, size: tuple[int, int]):
    draw(root / "a.png", size=size)
    for kind in ("card", "thumb"):
        assert min(opened(render(root, "a.png", kind, tmp_path / "cache")).size) >= 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photograph_stands_upright(root: Path, tmp_path: Path, orientation: int):
    upright = Image.new("RGB", (80, 40), (0, 0, 255))
    upright.paste((255, 0, 0), (0, 0, 40, 20))  # red at the top left
    turns = {
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    turn = turns[orientation]
    stored = upright if turn is None else upright.transpose(turn)
    (root / "a.jpg").write_bytes(jpeg_bytes(stored, orientation))
    shown = opened(render(root, "a.jpg", "card", tmp_path / "cache")).convert("RGB")
    assert shown.size == (80, 40) == size_of(root, "a.jpg")
    red, blue = np.asarray(shown)[5, 5], np.asarray(shown)[35, 75]
    assert red[0] > 200 > 60 > red[2]
    assert blue[2] > 200 > 60 > blue[0]


@pytest.mark.parametrize("kind", ["card", "thumb"])
@pytest.mark.parametrize(
    "data", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n", b"<svg onload='alert(1)'/>", None]
)
def test_what_cannot_be_read_gives_a_picture_that_says_so(
    root: Path, tmp_path: Path, kind: str, data: bytes | None
):
    if data is not None:
        (root / "a.png").write_bytes(data)
    assert is_placeholder(render(root, "a.png", kind, tmp_path / "cache"))
    assert size_of(root, "a.png") is None


def test_a_truncated_picture_is_not_shown_as_whole(root: Path, tmp_path: Path):
    values = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    whole = jpeg_bytes(Image.fromarray(values))
    (root / "a.jpg").write_bytes(whole[: len(whole) // 2])
    assert is_placeholder(render(root, "a.jpg", "card", tmp_path / "cache"))
    (root / "a.jpg").write_bytes(whole)  # mended: the placeholder was not kept
    assert not is_placeholder(render(root, "a.jpg", "card", tmp_path / "cache"))


@pytest.mark.parametrize(
    "path", ["../secret.png", "link.png", "folder/secret.png", "a\0.png", "loop.png", "."]
)
def test_nothing_outside_the_image_folder_is_shown(root: Path, tmp_path: Path, path: str):
    secret = draw(tmp_path / "secret.png")
    draw(tmp_path / "other/secret.png")
    (root / "link.png").symlink_to(secret)
    (root / "folder").symlink_to(tmp_path / "other")
    (root / "loop.png").symlink_to(root / "loop.png")
    for each in (path, str(secret)):
        assert is_placeholder(render(root, each, "card", tmp_path / "cache"))
        assert size_of(root, each) is None
        content_key(root, each)


def test_the_cache_is_used_and_can_be_deleted_and_follows_the_file(root: Path, tmp_path: Path):
    cache = tmp_path / "cache"
    draw(root / "a.png", (255, 0, 0))
    first = render(root, "a.png", "card", cache)
    kept = [file for file in cache.rglob("*") if file.is_file()]
    assert len(kept) == 1
    kept[0].write_bytes(b"from the cache")
    assert render(root, "a.png", "card", cache)[0] == b"from the cache"
    shutil.rmtree(cache)
    assert render(root, "a.png", "card", cache) == first

    key = content_key(root, "a.png")
    draw(root / "a.png", (0, 0, 255), size=(13, 10))
    assert content_key(root, "a.png") != key
    assert opened(render(root, "a.png", "card", cache)).size == (13, 10)


def test_a_cache_that_cannot_be_written_costs_only_speed(root: Path, tmp_path: Path):
    draw(root / "a.png")
    (tmp_path / "cache").write_text("a file stands where the folder should be")
    assert opened(render(root, "a.png", "card", tmp_path / "cache")).size == (12, 10)
