"""Where a server listens, and by which names it may be called."""

import ipaddress
import re
import socket
from dataclasses import dataclass

import psutil

from reviewer.accounts import Accounts
from reviewer.errors import ReviewerError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")


@dataclass(frozen=True, kw_only=True)
class Listening:
    """host, port: as given; port 0: a free one. names: further names by which it may be called. accounts: who
    may log in; None: nobody has to, which is for loopback alone."""

    host: str = "127.0.0.1"
    port: int = 0
    names: tuple[str, ...] = ()
    accounts: Accounts | None = None

    @property
    def is_public(self) -> bool:
        """Whether other machines may call it, by themselves or through a proxy."""
        return self.host not in LOOPBACK or bool(self.names)

    @property
    def is_everywhere(self) -> bool:
        """Whether it listens on every address of this machine."""
        try:
            return ipaddress.ip_address(self.host).is_unspecified
        except ValueError:
            return False

    def url(self, port: int) -> str:
        """Return the address at which this machine reaches it."""
        host = "127.0.0.1" if self.is_everywhere else self.host
        return f"http://{_in_url(host)}:{port}"

    def allowed_hosts(self) -> tuple[str, ...]:
        """Return the names and addresses that may stand in the Host of a call, as they stand in it.

        Without asking any name server.
        """
        hosts = [*LOOPBACK, self.host, *self.names]
        if self.is_everywhere:
            own = socket.gethostname().lower()
            hosts += [own, f"{own}.local", *own_addresses()]
        return tuple(dict.fromkeys(_in_url(host) for host in hosts))


def check_listening(listening: Listening) -> Listening:
    """Return it; raises ReviewerError for one that would let strangers in, or a name that is none."""
    if listening.is_public and listening.accounts is None:
        option = f"--host is {listening.host}" if listening.host not in LOOPBACK else "--allow-host is given"
        raise ReviewerError(
            f"{option}; without a log-in the app listens only on {', '.join(LOOPBACK)}, so name the people "
            "who may log in with --auth FILE."
        )
    for name in (listening.host, *listening.names):
        if not NAME.fullmatch(name) and not _is_address(name):
            raise ReviewerError(
                f"{name!r} is no name and no address of a machine; write it without http:// and port."
            )
    return listening


def own_addresses() -> list[str]:
    """Return the addresses of this machine other than loopback."""
    found = [
        each.address.partition("%")[0]
        for addresses in psutil.net_if_addrs().values()
        for each in addresses
        if each.family in (socket.AF_INET, socket.AF_INET6)
    ]
    return [address for address in found if not ipaddress.ip_address(address).is_loopback]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
