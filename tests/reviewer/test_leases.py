import threading

from fastapi.testclient import TestClient

from reviewer.desk import Desk
from reviewer.leases import Leases
from tests.reviewer.test_filters import decide
from tests.reviewer.test_server import client_of


def test_a_card_belongs_to_one_page_until_it_lets_go_or_is_silent_too_long():
    now = [0.0]
    leases = Leases(60, lambda: now[0])
    leases.hold("one", [1, 2, 3])
    leases.hold("two", [3, 4])  # 3 was promised already
    assert leases.of_others("two") == {1, 2, 3}
    assert leases.of_others("one") == {4}
    leases.hold("one", [3])
    assert leases.of_others("two") == {3}
    now[0] = 59
    leases.hold("one", [3])  # it asked again
    now[0] = 100
    assert leases.of_others("two") == {3}
    assert leases.of_others("one") == set()  # two was silent
    leases.release("one")
    assert leases.of_others("two") == set()


def cards(client: TestClient, tab: str, count: int = 8, held: str = "") -> list[int]:
    answer = client.get("/api/cards", params={"tab": tab, "count": count, "held": held}).json()
    return [card["position"] for card in answer["cards"]]


def test_two_pages_get_different_cards_and_a_closed_one_gives_its_back(desk: Desk):
    with client_of(desk) as client:
        first = cards(client, "page-00001")
        second = cards(client, "page-00002")
        assert len(first) == len(second) == 8
        assert not set(first) & set(second)
        assert cards(client, "page-00001") == first  # it was loaded again
        more = cards(client, "page-00001", 4, ",".join(map(str, first)))
        assert not set(more) & {*first, *second}
        assert client.post("/api/release", json={"tab": "page-00001"}).status_code == 200
        assert cards(client, "page-00003") == first


def test_a_page_that_says_no_name_is_asked_for_nothing(desk: Desk):
    with client_of(desk) as client:
        taken = cards(client, "page-00001")
        answer = client.get("/api/cards", params={"count": 8}).json()
        assert not {card["position"] for card in answer["cards"]} & set(taken)
        assert client.get("/api/cards", params={"tab": "x"}).status_code == 422


def test_many_pages_at_once_never_share_a_card(desk: Desk):
    got: list[list[int]] = []

    def page(number: int) -> None:
        held: list[int] = []
        for _ in range(3):
            held += [card["position"] for card in desk.cards(2, held, tab=f"page-{number:05}")]
        got.append(held)

    threads = [threading.Thread(target=page, args=(number,)) for number in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    flat = [position for held in got for position in held]
    assert len(flat) == len(set(flat)) == 36


def test_what_was_decided_is_nobodys(desk: Desk):
    first = desk.cards(1, (), tab="page-00001")[0]["position"]
    decide(desk, first, "keep")
    desk.undo("undo-0001", "ada")
    assert desk.cards(1, (), tab="page-00001")[0]["position"] == first


def test_a_card_that_is_decided_is_nobodys():
    leases = Leases()
    leases.hold("page-one", [1, 2, 3])
    leases.free([2, 9])
    assert leases.of_others("page-two") == {1, 3}


def test_a_card_that_is_decided_while_another_page_asks_is_not_given_to_it(desk: Desk, monkeypatch):
    first = desk.cards(1, (), tab="page-00001")[0]["position"]
    of_others = desk.leases.of_others

    def meanwhile(holder: str) -> set[int]:
        monkeypatch.undo()
        decide(desk, first, "keep")  # its lease ends with it
        return of_others(holder)

    monkeypatch.setattr(desk.leases, "of_others", meanwhile)
    assert first not in [card["position"] for card in desk.cards(8, (), tab="page-00002")]
