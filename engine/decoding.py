"""Image files to RGB pictures, safely: shared by the pixel cache and the app's thumbnails."""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from engine.errors import EngineError

SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
FORMATS = ("JPEG", "PNG", "PPM", "BMP", "TIFF", "WEBP", "GIF")
MAX_PIXELS = 150_000_000  # below the size at which Pillow itself refuses


class UnreadableImage(EngineError):
    """This file holds no picture that can be read; the sentence says why."""


def read_picture(path: Path, *, at_least: int = 0, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Return the picture in `path` as an RGB image, upright.

    EXIF rotation is applied; palettes, CMYK, grey and 16-bit values become 8-bit RGB; transparent parts
    stand on white. With `at_least` > 0, a JPEG may be decoded smaller (never with a side below it),
    which is several times faster. Raises UnreadableImage for a file that is missing, empty, truncated,
    of no known format, or larger than `max_pixels` (a decompression bomb).
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            # Pillow's own limit is a process-wide setting; ours is checked below, before any decoding.
            picture = Image.open(path, formats=FORMATS)
            with picture:
                width, height = picture.size
                if width * height > max_pixels:
                    raise UnreadableImage(
                        f"is {width} × {height} pixels; the limit is {max_pixels / 1e6:.0f} megapixels"
                    )
                if at_least:
                    picture.draft("RGB", (at_least, at_least))
                picture.load()
                return _rgb(ImageOps.exif_transpose(picture))
    except UnreadableImage:
        raise
    except FileNotFoundError:
        raise UnreadableImage("the file is not there") from None
    except UnidentifiedImageError:
        empty = path.stat().st_size == 0
        raise UnreadableImage("the file is empty" if empty else "is not an image that can be read") from None
    except Image.DecompressionBombError as error:
        raise UnreadableImage("has more pixels than can be read safely") from error
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, OverflowError) as error:
        # Pillow's plugins raise all of these for a damaged file.
        raise UnreadableImage(f"is damaged ({_short(error)})") from error


def _rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        return Image.fromarray(_eight_bits(picture)).convert("RGB")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        ground = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        return Image.alpha_composite(ground, picture).convert("RGB")
    return picture.convert("RGB")


def _eight_bits(picture: Image.Image) -> np.ndarray:
    """Return wide grey values as uint8: 16 bits by their full range, others by the range they use."""
    values = np.asarray(picture).astype(np.float64)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if low >= 0 and 255 < high <= 65535:
        low, high = 0.0, 65535.0
    elif low >= 0 and high <= 255:
        low, high = 0.0, 255.0
    scaled = (values - low) / (high - low or 1.0)
    return (np.nan_to_num(scaled).clip(0, 1) * 255).round().astype(np.uint8)


def _short(error: BaseException) -> str:
    return (str(error) or type(error).__name__).split("\n", 1)[0][:120]
