"""Eight people and a browser at work on one workspace: nothing is lost or doubled, no card given twice."""

import contextlib
import itertools
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from benchmarks.crowd import start_crowd
from benchmarks.large import make_large
from reviewer.accounts import make_account, write_account
from reviewer.store import Store
from tests.driver import CIFAR, Server, browser_page, served

PEOPLE, EACH, SAMPLES = 8, 1_000, 20_000
NAMES = [f"person {number}" for number in range(PEOPLE + 1)]
PASSWORD = "correct horse battery"
KEYS_PER_SECOND = 15


def connected(server: Server, name: str) -> httpx.Client:
    client = httpx.Client(base_url=server.url, timeout=60, trust_env=False)
    client.post("/log-in", json={"name": name, "password": PASSWORD}).raise_for_status()
    return client


def log_in(page: Any) -> None:
    page.get_by_label("Name", exact=True).fill(NAMES[PEOPLE])
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.wait_for_selector("[data-state=ready]", timeout=60_000)  # the log-in's own page runs no strings


def decided_by(client: httpx.Client, name: str) -> int:
    reply = client.get("/api/positions", params={"annotator": name}).raise_for_status()
    return int(np.frombuffer(reply.content, "<u4")[0])


def keep_cards(page: Any, client: httpx.Client) -> set[str]:
    """Press A until EACH cards or more are kept; return the ids of the decisions that the page has sent.

    A press that comes before its card is ready may do nothing, or wait its turn.
    """
    sent: set[str] = set()

    def note(request: Any) -> None:
        if request.url.endswith("/api/decisions"):
            sent.update(each["id"] for each in json.loads(request.post_data)["decisions"])

    page.on("request", note)
    known = -1
    while (kept := decided_by(client, NAMES[PEOPLE])) < EACH or kept != known:
        for _ in range(min(EACH - kept, 50)):
            page.keyboard.press("a")
            time.sleep(1 / KEYS_PER_SECOND)
        page.wait_for_timeout(500)  # what is on its way
        known = kept
    return sent


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.skipif(not CIFAR.is_file(), reason="the CIFAR sample is not beside the checkout")
def test_eight_people_and_a_browser_lose_and_double_nothing(tmp_path: Path):
    workspace = make_large(tmp_path, SAMPLES)
    accounts = tmp_path / "people.json"
    for name in NAMES:
        write_account(accounts, make_account(name, PASSWORD))
    with served(workspace.root, options=("--auth", accounts)) as server:
        crowd = start_crowd(lambda number: connected(server, NAMES[number]), PEOPLE, decisions=EACH)
        with (
            browser_page(server.url, until=log_in) as (page, noise),
            contextlib.closing(connected(server, NAMES[PEOPLE])) as client,
        ):
            sent = keep_cards(page, client)
            crowd.join()
            assert noise == []
    assert [tally.faults for tally in crowd.tallies] == [[]] * PEOPLE
    for one, other in itertools.combinations(crowd.tallies, 2):
        assert one.lost_to(other) == set()  # no card was given to two unasked

    with Store(workspace.database) as store:
        events = store.cursor().execute("SELECT event_id, position, annotator, kind FROM events").fetchall()
    assert {kind for *_, kind in events} == {"decision"}
    assert max(Counter(position for _, position, _, _ in events).values()) == 1
    assert {event_id for event_id, _, annotator, _ in events if annotator == NAMES[PEOPLE]} == sent
    assert len(sent) >= EACH
    found = {event_id: (position, annotator) for event_id, position, annotator, _ in events}
    for name, tally in zip(NAMES, crowd.tallies, strict=False):
        assert len(tally.acknowledged) == EACH
        assert {event_id: at for event_id, (at, who) in found.items() if who == name} == tally.acknowledged
