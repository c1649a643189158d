"""Work that nobody waits for makes room for the person who reviews on the same machine."""

import contextlib
import os
from pathlib import Path

NICENESS = 10  # a tenth of a core where somebody else wants it, all of it where not
RUN_NICENESS = 5  # a quarter: somebody waits for it, though not at the next key


def lower_priority(niceness: int = NICENESS, autogroup: Path = Path("/proc/self/autogroup")) -> None:
    """Let every other process go first; a process can do this for itself without being asked.

    niceness: 0 to 19. Linux desktops share the cores out between sessions first and between the processes of
    a session second, so that the niceness of a process that is a session by itself, as the app starts them,
    counts for nothing; then `autogroup`, the niceness of the session, is set as well.
    """
    if not hasattr(os, "nice"):  # Windows
        return
    os.nice(niceness)
    if os.getsid(0) == os.getpid():  # else it would be the session of somebody's terminal
        with contextlib.suppress(OSError):  # no such file, or a kernel that shares in another way
            autogroup.write_text(str(niceness))
