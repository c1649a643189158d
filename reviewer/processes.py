"""How a process of the engine is started: the command line and what surrounds it. Imports nothing heavy."""

import os
import sys
from pathlib import Path

import engine

# glibc gives the memory of each tensor back to the system and fetches it again for the next one, a tenth of
# the time of a small model; so much of it, in bytes, is kept instead. Other systems do not read these.
MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(1 << 26), "MALLOC_TRIM_THRESHOLD_": str(1 << 29)}


def engine_command(*arguments: str) -> list[str]:
    """Return the command line of `python -m engine` with these arguments."""
    # -P and a directory of ours: a stray torch.py beside somebody's images must never be imported.
    return [sys.executable, "-P", "-m", "engine", *arguments]


def engine_environment() -> dict[str, str]:
    """Return the environment in which `engine_command` finds this very engine from any directory."""
    home = str(Path(engine.__file__).resolve().parent.parent)
    # A relative entry, the empty one too, would mean another folder there than it means here.
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    paths = os.pathsep.join([home, *filter(os.path.isabs, inherited)])
    return {**MEMORY, **os.environ, "PYTHONPATH": paths, "PYTHONUNBUFFERED": "1"}
