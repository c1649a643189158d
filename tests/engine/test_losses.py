"""Losses against closed forms and plain loops (methods §9, §14.2 (5)–(9))."""

import math

import numpy as np
import pytest
import torch

from engine.losses import (
    EarlyTargets,
    cross_entropy,
    early_learning,
    generalised_cross_entropy,
    no,
    symmetric_cross_entropy,
    yes,
)


@pytest.fixture
def logits() -> torch.Tensor:
    return torch.randn(6, 4, generator=torch.Generator().manual_seed(0)) * 3


def test_cross_entropy_of_soft_targets_equals_a_loop(logits: torch.Tensor) -> None:
    target = torch.rand(6, 4, generator=torch.Generator().manual_seed(1))
    target /= target.sum(dim=1, keepdim=True)
    p = np.exp(logits.numpy()) / np.exp(logits.numpy()).sum(axis=1, keepdims=True)
    expected = [-sum(float(target[i, k]) * math.log(p[i, k]) for k in range(4)) for i in range(6)]
    np.testing.assert_allclose(cross_entropy(logits, target).numpy(), expected, rtol=1e-5)


def test_the_reverse_term_has_its_closed_form(logits: torch.Tensor) -> None:
    target = torch.eye(4)[[0, 1, 2, 3, 0, 1]]
    reverse = symmetric_cross_entropy(logits, target) - cross_entropy(logits, target)
    right = (logits.softmax(dim=1) * target).sum(dim=1)
    torch.testing.assert_close(reverse, 9.2103 * (1 - right), rtol=1e-4, atol=1e-4)


def test_the_pair_is_a_softmax_over_two() -> None:
    positive, negative = torch.randn(2, 50, generator=torch.Generator().manual_seed(0)) * 1.5
    two_way = torch.stack([positive, negative], dim=1).softmax(dim=1)
    torch.testing.assert_close(yes(positive - negative), -two_way[:, 0].log(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(no(positive - negative), -two_way[:, 1].log(), rtol=1e-4, atol=1e-5)


def test_a_saturated_pair_teaches_nothing_more() -> None:
    margin = torch.tensor([-12.0, -11.0, 300.0, -300.0], requires_grad=True)
    loss = yes(margin)
    assert loss.isfinite().all()
    assert loss[0].item() == pytest.approx(-math.log(1e-5))
    (slope,) = torch.autograd.grad(loss.sum(), margin)
    assert slope[0] == slope[3] == 0
    assert slope[1] < -0.9


def test_half_precision_is_computed_in_float32() -> None:
    logits = torch.randn(3, 4).bfloat16()
    assert cross_entropy(logits, torch.eye(4)[:3]).dtype == torch.float32
    assert yes(torch.randn(3).bfloat16()).dtype == torch.float32


# -- generalised cross-entropy and early-learning regularisation (§14.2 (8), (9)) ---------------------


def test_generalised_cross_entropy_equals_its_definition(logits: torch.Tensor) -> None:
    label = torch.tensor([0, 1, 2, 3, 0, 1])
    p = logits.softmax(dim=1)[torch.arange(6), label]
    found = generalised_cross_entropy(logits, torch.eye(4)[label], 0.7)
    torch.testing.assert_close(found, (1 - p**0.7) / 0.7, rtol=1e-5, atol=1e-6)


def test_generalised_cross_entropy_has_its_two_limits(logits: torch.Tensor) -> None:
    target = torch.eye(4)[[0, 1, 2, 3, 0, 1]]
    plain = cross_entropy(logits, target)
    torch.testing.assert_close(generalised_cross_entropy(logits, target, 1e-4), plain, rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(generalised_cross_entropy(logits, target, 0.0), plain)
    right = (logits.softmax(dim=1) * target).sum(dim=1)
    torch.testing.assert_close(generalised_cross_entropy(logits, target, 1.0), 1 - right)


def test_generalised_cross_entropy_gives_up_on_what_does_not_fit() -> None:
    logits = torch.tensor([[2.0, 0.0], [9.0, 0.0]], requires_grad=True)
    loss = generalised_cross_entropy(logits, torch.tensor([[0.0, 1.0], [0.0, 1.0]]))
    (slope,) = torch.autograd.grad(loss.sum(), logits)
    assert slope[1].abs().max() < 0.02 < slope[0].abs().max()


def test_what_early_learning_remembers_equals_a_loop() -> None:
    n, k, beta = 5, 3, 0.3
    targets = EarlyTargets(n, k, beta)
    expected = np.zeros((n, k))
    for epoch in range(4):
        targets.begin()
        logits = 4 * torch.randn(n, k, generator=torch.Generator().manual_seed(epoch))
        rows = torch.tensor([0, 2, 3]) if epoch == 2 else torch.arange(n)
        term = targets.term(logits[rows], rows)
        for place, i in enumerate(rows.tolist()):
            p = np.exp(logits[i].double().numpy())
            p = np.clip(p / p.sum(), 1e-4, 1 - 1e-4)
            expected[i] = beta * expected[i] + (1 - beta) * p / p.sum()
            assert float(term[place]) == pytest.approx(math.log(1 - expected[i] @ p), rel=1e-4)
        np.testing.assert_allclose(targets.now.numpy(), expected, atol=1e-6)


def test_a_batch_that_is_worked_twice_is_remembered_once() -> None:
    once, twice = (EarlyTargets(4, 3, 0.7) for _ in range(2))
    first, second = (torch.randn(4, 3, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    for targets in (once, twice):
        targets.begin()
        targets.term(first, torch.arange(4))
        targets.begin()
    once.term(second, torch.arange(4))
    twice.term(second, torch.arange(4))
    for half in (torch.arange(2), torch.arange(2, 4)):
        twice.term(second[half], half)
    assert torch.equal(once.now, twice.now)


def test_early_learning_pulls_towards_what_was_said_early() -> None:
    targets = EarlyTargets(1, 2, 0.0)
    targets.begin()
    targets.term(torch.tensor([[2.0, 0.0]]), torch.tensor([0]))
    memory = targets.now.clone()
    logits = torch.zeros(1, 2, requires_grad=True)
    (slope,) = torch.autograd.grad(early_learning(logits, memory).sum(), logits)
    assert slope[0, 0] < 0 < slope[0, 1]  # a step against it raises the first class
    assert not memory.requires_grad


def test_a_saturated_answer_keeps_early_learning_finite() -> None:
    targets = EarlyTargets(1, 3, 0.3)
    targets.begin()
    for _ in range(30):
        term = targets.term(torch.tensor([[300.0, 0.0, 0.0]]), torch.tensor([0]))
        targets.begin()
        assert term.isfinite().all()
