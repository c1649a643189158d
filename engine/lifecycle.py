"""One work in a run directory, from its lock to its last word: a run, or what is drawn of it afterwards."""

import errno
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from engine.artifacts import Traces, release_lock, take_lock, write_json
from engine.errors import EngineError
from engine.progress import Report, event_writer, silent

# What a full or closed disk says: a person can mend it.
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)


def disk_problem(error: BaseException) -> str | None:
    """Return the sentence about a disk that is full or closed, or None for any other error."""
    if isinstance(error, OSError) and error.errno in DISK_ERRORS:
        return f"The disk refused a write or a read ({error}); make room or grant access."
    return None


class Stopped(BaseException):
    """The work was asked to stop (SIGTERM, SIGINT).

    No Exception, because packages guard their optional imports with `except Exception`.
    """


def do_work(
    run_dir: Path,
    traces: Traces,
    name: str,
    work: Callable[[Report], dict[str, Any]],
    watch: Report = silent,
) -> dict[str, Any]:
    """Do `work` under the lock and return what it returned, which is the result file by then.

    name: what a sentence calls it ("The run"). An earlier result and error are removed first. Raises
    EngineError for what a person can mend, Stopped after SIGTERM or SIGINT, and anything else for a bug;
    each is written to the error file first.
    """
    if not run_dir.is_dir():
        raise EngineError(f"{run_dir} is no folder; a run directory holds config.toml and manifest.csv.")
    take_lock(run_dir, traces)
    with stop_signals(name) as check_stop:

        def report(event: str, /, **values: Any) -> None:
            check_stop()
            write_event(event, **values)

        write_event = event_writer(run_dir, watch)
        try:
            for file in (traces.result, traces.error):
                (run_dir / file).unlink(missing_ok=True)
            result = work(report)
            write_json(run_dir / traces.result, result)
        except Stopped as stop:
            _fail(run_dir, traces, "Stopped", str(stop))
            raise
        except EngineError as error:
            _fail(run_dir, traces, "EngineError", str(error))
            raise
        except BaseException as error:
            problem = disk_problem(error)
            if problem is not None:
                _fail(run_dir, traces, "EngineError", problem)
                raise EngineError(problem) from error
            _fail(run_dir, traces, "Bug", f"{type(error).__name__}: {error}", traceback.format_exc())
            raise
        release_lock(run_dir, traces)
    return result


def _fail(run_dir: Path, traces: Traces, kind: str, message: str, trace: str = "") -> None:
    if threading.current_thread() is threading.main_thread():
        # As soon as one of several processes is gone torchrun stops the others: not in the middle of this.
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_IGN)
    # The lock goes last: should the words not reach the disk, the work reads as lost.
    write_json(
        run_dir / traces.error,
        {"kind": kind, "message": message, **({"traceback": trace} if trace else {})},
    )
    release_lock(run_dir, traces)


@contextmanager
def stop_signals(name: str) -> Iterator[Callable[[], None]]:
    """Turn the first SIGTERM or SIGINT into Stopped; yield a function that raises it once more.

    Some library may have swallowed it. Later signals are ignored, so that none interrupts the writing of
    the last word. Only a main thread receives signals.
    """
    asked: list[str] = []

    def check() -> None:
        if asked:
            raise Stopped(f"{name} was stopped ({asked[0]}); start it again to go on.")

    def stop(number: int, frame: FrameType | None) -> None:
        if not asked:
            asked.append(signal.Signals(number).name)
            check()

    if threading.current_thread() is not threading.main_thread():
        yield check
        return
    before = {each: signal.signal(each, stop) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield check
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
