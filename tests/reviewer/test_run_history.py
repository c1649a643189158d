import json
from pathlib import Path
from typing import Any

import pytest

from engine.artifacts import append_event, write_json
from engine.errors import EngineError
from reviewer import jobs, queries, run_history
from reviewer.decisions import Decision, Outcome
from reviewer.queries import Samples
from reviewer.run_history import RunHistory, count_decisions, teaching
from reviewer.store import Store
from reviewer.workspace import Workspace
from tests.reviewer.simulated import CLASSES, decision, finish_run, prepare

SPEED = {
    "images": 100,
    "seconds": 10.0,
    "parameters": 149_600_000,
    "image_size": 224,
    "tokens": 197,
    "width": 768,
    "layers": 12,
    "device": "cpu",
    "dtype": "float32",
}


@pytest.fixture
def samples(store: Store) -> Samples:
    return queries.read_samples(store.cursor())


@pytest.fixture
def history(workspace: Workspace) -> RunHistory:
    return RunHistory(workspace)


def finish_with(run_dir: Path, **values: Any) -> Path:
    """Finish a run whose result says more."""
    finish_run(run_dir)
    write_json(run_dir / "result.json", {**json.loads((run_dir / "result.json").read_text()), **values})
    return run_dir


def decisions_of(samples: Samples) -> dict[int, Decision]:
    """One decision of each outcome; a skip teaches nothing."""
    given = samples.given_labels
    other = [next(name for name in CLASSES if name != label) for label in given[:6]]
    labels = {Outcome.RELABEL: lambda n: (other[n],), Outcome.AMBIGUOUS: lambda n: (given[n], other[n])}
    return {
        n: decision(f"d{n}", n, outcome, labels.get(outcome, lambda _: ())(n), given=given[n])
        for n, outcome in enumerate(Outcome)
    }


def test_the_next_run_learns_from_as_many_decisions_as_it_will_have_seen(
    workspace: Workspace, samples: Samples
):
    decisions = decisions_of(samples)
    run_dir = jobs.prepare(workspace, samples, decisions, "knn")
    assert teaching(decisions) == len(Outcome) - 1
    assert count_decisions(run_dir) == teaching(decisions)
    assert count_decisions(jobs.prepare(workspace, samples, {}, "knn")) == 0


def test_decisions_are_counted_once_for_a_manifest(
    workspace: Workspace, samples: Samples, monkeypatch: pytest.MonkeyPatch
):
    run_dir = jobs.prepare(workspace, samples, decisions_of(samples), "knn")
    first = count_decisions(run_dir)
    monkeypatch.setattr(Path, "open", lambda *_, **__: pytest.fail("it was counted already"))
    assert count_decisions(run_dir) == first


def test_a_manifest_that_is_gone_counts_nothing(workspace: Workspace, samples: Samples):
    run_dir = jobs.prepare(workspace, samples, {}, "knn")
    (run_dir / "manifest.csv").unlink()
    assert count_decisions(run_dir) is None


def test_a_look_that_has_no_time_left_counts_later(
    history: RunHistory, workspace: Workspace, store: Store, monkeypatch: pytest.MonkeyPatch
):
    prepare(workspace, store)
    monkeypatch.setattr(run_history, "COUNTING_TIME", -1.0)
    assert [seen for _, seen in history.views(5)] == [None]
    monkeypatch.undo()
    assert [seen for _, seen in history.views(5)] == [0]


def test_runs_are_seen_newest_first_with_how_far_they_are(
    history: RunHistory, workspace: Workspace, store: Store
):
    older, newer = prepare(workspace, store, "knn"), prepare(workspace, store, "transition")
    append_event(newer, "stage", stage="training")
    views = [view for view, _ in history.views(5)]
    assert [view.run_id for view in views] == sorted([older.name, newer.name], reverse=True)
    append_event(newer, "epoch", epoch=1, of=3, loss=1.0)
    assert [len(view.progress.epochs) for view, _ in history.views(5)].count(1) == 1
    assert len(history.views(1)) == 1


@pytest.mark.parametrize("name", ["", "..", "../../etc", "nope"])
def test_a_run_is_found_by_its_name_alone(history: RunHistory, workspace: Workspace, store: Store, name: str):
    run_dir = prepare(workspace, store)
    assert history.find(run_dir.name) == run_dir
    with pytest.raises(EngineError, match="There is no run"):
        history.find(name)


# -- before a run --


def test_nothing_is_reckoned_before_a_run_has_measured(
    history: RunHistory, workspace: Workspace, store: Store
):
    assert history.estimate("deft", {}, 40) is None
    assert history.device() == ""
    finish_with(prepare(workspace, store), device="cpu")
    assert history.estimate("deft", {}, 40) is None
    assert history.device() == "cpu"


def test_the_newest_measurement_with_the_same_model_counts(
    history: RunHistory, workspace: Workspace, store: Store
):
    first = finish_with(prepare(workspace, store), speed=SPEED, device="cpu")
    assert history.measured() is not None
    cost = history.estimate("deft", {"tower": "frozen"}, 1000)
    assert cost is not None
    second = finish_with(prepare(workspace, store), speed={**SPEED, "seconds": 20.0}, device="cuda")
    third = finish_with(prepare(workspace, store), speed="quick")
    config = (second / "config.toml").read_text()
    measured = history.measured()
    assert measured is not None
    assert measured[0] == second.name
    slower = history.estimate("deft", {"tower": "frozen"}, 1000)
    assert slower is not None
    assert slower.seconds > cost.seconds
    (second / "config.toml").write_text(config.replace("ViT-B-16", "ViT-L-14"))
    measured = history.measured()
    assert measured is not None
    assert measured[0] == first.name
    assert history.device() == "cuda"
    assert third.name > second.name


def test_a_setting_that_breaks_a_rule_is_said(history: RunHistory):
    with pytest.raises(EngineError, match=r"deft\.epochs is 0; it should be greater than or equal to 1"):
        history.estimate("deft", {"epochs": 0}, 40)
    with pytest.raises(EngineError, match="There is no detector 'dft'"):
        history.estimate("dft", {}, 40)
