"""The page's ES modules have tests of their own, in JavaScript."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NODE = shutil.which("node")


@pytest.mark.skipif(
    NODE is None and not os.environ.get("CI"), reason="no node on the PATH; apt-get install nodejs"
)
@pytest.mark.parametrize("file", sorted(path.name for path in HERE.glob("*.test.mjs")))
def test_the_javascript_tests_pass(file: str) -> None:
    assert NODE is not None, "node is missing, and CI skips nothing"
    result = subprocess.run([NODE, "--test", str(HERE / file)], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
