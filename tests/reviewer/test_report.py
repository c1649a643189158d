from pathlib import Path

import pytest

from reviewer.agreement import agreements, cohens_kappa
from reviewer.decisions import Outcome, Screen
from reviewer.desk import Desk
from reviewer.headless import save_report
from reviewer.open_server import forget_server, note_server
from reviewer.report import write_report
from reviewer.workspace import Workspace
from tests.reviewer.simulated import decision, make_workspace, open_desk
from tests.reviewer.test_filters import decide

# -- agreement --


def test_kappa_is_what_chance_does_not_explain():
    # Fleiss' textbook case: 20 of 25 the same, each says yes 15 times.
    first = ["yes"] * 15 + ["no"] * 10
    second = ["yes"] * 13 + ["no"] * 2 + ["yes"] * 2 + ["no"] * 8
    expected = (21 / 25 - (15 * 15 + 10 * 10) / 625) / (1 - (15 * 15 + 10 * 10) / 625)
    assert cohens_kappa(first, second) == pytest.approx(expected)
    assert cohens_kappa(["a", "b"], ["b", "a"]) == -1
    assert cohens_kappa(["a", "b"], ["a", "b"]) == 1
    assert cohens_kappa(["a", "a"], ["a", "a"]) is None


def test_a_second_opinion_is_compared_with_the_decision_that_it_is_about():
    bob = {"annotator": "bob", "screen": Screen.SECOND}
    said = [
        decision("d1", 0, Outcome.KEEP, given="red"),
        decision("d2", 0, Outcome.RELABEL, ("blue",), given="red", **bob),
        decision("d3", 1, Outcome.RELABEL, ("red",)),
        decision("d4", 1, Outcome.SKIP, **bob),
        decision("d5", 2, Outcome.AMBIGUOUS, ("red", "blue")),
        decision("d6", 2, Outcome.AMBIGUOUS, ("blue", "red"), **bob),
        decision("d7", 3, Outcome.BAD_IMAGE),
        decision("d8", 3, Outcome.OUT_OF_SCOPE, **bob),
        decision("d9", 3, Outcome.BAD_IMAGE, **bob),  # the last one counts
        decision("e1", 4, Outcome.KEEP),
        decision("e2", 4, Outcome.RELABEL, ("red",), screen=Screen.SECOND),
    ]
    between, own = agreements(said)
    assert (between.first, between.second, between.n, between.share) == (
        "ada",
        "bob",
        3,
        pytest.approx(2 / 3),
    )
    assert (own.first, own.second, own.n, own.share) == ("ada", "ada", 1, 0.0)
    assert agreements(said[:1]) == []


def test_who_has_seen_the_decision_before_has_no_opinion_of_their_own():
    said = [
        decision("d1", 0, Outcome.KEEP),
        decision("d2", 0, Outcome.BAD_IMAGE, annotator="bob"),  # it was looked up, and decided again
        decision("d3", 1, Outcome.KEEP),
        decision("d4", 1, Outcome.BAD_IMAGE, annotator="bob", screen=Screen.SECOND),
        decision("d5", 1, Outcome.KEEP, annotator="eve", screen=Screen.ADJUDICATION),
        decision("d6", 1, Outcome.KEEP, annotator="fay", screen=Screen.SECOND),
    ]
    (only,) = agreements(said)
    assert (only.first, only.second, only.n, only.share) == ("ada", "bob", 1, 0.0)


# -- the report --


def test_the_report_says_what_was_found_and_by_whom(desk: Desk):
    cell = next(p for p in range(40) if desk.card(p)["suggested"]["name"] != desk.samples.given_labels[p])
    given, true = str(desk.samples.given_labels[cell]), desk.card(cell)["suggested"]["name"]
    decide(desk, cell, "relabel", true)
    decide(desk, 0, "keep", annotator="bob")
    entry = {"id": "second-opinion-1", "position": 0, "sample_id": desk.samples.sample_ids[0]}
    desk.record([{**entry, "outcome": "bad_image", "screen": "second"}], "ada")
    page = write_report(desk)
    assert f"<bdi>{given}</bdi></th><th scope='row'><bdi>{true}</bdi></th><td>1</td>" in page
    assert "<b>2</b><span>decided</span>" in page
    assert "<b>1</b><span>relabelled</span>" in page
    assert "<bdi>ada</bdi></th><th scope='row'><bdi>bob</bdi></th><td>1</td><td>0%</td>" in page
    assert "data:image/png;base64," in page
    assert desk.forecast.told(desk.board())["errors"] in page


def test_nothing_in_it_comes_from_elsewhere_or_runs(tmp_path: Path):
    workspace = make_workspace(tmp_path)
    with open_desk(workspace, annotator="<script>alert(1)</script>") as desk:
        decide(desk, 0, "keep", annotator="<script>alert(1)</script>")
        page = write_report(desk)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "http://" not in page.replace("http-equiv", "")
    assert "https://" not in page
    assert "default-src 'none'" in page


def test_an_empty_review_has_a_report_too(desk: Desk):
    page = write_report(desk)
    assert "Nothing yet." in page
    assert "<b>0</b><span>decided</span>" in page


def test_the_command_writes_it_with_and_without_the_app(workspace: Workspace, tmp_path: Path, monkeypatch):
    with open_desk(workspace):
        pass
    save_report(workspace, tmp_path / "out" / "report.html")
    assert "label report" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    note_server(workspace, "http://127.0.0.1:9")
    asked = []
    monkeypatch.setattr("reviewer.headless.fetch", lambda *each: asked.append(each))
    save_report(workspace, tmp_path / "other.html")
    assert asked == [("http://127.0.0.1:9", "report.html", tmp_path / "other.html", "")]
    forget_server(workspace)
