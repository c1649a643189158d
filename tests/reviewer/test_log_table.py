"""The log as a table: everything that anybody did, also what was taken back."""

import csv
import io
from pathlib import Path

from reviewer.desk import Desk
from reviewer.headless import save_log
from reviewer.log_table import COLUMNS, log_table
from reviewer.workspace import Workspace
from tests.reviewer.simulated import open_desk
from tests.reviewer.test_filters import decide
from tests.reviewer.test_opinions import other_label, said
from tests.reviewer.test_server import client_of


def rows(desk: Desk) -> list[dict[str, str]]:
    text = b"".join(log_table(desk.store.cursor())).decode("utf-8")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_it_has_who_when_from_which_screen_and_how_long(desk: Desk):
    label = other_label(desk, 1)
    said(desk, 0, "keep", "ada")
    said(desk, 0, "bad_image", "bob", "second")
    said(desk, 1, "relabel", "ada", None, label)
    desk.undo("undo-0001", "ada")
    desk.act("act-00001", "keep", [], [2, 3], "eve")
    found = rows(desk)
    assert list(found[0]) == list(COLUMNS)
    assert [
        (row["annotator"], row["kind"], row["screen"], row["seconds"], row["outcome"]) for row in found
    ] == [
        ("ada", "decision", "card", "2.500", "keep"),
        ("bob", "decision", "second", "2.500", "bad_image"),
        ("ada", "decision", "card", "2.500", "relabel"),
        ("ada", "undo", "", "", ""),
        ("eve", "decision", "sheet", "", "keep"),
        ("eve", "decision", "sheet", "", "keep"),
    ]
    assert (found[2]["labels"], found[2]["sample_id"]) == (label, desk.samples.sample_ids[1])
    assert found[3]["about"] == found[2]["id"]
    assert found[4]["act"] == found[5]["act"] == "act-00001"
    assert all(row["at"].endswith("Z") for row in found)


def test_a_formula_in_it_runs_nowhere(desk: Desk):
    decide(desk, 0, "keep", annotator="=1+1")
    assert rows(desk)[0]["annotator"] == "'=1+1"


def test_the_command_and_the_server_write_the_same(workspace: Workspace, tmp_path: Path):
    with open_desk(workspace) as desk:
        decide(desk, 0, "keep")
        with client_of(desk) as client:
            answer = client.get("/log.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    save_log(workspace, tmp_path / "log.csv")
    assert (tmp_path / "log.csv").read_bytes() == answer.content
