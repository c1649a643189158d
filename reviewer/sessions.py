"""Who is logged in, and who tried to be. In memory only: after a restart people log in again."""

import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

from reviewer.accounts import Account, Accounts

IDLE = 12 * 3600.0
"""Seconds without a call after which a person has to log in again; a page that is looked at calls."""
LONGEST = 7 * 24 * 3600.0
"""Seconds after which they have to in any case."""
FREE_TRIES = 5
LONGEST_WAIT = 60.0
FORGOTTEN = 3600.0  # seconds after the last wrong try
REMEMBERED = 10_000  # names and addresses


@dataclass(frozen=True, kw_only=True)
class _Session:
    name: str
    salt: bytes
    opened: float
    used: float


class Sessions:
    """The people who are logged in; safe to call from any thread."""

    def __init__(self, accounts: Accounts, clock: Callable[[], float] = time.monotonic) -> None:
        self._accounts = accounts
        self._clock = clock
        self._lock = threading.Lock()
        self._held: dict[bytes, _Session] = {}  # by the hash of the token: memory holds no token

    def open(self, account: Account) -> str:
        """Return the token of a new session."""
        token, now = secrets.token_urlsafe(32), self._clock()
        with self._lock:
            self._held = {key: each for key, each in self._held.items() if _lasts(each, now)}
            self._held[_hash(token)] = _Session(name=account.name, salt=account.salt, opened=now, used=now)
        return token

    def person(self, token: str) -> str | None:
        """Return who a token belongs to; None: nobody, or no longer, or their password was changed."""
        key, now = _hash(token), self._clock()
        with self._lock:
            session = self._held.get(key)
            if session is None:
                return None
            account = self._accounts.find(session.name)
            if account is None or account.salt != session.salt or not _lasts(session, now):
                del self._held[key]
                return None
            self._held[key] = replace(session, used=now)
            return session.name

    def close(self, token: str) -> None:
        """Log out."""
        with self._lock:
            self._held.pop(_hash(token), None)


def _lasts(session: _Session, now: float) -> bool:
    return now - session.used < IDLE and now - session.opened < LONGEST


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


class Tries:
    """Wrong passwords by name and by address. After five of them each further try has to wait, twice as long
    as the one before; nobody is kept waiting meanwhile, the answer is how long."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[Hashable, tuple[int, float]] = {}  # how many, when the last

    def begin(self, *keys: Hashable) -> float:
        """Return how many seconds a try has to wait; 0: it may go on, and counts as wrong until `forgive`.

        Counted before it is known, so that many at once are no way around it.
        """
        now = self._clock()
        with self._lock:
            wait = max(self._wait(key, now) for key in keys)
            if wait > 0:
                return wait
            for key in keys:
                count, _ = self._known.pop(key, (0, now))
                self._known[key] = (count + 1, now)  # last in the order in which they are forgotten
            while len(self._known) > REMEMBERED:
                self._known.pop(next(iter(self._known)))
            return 0.0

    def forgive(self, *keys: Hashable) -> None:
        """Forget the wrong tries of somebody who is in."""
        with self._lock:
            for key in keys:
                self._known.pop(key, None)

    def _wait(self, key: Hashable, now: float) -> float:
        count, last = self._known.get(key, (0, now))
        if now - last > FORGOTTEN:
            self._known.pop(key, None)
            return 0.0
        if count < FREE_TRIES:
            return 0.0
        return max(0.0, last + min(LONGEST_WAIT, 2.0 ** (count - FREE_TRIES)) - now)
