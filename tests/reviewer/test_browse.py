import os
from pathlib import Path

import pytest

from reviewer.browse import N_LISTED, list_folder
from reviewer.errors import ReviewerError


def listed(folder: Path) -> list[tuple[str, str]]:
    return [(entry.name, entry.kind) for entry in list_folder(str(folder)).entries]


def test_folders_workspaces_and_tables_are_named_and_nothing_else(tmp_path: Path) -> None:
    for name in ("b", "A", ".hidden", "ws"):
        (tmp_path / name).mkdir()
    (tmp_path / "ws" / "workspace.toml").write_text("")
    for name in ("labels.CSV", "secret.txt.key", "photo.png", ".hidden.csv", "notes.tsv"):
        (tmp_path / name).write_text("what is in it is not told")
    assert listed(tmp_path) == [
        ("A", "folder"),
        ("b", "folder"),
        ("ws", "workspace"),
        ("labels.CSV", "table"),
        ("notes.tsv", "table"),
    ]
    listing = list_folder(str(tmp_path / "b" / ".." / "A"))
    assert (listing.path, listing.parent) == (str(tmp_path / "A"), str(tmp_path))
    assert list_folder("/").parent is None
    assert "is not told" not in repr(list_folder(str(tmp_path)))


def test_the_home_folder_is_where_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert list_folder("").path == list_folder("~").path == str(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="names of bytes")
def test_hostile_names_are_told_as_text_and_what_is_no_text_cannot_be_chosen(tmp_path: Path) -> None:
    hostile = '<img src=x onerror="alert(1)">\n\u202e'
    (tmp_path / hostile).mkdir()
    os.mkdir(os.fsencode(tmp_path) + b"/caf\xe9")
    os.symlink("loop", tmp_path / "loop")
    os.symlink("nowhere", tmp_path / "gone")
    entries = {entry.name: entry.path for entry in list_folder(str(tmp_path)).entries}
    assert entries[hostile] == str(tmp_path / hostile)
    assert entries["caf\\udce9"] is None
    assert len(entries) == 2


def test_a_folder_of_thousands_is_cut_and_says_so(tmp_path: Path) -> None:
    for number in range(N_LISTED + 7):
        (tmp_path / f"{number:05}").mkdir()
    listing = list_folder(str(tmp_path))
    assert (len(listing.entries), listing.n_left_off) == (N_LISTED, 7)
    assert listing.entries[-1].name == f"{N_LISTED - 1:05}"


@pytest.mark.parametrize(
    "place", ["/nowhere/at/all", "a/b", "/etc/hostname/x", "/a\0b", "/\ud800", "~nobody-known/x"]
)
def test_what_cannot_be_listed_is_said_in_a_sentence(place: str) -> None:
    with pytest.raises(ReviewerError) as caught:
        list_folder(place)
    assert str(caught.value).endswith(".")
    str(caught.value).encode("utf-8")


def test_a_folder_that_may_not_be_read_is_said_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("reviewer.browse.os.scandir", refuse)
    with pytest.raises(ReviewerError, match=r"cannot be listed \(Permission denied\)"):
        list_folder(str(tmp_path))
