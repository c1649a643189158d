import numpy as np
import pytest
from PIL import Image

from engine.decoding import UnreadableImage, read_picture


@pytest.fixture
def gradient():
    """A picture that is brighter to the right: 60 × 40, RGB."""
    values = np.broadcast_to(np.linspace(0, 240, 60)[None, :, None], (40, 60, 3))
    return Image.fromarray(values.astype(np.uint8))


def mean_colour(picture):
    return np.asarray(picture).reshape(-1, 3).mean(axis=0)


def test_exif_rotation_is_applied(tmp_path, gradient):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise: what was left is now on top
    gradient.save(tmp_path / "a.jpg", exif=exif)
    picture = read_picture(tmp_path / "a.jpg")
    assert picture.size == (40, 60)
    values = np.asarray(picture)
    assert values[0].mean() < values[-1].mean()


def test_a_transparent_palette_stands_on_white(tmp_path):
    picture = Image.new("P", (8, 8), 0)
    picture.putpalette([0, 0, 0, 255, 0, 0])
    picture.save(tmp_path / "a.png", transparency=0)
    assert np.asarray(read_picture(tmp_path / "a.png")).min() == 255


def test_half_transparent_black_becomes_grey(tmp_path):
    Image.new("RGBA", (4, 4), (0, 0, 0, 128)).save(tmp_path / "a.png")
    np.testing.assert_allclose(mean_colour(read_picture(tmp_path / "a.png")), 127, atol=1)


def test_cmyk_becomes_rgb(tmp_path):
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=95)
    red, green, blue = mean_colour(read_picture(tmp_path / "a.jpg"))
    assert red > 200 > 60 > max(green, blue)


def test_sixteen_bits_are_scaled_by_their_full_range(tmp_path):
    Image.fromarray(np.full((4, 4), 32768, dtype=np.uint16)).save(tmp_path / "a.png")
    np.testing.assert_allclose(mean_colour(read_picture(tmp_path / "a.png")), 128, atol=1)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA"])
def test_every_mode_becomes_rgb(tmp_path, gradient, mode):
    gradient.convert(mode).save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png").mode == "RGB"


def test_a_large_jpeg_is_decoded_smaller_but_never_below_what_is_asked(tmp_path, gradient):
    gradient.resize((800, 600)).save(tmp_path / "a.jpg")
    picture = read_picture(tmp_path / "a.jpg", at_least=70)
    assert 70 <= min(picture.size) < 600


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "the file is empty"),
        (b"label,path\ncat,1.jpg\n", "not an image"),
        (b"\xff\xd8\xff\xe0 nothing more", "damaged|not an image"),
    ],
)
def test_a_file_that_is_no_picture_is_named(tmp_path, content, problem):
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(UnreadableImage, match=problem):
        read_picture(tmp_path / "a.jpg")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UnreadableImage, match="not there"):
        read_picture(tmp_path / "a.jpg")


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp"])
def test_a_truncated_file_is_damaged(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UnreadableImage):
        read_picture(path)


def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path):
    Image.new("1", (20_000, 20_000)).save(tmp_path / "a.png")
    with pytest.raises(UnreadableImage, match=r"pixels"):
        read_picture(tmp_path / "a.png")


def test_a_format_that_nobody_asked_for_is_not_opened(tmp_path, gradient):
    gradient.save(tmp_path / "a.eps")
    with pytest.raises(UnreadableImage, match="not an image"):
        read_picture(tmp_path / "a.eps")
