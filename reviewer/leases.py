"""Which cards are on whose screen, so that no two people get the same one unasked. In memory only: after a
restart every page asks anew."""

import threading
import time
from collections.abc import Callable, Iterable

SECONDS = 900.0
"""How long a card stays with a page that does not ask again; a page that is closed gives its cards back."""


class Leases:
    """Cards that were handed out; safe to call from any thread. A holder is one page in one browser.

    handing_out: to be held by who chooses cards and lets a page have them.
    """

    def __init__(self, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self.handing_out = threading.Lock()
        self._lock = threading.Lock()
        self._holder: dict[int, tuple[str, float]] = {}  # position → who, until when

    def of_others(self, holder: str) -> set[int]:
        """Return the cards that other pages hold."""
        now = self._clock()
        with self._lock:
            self._holder = {position: each for position, each in self._holder.items() if each[1] > now}
            return {position for position, (who, _) in self._holder.items() if who != holder}

    def hold(self, holder: str, positions: Iterable[int]) -> None:
        """Let a page have exactly these cards, which nobody else holds; the others of it are free again."""
        until = self._clock() + self._seconds
        with self._lock:
            self._holder = {position: each for position, each in self._holder.items() if each[0] != holder}
            for position in positions:
                self._holder.setdefault(position, (holder, until))

    def free(self, positions: Iterable[int]) -> None:
        """Take back cards that are decided: somebody else may be asked about them at once."""
        with self._lock:
            for position in positions:
                self._holder.pop(position, None)

    def release(self, holder: str) -> None:
        """Take every card back from a page that was closed."""
        self.hold(holder, ())
