"""Who may log in: a file of names and of hashes from which no password can be read back."""

import hashlib
import hmac
import json
import logging
import os
import secrets
import threading
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reviewer.errors import ReviewerError
from reviewer.private_files import is_private, write_private

LOG = logging.getLogger("labelsieve")
FORMAT = 1
SHORTEST, LONGEST = 8, 1000  # characters of a password
LONGEST_NAME = 100
COST = {"n": 2**15, "r": 8, "p": 3, "maxmem": 2**26}
"""Of scrypt: 32 MiB and about a third of a second for each try. Another one is another FORMAT."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """A person who may log in; salt and key are of their password."""

    name: str
    salt: bytes
    key: bytes


NOBODY = Account(name="", salt=b"nobody has this name", key=b"")


def check_name(name: str) -> str:
    """Return a name as it is kept (NFC); raises ReviewerError for one that cannot stand in the history."""
    kept = unicodedata.normalize("NFC", name)
    if not kept or len(kept) > LONGEST_NAME or kept != kept.strip() or not kept.isprintable():
        raise ReviewerError(
            f"The name {name!r} cannot be used; take 1 to {LONGEST_NAME} letters, with no space at its ends "
            "and nothing in it that is not printed."
        )
    return kept


def check_password(password: str) -> str:
    """Return a password in the form that is hashed (NFC); raises ReviewerError for one of a wrong length."""
    kept = unicodedata.normalize("NFC", password)
    if not SHORTEST <= len(kept) <= LONGEST:
        raise ReviewerError(
            f"A password has {SHORTEST} to {LONGEST:,} characters, this one {len(kept):,}; choose another."
        )
    try:
        kept.encode("utf-8")
    except UnicodeEncodeError:
        raise ReviewerError("The password is not UTF-8 text; type it in a UTF-8 terminal.") from None
    return kept


def make_account(name: str, password: str) -> Account:
    """Return an account with a new salt; raises ReviewerError for a name or a password that cannot be."""
    salt = secrets.token_bytes(16)
    return Account(name=check_name(name), salt=salt, key=_key(check_password(password), salt))


def read_accounts(path: Path) -> dict[str, Account]:
    """Return the accounts in a file by name.

    Raises ReviewerError for a file that is missing, is none, or can be read by others.
    """
    way_out = f"make one with python -m reviewer account {path} NAME"
    try:
        open_to_all = not is_private(path)
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ReviewerError(
            f"The accounts {path} cannot be read ({error.strerror or error}); {way_out}."
        ) from error
    except ValueError:
        value, open_to_all = None, False
    if open_to_all:
        raise ReviewerError(f"The accounts {path} can be read by others; chmod 600 {path} keeps them out.")
    try:
        return _parsed(value)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ReviewerError(f"{path} is no file of accounts; {way_out} under another file name.") from None


def _parsed(value: Any) -> dict[str, Account]:
    if value["format"] != FORMAT:
        raise ValueError(value["format"])
    return {
        name: Account(name=name, salt=bytes.fromhex(each["salt"]), key=bytes.fromhex(each["key"]))
        for name, each in value["accounts"].items()
    }


def write_account(path: Path, account: Account) -> bool:
    """Add an account to a file, which is made where there is none, or change the one of that name.

    Returns whether it is new. Raises ReviewerError for a file that is none or cannot be written, and for a
    name that differs from another one by capitals alone.
    """
    held = read_accounts(path) if path.exists() else {}
    alike = next((name for name in held if name.casefold() == account.name.casefold()), account.name)
    if alike != account.name:
        raise ReviewerError(f"There is an account {alike!r}, which {account.name!r} would be taken for.")
    _write(path, {**held, account.name: account})
    return account.name not in held


def remove_account(path: Path, name: str) -> None:
    """Take an account out of a file; raises ReviewerError where there is none of that name."""
    held = read_accounts(path)
    if name not in held:
        raise ReviewerError(f"{path} has no account {name!r}; it has {', '.join(sorted(held)) or 'none'}.")
    _write(path, {each: account for each, account in held.items() if each != name})


def _write(path: Path, accounts: Mapping[str, Account]) -> None:
    entries = {
        each.name: {"salt": each.salt.hex(), "key": each.key.hex()}
        for each in sorted(accounts.values(), key=lambda each: each.name)
    }
    try:
        write_private(path, {"format": FORMAT, "accounts": entries})
    except OSError as error:
        raise ReviewerError(f"The accounts {path} cannot be written ({error.strerror or error}).") from error


def _key(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode("utf-8"), salt=salt, dklen=32, **COST)


class Accounts:
    """A file of accounts in use; what changes in it counts at once. Safe to call from any thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp = self._look()
        self._held = read_accounts(path)
        if not self._held:
            raise ReviewerError(
                f"{path} has no account, so nobody could log in; python -m reviewer account {path} NAME "
                "makes one."
            )

    def find(self, name: str) -> Account | None:
        """Return an account, or None."""
        with self._lock:
            stamp = self._look()
            if stamp != self._stamp:
                self._stamp = stamp
                try:
                    self._held = read_accounts(self._path)
                except ReviewerError as error:
                    LOG.warning("Nobody can log in: %s", error)
                    self._held = {}
            return self._held.get(name)

    def check(self, name: str, password: str) -> Account | None:
        """Return the account of this name and password, or None; an unknown name takes as long as a known."""
        account = self.find(unicodedata.normalize("NFC", name)) or NOBODY
        typed = unicodedata.normalize("NFC", password)[: LONGEST + 1]
        key = _key(typed.encode("utf-8", "replace").decode("utf-8"), account.salt)
        return account if hmac.compare_digest(key, account.key) else None

    def _look(self) -> tuple[int, int, int]:
        """Return what changes when the file does; zeros where it is gone."""
        try:
            found = os.stat(self._path)
        except OSError:
            return (0, 0, 0)
        return (found.st_mtime_ns, found.st_size, found.st_ino)
