import numpy as np
import pytest

from engine.detectors import load_detector, softmax
from engine.detectors.knn import neighbour_votes
from engine.detectors.label_match import margin_p_clean
from engine.errors import EngineError
from engine.manifest import Pin
from engine.neighbours import nearest
from engine.settings import DETECTORS, KnnConfig
from tests.engine.conftest import make_manifest

every_detector = pytest.mark.parametrize("name", DETECTORS)
N = 90
FEW = 36  # for what does not need that anything is learned


def toy(pinned=None, n=N):
    """n samples of three colours, a fifth of the labels wrong: manifest, true labels, wrong (n,)."""
    true = np.arange(n) % 3
    given = true.copy()
    wrong = np.random.default_rng(0).permutation(n)[: n // 5]
    given[wrong] = (given[wrong] + 1) % 3
    manifest = make_manifest(given, pinned=pinned)
    return manifest, dict(zip(manifest.sample_ids, true.tolist(), strict=True)), given != true


@pytest.fixture(scope="module")
def seen():
    """What each detector said of the toy, for the tests that need no more than one run: name → answer."""
    return {}


@pytest.fixture
def first(name, seen, run_detector):
    if name not in seen:
        seen[name] = run_detector(name, *toy()[:2])
    return seen[name]


def auroc(p_clean, wrong):
    pairs = p_clean[wrong][:, None] - p_clean[~wrong][None, :]
    return (pairs < 0).mean() + 0.5 * (pairs == 0).mean()


@every_detector
def test_every_detector_returns_finite_arrays_of_the_agreed_shapes(first):
    _, found = first
    assert found.p_clean.shape == found.suggested.shape == found.suggested_probability.shape == (N,)
    assert found.probs.shape == (N, 3)
    assert found.embeddings.shape[0] == N
    for values in (found.p_clean, found.probs, found.suggested_probability):
        assert np.isfinite(values).all()
        assert values.min() >= 0
        assert values.max() <= 1 + 1e-6
    np.testing.assert_allclose(found.probs.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found.embeddings, axis=1), 1, atol=1e-5)
    assert set(found.suggested) <= {0, 1, 2}


@every_detector
def test_the_same_seed_gives_the_same_result(name, first, run_detector):
    again = run_detector(name, *toy()[:2])
    np.testing.assert_array_equal(first[1].p_clean, again[1].p_clean)
    np.testing.assert_array_equal(first[1].probs, again[1].probs)


@every_detector
def test_a_permuted_manifest_gives_the_permuted_result_exactly(name, first, run_detector):
    manifest, true, _ = toy()
    shuffled = manifest.take(np.random.default_rng(1).permutation(N).tolist())
    active, found = run_detector(name, shuffled, true)
    assert active.sample_ids == first[0].sample_ids
    np.testing.assert_array_equal(found.p_clean, first[1].p_clean)


@every_detector
def test_an_excluded_row_is_as_if_absent(name, run_detector):
    excluded, true, _ = toy(pinned={5: (Pin.EXCLUDED, ()), 30: (Pin.EXCLUDED, ())}, n=FEW)
    absent = toy(n=FEW)[0].take([i for i in range(FEW) if i not in (5, 30)])
    active, first = run_detector(name, excluded, true)
    again, second = run_detector(name, absent, true)
    assert active.sample_ids == again.sample_ids
    np.testing.assert_allclose(first.p_clean, second.p_clean, atol=1e-5)
    np.testing.assert_allclose(first.probs, second.probs, atol=1e-5)


@every_detector
def test_planted_wrong_labels_are_found(first):
    _, found = first
    assert auroc(found.p_clean, toy()[2]) > 0.9
    assert (found.suggested == np.arange(N) % 3).mean() > 0.9


@every_detector
def test_the_word_of_people_stands(name, run_detector):
    given = toy(n=FEW)[0].given
    pinned = {
        0: (Pin.CLEAN, (int(given[0]),)),
        1: (Pin.RELABELLED, (int(given[1] + 1) % 3,)),
        2: (Pin.AMBIGUOUS, (int(given[2]), int(given[2] + 1) % 3)),
        3: (Pin.AMBIGUOUS, (int(given[3] + 1) % 3, int(given[3] + 2) % 3)),
    }
    manifest, true, _ = toy(pinned, n=FEW)
    _, found = run_detector(name, manifest, true)
    np.testing.assert_allclose(found.p_clean[:4], [1, 0, 0.5, 0], atol=1e-6)


