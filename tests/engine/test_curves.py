"""What a training told of itself, as columns, and the two ends of a curve."""

import pytest

from engine.artifacts import append_event
from engine.curves import BestLast, best_and_last, columns, judged, read_curves


def told(epoch, loss, **more):
    return {"epoch": epoch, "loss": loss, **more}


def test_nested_figures_become_columns_with_dots():
    rows = [
        told(1, 2.0, losses={"pair": 1.5, "fit": 0.5}, selected=None, figures={}, of=2),
        told(2, 1.0, losses={"pair": 0.75, "fit": 0.25}, selected=0.5, figures={"margin": 3}, of=2),
    ]
    assert columns(rows) == {
        "epoch": [1, 2], "loss": [2.0, 1.0], "losses.pair": [1.5, 0.75], "losses.fit": [0.5, 0.25],
        "selected": [None, 0.5], "figures.margin": [None, 3],
    }  # fmt: skip


def test_no_epoch_is_no_curve():
    assert columns([]) == {}
    assert columns([{"loss": 1.0}, {"epoch": "one"}, {"epoch": True}]) == {}


def test_an_epoch_told_again_overrules_itself_and_what_came_after():
    resumed = [told(1, 1.0), told(2, 2.0), told(2, 2.5), told(3, 3.0)]
    assert columns(resumed) == {"epoch": [1, 2, 3], "loss": [1.0, 2.5, 3.0]}
    begun_anew = [told(1, 1.0), told(2, 2.0), told(3, 3.0), told(1, 0.5), told(2, 0.25)]
    assert columns(begun_anew) == {"epoch": [1, 2], "loss": [0.5, 0.25]}


def test_the_curves_of_a_run_come_from_its_events(tmp_path):
    assert read_curves(tmp_path) == {}
    append_event(tmp_path, "stage", stage="training")
    append_event(tmp_path, "epoch", of=3, epoch=1, loss=2.0, losses={"fit": 2.0})
    append_event(tmp_path, "progress", stage="training", done=1, of=3)
    append_event(tmp_path, "epoch", of=3, epoch=2, loss=1.0, losses={"fit": 1.0})
    with (tmp_path / "events.jsonl").open("a") as file:
        file.write('7\n{"event": "epoch", "epo')
    assert read_curves(tmp_path) == {"epoch": [1, 2], "loss": [2.0, 1.0], "losses.fit": [2.0, 1.0]}


# -- best and last --


def ends(values, n_last=1):
    found = best_and_last(values, n_last)
    assert found is not None
    return found


def test_the_best_is_of_any_epoch_and_the_last_of_the_final_ones():
    values = [0.1, 0.9, 0.5, 0.7]
    assert best_and_last(values) == BestLast(best_on_test=0.9, best_epoch=2, last=0.7, n_last=1)
    found = ends(values, n_last=2)
    assert found.last == pytest.approx(0.6)
    assert (found.best_on_test, found.n_last) == (0.9, 2)
    everything = ends(values, n_last=10)
    assert (everything.last, everything.n_last) == (pytest.approx(0.55), 4)


def test_of_equally_good_epochs_the_first_is_the_best():
    assert ends([0.5, 0.8, 0.8]).best_epoch == 2


def test_an_epoch_without_the_figure_is_left_out():
    found = ends([None, 0.5, None, 0.7, None], n_last=3)
    assert (found.best_epoch, found.last, found.n_last) == (4, 0.7, 1)
    assert ends([0.5, None]).last is None
    assert best_and_last([None]) is None
    assert best_and_last([]) is None


def test_only_what_true_labels_judge_has_a_best_epoch():
    curves = {
        "epoch": [1.0, 2.0], "loss": [2.0, 1.0], "selected": [0.4, 0.5], "figures.test_accuracy": [0.8, 0.7],
        "figures.f1": [0.2, None], "figures.margin": [1.0, 2.0], "figures.auroc": [None, None],
    }  # fmt: skip
    found = judged(curves, "deft")
    assert set(found) == {"figures.test_accuracy", "figures.f1"}
    assert found["figures.test_accuracy"] == BestLast(best_on_test=0.8, best_epoch=1, last=0.7, n_last=1)


def test_the_last_of_avl_is_the_mean_of_ten():
    accuracy = [float(epoch) for epoch in range(1, 26)]
    assert judged({"test_accuracy": accuracy}, "avl_prompter")["test_accuracy"].last == 20.5
    assert judged({"test_accuracy": accuracy}, "turn")["test_accuracy"].last == 25
