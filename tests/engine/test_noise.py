"""Planted noise: counts, fixed points, seeds and effective rates (methods §14.2 (14))."""

import tracemalloc

import numpy as np
import pytest

from engine.errors import EngineError
from engine.noise import KINDS, Noise, effective_rate, parse_noise, plant
from engine.noise.instance import (
    flip_probabilities,
    flip_rates_cheng,
    flip_rates_xia,
    idn_cheng,
    idn_xia,
)
from engine.noise.mapped import (
    CIFAR10_MAP,
    asym_block5,
    asym_cifar10,
    asym_superclass,
    pair,
    share_of,
    superclass_targets,
)
from engine.noise.uniform import symmetric

TRUE10 = np.random.RandomState(9).permutation(np.repeat(np.arange(10), 400))
TRUE100 = np.repeat(np.arange(100), 20)
# The super-class of each of CIFAR-100's classes, whose ids are alphabetical.
COARSE = np.asarray([
    4, 1, 14, 8, 0, 6, 7, 7, 18, 3, 3, 14, 9, 18, 7, 11, 3, 9, 7, 11, 6, 11, 5, 10, 7,
    6, 13, 15, 3, 15, 0, 11, 1, 10, 12, 14, 16, 9, 11, 5, 5, 19, 8, 8, 15, 13, 14, 17, 18, 10,
    16, 4, 17, 4, 2, 0, 17, 4, 18, 17, 10, 3, 2, 12, 12, 16, 12, 1, 9, 19, 2, 10, 0, 1, 16,
    12, 9, 13, 15, 13, 16, 19, 2, 4, 6, 19, 5, 5, 8, 19, 18, 1, 2, 15, 6, 0, 17, 8, 14, 13,
])  # fmt: skip


def pictures(n, side=6, seed=0):
    """Return random pictures with a bright mean, as photos have it."""
    rng = np.random.RandomState(seed)
    return rng.randint(60, 256, size=(n, side, side, 3)).astype(np.uint8)


def sentence(call, *values, **more):
    with pytest.raises(EngineError) as caught:
        call(*values, **more)
    said = str(caught.value)
    assert "\n" not in said
    assert said.endswith(".")
    return said


# -- symmetric --


@pytest.mark.parametrize("rate", [0.2, 0.6, 0.8])
def test_a_label_drawn_among_all_classes_may_be_the_true_one(rate):
    noisy = symmetric(TRUE10, 10, rate, 0)
    drawn = share_of(rate, len(TRUE10))
    assert (noisy != TRUE10).sum() < drawn
    # r(K−1)/K, give or take four standard deviations.
    sd = np.sqrt(drawn * 0.9 * 0.1) / len(TRUE10)
    assert effective_rate(noisy, TRUE10) == pytest.approx(rate * 0.9, abs=4 * sd)
    assert np.bincount(noisy, minlength=10).min() > 250


def test_without_the_true_label_the_count_is_exact():
    noisy = symmetric(TRUE10, 10, 0.29, 0, include_true=False)
    assert (noisy != TRUE10).sum() == 1160
    steps = np.bincount((noisy - TRUE10) % 10, minlength=10)[1:]
    assert steps.min() > 80  # every other class, 129 each


def test_a_sample_may_be_drawn_by_itself():
    counts = [(symmetric(TRUE10, 10, 0.4, seed, exact_count=False) != TRUE10).sum() for seed in range(20)]
    assert len(set(counts)) > 5
    assert np.mean(counts) / len(TRUE10) == pytest.approx(0.36, abs=0.01)


def test_noisify_is_one_multinomial_draw_per_sample():
    noisy = symmetric(TRUE10[:500], 10, 0.4, 0, include_true=False, exact_count=False)
    rng = np.random.RandomState(0)
    for label, true in zip(noisy, TRUE10[:500], strict=True):
        row = [0.6 if k == true else 0.4 / 9 for k in range(10)]
        assert label == np.flatnonzero(rng.multinomial(1, row))[0]
    all_noisy = symmetric(TRUE10, 10, 0.4, 0, include_true=False, exact_count=False)
    assert effective_rate(all_noisy, TRUE10) == pytest.approx(0.4, abs=0.03)


