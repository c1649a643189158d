from dataclasses import replace

import numpy as np
import pytest

from reviewer.class_table import class_table
from reviewer.desk import Desk
from reviewer.errors import ReviewerError
from reviewer.filters import EVERYTHING, Filter, read_filter
from tests.reviewer.simulated import CLASSES, make_workspace, open_desk


def decide(desk: Desk, position: int, outcome: str, *labels: str, annotator: str = "ada") -> None:
    entry = {
        "id": f"decision-{position}-{outcome}",
        "position": position,
        "sample_id": desk.samples.sample_ids[position],
        "outcome": outcome,
        "labels": list(labels),
        "suggested": desk.card(position)["suggested"]["name"],
    }
    assert desk.record([entry], annotator)[1] == []


def suggested(desk: Desk) -> np.ndarray:
    """Return what the cards suggest."""
    return np.asarray([desk.card(position)["suggested"]["name"] for position in range(len(desk.samples))])


# -- from a URL --


def test_a_filter_is_read_from_the_words_of_a_url():
    asked = read_filter(
        {
            "given": "cat|dog",
            "p_min": "0",
            "p_max": ".25",
            "outcome": "keep,undecided",
            "text": "",
            "count": "8",
        }
    )
    assert asked == Filter(given="cat|dog", p_min=0, p_max=0.25, outcomes=frozenset({"keep", "undecided"}))
    assert read_filter({}) == EVERYTHING


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"p_max": "1.5"}, "p_max='1.5' is no probability; give a number from 0 to 1."),
        ({"p_min": "nan"}, "p_min='nan' is no probability"),
        ({"p_min": "much"}, "p_min='much' is no probability"),
        ({"outcome": "undecided,done"}, "outcome='done' is none of undecided, keep"),
        ({"text": "x" * 501}, "text has 501 characters; 500 are the most"),
    ],
)
def test_what_cannot_be_meant_is_told(words: dict[str, str], sentence: str):
    with pytest.raises(ReviewerError) as told:
        read_filter(words)
    assert sentence in str(told.value)


# -- what passes --


def test_each_part_lets_through_what_it_says(desk: Desk):
    board, given = desk.board(), desk.samples.given_labels
    p_clean, likely = board.ranking.p_clean, suggested(desk)
    cell, run = class_table(board)["cells"][0], board.runs[0]
    other = cell["suggested"]
    chosen = [
        (Filter(given="red"), given == "red"),
        (Filter(suggested="blue"), likely == "blue"),
        (Filter(given=cell["given"], suggested=other), (given == cell["given"]) & (likely == other)),
        (Filter(p_max=0.5), p_clean <= 0.5),
        (Filter(p_min=0.5), p_clean >= 0.5),
        (Filter(text="RED_0"), np.asarray(["red_0" in path for path in desk.samples.paths])),
        (Filter(run=run.run_id), run.p_clean[run.row_at] < 0.5),
        (EVERYTHING, np.ones(40, dtype=bool)),
    ]
    for asked, expected in chosen:
        assert board.mask(asked).tolist() == expected.tolist(), asked
        assert expected.sum() > 0
        order = board.ordered(asked)
        assert sorted(order.tolist()) == np.flatnonzero(expected).tolist()
        assert (np.diff(p_clean[order]) >= 0).all()


def test_outcomes_and_annotators_follow_the_decisions_and_their_undo(desk: Desk):
    decide(desk, 3, "keep")
    decide(desk, 4, "skip", annotator="bob")

    def found(**values: object) -> list[int]:
        return np.flatnonzero(desk.board().mask(Filter(**values))).tolist()  # type: ignore[arg-type]

    assert found(outcomes=frozenset({"keep", "skip"})) == [3, 4]
    assert len(found(outcomes=frozenset({"undecided"}))) == 38
    assert found(annotator="bob") == [4]
    desk.undo("undo-0001", "ada")
    assert found(outcomes=frozenset({"keep", "skip"})) == [4]


def test_a_selection_and_its_absence(desk: Desk):
    desk.store.write_selection("lasso-01", "lasso of 2", "ada", [7, 2])
    assert np.flatnonzero(desk.board().mask(Filter(selection="lasso-01"))).tolist() == [2, 7]
    for asked, sentence in [
        (Filter(selection="nothing"), "There is no selection 'nothing' here"),
        (Filter(run="nothing"), "There is no run 'nothing' here"),
        (Filter(given="wolf"), "'wolf' is none of the 4 classes"),
    ]:
        with pytest.raises(ReviewerError, match=sentence):
            desk.board().mask(asked)


