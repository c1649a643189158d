"""The simulated annotator of benchmarks/effort.py, its curves, and the chart that shows them."""

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from benchmarks import annotator, effort, known_truth
from benchmarks.chart import Line, Panel, draw, spread, ticks
from engine.artifacts import Neighbours, read_scores
from engine.config import BackboneConfig
from reviewer.decisions import Decision, Outcome
from reviewer.queries import Samples
from reviewer.queue import RunArrays
from reviewer.workspace import create_workspace
from tests.driver import write_digits, write_random_clip

N, K = 400, 4
NAMES = ("ant", "bee", "cat", "dog")


@pytest.fixture
def problem() -> tuple[np.ndarray, np.ndarray]:
    """Given labels and truth: some of no class, some unusable, a quarter of the others wrong."""
    rng = np.random.default_rng(3)
    truth = rng.integers(0, K, N)
    given = np.where(rng.random(N) < 0.25, (truth + 1) % K, truth)
    truth[:8], truth[8:12] = annotator.OUT_OF_SCOPE, annotator.BAD_IMAGE
    shuffled = rng.permutation(N)
    return given[shuffled], truth[shuffled]


@pytest.fixture
def queue(problem: tuple[np.ndarray, np.ndarray]) -> tuple[Samples, RunArrays]:
    """Samples and a run whose model is right about most pictures and often takes bees for cats."""
    given, truth = problem
    rng = np.random.default_rng(4)
    believed = np.where(rng.random(N) < 0.85, np.maximum(truth, 0), rng.integers(0, K, N))
    believed[(truth == 1) & (rng.random(N) < 0.5)] = 2
    probs = np.full((N, K), 0.1, dtype=np.float32)
    probs[np.arange(N), believed] = 0.7
    ids = np.asarray([f"{i:04}" for i in range(N)], dtype=object)
    labels = np.asarray([NAMES[k] for k in given], dtype=object)
    samples = Samples(sample_ids=ids, paths=ids, given_labels=labels, problems=np.full(N, None, dtype=object))
    run = RunArrays(
        run_id="r",
        detector="transition",
        class_names=NAMES,
        alpha=0.3,
        positions=np.arange(N),
        row_at=np.arange(N),
        given=given,
        probs=probs,
        p_clean=np.full(N, 0.5, dtype=np.float32),
        suggested=labels,
        neighbours=Neighbours(rows=np.zeros((N, 0)), similarities=np.zeros((N, 0))),
        reason="",
    )
    return samples, run


def curve(
    problem: tuple[np.ndarray, np.ndarray],
    order: np.ndarray,
    decide: Callable[[int], Decision] | None = None,
) -> np.ndarray:
    given, truth = problem
    decide = decide or annotator.truthful(NAMES, given, truth)
    return annotator.accuracy_curve(order, given, truth, NAMES, decide)


@pytest.mark.parametrize(
    ("given", "true", "outcome", "labels"),
    [
        (2, 2, Outcome.KEEP, ()),
        (2, 0, Outcome.RELABEL, ("ant",)),
        (2, annotator.OUT_OF_SCOPE, Outcome.OUT_OF_SCOPE, ()),
        (2, annotator.BAD_IMAGE, Outcome.BAD_IMAGE, ()),
    ],
)
def test_the_annotator_says_what_the_truth_has(given: int, true: int, outcome: Outcome, labels: tuple):
    decision = annotator.truthful(NAMES, np.asarray([0, given]), np.asarray([0, true]))(1)
    assert (decision.position, decision.outcome, decision.labels) == (1, outcome, labels)
    assert decision.given_label == NAMES[given]
    assert annotator.state_after(decision, NAMES) == true


def test_the_oracle_needs_one_decision_for_each_wrong_label_and_no_more(problem):
    given, truth = problem
    n_wrong = int((given != truth).sum())
    found = curve(problem, annotator.oracle_order(given, truth))
    assert found[0] == pytest.approx(1 - n_wrong / N)
    assert annotator.decisions_to(found, 1.0) == n_wrong
    np.testing.assert_allclose(np.diff(found), np.where(np.arange(N) < n_wrong, 1 / N, 0), atol=1e-12)