# -- maps --


@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_a_pair_flips_to_the_next_class_only(n_classes):
    true = np.arange(3000) % n_classes
    noisy = pair(true, n_classes, 0.4, 0)
    wrong = noisy != true
    assert ((noisy - true)[wrong] % n_classes == 1).all()
    assert wrong.mean() == pytest.approx(0.4, abs=0.04)
    exact = pair(true, n_classes, 0.4, 0, exact_count=True)
    assert (exact != true).sum() == 1200
    assert ((exact - true)[exact != true] % n_classes == 1).all()


def test_a_pair_is_drawn_as_the_published_code_draws():
    noisy = pair(TRUE10[:300], 10, 0.45, 0)
    rng = np.random.RandomState(0)
    for label, true in zip(noisy, TRUE10[:300], strict=True):
        row = np.zeros(10)
        row[true], row[(true + 1) % 10] = 0.55, 0.45
        assert label == rng.multinomial(1, row, 1)[0].argmax()


def test_the_look_alikes_of_cifar10():
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    assert {(names[k], names[target]) for k, target in CIFAR10_MAP.items()} == {
        ("truck", "automobile"), ("bird", "airplane"), ("deer", "horse"), ("cat", "dog"), ("dog", "cat"),
    }  # fmt: skip
    noisy = asym_cifar10(TRUE10, 10, 0.4, 0)
    wrong = noisy != TRUE10
    assert all(CIFAR10_MAP[true] == label for true, label in zip(TRUE10[wrong], noisy[wrong], strict=True))
    # 40 % of all samples are mapped, half of which map to themselves.
    assert wrong.mean() == pytest.approx(0.2, abs=0.02)
    assert np.isin(TRUE10, list(CIFAR10_MAP))[wrong].all()


def test_elr_counts_in_each_of_the_five_classes():
    noisy = asym_cifar10(TRUE10, 10, 0.4, 0, per_class=True)
    wrong = np.bincount(TRUE10[noisy != TRUE10], minlength=10)
    assert wrong.tolist() == [160 if k in CIFAR10_MAP else 0 for k in range(10)]
    assert "there are 9" in sentence(asym_cifar10, TRUE10 % 9, 9, 0.4, 0)


def test_blocks_of_five_are_hardly_super_classes():
    assert np.bincount(COARSE).tolist() == [5] * 20
    # With so many samples that every class flips.
    block = {
        (int(t), int(y)) for t, y in zip(TRUE100, asym_block5(TRUE100, 100, 0.9, 0), strict=True) if t != y
    }
    assert len(block) == 100
    assert sum(bool(COARSE[t] == COARSE[y]) for t, y in block) == 6
    assert (0, 1) in block
    assert (4, 0) in block
    group = {
        (int(t), int(y))
        for t, y in zip(TRUE100, asym_superclass(TRUE100, 100, 0.9, 0, COARSE), strict=True)
        if t != y
    }
    assert len(group) == 100
    assert all(COARSE[t] == COARSE[y] for t, y in group)


def test_super_classes_go_round_in_the_order_of_ids():
    assert superclass_targets(np.asarray([1, 0, 1, 2, 0, 1])).tolist() == [2, 4, 5, 3, 1, 0]
    true = np.repeat(3, 50)
    # Alone in its super-class, it stays.
    np.testing.assert_array_equal(asym_superclass(true, 6, 0.9, 0, np.asarray([1, 0, 1, 2, 0, 1])), true)


def test_what_does_not_fit_the_classes_is_a_sentence():
    assert "classes in fives" in sentence(asym_block5, TRUE10 % 7, 7, 0.4, 0)
    assert "name each" in sentence(asym_superclass, TRUE10, 10, 0.4, 0, COARSE)


# -- by image --


