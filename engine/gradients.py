"""The gradient of a batch's loss: of the whole at once, in pieces where the memory is small, over processes.

A loss is a sum of terms, and a term the sum over its samples divided by how many count for it. That number
is known only when the whole batch has been seen. So each part of a batch gives sums, and what they are
divided by comes afterwards: over several processes they first tell each other their sums and numbers, then
each divides its own, and one sum over all gradients in one buffer gives every process those of the batch.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
import torch

from engine import collective, distributed

Sums = dict[str, tuple[float, float]]
Gradients = list[torch.Tensor | None]
"""One for each parameter; None where the loss does not depend on it."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a detector makes of some rows.

    losses: name → (sum over samples, 0-d float32 with gradient; how many samples count). The loss is the sum
    of sum/max(count, 1) over the terms: a term that no sample counts for is 0 and not NaN. shares: name →
    (how many, of how many), for the curves. What is no sum over samples, such as a quota of a batch, belongs
    to the part of the batch that was given: with several processes, or too little memory, to each part.
    """

    losses: Mapping[str, tuple[torch.Tensor, float]]
    shares: Mapping[str, tuple[float, float]] = field(default_factory=dict)


TermsOf = Callable[[np.ndarray, int], Terms]
"""The loss of a detector: one of its batches, (B,) int64, and the epoch, 1-based → its terms."""


@dataclass(frozen=True, kw_only=True)
class _Worked:
    """The terms of some rows without their graph, and their gradient once it is known what divides them."""

    found: Terms
    gradients_by: Callable[[Mapping[str, float]], Gradients]


def gradients_of(
    parameters: Sequence[torch.Tensor], terms_of: TermsOf, batch: np.ndarray, epoch: int, pieces: int
) -> tuple[Gradients, Terms] | None:
    """Return the gradient of the batch's loss for each parameter, and its terms without their graph.

    pieces: in how many parts each process works its share of the batch. None where the memory of any of them
    was too small for that.
    """
    if distributed.team().size > 1:
        return _together(parameters, terms_of, batch, epoch, pieces)
    try:
        worked = _work(parameters, terms_of, batch, epoch, pieces)
        counts = {name: count for name, (_, count) in worked.found.losses.items()}
        return worked.gradients_by(counts), worked.found
    except RuntimeError as error:  # torch.OutOfMemoryError is one
        if not _is_out_of_memory(error):
            raise
        return None


def add_sums(sums: Sums, more: Mapping[str, tuple[float, float]]) -> None:
    """Add (sum, count) to those of the same name."""
    for name, (value, count) in more.items():
        before = sums.get(name, (0.0, 0.0))
        sums[name] = (before[0] + value, before[1] + count)


def _work(
    parameters: Sequence[torch.Tensor], terms_of: TermsOf, rows: np.ndarray, epoch: int, pieces: int
) -> _Worked:
    if pieces > 1 or not len(rows):
        return _work_pieces(parameters, terms_of, rows, epoch, pieces)
    found = terms_of(rows, epoch)

    def gradients_by(counts: Mapping[str, float]) -> Gradients:
        total = sum(value / max(counts[name], 1.0) for name, (value, _) in found.losses.items())
        if not isinstance(total, torch.Tensor) or not total.requires_grad:
            return [None] * len(parameters)
        return list(torch.autograd.grad(total, parameters, allow_unused=True))

    losses = {name: (value.detach(), count) for name, (value, count) in found.losses.items()}
    return _Worked(found=Terms(losses=losses, shares=found.shares), gradients_by=gradients_by)


def _work_pieces(
    parameters: Sequence[torch.Tensor], terms_of: TermsOf, rows: np.ndarray, epoch: int, pieces: int
) -> _Worked:
    """Sum each term by itself, so that no piece's graph outlives it."""
    parts: dict[str, Gradients] = {}
    sums: Sums = {}
    shares: Sums = {}
    for piece in np.array_split(rows, pieces):
        if not len(piece):
            continue
        found = terms_of(piece, epoch)
        for number, (name, (value, count)) in enumerate(found.losses.items(), start=1):
            last = number == len(found.losses)
            gradients = (
                torch.autograd.grad(value, parameters, allow_unused=True, retain_graph=not last)
                if value.requires_grad
                else [None] * len(parameters)
            )
            parts[name] = _added(parts.get(name), list(gradients))
            add_sums(sums, {name: (float(value.detach()), count)})
        add_sums(shares, found.shares)

    def gradients_by(counts: Mapping[str, float]) -> Gradients:
        total: Gradients | None = None
        for name, gradients in parts.items():
            divisor = max(counts[name], 1.0)
            total = _added(total, [None if each is None else each / divisor for each in gradients])
        return total or [None] * len(parameters)

    return _Worked(found=_as_terms(sums, shares), gradients_by=gradients_by)


