"""What the steps of an AVL-Prompter epoch look at (methods §7.2, §7.4).

A step is one of one network: a batch of samples whose label its peer trusts, and as many of the others. The
training loop takes a step for an array of numbers, so each says all of its sample: the row, the network, the
side, and how often the epoch has looked at it before, for the samples that it looks at again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.draws import Draws

NETWORKS = (0, 1)  # A and B


@dataclass(frozen=True, kw_only=True)
class Side:
    """Some samples of a step. rows: (B,) int64 of the manifest. visits: (B,) int64, how many came before."""

    rows: np.ndarray
    visits: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, kw_only=True)
class Step:
    """What one step looks at. network: 0 for A, 1 for B."""

    network: int
    labelled: Side
    unlabelled: Side


def encode(step: Step, n: int) -> np.ndarray:
    """Return a step of N samples as one array, (B,) int64.

    Both sides are shuffled into each other, always in the same way: where the memory is small, or several
    processes share the work, each part of the array has its share of both.
    """
    sides = (step.labelled, step.unlabelled)
    numbers = [
        (4 * side.visits + 2 * step.network + which) * n + side.rows for which, side in enumerate(sides)
    ]
    both = np.concatenate(numbers)
    return both[np.random.default_rng(0).permutation(len(both))]


def decode(numbers: np.ndarray, n: int) -> Step:
    """Return the step that an array, or a part of it, stands for; it has one number at least."""
    kind, rows = np.divmod(numbers, n)
    visits, network, which = kind // 4, kind // 2 % 2, kind % 2
    sides = [Side(rows=rows[which == side], visits=visits[which == side]) for side in (0, 1)]
    return Step(network=int(network[0]), labelled=sides[0], unlabelled=sides[1])


def steps_of(
    is_labelled: Sequence[np.ndarray], draws: Draws, epoch: int, batch_size: int
) -> list[np.ndarray]:
    """Return the steps of both networks, in turn, as arrays.

    is_labelled: for A and for B, (N,) bool, whose label it trains with. Each goes through those once; the
    others begin anew as often as needed. Neither network looks at the other within an epoch, so that it does
    not matter whose step comes first; in turn, the rates of both fall alike.
    """
    n, found = len(is_labelled[0]), []
    for network in NETWORKS:
        order = np.argsort(draws.uniform(f"order {network}", epoch), kind="stable")
        with_label, without = (
            order[chosen[order]] for chosen in (is_labelled[network], ~is_labelled[network])
        )
        n_steps = -(-len(with_label) // batch_size)
        for number in range(n_steps):
            mine = with_label[number * batch_size : (number + 1) * batch_size]
            step = Step(
                network=network,
                labelled=Side(rows=mine, visits=np.zeros_like(mine)),
                unlabelled=_again(without, number, batch_size),
            )
            found.append(((number + 0.5) / n_steps, network, encode(step, n)))
    return [numbers for _, _, numbers in sorted(found, key=lambda each: each[:2])]


def _again(rows: np.ndarray, number: int, batch_size: int) -> Side:
    """Return the batch of this number, of rows that begin anew when all had their turn; none twice in it."""
    size = min(batch_size, len(rows))
    place = number * size + np.arange(size)
    visits, at = np.divmod(place, max(len(rows), 1))
    return Side(rows=rows[at], visits=visits)
