from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reviewer import jobs
from reviewer.compare import compare
from reviewer.desk import Desk
from reviewer.queue import RunArrays
from tests.reviewer.simulated import finish_run, prepare
from tests.reviewer.test_server import client_of


def again(run: RunArrays, p_clean: np.ndarray, name: str = "later", **values: Any) -> RunArrays:
    return replace(run, run_id=name, p_clean=p_clean.astype(np.float32), **values)


@pytest.fixture
def run(desk: Desk) -> RunArrays:
    return desk.board().runs[0]


def test_who_entered_and_who_left_comes_most_changed_first(run: RunArrays):
    n = len(run.positions)
    before, after = np.full(n, 0.9), np.full(n, 0.9)
    before[:4] = 0.1, 0.2, 0.3, 0.4
    after[1:7] = 0.2, 0.95, 0.6, 0.3, 0.1, 0.9
    found = compare(again(run, before, "first"), again(run, after), 0.5)
    assert found.entered.tolist() == run.positions[[5, 4]].tolist()
    assert found.left.tolist() == run.positions[[0, 2, 3]].tolist()
    assert (found.both, found.n, found.agree) == (1, n, 1.0)
    assert found.first.sum() == found.second.sum() == n
    assert found.as_json()["left"] == 3


def test_only_samples_that_both_saw_are_compared(run: RunArrays):
    half = run.row_at.copy()
    half[run.positions[::2]] = -1
    found = compare(run, again(run, run.p_clean, row_at=half), 0.5)
    assert found.n == len(run.positions[1::2])
    nothing = compare(run, again(run, run.p_clean, row_at=np.full_like(half, -1)), 0.5)
    assert (nothing.n, nothing.agree, len(nothing.entered)) == (0, 1.0, 0)


def test_rows_in_another_order_are_the_same_samples(run: RunArrays):
    order = np.random.default_rng(0).permutation(len(run.positions))
    row_at = np.full_like(run.row_at, -1)
    row_at[run.positions[order]] = np.arange(len(order))
    turned = replace(
        run, positions=run.positions[order], row_at=row_at, p_clean=run.p_clean[order],
        suggested=run.suggested[order],
    )  # fmt: skip
    found = compare(run, turned, 0.5)
    assert (len(found.entered), len(found.left), found.agree) == (0, 0, 1.0)


def test_the_route_compares_runs_by_name(desk: Desk):
    run_dir = finish_run(prepare(desk.workspace, desk.store, "knn"), sharpness=0.5)
    jobs.import_run(run_dir, desk.store)
    desk.load_runs()
    names = [run.run_id for run in desk.board().runs]
    with client_of(desk) as client:
        told = client.get("/api/runs/compare", params={"first": names[0], "second": names[1]}).json()
        assert told["n"] == 40
        assert len(told["first"]) == 20
        assert len(told["entered_positions"]) == told["entered"]
        refused = client.get("/api/runs/compare", params={"first": names[0], "second": "../x"})
        assert refused.status_code == 400
        assert refused.json()["error"] == "There is no finished run '../x' here; choose another one."
