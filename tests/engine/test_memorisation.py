"""Right, wrong, or the wrong label learnt by heart."""

import numpy as np
import pytest

from engine.memorisation import Memorisation, best_and_final, memorisation

TRUE = np.asarray([0, 0, 1, 1, 2, 2, 0])
GIVEN = np.asarray([0, 0, 1, 2, 0, 1, 1])


def test_every_sample_is_in_one_category():
    predicted = np.asarray([0, 1, 1, 1, 0, 0, 1])
    # Right labels at 0, 1, 2: two repeated. Wrong ones: 3 seen through, 4 and 6 repeated, 5 neither.
    found = memorisation(predicted, GIVEN, TRUE)
    assert found == Memorisation(
        clean_correct=2, clean_wrong=1, noisy_correct=1, noisy_memorised=2, noisy_wrong=1
    )
    assert found.shares() == {
        "clean_correct": 2 / 3, "clean_wrong": 1 / 3,
        "noisy_correct": 1 / 4, "noisy_memorised": 2 / 4, "noisy_wrong": 1 / 4,
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_the_counts_add_up_to_right_and_wrong_labels_and_equal_a_plain_loop(seed):
    rng = np.random.default_rng(seed)
    predicted, given, true = rng.integers(0, 4, (3, 500))
    found = memorisation(predicted, given, true)
    n_clean = int((given == true).sum())
    assert found.clean_correct + found.clean_wrong == n_clean
    assert found.noisy_correct + found.noisy_memorised + found.noisy_wrong == 500 - n_clean
    counts = dict.fromkeys(vars(found), 0)
    for says, label, truth in zip(predicted, given, true, strict=True):
        if label == truth:
            counts["clean_correct" if says == truth else "clean_wrong"] += 1
        elif says == truth:
            counts["noisy_correct"] += 1
        else:
            counts["noisy_memorised" if says == label else "noisy_wrong"] += 1
    assert vars(found) == counts


def test_a_model_that_repeats_its_labels_and_one_that_knows():
    repeated, knowing = memorisation(GIVEN, GIVEN, TRUE), memorisation(TRUE, GIVEN, TRUE)
    assert (repeated.clean_correct, repeated.noisy_memorised) == (3, 4)
    assert (knowing.clean_correct, knowing.noisy_correct) == (3, 4)
    assert repeated.clean_wrong == repeated.noisy_wrong == knowing.clean_wrong == knowing.noisy_wrong == 0


def test_with_two_classes_no_answer_is_neither():
    rng = np.random.default_rng(0)
    predicted, given, true = rng.integers(0, 2, (3, 100))
    assert memorisation(predicted, given, true).noisy_wrong == 0


def test_without_wrong_labels_their_shares_are_undefined():
    found = memorisation(np.asarray([0, 0]), np.asarray([0, 1]), np.asarray([0, 1]))
    assert (found.clean_correct, found.clean_wrong) == (1, 1)
    assert found.shares() == {
        "clean_correct": 0.5, "clean_wrong": 0.5,
        "noisy_correct": None, "noisy_memorised": None, "noisy_wrong": None,
    }  # fmt: skip


def test_the_best_model_is_named_by_the_test_data():
    epochs = [np.zeros(7, dtype=np.int64), TRUE, GIVEN]
    found = best_and_final(epochs, [0.4, 0.9, 0.6], GIVEN, TRUE)
    assert found.best_epoch == 2
    assert found.best_on_test == memorisation(TRUE, GIVEN, TRUE)
    assert found.final == memorisation(GIVEN, GIVEN, TRUE)
    assert best_and_final(epochs, [0.9, 0.9, 0.6], GIVEN, TRUE).best_epoch == 1


def test_arrays_that_do_not_match_are_a_bug():
    with pytest.raises(ValueError, match=r"\(N,\)"):
        memorisation(GIVEN[:-1], GIVEN, TRUE)
    with pytest.raises(ValueError, match=r"\(N,\)"):
        memorisation(GIVEN[:, None], GIVEN[:, None], TRUE[:, None])
    for epochs, accuracies in (([], []), ([GIVEN], []), ([GIVEN], [0.5, 0.6])):
        with pytest.raises(ValueError, match="each epoch needs both"):
            best_and_final(epochs, accuracies, GIVEN, TRUE)
