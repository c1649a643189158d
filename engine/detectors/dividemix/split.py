"""What DivideMix's epochs train on: the split of the labels, and the batches of both heads."""

from dataclasses import dataclass

import numpy as np
import torch

from engine.draws import Draws
from engine.mixture import scaled
from engine.selection import Judgement, given_losses, judge
from engine.settings import DividemixConfig

HEADS = (0, 1)
FALLBACK_SHARE = 0.05  # of each class, where a mixture trusts nobody


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of N samples. given: (N,) int in [0, K). is_settled: (N,) bool, by people."""

    given: np.ndarray
    n_classes: int
    is_settled: np.ndarray


class Losses:
    """The losses of both heads, averaged over the last epochs where the settings ask for it.

    memory: what belongs to the state of the training: "recent", (2, A − 1, N) float32, the losses of earlier
    epochs in [0, 1], the newest first, and "filled", how many epochs there were; nothing where A is 1.
    """

    def __init__(self, config: DividemixConfig, facts: Facts):
        self._config, self._facts = config, facts
        kept = config.averaged_epochs - 1
        self._recent = torch.zeros((len(HEADS), kept, len(facts.given)))
        self._filled = torch.zeros(1, dtype=torch.int64)
        self.memory = {"recent": self._recent, "filled": self._filled} if kept else {}

    def judge(self, logits_HNK: list[np.ndarray], *, keep: bool) -> list[Judgement]:
        """Return what each head says of the labels; keep: these losses count in later epochs, too."""
        facts, found = self._facts, []
        for head, logits_NK in enumerate(logits_HNK):
            losses = given_losses(logits_NK, facts.given)
            if self.memory:
                losses = self._averaged(head, losses, keep)
            found.append(
                judge(losses, logits_NK, facts.given, facts.is_settled, threshold=self._config.threshold)
            )
        self._filled += keep
        return found

    def _averaged(self, head: int, losses: np.ndarray, keep: bool) -> np.ndarray:
        unit_N = scaled(losses, ~self._facts.is_settled)
        newest_1N = torch.zeros(1, len(losses)) if unit_N is None else torch.from_numpy(unit_N).float()[None]
        recent_AN = torch.cat([newest_1N, self._recent[head]])
        if keep:
            self._recent[head] = recent_AN[:-1]
        return recent_AN[: int(self._filled) + 1].mean(dim=0).numpy()


@dataclass(frozen=True, kw_only=True)
class Split:
    """What an epoch of co-divided training knows. weight: w that each head trains with, (2, N) float32, of
    the other one. done: (2, N) float32, the share of the epoch that is over at a labelled sample's step.
    selected: of each head, the share of the undecided that it trusts."""

    weight: np.ndarray
    done: np.ndarray
    selected: tuple[float, float]


def encode(rows: np.ndarray, n: int, head: int, is_labelled: bool) -> np.ndarray:
    """Return rows of [0, N) as one batch's numbers, which also say of which head and side they are."""
    return rows + n * (2 * head + (not is_labelled))


def decode(batch: np.ndarray, n: int) -> tuple[int, np.ndarray, np.ndarray]:
    """Return the head and the labelled and unlabelled rows of a batch."""
    rows, part = batch % n, batch // n
    return int(part[0] // 2), rows[part % 2 == 0], rows[part % 2 == 1]


def warm_batches(draws: Draws, n: int, epoch: int, batch_size: int) -> list[np.ndarray]:
    """Return the batches of an epoch in which every label is trusted, those of head A first."""
    batches = []
    for head in HEADS:
        order = _order(draws, head, epoch)
        batches += [
            encode(order[start : start + batch_size], n, head, True) for start in range(0, n, batch_size)
        ]
    return batches


def split_batches(
    found: list[Judgement], facts: Facts, draws: Draws, epoch: int, batch_size: int
) -> tuple[list[np.ndarray], Split]:
    """Return the batches of a co-divided epoch, those of head A first, and what its steps have to know.

    found: what each head says of the labels; each trains with what the other says. A step has `batch_size`
    labelled and as many unlabelled samples; the labelled ones are gone through once.
    """
    n, batches, selected = len(facts.given), [], []
    weight, done = np.zeros((2, len(HEADS), n), dtype=np.float32)
    for head in HEADS:
        other = found[1 - head]
        weight[head] = other.weight
        is_labelled = labelled(other, facts)
        selected.append(
            float((is_labelled & ~facts.is_settled).sum()) / max(int((~facts.is_settled).sum()), 1)
        )
        order = _order(draws, head, epoch)
        with_label, without = order[is_labelled[order]], order[~is_labelled[order]]
        n_steps = -(-len(with_label) // batch_size)
        for step in range(n_steps):
            mine = with_label[step * batch_size : (step + 1) * batch_size]
            done[head, mine] = step / n_steps
            parts = [encode(mine, n, head, True)]
            if len(without):
                place = step * batch_size + np.arange(min(batch_size, len(without)))
                parts.append(encode(without[place % len(without)], n, head, False))
            batches.append(np.concatenate(parts))
    return batches, Split(weight=weight, done=done, selected=(selected[0], selected[1]))


def labelled(found: Judgement, facts: Facts) -> np.ndarray:
    """Return whose label is trusted, (N,) bool; where nobody's is, the best twentieth of each class."""
    is_labelled = found.is_selected | facts.is_settled
    if is_labelled.any():
        return is_labelled
    for k in range(facts.n_classes):
        rows = np.flatnonzero(facts.given == k)
        count = int(np.ceil(FALLBACK_SHARE * len(rows)))
        is_labelled[rows[np.argsort(-found.weight[rows], kind="stable")[:count]]] = True
    return is_labelled


def _order(draws: Draws, head: int, epoch: int) -> np.ndarray:
    return np.argsort(draws.uniform(f"order {head}", epoch), kind="stable")
