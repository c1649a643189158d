"""Wrong labels planted on purpose: the noise models of the papers (methods §10), and how one is named.

Each model is a pure function of the true labels, the number of classes, a rate and a seed, in
`engine.noise.uniform`, `.mapped` and `.instance`; it draws with NumPy's `RandomState`, whose numbers no
later version of NumPy changes. A label is *wrong* where it differs from the true one, which is not where one
was drawn: with `sym:0.8` and ten classes 72 % of the labels are wrong.
"""

import math
from dataclasses import dataclass

import numpy as np

from engine.errors import EngineError
from engine.noise import instance, mapped, uniform

KINDS = {
    "sym": "any class, the true one included",
    "sym_other": "any class but the true one",
    "pair": "the next class",
    "asym": "CIFAR-10's look-alikes, drawn among all samples",
    "asym_elr": "CIFAR-10's look-alikes, drawn in each class",
    "block5": "the next of five consecutive classes",
    "superclass": "the next class of the same super-class",
    "idn_xia": "by the image, a matrix per class",
    "idn_cheng": "by the image, one matrix",
}
HUMAN = "human"
MOST_SEED = 2**32 - 1


@dataclass(frozen=True, kw_only=True)
class Noise:
    """A noise model with its rate in [0, 1), or a label set that people made (`kind` is then "human").

    label_set: what `human` names, such as "worse"; else empty. rate: None for `human`.
    """

    kind: str
    rate: float | None = None
    label_set: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.label_set if self.rate is None else f'{self.rate:g}'}"

    @property
    def key(self) -> str:
        """What the label set is called in a file: noisy_sym40, human_worse."""
        if self.rate is None:
            return f"{HUMAN}_{self.label_set}"
        return f"noisy_{self.kind}{100 * self.rate:g}".replace(".", "_")


def parse_noise(text: str) -> Noise:
    """Return the noise that `text` names, such as "sym:0.4" or "human:worse"; else EngineError."""
    kind, _, value = (part.strip() for part in text.partition(":"))
    if kind == HUMAN:
        if not value:
            raise EngineError(f"--noise is {text!r}; it names a label set, as in human:worse.")
        return Noise(kind=kind, label_set=value)
    if kind not in KINDS:
        raise EngineError(f"There is no noise {kind!r}; known are {', '.join([*KINDS, HUMAN])}.")
    try:
        rate = float(value)
    except ValueError:
        raise EngineError(f"--noise is {text!r}; it has the form name:rate, as in {kind}:0.4.") from None
    _check_rate(rate, kind)
    return Noise(kind=kind, rate=rate)


def plant(
    noise: Noise,
    true: np.ndarray,
    n_classes: int,
    seed: int,
    *,
    images: np.ndarray | None = None,
    coarse: np.ndarray | None = None,
) -> np.ndarray:
    """Return the noisy labels, (N,) int64 in [0, K); the rows of a data set are in its own order.

    true: (N,) integers in [0, K), K ≥ 2. seed: 0 to 2³² − 1. images: uint8 (N, H, W, 3), for the two that
    look at the image. coarse: the super-class of each class, (K,) integers, for `superclass`. Rate 0 changes
    nothing. Raises EngineError for what a person can ask for wrongly; `human` is read, not planted.
    """
    true = np.asarray(true, dtype=np.int64)
    if noise.rate is None or noise.kind not in KINDS:
        raise EngineError(f"{noise} is no noise that can be planted; known are {', '.join(KINDS)}.")
    _check_rate(noise.rate, noise.kind)
    if n_classes < 2:
        raise EngineError(f"There are {n_classes} classes; a wrong label needs at least two.")
    if not 0 <= seed <= MOST_SEED:
        raise EngineError(f"--seed is {seed}; it is 0 to {MOST_SEED}.")
    if noise.rate == 0:
        # The two that look at the image spread their rates around the asked one, and so never stay at 0.
        return true.copy()
    if noise.kind.startswith("idn_"):
        return _by_image(noise, true, n_classes, seed, images)
    return _by_class(noise, true, n_classes, seed, coarse)


def _by_class(
    noise: Noise, true: np.ndarray, n_classes: int, seed: int, coarse: np.ndarray | None
) -> np.ndarray:
    rate = noise.rate or 0.0
    match noise.kind:
        case "sym":
            return uniform.symmetric(true, n_classes, rate, seed)
        case "sym_other":
            return uniform.symmetric(true, n_classes, rate, seed, include_true=False, exact_count=False)
        case "pair":
            return mapped.pair(true, n_classes, rate, seed)
        case "asym" | "asym_elr":
            return mapped.asym_cifar10(true, n_classes, rate, seed, per_class=noise.kind == "asym_elr")
        case "block5":
            return mapped.asym_block5(true, n_classes, rate, seed)
    if coarse is None:
        raise EngineError(f"{noise} needs super-classes, which CIFAR-100 has; take block5 or pair.")
    return mapped.asym_superclass(true, n_classes, rate, seed, coarse)


def _by_image(
    noise: Noise, true: np.ndarray, n_classes: int, seed: int, images: np.ndarray | None
) -> np.ndarray:
    if images is None:
        raise EngineError(f"{noise} depends on the images, and there are none; take sym or pair.")
    generate = instance.idn_xia if noise.kind == "idn_xia" else instance.idn_cheng
    return generate(true, n_classes, noise.rate or 0.0, seed, images)


def _check_rate(rate: float, kind: str) -> None:
    if not (math.isfinite(rate) and 0 <= rate < 1):
        raise EngineError(f"The rate of {kind} is {rate:g}; it is at least 0 and below 1, as in {kind}:0.4.")


def effective_rate(given: np.ndarray, true: np.ndarray) -> float:
    """Return the share of labels that are wrong, y ≠ y*; both (N,), N ≥ 1."""
    return float((np.asarray(given) != np.asarray(true)).mean())
