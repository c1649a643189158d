"""The training loop of every detector that trains: epochs of steps, with a state that can be taken up again.

A detector gives its parameters and a function from the rows of a batch to the terms of its loss. Everything
random belongs to (seed, epoch, sample), so the state after an epoch is what `engine.checkpoint` keeps: the
parameters, the optimiser's buffers and the number of the epoch. On one device a resumed run therefore ends
bit for bit where an uninterrupted one would have.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch

from engine import collective, distributed
from engine.checkpoint import Checkpoint, Progress
from engine.errors import EngineError
from engine.gradients import Sums, Terms, TermsOf, add_sums, gradients_of
from engine.progress import Report


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How parameters are trained. momentum: of SGD; the other optimisers have their own constants.

    shares: parameters whose names begin so learn at this share of the rate, the longest beginning counts.
    longest_gradient: the gradient of each parameter is shortened to this length where it is longer, and
    longest_step: all of them together; 0: never. is_smooth: the cosine falls with every step, not epoch.
    """

    epochs: int
    learning_rate: float
    schedule: Literal["cosine", "constant"] = "cosine"
    is_smooth: bool = False
    optimiser: Literal["sgd", "adamw", "rprop"] = "sgd"
    momentum: float = 0.9
    weight_decay: float = 0.0
    shares: Mapping[str, float] = field(default_factory=dict)
    longest_gradient: float = 0.0
    longest_step: float = 0.0

    def rate(self, epoch: int, done: float = 0.0) -> float:
        """Return the learning rate of an epoch, 1-based; cosine: lr/2·(1 + cos(π(e − 1)/E)).

        done: share of the epoch that is over, for a plan that `is_smooth`.
        """
        if self.schedule == "constant":
            return self.learning_rate
        passed = epoch - 1 + (done if self.is_smooth else 0.0)
        return 0.5 * self.learning_rate * (1.0 + math.cos(math.pi * passed / self.epochs))

    def share(self, name: str) -> float:
        """Return the share of the rate at which the parameter `name` learns."""
        known = [prefix for prefix in self.shares if name.startswith(prefix)]
        return self.shares[max(known, key=len)] if known else 1.0


BatchesOf = Callable[[int], Sequence[np.ndarray]]
"""What the steps of an epoch, 1-based, look at: arrays (B,) int64, mostly rows of the manifest. It is asked
when the epoch begins, so it may look at the parameters to choose."""

RPROP_STEPS = (1e-7, 1e-3)


def split(rows: np.ndarray, batch_size: int) -> list[np.ndarray]:
    """Return rows in batches; the last one may have fewer."""
    return [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]


def train(
    parameters: Mapping[str, torch.Tensor],
    terms_of: TermsOf,
    batches_of: BatchesOf,
    plan: Plan,
    checkpoint: Checkpoint | None,
    report: Report,
    *,
    memory: Mapping[str, torch.Tensor] | None = None,
    figures_of: Callable[[int], Mapping[str, float]] | None = None,
) -> tuple[Progress, ...]:
    """Train `parameters` in place and return the history, one `Progress` an epoch.

    Goes on after the last epoch that `checkpoint` holds; None: nothing is kept. memory: tensors that the
    loss changes in place, kept with the parameters: only the rows of its samples, and from where they stood
    when the epoch began, since a batch may be worked twice. figures_of: what the curves show of the state
    after an epoch. A batch that does not fit into the memory is worked in halves from then on, with the same
    result up to rounding, and that is said; so several processes work each batch together. Raises EngineError
    for a loss that is no number, before the parameters are touched by it.
    """
    optimiser = _optimiser(parameters, plan)
    memory = memory or {}
    kept = {**parameters, **{f"memory.{name}": value for name, value in memory.items()}}
    history = list(checkpoint.load(kept, optimiser)) if checkpoint else []
    collective.take_from_first(list(kept.values()))
    if history:
        report("resumed", epoch=len(history))
    clock = _Clock(report, plan.epochs, len(history))
    pieces = 1
    for epoch in range(len(history) + 1, plan.epochs + 1):
        started, totals = time.monotonic(), _Totals()
        batches = collective.batches_of_first(batches_of(epoch))
        before = collective.copies(memory)
        for step, batch in enumerate(batches):
            for group in optimiser.param_groups:
                group["lr"] = plan.rate(epoch, step / len(batches)) * group["share"]
            pieces = _step(parameters, optimiser, terms_of, batch, epoch, pieces, totals, plan, report)
            if not totals.is_finite():
                good = f"epoch {len(history)}" if history else "none"
                raise EngineError(
                    f"The loss is no number any more (epoch {epoch}, step {step + 1} of {len(batches)}; last "
                    f"good checkpoint: {good}); start a run with a learning rate below "
                    f"{plan.learning_rate:g}."
                )
            clock.tick(epoch, step + 1, len(batches))
        collective.merge(memory, before)
        figures = dict(figures_of(epoch)) if figures_of else {}
        history.append(totals.progress(epoch, plan, time.monotonic() - started, figures))
        if checkpoint:
            checkpoint.save(kept, optimiser, history)
        report("epoch", of=plan.epochs, **history[-1].model_dump())
    return tuple(history)


