"""Why a sample is worth a look: what the filter finds and what the card says are one rule."""

from collections.abc import Sequence

import numpy as np
import pytest

from engine.artifacts import Neighbours
from reviewer.decisions import Decision, Outcome
from reviewer.queue import Ranking, RunArrays
from reviewer.reasons import NOBODY, REASONS, label_codes, reason_masks, reasons_of
from tests.reviewer.simulated import decision

NAMES = ("husky", "wolf", "fox")


def make_run(
    given: list[int],
    neighbours: list[list[int]],
    probs: list[list[float]] | None = None,
    *,
    detector: str = "transition",
    p_clean: list[float] | None = None,
    positions: list[int] | None = None,
    n_samples: int | None = None,
    own_chance: list[float] | None = None,
) -> RunArrays:
    """A run of n rows; row i stands at position i unless `positions` says where."""
    n = len(given)
    at = np.asarray(range(n) if positions is None else positions)
    row_at = np.full(n_samples or n, -1)
    row_at[at] = np.arange(n)
    width = max(map(len, neighbours))
    rows = np.asarray([[*row, *[-1] * (width - len(row))] for row in neighbours], dtype=np.int32)
    return RunArrays(
        run_id=f"run-{detector}",
        detector=detector,
        class_names=NAMES,
        alpha=0.3,
        positions=at,
        row_at=row_at,
        given=np.asarray(given),
        probs=np.asarray(probs if probs else np.eye(3)[given], dtype=np.float32),
        p_clean=np.asarray(p_clean if p_clean else [0.5] * n, dtype=np.float32),
        suggested=np.asarray([NAMES[k] for k in given], dtype=object),
        neighbours=Neighbours(rows=rows, similarities=np.zeros(rows.shape, np.float16)),
        reason="",
        own_chance=None if own_chance is None else np.asarray(own_chance, dtype=np.float32),
    )


def ranking_of(run: RunArrays, posterior: list[list[float]] | None = None) -> Ranking:
    p_clean = np.full(len(run.row_at), np.nan, dtype=np.float32)
    p_clean[run.positions] = run.p_clean
    known = run.probs if posterior is None else np.asarray(posterior, dtype=np.float32)
    return Ranking(version=1, run=run, p_clean=p_clean, order=run.positions, posterior=known)


def words_of(
    ranking: Ranking, position: int, runs: Sequence[RunArrays] = (), decided: Sequence[Decision] = ()
) -> dict[str, str]:
    held = {each.position: each for each in decided}
    return {reason.key: reason.words for reason in reasons_of(ranking, runs, held, position, 0.5)}


def test_what_the_neighbours_say():
    # 0 is a husky among wolves; 1 a wolf among wolves and one husky; 5 stands alone among the most.
    wolves = make_run([0, 1, 1, 1, 2, 2], [[1, 2, 3], [0, 2, 3], [], [1], [0, 1, 2], [5, 4, 1]])
    ranking = ranking_of(wolves)
    assert words_of(ranking, 0) == {
        "neighbours": "3 of 3 neighbours say wolf",
        "alone": "none says husky",
    }
    assert words_of(ranking, 1) == {"agree": "2 of 3 neighbours say wolf"}
    assert words_of(ranking, 2) == {}
    assert words_of(ranking, 3) == {"agree": "1 of 1 neighbours say wolf"}


def test_neighbours_of_many_classes_are_said_to_be_so():
    run = make_run([0, 1, 1, 2, 2, 0], [[1, 2, 3, 4, 5], [], [], [], [], []])
    assert words_of(ranking_of(run), 0)["neighbours"] == "4 of 5 neighbours are not husky, 2 say fox"


def test_a_neighbour_speaks_with_its_label_of_now():
    run = make_run([0, 1, 1, 1], [[1, 2, 3], [], [], []])
    ranking = ranking_of(run)
    moved = [decision(f"decision-{at}", at, Outcome.RELABEL, ["husky"], given="wolf") for at in (1, 2)]
    assert words_of(ranking, 0, decided=moved) == {"agree": "2 of 3 neighbours say husky"}
    gone = decision("decision-3", 3, Outcome.OUT_OF_SCOPE, given="wolf")
    assert words_of(ranking, 0, decided=[*moved, gone]) == {"agree": "2 of 2 neighbours say husky"}
    doubtful = decision("decision-3", 3, Outcome.AMBIGUOUS, ["wolf", "fox"], given="wolf")
    assert words_of(ranking, 0, decided=[*moved, doubtful]) == {"agree": "2 of 2 neighbours say husky"}


def test_a_class_that_came_after_the_run_is_another_label():
    run = make_run([0, 0, 0, 1], [[1, 2, 3], [], [], []])
    late = [decision(f"decision-{at}", at, Outcome.RELABEL, ["dingo"]) for at in (1, 2)]
    assert words_of(ranking_of(run), 0, decided=late)["neighbours"] == "2 of 3 neighbours say dingo"
    codes = label_codes(run, {each.position: each for each in late})
    assert codes.tolist() == [0, 3, 3, 1]
    lost = decision("lost-id-1", 2, Outcome.BAD_IMAGE)
    assert label_codes(run, {2: lost})[2] == NOBODY


