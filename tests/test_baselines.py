"""Others' methods in benchmarks/baselines.py, on features whose classes lie apart."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks import baselines
from benchmarks.baselines import METHODS, Answer, Pictures, Problem, judge, measure, smallest, table

N, K, D = 300, 4, 8


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """For matrices as small as these two threads wait for each other most of the time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def problem() -> Problem:
    """Four clusters, 30 % of the labels drawn from the other classes; the model is right about most."""
    rng = np.random.default_rng(0)
    true = np.arange(N) % K
    centres = np.linalg.qr(rng.normal(size=(D, D)))[0][:K]
    features = centres[true] + rng.normal(0, 0.25, (N, D))
    features = (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32)
    is_wrong = rng.random(N) < 0.3
    given = np.where(is_wrong, (true + rng.integers(1, K, N)) % K, true)
    probe = np.exp(4 * features @ centres.T).astype(np.float32)
    return Problem(
        pictures=Pictures(features=features, logits=(10 * features @ centres.T).astype(np.float32)),
        given=given,
        true=true,
        probe=probe / probe.sum(axis=1, keepdims=True),
        seed=0,
    )


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_what_is_easy_to_find(problem, method):
    if method.startswith("cleanlab"):
        pytest.importorskip("cleanlab")
    answer = METHODS[method](problem)
    assert answer.is_selected.shape == answer.order.shape == (N,)
    assert answer.is_selected.dtype == bool
    f1, precision = judge(answer, problem.is_clean)
    assert f1 > 0.9
    assert precision > 0.9
    again = METHODS[method](problem)
    np.testing.assert_array_equal(again.order, answer.order)
    np.testing.assert_array_equal(again.is_selected, answer.is_selected)


@pytest.mark.parametrize("method", METHODS)
def test_no_method_sees_the_truth(problem, method):
    """With another truth of the same rate only cleanlab's choice among its filters may change."""
    if method.startswith("cleanlab"):
        pytest.importorskip("cleanlab")
    other = replace(problem, true=np.where(problem.is_clean[::-1], problem.given, (problem.given + 1) % K))
    assert other.n_clean == problem.n_clean
    answer, changed = METHODS[method](problem), METHODS[method](other)
    np.testing.assert_array_equal(changed.order, answer.order)
    if not method.startswith("cleanlab"):
        np.testing.assert_array_equal(changed.is_selected, answer.is_selected)


def test_methods_that_know_the_rate_select_as_many(problem):
    for method in METHODS:
        if "knows the rate" in method:
            assert METHODS[method](problem).is_selected.sum() == problem.n_clean


def test_the_smallest_losses_are_selected():
    answer = smallest(np.asarray([0.3, 0.1, 0.2, 0.1]), 2)
    assert answer.is_selected.tolist() == [False, True, False, True]
    assert answer.order.argmin() == 0


def test_the_small_loss_head_follows_the_gradients_of_torch(problem, monkeypatch):
    """All labels kept, one batch: plain gradient descent with momentum and decay."""
    monkeypatch.setattr(baselines, "BATCH", N)
    easy = replace(problem, true=problem.given)
    features = problem.pictures.features
    x = torch.from_numpy((features - features.mean(axis=0)) / (features.std(axis=0) + np.float32(1e-6)))
    weight, bias = torch.zeros(D, K, requires_grad=True), torch.zeros(K, requires_grad=True)
    speeds = [torch.zeros(D, K), torch.zeros(K)]
    label = torch.from_numpy(problem.given)
    for epoch in range(10):
        loss = torch.nn.functional.cross_entropy(x @ weight + bias, label)
        for value, slope, speed in zip(
            (weight, bias), torch.autograd.grad(loss, (weight, bias)), speeds, strict=True
        ):
            speed.mul_(0.9).add_(slope + 5e-4 * value.detach())
            value.data -= 0.015 * (1 + np.cos(np.pi * epoch / 10)) * speed
    losses = torch.nn.functional.cross_entropy(x @ weight + bias, label, reduction="none").detach().numpy()
    np.testing.assert_allclose(-baselines.small_loss_head(easy).order, losses, atol=1e-4)


def test_label_match_is_the_engines(problem):
    from engine.detectors.label_match import margin_p_clean

    answer = baselines.label_match(problem)
    p_clean = margin_p_clean(problem.pictures.logits, problem.given)
    np.testing.assert_array_equal(answer.is_selected, p_clean > 0.5)
    assert (np.diff(p_clean[answer.order.argsort()]) >= 0).all()


def test_the_votes_of_neighbours_equal_a_plain_loop(problem):
    answer = baselines.neighbours(problem)
    cosine = problem.pictures.features @ problem.pictures.features.T
    np.fill_diagonal(cosine, -np.inf)
    for row in range(0, N, 17):
        votes = np.bincount(problem.given[np.argsort(-cosine[row])[:20]], minlength=K)
        assert answer.order[row] == votes[problem.given[row]] / 20
        assert answer.is_selected[row] == (votes[problem.given[row]] == votes.max())


def test_the_table_has_a_row_a_method_and_a_column_a_label_set(problem, monkeypatch):
    some = {name: METHODS[name] for name in ("label-match, zero-shot", "20 nearest neighbours")}
    monkeypatch.setattr(baselines, "METHODS", some)
    found = measure(problem.pictures, problem.given, problem.true, [0, 1])
    perfect = {name: [(1.0, 0.5), (1.0, 0.75)] for name in some}
    lines = table({"noisy_a": found, "noisy_b": perfect}).splitlines()
    assert lines[:2] == ["| F1 clean / AP wrong | noisy_a | noisy_b |", "|---|---|---|"]
    assert len(lines) == 8
    assert lines[2].endswith(" | 1.000 / .625 |")
    f1, precision = found["label-match, zero-shot"][0]
    assert lines[2].startswith(
        f"| label-match, zero-shot | {f1:.3f} / {precision:.3f} |".replace(" 0.", " .")
    )
    assert lines[5].startswith("Largest standard deviation over the seeds, F1: 0.000 (")
    where = "label-match, zero-shot, noisy_b"
    assert lines[7] == f"Largest standard deviation over the seeds, AP: 0.177 ({where})."
    assert (
        len(table({"noisy_a": measure(problem.pictures, problem.given, problem.true, [0])}).splitlines()) == 4
    )


def test_without_wrong_labels_there_is_nothing_to_find(problem):
    answer = Answer(is_selected=np.ones(N, dtype=bool), order=np.zeros(N))
    with pytest.raises(SystemExit, match="nothing to find"):
        judge(answer, np.ones(N, dtype=bool))


def test_without_cleanlab_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cleanlab", None)
    monkeypatch.setattr("sys.argv", ["baselines"])
    with pytest.raises(SystemExit, match=r"pip install -c constraints.txt -e '\.\[bench\]'"):
        baselines.main()
