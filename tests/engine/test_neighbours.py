import numpy as np
import pytest

import engine.neighbours
from engine.neighbours import nearest


@pytest.fixture
def points():
    values = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


@pytest.mark.parametrize("cells", [50, 700, 10**6])
def test_neighbours_equal_the_sorted_cosines_in_blocks_of_any_size(points, cells, monkeypatch):
    monkeypatch.setattr(engine.neighbours, "BLOCK_CELLS", cells)
    found = nearest(points, m=8)
    cosine = points @ points.T
    np.fill_diagonal(cosine, -2)
    expected = np.argsort(-cosine, axis=1)[:, :8]
    np.testing.assert_array_equal(found.rows, expected)
    np.testing.assert_allclose(found.similarities, np.take_along_axis(cosine, expected, 1), atol=1e-6)


def test_an_image_is_never_its_own_neighbour_even_among_copies():
    found = nearest(np.tile(np.asarray([[1.0, 0.0]], dtype=np.float32), (5, 1)), m=4)
    for i, row in enumerate(found.rows):
        assert sorted(row) == [j for j in range(5) if j != i]


def test_too_few_samples_leave_minus_one_and_zero(points):
    found = nearest(points[:3], m=5)
    assert (found.rows[:, 2:] == -1).all()
    assert (found.similarities[:, 2:] == 0).all()
    assert (nearest(points[:1], m=5).rows == -1).all()