def test_whoever_knows_the_truth_never_makes_it_worse_and_ends_at_all_right(problem, queue):
    given, truth = problem
    decide = annotator.truthful(NAMES, given, truth)
    found = [annotator.random_order(N, seed) for seed in range(3)]
    samples, run = queue
    found += [annotator.static_order(samples, run), annotator.reranked_order(samples, run, decide, 30)]
    for order in found:
        assert sorted(order.tolist()) == list(range(N))
        values = curve(problem, order)
        assert (np.diff(values) >= 0).all()
        assert values[-1] == 1.0
        assert (values <= curve(problem, annotator.oracle_order(given, truth))).all()


def test_whoever_keeps_everything_changes_nothing_and_whoever_is_wrong_makes_it_worse(problem):
    given, truth = problem
    keeps = annotator.truthful(NAMES, given, given)
    assert len(set(curve(problem, np.arange(N), keeps).tolist())) == 1
    wrong = annotator.truthful(NAMES, given, (np.maximum(truth, 0) + 1) % K)
    assert curve(problem, np.arange(N), wrong)[-1] == 0.0


def test_a_second_decision_on_a_sample_replaces_the_first(problem):
    given, truth = problem
    right = annotator.truthful(NAMES, given, truth)
    wrong = annotator.truthful(NAMES, given, (np.maximum(truth, 0) + 1) % K)
    answers = iter([wrong, right])
    at = int(np.flatnonzero(given == truth)[0])
    found = curve(problem, np.asarray([at, at]), lambda position: next(answers)(position))
    np.testing.assert_allclose(found * N, (given == truth).sum() + np.asarray([0, -1, 0]))


def test_a_skip_settles_nothing(problem):
    given, _ = problem

    def skip(position: int) -> Decision:
        return annotator._decision(position, Outcome.SKIP, NAMES[given[position]])

    assert len(set(curve(problem, np.arange(N), skip).tolist())) == 1


def test_a_random_order_gains_evenly(problem):
    given, truth = problem
    n_wrong = int((given != truth).sum())
    mean = np.mean([curve(problem, annotator.random_order(N, seed)) for seed in range(200)], axis=0)
    expected = 1 - n_wrong / N * (1 - np.arange(N + 1) / N)
    # sd of the mean at half way: about sqrt(n_wrong / 4 / 200) / N = .0009
    np.testing.assert_allclose(mean, expected, atol=0.005)


def test_decisions_to_a_level_are_counted_from_the_first_that_reaches_it():
    found = np.asarray([0.7, 0.8, 0.9, 0.9, 1.0])
    assert [annotator.decisions_to(found, level) for level in (0.5, 0.7, 0.75, 0.9, 0.95, 1.0)] == [
        *(0, 0, 1, 2, 4, 4)
    ]
    assert annotator.decisions_to(found[:-1], 0.95) is None
    assert annotator.decisions_to(np.asarray([0.1 + 0.2]), 0.3) == 0
    assert annotator.decisions_to(np.asarray([99 / 100 * (1 - 1e-16)]), 0.99) == 0