def _optimiser(parameters: Mapping[str, torch.Tensor], plan: Plan) -> torch.optim.Optimizer:
    """Return the optimiser of a plan, with one group for each parameter; "share" is ours."""
    groups = [{"params": [value], "share": plan.share(name)} for name, value in parameters.items()]
    if plan.optimiser == "adamw":
        return torch.optim.AdamW(groups, lr=plan.learning_rate, weight_decay=plan.weight_decay)
    if plan.optimiser == "rprop":
        # The rate is the first step of every weight; steps may not grow beyond what CLIP survives (§7.4).
        return torch.optim.Rprop(groups, lr=plan.learning_rate, step_sizes=RPROP_STEPS)
    return torch.optim.SGD(
        groups, lr=plan.learning_rate, momentum=plan.momentum, weight_decay=plan.weight_decay
    )


def _step(
    parameters: Mapping[str, torch.Tensor],
    optimiser: torch.optim.Optimizer,
    terms_of: TermsOf,
    batch: np.ndarray,
    epoch: int,
    pieces: int,
    totals: "_Totals",
    plan: Plan,
    report: Report,
) -> int:
    """Do one optimiser step unless the loss is no number; return in how many pieces it was worked."""
    size = distributed.team().size
    longest = -(-len(batch) // size)
    while (worked := gradients_of(list(parameters.values()), terms_of, batch, epoch, pieces)) is None:
        if pieces >= longest:
            raise EngineError(
                "A single image does not fit into the memory of the device; close other programs or "
                "take a smaller backbone."
            )
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        pieces = min(2 * pieces, longest)
        parts = f"{pieces * size} parts"
        report("note", message=f"The memory was too small; each batch is now worked in {parts}.")
    gradients, found = worked
    totals.add(found)
    if totals.is_finite():
        for parameter, gradient in zip(parameters.values(), gradients, strict=True):
            parameter.grad = gradient
            if gradient is not None and plan.longest_gradient:
                torch.nn.utils.clip_grad_norm_(parameter, plan.longest_gradient)
        if plan.longest_step:
            torch.nn.utils.clip_grad_norm_(parameters.values(), plan.longest_step)
        optimiser.step()
    return pieces


class _Totals:
    """What an epoch adds up."""

    def __init__(self) -> None:
        self._losses: Sums = {}
        self._shares: Sums = {}
        self._last = 0.0

    def add(self, found: Terms) -> None:
        losses = {name: (float(value), count) for name, (value, count) in found.losses.items()}
        self._last = sum(value / max(count, 1.0) for value, count in losses.values())
        add_sums(self._losses, losses)
        add_sums(self._shares, found.shares)

    def is_finite(self) -> bool:
        return math.isfinite(self._last)

    def progress(self, epoch: int, plan: Plan, seconds: float, figures: dict[str, float]) -> Progress:
        losses = {name: value / max(count, 1.0) for name, (value, count) in self._losses.items()}
        shares = {name: value / count if count else None for name, (value, count) in self._shares.items()}
        return Progress(
            epoch=epoch,
            loss=sum(losses.values()),
            losses=losses,
            learning_rate=plan.rate(epoch),
            seconds=round(seconds, 3),
            selected=shares.get("selected"),
            agreement=shares.get("agreement"),
            figures=figures,
        )


class _Clock:
    """Tells how far the training is, and how many seconds are left at the speed so far."""

    def __init__(self, report: Report, epochs: int, done: int) -> None:
        self._report, self._epochs, self._before = report, epochs, done
        self._started = time.monotonic()

    def tick(self, epoch: int, step: int, steps: int) -> None:
        done, total = (epoch - 1) * steps + step, self._epochs * steps
        here = done - self._before * steps
        left = (time.monotonic() - self._started) / here * (total - done)
        self._report("progress", stage="training", done=done, of=total, seconds_left=round(left, 1))
