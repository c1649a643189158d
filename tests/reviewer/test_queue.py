from dataclasses import replace

import numpy as np
import pytest

from engine.artifacts import Neighbours
from reviewer.decisions import Decision, Outcome
from reviewer.queries import Samples
from reviewer.queue import RunArrays, next_positions, rank
from tests.reviewer.simulated import decision

N, K = 12, 3
NAMES = ("a", "b", "c")
GIVEN = np.arange(N) % K


def samples(problem_at: tuple[int, ...] = ()) -> Samples:
    problems = np.full(N, None, dtype=object)
    problems[list(problem_at)] = "the file is not there"
    ids = np.asarray([f"s{i:02}" for i in range(N)], dtype=object)
    labels = np.asarray([NAMES[k] for k in GIVEN], dtype=object)
    return Samples(sample_ids=ids, paths=ids, given_labels=labels, problems=problems)


def run(positions: list[int] | None = None, wrong: tuple[int, ...] = (5, 2)) -> RunArrays:
    """A model that agrees with every label but those at `wrong`."""
    at = np.asarray(range(N) if positions is None else positions, dtype=np.int64)
    probs = np.full((len(at), K), 0.05, dtype=np.float32)
    for row, position in enumerate(at):
        probs[row, (GIVEN[position] + (1 if position in wrong else 0)) % K] = 0.9
    row_at = np.full(N, -1, dtype=np.int64)
    row_at[at] = np.arange(len(at))
    return RunArrays(
        run_id="r",
        detector="knn",
        class_names=NAMES,
        alpha=0.3,
        positions=at,
        row_at=row_at,
        given=GIVEN[at],
        probs=probs,
        p_clean=np.full(len(at), 0.5, dtype=np.float32),
        suggested=np.asarray(["a"] * len(at)),
        neighbours=Neighbours(rows=np.zeros((len(at), 0)), similarities=np.zeros((len(at), 0))),
        reason="",
    )


def decided(position: int, outcome: Outcome, labels: tuple[str, ...] = ()) -> dict[int, Decision]:
    given = NAMES[GIVEN[position]]
    return {position: decision(f"d{position}", position, outcome, labels, given=given)}


def test_the_most_suspicious_come_first_and_equals_by_position():
    order = rank(samples(), run(), {}, 1).order.tolist()
    assert sorted(order[:2]) == [2, 5]
    assert sorted(order) == list(range(N))
    same = replace(run(), probs=np.full((N, K), 1 / K, dtype=np.float32), given=np.zeros(N, dtype=np.int64))
    assert rank(samples(), same, {}, 1).order.tolist() == list(range(N))


def test_the_order_does_not_depend_on_the_rows_of_the_run():
    backward = rank(samples(), run(list(range(N))[::-1]), {}, 1)
    forward = rank(samples(), run(), {}, 1)
    assert backward.order.tolist() == forward.order.tolist()
    np.testing.assert_allclose(backward.p_clean, forward.p_clean, atol=1e-6)
    assert rank(samples(), run(), {}, 1).p_clean.tobytes() == forward.p_clean.tobytes()


def test_what_people_decided_is_known():
    decisions = {
        **decided(5, Outcome.KEEP),
        **decided(0, Outcome.RELABEL, ("b",)),
        **decided(1, Outcome.AMBIGUOUS, ("b", "c")),
        **decided(3, Outcome.AMBIGUOUS, ("b", "c")),
    }
    ranking = rank(samples(), run(), decisions, 1)
    assert ranking.p_clean[[5, 0, 1, 3]].tolist() == [1.0, 0.0, 0.5, 0.0]
    assert ranking.class_probabilities(0).tolist() == [0, 1, 0]  # type: ignore[union-attr]


def test_decisions_teach_the_ranking_about_the_others():
    before = rank(samples(), run(), {}, 1)
    kept = {**decided(5, Outcome.KEEP)}
    assert rank(samples(), run(), kept, 2).p_clean[2] > before.p_clean[2]


@pytest.mark.parametrize("outcome", [Outcome.OUT_OF_SCOPE, Outcome.BAD_IMAGE])
def test_what_shows_no_class_does_not_count(outcome: Outcome):
    dropped = rank(samples(), run(), decided(5, outcome), 1)
    without = rank(samples(), run([i for i in range(N) if i != 5]), {}, 1)
    assert dropped.noise_rate == pytest.approx(without.noise_rate, abs=1e-6)
    others = [i for i in range(N) if i != 5]
    np.testing.assert_allclose(dropped.p_clean[others], without.p_clean[others], atol=1e-5)
    assert np.isfinite(dropped.p_clean[5])


def test_a_class_that_the_run_does_not_know_teaches_nothing_and_breaks_nothing():
    ranking = rank(samples(), run(), decided(5, Outcome.RELABEL, ("new",)), 1)
    assert np.isfinite(ranking.p_clean).all()
    assert (
        ranking.p_clean.tobytes()
        == rank(samples(), run(), decided(5, Outcome.BAD_IMAGE), 1).p_clean.tobytes()
    )


def test_a_skip_is_no_knowledge():
    assert (
        rank(samples(), run(), decided(5, Outcome.SKIP), 1).p_clean.tobytes()
        == rank(samples(), run(), {}, 1).p_clean.tobytes()
    )


def test_everything_decided_leaves_a_ranking_without_a_fault():
    decisions = {k: v for i in range(N) for k, v in decided(i, Outcome.OUT_OF_SCOPE).items()}
    ranking = rank(samples(), run(), decisions, 1)
    assert np.isfinite(ranking.p_clean).all()
    assert next_positions(ranking.order, decisions, (), 5) == []


def test_samples_without_scores_come_last_and_problems_never():
    ranking = rank(samples(problem_at=(0, 7)), run([1, 2, 3, 5, 8]), {}, 1)
    assert sorted(ranking.order[:2].tolist()) == [2, 5]
    assert ranking.order[5:].tolist() == [4, 6, 9, 10, 11]
    assert not {0, 7} & set(ranking.order.tolist())
    assert np.isnan(ranking.p_clean[[0, 4, 7]]).all()
    assert ranking.class_probabilities(4) is None


def test_without_a_run_the_table_is_the_order():
    ranking = rank(samples(problem_at=(1,)), None, decided(0, Outcome.KEEP), 1)
    assert ranking.order.tolist() == [0, *range(2, N)]
    assert next_positions(ranking.order, decided(0, Outcome.KEEP), (), 2) == [2, 3]
    assert ranking.class_probabilities(0) is None


def test_the_next_are_undecided_not_held_and_the_skipped_come_last():
    ranking = rank(samples(), None, {}, 1)
    decisions = {**decided(0, Outcome.SKIP), **decided(1, Outcome.KEEP), **decided(2, Outcome.SKIP)}
    assert next_positions(ranking.order, decisions, (3, 4), 3) == [5, 6, 7]
    assert next_positions(ranking.order, decisions, (3, 4), 100) == [5, 6, 7, 8, 9, 10, 11, 0, 2]
    assert next_positions(ranking.order, decisions, (3, 4, 2), 100)[-1] == 0
    assert next_positions(ranking.order, decisions, (), 0) in ([], [3])  # nobody asks for none
