import base64
from collections.abc import Iterator

import numpy as np
import pytest
from fastapi.testclient import TestClient

from reviewer import queries
from reviewer.decisions import Screen
from reviewer.desk import Desk
from reviewer.filters import Filter
from tests.reviewer.simulated import open_desk
from tests.reviewer.test_filters import suggested
from tests.reviewer.test_server import client_of


@pytest.fixture
def client(desk: Desk) -> Iterator[TestClient]:
    with client_of(desk) as opened:
        yield opened


def act(client: TestClient, positions: list[int], outcome: str = "suggestion", **values: object) -> dict:
    body = {"id": "act-000001", "outcome": outcome, "positions": positions, **values}
    answer = client.post("/api/acts", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_positions_come_most_suspicious_first_with_how_many_there_are(client: TestClient, desk: Desk):
    answer = client.get("/api/positions", params={"given": "red"})
    numbers = np.frombuffer(answer.content, dtype="<u4")
    expected = desk.board().ordered(Filter(given="red"))
    assert numbers[1:].tolist() == expected.tolist()
    assert int(answer.headers["x-total"]) == int(numbers[0]) == len(expected)
    assert (np.diff(desk.ranking.p_clean[expected]) >= 0).all()


def test_more_positions_than_a_page_can_hold_are_counted(client: TestClient, monkeypatch):
    monkeypatch.setattr("reviewer.sheet_routes.MOST_POSITIONS", 5)
    answer = client.get("/api/positions")
    assert (answer.headers["x-total"], len(answer.content)) == ("40", 4 + 5 * 4)


def test_a_tile_says_what_is_known_of_a_sample(client: TestClient, desk: Desk):
    act(client, [5], "ambiguous", labels=["red", "blue"])
    tiles = client.get("/api/tiles", params={"positions": "5,0"}).json()["tiles"]
    card = desk.card(0)
    assert [tile["position"] for tile in tiles] == [5, 0]
    assert (tiles[0]["outcome"], tiles[0]["labels"], tiles[0]["annotator"]) == (
        "ambiguous",
        ["red", "blue"],
        "ada",
    )
    assert (tiles[1]["outcome"], tiles[1]["suggested"]) == (None, card["suggested"]["name"])
    assert tiles[1]["p_clean"] == card["p_clean"]
    assert tiles[1]["suggested_probability"] == card["suggested"]["probability"]
    kind, picture = tiles[1]["image"].split(";base64,")
    shown = client.get("/image/thumb/0")
    assert (kind, base64.b64decode(picture)) == (f"data:{shown.headers['content-type']}", shown.content)


@pytest.mark.parametrize("positions", ["", "a", "1,,2", "99", "0," * 500 + "0"])
def test_tiles_that_are_not_there_are_told(client: TestClient, positions: str):
    answer = client.get("/api/tiles", params={"positions": positions})
    assert answer.status_code in (400, 422)
    assert "error" in answer.json()


# -- acts --


def test_the_suggestion_of_each_is_taken_and_one_undo_takes_all_back(client: TestClient, desk: Desk):
    likely = suggested(desk)
    wrong = np.flatnonzero(likely != desk.samples.given_labels).tolist()
    right = next(p for p in range(40) if p not in wrong)
    answer = act(client, [*wrong, right])
    assert (answer["saved"], answer["refused"]) == (len(wrong) + 1, [])
    assert answer["progress"]["relabelled"] == len(wrong)
    for position in wrong:
        decision = desk.decisions[position]
        assert decision.labels == (likely[position],)
        assert (decision.act_id, decision.screen) == ("act-000001", Screen.SHEET)
    assert desk.decisions[right].outcome == "keep"  # its suggestion is its label
    undone = client.post("/api/undo", json={"id": "undo-0001"}).json()
    assert (undone["count"], undone["progress"]["decided"]) == (len(wrong) + 1, 0)
    assert undone["card"]["position"] == right
    assert client.post("/api/redo", json={"id": "redo-0001"}).json()["count"] == len(wrong) + 1
    with_all = queries.read_current_decisions(desk.store.cursor())
    assert set(with_all) == {*wrong, right}


def test_an_act_that_is_sent_again_is_known(client: TestClient, desk: Desk):
    first = act(client, [1, 2, 2], "keep")
    assert act(client, [1, 2], "keep")["saved"] == first["saved"] == 2
    client.post("/api/undo", json={"id": "undo-0001"})
    assert act(client, [1, 2], "keep")["progress"]["decided"] == 0  # what was undone stays so
    assert not desk.decisions


def test_what_cannot_be_decided_is_refused_and_the_rest_is_not(client: TestClient, desk: Desk):
    answer = act(client, [1, 99], "bad_image")
    assert answer["saved"] == 1
    assert answer["refused"] == [
        {"position": 99, "error": "There is no sample 99 to review here; reload the page."}
    ]
    assert set(desk.decisions) == {1}


@pytest.mark.parametrize(
    ("outcome", "labels", "said"),
    [
        ("delete", [], "The outcome 'delete' is none of"),
        ("relabel", ["wolf"], "The label 'wolf' is none of the 4 classes"),
        ("relabel", [], "A relabel names one class; 0 came"),
        ("ambiguous", ["red"], "Ambiguous names two classes or more"),
    ],
)
def test_an_act_that_cannot_be_is_refused_whole(client: TestClient, desk: Desk, outcome, labels, said):
    body = {"id": "act-000001", "outcome": outcome, "labels": labels, "positions": [1, 2]}
    answer = client.post("/api/acts", json=body)
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    assert not desk.decisions


def test_without_a_run_there_is_no_suggestion_to_take(workspace):
    with open_desk(workspace, with_run=False) as desk, client_of(desk) as client:
        answer = act(client, [1, 2])
        assert answer["saved"] == 0
        assert "No run suggests a class" in answer["refused"][0]["error"]
        assert act(client, [1, 2], "keep", id="act-000002")["saved"] == 2


def test_relabelling_to_the_given_class_keeps_it(client: TestClient, desk: Desk):
    given = desk.samples.given_labels
    red, other = int(np.flatnonzero(given == "red")[0]), int(np.flatnonzero(given != "red")[0])
    act(client, [red, other], "relabel", labels=["red"])
    assert (desk.decisions[red].outcome, desk.decisions[other].outcome) == ("keep", "relabel")


def test_a_note_goes_with_a_decision(client: TestClient, desk: Desk):
    decision = {
        "id": "decision-0001",
        "position": 3,
        "sample_id": desk.samples.sample_ids[3],
        "outcome": "keep",
    }
    client.post("/api/decisions", json={"decisions": [{**decision, "note": "blurred, but a 猫"}]})
    assert desk.decisions[3].note == "blurred, but a 猫"
    long = client.post(
        "/api/decisions", json={"decisions": [{**decision, "id": "decision-0002", "note": "x" * 2001}]}
    )
    assert long.status_code == 422


# -- selections and what can be asked for --


def test_a_selection_becomes_a_queue(client: TestClient):
    body = {"id": "lasso-0001", "name": "lasso of 2", "positions": [7, 2]}
    assert client.post("/api/selections", json=body).json() == {"id": "lasso-0001"}
    cards = client.get("/api/cards", params={"selection": "lasso-0001", "count": 8}).json()["cards"]
    assert {card["position"] for card in cards} == {2, 7}
    assert client.get("/api/filters").json()["selections"] == [
        {"id": "lasso-0001", "name": "lasso of 2", "count": 2}
    ]
    assert client.post("/api/selections", json={**body, "positions": [400]}).status_code == 400


def test_what_can_be_asked_for_is_listed(client: TestClient, desk: Desk):
    values = client.get("/api/filters").json()
    assert values["annotators"] == []
    assert values["runs"] == [{"run": desk.board().runs[0].run_id, "detector": "transition"}]
    act(client, [1], "keep")
    assert client.get("/api/filters").json()["annotators"] == ["ada"]
    assert client.get("/api/classes", params={"given": "red"}).json()["threshold"] == 0.5
