"""How the acts on contact sheets are counted (benchmarks/sheet_acts.py)."""

from pathlib import Path

import pytest

from benchmarks.sheet_acts import Annotator, Group, acts_to, digits_of, groups_of, page_acts
from reviewer.desk import Desk
from reviewer.workspace import Workspace
from tests.reviewer.simulated import make_workspace, open_desk, true_class

TAKE, KEEP, FOX = ("suggestion", None), ("keep", None), ("relabel", "fox")


def test_single_tiles_are_pointed_at_and_neighbours_chosen_as_a_range():
    assert Group(TAKE, (3,)).acts() == 1  # the key, over the tile
    assert Group(TAKE, (3, 9)).acts() == 2
    assert Group(TAKE, tuple(range(10))).acts() == 3  # click, Shift+click, key
    assert Group(TAKE, tuple(range(30))).acts() == 4  # and the question above twenty
    assert Group(FOX, (3, 9), key=4).acts() == 6  # two clicks, /, two letters, Enter


def test_the_largest_group_is_whatever_is_left_of_the_page():
    groups = groups_of([TAKE] * 50 + [KEEP, FOX, KEEP] + [TAKE] * 7)
    assert [(group.wanted, len(group.places)) for group in groups] == [(FOX, 1), (KEEP, 2), (TAKE, 57)]
    assert [acts for _, acts in page_acts(groups, everything=True)] == [4, 2, 3]
    assert [acts for _, acts in page_acts(groups_of([FOX], {"fox"}), everything=True)] == [1]
    # Later pages: what is right is left alone.
    assert [group.wanted for group, _ in page_acts(groups_of([KEEP] * 59 + [FOX]), everything=False)] == [FOX]


def test_ten_classes_have_a_digit():
    cells = [{"suggested": f"c{k:02}", "undecided": k} for k in range(12)]
    assert digits_of(cells) == {f"c{k:02}" for k in range(2, 12)}


def test_the_first_moment_at_a_level_counts():
    steps = [(0, 80), (4, 95), (9, 99), (12, 100)]
    assert [acts_to(steps, 100, level) for level in (0.8, 0.95, 0.99, 1.0)] == [0, 4, 9, 12]
    assert acts_to(steps[:2], 100, 0.99) is None


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path, per_class=40)


@pytest.mark.parametrize("cells_first", [False, True])
def test_the_annotator_leaves_every_label_right_in_the_real_app(workspace: Workspace, cells_first: bool):
    with open_desk(workspace) as desk:
        at_work = Annotator(desk, truth_of(desk))
        wrong = 160 - at_work.steps[0][1]
        at_work.work(cells_first=cells_first)
        assert at_work.steps[-1][1] == 160
        assert all(
            before[0] < after[0] for before, after in zip(at_work.steps, at_work.steps[1:], strict=False)
        )
        assert wrong > 0
        assert at_work.acts < 160  # fewer than a key for each sample
        for position, true in enumerate(truth_of(desk)):
            decision = desk.decisions.get(position)
            label = desk.samples.given_labels[position]
            assert (decision.settled_labels()[0] if decision else label) == true


def truth_of(desk: Desk) -> list[str]:
    return [true_class(path) for path in desk.samples.paths]