def test_the_model_and_its_confidence():
    probs = [[0.2, 0.7, 0.1], [0.1, 0.8, 0.1], [0.4, 0.35, 0.25]]
    run = make_run([0, 1, 0], [[], [], [1]], probs)
    ranking = ranking_of(run, [[0.01, 0.985, 0.005], [0.05, 0.93, 0.02], [0.1, 0.9, 0.0]])
    assert words_of(ranking, 0) == {
        "model": "the model alone says wolf (70 %)",
        "confident": "98 % for wolf",
    }
    assert words_of(ranking, 1) == {}, "a sure suggestion of the given label is no reason"
    assert set(words_of(ranking, 2)) == {"neighbours", "alone"}, "0.9 is not above 90 %"


def test_of_each_detector_the_newest_run_speaks():
    first = make_run([0, 0], [[], [1]], p_clean=[0.9, 0.9])
    second = make_run([0, 0], [[], [1]], detector="deft", p_clean=[0.2, 0.2])
    newest = make_run([0, 0], [[], [1]], p_clean=[0.1, 0.7])
    ranking = ranking_of(newest)
    assert "every_run" not in words_of(ranking, 0, [first, newest])
    assert words_of(ranking, 0, [first, second, newest])["every_run"] == "2 of 2 detectors flag it"
    assert words_of(ranking, 1, [first, second, newest])["runs_differ"] == "1 of 2 detectors flag it"
    calm = make_run([0, 0], [[], [1]], detector="knn", p_clean=[0.8, 0.8])
    assert not {"every_run", "runs_differ"} & set(words_of(ranking_of(calm), 1, [newest, calm]))


def test_what_the_newest_prompts_prefer():
    old = make_run([0, 1], [[], []], detector="deft", own_chance=[0.9, 0.1])
    new = make_run([0, 1], [[], []], detector="deft", own_chance=[0.2, 0.7], p_clean=[0.6, 0.6])
    other = make_run([0, 1], [[], []], p_clean=[0.6, 0.6])
    ranking = ranking_of(other)
    assert words_of(ranking, 0, [old, new, other]) == {"prompts": "prompts prefer not husky (80 %)"}
    assert words_of(ranking, 1, [old, new, other]) == {}
    assert reason_masks(ranking, [old, new, other], {}, 0.5)["prompts"].tolist() == [True, False]
    assert not reason_masks(ranking, [other], {}, 0.5)["prompts"].any()


@pytest.mark.parametrize("seed", range(6))
def test_the_filter_finds_exactly_the_cards_that_say_it(seed: int, monkeypatch: pytest.MonkeyPatch):
    """Random runs, some samples in none, some neighbours missing, some decided; blocks that do not divide."""
    monkeypatch.setattr("reviewer.reasons.BLOCK", 17)
    rng = np.random.default_rng(seed)
    n_samples, n = 90, 70
    runs = []
    for detector in ("transition", "deft", "transition", "knn")[: 1 + seed % 4]:
        neighbours = rng.integers(-1, n, (n, 20)) if seed else rng.integers(-1, n, (n, 3))
        run = make_run(
            rng.integers(0, 3, n).tolist(),
            neighbours.tolist(),
            rng.dirichlet([0.3] * 3, n).tolist(),
            detector=detector,
            p_clean=rng.random(n).tolist(),
            positions=rng.permutation(n_samples)[:n].tolist(),
            n_samples=n_samples,
            own_chance=rng.random(n).tolist() if detector == "deft" else None,
        )
        runs.append(run)
    ranking = ranking_of(runs[-1], rng.dirichlet([0.1] * 3, n).tolist())
    decisions = {}
    for at in rng.permutation(n_samples)[:40].tolist():
        outcome = list(Outcome)[int(rng.integers(len(Outcome)))]
        labels = {Outcome.RELABEL: ["dingo" if at % 5 == 0 else "fox"], Outcome.AMBIGUOUS: ["fox", "wolf"]}
        decisions[at] = decision(f"decision-{at}", at, outcome, labels.get(outcome, ()))
    masks = reason_masks(ranking, runs, decisions, 0.5)
    said: dict[str, set[int]] = {key: set() for key in REASONS}
    for position in range(n_samples):
        for reason in reasons_of(ranking, runs, decisions, position, 0.5):
            assert reason.words
            said[reason.key].add(position)
    assert {key: set(np.flatnonzero(mask).tolist()) for key, mask in masks.items()} == said
    assert any(said.values())


def test_without_a_run_there_is_no_reason():
    nothing = np.full(4, np.nan, dtype=np.float32)
    ranking = Ranking(version=0, run=None, p_clean=nothing, order=np.arange(4))
    masks = reason_masks(ranking, [], {}, 0.5)
    assert set(masks) == set(REASONS)
    assert all(mask.shape == (4,) and not mask.any() for mask in masks.values())
    assert reasons_of(ranking, [], {}, 0, 0.5) == []