def test_without_a_run_nothing_is_suggested_and_no_bound_is_met(tmp_path):
    with open_desk(make_workspace(tmp_path), with_run=False) as desk:
        board = desk.board()
        assert not board.mask(Filter(suggested="red")).any()
        assert not (board.mask(Filter(p_min=0)) | board.mask(Filter(p_max=1))).any()
        assert board.ordered(Filter(given="red")).tolist() == np.flatnonzero(board.given == 2).tolist()
        assert class_table(board)["cells"] == []


def test_cards_come_from_what_the_filter_lets_through(desk: Desk):
    cards = desk.cards(50, (), Filter(given="red"))
    assert {card["given"]["name"] for card in cards} == {"red"}
    first = cards[0]["position"]
    decide(desk, first, "keep")
    assert first not in [card["position"] for card in desk.cards(50, (), Filter(given="red"))]
    again = desk.cards(50, (), Filter(outcomes=frozenset({"keep"})))
    assert [card["position"] for card in again] == [first]
    assert desk.cards(50, [first], Filter(outcomes=frozenset({"keep"}))) == []


# -- the class table --


def test_the_class_table_counts_what_is_there(desk: Desk):
    given, likely = desk.samples.given_labels, suggested(desk)
    table = class_table(desk.board())
    assert [row["name"] for row in table["classes"]] == list(CLASSES)
    for row in table["classes"]:
        mine = given == row["name"]
        assert (row["samples"], row["decided"]) == (mine.sum(), 0)
        assert row["flagged"] == (mine & (desk.ranking.p_clean < 0.5)).sum()
        assert row["errors_expected"] == pytest.approx((1 - desk.ranking.p_clean[mine]).sum(), abs=0.01)
    expected = {(g, s): int(((given == g) & (likely == s)).sum()) for g in CLASSES for s in CLASSES if g != s}
    assert {(c["given"], c["suggested"]): c["undecided"] for c in table["cells"]} == {
        cell: n for cell, n in expected.items() if n
    }
    assert all(c["flagged"] <= c["undecided"] for c in table["cells"])


def test_decisions_move_from_the_open_to_the_decided_column(desk: Desk):
    wrong = int(np.flatnonzero(suggested(desk) != desk.samples.given_labels)[0])
    given, true = str(desk.samples.given_labels[wrong]), str(suggested(desk)[wrong])

    def cell() -> dict:
        return next(
            c for c in class_table(desk.board())["cells"] if (c["given"], c["suggested"]) == (given, true)
        )

    before = cell()
    decide(desk, wrong, "relabel", true)
    assert cell() == {**before, "flagged": before["flagged"] - 1, "undecided": before["undecided"] - 1} | {
        "relabelled": 1
    }
    rows = {row["name"]: row for row in class_table(desk.board())["classes"]}
    assert (rows[given]["relabelled_away"], rows[true]["relabelled_to"], rows[given]["decided"]) == (1, 1, 1)
    desk.undo("undo-0001", "ada")
    assert cell() == before
    decide(desk, wrong, "keep")
    assert (cell()["kept"], cell()["relabelled"]) == (1, 0)
    decide(desk, wrong, "skip")  # nobody has decided it
    assert cell() == before


def test_the_table_of_a_filter_is_of_what_it_lets_through(desk: Desk):
    cell = class_table(desk.board())["cells"][0]
    table = class_table(desk.board(), Filter(given=cell["given"]))
    n = (desk.samples.given_labels == cell["given"]).sum()
    assert {row["name"]: row["samples"] for row in table["classes"] if row["samples"]} == {cell["given"]: n}
    assert {each["given"] for each in table["cells"]} == {cell["given"]}


def test_a_class_that_the_workspace_does_not_have_is_no_row(desk: Desk):
    board = replace(desk.board(), class_names=("blue", "green"), given=np.full(40, -1, dtype=np.int32))
    table = class_table(board)
    assert [row["samples"] for row in table["classes"]] == [0, 0]
    assert table["cells"] == []
