"""Pictures for the browser: decoded, scaled and encoded anew, so no byte of a file is served as it is."""

import base64
import contextlib
import functools
import hashlib
import io
import os
import threading
from pathlib import Path

from PIL import Image, ImageDraw

from engine.decoding import FORMATS, UnreadableImage, read_picture
from engine.errors import EngineError
from engine.manifest import resolve_inside

SIDES = {"card": 1280, "thumb": 160, "full": 4096}
SUFFIXES = {".png": "image/png", ".jpg": "image/jpeg"}
LOSSLESS_SIDE = 256


def content_key(image_root: Path, path: str) -> str:
    """Return a short name for the file's present content (path, size, time of change), for URLs.

    It only names; whether a file may be read is checked where it is read.
    """
    try:
        stat = os.stat(f"{image_root}/{path}")
        stamp = f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}"
    except (OSError, ValueError):
        stamp = f"{path}\0missing"
    return hashlib.blake2b(stamp.encode("utf-8", "replace"), digest_size=8).hexdigest()


@functools.lru_cache(maxsize=512)  # a page asks for the same few cards again and again
def read_size(image_root: Path, path: str, key: str) -> tuple[int, int] | None:
    """Return (width, height) of the picture as shown, or None where it cannot be read.

    `key` is its `content_key`: a changed file is read again.
    """
    try:
        with Image.open(resolve_inside(image_root, path), formats=FORMATS) as picture:
            turned = picture.getexif().get(0x0112, 1) in (5, 6, 7, 8)
            width, height = picture.size
    except Exception:  # a damaged header can raise almost anything; the card says so in its own way
        return None
    return (height, width) if turned else (width, height)


def render(image_root: Path, path: str, kind: str, cache: Path) -> tuple[bytes, str]:
    """Return (bytes, media type) of the picture for the card, the strip or a close look.

    Small pictures that need no scaling are PNG, so that no pixel is changed; others JPEG, at most
    `SIDES[kind]` pixels wide or high. A file that cannot be read gives a grey picture that says so. Results
    are kept under `cache`.
    """
    # No Path: it keeps every part of every name among Python's interned words, a table that only grows.
    stored = f"{cache}/pictures/{kind}/{content_key(image_root, path)}"
    for suffix, media_type in SUFFIXES.items():
        try:
            with open(stored + suffix, "rb") as file:
                return file.read(), media_type
        except OSError:
            continue
    data, suffix = draw_anew(image_root, path, kind)
    if suffix is None:
        return data, "image/png"
    _keep(stored + suffix, data)
    return data, SUFFIXES[suffix]


def render_address(image_root: Path, path: str, kind: str, cache: Path) -> str:
    """Return the picture of `render` as an address that holds it (data:…)."""
    data, media_type = render(image_root, path, kind, cache)
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"


def draw_anew(image_root: Path, path: str, kind: str) -> tuple[bytes, str | None]:
    """Return (bytes, suffix) of the picture as `render` does, and keep nothing.

    suffix: None where the file cannot be read and the picture only says so, as PNG.
    """
    side = SIDES[kind]
    try:
        picture = read_picture(resolve_inside(image_root, path), at_least=side)
    except (EngineError, RuntimeError) as error:
        return _placeholder(error), None
    lossless = max(picture.size) <= min(side, LOSSLESS_SIDE)
    picture.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    buffer = io.BytesIO()
    if lossless:
        picture.save(buffer, "PNG")
    else:
        picture.save(buffer, "JPEG", quality=90)
    return buffer.getvalue(), ".png" if lossless else ".jpg"


def _keep(path: str, data: bytes) -> None:
    # Two requests for one picture must not write into one file.
    part = f"{path}.{threading.get_ident()}.part"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(part, "wb") as file:
            file.write(data)
        os.replace(part, path)
    except OSError:
        # A full disk costs speed here, nothing else.
        with contextlib.suppress(OSError):
            os.unlink(part)


def _placeholder(error: Exception) -> bytes:
    text = str(error) if isinstance(error, UnreadableImage) else "cannot be read"
    picture = Image.new("RGB", (480, 360), (128, 128, 128))
    draw = ImageDraw.Draw(picture)
    draw.line((190, 120, 290, 220), fill=(60, 60, 60), width=8)
    draw.line((290, 120, 190, 220), fill=(60, 60, 60), width=8)
    draw.text((240, 270), "This file cannot be shown:", fill=(20, 20, 20), anchor="mm", font_size=18)
    draw.text((240, 296), text[:60], fill=(20, 20, 20), anchor="mm", font_size=14)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
