"""What is drawn of a finished run, beside its scores: attention maps and 2-D maps of all images.

illustrate.lock  illustrate.log  alive; the output of `python -m engine illustrate`
attention.npy                    float16 (m, 2, G, G): given and suggested class; grows while it is drawn
attention_ids.npy                (M,) sample ids, lowest p_clean first; the first m of them have a map
projection_image.npy             float32 (N, 2), rows as in scores.npz: the detector's image features
projection_joint.npy             the same for image and class text together
illustrations.json | illustrate.error.json    written last, atomically
"""

import os
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from engine.artifacts import Traces
from engine.errors import EngineError

ILLUSTRATIONS = Traces(lock="illustrate.lock", result="illustrations.json", error="illustrate.error.json")
Space = Literal["image", "joint"]
SPACES: tuple[Space, ...] = get_args(Space)


def write_attention_ids(run_dir: Path, sample_ids: np.ndarray) -> None:
    """Name the M samples, (M,) str, that get maps; maps of earlier ones are removed."""
    (run_dir / "attention.npy").unlink(missing_ok=True)
    _write_array(run_dir / "attention_ids.npy", np.asarray(sample_ids, dtype=np.str_))


def write_attention(run_dir: Path, maps: np.ndarray) -> None:
    """Write the maps of the first m named samples: (m, 2, G, G) in [0, 1], given and suggested class."""
    _write_array(run_dir / "attention.npy", maps.astype(np.float16))


def read_attention(run_dir: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """Return (ids (m,) str, maps (m, 2, G, G) float16) as far as they are drawn, or None."""
    ids, maps = _read_array(run_dir / "attention_ids.npy"), _read_array(run_dir / "attention.npy")
    if ids is None or maps is None or maps.ndim != 4 or len(maps) > len(ids):
        return None
    return ids[: len(maps)], maps


def write_projection(run_dir: Path, space: Space, points: np.ndarray) -> None:
    """Write the map of a space: (N, 2), rows as in scores.npz."""
    _write_array(run_dir / _projection(space), points.astype(np.float32))


def read_projection(run_dir: Path, space: str) -> np.ndarray | None:
    """Return (N, 2) float32, rows as in scores.npz, or None where it is not drawn.

    Raises EngineError for a space that does not exist.
    """
    points = _read_array(run_dir / _projection(space))
    return points if points is not None and points.ndim == 2 and points.shape[1] == 2 else None


def remove_illustrations(run_dir: Path) -> None:
    """Remove what was drawn of the run, so that it is drawn anew."""
    names = ["attention.npy", "attention_ids.npy", *map(_projection, SPACES)]
    for name in (ILLUSTRATIONS.result, ILLUSTRATIONS.error, *names):
        (run_dir / name).unlink(missing_ok=True)


def _projection(space: str) -> str:
    if space not in SPACES:
        raise EngineError(f"There is no map of {space!r}; known are {', '.join(SPACES)}.")
    return f"projection_{space}.npy"


def _write_array(path: Path, array: np.ndarray) -> None:
    """Write the array so that readers see the whole of it or nothing."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with part.open("wb") as file:
        np.save(file, array)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _read_array(path: Path) -> np.ndarray | None:
    try:
        with path.open("rb") as file:
            return np.lib.format.read_array(file, allow_pickle=False)
    except (OSError, ValueError, EOFError):  # not there, torn, or not ours
        return None
