"""What the README says is true: its commands run as written, and what it names is what there is."""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import typer.main

import engine.__main__
import reviewer.commands
from engine.config import BackboneConfig
from engine.settings import DETECTORS
from reviewer.export import COLUMNS
from tests.driver import ROOT, write_digits, write_random_clip

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
    if line and not line.startswith("#")
]
# What builds an environment or runs this test; each has a test of its own below.
NOT_HERE = ("python3 -m venv", ". .venv/bin/activate", "pip install", "make ")
CLIS = {"reviewer": reviewer.commands.cli, "engine": engine.__main__.app}
SERVES = re.compile(r"python -m reviewer(?! init| triage| export| report| log| account)")
PASSWORD = "correct horse"


def section(title: str) -> str:
    """Return the text under a heading."""
    return re.split(r"^## ", README.split(f"\n## {title}\n", 1)[1], flags=re.MULTILINE)[0]


def tree(text: str) -> list[tuple[str, str]]:
    """Return (indent, names) of each line of the first plain block in `text`."""
    block = re.findall(r"^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[0]
    found = (re.match(r"( *)(\S+(?: \S+)*)  ", line) for line in block.splitlines())
    return [(match[1], match[2]) for match in found if match]


# -- the commands, as written --


@pytest.fixture(scope="module")
def weights_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A weights cache as `fetch` leaves it: the standard CLIP's architecture, with random numbers."""
    import open_clip
    import torch
    from open_clip.model import CLIP
    from open_clip.pretrained import get_pretrained_cfg
    from safetensors.torch import save_file

    standard = BackboneConfig()
    cache = tmp_path_factory.mktemp("hub")
    repository = get_pretrained_cfg(standard.model, standard.weights)["hf_hub"].strip("/")
    folder = cache / f"models--{repository.replace('/', '--')}"
    snapshot = folder / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(snapshot.name)
    torch.manual_seed(0)
    architecture = open_clip.get_model_config(standard.model)
    assert architecture is not None
    tensors = CLIP(**architecture).state_dict()
    halves = {name: tensor.half().contiguous() for name, tensor in tensors.items()}
    save_file(halves, snapshot / "open_clip_model.safetensors")
    yield cache
    shutil.rmtree(cache)  # 300 MB; pytest keeps the folders of three sessions


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the README's commands speak of."""
    folder = tmp_path_factory.mktemp("readme")
    labels = write_digits(folder / "photos", count=16)
    rows = [f"{path};{given}" for path, (given, _) in labels.items()]
    (folder / "labels.csv").write_text("\n".join(["file;label", *rows]) + "\n", encoding="utf-8")
    write_random_clip(folder / "clip-directory")
    return folder


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, weights_cache: Path) -> dict[str, str]:
    """`python` is this one, the browser opens nothing, the network is off."""
    programs = tmp_path_factory.mktemp("bin")
    python = programs / "python"
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "BROWSER": "true",
        "HF_HUB_CACHE": str(weights_cache),
        "HF_HUB_OFFLINE": "1",
    }


