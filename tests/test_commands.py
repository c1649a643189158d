"""The command line as a person meets it: what can be fixed ends as one sentence and exit status 1."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

import reviewer.__main__ as reviewer_main
from engine.settings import DETECTORS
from reviewer.commands import cli
from tests.driver import ROOT, reviewer, served, write_digits, write_random_clip


def refused(*arguments: str | Path, cwd: Path = ROOT) -> str:
    """Run `python -m reviewer`, which is to fail, and return the sentence that it says."""
    result = subprocess.run(
        [sys.executable, "-m", "reviewer", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=120,
    )
    assert result.returncode == 1, result.stdout + result.stderr
    sentence = result.stderr.strip()
    assert "Traceback" not in sentence
    assert len(sentence.splitlines()) == 1, sentence
    assert sentence.endswith((".", "?")), sentence
    return sentence


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    labels = write_digits(folder / "images", count=30)
    rows = [f"{path},{given}" for path, (given, _) in labels.items()]
    (folder / "labels.csv").write_text("\n".join(["file,label", *rows]) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def made(photos: Path) -> Path:
    """A workspace that no test changes; its weights are nowhere, so that no run works for long."""
    workspace = photos / "made"
    reviewer("init", workspace, "--images", photos / "images", "--weights", "/nowhere.safetensors")
    return workspace


@pytest.fixture
def workspace(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "workspace"))


# -- help --


def test_it_tells_what_it_can_do() -> None:
    result = reviewer("--help")
    assert all(command in result.stdout for command in reviewer_main.COMMANDS)
    names = {group.name or group.callback.__name__ for group in cli.registered_commands if group.callback}
    assert names == set(reviewer_main.COMMANDS)  # one that is missing there would be taken for a folder
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("arguments", [("init", "x"), ("export",), ("triage", "--what", "x"), ("-x",)])
def test_a_slip_of_the_command_line_is_told_without_a_traceback(arguments: tuple[str, ...]) -> None:
    result = reviewer(*arguments, check=False)
    assert result.returncode == 2
    assert "Usage: python -m reviewer" in result.stderr
    assert "Traceback" not in result.stderr


# -- init --


def test_init_makes_no_workspace_where_something_is(photos: Path, made: Path) -> None:
    for taken in (made, photos, photos / "labels.csv"):
        sentence = refused("init", taken, "--images", photos / "images")
        assert sentence == f"{taken} exists already; name a new folder, or open it without init."


def test_init_asks_for_a_folder_of_images(photos: Path, tmp_path: Path) -> None:
    for images in (photos / "labels.csv", tmp_path / "nowhere"):
        sentence = refused("init", tmp_path / "new", "--images", images)
        assert sentence == f"{images} is not a folder; --images names the folder of the images."
    assert not (tmp_path / "new").exists()


def test_init_says_that_a_table_is_missing_or_none(photos: Path, tmp_path: Path) -> None:
    for table in (tmp_path / "labels.csv", photos / "images"):
        sentence = refused("init", tmp_path / "new", "--images", photos / "images", "--labels", table)
        assert sentence.startswith(f"{table} cannot be read (")
        assert "--labels" in sentence
    assert not (tmp_path / "new").exists()


def test_init_names_the_nearest_column(photos: Path, tmp_path: Path) -> None:
    table = ("--images", photos / "images", "--labels", photos / "labels.csv")
    sentence = refused("init", tmp_path / "new", *table, "--label-column", "lable")
    assert "'lable'" in sentence
    assert "Did you mean 'label'?" in sentence
    sentence = refused("init", tmp_path / "new", *table, "--path-column", "photo")
    assert "'photo'" in sentence
    assert "file" in sentence
    assert not (tmp_path / "new").exists()


def test_init_guesses_columns_from_what_stands_in_them(photos: Path, tmp_path: Path) -> None:
    rows = (photos / "labels.csv").read_text(encoding="utf-8").splitlines()[1:]
    lines = [f"{number},{row.partition(',')[2]},{row.partition(',')[0]}" for number, row in enumerate(rows)]
    table = tmp_path / "table.csv"
    table.write_text("\n".join(["nr,Tier,wo", *lines]) + "\n", encoding="utf-8")
    said = reviewer("init", tmp_path / "new", "--images", photos / "images", "--labels", table).stdout
    assert "Paths are read from the column 'wo', labels from 'Tier'." in said


def test_init_knows_no_such_encoding(photos: Path, tmp_path: Path) -> None:
    table = ("--images", photos / "images", "--labels", photos / "labels.csv")
    assert "utf-9" in refused("init", tmp_path / "new", *table, "--encoding", "utf-9")
    assert not (tmp_path / "new").exists()


def test_init_makes_the_folders_above_it(photos: Path, tmp_path: Path) -> None:
    reviewer("init", tmp_path / "a" / "b" / "new", "--images", photos / "images")
    assert (tmp_path / "a" / "b" / "new" / "workspace.toml").is_file()


# -- what is no workspace --


@pytest.mark.parametrize("command", [("start",), ("demo",), ()])
def test_without_a_log_in_only_this_machine_is_listened_on(command: tuple[str, ...]) -> None:
    assert refused(*command, "--host", "0.0.0.0").startswith("--host is 0.0.0.0; ")


@pytest.mark.parametrize("command", [("open",), (), ("triage",), ("export",)])
def test_a_folder_that_is_no_workspace_is_told_how_to_become_one(
    command: tuple[str, ...], photos: Path, tmp_path: Path
) -> None:
    for folder in (tmp_path / "nowhere", photos, photos / "labels.csv"):
        out = [tmp_path / "out.csv"] if command == ("export",) else []
        sentence = refused(*command, folder, *out)
        assert sentence.startswith(f"{folder} is no workspace (it has no workspace.toml); make one with ")
        assert f"python -m reviewer init {folder} --images FOLDER" in sentence
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("format = 1", "format = "), "is not valid TOML"),
        (("format = 1", "format = 2"), "workspace.format is 2"),
        (("[backbone]", "[backbon]"), "Unknown key workspace.backbon. Did you mean workspace.backbone?"),
        (("image_root = ", "image_rot = "), "image_root"),
        (('delimiter = ","', 'delimiter = ",,"'), "workspace.columns.delimiter is ',,'"),
    ],
)
def test_broken_settings_are_named(workspace: Path, change: tuple[str, str], said: str) -> None:
    settings = workspace / "workspace.toml"
    text = settings.read_text(encoding="utf-8")
    assert change[0] in text
    settings.write_text(text.replace(*change, 1), encoding="utf-8")
    assert said in refused(workspace)


def test_settings_in_another_encoding_are_named(workspace: Path) -> None:
    settings = workspace / "workspace.toml"
    settings.write_bytes(settings.read_bytes() + "# Gebäude\n".encode("cp1252"))
    assert f"{settings} is not valid TOML" in refused(workspace)


def test_a_damaged_database_is_named(workspace: Path, tmp_path: Path) -> None:
    (workspace / "review.duckdb").write_bytes(b"no database" * 1000)
    sentence = refused("export", workspace, tmp_path / "out.csv")
    assert str(workspace / "review.duckdb") in sentence


# -- the images --


def test_images_that_are_gone_are_missed_by_name(photos: Path, tmp_path: Path) -> None:
    images = Path(shutil.copytree(photos / "images", tmp_path / "images"))
    reviewer("init", tmp_path / "workspace", "--images", images)
    images.rename(tmp_path / "pictures")
    sentence = refused(tmp_path / "workspace")
    assert str(images) in sentence
    assert "image_root" in sentence
    # The way out that the sentence names is one.
    settings = tmp_path / "workspace" / "workspace.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace('image_root = "../images"', 'image_root = "../pictures"'), "utf-8")
    reviewer("export", tmp_path / "workspace", tmp_path / "out.csv")


def test_workspace_and_images_move_together(photos: Path, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there" / "deep"
    shutil.copytree(photos / "images", here / "images")
    weights = tmp_path / "nowhere.safetensors"
    reviewer("init", here / "workspace", "--images", here / "images", "--weights", weights)
    there.parent.mkdir()
    here.rename(there)
    reviewer("export", there / "workspace", tmp_path / "out.csv")
    with served(there / "workspace") as server:
        assert server.client.get("/image/card/0").status_code == 200


def test_a_workspace_moves_alone(photos: Path, tmp_path: Path) -> None:
    reviewer("init", tmp_path / "workspace", "--images", photos / "images")
    moved = tmp_path / "a" / "b" / "c"
    moved.parent.mkdir(parents=True)
    (tmp_path / "workspace").rename(moved)
    reviewer("export", moved, tmp_path / "out.csv")
    assert len((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()) == 31


# -- open --


def test_a_port_in_use_is_named(workspace: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        sentence = refused(workspace, "--no-browser", "--port", str(port))
    assert sentence.startswith(f"Port {port} of 127.0.0.1 cannot be used (")
    assert "--port" in sentence
    assert not (workspace / "server.json").exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "example.org"])
def test_it_listens_to_this_machine_only(workspace: Path, host: str) -> None:
    sentence = refused("open", workspace, "--host", host)
    assert sentence.startswith(f"--host is {host}; ")
    assert "127.0.0.1" in sentence


# -- triage --


def test_an_unknown_detector_is_named_with_those_that_are(workspace: Path) -> None:
    sentence = refused("triage", workspace, "--detector", "konn")
    assert sentence == f"There is no detector 'konn'; known are {', '.join(DETECTORS)}."
    assert list((workspace / "runs").iterdir()) == []


def test_a_failed_run_says_why_and_where_its_log_is(workspace: Path) -> None:
    result = reviewer("triage", workspace, check=False)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    log, reason = result.stderr.strip().splitlines()
    assert log.startswith("See ")
    assert Path(log.removeprefix("See ").removesuffix(".")).is_file()
    assert "/nowhere.safetensors do not exist" in reason


# -- export --


def test_export_asks_for_a_file(workspace: Path, tmp_path: Path) -> None:
    assert refused("export", workspace, tmp_path) == f"{tmp_path} is a folder; name the file to write."


def test_export_says_that_it_cannot_write(workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    sentence = refused("export", workspace, tmp_path / "file" / "out.csv")
    assert sentence.startswith(f"{tmp_path / 'file' / 'out.csv'} cannot be written (")


# -- a workspace that is open already --


def test_a_second_command_finds_the_open_workspace(workspace: Path, tmp_path: Path) -> None:
    with served(workspace) as server:
        reviewer("export", workspace, tmp_path / "out.csv")
        assert len((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()) == 31
        for command in (("open", workspace, "--no-browser"), (workspace, "--no-browser")):
            second = reviewer(*command)
            assert second.stdout == (
                f"{workspace} is open already, at {server.url} (process {server.process.pid}).\n"
            )
        sentence = refused("triage", workspace)
        assert f"process {server.process.pid}" in sentence
        assert server.client.get("/healthz").status_code == 200
    reviewer("export", workspace, tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "out.csv").read_bytes()


def drawing_for(workspace: Path) -> list[int]:
    """Return the processes that draw for a workspace."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "illustrate" in words and any(str(workspace) in each for each in words):
            found.append(process.pid)
    return found


