"""The ensemble: which runs it reads, what it refuses, and what their answers weigh."""

from pathlib import Path

import numpy as np
import pytest

from engine.artifacts import Detection, Neighbours, write_detection, write_json
from engine.config import BackboneConfig, ClassConfig, RunConfig, write_config
from engine.detectors.ensemble import NEVER_TOLD, Member, read_members
from engine.errors import EngineError
from engine.manifest import Manifest, Pin
from engine.metrics import measure
from engine.pooling import FOLDS, HeldOut, Weigher, as_sure_as, entropies, pool
from engine.probe import fold_of
from engine.settings import DETECTORS
from engine.transition import fit_transition
from tests.engine.conftest import make_manifest
from tests.engine.test_detectors import auroc

GIVEN = np.asarray([0, 1, 2, 0, 1, 2])


def answers(given: np.ndarray, sure: float, seed: int = 0) -> np.ndarray:
    probs = np.random.default_rng(seed).random((len(given), 3)).astype(np.float32)
    probs[np.arange(len(given)), given] += sure
    return probs / probs.sum(axis=1, keepdims=True)


def finished(
    home: Path,
    name: str,
    manifest: Manifest,
    detector: str = "knn",
    probs: np.ndarray | None = None,
    names: tuple[str, ...] | None = None,
) -> np.ndarray:
    """Write a finished run and return its probabilities as they are read back."""
    run_dir = home / name
    run_dir.mkdir()
    probs = answers(manifest.given, 1.0) if probs is None else probs
    n = len(manifest)
    found = Detection(
        p_clean=probs[np.arange(n), manifest.given],
        probs=probs,
        embeddings=np.eye(n, 4, dtype=np.float32),
        suggested=probs.argmax(axis=1),
        suggested_probability=probs.max(axis=1),
        notes={},
    )
    rows = np.zeros((n, 1), dtype=np.int64)
    neighbours = Neighbours(rows=rows, similarities=rows.astype(np.float32))
    write_detection(run_dir, manifest.sample_ids, manifest.class_names, manifest.given, found, neighbours)
    classes = tuple(ClassConfig(name=each, prompt=each) for each in names or manifest.class_names)
    write_config(
        run_dir / "config.toml",
        RunConfig(
            detector=detector, image_root="..", classes=classes, backbone=BackboneConfig(weights="bundled")
        ),
    )
    write_json(run_dir / "result.json", {"detector": detector})
    return probs.astype(np.float16).astype(np.float32)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    return tmp_path


def test_the_newest_finished_run_of_each_other_detector_is_read(home: Path) -> None:
    manifest = make_manifest(GIVEN)
    finished(home, "1-knn", manifest, probs=answers(GIVEN, 0.1, seed=1))
    newest = finished(home, "2-knn", manifest, probs=answers(GIVEN, 3.0, seed=2))
    finished(home, "3-deft", manifest, "deft")
    finished(home, "4-ensemble", manifest, "ensemble")
    finished(home, "5-turn", manifest, "turn", names=("a", "b", "c"))
    (home / "6-probe").mkdir()
    found = {each.name: each for each in read_members("", manifest, home / "mine")}
    assert set(found) == {"2-knn", "3-deft"}
    np.testing.assert_allclose(found["2-knn"].probs, newest, atol=2e-3)


