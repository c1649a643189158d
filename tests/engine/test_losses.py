"""Losses against closed forms and plain loops (methods §9, §14.2 (5)–(7))."""

import math

import numpy as np
import pytest
import torch

from engine.losses import cross_entropy, no, symmetric_cross_entropy, yes


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