def _together(
    parameters: Sequence[torch.Tensor], terms_of: TermsOf, batch: np.ndarray, epoch: int, pieces: int
) -> tuple[Gradients, Terms] | None:
    """Work this process's share of the batch and add up what all have found, the same bits in each.

    Two messages a step: the sums, which are small, and the gradients. A process whose memory was too small
    says so in them, since the others would wait for it.
    """
    worked = gradients = None
    try:
        worked = _work(parameters, terms_of, collective.share(batch), epoch, pieces)
    except RuntimeError as error:
        if not _is_out_of_memory(error):
            raise
    told = collective.exchange(None if worked is None else _told(worked.found))
    if worked is None or None in told:
        return None
    sums: Sums = {}
    shares: Sums = {}
    for each in told:
        add_sums(sums, each["losses"])
        add_sums(shares, each["shares"])
    try:
        gradients = worked.gradients_by({name: count for name, (_, count) in sums.items()})
    except RuntimeError as error:
        if not _is_out_of_memory(error):
            raise
    added = _added_up(parameters, gradients)
    return None if added is None else (added, _as_terms(sums, shares))


def _told(found: Terms) -> dict[str, Sums]:
    losses = {name: (float(value), float(count)) for name, (value, count) in found.losses.items()}
    shares = {name: (float(value), float(count)) for name, (value, count) in found.shares.items()}
    return {"losses": losses, "shares": shares}


def _added_up(parameters: Sequence[torch.Tensor], gradients: Gradients | None) -> Gradients | None:
    """Return the sum of the gradients of all processes; None where any of them has none to give.

    One buffer: the gradients, then for each how many processes have it, then how many gave up.
    """
    dtype = reduce(torch.promote_types, (each.dtype for each in parameters))
    given = gradients or [None] * len(parameters)
    parts = [
        (torch.zeros_like(parameter) if gradient is None else gradient).detach().to(dtype).flatten()
        for parameter, gradient in zip(parameters, given, strict=True)
    ]
    marks = [*(each is not None for each in given), gradients is None]
    parts.append(torch.tensor(marks, dtype=dtype, device=parameters[0].device))
    *sums, marks_P = collective.added_up(torch.cat(parts)).split([len(each) for each in parts])
    *have, gave_up = marks_P.tolist()
    if gave_up:
        return None
    return [
        each.view_as(parameter).to(parameter.dtype) if count else None
        for each, parameter, count in zip(sums, parameters, have, strict=True)
    ]


def _as_terms(sums: Sums, shares: Sums) -> Terms:
    losses = {
        name: (torch.tensor(value, dtype=torch.float64), count) for name, (value, count) in sums.items()
    }
    return Terms(losses=losses, shares=shares)


def _added(left: Gradients | None, right: Gradients) -> Gradients:
    if left is None:
        return right
    pairs = zip(left, right, strict=True)
    return [b if a is None else a if b is None else a + b for a, b in pairs]


def _is_out_of_memory(error: BaseException) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