@pytest.mark.timeout(600)
@pytest.mark.slow
def test_the_commands_run_as_written_one_after_the_other(place: Path, environment: dict[str, str]) -> None:
    here = [command for command in COMMANDS if not command.startswith(NOT_HERE)]
    assert len(here) >= 9
    for command in here:
        if SERVES.match(command):
            serve_a_while(command, place, environment)
            continue
        result = subprocess.run(
            command,
            shell=True,
            cwd=place,
            env=environment,
            input=f"{PASSWORD}\n",
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
        assert "Traceback" not in result.stderr, command
    header, *rows = (place / "corrected.csv").read_text(encoding="utf-8").splitlines()
    assert header.split(",") == ["path", "label", *COLUMNS]
    assert len(rows) == 16


def serve_a_while(command: str, place: Path, environment: dict[str, str]) -> None:
    """Start the app with `command`, wait for its first ranking or the start page, stop it as Ctrl+C does."""
    named = re.search(r"--port (\d+)", command)
    port = int(named[1]) if named else 7861
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0 and not os.environ.get("CI"):
            pytest.skip(f"port {port}, which the README names, is in use on this computer")
    process = subprocess.Popen(
        f"exec {command}",
        shell=True,
        cwd=place,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = next((line for line in process.stdout if " at http" in line), "")
        assert f"http://127.0.0.1:{port} " in line, line + process.stdout.read()
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False) as client:
            if command == "python -m reviewer":
                wait(lambda: answers(client, "/start/choices"), 60, command)
                assert client.get("/start/choices").json()["demo"]["there"]
                return
            wait(lambda: answers(client, "/healthz"), 60, command)
            if "--auth" in command:
                who = {"name": "ada", "password": PASSWORD}
                client.post("/log-in", json=who).raise_for_status()
            wait(lambda: client.get("/api/session").json()["ranking"]["state"] == "ready", 200, command)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def answers(client: httpx.Client, path: str) -> bool:
    try:
        return client.get(path).status_code == 200
    except httpx.TransportError:
        return False


def wait(holds: Callable[[], bool], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.2)


def test_the_commands_that_build_an_environment_name_what_exists() -> None:
    for command in (command for command in COMMANDS if command.startswith("pip install")):
        words = shlex.split(command)
        assert (ROOT / words[words.index("-c") + 1]).is_file()
        extra = re.fullmatch(r"\.\[(\w+)\]", words[words.index("-e") + 1])
        assert extra is not None
        assert f"\n{extra[1]} = [" in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    venv = next(command for command in COMMANDS if "-m venv" in command).split()[-1]
    assert f". {venv}/bin/activate" in COMMANDS


@pytest.mark.skipif(shutil.which("make") is None, reason="no make on the PATH")
@pytest.mark.parametrize("line", sorted({*re.findall(r"(?<=`)make [^`]+|^make .+", README, re.MULTILINE)}))
def test_make_knows_what_the_readme_calls(line: str) -> None:
    dry = subprocess.run(["make", "-n", *line.split()[1:]], cwd=ROOT, capture_output=True, text=True)
    assert dry.returncode == 0, dry.stderr


@pytest.mark.skipif(shutil.which("make") is None, reason="no make on the PATH")
@pytest.mark.parametrize(
    ("variable", "end"), [("WORKSPACE=", " demo"), ("WORKSPACE=my photos", ' open "my photos"')]
)
def test_make_run_opens_the_demo_or_the_workspace_that_is_named(variable: str, end: str) -> None:
    dry = subprocess.run(
        ["make", "--no-print-directory", "-n", "run", variable],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert dry.stdout.splitlines()[-1] == f".venv/bin/python -m reviewer{end}"


@pytest.mark.skipif(shutil.which("make") is None, reason="no make on the PATH")
def test_make_installs_again_until_an_install_has_worked(tmp_path: Path) -> None:
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    stamp = tmp_path / ".venv" / "installed"

    def make(install_status: int) -> tuple[int, bool]:
        """Return make's exit status, and whether it installed, as a stand-in for Python noted it."""
        calls = tmp_path / "calls"
        calls.write_text("")
        python.write_text(
            f'#!/bin/sh\necho "$@" >> {calls}\ncase "$*" in *install*) exit {install_status};; esac\n'
        )
        python.chmod(0o755)
        done = subprocess.run(["make", "test"], cwd=tmp_path, capture_output=True, text=True)
        return done.returncode, "install" in calls.read_text()

    assert make(1) == (2, True)
    assert not stamp.exists()
    assert make(0) == (0, True)
    assert make(0) == (0, False)
    for name in ("pyproject.toml", "constraints.txt"):
        later = stamp.stat().st_mtime + 5
        os.utime(tmp_path / name, (later, later))
        assert make(1) == (2, True)
        assert make(1) == (2, True)
        os.utime(tmp_path / name, (later - 60, later - 60))


def test_fetch_without_a_network_ends_in_a_sentence(tmp_path: Path, environment: dict[str, str]) -> None:
    command = next(command for command in COMMANDS if "engine fetch" in command)
    empty = {**environment, "HF_HUB_CACHE": str(tmp_path)}
    result = subprocess.run(
        command, shell=True, cwd=tmp_path, env=empty, capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("The weights 'openai' of ViT-B-16-quickgelu could not be fetched: ")
    assert "Traceback" not in result.stderr


def test_fetch_alone_means_the_standard_clip() -> None:
    assert "python -m engine fetch" in COMMANDS
    options = {
        each.name: each.default
        for each in vars(typer.main.get_command(CLIS["engine"]))["commands"]["fetch"].params
    }
    assert (options["model"], options["weights"]) == (BackboneConfig().model, BackboneConfig().weights)


# -- the names --


@pytest.mark.parametrize("module", CLIS)
def test_every_command_and_option_is_named(module: str) -> None:
    group = typer.main.get_command(CLIS[module])
    table = section("Commands").split(f"| `python -m {module}` |")[1].split("\n\n")[0]
    rows = {row.split()[1].strip("`"): row for row in table.splitlines()[2:]}
    commands = vars(group)["commands"]
    assert set(rows) == set(commands)
    for name, command in commands.items():
        options = {
            option
            for parameter in command.params
            for option in (*parameter.opts, *parameter.secondary_opts)
            if option.startswith("--") and option != "--help"
        }
        assert set(re.findall(r"--[a-z][a-z-]*", rows[name])) == options, name


def test_every_detector_is_named() -> None:
    row = next(line for line in section("Commands").splitlines() if "`triage " in line)
    assert set(re.findall(r"`([a-z_]+)`", row)) == set(DETECTORS)
    assert all(f"`{name}`" in section("How it decides") for name in DETECTORS)


def test_every_appended_column_is_named() -> None:
    cells = [line.split(" | ")[0] for line in section("What leaves").splitlines() if line.startswith("| `")]
    assert {name for cell in cells for name in re.findall(r"`(\w+)`", cell)} == set(COLUMNS)


def test_the_workspace_holds_what_the_readme_says(place: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    command = [sys.executable, "-m", "reviewer", "init", str(made), "--images", str(place / "photos")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    for _, name in tree(section("Commands")):
        assert (made / name).is_dir() if name.endswith("/") else (made / name).is_file(), name


def test_every_module_has_its_place_in_the_tree() -> None:
    named: set[str] = set()
    folder = ""
    for indent, names in tree(section("The tree")):
        if not indent:
            folder = names
            assert (ROOT / folder).is_dir(), folder
            continue
        for name in names.split():
            path = ROOT / folder / (name if name.endswith("/") else f"{name}.py")
            assert path.exists(), path
            named.add(f"{folder}{name}")
    modules = {
        f"{folder}/{path.stem if path.is_file() else f'{path.name}/'}"
        for folder in ("engine", "reviewer")
        for path in (ROOT / folder).iterdir()
        if not path.name.startswith("_") and (path.suffix == ".py" or (path / "__init__.py").exists())
    }
    assert modules == named


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).is_file(), target


def test_no_addresses_and_no_places_of_one_machine() -> None:
    files = ["README.md", "CHANGELOG.md", "constraints.txt", "pyproject.toml", "Makefile", ".ci/run"]
    for name in files:
        text = (ROOT / name).read_text(encoding="utf-8")
        assert not re.findall(r"https?://\S+|--(?:extra-)?index-url|/(?:home|root|work|tmp|Users)/", text), (
            name
        )


# -- the keys --


@pytest.mark.skipif(
    shutil.which("node") is None and not os.environ.get("CI"),
    reason="no node on the PATH; apt-get install nodejs",
)
def test_the_key_table_is_the_key_map() -> None:
    named = {
        key
        for line in section("Keys").splitlines()
        if line.startswith("| ")
        for cell in line.replace(r"\|", "").split(" | ")
        for key in re.findall(r"`([^`]+)`", cell)
    }
    if {"1", "9"} <= named:  # "1–9"
        named |= {*"12345678"}
    bound, caps, sheet = key_map()
    assert named - {"Esc"} == bound
    # The caps on the buttons and the help window name the same keys in their own spelling.
    spelled = {key.replace("Shift+", "⇧") for key in named}
    assert caps <= spelled
    assert sheet == spelled - {*"2345678"}


def key_map() -> tuple[set[str], set[str], set[str]]:
    """Return the keys that do something, the caps on the buttons, and the keys in the help window."""
    script = """
        const { actionOf, KEYCAPS, CHEAT_SHEET } = await import(process.argv[1]);
        const names = ["Backspace", "Delete", "Enter", "Escape", "Tab", "Home", "End", "PageUp", "PageDown",
            "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "F1", "Insert"];
        for (let code = 32; code < 127; code++) names.push(String.fromCharCode(code));
        const bound = [];
        for (const key of names) {
            const upper = /^[A-Z]$/.test(key);
            if (actionOf({ key, code: "", shiftKey: upper })) bound.push((upper ? "Shift+" : "") + key);
        }
        const rows = CHEAT_SHEET.flatMap(([, rows]) =>
            rows.flatMap(({ actions = [], fixed = [] }) =>
                [...actions.map((each) => KEYCAPS[each]), ...fixed]));
        console.log(JSON.stringify([bound, Object.values(KEYCAPS), rows]));
    """
    module = (ROOT / "assets" / "web" / "keys.js").as_uri()
    command = ["node", "--input-type=module", "-e", script, module]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    bound, caps, rows = json.loads(output)
    arrows = {"ArrowLeft": "←", "ArrowRight": "→"}
    keys = {arrows[key] if key in arrows else key.upper() if len(key) == 1 else key for key in bound}
    # "=" is "+" without Shift; what moves a zoomed image is in the help window alone.
    sheet = {key.replace("−", "-") for key in rows} - {"…", "⇧", "↑", "↓"}
    return keys - {"="}, {cap.replace("−", "-") for cap in caps}, sheet
