"""Where a server may listen, and by which names it answers."""

import ipaddress
import socket
from pathlib import Path

import pytest

from reviewer.accounts import Accounts
from reviewer.errors import ReviewerError
from reviewer.hosts import Listening, check_listening, own_addresses
from tests.reviewer.test_accounts import people, quick  # noqa: F401 - fixtures

HERE = ("127.0.0.1", "localhost", "[::1]")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_this_machine_needs_no_log_in(host: str):
    listening = check_listening(Listening(host=host))
    assert not listening.is_public
    assert listening.allowed_hosts() == HERE


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", "", "127.0.0.2", "0"])
def test_other_hosts_need_one(host: str):
    with pytest.raises(ReviewerError, match=r"--auth FILE") as told:
        check_listening(Listening(host=host))
    assert str(told.value).startswith(f"--host is {host}; ")


def test_so_does_another_name():
    with pytest.raises(ReviewerError, match=r"--allow-host is given; .*--auth FILE"):
        check_listening(Listening(names=("labels.example.org",)))


@pytest.mark.parametrize(
    ("host", "more"),
    [
        ("192.168.1.5", ["192.168.1.5"]),
        ("fd00::5", ["[fd00::5]"]),
        ("labels.example.org", ["labels.example.org"]),
    ],
)
def test_with_one_it_answers_by_the_name_that_it_has(host: str, more: list[str], people: Path):  # noqa: F811
    listening = check_listening(Listening(host=host, accounts=Accounts(people)))
    assert listening.is_public
    assert listening.allowed_hosts() == (*HERE, *more)
    assert listening.url(7861) == f"http://{more[0]}:7861"


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_everywhere_is_by_every_name_and_address_of_the_machine(host: str, people: Path):  # noqa: F811
    listening = check_listening(Listening(host=host, accounts=Accounts(people), names=("a.example",)))
    allowed = listening.allowed_hosts()
    assert set(HERE) < set(allowed)
    assert {"a.example", socket.gethostname().lower()} < set(allowed)
    assert "*" not in allowed
    for address in own_addresses():
        assert address in allowed or f"[{address}]" in allowed
        assert not ipaddress.ip_address(address).is_loopback
    assert listening.url(7861) == "http://127.0.0.1:7861"


@pytest.mark.parametrize(
    "name", ["*", "*.example.org", "http://a", "a:80", "a/b", "", " ", "-", "a\n", "x" * 300]
)
def test_a_name_is_a_name(name: str, people: Path):  # noqa: F811
    with pytest.raises(ReviewerError, match="is no name and no address"):
        check_listening(Listening(names=(name,), accounts=Accounts(people)))
