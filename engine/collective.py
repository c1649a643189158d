"""What the processes of one run tell each other: JSON values, sums of tensors, rows that each has a part of.

Alone, each function returns what it was given. The process group and who is in it: `engine.distributed`.

No DistributedDataParallel, though design §10 names it: it wraps a module and divides its gradient by the
number of processes, but what learns here are plain tensors under a function, and each term of a loss is
divided by how many samples count for it in the whole batch, which no process knows by itself. One sum over
all gradients in one buffer says the same in one call (`engine.gradients`).
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.distributed import finish, team
from engine.errors import EngineError

if TYPE_CHECKING:
    import torch

SLOT = 4096  # bytes; what the processes tell each other in a step fits into it
SAME_DISK = "all computers need the same run directory, images and cache, on a disk that they share"


def exchange(value: Any) -> list[Any]:
    """Return the value of every process, by rank; a JSON value, NaN among them."""
    if team().size == 1:
        return [value]
    import torch  # noqa: PLC0415

    data = json.dumps(value).encode("ascii")
    frame, slot = len(data).to_bytes(8, "little") + data, SLOT
    while True:
        own = torch.zeros(slot, dtype=torch.uint8)
        part = np.frombuffer(frame, dtype=np.uint8)[:slot]
        own[: len(part)] = torch.from_numpy(part.copy())
        frames = [row.tobytes() for row in _gathered(own).numpy()]
        lengths = [int.from_bytes(each[:8], "little") for each in frames]
        if max(lengths) + 8 <= slot:
            return [json.loads(each[8 : 8 + n]) for each, n in zip(frames, lengths, strict=True)]
        slot = max(lengths) + 8


def agree(what: str, value: Any, mend: str = SAME_DISK) -> None:
    """Raise EngineError where `value`, a JSON value, is not the same in all processes."""
    values = exchange(value)
    if any(each != values[0] for each in values):
        rank = next(rank for rank, each in enumerate(values) if each != values[0])
        raise EngineError(
            f"Process 0 and process {rank} of this run differ in {what} ({values[0]}, {values[rank]}); "
            f"{mend}."
        )


def share(rows: np.ndarray) -> np.ndarray:
    """Return this process's part of a batch, every size-th row: each part is as mixed as the whole."""
    return rows[team().rank :: team().size]


def added_up(tensor: "torch.Tensor") -> "torch.Tensor":
    """Return the sum of a tensor over the processes; the same bits in each of them."""
    if team().size == 1:
        return tensor
    import torch.distributed as dist  # noqa: PLC0415

    there = _sendable(tensor)
    finish(dist.all_reduce(there, async_op=True))
    return there.to(tensor.device)


def take_from_first(tensors: Sequence["torch.Tensor"]) -> None:
    """Give every tensor the values that it has in the first process."""
    if team().size == 1:
        return
    import torch.distributed as dist  # noqa: PLC0415

    for tensor in tensors:
        there = _sendable(tensor.detach())
        finish(dist.broadcast(there, src=0, async_op=True))
        tensor.detach().copy_(there)


def batches_of_first(batches: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
    """Return the batches of the first process: one batch more in one of them, and the others would wait."""
    if team().size == 1:
        return batches
    import torch  # noqa: PLC0415

    lengths = exchange([len(each) for each in batches])[0]
    rows = np.zeros(sum(lengths), dtype=np.int64)
    if team().is_first and lengths:
        rows[:] = np.concatenate(batches)
    take_from_first([torch.from_numpy(rows)])
    return np.split(rows, np.cumsum(lengths)[:-1]) if lengths else []


def part(count: int, rank: int | None = None) -> slice:
    """Return which of `count` rows in their order a process works on: neighbours, equally many ± 1.

    rank: of the process, by default this one.
    """
    rank, size = team().rank if rank is None else rank, team().size
    return slice(count * rank // size, count * (rank + 1) // size)


def gathered_rows(batches: Sequence[np.ndarray], count: int) -> np.ndarray:
    """Return `count` ≥ 1 rows, (count, …), from the batches of rows that make up each process's `part`."""
    if team().size == 1:
        return np.concatenate(batches)
    import torch  # noqa: PLC0415

    # With few rows a process has none, and does not know what they look like.
    looks = exchange([list(batches[0].shape[1:]), batches[0].dtype.str] if len(batches) else None)
    shape, dtype = next(each for each in looks if each is not None)
    lengths = [len(range(count)[part(count, rank)]) for rank in range(team().size)]
    padded = np.zeros((max(lengths), *shape), dtype=dtype)
    if len(batches):
        np.concatenate(batches, out=padded[: lengths[team().rank]])
    found = _gathered(torch.from_numpy(padded)).numpy()
    return np.concatenate([each[:length] for each, length in zip(found, lengths, strict=True)])


def copies(tensors: Mapping[str, "torch.Tensor"]) -> dict[str, "torch.Tensor"]:
    """Return what `merge` needs to know of tensors before the processes change them; alone nothing."""
    return {name: value.clone() for name, value in tensors.items()} if team().size > 1 else {}


def merge(tensors: Mapping[str, "torch.Tensor"], before: Mapping[str, "torch.Tensor"]) -> None:
    """Give every process what any of them has changed, exactly; of several changes to one number the mean."""
    if team().size == 1:
        return
    import torch  # noqa: PLC0415

    for name, value in tensors.items():
        exact = value if value.is_floating_point() else value.double()
        is_changed = value != before[name]
        total = added_up(torch.where(is_changed, exact, torch.zeros_like(exact)))
        count = added_up(is_changed.to(exact.dtype))
        merged = torch.where(count > 0, total / count.clamp(min=1), exact)
        value.copy_(merged.to(value.dtype))


def _sendable(tensor: "torch.Tensor") -> "torch.Tensor":
    """Return a copy where gloo or nccl can reach it."""
    there = tensor if tensor.device.type in ("cpu", "cuda") else tensor.cpu()
    return there.clone().contiguous()


def _gathered(own: "torch.Tensor") -> "torch.Tensor":
    """Return the tensors of all processes, (size, *shape), each of the same shape and on the CPU."""
    import torch  # noqa: PLC0415
    import torch.distributed as dist  # noqa: PLC0415

    found = torch.empty((team().size * len(own), *own.shape[1:]), dtype=own.dtype)
    finish(dist.all_gather_into_tensor(found, own.contiguous(), async_op=True))
    return found.view(team().size, *own.shape)
