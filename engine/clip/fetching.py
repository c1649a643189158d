"""Downloading weights: the only code of the engine that uses a network, and only when a person says so."""

import logging
import socket
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from huggingface_hub import constants, hf_hub_download
from huggingface_hub.errors import EntryNotFoundError
from open_clip import pretrained

from engine.clip.weights import cached_file, find_tag, hub_files
from engine.errors import EngineError
from engine.progress import SECONDS_BETWEEN, Report, silent

CHUNK = 1 << 18  # bytes between two looks at the progress
PATIENCE = 10  # seconds until a host that does not answer counts as out of reach


def fetch_weights(model: str, tag: str, report: Report = silent) -> Path:
    """Download a tag of open_clip into the usual cache, and return the file; a file that is here is kept.

    `report("progress", stage="download", done=…, of=…)` tells bytes; `of` is 0 while the size is unknown.
    Raises EngineError for unknown names, and with the first line of whatever went wrong on the way.
    """
    entry = find_tag(model, tag)
    here = cached_file(entry)
    if here is not None:
        return here
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    _check_network(model, tag)
    report("stage", stage="download")
    try:
        if entry.get("hf_hub"):
            return _from_hub(*hub_files(entry), report)
        return Path(pretrained.download_pretrained(dict(entry)))
    except Exception as error:  # the hub, its transport, the system and open_clip each raise their own
        first = (str(error) or type(error).__name__).strip().split("\n", 1)[0]
        raise EngineError(f"The weights {tag!r} of {model} could not be fetched: {first}") from error


def _from_hub(repository: str, names: tuple[str, ...], report: Report) -> Path:
    """Download the first of `names` that the repository has."""
    # The hub's own chunks are 10 MB: over a slow line the bar would stand still for a long time.
    constants.DOWNLOAD_CHUNK_SIZE = CHUNK
    for name in names[:-1]:
        try:
            return Path(hf_hub_download(repository, name, tqdm_class=_meter(report)))
        except EntryNotFoundError:
            continue
    return Path(hf_hub_download(repository, names[-1], tqdm_class=_meter(report)))


def _meter(report: Report) -> Any:
    """Return what the hub takes for a progress bar, a class; its objects report instead of drawing."""

    class Meter:
        """The calls that the hub's two ways of downloading make of a bar."""

        def __init__(self, *, total: int | None = None, initial: int = 0, **_: Any) -> None:
            self.total, self.n, self._told = total, initial, float("-inf")

        def __enter__(self) -> "Meter":
            return self

        def __exit__(self, *_: object) -> None:
            self.close()

        def update(self, n: float | None = 1) -> None:
            """Count `n` more bytes, fewer when a download begins anew; tell at most five times a second."""
            self.n += int(n or 0)
            now = time.monotonic()
            if now - self._told >= SECONDS_BETWEEN:
                self._told = now
                self._tell()

        def close(self) -> None:
            """Tell where it ended."""
            self._tell()

        def _tell(self) -> None:
            report("progress", stage="download", done=self.n, of=int(self.total or 0))

        def update_transfer(self, n: float | None = 1) -> None:
            """Bytes on the wire; those on the disk are counted. Having this keeps the hub to one bar."""

        def refresh(self, *_: Any, **__: Any) -> None:
            """Draw nothing."""

        set_postfix_str = set_transfer_postfix_str = set_description = set_description_str = refresh

    return Meter


def _check_network(model: str, tag: str) -> None:
    """Raise EngineError where there is no way out: the hub's own retries would take a minute to say so."""
    if constants.HF_HUB_OFFLINE:
        raise EngineError(
            f"The weights {tag!r} of {model} could not be fetched: HF_HUB_OFFLINE is set and forbids it; "
            "unset it and try again."
        )
    address = urlsplit(constants.ENDPOINT)
    host = address.hostname or ""
    port = address.port or (80 if address.scheme == "http" else 443)
    if getproxies() and not _is_loopback(host):
        return  # the way out is the proxy's, and not ours to try
    try:
        socket.create_connection((host, port), timeout=PATIENCE).close()
    except OSError as error:
        raise EngineError(
            f"The weights {tag!r} of {model} could not be fetched: {host} cannot be reached "
            f"({error.strerror or error}); run this where there is a network and copy the cache."
        ) from error


def _is_loopback(host: str) -> bool:
    return host == "localhost" or host.startswith("127.") or host == "::1"
