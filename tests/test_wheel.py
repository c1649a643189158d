"""What is installed from the wheel works outside of the checkout, and says truly what it needs."""

import ast
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import httpx
import pytest

from tests.driver import ROOT, write_digits

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Declared, and imported by no module yet or only by another library: the design names each of them.
NOT_IMPORTED = {"torchvision", "timm", "scikit-learn", "plotly"}


def plain(requirement: str) -> str:
    """Return the name of a requirement, as package indexes compare it."""
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name is not None, requirement
    return re.sub(r"[-_.]+", "-", name[0]).lower()


# -- what it needs --


def imported() -> set[str]:
    """Return the names of the distributions that some module of the two packages imports."""
    providers = metadata.packages_distributions()
    found = set()
    for path in [*(ROOT / "engine").rglob("*.py"), *(ROOT / "reviewer").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            for name in {name.split(".")[0] for name in names}:
                if name not in {*sys.stdlib_module_names, "engine", "reviewer"}:
                    found.add(plain(providers[name][0]))
    return found


def test_what_is_imported_is_declared_and_the_other_way_round() -> None:
    declared = {plain(requirement) for requirement in PROJECT["dependencies"]}
    assert imported() - declared == set()
    assert declared - imported() <= NOT_IMPORTED


def test_all_that_is_declared_is_pinned() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = {plain(line) for line in lines if re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9a-z.]*", line)}
    assert len(pins) == sum(1 for line in lines if line and not line.startswith("#"))
    extras = [name for names in PROJECT["optional-dependencies"].values() for name in names]
    assert {plain(name) for name in [*PROJECT["dependencies"], *extras]} - pins == set()


# -- what is in it --


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source archive, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=150)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    return next(built.glob("labelsieve-*.whl"))


def test_the_wheel_holds_the_packages_and_their_assets_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    packages = {
        path.relative_to(ROOT).as_posix()
        for package in ("engine", "reviewer")
        for path in (ROOT / package).rglob("*.py")
    }
    homes = {"web": "reviewer", "demo": "reviewer", "model": "engine"}
    assets = {
        f"{home}/_assets/{path.relative_to(ROOT / 'assets').as_posix()}"
        for folder, home in homes.items()
        for path in (ROOT / "assets" / folder).rglob("*")
        if path.is_file()
    }
    assert {Path(name).suffix for name in assets} >= {".js", ".css", ".jpg", ".csv", ".safetensors", ".gz"}
    assert not any("truth" in name for name in assets)
    info = f"labelsieve-{PROJECT['version']}.dist-info"
    about = {f"{info}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt")}
    assert names == packages | assets | about | {f"{info}/licenses/LICENSE"}


def test_the_source_archive_holds_what_the_wheel_is_made_of(built: Path) -> None:
    with tarfile.open(next(built.glob("labelsieve-*.tar.gz"))) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "constraints.txt"} <= names
    assert {name.split("/")[0] for name in names} & {"tests", "benchmarks", ".venv"} == set()


# -- what is installed from it --


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a new environment with the wheel in it; its other packages are this one's."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index"]
    result = subprocess.run([*install, str(wheel)], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    # Paths in a .pth file come after the environment's own packages, and .pth files in them are not read:
    # an editable install of the checkout stays out.
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    others = dict.fromkeys(sysconfig.get_paths()[kind] for kind in ("purelib", "platlib"))
    (Path(site) / "others.pth").write_text("\n".join(others) + "\n")
    return python


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory outside of the checkout, and no path that leads back."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return tmp_path


def run(python: Path, *arguments: str | Path) -> str:
    command = [str(python), *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=170)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.usefixtures("elsewhere")
def test_the_packages_come_from_the_environment(python: Path) -> None:
    code = (
        "import engine, reviewer.assets as assets\n"
        "print(engine.__file__, assets.__file__, assets.asset_path('web'), sep='\\n')"
    )
    places = [Path(place) for place in run(python, "-c", code).splitlines()]
    assert all(place.is_relative_to(python.parents[1]) for place in places), places
    assert not any(place.is_relative_to(ROOT) for place in places)


@pytest.mark.usefixtures("elsewhere")
def test_the_commands_tell_what_they_do(python: Path) -> None:
    assert "init" in run(python, "-m", "reviewer", "--help")
    assert "doctor" in run(python, "-m", "engine", "--help")
    assert "init" in run(python.with_name("labelsieve"), "--help")


def test_the_demo_is_in_it(python: Path, elsewhere: Path) -> None:
    made = run(python, "-c", "from reviewer.demo import open_demo; print(open_demo().image_root)")
    pictures = Path(made.strip())
    assert pictures.is_dir()
    assert not pictures.is_relative_to(ROOT)
    assert len(list(pictures.rglob("*.jpg"))) == 1500


@pytest.fixture
def workspace(python: Path, elsewhere: Path) -> Path:
    write_digits(elsewhere / "photos", count=60)
    run(python, "-m", "reviewer", "init", "digits", "--images", "photos", "--weights", "bundled")
    return elsewhere / "digits"


@pytest.fixture
def url(python: Path, workspace: Path) -> Iterator[str]:
    """The address of the installed app with the workspace open."""
    run(python, "-m", "reviewer", "triage", workspace)
    command = [str(python), "-m", "reviewer", str(workspace), "--no-browser", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split(" at ")[1].split(" ")[0]
        finally:
            process.terminate()


def test_it_ranks_and_serves_and_exports(python: Path, workspace: Path, url: str) -> None:
    transport = httpx.HTTPTransport(retries=5)
    with httpx.Client(base_url=url, timeout=60, trust_env=False, transport=transport) as client:
        # It is answered when the page is there.
        assert client.get("/api/session").json()["ranking"]["state"] == "ready"
        assert client.get("/healthz").status_code == 200
        script = client.get("/web/review.js")
        assert script.status_code == 200
        assert script.content == (ROOT / "assets" / "web" / "review.js").read_bytes()
        assert client.get("/").status_code == 200
        out = workspace.parent / "out.csv"
        run(python, "-m", "reviewer", "export", workspace, out)
        assert len(out.read_text(encoding="utf-8").splitlines()) == 61
