"""What works behind a review makes room: the process, and its session where it has one of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import os
from pathlib import Path
from engine.priority import lower_priority
lower_priority(autogroup=Path({file!r}))
print(os.nice(0))
"""

LOWER = min(os.nice(0) + 10, 19)  # whoever runs the tests may have given way already


def niceness(file: Path, *, session: bool) -> int:
    run = [sys.executable, "-c", CODE.format(file=str(file))]
    return int(subprocess.run(run, capture_output=True, check=True, start_new_session=session).stdout)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "autogroup"
    path.write_text("/autogroup-1 nice 0")
    return path


def test_a_session_of_its_own_goes_last(file: Path) -> None:
    assert niceness(file, session=True) == LOWER
    assert file.read_text() == "10"


def test_the_session_of_a_terminal_is_left_alone(file: Path) -> None:
    assert niceness(file, session=False) == LOWER
    assert file.read_text() == "/autogroup-1 nice 0"


def test_a_system_without_such_a_file_is_none_the_worse(tmp_path: Path) -> None:
    assert niceness(tmp_path / "missing" / "autogroup", session=True) == LOWER
