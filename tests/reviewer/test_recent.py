from pathlib import Path

import pytest

from reviewer.folders import data_folder
from reviewer.recent import FILE, N_KEPT, read_recent, remember


@pytest.fixture(autouse=True)
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "profile"))
    return tmp_path / "profile"


def workspace(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "workspace.toml").write_text("")
    return folder


def test_a_clean_profile_has_none_and_reading_makes_nothing(profile: Path) -> None:
    assert read_recent() == []
    assert not profile.exists()


def test_the_newest_comes_first_once_and_those_that_are_gone_are_left_out(tmp_path: Path) -> None:
    made = [workspace(tmp_path / f"w{number}") for number in range(N_KEPT + 3)]
    for root in [*made, made[-2]]:
        remember(root)
    assert [entry.root for entry in read_recent()] == [made[-2], made[-1], *reversed(made[3:-2])]
    (made[-1] / "workspace.toml").unlink()
    assert made[-1] not in [entry.root for entry in read_recent()]


@pytest.mark.parametrize(
    "text",
    ["", "{", "{}", "[1, null]", '[{"root": 3}]', '[{"root": "relative"}]', '[{"root": "/a\\u0000b"}]'],
)
def test_a_damaged_list_is_an_empty_one_and_is_written_anew(text: str, tmp_path: Path) -> None:
    data_folder().mkdir(parents=True)
    (data_folder() / FILE).write_text(text)
    assert read_recent() == []
    remember(workspace(tmp_path / "w"))
    assert [entry.root for entry in read_recent()] == [tmp_path / "w"]


def test_a_disk_that_takes_no_note_stops_nothing(profile: Path, tmp_path: Path) -> None:
    profile.write_text("a file where the folder should be")
    remember(workspace(tmp_path / "w"))
    assert read_recent() == []
