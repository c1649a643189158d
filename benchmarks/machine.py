"""What every row of RESULTS.md carries: date, commit, machine, versions."""

import os
import platform
import shutil
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("torch", "open_clip_torch", "gradio", "duckdb", "numpy", "pillow")


def circumstances() -> str:
    """Return one line about where and with what a measurement was taken."""
    root = Path(__file__).resolve().parent.parent
    git = ["git", "-C", str(root)]
    commit = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    dirty = subprocess.run([*git, "status", "--porcelain", "-uno"], capture_output=True, text=True)
    mark = commit.stdout.strip() + ("+" if dirty.stdout.strip() else "")
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    gpu = "a GPU" if shutil.which("nvidia-smi") else "no GPU"
    machine = f"{os.cpu_count()} cores, {platform.machine()}, {gpu}, load {os.getloadavg()[0]:.1f}"
    return (
        f"{datetime.now(UTC):%Y-%m-%d} · {mark} · {machine} · Python {platform.python_version()}, {packages}"
    )
