"""Pickles of arrays and plain containers, read without running anything that stands in them.

A pickle is a program. CIFAR comes as pickles, often from a mirror, so only the names that rebuild a numeric
NumPy array are known here, each with a stand-in of our own; any other name in the file stops the reading.
"""

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import EngineError

NUMERIC = "uif"


class _Refused(Exception):
    """The pickle names what it may not."""


def _encode(value: str, encoding: str) -> bytes:
    """Return what protocols below 3 write for bytes."""
    if encoding != "latin1":
        raise _Refused(f"bytes as {encoding!r}")
    return value.encode("latin1")


class _ArrayType:
    """Stands for numpy.ndarray, which a pickle only hands on to `_reconstruct`."""


class _Dtype:
    """Stands for numpy.dtype."""

    def __init__(self, name: str | bytes, *_: Any):
        self.dtype = np.dtype(text(name))
        if self.dtype.kind not in NUMERIC:
            raise _Refused(f"arrays of {text(name)!r}")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order = text(state[1])
        if order not in ("<", ">", "|", "=") or any(state[2:5]):
            raise _Refused("arrays of arrays")
        self.dtype = self.dtype.newbyteorder("=" if order == "|" else order)  # type: ignore[arg-type]


class _Array:
    """An array that is being rebuilt; `value` is it."""

    value: np.ndarray

    def __init__(self, *_: Any):
        pass

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, is_fortran, raw = state
        self.value = np.frombuffer(raw, dtype.dtype).reshape(shape, order="F" if is_fortran else "C")


def _from_buffer(raw: bytes, dtype: _Dtype, shape: tuple[int, ...], order: str) -> _Array:
    array = _Array()
    array.value = np.frombuffer(raw, dtype.dtype).reshape(shape, order="F" if order == "F" else "C")
    return array


STAND_INS = {
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _Array for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _from_buffer for core in ("core", "_core")},
    ("numpy", "ndarray"): _ArrayType,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
}


# The one in Python, not the one in C: there a few bytes can ask for a memo of many gigabytes.
class _Plain(pickle._Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return STAND_INS[module, name]
        except KeyError:
            raise _Refused(f"{module}.{name}") from None


def read_pickle(path: Path) -> dict[str, Any]:
    """Return the dictionary in `path`, its keys as text; an array in it is a value of it, and numeric.

    Raises EngineError with one sentence for a file that is missing, damaged, no dictionary, or that asks for
    anything but arrays and plain containers. What Python 2 wrote is read, too; its texts stay bytes.
    """
    try:
        with path.open("rb") as file:
            found = _Plain(file, encoding="bytes").load()
        if isinstance(found, dict):
            return {
                text(key): value.value if isinstance(value, _Array) else value for key, value in found.items()
            }
    except FileNotFoundError:
        raise EngineError(f"{path} is not there; unpack the python version of the data set anew.") from None
    except _Refused as error:
        raise EngineError(
            f"{path} asks for {error}, which no data set needs; it was not opened, so take the "
            "published file."
        ) from None
    except Exception as error:  # a damaged pickle fails in any way
        raise EngineError(
            f"{path} is no pickle that can be read ({type(error).__name__}); unpack it anew."
        ) from error
    raise EngineError(f"{path} holds no dictionary; take the published file.")


def text(value: Any) -> str:
    """Return a text that Python 2 or 3 wrote."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
