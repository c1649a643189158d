"""The demo: drawn pictures with wrong labels among them, and a model that knows this world and no other."""

import tomllib
from pathlib import Path

import tomli_w

from engine.config import BUNDLED, BackboneConfig
from reviewer.assets import asset_path
from reviewer.errors import ReviewerError
from reviewer.folders import demo_place
from reviewer.workspace import FILE, Workspace, create_workspace, open_workspace

# Read when they are used, so that a test can put a smaller demo in their place. The table names its
# pictures as seen from this folder: images/0001.jpg.
DEMO = asset_path("demo")
BACKBONE = BackboneConfig(weights=BUNDLED)
TABLE = "labels.csv"
IMAGES = "images"
N_SHOWN = 12
FIRST_SHOWN = 38  # from here on the even steps meet no picture that is unusable or of no class


def is_there() -> bool:
    """Return whether the demo came with this installation."""
    return (DEMO / TABLE).is_file() and (DEMO / IMAGES).is_dir()


def is_demo(workspace: Workspace) -> bool:
    """Return whether a workspace holds the drawn world that the bundled model knows."""
    return workspace.image_root.resolve() == DEMO.resolve()


def demo_pictures() -> list[Path]:
    """Return a dozen pictures, spread evenly over the demo; none where there is no demo."""
    pictures = sorted((DEMO / IMAGES).glob("*.jpg"))
    step = max(1, len(pictures) // N_SHOWN)
    return pictures[min(FIRST_SHOWN, step - 1) :: step][:N_SHOWN]


def open_demo(folder: Path | None = None) -> Workspace:
    """Make the demo's workspace, or open it where it has been made; the pictures stay where they are.

    Raises ReviewerError where the demo is not installed, or `folder` holds something else.
    """
    root = folder or demo_place()
    if not is_there():
        raise ReviewerError(
            f"The demo is not in this installation ({DEMO / TABLE} does not exist); install Labelsieve anew, "
            "or make a workspace of your own images."
        )
    if (root / FILE).is_file():
        _point_at_pictures(root)
        return open_workspace(root)
    workspace, _ = create_workspace(
        root,
        DEMO,
        labels=DEMO / TABLE,
        path_column="path",
        label_column="label",
        backbone=BACKBONE,
    )
    return workspace


def _point_at_pictures(root: Path) -> None:
    """Correct where the workspace looks for its pictures: an upgrade or a move takes the demo elsewhere."""
    try:
        same = (root / "source.csv").read_bytes() == (DEMO / TABLE).read_bytes()
        values = tomllib.loads((root / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return  # opening it says what is wrong
    if not same:
        raise ReviewerError(
            f"{root} is a workspace, but not of this demo; name another folder (python -m reviewer demo "
            f"FOLDER), or open it with python -m reviewer {root}."
        )
    pictures = str(DEMO.absolute())
    if values.get("image_root_absolute") != pictures:
        moved = {**values, "image_root": pictures, "image_root_absolute": pictures}
        part = root / f".{FILE}.part"
        part.write_text(tomli_w.dumps(moved), encoding="utf-8")
        part.replace(root / FILE)
