"""How long a log-in lasts, and how wrong tries are slowed down."""

from pathlib import Path

import pytest

import reviewer.accounts as accounts
from reviewer.accounts import Accounts, make_account, remove_account, write_account
from reviewer.sessions import FREE_TRIES, IDLE, LONGEST, LONGEST_WAIT, REMEMBERED, Sessions, Tries


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(accounts, "COST", {"n": 16, "r": 8, "p": 1})
    path = tmp_path / "people.json"
    write_account(path, make_account("ada", "correct horse"))
    write_account(path, make_account("bob", "correct horse"))
    return path


def log_in(held: Accounts, sessions: Sessions, name: str = "ada") -> str:
    account = held.find(name)
    assert account is not None
    return sessions.open(account)


def test_a_session_lasts_while_it_is_used_and_a_week_at_most(people: Path):
    clock, held = Clock(), Accounts(people)
    sessions = Sessions(held, clock)
    token = log_in(held, sessions)
    start = clock.now
    while clock.now + IDLE - 1 < start + LONGEST:
        clock.now += IDLE - 1
        assert sessions.person(token) == "ada"
    clock.now = start + LONGEST
    assert sessions.person(token) is None
    token = log_in(held, sessions)
    clock.now += IDLE
    assert sessions.person(token) is None
    clock.now -= 1
    assert sessions.person(token) is None  # it does not come back


def test_a_token_is_long_and_nobody_elses(people: Path):
    held = Accounts(people)
    sessions = Sessions(held)
    ada, bob = log_in(held, sessions), log_in(held, sessions, "bob")
    assert min(len(ada), len(bob)) >= 43
    assert (sessions.person(ada), sessions.person(bob)) == ("ada", "bob")
    for token in ("", "x", ada[:-1], ada + "x", "\ud800"):
        assert sessions.person(token) is None
    sessions.close(ada)
    assert (sessions.person(ada), sessions.person(bob)) == (None, "bob")


def test_another_password_or_no_account_ends_the_sessions(people: Path):
    held = Accounts(people)
    sessions = Sessions(held)
    ada, bob = log_in(held, sessions), log_in(held, sessions, "bob")
    write_account(people, make_account("ada", "another one"))
    remove_account(people, "bob")
    assert (sessions.person(ada), sessions.person(bob)) == (None, None)


def test_each_wrong_try_after_the_fifth_waits_twice_as_long():
    clock = Clock()
    tries = Tries(clock)
    for _ in range(FREE_TRIES):
        assert tries.begin("ada", "10.0.0.1") == 0
    waits = []
    for _ in range(10):
        waits.append(tries.begin("ada", "10.0.0.1"))
        clock.now += waits[-1]
        assert tries.begin("ada", "10.0.0.1") == 0
    assert waits[:4] == [1, 2, 4, 8]
    assert waits[-1] == LONGEST_WAIT


def test_a_try_that_has_to_wait_is_no_further_try():
    clock = Clock()
    tries = Tries(clock)
    for _ in range(FREE_TRIES + 1):
        tries.begin("ada")
        clock.now += 1
    tries.begin("ada")
    for _ in range(100):
        assert 0 < tries.begin("ada") <= 4


def test_names_and_addresses_are_counted_by_themselves():
    clock = Clock()
    tries = Tries(clock)
    for n in range(FREE_TRIES):
        assert tries.begin("ada", f"10.0.0.{n}") == 0
    assert tries.begin("ada", "10.0.0.9") > 0
    assert tries.begin("bob", "10.0.0.9") == 0
    for name in "cdefgh":
        tries.begin(name, "10.0.0.66")
    assert tries.begin("bob", "10.0.0.66") > 0


def test_who_is_in_starts_anew_and_an_hour_forgets():
    clock = Clock()
    tries = Tries(clock)
    for _ in range(FREE_TRIES):
        tries.begin("ada")
    tries.forgive("ada")
    for _ in range(FREE_TRIES):
        assert tries.begin("ada") == 0
    assert tries.begin("ada") > 0
    clock.now += 3601
    assert tries.begin("ada") == 0


def test_the_memory_of_tries_has_an_end():
    tries = Tries(Clock())
    for n in range(REMEMBERED + 50):
        tries.begin(f"name {n}")
    assert len(tries._known) == REMEMBERED