@pytest.fixture(scope="module")
def ranked(photos: Path) -> Path:
    """A workspace with a run, of which nothing is drawn yet."""
    workspace = photos / "ranked"
    weights = write_random_clip(photos / "clip")
    reviewer("init", workspace, "--images", photos / "images", "--weights", weights)
    reviewer("triage", workspace)
    return workspace


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP])
def test_told_to_stop_it_leaves_nothing_behind(how: signal.Signals, ranked: Path, tmp_path: Path) -> None:
    """Whatever says so: the workspace is not noted as open, and nobody draws for it any more."""
    workspace = Path(shutil.copytree(ranked, tmp_path / "workspace"))
    with served(workspace) as server:
        server.wait(lambda: drawing_for(workspace) != [], 30)  # for seconds: it has torch to import
        server.process.send_signal(how)
        server.process.wait(20)
        assert drawing_for(workspace) == []
    assert not (workspace / "server.json").exists()


def test_after_a_power_cut_the_workspace_opens_again(workspace: Path, tmp_path: Path) -> None:
    with served(workspace) as server:
        server.kill()
    assert (workspace / "server.json").exists()
    reviewer("export", workspace, tmp_path / "out.csv")
    assert len((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()) == 31


# -- people who log in --


def piped(text: str, *arguments: str | Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "reviewer", *map(str, arguments)],
        input=text,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
    )


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("people") / "people.json"
    made = piped("correct horse\n", "account", file, "ada")
    assert (made.returncode, made.stdout) == (0, "ada can log in now.\n"), made.stderr
    return file


