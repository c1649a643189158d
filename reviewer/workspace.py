"""A workspace: one data set as one folder that can be moved.

source.csv      the table as it came, never edited
workspace.toml  image folder, classes with their prompts, columns, backbone
review.duckdb   samples, decisions, scores
cache/ runs/
"""

import os
import shutil
import tomllib
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tomli_w
from pydantic import Field

from engine.config import BackboneConfig, ClassConfig, parse
from engine.errors import EngineError
from engine.settings.model import Settings
from reviewer.columns import guess_label, guess_path
from reviewer.errors import ReviewerError
from reviewer.sources import Source, read_folder, read_labels
from reviewer.store import Store
from reviewer.table import read_table

FILE = "workspace.toml"
FOLDERS = ("cache", "runs")


class ColumnConfig(Settings):
    """How to read `source.csv`."""

    path: str
    label: str
    delimiter: str = Field(min_length=1, max_length=1)
    encoding: str


class WorkspaceConfig(Settings):
    """`workspace.toml`. The image folder is noted twice: as seen from the workspace, so that both can be
    moved together, and as an absolute path, so that the workspace can be moved alone."""

    format: Literal[1] = 1
    name: str
    workspace_id: str
    image_root: str
    image_root_absolute: str
    columns: ColumnConfig
    backbone: BackboneConfig = BackboneConfig()
    classes: tuple[ClassConfig, ...]


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """An open workspace: its folder, its settings, and the folder of its images."""

    root: Path
    config: WorkspaceConfig
    image_root: Path

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of `workspace.toml`."""
        return tuple(item.name for item in self.config.classes)

    @property
    def runs(self) -> Path:
        """Folder of the run directories."""
        return self.root / "runs"

    @property
    def cache(self) -> Path:
        """Folder that can be deleted at any time."""
        return self.root / "cache"

    @property
    def database(self) -> Path:
        """The database file."""
        return self.root / "review.duckdb"


def prompt_of(name: str) -> str:
    """Return what the text tower reads for a class until somebody writes something better."""
    return " ".join(name.replace("_", " ").split()) or name


def create_workspace(
    root: Path,
    images: Path,
    *,
    labels: Path | None = None,
    path_column: str | None = None,
    label_column: str | None = None,
    encoding: str | None = None,
    backbone: BackboneConfig | None = None,
) -> tuple[Workspace, Source]:
    """Make the workspace `root` from a folder of images, and a table unless the folders are the classes.

    Columns that are not named are guessed from what stands in them, and from their names. It appears whole
    or not at all. Raises ReviewerError where something of that name exists already.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise ReviewerError(f"{root} exists already; name a new folder, or open it without init.")
    if not images.is_dir():
        raise ReviewerError(f"{images} is not a folder; --images names the folder of the images.")
    source = _read_source(images, labels, path_column, label_column, encoding)
    root = root.absolute()
    root.parent.mkdir(parents=True, exist_ok=True)
    config = WorkspaceConfig(
        name=root.name,
        workspace_id=uuid.uuid4().hex,
        image_root=Path(os.path.relpath(images.absolute(), root)).as_posix(),
        image_root_absolute=str(images.absolute()),
        columns=ColumnConfig(
            path=source.path_column,
            label=source.label_column,
            delimiter=source.delimiter,
            encoding=source.encoding,
        ),
        backbone=backbone or BackboneConfig(),
        classes=tuple(ClassConfig(name=name, prompt=prompt_of(name)) for name in source.classes),
    )
    part = root.with_name(f".{root.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        for folder in FOLDERS:
            (part / folder).mkdir(parents=True)
        (part / "source.csv").write_bytes(source.data)
        (part / FILE).write_text(tomli_w.dumps(config.model_dump(mode="json")), encoding="utf-8")
        with Store(part / "review.duckdb") as store:
            store.import_samples(source.samples, source.faults)
        if root.exists():
            root.rmdir()
        part.rename(root)
    except OSError as error:
        raise ReviewerError(f"{root} cannot be written ({error}); choose another folder.") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return open_workspace(root), source


def _read_source(
    images: Path, labels: Path | None, path_column: str | None, label_column: str | None, encoding: str | None
) -> Source:
    if labels is None:
        return read_folder(images)
    try:
        data = labels.read_bytes()
    except OSError as error:
        raise ReviewerError(
            f"{labels} cannot be read ({error.strerror}); --labels names the table."
        ) from error
    table = read_table(
        data, encoding=encoding, columns=[each for each in (path_column, label_column) if each]
    )
    path_column = path_column or guess_path(table, images).column
    label_column = label_column or guess_label(table, path_column).column
    return read_labels(data, images, path_column=path_column, label_column=label_column, encoding=encoding)


def open_workspace(root: Path) -> Workspace:
    """Read the settings of the workspace `root` and find its images."""
    root = root.absolute()
    try:
        values = tomllib.loads((root / FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise ReviewerError(
            f"{root} is no workspace (it has no {FILE}); make one with "
            f"python -m reviewer init {root} --images FOLDER."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ReviewerError(f"{root / FILE} is not valid TOML ({error}); correct that line.") from error
    try:
        config = parse(WorkspaceConfig, values, "workspace")
        for folder in FOLDERS:
            (root / folder).mkdir(exist_ok=True)
    except EngineError as error:
        raise ReviewerError(f"{root / FILE}: {error}") from error
    except OSError as error:
        raise ReviewerError(f"{root} cannot be written ({error}); grant access or copy it.") from error
    return Workspace(root=root, config=config, image_root=_image_root(root, config))


def _image_root(root: Path, config: WorkspaceConfig) -> Path:
    beside = (root / config.image_root).resolve()
    absolute = Path(config.image_root_absolute)
    for folder in (beside, absolute):
        if folder.is_dir():
            return folder
    raise ReviewerError(
        f"The images are neither at {beside} nor at {absolute}; write their folder into image_root in "
        f"{root / FILE}."
    )
