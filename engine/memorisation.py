"""What a model makes of its own training images: right, wrong, or the wrong label learnt by heart.

The categories of AVL-Prompter's tables 7 and 8 and of its figure 3 (methods §11): the class that a model
gives an image that it was trained on, evaluation view, is compared with the true and with the given label.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Memorisation:
    """Counts of samples, by whether the given label is the true one.

    Right labels: clean_correct, the model says so too; clean_wrong, it does not. Wrong labels: noisy_correct,
    the model names the true class all the same; noisy_memorised, it repeats the given one; noisy_wrong,
    neither. The first two add up to the number of right labels, the others to that of the wrong ones.
    """

    clean_correct: int
    clean_wrong: int
    noisy_correct: int
    noisy_memorised: int
    noisy_wrong: int

    def shares(self) -> dict[str, float | None]:
        """Return each count over the right or the wrong labels, in [0, 1]; None where there are none."""
        n_clean = self.clean_correct + self.clean_wrong
        n_noisy = self.noisy_correct + self.noisy_memorised + self.noisy_wrong
        totals = {name: n_clean if name.startswith("clean") else n_noisy for name in vars(self)}
        return {name: count / totals[name] if totals[name] else None for name, count in vars(self).items()}


@dataclass(frozen=True, kw_only=True)
class BestAndFinal:
    """The model of the epoch with the best test accuracy, and that of the last epoch.

    best_epoch is 1-based. Which epoch is the best is read off the test data, so nobody who has none can stop
    there; `final` is what a run leaves.
    """

    best_epoch: int
    best_on_test: Memorisation
    final: Memorisation


def memorisation(predicted: np.ndarray, given: np.ndarray, true: np.ndarray) -> Memorisation:
    """Return the counts for one model; all (N,) int, class indices."""
    if not predicted.shape == given.shape == true.shape or predicted.ndim != 1:
        raise ValueError(
            f"predicted is {predicted.shape}, given {given.shape}, true {true.shape}; all have to be (N,)."
        )
    is_clean, is_correct = given == true, predicted == true
    is_repeated = predicted == given
    return Memorisation(
        clean_correct=int((is_clean & is_correct).sum()),
        clean_wrong=int((is_clean & ~is_correct).sum()),
        noisy_correct=int((~is_clean & is_correct).sum()),
        noisy_memorised=int((~is_clean & is_repeated).sum()),
        noisy_wrong=int((~is_clean & ~is_correct & ~is_repeated).sum()),
    )


def best_and_final(
    predicted_EN: Sequence[np.ndarray], test_accuracy_E: Sequence[float], given: np.ndarray, true: np.ndarray
) -> BestAndFinal:
    """Return both tables from the predictions after each of E ≥ 1 epochs; of equal ones the first is best."""
    if len(predicted_EN) != len(test_accuracy_E) or not len(predicted_EN):
        raise ValueError(
            f"There are predictions of {len(predicted_EN)} epochs and {len(test_accuracy_E)} accuracies; "
            "each epoch needs both, and one epoch at least."
        )
    best = int(np.argmax(test_accuracy_E))
    return BestAndFinal(
        best_epoch=best + 1,
        best_on_test=memorisation(predicted_EN[best], given, true),
        final=memorisation(predicted_EN[-1], given, true),
    )
