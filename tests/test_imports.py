"""What each package may pull in, looked at in fresh processes: a linter cannot see deferred imports."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TENSORS = ("torch", "torchvision", "open_clip", "timm", "sklearn", "umap")


def loaded(*modules: str) -> set[str]:
    code = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    return {name.split(".")[0] for name in answer.stdout.split()}


def test_the_app_starts_without_tensors_and_without_gradio():
    names = loaded(
        "reviewer.desk",
        "reviewer.server",
        "reviewer.jobs",
        "reviewer.export",
        "reviewer.watch",
        "reviewer.start",
        "reviewer.__main__",
    )
    assert {"reviewer", "duckdb", "fastapi"} <= names
    assert names & {*TENSORS, "gradio", "pandas", "plotly"} == set()


def test_the_whole_page_is_built_without_tensors():
    assert loaded("reviewer.app") & set(TENSORS) == set()


def test_the_engine_starts_without_the_app_and_without_tensors():
    names = loaded("engine.job", "engine.__main__")
    assert "engine" in names
    assert names & {"reviewer", "gradio", "duckdb", "pandas", "fastapi", *TENSORS} == set()


def test_no_part_of_the_engine_needs_the_app():
    pytest.importorskip("torch")
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((ROOT / "engine").rglob("*.py"))
    ]
    assert loaded(*modules) & {"reviewer", "gradio", "duckdb"} == set()


def test_the_records_tier_needs_numpy_only():
    names = loaded(
        "engine.errors",
        "engine.config",
        "engine.manifest",
        "engine.artifacts",
        "engine.transition",
        "engine.decoding",
        "engine.illustrations",
        "engine.backbones",
        "engine.presets",
    )
    assert names & {*TENSORS, "scipy", "reviewer"} == set()


def test_the_import_contracts_hold():
    command = shutil.which("lint-imports", path=str(Path(sys.executable).parent)) or shutil.which(
        "lint-imports"
    )
    assert command is not None
    answer = subprocess.run([command], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert answer.returncode == 0, answer.stdout
