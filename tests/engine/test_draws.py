"""Random numbers belong to (seed, purpose, epoch, sample) and to nothing else."""

import numpy as np

from engine.draws import Draws

IDS = tuple(f"image {i}" for i in range(4000))


def test_a_sample_draws_the_same_whoever_stands_beside_it() -> None:
    among_all, alone = Draws(IDS, seed=3), Draws(IDS[17:18], seed=3)
    assert among_all.uniform("flip", 2)[17] == alone.uniform("flip", 2)[0]
    shuffled = np.random.default_rng(0).permutation(len(IDS))
    again = Draws([IDS[i] for i in shuffled], seed=3)
    np.testing.assert_array_equal(again.uniform("flip", 2), among_all.uniform("flip", 2)[shuffled])


def test_seed_purpose_and_epoch_each_change_the_numbers() -> None:
    draws = [Draws(IDS, 0).uniform("a", 1), Draws(IDS, 1).uniform("a", 1)]
    draws += [Draws(IDS, 0).uniform("b", 1), Draws(IDS, 0).uniform("a", 2)]
    for i, one in enumerate(draws):
        for other in draws[:i]:
            assert abs(np.corrcoef(one, other)[0, 1]) < 0.06  # 3.8 standard errors


def test_the_numbers_are_uniform() -> None:
    numbers = Draws(IDS, 0).uniform("a", 1)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    counts = np.histogram(numbers, bins=20, range=(0, 1))[0]
    assert ((counts - 200) ** 2 / 200).sum() < 43.8  # χ² with 19 degrees of freedom, p = .001
    integers = Draws(IDS, 0).integers("a", 1, 3)
    assert set(integers.tolist()) == {0, 1, 2}


def test_an_epoch_goes_through_every_sample_once_and_each_in_another_order() -> None:
    draws = Draws(IDS, 0)
    first, second = draws.order(1), draws.order(2)
    assert sorted(first.tolist()) == list(range(len(IDS)))
    assert (first != second).mean() > 0.99


def test_a_name_that_is_no_utf8_draws_too() -> None:
    assert 0 <= Draws(["caf\udce9.jpg"], 0).uniform("a", 1)[0] < 1
