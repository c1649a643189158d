"""A process that has everything loaded before there is a run for it.

Importing torch and open_clip takes longer than the first ranking of a small data set. So the app starts this
process while a person still chooses or imports, and hands it the run directory as one line on stdin.
"""

import gc
import os
import sys
from importlib import import_module
from pathlib import Path

MODULES = (
    "engine.clip.backbone",
    "engine.runtime",
    "engine.pixels",
    "engine.scoring",
    "engine.neighbours",
    "engine.detectors.transition",
)


def wait_for_run() -> Path | None:
    """Load what a run needs and return the directory that comes as one line on stdin; None at its end.

    From then on what is printed goes to the `log.txt` of the run.
    """
    gc.disable()  # the collector looks through every object of torch again and again: a second
    try:
        for name in MODULES:
            import_module(name)
    finally:
        gc.enable()
    line = sys.stdin.readline()
    if not line.endswith("\n"):
        return None  # the app is gone, and nobody waits for a run
    run_dir = Path(line.removesuffix("\n"))
    with (run_dir / "log.txt").open("ab") as log:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(log.fileno(), stream.fileno())
    return run_dir