def test_the_queue_is_better_than_chance_and_decisions_change_it(problem, queue):
    given, truth = problem
    decide = annotator.truthful(NAMES, given, truth)
    samples, run = queue
    static, reranked = (
        annotator.static_order(samples, run),
        annotator.reranked_order(samples, run, decide, 30),
    )
    by_chance = curve(problem, annotator.random_order(N, 0))[N // 4]
    assert curve(problem, static)[N // 4] > by_chance + 0.05
    assert reranked[:30].tolist() == static[:30].tolist()
    assert reranked.tolist() != static.tolist()


def test_one_ranking_for_all_decisions_is_the_static_order(problem, queue):
    decide = annotator.truthful(NAMES, *problem)
    samples, run = queue
    static = annotator.static_order(samples, run)
    assert annotator.reranked_order(samples, run, decide, N).tolist() == static.tolist()


def test_figures_are_means_over_the_seeds_and_ratios_to_the_oracle():
    steps = np.arange(101)
    found = {
        "oracle": np.minimum(1.0, 0.5 + 0.01 * steps)[None],
        "random": np.stack([0.5 + 0.005 * steps, np.minimum(1.0, 0.5 + 0.0075 * steps)]),
    }
    figures = effort.summary(found)
    assert figures["oracle"] == {"95%": [45.0], "98%": [48.0], "99%": [49.0], "ratio": [1.0]}
    assert figures["random"] == {"95%": [90, 60], "98%": [96, 64], "99%": [98, 66], "ratio": [2, 66 / 49]}
    assert effort.spread([98.0, 66.0], 0) == "82 ± 23"
    assert effort.spread([1950.0], 0) == "1,950"
    assert effort.spread([], 2) == "never"
    json.dumps(figures)


def test_the_chart_is_a_picture_with_every_name_and_crossing():
    lines = [
        Line(name="fast & <b>", y=np.minimum(1.0, 0.6 + 0.01 * np.arange(101)), colour=1),
        Line(name="slow", y=0.6 + 0.002 * np.arange(101), colour=5, dash="2 3"),
    ]
    panel = Panel(title="x < y", lines=lines, x_end=60, y_from=0.6, y_end=0.996, level=0.9)
    root = ElementTree.fromstring(draw([panel, panel, panel], x_name="decisions", y_name="accuracy"))
    space = "{http://www.w3.org/2000/svg}"
    words = [element.text for element in root.iter(f"{space}text")]
    assert words.count("fast & <b>") == words.count("slow") == words.count("x < y") == 3
    assert len(list(root.iter(f"{space}circle"))) == 3  # only the fast line gets there
    width, height = (float(root.attrib[name]) for name in ("width", "height"))
    for line in root.iter(f"{space}polyline"):
        for point in line.attrib["points"].split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= width
            assert 0 <= y <= height


def test_names_stand_apart_in_the_order_of_their_lines():
    assert spread([50.0, 10.0, 12.0, 11.0], 15, 5) == [55.0, 10.0, 40.0, 25.0]
    assert spread([0.0], 15, 5) == [5.0]


@pytest.mark.parametrize(
    ("high", "expected"),
    [(3.0, [0, 1, 2, 3]), (3310.0, [0, 1000, 2000, 3000]), (2126.0, [0, 500, 1000, 1500, 2000])],
)
def test_ticks_are_round(high: float, expected: list[float]):
    assert ticks(0.0, high) == expected


def test_a_task_has_everything_by_position_whatever_the_order_of_the_table(tmp_path: Path):
    labels = write_digits(tmp_path / "digits", count=40, side=32)
    truth = {path: true for path, (_, true) in labels.items()}
    strange, unusable = sorted(truth)[10:12]
    truth |= {strange: "out_of_scope", unusable: "bad_image"}
    clip = BackboneConfig(weights=str(write_random_clip(tmp_path / "clip")))
    paths = sorted(labels, reverse=True)  # a run's rows are in the order of the ids
    table = tmp_path / "labels.csv"
    known_truth.write_table(table, ((path, labels[path][0]) for path in paths))
    made, _ = create_workspace(tmp_path / "w", tmp_path / "digits", labels=table, backbone=clip)
    with pytest.raises(RuntimeError, match="40 samples, 39 truths"):
        known_truth.make_task("digits", made, {path: truth[path] for path in paths[1:]})
    task = known_truth.make_task("digits", made, truth)

    assert task.samples.paths.tolist() == paths
    assert [task.names[k] for k in task.given] == [labels[path][0] for path in paths]
    states = {**dict(enumerate(task.names)), -1: "out_of_scope", -2: "bad_image"}
    assert [states[k] for k in task.truth.tolist()] == [truth[path] for path in paths]
    for detector, found, file in (
        ("transition", task.features, "embeddings.npy"),
        ("label_match", task.zero_shot, "probabilities.npy"),
    ):
        directory = next(made.runs.glob(f"*-{detector}"))
        row = {path: k for k, path in enumerate(read_scores(directory).sample_ids.tolist())}
        rows = [row[path] for path in paths]
        assert rows != list(range(40))
        np.testing.assert_allclose(found, np.load(directory / file)[rows], atol=1e-3)
