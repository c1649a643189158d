from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.artifacts import Neighbours, read_json, write_json
from reviewer.arrangements import Arrangements
from reviewer.desk import Desk
from reviewer.duplicates import NO_GROUP, loneliness, near_duplicates, outliers
from reviewer.errors import ReviewerError
from reviewer.filters import Board, Filter, read_filter
from reviewer.search import Search
from tests.reviewer.simulated import CLASSES, true_class
from tests.reviewer.test_filters import decide


def nearest(similarity: Mapping[tuple[int, int], float], n: int) -> Neighbours:
    """Return neighbours of n rows with these cosines; what is not named is 0.1."""
    cosines = np.full((n, n), 0.1, dtype=np.float32)
    for (a, b), value in similarity.items():
        cosines[a, b] = cosines[b, a] = value
    np.fill_diagonal(cosines, -2)
    rows = np.argsort(-cosines, axis=1, kind="stable")[:, : n - 1]
    similarities = np.take_along_axis(cosines, rows, axis=1).astype(np.float16)
    return Neighbours(rows=rows.astype(np.int32), similarities=similarities)


# -- duplicates --


def test_chains_of_similar_images_are_groups_those_with_conflicting_labels_first():
    neighbours = nearest({(0, 1): 0.99, (1, 2): 0.995, (4, 6): 0.99, (7, 8): 0.97}, 9)
    labels = np.asarray(["cat", "cat", "cat", "dog", "cat", "dog", "dog", "cat", "dog"], dtype=object)
    groups = near_duplicates(neighbours, labels, 0.98)
    assert groups.group.tolist() == [1, 1, 1, NO_GROUP, 0, NO_GROUP, 0, NO_GROUP, NO_GROUP]
    assert (groups.conflict.tolist(), groups.size.tolist()) == ([True, False], [2, 3])
    assert groups.order().tolist() == [4, 6, 0, 1, 2]
    assert groups.order(conflicts_only=True).tolist() == [4, 6]


def test_nothing_is_a_duplicate_of_itself_or_of_nobody():
    alone = Neighbours(rows=np.full((3, 4), -1, np.int32), similarities=np.zeros((3, 4), np.float16))
    labels = np.asarray(["a", "b", "c"], dtype=object)
    groups = near_duplicates(alone, labels, 0.0)
    assert groups.order().size == groups.size.size == 0
    assert loneliness(alone).tolist() == [0, 0, 0]
    assert outliers(loneliness(alone)).tolist() == []
    empty = Neighbours(rows=np.empty((0, 4), np.int32), similarities=np.empty((0, 4), np.float16))
    assert near_duplicates(empty, labels[:0], 0.9).order().tolist() == []
    assert outliers(loneliness(empty)).tolist() == []


def test_outliers_lie_apart_from_all_others_and_the_loneliest_comes_first():
    rng = np.random.default_rng(0)
    lonely = rng.normal(0.2, 0.01, 500).astype(np.float32)
    lonely[[40, 7]] = 0.5, 0.9
    assert outliers(lonely)[:2].tolist() == [7, 40]
    assert len(outliers(lonely)) < 10
    close = nearest({(a, b): 0.9 for a in range(6) for b in range(a)}, 7)
    assert loneliness(close, 5).argmax() == 6


# -- as queues --


class Words:
    """An encoder to which a text is the mean picture of the class that it names."""

    def __init__(self, desk: Desk) -> None:
        self.asked: list[str] = []
        self._features = np.load(run_dir(desk) / "embeddings.npy").astype(np.float32)
        self._classes = np.asarray([true_class(p) for p in desk.samples.paths])[
            desk.board().runs[0].positions
        ]

    def ask(self, run_dir: Path, operation: str, *, timeout: float = 60.0, **values: Any) -> dict[str, Any]:
        assert operation == "embed_text"
        self.asked += values["texts"]
        name = values["texts"][0].split()[-1]
        return {"features": [self._features[self._classes == name].mean(axis=0).tolist()]}


def run_dir(desk: Desk) -> Path:
    return desk.workspace.runs / desk.board().runs[0].run_id


@pytest.fixture
def board(desk: Desk) -> Board:
    """What holds, with a text search that needs no model."""
    write_json(
        run_dir(desk) / "result.json",
        {**(read_json(run_dir(desk) / "result.json") or {}), "embeddings": "clip"},
    )
    words = Words(desk)
    arranged = Arrangements(Search(desk.workspace.runs, words))
    return replace(desk.board(), arranged=arranged)


def classes_of(board: Board, positions: np.ndarray) -> list[str]:
    return [true_class(str(board.samples.paths[position])) for position in positions]


@pytest.mark.parametrize("name", CLASSES)
def test_a_text_finds_the_images_that_it_tells_of(board: Board, name: str):
    order = board.ordered(Filter(query=f"something {name}"))
    assert len(order) == 40
    assert classes_of(board, order[:10]) == [name] * 10
    only = board.ordered(Filter(query=f"something {name}", given=name, outcomes=frozenset({"undecided"})))
    assert set(board.samples.given_labels[only]) == {name}


def test_an_image_is_most_like_itself_and_then_like_its_kind(board: Board):
    order = board.ordered(Filter(like=5))
    assert order[0] == 5
    assert classes_of(board, order[:10]) == [true_class(str(board.samples.paths[5]))] * 10


def test_a_question_is_asked_once(board: Board):
    words = board.arranged._search._encoder  # type: ignore[attr-defined]
    for _ in range(3):
        board.ordered(Filter(query="something red"))
        board.ordered(Filter(query="something blue "))
    assert words.asked == ["something red", "something blue"]


def test_queues_of_kinds_follow_the_labels_as_they_are_now(desk: Desk):
    twins = desk.board().ordered(Filter(kind="duplicates"))
    assert len(twins) > 0  # pictures of one colour
    before = desk.board().ordered(Filter(kind="conflicts"))
    for position in before.tolist():
        true = true_class(str(desk.samples.paths[position]))
        if true != desk.samples.given_labels[position]:
            decide(desk, position, "relabel", true)
    after = desk.board().ordered(Filter(kind="conflicts"))
    assert len(after) < len(before)
    assert desk.cards(50, (), Filter(kind="duplicates")) != []


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (Filter(kind="strange"), "kind='strange' is none of conflicts, duplicates, outliers"),
        (Filter(like=99), "No run has looked at sample 99"),
        (Filter(query="x" * 301), "The text has 301 characters; 300 are the most"),
        (Filter(reason="mood"), "reason='mood' is none of neighbours"),
    ],
)
def test_what_cannot_be_arranged_is_told(board: Board, asked: Filter, sentence: str):
    with pytest.raises(ReviewerError) as told:
        board.ordered(asked)
    assert sentence in str(told.value)


def test_a_run_that_kept_no_features_of_clip_cannot_be_searched(desk: Desk):
    with pytest.raises(ReviewerError, match="No run has kept CLIP's features"):
        desk.board().ordered(Filter(query="a red thing"))
    with pytest.raises(ReviewerError, match="like='-1' is the number of no sample"):
        read_filter({"like": "-1"})


def test_a_reason_lets_through_the_samples_whose_cards_give_it(desk: Desk):
    for key in ("neighbours", "model", "agree"):
        found = set(desk.board().ordered(Filter(reason=key)).tolist())
        told = {p for p in range(40) if key in [reason["key"] for reason in desk.card(p)["reasons"]]}
        assert found == told, key
