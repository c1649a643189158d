import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.driver import ROOT, Server, reviewer, served, write_digits, write_random_clip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = str(Path(__file__).parent)
    missing = shutil.which("chromium") is None and not os.environ.get("CI")
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.browser)
            if missing:
                item.add_marker(pytest.mark.skip(reason="no Chromium on the PATH; apt-get install chromium"))


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, tuple[str, str]]]:
    """A folder of 400 digits, 20 % of them wrong, and path → (given, true)."""
    folder = tmp_path_factory.mktemp("digits")
    return folder, write_digits(folder, count=400)


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="session")
def ranked(tmp_path_factory: pytest.TempPathFactory, digits: tuple[Path, dict], clip: Path) -> Path:
    """A workspace of the digits, ranked and with all its maps drawn; copied by each test that writes."""
    workspace = tmp_path_factory.mktemp("ranked") / "digits"
    reviewer("init", workspace, "--images", digits[0], "--weights", clip)
    reviewer("triage", workspace)
    # Drawn once: each server would start a process for it, which works on beside the tests that follow.
    # Not by the command, which goes last on a machine that does other tests meanwhile.
    draw = "import sys, pathlib, engine.illustrate as it; it.illustrate(pathlib.Path(sys.argv[1]))"
    for run in (workspace / "runs").iterdir():
        subprocess.run([sys.executable, "-c", draw, str(run)], check=True, capture_output=True, cwd=ROOT)
    return workspace


@pytest.fixture(scope="module")
def server(ranked: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the tests of a module that do not mind what others have decided."""
    copy = Path(shutil.copytree(ranked, tmp_path_factory.mktemp("served") / "digits"))
    with served(copy) as server:
        yield server


@pytest.fixture
def workspace(ranked: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(ranked, tmp_path / "digits"))