def test_samples_are_told_apart_by_their_id_and_unseen_ones_are_open(home: Path) -> None:
    stored = finished(home, "run", make_manifest(GIVEN))
    asked = make_manifest(GIVEN).take([4, 1])
    (member,) = read_members("run", asked, home / "mine")
    np.testing.assert_allclose(member.probs, stored[[4, 1]], atol=2e-3)
    more = make_manifest(np.asarray([*GIVEN, 2]))
    (member,) = read_members("run", more, home / "mine")
    np.testing.assert_allclose(member.probs[6], [1 / 3] * 3, atol=1e-6)


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ("gone", "names 'gone', and no other run is called so"),
        ("../run", "names '../run', and no other run is called so"),
        ("mine", "names 'mine', and no other run is called so"),
        ("waiting", "'waiting' of ensemble.runs has not finished"),
        ("other", "'other' knows other classes"),
        ("torn", "'torn' cannot be read"),
    ],
)
def test_a_run_that_cannot_be_asked_is_said_in_a_sentence(home: Path, runs: str, said: str) -> None:
    manifest = make_manifest(GIVEN)
    finished(home, "run", manifest)
    finished(home, "other", manifest, names=("a", "b", "c"))
    finished(home, "torn", manifest)
    (home / "torn" / "scores.npz").write_bytes(b"PK")
    (home / "waiting").mkdir()
    with pytest.raises(EngineError, match=said):
        list(read_members(runs, manifest, home / "mine"))


def test_whatever_was_never_told_a_label_is_a_detector() -> None:
    assert set(NEVER_TOLD) <= set(DETECTORS)


def test_a_pool_is_the_weighted_geometric_mean() -> None:
    one, other = answers(GIVEN, 1.0, seed=3), answers(GIVEN, 2.0, seed=4)
    expected = np.empty_like(one)
    for i in range(len(one)):
        row = [one[i, k] ** 0.75 * other[i, k] ** 0.25 for k in range(3)]
        expected[i] = np.asarray(row) / sum(row)
    np.testing.assert_allclose(pool([one, other], [3.0, 1.0]), expected, atol=1e-5)
    np.testing.assert_allclose(pool([one, other], [1.0, 0.0]), one, atol=1e-5)


@pytest.mark.parametrize("entropy", [0.2, 0.6, 1.0])
def test_a_flattered_answer_is_made_as_open_as_the_others(entropy: float) -> None:
    sure = answers(GIVEN, 50.0)
    found = as_sure_as(sure, entropy)
    assert abs(float(entropies(found.probs).mean()) - entropy) < 0.06
    np.testing.assert_array_equal(found.probs.argmax(axis=1), sure.argmax(axis=1))