@every_detector
def test_where_people_settled_everything_nothing_is_left_to_doubt(name, run_detector):
    pins = (Pin.CLEAN, Pin.RELABELLED)
    given, true = toy(n=FEW)[0].given, np.arange(FEW) % 3
    pinned = {i: (pins[int(given[i] != true[i])], (int(true[i]),)) for i in range(FEW)}
    manifest = make_manifest(given, pinned=pinned)
    _, found = run_detector(name, manifest, dict(zip(manifest.sample_ids, true.tolist(), strict=True)))
    np.testing.assert_allclose(found.p_clean, given == true, atol=1e-6)
    assert np.isfinite(found.probs).all()


def test_an_unknown_detector_is_answered_with_the_known_ones():
    with pytest.raises(EngineError, match=r"no detector 'deeft'; known are transition, .*deft, .*knn"):
        load_detector("deeft")


def test_label_match_is_the_logistic_of_the_margin():
    logits = np.asarray([[2.0, 1.0, 0.0], [2.0, 1.0, 0.0], [3.0, 3.0, 0.0], [0.0, 900.0, 0.0]])
    found = margin_p_clean(logits, np.asarray([0, 1, 0, 0]))
    sigmoid = 1 / (1 + np.exp(-1.0))
    np.testing.assert_allclose(found, [sigmoid, 1 - sigmoid, 0.5, 0.0], atol=1e-6)


def test_softmax_of_large_logits_stays_finite():
    np.testing.assert_allclose(softmax(np.asarray([[1e4, 0.0]], dtype=np.float32)), [[1, 0]])


def test_label_match_temperature_softens_the_answers_only(run_detector):
    manifest, true, _ = toy()
    sharp = run_detector("label_match", manifest, true)[1]
    soft = run_detector("label_match", manifest, true, temperature=10)[1]
    np.testing.assert_array_equal(sharp.p_clean, soft.p_clean)
    assert soft.probs.max() < sharp.probs.max()


@pytest.mark.parametrize("n", [3, 40])
def test_knn_votes_equal_a_plain_loop(n, run_detector):
    rng = np.random.default_rng(2)
    points = rng.normal(size=(n, 5)).astype(np.float32)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    given = rng.integers(0, 3, n)
    pinned = {0: (Pin.RELABELLED, (2,)), 1: (Pin.AMBIGUOUS, (0, 1)), 2: (Pin.CLEAN, (int(given[2]),))}
    manifest = make_manifest(given, pinned=pinned)
    config = KnnConfig(k=7)
    votes = neighbour_votes(nearest(points, config.k), manifest, config.sharpness)
    for i in range(n):
        cosine = points @ points[i]
        others = sorted((j for j in range(n) if j != i), key=lambda j: -cosine[j])[: config.k]
        expected = np.zeros(3)
        for j in others:
            weight = np.exp(config.sharpness * (cosine[j] - cosine[others[0]]))
            classes = manifest.pin_labels[j] or (int(given[j]),)
            for k in classes:
                expected[k] += weight / len(classes)
        np.testing.assert_allclose(votes[i], expected, rtol=1e-4, atol=1e-6)


def test_transition_says_which_answer_it_used_and_why(run_detector):
    manifest, true, wrong = toy()
    _, found = run_detector("transition", manifest, true)
    notes = found.notes
    assert notes["posterior"] == "zero_shot"
    assert "knows these classes by name" in notes["reason"]
    assert set(notes["evidence"]) == {"prior", "zero_shot", "probe"}
    assert notes["alpha"] == 0.3
    assert abs(notes["noise_rate"] - wrong.mean()) < 0.1


def test_transition_falls_back_on_the_probe_when_the_names_mean_nothing(run_detector):
    manifest, true, wrong = toy()
    # Every class is read as "red": the names say nothing.
    blind = make_manifest(manifest.given, names=("red 1", "red 2", "red 3"))
    _, found = run_detector("transition", blind, true)
    assert found.notes["posterior"] == "probe"
    assert "does not know" in found.notes["reason"]
    assert auroc(found.p_clean, wrong) > 0.9


@pytest.mark.parametrize("posterior", ["zero_shot", "probe"])
def test_transition_obeys_the_setting(posterior, run_detector):
    manifest, true, _ = toy()
    _, found = run_detector("transition", manifest, true, posterior=posterior)
    assert found.notes["posterior"] == posterior
    assert set(found.notes["evidence"]) == {"prior", posterior}
