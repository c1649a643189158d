"""Several processes that do one run together, as `torchrun -m engine run RUN_DIR` starts them (design §10).

The first process holds the run directory: it alone writes, reports and has the last word. The others, its
helpers, go through the same code with the same seed and work their share of what takes long: of each batch
(`engine.gradients`) and of each pass over the pictures (`engine.scoring`). Without torchrun nobody else is
there, every function here returns at once, and torch.distributed is not even imported.

There is no DistributedDataParallel; `engine.collective` says why.

A process that waits looks up now and then: for signals, and for the last word of another, which every
process leaves in the store of torchrun before it goes. So all of them end when one does, and the first one
knows why. Small things travel over gloo on the CPU, tensors of a GPU over nccl.
"""

import json
import os
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from engine.errors import EngineError
from engine.lifecycle import Stopped

# A process that does its share of a step or of a block of pictures is never this late.
PATIENCE = timedelta(minutes=30)
JOINING = timedelta(minutes=5)
SECONDS_BETWEEN_LOOKS = 0.5
LINGERING = 20.0  # seconds, of a helper that has failed
LONGEST_PAUSE = 0.02
WORD, HEARD, HERE = "last word", "heard", "here"


@dataclass(frozen=True, kw_only=True)
class Team:
    """Which of `size` processes this one is. local_rank, local_size: the same on its own computer."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether it is the one that writes and speaks."""
        return self.rank == 0


ALONE = Team()


@dataclass
class _Group:
    """The team that this process has joined, and where its members meet."""

    team: Team = ALONE
    store: Any = None
    meetings: int = 0
    looked: float = 0.0


_group = _Group()


def asked() -> Team:
    """Return the team that torchrun has started this process for; alone without torchrun."""
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    # Clusters set some of these names for their own purposes; the run's id is torchrun's.
    if not all(name in os.environ for name in (*names, "TORCHELASTIC_RUN_ID")):
        return ALONE
    rank, size, local_rank, local_size = (int(os.environ[name]) for name in names)
    return Team(rank=rank, size=size, local_rank=local_rank, local_size=local_size) if size > 1 else ALONE


def team() -> Team:
    """Return the team that this process has joined."""
    return _group.team


@contextmanager
def joined() -> Iterator[None]:
    """Work in the team that torchrun has started, if any; nobody leaves before everybody is done.

    What is raised in one process ends all of them. The first raises what was raised first, wherever it was;
    a helper ends silently with status 1 where it is the first that has to say why.
    """
    place = asked()
    if place.size == 1:
        yield
        return
    _join(place)
    try:
        yield
        meet()
        _leave()
    except BaseException as error:
        # The group is left as it is: taking leave would wait for those who are stuck.
        try:
            cause = _first_cause(error)
        except Stopped:  # torchrun stops the others as soon as one is gone; it is heard once only
            cause = _first_cause(error)
        if not place.is_first:
            if cause is error and not isinstance(error, Stopped):
                _linger()
            if isinstance(cause, EngineError | Stopped):
                raise SystemExit(1) from None
        if cause is error:
            raise
        raise cause from error


def _join(place: Team) -> None:
    global _group
    import torch  # noqa: PLC0415 - seconds
    import torch.distributed as dist  # noqa: PLC0415 - only where there is a team
    from torch.distributed.rendezvous import rendezvous  # noqa: PLC0415

    try:
        store, _, _ = next(rendezvous("env://", timeout=JOINING))
        _group = _Group(team=place, store=store)
        # Not in init_process_group, where no signal gets through.
        meet()
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo",
            store=store,
            rank=place.rank,
            world_size=place.size,
            timeout=PATIENCE,
        )
    except (RuntimeError, ValueError, OSError) as error:
        _group = _Group()
        raise EngineError(
            f"The {place.size} processes of this run do not reach each other ({_first_line(error)}); look at "
            "the address that torchrun was given."
        ) from error


def _leave() -> None:
    global _group
    import torch.distributed as dist  # noqa: PLC0415 - only where there is a team

    _group = _Group()
    dist.destroy_process_group()


# -- waiting for each other ---------------------------------------------------------------------------


def meet() -> None:
    """Wait until every process is here. A helper waits for the first one as long as that takes."""
    if _group.team.size == 1:
        return
    _group.meetings += 1
    key, started = f"{HERE} {_group.meetings}", time.monotonic()
    try:
        _group.store.add(key, 1)
        while _group.store.add(key, 0) < _group.team.size:
            waited = time.monotonic() - started
            if _group.team.is_first and waited > PATIENCE.total_seconds():
                raise _silence()
            _look()
            time.sleep(min(LONGEST_PAUSE, 0.001 + 0.1 * waited))
    except RuntimeError as error:  # the store is gone, as its computer may be
        raise _silence() from error


@contextmanager
def after_the_first() -> Iterator[None]:
    """Let the first process through, and the helpers when it is out again."""
    if not _group.team.is_first:
        meet()
    yield
    if _group.team.is_first:
        meet()


def _look() -> None:
    """Raise EngineError where a process has said its last word; a signal is raised by Python itself."""
    now = time.monotonic()
    if now - _group.looked >= SECONDS_BETWEEN_LOOKS:
        _group.looked = now
        if _group.store.check([WORD]):
            raise _silence()


def finish(work: Any) -> None:
    """Wait for what the processes do together, a torch.distributed.Work; EngineError where one is gone."""
    started = time.monotonic()
    try:
        while not work.is_completed():
            _look()
            time.sleep(min(LONGEST_PAUSE, 5e-5 + 0.05 * (time.monotonic() - started)))
        work.wait()
    except RuntimeError as error:
        raise _silence() from error


def _silence() -> EngineError:
    return EngineError(
        f"One of the {_group.team.size} processes of this run is gone or does not answer; start the run "
        "again to go on."
    )


def _first_cause(error: BaseException) -> BaseException:
    """Leave `error` as the last word unless there is one already; return what the first word was."""
    kinds = {EngineError: "EngineError", Stopped: "Stopped"}
    own = {
        "rank": _group.team.rank,
        "kind": next((name for kind, name in kinds.items() if isinstance(error, kind)), "Bug"),
        "message": str(error),
        "name": type(error).__name__,
        "traceback": "".join(traceback.format_exception(error)),
    }
    try:
        word = json.loads(_group.store.compare_set(WORD, "", json.dumps(own)))
    except (RuntimeError, ValueError):  # the store is gone, as its computer may be
        return error
    if word["rank"] == _group.team.rank:
        return error
    if _group.team.is_first:
        _group.store.set(HEARD, "")
    if word["kind"] == "EngineError":
        return EngineError(word["message"])
    if word["kind"] == "Stopped":
        return Stopped(word["message"])
    bug = RuntimeError(f"in process {word['rank']}: {word['name']}: {word['message']}")
    bug.add_note(word["traceback"])
    return bug


def _linger() -> None:
    """Give the first process time to hear of it: torchrun stops it when this one is gone."""
    started = time.monotonic()
    with suppress(Stopped, RuntimeError):
        while time.monotonic() - started < LINGERING and not _group.store.check([HEARD]):
            time.sleep(LONGEST_PAUSE)


def _first_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__