def second_annotator(sharpened: float, seed: int = 0, n: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """Return true labels of four classes, (n,), and a model's answers, that much too sure, (n, 4)."""
    rng = np.random.default_rng(seed)
    honest = rng.dirichlet([0.3] * 4, n)
    true = np.asarray([rng.choice(4, p=row) for row in honest])
    sharp = honest**sharpened + 1e-9
    return true, (sharp / sharp.sum(axis=1, keepdims=True)).astype(np.float32)


def manifest_of(given: np.ndarray, pinned: dict[int, tuple[Pin, tuple[int, ...]]] | None = None) -> Manifest:
    return make_manifest(given, names=("red", "green", "blue", "grey"), pinned=pinned)


def test_the_evidence_finds_the_temperature_of_an_answer_that_is_too_sure() -> None:
    true, sharp = second_annotator(3.0)
    weigher = Weigher(manifest_of(true))
    assert 1.8 <= weigher.tempered(sharp, 0.3).temperature <= 4
    assert 2.3 < weigher.suited(sharp).temperature < 3.7


@pytest.mark.parametrize("kind", ["pair", "symmetric"])
def test_held_out_labels_tell_how_they_are_confused(kind: str) -> None:
    """Labels confused in pairs leave the other entries of the confusion at nothing; others share them."""
    true, probs = second_annotator(1.0)
    rng = np.random.default_rng(1)
    away = 1 if kind == "pair" else rng.integers(1, 4, len(true))
    given = np.where(rng.random(len(true)) < 0.4, (true + away) % 4, true)
    weigher = Weigher(manifest_of(given))
    found = weigher.suited(probs)
    fixed = weigher.tempered(probs, 0.3)
    assert found.alpha <= 0.01 if kind == "pair" else found.alpha >= 0.3
    is_right, fits = given == true, [weigher.fit(each) for each in (found, fixed)]
    ours, plain = (measure(each.p_clean(given), is_right) for each in fits)
    if kind == "pair":
        assert ours.ece < plain.ece - 0.01
        assert (ours.average_precision or 0) > (plain.average_precision or 1)
    assert ours.ece < 0.04


def test_held_out_evidence_is_that_of_an_em_that_never_saw_the_label() -> None:
    true, probs = second_annotator(1.0, n=400)
    manifest = manifest_of(true)
    held_out = HeldOut(probs, manifest)
    held_out.evidence(3.0, 10.0)  # where it began before must not matter
    fold, by_hand = fold_of(manifest.sample_ids, FOLDS, 0), 0.0
    for number in range(FOLDS):
        out = fold == number
        matrix = fit_transition(probs[~out], true[~out], alpha=0.1).matrix
        by_hand += float(np.log((probs[out] * matrix.T[true[out]]).sum(axis=1)).sum())
    assert held_out.evidence(1.0, 0.1) == pytest.approx(by_hand / 400, abs=1e-3)
    assert held_out.evidence(1.0, 0.1) < fit_transition(probs, true, alpha=0.1).evidence


def test_what_people_settled_is_known_and_not_asked_about() -> None:
    true, probs = second_annotator(1.0, n=200)
    given = true.copy()
    given[:100] = (given[:100] + 1) % 4
    settled = {i: (Pin.RELABELLED, (int(true[i]),)) for i in range(100)}
    told, untold = (HeldOut(probs, manifest_of(given, pins)) for pins in (settled, None))
    assert told.evidence(1.0, 0.3) != pytest.approx(untold.evidence(1.0, 0.3), abs=0.05)
    everyone = {i: (Pin.CLEAN, (int(true[i]),)) for i in range(200)}
    assert HeldOut(probs, manifest_of(true, everyone)).evidence(1.0, 0.3) == 0.0
    found = Weigher(manifest_of(true, everyone))
    np.testing.assert_allclose(found.fit(found.suited(probs)).p_clean(true), 1)


def test_of_many_samples_some_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    true, sharp = second_annotator(3.0)
    settled = {i: (Pin.CLEAN, (int(true[i]),)) for i in range(0, 2000, 7)}
    manifest = manifest_of(true, settled)
    monkeypatch.setattr("engine.pooling.MOST_ROWS", 500)
    assert 350 < len(HeldOut(sharp, manifest).rows) < 650
    found = Weigher(manifest).suited(sharp)
    assert len(found.probs) == 2000
    assert 2 < found.temperature < 4


def test_a_second_good_answer_makes_it_better(run_detector, tmp_path, monkeypatch) -> None:
    rng = np.random.default_rng(0)
    true = np.arange(90) % 3
    given = true.copy()
    wrong = rng.permutation(90)[:30]
    given[wrong] = (given[wrong] + 1) % 3
    manifest = make_manifest(given)
    # The colours are read so badly that another run has much to add.
    labels = {
        each: int(rng.integers(0, 3)) if rng.random() < 0.5 else int(t)
        for each, t in zip(manifest.sample_ids, true, strict=True)
    }
    alone = run_detector("ensemble", manifest, labels)[1]
    monkeypatch.setattr(
        "engine.detectors.ensemble.read_members",
        lambda *_: iter([_member("knn", answers(true, 2.0)), _member("deft", answers(true, 2.0, seed=9))]),
    )
    together = run_detector("ensemble", manifest, labels)[1]
    assert auroc(together.p_clean, given != true) > auroc(alone.p_clean, given != true) + 0.05
    assert together.notes["weights"] == [1.0, 1.0, 0.5]
    assert "knn, deft" in together.notes["reason"]


def _member(detector: str, probs: np.ndarray):
    return Member(name=f"run-{detector}", detector=detector, probs=probs.astype(np.float32))
