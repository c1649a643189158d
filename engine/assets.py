"""Where the bundled model is: in the installed package, or in the checkout beside it."""

from pathlib import Path

PACKAGE = Path(__file__).parent


def asset_path(name: str) -> Path:
    """Return the folder or file `name` of the engine's assets ("model")."""
    installed = PACKAGE / "_assets" / name
    # An editable install has no such folder: its assets stand in the checkout.
    return installed if installed.exists() else PACKAGE.parent / "assets" / name
