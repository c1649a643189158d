import numpy as np
import pytest

import engine.projection
from engine.projection import joint_features, project


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def clusters(n: int, k: int = 5, d: int = 24, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return n unit rows around k directions, and which direction each belongs to."""
    rng = np.random.default_rng(seed)
    which = np.arange(n) % k
    return unit(rng.normal(size=(k, d))[which] + 0.35 * rng.normal(size=(n, d))), which


def same_neighbours(points: np.ndarray, which: np.ndarray, m: int = 5) -> float:
    """Return the share of the m nearest others on the map that belong to the same direction."""
    distance = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    np.fill_diagonal(distance, np.inf)
    nearest = np.argsort(distance, axis=1)[:, :m]
    return float((which[nearest] == which[:, None]).mean())


def test_what_is_alike_lies_together():
    rows, which = clusters(300)
    points = project(rows, seed=0)
    assert points.shape == (300, 2)
    assert points.dtype == np.float32
    assert same_neighbours(points, which) > 0.9  # by chance 0.2


def test_the_same_rows_and_seed_give_the_same_map():
    rows, _ = clusters(120)
    np.testing.assert_array_equal(project(rows, seed=3), project(rows.copy(), seed=3))
    assert not np.array_equal(project(rows, seed=3), project(rows, seed=4))


def test_the_map_is_centred_wider_than_high_and_reaches_from_minus_one_to_one():
    points = project(clusters(200)[0], seed=0)
    low, high = points.min(axis=0), points.max(axis=0)
    np.testing.assert_allclose(low, -high, atol=1e-6)
    assert np.abs(points).max() == pytest.approx(1.0)
    assert points[:, 0].std() >= points[:, 1].std()


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 11, 12, 15, 16, 17])
def test_small_sets_have_a_map_too(n):
    points = project(clusters(n, k=3)[0] if n else np.zeros((0, 24), dtype=np.float32), seed=0)
    assert points.shape == (n, 2)
    assert np.isfinite(points).all()
    assert len(np.unique(points, axis=0)) == n


def test_one_dimension_is_enough():
    points = project(np.asarray([[1.0], [-1.0], [1.0]], dtype=np.float32), seed=0)
    np.testing.assert_allclose(points[0], points[2], atol=1e-6)
    assert abs(points[0, 0] - points[1, 0]) == pytest.approx(2.0)


def test_copies_of_one_picture_lie_at_one_spot_and_opposite_pictures_apart():
    assert (project(np.tile(clusters(1)[0], (40, 1)), seed=0) == 0).all()
    two = np.concatenate([np.tile([[1.0, 0.0]], (30, 1)), np.tile([[-1.0, 0.0]], (30, 1))])
    points = project(two.astype(np.float32), seed=0)
    assert np.isfinite(points).all()
    assert same_neighbours(points, np.arange(60) // 30) == 1.0


def test_of_many_rows_some_are_laid_out_and_the_others_placed_among_them(monkeypatch):
    rows, which = clusters(400)
    monkeypatch.setattr(engine.projection, "MAX_FITTED", 100)
    monkeypatch.setattr(engine.projection, "BLOCK_CELLS", 100 * 64)  # the last block is a part of one
    points = project(rows, seed=0)
    assert points.shape == (400, 2)
    assert np.isfinite(points).all()
    assert same_neighbours(points, which) > 0.9
    np.testing.assert_array_equal(points, project(rows, seed=0))


# -- vision and language together --


def test_joint_rows_are_unit_and_hold_both_parts_in_equal_measure():
    rows, _ = clusters(60)
    texts = unit(np.random.default_rng(1).normal(size=(7, 24)))
    joint = joint_features(rows, texts)
    assert joint.shape == (60, 24 + 7)
    assert joint.dtype == np.float32
    for part in (joint[:, :24], joint[:, 24:]):
        np.testing.assert_allclose(np.linalg.norm(part, axis=1), np.sqrt(0.5), rtol=1e-4)


def test_words_draw_together_what_they_name():
    # Half of every image is noise; the texts know which direction counts.
    rng = np.random.default_rng(2)
    directions = np.eye(48)[:4]
    which = np.arange(200) % 4
    rows = unit(directions[which] + 0.45 * rng.normal(size=(200, 48)))
    seen, joint = (x @ x.T for x in (rows, joint_features(rows, directions.astype(np.float32))))
    shares = []
    for cosine in (seen, joint):
        np.fill_diagonal(cosine, -2)
        shares.append((which[np.argsort(-cosine, axis=1)[:, :10]] == which[:, None]).mean())
    assert shares[1] > shares[0] + 0.05


def test_a_text_near_to_every_image_does_not_rule():
    rows, _ = clusters(80)
    texts = unit(np.stack([rows.mean(axis=0), *np.random.default_rng(3).normal(size=(3, 24))]))
    said = joint_features(rows, texts)[:, 24:]
    np.testing.assert_allclose((said / np.abs(said).mean()).mean(axis=0), 0, atol=0.25)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_joint_features_of_few_images_are_finite(n):
    joint = joint_features(clusters(max(n, 1))[0][:n], clusters(3)[0])
    assert joint.shape == (n, 27)
    assert np.isfinite(joint).all()
