"""AVL-Prompter: who teaches whom, what each loss trains, and the word of people (methods §7, §12.3, §14)."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from torch.nn import functional

from engine.checkpoint import Checkpoint
from engine.clip.backbone import Backbone
from engine.detectors import Inputs
from engine.detectors.avl_prompter import _averages, _look, agreed, detect, plan
from engine.detectors.avl_prompter.steps import Side, Step, decode, encode, steps_of
from engine.detectors.avl_prompter.terms import Views, balance, terms_of
from engine.detectors.deft.terms import read_labels
from engine.draws import Draws
from engine.errors import EngineError
from engine.gradients import gradients_of
from engine.manifest import Manifest, Pin
from engine.progress import silent
from engine.prompted import Prompted, learn_coupled
from engine.rows import Rows
from engine.selection import Judgement
from engine.settings import AvlPrompterConfig
from engine.training import Terms, train
from tests.engine.conftest import DRAWN, make_manifest

N, N_TEXT, N_IMAGE, SIZE = 12, 3, 4, 32


@pytest.fixture(scope="module")
def tiny(drawn_clip: Backbone) -> Backbone:
    """A CLIP of random weights with three text and four image blocks, and the bundled vocabulary."""
    torch.manual_seed(0)
    text = CLIPTextCfg(
        context_length=24, vocab_size=drawn_clip.tokenizer.vocab_size, width=48, heads=3, layers=N_TEXT
    )
    vision = CLIPVisionCfg(image_size=SIZE, patch_size=8, width=32, head_width=16, layers=N_IMAGE)
    model = CLIP(20, vision, text).eval().requires_grad_(False)
    for name, parameter in model.named_parameters():
        if "logit" not in name:
            torch.nn.init.normal_(parameter, std=0.15 if parameter.ndim > 1 and "embed" not in name else 0.4)
    return replace(drawn_clip, model=model, image_size=SIZE, embed_dim=20, logit_scale=20.0, name="tiny")


def network(tiny: Backbone, seed: int = 0, **changes: Any) -> Prompted:
    settings: dict[str, Any] = {"words": "a photo of a", "n_context": 2, "depth": 9, "trains_towers": True}
    return learn_coupled(tiny, DRAWN, torch.Generator().manual_seed(seed), **(settings | changes))


class Setting:
    """Two networks, some noise for pictures, and the loss of a step of the first."""

    def __init__(self, tiny: Backbone, manifest: Manifest | None = None, **settings: Any):
        self.manifest = manifest or make_manifest(np.arange(N) % 3)
        self.config = AvlPrompterConfig(**settings)
        self.networks = [network(tiny, seed) for seed in (0, 1)]
        pixels = np.random.default_rng(0).integers(0, 256, (N, SIZE, SIZE, 3)).astype(np.uint8)
        self.rows = Rows(store=pixels, index=np.arange(N), keys=self.manifest.sample_ids)
        self.views = Views(config=self.config, pixels=self.rows, sample_ids=self.manifest.sample_ids, seed=0)
        self.labels = read_labels(self.manifest, torch.device("cpu"))
        self.is_labelled = [np.arange(N) < 8, np.arange(N) < 6]
        self.loss = terms_of(self.config, self.networks, self.views, self.labels, self.is_labelled)

    @property
    def parameters(self) -> dict[str, torch.Tensor]:
        return {
            f"{'ab'[i]}.{name}": value
            for i, each in enumerate(self.networks)
            for name, value in each.parameters.items()
        }

    def step(self, labelled: list[int], unlabelled: list[int], which: int = 0) -> Step:
        sides = [Side(rows=np.asarray(rows, dtype=np.int64), visits=np.zeros(len(rows), dtype=np.int64))
                 for rows in (labelled, unlabelled)]  # fmt: skip
        return Step(network=which, labelled=sides[0], unlabelled=sides[1])

    def terms(self, labelled: list[int], unlabelled: list[int], which: int = 0, epoch: int = 1) -> Terms:
        return self.loss(encode(self.step(labelled, unlabelled, which), N), epoch)

    def moved(self, value: torch.Tensor) -> set[str]:
        """The names of the parameters that `value` moves."""
        found = torch.autograd.grad(
            value, list(self.parameters.values()), allow_unused=True, retain_graph=True
        )
        return {
            name
            for name, gradient in zip(self.parameters, found, strict=True)
            if gradient is not None and bool(gradient.abs().max() > 0)
        }


# -- the loss ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("term", ["labelled", "unlabelled", "balance"])
def test_each_term_trains_prompts_couplings_and_both_towers_of_one_network(term: str, tiny: Backbone) -> None:
    it = Setting(tiny)
    moved = it.moved(it.terms([0, 1, 2, 3], [8, 9, 10]).losses[term][0])
    assert all(name.startswith("a.") for name in moved)
    assert {f"a.prompt.{name}" for name in ("context", "deep", "weight", "bias")} <= moved
    blocks = {f"a.tower.visual.transformer.resblocks.{i}.mlp.c_fc.weight" for i in range(N_IMAGE)}
    blocks |= {f"a.tower.transformer.resblocks.{i}.mlp.c_fc.weight" for i in range(N_TEXT)}
    tables = {"a.tower.token_embedding.weight", "a.tower.positional_embedding"}
    tables |= {"a.tower.visual.conv1.weight", "a.tower.visual.positional_embedding", "a.tower.visual.proj"}
    assert blocks | tables | {"a.tower.text_projection", "a.tower.visual.ln_pre.weight"} <= moved
    assert not any("logit" in name for name in it.parameters)
    assert all(not each.requires_grad for each in tiny.model.parameters())  # the model that is copied


def test_every_layer_of_prompts_and_couplings_learns(tiny: Backbone) -> None:
    it = Setting(tiny)
    prompts = it.networks[0].prompts
    assert prompts.weight is not None
    value = it.terms([0, 1, 2], [8, 9]).losses["labelled"][0]
    for gradient in torch.autograd.grad(value, [prompts.deep, prompts.weight]):
        assert (gradient.abs().amax(dim=(1, 2)) > 0).all()


def test_the_terms_equal_a_plain_loop_and_nothing_flows_through_the_guesses(tiny: Backbone) -> None:
    it = Setting(tiny, unlabelled_weight=0.7, balance_weight=0.3)
    clip, step, epoch = it.networks[1], it.step([1, 2, 3], [8, 9, 10, 11], 1), 3
    found = it.terms([1, 2, 3], [8, 9, 10, 11], 1, epoch)
    text = clip.text_features()
    weak, strong = (
        [clip.see(view(clip, step, replace_rows(step, row), epoch))[0] for row in rows]
        for view, rows in ((it.views.weak, [1, 2, 3]), (it.views.strong, [8, 9, 10, 11]))
    )
    guesses = [
        int((clip.see(it.views.weak(clip, step, replace_rows(step, row), epoch))[0] @ text.T).argmax())
        for row in (8, 9, 10, 11)
    ]
    scores = torch.stack([*weak, *strong]) @ text.T * 20.0
    labelled = -scores[:3].log_softmax(dim=1)[range(3), it.manifest.given[1:4]].sum()
    unlabelled = -0.7 * scores[3:].log_softmax(dim=1)[range(4), guesses].sum()
    p = scores.softmax(dim=1).mean(dim=0)
    uniform = sum((1 / 3) * torch.log((1 / 3) / p[c]) for c in range(3))
    expected = {"labelled": (labelled, 3), "unlabelled": (unlabelled, 4), "balance": (0.3 * 7 * uniform, 7)}
    assert set(found.losses) == set(expected)
    leaves = list(clip.parameters.values())
    for name, (value, count) in expected.items():
        assert isinstance(value, torch.Tensor)
        assert found.losses[name][1] == count
        torch.testing.assert_close(found.losses[name][0], value, rtol=1e-4, atol=1e-4)
        pairs = zip(
            torch.autograd.grad(found.losses[name][0], leaves, allow_unused=True, retain_graph=True),
            torch.autograd.grad(value, leaves, allow_unused=True, retain_graph=True),
            strict=True,
        )
        for mine, theirs in pairs:
            if mine is not None and theirs is not None:
                assert float((mine - theirs).norm()) < 1e-3 * (1 + float(theirs.norm()))


def replace_rows(step: Step, row: int) -> Side:
    return replace(step.labelled, rows=np.asarray([row]), visits=np.asarray([0]))


def test_the_balance_is_zero_where_all_classes_are_as_frequent_and_finite_where_one_is_not() -> None:
    assert float(balance(torch.zeros(5, 4))) == pytest.approx(0, abs=1e-6)
    assert float(balance(torch.eye(3) * 1000)) == pytest.approx(0, abs=1e-5)
    alone = float(balance(torch.tensor([[1000.0, 0.0]])))
    assert alone == pytest.approx(0.5 * math.log(0.5) + 0.5 * math.log(0.5 / 1e-8), rel=1e-4)
    tilted = torch.tensor([[0.7, 0.2, 0.1]]).log()
    by_hand = sum(math.log((1 / 3) / p) / 3 for p in (0.7, 0.2, 0.1))
    assert float(balance(tilted)) == pytest.approx(by_hand, rel=1e-5)


def test_only_sure_guesses_are_learned(tiny: Backbone) -> None:
    it, rows = Setting(tiny), [8, 9, 10, 11]
    clip, step = it.networks[0], it.step([0], [8, 9, 10, 11])
    with torch.no_grad():
        text = clip.text_features()
        weak = clip.logits(clip.see(it.views.weak(clip, step, step.unlabelled, 1)), text).softmax(dim=1)
        strong = clip.logits(clip.see(it.views.strong(clip, step, step.unlabelled, 1)), text)
        sure, guess = weak.max(dim=1)
        losses = functional.cross_entropy(strong, guess, reduction="none")
        bar = float(sure.sort().values[1:3].mean())
        found = Setting(tiny, confidence=bar).terms([0], rows).losses["unlabelled"]
    assert 0 < (sure > bar).sum() < 4
    assert float(found[0]) == pytest.approx(float(losses[sure > bar].sum()), rel=1e-4)
    assert found[1] == 4  # FixMatch divides by all of them


def test_the_weight_of_the_guesses_can_grow(tiny: Backbone) -> None:
    with torch.no_grad():
        values = [
            float(Setting(tiny, ramp=ramp).terms([0], [8, 9, 10, 11], epoch=3).losses["unlabelled"][0])
            for ramp in (0, 3, 6)
        ]
    assert values == pytest.approx([values[0], values[0], values[0] / 2], rel=1e-5)


def test_without_unlabelled_samples_there_is_no_such_term(tiny: Backbone) -> None:
    found = Setting(tiny).terms([0, 1], [])
    assert set(found.losses) == {"labelled", "balance"}
    assert math.isfinite(float(found.losses["balance"][0].detach()))


def test_a_part_of_a_batch_with_one_side_only_has_finite_terms(tiny: Backbone) -> None:
    it = Setting(tiny)
    found = it.terms([], [8, 9])
    assert found.losses["labelled"][1] == 0
    assert all(math.isfinite(float(value.detach())) for value, _ in found.losses.values())


def test_in_pieces_both_sides_are_the_same_and_only_the_balance_is_by_piece(tiny: Backbone) -> None:
    it = Setting(tiny, balance_weight=0.0)
    batch = encode(it.step([0, 1, 2, 3], [8, 9, 10, 11]), N)
    leaves = list(it.parameters.values())
    whole, parts = (gradients_of(leaves, it.loss, batch, 1, pieces) for pieces in (1, 3))
    assert whole is not None
    assert parts is not None
    for name, one, other in zip(it.parameters, whole[0], parts[0], strict=True):
        assert (one is None) == (other is None), name
        if one is not None and other is not None:
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)
    for name in ("labelled", "unlabelled"):
        assert whole[1].losses[name][1] == parts[1].losses[name][1] == 4
        assert float(whole[1].losses[name][0]) == pytest.approx(float(parts[1].losses[name][0]), rel=1e-4)


def test_views_differ_by_network_visit_epoch_and_side_and_do_not_by_company(tiny: Backbone) -> None:
    it = Setting(tiny)
    clip = it.networks[0]

    def weak(row: int = 3, visit: int = 0, which: int = 0, epoch: int = 1, others: int = 0) -> torch.Tensor:
        side = Side(rows=np.asarray([row] + [5] * others), visits=np.asarray([visit] + [0] * others))
        return it.views.weak(clip, it.step([], [], which), side, epoch)[0]

    first = weak()
    assert torch.equal(first, weak(others=4))
    different = [weak(visit=1), weak(visit=2), weak(which=1), weak(epoch=2), weak(epoch=3)]
    assert sum(not torch.equal(first, each) for each in different) >= 4
    step, side = it.step([], []), Side(rows=np.arange(N), visits=np.zeros(N, dtype=np.int64))
    strong = it.views.strong(clip, step, side, 1)
    assert not torch.equal(strong, it.views.weak(clip, step, side, 1))
    plain = replace(it.views, config=AvlPrompterConfig(operations=0)).strong(clip, step, side, 1)
    assert not torch.equal(plain, strong)
    covered = replace(it.views, config=AvlPrompterConfig(operations=0, cutout=True))
    grey = (covered.strong(clip, step, side, 1) != plain).any(dim=1).float().mean()
    assert 0.05 < float(grey) < 0.3


# -- the steps of an epoch ---------------------------------------------------------------------------


def test_a_step_is_read_as_it_was_written_and_parts_of_it_are_mixed() -> None:
    rng = np.random.default_rng(0)
    step = Step(
        network=1,
        labelled=Side(rows=rng.permutation(100)[:40], visits=np.zeros(40, dtype=np.int64)),
        unlabelled=Side(rows=rng.permutation(100)[:40], visits=rng.integers(0, 9, 40)),
    )
    numbers = encode(step, 100)
    assert numbers.dtype == np.int64
    again = decode(numbers, 100)
    assert again.network == 1
    for one, other in ((step.labelled, again.labelled), (step.unlabelled, again.unlabelled)):
        pairs = [sorted(zip(each.rows, each.visits, strict=True)) for each in (one, other)]
        assert pairs[0] == pairs[1]
    for part in (*np.array_split(numbers, 4), numbers[::2], numbers[1::2], numbers[::4]):
        assert 0.2 < len(decode(part, 100).labelled) / len(part) < 0.8


def test_an_epoch_goes_once_through_the_labelled_and_around_the_others() -> None:
    n, draws = 100, Draws([f"s{i}" for i in range(100)], 0)
    is_labelled = [np.arange(n) < 70, np.arange(n) >= 95]
    steps = [decode(each, n) for each in steps_of(is_labelled, draws, 1, 16)]
    # ceil(70 / 16) of A, and one of B in the middle of them, where the rates of both are alike
    assert [step.network for step in steps] == [0, 0, 0, 1, 0, 0]
    for which in (0, 1):
        mine = [step for step in steps if step.network == which]
        trained = np.concatenate([step.labelled.rows for step in mine])
        assert sorted(trained) == np.flatnonzero(is_labelled[which]).tolist()
        guessed = [row for step in mine for row in step.unlabelled.rows]
        assert not set(guessed) & set(trained)
        for step in mine:
            assert len(set(step.unlabelled.rows)) == len(step.unlabelled) == 16
    visits = [pair for step in steps if step.network == 0 for pair in
              zip(step.unlabelled.rows.tolist(), step.unlabelled.visits.tolist(), strict=True)]  # fmt: skip
    assert len(set(visits)) == len(visits) == 80  # 30 samples, each looked at two or three times
    assert sorted(visit for _, visit in visits) == [0] * 30 + [1] * 30 + [2] * 20
    other = [decode(each, n) for each in steps_of(is_labelled, draws, 2, 16)]
    assert not np.array_equal(other[0].labelled.rows, steps[0].labelled.rows)


def test_without_anybody_else_a_step_has_one_side() -> None:
    draws = Draws([f"s{i}" for i in range(5)], 0)
    steps = [decode(each, 5) for each in steps_of([np.ones(5, dtype=bool)] * 2, draws, 1, 3)]
    assert [len(step.labelled) for step in steps] == [3, 3, 2, 2]
    assert all(len(step.unlabelled) == 0 for step in steps)


# -- both networks -----------------------------------------------------------------------------------


def test_the_idle_network_stays_bit_for_bit_and_holds_no_gradient(tiny: Backbone, tmp_path: Path) -> None:
    it = Setting(tiny)
    before = {name: value.detach().clone() for name, value in it.parameters.items()}
    batches = [encode(it.step([0, 1, 2, 3], [8, 9]), N)] * 2
    config = it.config.model_copy(update={"epochs": 1})
    train(it.parameters, it.loss, lambda epoch: batches, plan(config), Checkpoint(tmp_path, "x"), silent)
    for name, value in it.parameters.items():
        if name.startswith("b."):
            assert torch.equal(value, before[name]), name
            assert value.grad is None
    assert any(not torch.equal(value, before[name]) for name, value in it.parameters.items())


def test_the_towers_learn_at_a_tenth_of_the_rate_of_the_prompts() -> None:
    found = plan(AvlPrompterConfig())
    assert found.share("a.prompt.context") == found.share("b.prompt.weight") == 1
    assert found.share("a.tower.visual.proj") == found.share("b.tower.text_projection") == 0.1
    assert found.longest_step == 1
    assert found.is_smooth


def test_both_networks_have_prompts_of_their_own_and_the_same_clip(tiny: Backbone) -> None:
    first, second = network(tiny, 0), network(tiny, 1)
    for name, value in first.parameters.items():
        alike = torch.equal(value, second.parameters[name])
        assert alike == (name.startswith("tower.") or name == "prompt.context"), name
        assert value.data_ptr() != second.parameters[name].data_ptr()


def test_frozen_tables_are_no_parameters(tiny: Backbone) -> None:
    whole, less = network(tiny), network(tiny, freeze_embeddings=True)
    gone = set(whole.parameters) - set(less.parameters)
    assert gone == {
        "tower.token_embedding.weight",
        "tower.positional_embedding",
        "tower.visual.positional_embedding",
    }
    (gradient,) = torch.autograd.grad(less.text_features().sum(), less.prompts.context)
    assert gradient.abs().max() > 0


def test_the_answer_of_both_lies_at_one_half_where_the_threshold_is() -> None:
    def judged(weight: list[float], ok: bool = True) -> Judgement:
        values = np.asarray(weight, dtype=np.float32)
        return Judgement(weight=values, p_clean=values, gmm_ok=ok)

    found = agreed([judged([0.6, 1.0, 0.2, 0.0]), judged([0.6, 0.6, 0.4, 0.0])], 0.6)
    np.testing.assert_allclose(found, [0.5, 0.75, 0.25, 0.0], atol=1e-6)
    fallen = agreed([judged([0.6, 1.0]), judged([0.4, 1.0], ok=False)], 0.6)
    np.testing.assert_allclose(fallen, [0.5, 1.0], atol=1e-6)


# -- the whole ---------------------------------------------------------------------------------------


@pytest.fixture
def run(
    tiny: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, list[Any]]]:
    """Run the detector on N pictures of noise, with splits as told in place of those of a mixture."""

    def go(manifest: Manifest, trusted: np.ndarray | None = None, **settings: Any) -> dict[str, list[Any]]:
        seen: dict[str, list[Any]] = {"steps": [], "found": [], "events": []}

        def spying(is_labelled: Any, draws: Draws, epoch: int, batch_size: int) -> list[np.ndarray]:
            batches = steps_of(is_labelled, draws, epoch, batch_size)
            seen["steps"].append([decode(each, len(manifest)) for each in batches])
            return batches

        def report(event: str, /, **values: Any) -> None:
            seen["events"].append((event, values))

        monkeypatch.setattr("engine.detectors.avl_prompter.steps_of", spying)
        if trusted is not None:
            monkeypatch.setattr(
                "engine.detectors.dividemix.split.judge",
                lambda losses, *_, **__: Judgement(
                    weight=trusted.astype(np.float32), p_clean=trusted.astype(np.float32), gmm_ok=True
                ),
            )
        n = len(manifest)
        pixels = np.random.default_rng(0).integers(0, 256, (n, SIZE, SIZE, 3)).astype(np.uint8)
        given = Inputs(
            features=tiny.encode_images(pixels),
            classes=tiny.class_features(DRAWN),
            pixels=Rows(store=pixels, index=np.arange(n), keys=manifest.sample_ids),
            seed=settings.pop("seed", 0),
            run_dir=settings.pop("run_dir", tmp_path),
            cache=tmp_path / "cache",
            batch_size=16,
        )
        asked: dict[str, Any] = {"epochs": 1, "batch_size": 8} | settings
        config = AvlPrompterConfig(**asked)
        named = replace(manifest, class_prompts=DRAWN)
        seen["found"].append(detect(config, named, given, tiny, tiny.runtime, report))
        return seen

    return go


def labels(pinned: dict[int, tuple[Pin, tuple[int, ...]]] | None = None, n: int = 24) -> Manifest:
    return make_manifest(np.arange(n) % 3, pinned=pinned)


def test_each_network_trains_with_what_its_peer_trusts(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    trusts = iter([np.arange(24) < 10, np.arange(24) >= 20] * 2)

    def judge(losses: np.ndarray, *_: Any, **__: Any) -> Judgement:
        values = next(trusts).astype(np.float32)
        return Judgement(weight=values, p_clean=values, gmm_ok=True)

    monkeypatch.setattr("engine.detectors.dividemix.split.judge", judge)
    seen = run(labels())
    for which, expected in ((0, range(20, 24)), (1, range(10))):
        mine = [step for step in seen["steps"][0] if step.network == which]
        assert sorted(row for step in mine for row in step.labelled.rows) == list(expected)


def test_settled_samples_are_labelled_for_both_and_never_guessed(run: Any) -> None:
    pinned: dict[int, tuple[Pin, tuple[int, ...]]] = {
        0: (Pin.CLEAN, (0,)),
        1: (Pin.RELABELLED, (2,)),
        2: (Pin.AMBIGUOUS, (0, 1)),
    }
    # Nobody but sample 5 is trusted.
    seen = run(labels(pinned), trusted=np.arange(24) == 5)
    for which in (0, 1):
        mine = [step for step in seen["steps"][0] if step.network == which]
        assert {row for step in mine for row in step.labelled.rows} == {0, 1, 2, 5}
        assert not {row for step in mine for row in step.unlabelled.rows} & {0, 1, 2, 5}
    np.testing.assert_allclose(seen["found"][0].p_clean[:3], [1, 0, 0])


def test_settled_samples_train_with_the_word_of_people(tiny: Backbone) -> None:
    pinned: dict[int, tuple[Pin, tuple[int, ...]]] = {
        1: (Pin.RELABELLED, (2,)),
        2: (Pin.AMBIGUOUS, (0, 1)),
    }
    it = Setting(tiny, make_manifest(np.arange(N) % 3, pinned=pinned))
    step = it.step([1, 2], [])
    with torch.no_grad():
        clip = it.networks[0]
        images = clip.see(it.views.weak(clip, step, step.labelled, 1))
        log_p = clip.logits(images, clip.text_features()).log_softmax(dim=1)
        found = it.terms([1, 2], [])
    expected = -log_p[0, 2] - 0.5 * log_p[1, 0] - 0.5 * log_p[1, 1]
    assert float(found.losses["labelled"][0]) == pytest.approx(float(expected), rel=1e-4)
    assert found.shares["agreement"][1] == 1  # an ambiguous sample has no single answer


def test_a_split_that_trusts_nobody_is_replaced_by_the_best_of_each_class(run: Any) -> None:
    seen = run(labels(), trusted=np.zeros(24))
    rows = [row for step in seen["steps"][0] for row in step.labelled.rows if step.network == 0]
    assert sorted(np.asarray(rows) % 3) == [0, 1, 2]
    assert np.isfinite(seen["found"][0].p_clean).all()


def test_a_split_that_trusts_everybody_guesses_nothing(run: Any) -> None:
    seen = run(labels(), trusted=np.ones(24))
    assert all(len(step.unlabelled) == 0 for step in seen["steps"][0])
    assert len(seen["steps"][0]) == 2 * 3


def test_a_resumed_run_ends_bit_for_bit_where_an_uninterrupted_one_does(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("whole", "broken"):
        (tmp_path / name).mkdir()
    # Losses are averaged, so that there is a memory, too.
    settings = {"epochs": 3, "averaged_epochs": 2, "n_context": 1, "depth": 2}
    whole = run(labels(), run_dir=tmp_path / "whole", **settings)["found"][0]
    looks = 0

    def interrupted(*given: Any) -> Any:
        nonlocal looks
        looks += 1
        if looks == 5:  # of the third epoch
            raise KeyboardInterrupt
        return _look(*given)

    monkeypatch.setattr("engine.detectors.avl_prompter._look", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(labels(), run_dir=tmp_path / "broken", **settings)
    monkeypatch.setattr("engine.detectors.avl_prompter._look", _look)
    seen = run(labels(), run_dir=tmp_path / "broken", **settings)
    assert [values["epoch"] for event, values in seen["events"] if event == "resumed"] == [2]
    assert len(seen["steps"]) == 1
    np.testing.assert_array_equal(whole.p_clean, seen["found"][0].p_clean)
    np.testing.assert_array_equal(whole.probs, seen["found"][0].probs)


def test_the_losses_of_five_epochs_are_averaged_where_the_threshold_asks_for_it() -> None:
    assert _averages(AvlPrompterConfig(threshold=0.6)).averaged_epochs == 5
    assert _averages(AvlPrompterConfig()).averaged_epochs == 1
    assert _averages(AvlPrompterConfig(averaged_epochs=3)).averaged_epochs == 3


def test_wrong_labels_are_told_from_right_ones_and_not_learned(run_detector: Any) -> None:
    given = np.arange(60) % 3
    given[:12] = (given[:12] + 1) % 3
    true = {f"s{i:03d}": i % 3 for i in range(60)}
    _, found = run_detector("avl_prompter", make_manifest(given), true)
    assert (found.p_clean[:12, None] < found.p_clean[None, 12:]).mean() > 0.9
    assert (found.suggested == np.arange(60) % 3).mean() > 0.85
    assert (found.suggested[:12] == given[:12]).mean() < 0.2
    assert found.notes["gmm_ok"]


@pytest.mark.parametrize("optimiser", ["rprop", "adamw"])
def test_a_rate_that_clip_does_not_survive_is_refused(optimiser: str, run: Any) -> None:
    with pytest.raises(EngineError, match=r"learning_rate is 0\.02, and with .* set it to 0\.00001"):
        run(labels(), optimiser=optimiser)
    found = run(labels(n=12), optimiser=optimiser, learning_rate=1e-5)["found"][0]
    assert np.isfinite(found.p_clean).all()


def test_classes_that_are_read_alike_and_other_models_are_refused_in_a_sentence(
    tiny: Backbone, backbone: Backbone
) -> None:
    nothing: Any = None
    alike = replace(labels(), class_prompts=("Polar_bear", "polar  bear", "fox"))
    with pytest.raises(EngineError, match="both read as 'polar bear'"):
        detect(AvlPrompterConfig(), alike, nothing, tiny, tiny.runtime, silent)
    given = Inputs(**{name: nothing for name in ("features", "classes", "pixels", "run_dir", "cache")},
                   seed=0, batch_size=1)  # fmt: skip
    with pytest.raises(EngineError, match="text side of colours is not CLIP's"):
        detect(AvlPrompterConfig(), labels(), given, backbone, backbone.runtime, silent)
    other = replace(tiny, model=CLIP(
        20, CLIPVisionCfg(image_size=32, patch_size=16, width=32, head_width=16, layers=1, pool_type="avg"),
        CLIPTextCfg(context_length=24, vocab_size=tiny.tokenizer.vocab_size, width=48, heads=3, layers=1),
    ))  # fmt: skip
    with pytest.raises(EngineError, match="image tower of tiny is no plain vision transformer"):
        detect(AvlPrompterConfig(), labels(), given, other, other.runtime, silent)


def test_cosine_of_logits_is_scaled_by_a_number_that_never_learns(tiny: Backbone) -> None:
    clip = network(tiny)
    image, text = (functional.normalize(torch.randn(2, 20), dim=1) for _ in range(2))
    torch.testing.assert_close(clip.logits(image, text), 20.0 * image @ text.T)
    assert not any("logit" in name for name in clip.parameters)
