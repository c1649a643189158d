from collections.abc import Iterator
from pathlib import Path

import pytest

from reviewer.desk import Desk
from reviewer.store import Store
from reviewer.workspace import Workspace
from tests.reviewer.simulated import make_workspace, open_desk


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """40 drawn pictures of four colours, some labelled wrongly."""
    return make_workspace(tmp_path)


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    with Store(workspace.database) as opened:
        yield opened


@pytest.fixture
def desk(workspace: Workspace) -> Iterator[Desk]:
    """The workspace, open, with a finished run."""
    with open_desk(workspace) as opened:
        yield opened
