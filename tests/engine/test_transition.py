import numpy as np
import pytest

from engine.transition import (
    fit_temperature,
    fit_transition,
    named_share,
    prior_evidence,
    temper,
    trust_zero_shot,
)


def planted(n=3000, k=5, noise=0.3, seed=0, sharpness=3.0):
    """A calibrated P, true labels drawn from it, and labels with uniform noise."""
    rng = np.random.default_rng(seed)
    probs = np.exp(sharpness * rng.normal(size=(n, k)))
    probs /= probs.sum(axis=1, keepdims=True)
    true = (probs.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    given = np.where(rng.random(n) < noise, (true + rng.integers(1, k, n)) % k, true)
    return probs.astype(np.float32), true, given


def plain_loop(probs, given, alpha, iterations, known=None):
    """The equations of methods §16, one at a time."""
    known = known or {}
    n, k = probs.shape
    matrix = np.full((k, k), 0.1 / (k - 1)) + np.eye(k) * (0.9 - 0.1 / (k - 1))

    def expect():
        rows = []
        for i in range(n):
            joint = [probs[i, c] * matrix[c, given[i]] for c in range(k)]
            rows.append(known.get(i, np.asarray(joint) / sum(joint)))
        return np.asarray(rows)

    for _ in range(iterations):
        posterior = expect()
        counts = np.zeros((k, k))
        for i in range(n):
            counts[:, given[i]] += posterior[i]
        diagonal = np.trace(counts) / counts.sum()
        pooled = np.full((k, k), (1 - diagonal) / (k - 1))
        np.fill_diagonal(pooled, diagonal)
        matrix = counts + alpha * counts.sum(axis=1, keepdims=True) * pooled
        matrix /= matrix.sum(axis=1, keepdims=True)
    return expect(), matrix


@pytest.mark.parametrize("alpha", [0.0, 0.3, 10.0])
def test_the_em_equals_a_plain_loop(alpha):
    probs, _, given = planted(n=80, k=4)
    known = {0: np.asarray([0, 0, 1.0, 0]), 5: np.asarray([0.5, 0.5, 0, 0])}
    fit = fit_transition(
        probs,
        given,
        alpha=alpha,
        known_rows=np.asarray(list(known)),
        known_targets=np.asarray(list(known.values()), dtype=np.float32),
    )
    posterior, matrix = plain_loop(probs, given, alpha, 60, known)
    np.testing.assert_allclose(fit.posterior, posterior, atol=2e-4)
    np.testing.assert_allclose(fit.matrix, matrix, atol=2e-4)


def test_p_clean_is_calibrated_and_finds_the_planted_noise():
    probs, true, given = planted(n=6000)
    fit = fit_transition(probs, given)
    p_clean, is_clean = fit.p_clean(given), given == true
    bins = np.clip((p_clean * 10).astype(int), 0, 9)
    gaps = [
        abs(p_clean[bins == b].mean() - is_clean[bins == b].mean()) * (bins == b).mean()
        for b in np.unique(bins)
    ]
    assert sum(gaps) < 0.03
    pairs = p_clean[~is_clean][:, None] < p_clean[is_clean][None, ::7]
    assert pairs.mean() > 0.93
    assert abs(fit.noise_rate - 0.3) < 0.03


def test_a_dropped_sample_teaches_nothing_and_is_still_judged():
    probs, _, given = planted(n=200, k=3)
    dropped = np.zeros(200, dtype=bool)
    dropped[:50] = True
    with_them = fit_transition(probs, given, dropped=dropped)
    without = fit_transition(probs[50:], given[50:])
    np.testing.assert_allclose(with_them.matrix, without.matrix, atol=1e-6)
    np.testing.assert_allclose(with_them.posterior[50:], without.posterior, atol=1e-5)
    assert np.isfinite(with_them.posterior[:50]).all()


def test_the_temperature_of_an_overconfident_model_is_found():
    probs, _, given = planted()
    over = temper(probs, 0.4)
    temperature, evidence = fit_temperature(over, given)
    assert temperature == 2.5
    assert evidence > fit_transition(over, given).evidence


def test_tempering_by_one_changes_nothing():
    probs, _, _ = planted(n=50)
    np.testing.assert_allclose(temper(probs, 1.0), probs, atol=1e-5)


def test_a_class_without_samples_and_an_answer_of_zero_stay_finite():
    probs = np.asarray([[1, 0, 0], [0, 1, 0], [1, 0, 0]], dtype=np.float32)
    fit = fit_transition(probs, np.asarray([1, 1, 0]))
    assert np.isfinite(fit.posterior).all()
    assert np.isfinite(fit.matrix).all()
    np.testing.assert_allclose(fit.posterior.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("zero_shot", "probe", "keep"),
    [
        (-2.28, -1.27, False),  # digits that the model cannot name
        (-1.315, -1.294, True),  # pair40: structured noise flatters the probe
        (-1.85, -1.88, True),  # sym40
    ],
)
def test_zero_shot_stays_unless_its_gain_is_less_than_half_of_the_probes(zero_shot, probe, keep):
    trusted, reason = trust_zero_shot(zero_shot, probe, -2.30, 1.0)
    assert trusted is keep
    assert ("does not know" in reason) is not keep


def test_a_model_that_calls_the_classes_by_each_others_names_does_not_know_them():
    rng = np.random.default_rng(0)
    true = rng.integers(0, 5, 500)
    probs = np.full((500, 5), 0.02, dtype=np.float32)
    probs[np.arange(500), (true + (true < 2)) % 5] = 0.92  # the first two are called by the next one's name
    swapped = fit_transition(probs, true)
    assert named_share(swapped.matrix) == pytest.approx(0.6)
    probs[np.arange(500), true] = 2.0
    right = fit_transition(probs / probs.sum(axis=1, keepdims=True), true)
    assert named_share(right.matrix) == 1
    for fit, keep in ((swapped, False), (right, True)):
        assert trust_zero_shot(-0.5, -0.5, -1.6, named_share(fit.matrix))[0] is keep


def test_the_prior_evidence_of_balanced_labels_is_their_entropy():
    assert prior_evidence(np.asarray([0, 1, 2, 3]), 4) == pytest.approx(-np.log(4))


def test_of_no_samples_there_is_nothing_to_find():
    found = fit_transition(np.zeros((0, 3), dtype=np.float32), np.zeros(0, dtype=np.int64))
    assert found.posterior.shape == (0, 3)
    assert (found.noise_rate, found.evidence) == (0.0, 0.0)


def test_the_counts_are_those_of_the_posterior():
    rng = np.random.default_rng(3)
    probs = rng.dirichlet(np.full(5, 0.5), 400).astype(np.float32)
    given = rng.integers(0, 4, 400)  # nobody says 4
    dropped = rng.random(400) < 0.1
    rows = rng.permutation(400)[:80]
    targets = np.eye(5, dtype=np.float32)[rng.integers(0, 5, 80)]
    found = fit_transition(probs, given, known_rows=rows, known_targets=targets, dropped=dropped)
    expected = np.zeros((5, 5))
    np.add.at(expected.T, given[~dropped], found.posterior[~dropped].astype(np.float64))
    np.testing.assert_allclose(found.counts, expected, atol=1e-3)
    np.testing.assert_array_equal(found.posterior[rows], targets)