def test_an_account_is_changed_refused_and_taken_away(people: Path, tmp_path: Path) -> None:
    file = Path(shutil.copy(people, tmp_path / "people.json"))
    assert piped("battery staple\n", "account", file, "ada").stdout == "ada has another password now.\n"
    short = piped("short\n", "account", file, "bob")
    assert short.returncode == 1
    assert short.stderr.strip().endswith("this one 5; choose another.")
    assert piped("", "account", file, "bob").returncode == 1
    assert piped("", "account", file, "ada", "--remove").stdout == "ada can no longer log in.\n"
    assert "has no account" in refused("demo", "--auth", file)


def test_a_log_in_has_the_names_and_needs_its_file(people: Path, workspace: Path, tmp_path: Path) -> None:
    assert "leave --annotator out" in refused(workspace, "--auth", people, "--annotator", "bob")
    assert "cannot be read" in refused(workspace, "--auth", tmp_path / "none.json")
    assert "is for this machine alone" in refused("--auth", people, "--host", "0.0.0.0")
    assert "is for this machine alone" in refused("--auth", people, "--allow-host", "labels.example.org")
    assert "--auth FILE" in refused(workspace, "--allow-host", "labels.example.org")


def test_behind_a_log_in_other_addresses_are_served_and_commands_still_work(
    people: Path, workspace: Path, tmp_path: Path
) -> None:
    options = ("--auth", people, "--host", "0.0.0.0", "--allow-host", "labels.example.org")
    with served(workspace, options=options) as server:
        assert server.url == f"http://127.0.0.1:{server.port}"
        assert server.process.stdout is not None
        assert "not encrypted" in server.process.stdout.readline()
        assert server.client.get("/api/session").status_code == 401
        for path in ("/start/choices", "/start/folder?path=/", "/start/state"):
            assert server.client.get(path).status_code == 401
        right = {"name": "ada", "password": "correct horse"}
        assert server.client.post("/log-in", json=right).status_code == 200
        assert server.session()["annotator"] == "ada"
        for path in ("/start/choices", "/start/folder?path=/", "/start/state"):
            assert server.client.get(path).status_code == 404
        here = {"host": f"labels.example.org:{server.port}"}
        assert server.client.get("/api/session", headers=here).status_code == 200
        assert server.client.get("/api/session", headers={"host": "evil.example"}).status_code == 400
        assert (workspace / "server.json").stat().st_mode & 0o777 == 0o600
        reviewer("export", workspace, tmp_path / "out.csv")
        reviewer("report", workspace, tmp_path / "report.html")
    assert len((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()) == 31
    assert "label report" in (tmp_path / "report.html").read_text(encoding="utf-8")
