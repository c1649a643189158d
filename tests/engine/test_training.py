"""The training loop: what it resumes, what it divides, and what it stops at."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.artifacts import CHECKPOINT, CHECKPOINT_WORDS, remove_checkpoint
from engine.checkpoint import Checkpoint, Progress, fingerprint
from engine.draws import Draws
from engine.errors import EngineError
from engine.progress import silent
from engine.training import Plan, Terms, TermsOf, split, train
from tests.engine.conftest import make_manifest

N = 37
DRAWS = Draws([f"s{i}" for i in range(N)], seed=0)
PLAN = Plan(epochs=4, learning_rate=0.1, weight_decay=1e-2)


def batches(epoch: int) -> list[np.ndarray]:
    return split(DRAWS.order(epoch), 8)


def data() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(N, 5, generator=generator)
    return x, (x @ torch.randn(5, generator=generator) > 0).float()


def parameters() -> dict[str, torch.Tensor]:
    return {"weight": torch.zeros(5, requires_grad=True), "bias": torch.zeros(1, requires_grad=True)}


def regression(values: dict[str, torch.Tensor]) -> TermsOf:
    """A logistic regression, and a second term that only some samples count for and that shares the bias."""
    x, y = data()

    def terms(rows: np.ndarray, epoch: int) -> Terms:
        score = x[rows] @ values["weight"] + values["bias"]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(score, y[rows], reduction="sum")
        chosen = (x[rows][:, 0] > 0.3).float()
        extra = (chosen * (values["bias"] - 1).square()).sum()
        count = float(chosen.sum())
        return Terms(
            losses={"fit": (loss, float(len(rows))), "extra": (extra, count)},
            shares={"selected": (count, float(len(rows)))},
        )

    return terms


def run(
    folder: Path, plan: Plan = PLAN, watch: Any = silent, change: Callable[[TermsOf], TermsOf] = lambda x: x
) -> tuple[dict[str, torch.Tensor], tuple[Progress, ...]]:
    values = parameters()
    checkpoint = Checkpoint(folder, "test")
    history = train(values, change(regression(values)), batches, plan, checkpoint, watch)
    return values, history


class Interrupted(Exception):
    pass


def interrupted(at: int) -> Callable[[TermsOf], TermsOf]:
    """Break off in the step `at`, counted from 1."""
    calls = 0

    def change(terms_of: TermsOf) -> TermsOf:
        def terms(rows: np.ndarray, epoch: int) -> Terms:
            nonlocal calls
            calls += 1
            if calls == at:
                raise Interrupted
            return terms_of(rows, epoch)

        return terms

    return change


@pytest.mark.parametrize("at", [1, 5, 6, 12, 20])
def test_a_resumed_training_ends_bit_for_bit_where_an_uninterrupted_one_does(at: int, tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "broken").mkdir()
    whole, history = run(tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(tmp_path / "broken", change=interrupted(at))
    events: list[tuple[str, dict]] = []
    resumed, again = run(tmp_path / "broken", watch=lambda event, **values: events.append((event, values)))
    for name in whole:
        assert torch.equal(whole[name], resumed[name]), name
    assert [each.loss for each in again] == [each.loss for each in history]
    finished = (at - 1) // 5  # 37 samples in batches of 8
    assert [values["epoch"] for event, values in events if event == "resumed"] == [finished][:finished]


@pytest.mark.parametrize("optimiser", ["adamw", "rprop"])
def test_every_optimiser_and_the_memory_of_a_loss_resume_bit_for_bit(optimiser: str, tmp_path: Path) -> None:
    plan = Plan(epochs=3, learning_rate=0.01, optimiser=optimiser, is_smooth=True, shares={"bias": 0.5})  # type: ignore[arg-type]

    def trained(folder: Path, at: int | None) -> list[torch.Tensor]:
        folder.mkdir(exist_ok=True)
        values, seen = parameters(), torch.zeros(N)

        def remembering(rows: np.ndarray, epoch: int) -> Terms:
            seen[rows] = 0.5 * seen[rows] + epoch
            found = regression(values)(rows, epoch)
            weight = seen[rows].mean()
            return Terms(losses={name: (value * weight, n) for name, (value, n) in found.losses.items()})

        terms = interrupted(at)(remembering) if at else remembering
        train(values, terms, batches, plan, Checkpoint(folder, "test"), silent, memory={"seen": seen})
        return [*values.values(), seen]

    whole = trained(tmp_path / "whole", None)
    with pytest.raises(Interrupted):
        trained(tmp_path / "broken", 8)
    for one, other in zip(whole, trained(tmp_path / "broken", None), strict=True):
        assert torch.equal(one, other)


def test_parameters_learn_at_their_share_of_a_rate_that_falls_with_every_step() -> None:
    plan = Plan(epochs=2, learning_rate=0.1, is_smooth=True, shares={"tower": 0.1, "tower.head": 0.5})
    assert [plan.share(name) for name in ("prompts", "tower.block", "tower.head.weight")] == [1.0, 0.1, 0.5]
    assert plan.rate(1, 0.0) == 0.1
    assert plan.rate(2, 0.0) == pytest.approx(plan.rate(1, 1.0)) == pytest.approx(0.05)
    assert plan.rate(1, 0.5) == pytest.approx(0.05 * (1 + 0.5**0.5))


def test_a_share_of_nothing_leaves_a_parameter_as_it_was(tmp_path: Path) -> None:
    plan = Plan(epochs=2, learning_rate=0.1, shares={"bias": 0.0})
    values, _ = run(tmp_path, plan)
    assert not values["bias"].any()
    assert values["weight"].any()


def test_all_gradients_together_are_shortened(tmp_path: Path) -> None:
    plan = Plan(epochs=1, learning_rate=1.0, schedule="constant", momentum=0.0, longest_step=1e-3)
    values, _ = run(tmp_path, plan)
    moved = torch.cat([each.detach() for each in values.values()]).norm()
    assert 0 < moved <= 5 * 1e-3 + 1e-6


def test_an_epoch_without_steps_is_an_epoch_all_the_same(tmp_path: Path) -> None:
    values = parameters()
    figures = {1: {"kept": 0.0}, 2: {"kept": 1.0}}
    history = train(
        values,
        regression(values),
        lambda epoch: [] if epoch == 1 else batches(epoch),
        Plan(epochs=2, learning_rate=0.1),
        Checkpoint(tmp_path, "test"),
        silent,
        figures_of=lambda epoch: figures[epoch],
    )
    assert [each.loss > 0 for each in history] == [False, True]
    assert [each.figures for each in history] == [{"kept": 0.0}, {"kept": 1.0}]


def test_a_finished_training_is_not_done_again(tmp_path: Path) -> None:
    first, _ = run(tmp_path)

    def never(terms_of: TermsOf) -> TermsOf:
        return interrupted(1)(terms_of)

    second, history = run(tmp_path, change=never)
    assert torch.equal(first["weight"], second["weight"])
    assert len(history) == PLAN.epochs


def test_it_is_plain_sgd_with_the_published_schedule(tmp_path: Path) -> None:
    trained, history = run(tmp_path)
    values = parameters()
    terms_of = regression(values)
    optimiser = torch.optim.SGD(values.values(), lr=0.1, momentum=0.9, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=4)
    rates = []
    for epoch in range(1, 5):
        rates.append(schedule.get_last_lr()[0])
        order = DRAWS.order(epoch)
        for start in range(0, N, 8):
            optimiser.zero_grad()
            found = terms_of(order[start : start + 8], epoch)
            total = torch.stack([value / max(count, 1) for value, count in found.losses.values()]).sum()
            total.backward()
            optimiser.step()
        schedule.step()
    for name in values:
        torch.testing.assert_close(trained[name], values[name], rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose([each.learning_rate for each in history], rates, rtol=1e-6)


def test_too_little_memory_divides_the_batch_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "roomy").mkdir()
    (tmp_path / "tight").mkdir()

    def tight(terms_of: TermsOf) -> TermsOf:
        def terms(rows: np.ndarray, epoch: int) -> Terms:
            if len(rows) > 2:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return terms_of(rows, epoch)

        return terms

    events: list[tuple[str, dict]] = []
    roomy, _ = run(tmp_path / "roomy")
    divided, _ = run(
        tmp_path / "tight", watch=lambda event, **values: events.append((event, values)), change=tight
    )
    for name in roomy:
        torch.testing.assert_close(roomy[name], divided[name], rtol=1e-5, atol=1e-6)
    notes = [values["message"] for event, values in events if event == "note"]
    assert notes == [f"The memory was too small; each batch is now worked in {n} parts." for n in (2, 4)]


def test_a_single_image_that_does_not_fit_is_said_in_a_sentence(tmp_path: Path) -> None:
    def full(terms_of: TermsOf) -> TermsOf:
        def terms(rows: np.ndarray, epoch: int) -> Terms:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 8 bytes")

        return terms

    with pytest.raises(EngineError, match="single image does not fit"):
        run(tmp_path, change=full)


def test_any_other_error_of_the_device_is_a_bug_and_keeps_its_words(tmp_path: Path) -> None:
    def broken(terms_of: TermsOf) -> TermsOf:
        def terms(rows: np.ndarray, epoch: int) -> Terms:
            raise RuntimeError("shapes do not match")

        return terms

    with pytest.raises(RuntimeError, match="shapes do not match"):
        run(tmp_path, change=broken)


def test_a_loss_that_is_no_number_stops_before_the_step(tmp_path: Path) -> None:
    calls = 0

    def poisoned(terms_of: TermsOf) -> TermsOf:
        def terms(rows: np.ndarray, epoch: int) -> Terms:
            nonlocal calls
            calls += 1
            found = terms_of(rows, epoch)
            value, count = found.losses["fit"]
            losses = {**found.losses, "fit": (value * (float("nan") if calls == 13 else 1), count)}
            return Terms(losses=losses)

        return terms

    said = (
        r"no number any more \(epoch 3, step 3 of 5; last good checkpoint: epoch 2\); start a run with a "
        "learning rate below 0.1"
    )
    with pytest.raises(EngineError, match=said):
        run(tmp_path, change=poisoned)
    kept = parameters()
    history = Checkpoint(tmp_path, "test").load(kept, torch.optim.SGD(kept.values(), lr=0.1))
    assert len(history) == 2
    assert kept["weight"].isfinite().all()


def test_a_term_that_no_sample_counts_for_is_zero(tmp_path: Path) -> None:
    def nobody(terms_of: TermsOf) -> TermsOf:
        def terms(rows: np.ndarray, epoch: int) -> Terms:
            found = terms_of(rows, epoch)
            return Terms(losses={**found.losses, "extra": (found.losses["extra"][0] * 0, 0.0)})

        return terms

    values, history = run(tmp_path, change=nobody)
    assert values["weight"].isfinite().all()
    assert history[-1].losses["extra"] == 0


def test_progress_tells_the_steps_and_the_time_that_is_left(tmp_path: Path) -> None:
    events: list[tuple[str, dict]] = []
    run(tmp_path, watch=lambda event, **values: events.append((event, values)))
    progress = [values for event, values in events if event == "progress"]
    assert [each["done"] for each in progress] == list(range(1, 21))
    assert {each["of"] for each in progress} == {20}
    assert progress[-1]["seconds_left"] == 0
    assert all(each["seconds_left"] >= 0 for each in progress)
    epochs = [values for event, values in events if event == "epoch"]
    assert [(each["epoch"], each["of"]) for each in epochs] == [(n, 4) for n in range(1, 5)]
    x, _ = data()
    assert epochs[0]["selected"] == pytest.approx(float((x[:, 0] > 0.3).float().mean()))
    assert epochs[0]["loss"] == pytest.approx(sum(epochs[0]["losses"].values()))
    assert epochs[-1]["loss"] < epochs[0]["loss"]
    assert epochs[0]["agreement"] is None


# -- the checkpoint ----------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["torn", "empty", "foreign", "gone"])
def test_a_checkpoint_of_something_else_or_of_nothing_is_not_taken_up(damage: str, tmp_path: Path) -> None:
    run(tmp_path)
    file = tmp_path / CHECKPOINT
    if damage == "torn":
        file.write_bytes(file.read_bytes()[:40])
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "gone":
        remove_checkpoint(tmp_path)
        assert not file.exists()
        assert not (tmp_path / CHECKPOINT_WORDS).exists()
    values = parameters()
    optimiser = torch.optim.SGD(values.values(), lr=0.1)
    name = "another" if damage == "foreign" else "test"
    assert Checkpoint(tmp_path, name).load(values, optimiser) == ()
    assert not values["weight"].any()


def test_the_words_beside_it_tell_how_far_it_is(tmp_path: Path) -> None:
    run(tmp_path)
    words = json.loads((tmp_path / CHECKPOINT_WORDS).read_text())
    assert words["epoch"] == 4
    assert [each["epoch"] for each in words["history"]] == [1, 2, 3, 4]


def test_parameters_that_are_no_numbers_are_never_kept(tmp_path: Path) -> None:
    values = parameters()
    optimiser = torch.optim.SGD(values.values(), lr=0.1)
    progress = Progress(epoch=1, loss=0, losses={}, learning_rate=0.1, seconds=0)
    checkpoint = Checkpoint(tmp_path, "test")
    checkpoint.save(values, optimiser, [progress])
    with torch.no_grad():
        values["weight"][2] = float("inf")
    with pytest.raises(EngineError, match="left the numbers after epoch 2"):
        checkpoint.save(values, optimiser, [progress, progress])
    assert len(checkpoint.load(parameters(), torch.optim.SGD(parameters().values(), lr=0.1))) == 1


def test_the_name_of_a_training_changes_with_labels_settings_and_samples() -> None:
    manifest = make_manifest([0, 1, 2, 0])
    names = {
        fingerprint(manifest, "deft", 0),
        fingerprint(manifest, "deft", 1),
        fingerprint(make_manifest([0, 1, 2, 1]), "deft", 0),
        fingerprint(manifest.take([0, 1, 2]), "deft", 0),
        fingerprint(make_manifest([0, 1, 2, 0], names=("red", "green", "grey")), "deft", 0),
    }
    assert len(names) == 5
    assert fingerprint(make_manifest([0, 1, 2, 0]), "deft", 0) in names
