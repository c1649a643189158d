"""Where this program keeps what belongs to the person. Imports nothing heavy."""

from pathlib import Path

from platformdirs import user_data_path


def data_folder() -> Path:
    """Return the folder for it; it may not exist yet."""
    return user_data_path("labelsieve", appauthor=False)


def demo_place() -> Path:
    """Return where the demo's workspace is made unless a folder is named."""
    return data_folder() / "demo"