def test_the_rates_of_xia_spread_around_the_asked_one():
    for rate, mean in ((0.2, 0.2055), (0.3, 0.3004), (0.4, 0.4), (0.5, 0.5)):
        q = flip_rates_xia(200_000, rate, np.random.RandomState(0))
        assert q.mean() == pytest.approx(mean, abs=1e-3)
        assert q.min() >= 0
        assert q.max() <= 1


def test_the_rates_of_cheng_are_the_first_draws_inside():
    q = flip_rates_cheng(5000, 0.05, np.random.RandomState(3))
    drawn = np.random.RandomState(3).normal(0.05, 0.1, size=20_000)
    np.testing.assert_array_equal(q, drawn[(drawn > 0) & (drawn < 1)][:5000])


def test_the_true_class_keeps_what_q_leaves_and_the_others_share_q():
    images, true = pictures(50), TRUE10[:50]
    q = flip_rates_xia(50, 0.4, np.random.RandomState(0))
    weights = np.random.RandomState(1).standard_normal((108, 10)) / 5000
    probability = flip_probabilities(images, weights, true, q)
    np.testing.assert_allclose(probability.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_array_equal(probability[np.arange(50), true], 1 - q)
    for i in range(50):
        scores = [np.exp(images[i].reshape(-1) @ weights[:, k]) if k != true[i] else 0.0 for k in range(10)]
        expected = q[i] * np.asarray(scores) / sum(scores)
        expected[true[i]] = 1 - q[i]
        np.testing.assert_allclose(probability[i], expected, rtol=1e-9)
    raw = flip_probabilities(images, weights * 5000, true, q)
    np.testing.assert_allclose(raw.sum(axis=1), 1, atol=1e-12)
    assert np.isfinite(raw).all()


@pytest.mark.parametrize("generate", [idn_xia, idn_cheng])
def test_noise_by_image_has_its_rate_and_few_targets(generate):
    images = pictures(len(TRUE10), side=8)
    noisy = generate(TRUE10, 10, 0.4, 0, images)
    assert effective_rate(noisy, TRUE10) == pytest.approx(0.4, abs=0.03)
    # The softmax is saturated and the mean of all images bright: most of a class goes one way.
    flips = [noisy[np.flatnonzero(np.equal(TRUE10, k) & (noisy != k))] for k in range(10)]
    modal = [np.bincount(each, minlength=10).max() for each in flips]
    assert sum(modal) / (noisy != TRUE10).sum() > 0.4
    np.testing.assert_array_equal(noisy, generate(TRUE10, 10, 0.4, 0, images))
    assert (noisy != generate(TRUE10, 10, 0.4, 0, images[::-1])).any()


def test_xia_has_a_matrix_per_class_and_reads_channels_first():
    images, true = pictures(600), np.repeat([2, 7], 300)
    noisy = idn_xia(true, 10, 0.4, 5, images)
    rng = np.random.RandomState(5)
    q, chance = flip_rates_xia(600, 0.4, rng), rng.random_sample(600)
    for k in (2, 7):
        weights = np.random.RandomState([5, k]).standard_normal((108, 10))
        for i in np.flatnonzero(true == k)[:40]:
            pixels = images[i].transpose(2, 0, 1)[None]
            row = flip_probabilities(pixels, weights, true[[i]], q[[i]])[0]
            assert noisy[i] == np.searchsorted(row.cumsum(), chance[i], side="right")
    targets = [set(noisy[(true == k) & (noisy != k)].tolist()) for k in (2, 7)]
    assert targets[0] != targets[1]


def test_cheng_has_one_matrix_and_reads_channels_last():
    images, true = pictures(200), np.repeat([2, 7], 100)
    noisy = idn_cheng(true, 10, 0.4, 5, images)
    rng = np.random.RandomState(5)
    q, chance = flip_rates_cheng(200, 0.4, rng), rng.random_sample(200)
    weights = rng.standard_normal((108, 10))
    for i in range(0, 200, 7):
        row = flip_probabilities(images[[i]], weights, true[[i]], q[[i]])[0]
        assert noisy[i] == np.searchsorted(row.cumsum(), chance[i], side="right")


def test_the_matrices_of_xia_are_not_all_in_memory():
    images, true = pictures(200, side=24), np.arange(200) % 100
    all_of_them = 100 * images[0].size * 100 * 8
    tracemalloc.start()
    idn_xia(true, 100, 0.4, 0, images)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < all_of_them / 20


# -- for all --


@pytest.mark.parametrize("kind", KINDS)
def test_every_noise_is_a_function_of_its_arguments(kind):
    n_classes, true = (10, TRUE10) if kind.startswith("asym") else (100, TRUE100)
    images = pictures(len(true), side=4)

    def planted(rate, seed):
        before = true.copy()
        noise = Noise(kind=kind, rate=rate)
        noisy = plant(noise, true, n_classes, seed, images=images, coarse=COARSE)
        np.testing.assert_array_equal(true, before)
        return noisy

    noisy = planted(0.4, 3)
    assert noisy.dtype == np.int64
    assert noisy.shape == true.shape
    assert noisy.min() >= 0
    assert noisy.max() < n_classes
    assert 0.1 < effective_rate(noisy, true) < 0.5
    np.testing.assert_array_equal(noisy, planted(0.4, 3))
    assert (noisy != planted(0.4, 4)).any()
    # What is drawn first must not depend on the global state, and 0 is no noise.
    np.random.seed(1)
    np.testing.assert_array_equal(noisy, planted(0.4, 3))
    np.testing.assert_array_equal(planted(0.0, 3), true)


@pytest.mark.parametrize(
    ("text", "noise", "key"),
    [
        ("sym:0.4", Noise(kind="sym", rate=0.4), "noisy_sym40"),
        (" sym_other : .29 ", Noise(kind="sym_other", rate=0.29), "noisy_sym_other29"),
        ("pair:0.125", Noise(kind="pair", rate=0.125), "noisy_pair12_5"),
        ("idn_xia:0", Noise(kind="idn_xia", rate=0.0), "noisy_idn_xia0"),
        ("human:worse", Noise(kind="human", label_set="worse"), "human_worse"),
    ],
)
def test_a_noise_is_named_by_a_text(text, noise, key):
    assert parse_noise(text) == noise
    assert noise.key == key
    assert parse_noise(str(noise)) == noise


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("smy:0.4", "There is no noise 'smy'; known are sym, sym_other, pair,"),
        ("", "There is no noise ''"),
        ("sym", "--noise is 'sym'; it has the form name:rate, as in sym:0.4"),
        ("sym:a lot", "it has the form name:rate"),
        ("sym:1", "The rate of sym is 1; it is at least 0 and below 1"),
        ("pair:-0.1", "The rate of pair is -0.1"),
        ("sym:40", "The rate of sym is 40"),
        ("sym:nan", "The rate of sym is nan"),
        ("human:", "--noise is 'human:'; it names a label set"),
    ],
)
def test_what_names_no_noise_is_a_sentence(text, said):
    assert said in sentence(parse_noise, text)


@pytest.mark.parametrize(
    ("noise", "n_classes", "seed", "said"),
    [
        ("sym:0.4", 1, 0, "There are 1 classes; a wrong label needs at least two"),
        ("sym:0.4", 10, -1, "--seed is -1; it is 0 to 4294967295"),
        ("sym:0.4", 10, 2**32, "--seed is 4294967296"),
        ("superclass:0.4", 10, 0, "superclass:0.4 needs super-classes"),
        ("idn_xia:0.4", 10, 0, "idn_xia:0.4 depends on the images"),
        ("human:worse", 10, 0, "human:worse is no noise that can be planted"),
    ],
)
def test_what_cannot_be_planted_is_a_sentence(noise, n_classes, seed, said):
    assert said in sentence(plant, parse_noise(noise), TRUE10 % n_classes, n_classes, seed)


def test_a_count_is_that_of_the_decimal_number():
    assert [share_of(rate, 100) for rate in (0.29, 0.57, 0.58, 0.999)] == [29, 57, 58, 99]
    assert share_of(0.4, 50_000) == 20_000
