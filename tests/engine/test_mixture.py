"""The mixture of losses: scikit-learn's posterior, and an answer where there are no two components (§3.3)."""

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from engine.mixture import clean_posterior, clean_posterior_by_class, scaled


def two_heaps(seed: int, n: int = 300) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(0.5, 0.2, 2 * n // 3), rng.normal(3, 0.6, n // 3)]).clip(0)


@pytest.mark.parametrize("seed", range(10))
def test_the_posterior_is_that_of_scikit_learn(seed: int) -> None:
    losses = two_heaps(seed)
    found = clean_posterior(losses, monotone=False)
    values = np.minimum(losses, np.sort(losses)[-2])  # the largest of 300 has no say
    values = (values - values.min()) / (values.max() - values.min())
    model = GaussianMixture(2, max_iter=10, tol=1e-2, reg_covar=5e-4, random_state=0).fit(values[:, None])
    expected = model.predict_proba(values[:, None])[:, np.argmin(np.asarray(model.means_))]
    np.testing.assert_allclose(found.values, expected, atol=1e-3)
    assert found.is_ok.all()
    assert found.values.dtype == np.float32


def test_it_is_told_which_heap_a_loss_is_of() -> None:
    found = clean_posterior(two_heaps(0))
    assert found.values[:200].mean() > 0.98
    assert found.values[200:].mean() < 0.05


@pytest.mark.parametrize("spread", [0.02, 0.3, 1.0])
def test_monotone_never_rises_with_the_loss(spread: float) -> None:
    rng = np.random.default_rng(1)
    # A wide heap below a narrow one, and the other way round.
    for losses in (
        np.concatenate([rng.normal(2, spread, 400), rng.normal(4, 0.1, 200)]),
        np.concatenate([rng.normal(0, 0.1, 400), rng.normal(1, spread, 200)]),
    ):
        order = np.argsort(losses)
        steps = np.diff(clean_posterior(losses).values[order])
        assert steps.max() <= 1e-6
        plain = np.diff(clean_posterior(losses, monotone=False).values[order])
        if spread == 1.0:
            assert plain.max() > 1e-4  # of the mixture itself it is not so


@pytest.mark.parametrize(
    "losses",
    [
        np.zeros(0),
        np.ones(1),
        np.asarray([0.0, 1.0, 2.0]),
        np.full(50, 0.7),
        0.7 + 1e-8 * np.arange(50),
    ],
    ids=["none", "one", "three", "equal", "nearly equal"],
)
def test_without_two_components_it_says_so_and_rejects_nobody(losses: np.ndarray) -> None:
    found = clean_posterior(losses)
    assert not found.is_ok.any()
    np.testing.assert_array_equal(found.values, np.full(len(losses), 0.5))
    assert len(clean_posterior_by_class(losses, np.zeros(len(losses), dtype=int), 2).values) == len(losses)


def test_one_picture_that_nobody_can_learn_does_not_squeeze_the_others() -> None:
    losses = two_heaps(2, 150)
    alone = clean_posterior(losses)
    beside = clean_posterior(np.append(losses, 1000.0))
    np.testing.assert_allclose(beside.values[:-1], alone.values, atol=0.02)
    assert beside.values[-1] < 0.01


def test_the_only_loss_that_differs_is_seen() -> None:
    values = scaled(np.append(np.zeros(20), 4.0), np.ones(21, dtype=bool))
    assert values is not None
    np.testing.assert_array_equal(values, np.append(np.zeros(20), 1.0))


def test_what_is_not_fitted_has_no_say_and_is_judged() -> None:
    losses = two_heaps(3)
    fitted = np.ones(400, dtype=bool)
    fitted[300:] = False
    # People's labels are learned well; they would make a clean heap of their own.
    with_known = clean_posterior(np.concatenate([losses, np.full(100, 1e-6)]), fitted=fitted)
    np.testing.assert_array_equal(with_known.values[:300], clean_posterior(losses).values)
    assert (with_known.values[300:] == 1).all()
    assert not clean_posterior(losses, fitted=np.zeros(300, dtype=bool)).is_ok.any()


def test_each_class_has_its_own_mixture_in_one_range() -> None:
    rng = np.random.default_rng(4)
    easy = np.concatenate([rng.normal(0.2, 0.05, 80), rng.normal(2, 0.3, 40)])
    hard = np.concatenate([rng.normal(2, 0.3, 80), rng.normal(6, 0.3, 40)])
    losses, label = np.concatenate([easy, hard]), np.repeat([0, 2], 120)
    found = clean_posterior_by_class(losses, label, 3)
    clean = np.tile(np.arange(120) < 80, 2)
    assert ((found.values > 0.5) == clean).all()
    # One mixture of all takes what is usual in the hard class for wrong, or what is wrong in the easy one.
    assert ((clean_posterior(losses).values > 0.5) != clean).sum() > 30
    assert found.unfit == (1,)
    assert found.is_ok.all()
    values = scaled(losses, np.ones(240, dtype=bool))
    assert values is not None
    own = GaussianMixture(2, max_iter=10, tol=1e-2, reg_covar=5e-4, random_state=0).fit(values[:120, None])
    expected = own.predict_proba(values[:120, None])[:, np.argmin(np.asarray(own.means_))]
    plain = clean_posterior_by_class(losses, label, 3, monotone=False)
    np.testing.assert_allclose(plain.values[:120], expected, atol=1e-3)


def test_a_small_class_is_judged_by_the_mixture_of_all() -> None:
    losses = np.append(two_heaps(5), [0.4, 0.5, 3.0])
    label = np.append(np.zeros(300, dtype=int), [1, 1, 1])
    found = clean_posterior_by_class(losses, label, 2)
    assert found.unfit == (1,)
    assert found.is_ok.all()
    np.testing.assert_array_equal(found.values[300:], clean_posterior(losses).values[300:])
    assert (found.values[300:] > 0.5).tolist() == [True, True, False]


def test_classes_that_are_all_small_and_equal_have_no_mixture() -> None:
    found = clean_posterior_by_class(np.full(12, 2.0), np.arange(12) % 3, 3)
    assert found.unfit == (0, 1, 2)
    assert not found.is_ok.any()


def test_the_order_of_the_samples_matters_not() -> None:
    losses = two_heaps(6)
    order = np.random.default_rng(0).permutation(300)
    np.testing.assert_allclose(
        clean_posterior(losses[order]).values, clean_posterior(losses).values[order], atol=1e-4
    )
