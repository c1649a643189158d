"""Who may log in: what the file holds, what it refuses, and what counts of a change at once."""

import json
import os
from pathlib import Path

import pytest

import reviewer.accounts as accounts
from reviewer.accounts import (
    LONGEST,
    SHORTEST,
    Accounts,
    check_name,
    make_account,
    read_accounts,
    remove_account,
    write_account,
)
from reviewer.errors import ReviewerError

SECRET = "correct horse"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "COST", {"n": 16, "r": 8, "p": 1})


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "people.json"
    write_account(path, make_account("ada", SECRET))
    return path


def test_an_account_is_of_one_name_and_one_password(people: Path):
    held = Accounts(people)
    found = held.check("ada", SECRET)
    assert found is not None
    assert found.name == "ada"
    for name, password in (
        ("ada", "correct hors"),
        ("ada", SECRET + " "),
        ("ada", ""),
        ("Ada", SECRET),
        ("bob", SECRET),
        ("", SECRET),
        ("", ""),
        ("ada", "\ud800"),
        ("ada", "x" * 5000),
    ):
        assert held.check(name, password) is None, (name, password)


def test_the_standard_cost_hashes_too(people: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.undo()
    write_account(people, make_account("bob", SECRET))
    assert Accounts(people).check("bob", SECRET) is not None


def test_the_file_is_for_its_owner_and_holds_no_password(people: Path):
    assert people.stat().st_mode & 0o777 == 0o600
    text = people.read_text()
    assert SECRET not in text
    write_account(people, make_account("bob", SECRET))
    first, second = json.loads(people.read_text())["accounts"].values()
    assert first["salt"] != second["salt"]
    assert first["key"] != second["key"]
    assert people.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in people.parent.iterdir()] == ["people.json"]


def test_a_second_time_changes_the_password(people: Path):
    assert write_account(people, make_account("bob", SECRET)) is True
    assert write_account(people, make_account("ada", "another one")) is False
    held = Accounts(people)
    assert held.check("ada", SECRET) is None
    assert held.check("ada", "another one") is not None
    assert held.check("bob", SECRET) is not None


def test_letters_that_can_be_written_in_two_ways_are_one(people: Path):
    write_account(people, make_account("jose\u0301", "pa\u0301ssword"))
    found = Accounts(people).check("jos\u00e9", "p\u00e1ssword")
    assert found is not None
    assert found.name == "jos\u00e9"


@pytest.mark.parametrize("name", ["", " ada", "ada ", "a\nb", "a\x00", "x" * 101, "\u202eada", "\ud800"])
def test_a_name_that_cannot_stand_in_the_history_is_refused(name: str):
    with pytest.raises(ReviewerError, match="cannot be used"):
        check_name(name)


@pytest.mark.parametrize("name", ["ada", "Ada Lovelace", "李", "o'neill", "a", "x" * 100])
def test_other_names_are_kept(name: str):
    assert check_name(name) == name


@pytest.mark.parametrize("password", ["", "x" * (SHORTEST - 1), "x" * (LONGEST + 1)])
def test_a_password_has_a_length(password: str):
    with pytest.raises(ReviewerError, match="characters"):
        make_account("ada", password)


def test_a_password_that_is_no_text_is_refused():
    with pytest.raises(ReviewerError, match="UTF-8"):
        make_account("ada", "\ud800" * 10)


def test_two_names_do_not_differ_by_capitals_alone(people: Path):
    with pytest.raises(ReviewerError, match="'ada'"):
        write_account(people, make_account("ADA", SECRET))
    assert set(read_accounts(people)) == {"ada"}


def test_an_account_can_be_taken_away(people: Path):
    write_account(people, make_account("bob", SECRET))
    remove_account(people, "ada")
    assert set(read_accounts(people)) == {"bob"}
    with pytest.raises(ReviewerError, match="it has bob"):
        remove_account(people, "ada")


@pytest.mark.skipif(os.name != "posix", reason="rights of POSIX")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
def test_a_file_that_others_can_read_is_refused(people: Path, mode: int):
    people.chmod(mode)
    with pytest.raises(ReviewerError, match=r"chmod 600"):
        Accounts(people)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", '{"format": 2, "accounts": {}}', '{"format": 1, "accounts": {"a": {}}}']
)
def test_a_file_that_is_none_is_refused_and_left_alone(people: Path, text: str):
    people.write_text(text)
    with pytest.raises(ReviewerError, match="is no file of accounts"):
        Accounts(people)
    with pytest.raises(ReviewerError, match="is no file of accounts"):
        write_account(people, make_account("bob", SECRET))
    assert people.read_text() == text


def test_a_file_that_is_missing_or_empty_names_the_command(people: Path, tmp_path: Path):
    with pytest.raises(ReviewerError, match="python -m reviewer account"):
        Accounts(tmp_path / "none.json")
    remove_account(people, "ada")
    with pytest.raises(ReviewerError, match="has no account"):
        Accounts(people)


def test_what_cannot_be_written_is_said(tmp_path: Path):
    with pytest.raises(ReviewerError, match="cannot be written"):
        write_account(tmp_path / "no" / "people.json", make_account("ada", SECRET))


def test_a_change_of_the_file_counts_at_once(people: Path):
    held = Accounts(people)
    write_account(people, make_account("bob", SECRET))
    assert held.check("bob", SECRET) is not None
    remove_account(people, "ada")
    assert held.find("ada") is None
    people.write_text("torn")
    assert held.find("bob") is None  # nobody comes in by a file that cannot be read
    people.unlink()
    assert held.find("bob") is None
    write_account(people, make_account("bob", SECRET))
    assert held.find("bob") is not None
