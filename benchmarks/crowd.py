"""Simulated annotators that talk to the server as pages do: cards ahead, one decision at a time."""

import contextlib
import math
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

AHEAD = 8
FEW = 4


@dataclass
class Tally:
    """What one annotator was handed (position → when), got an answer for, and gave back in the end, and when.

    Times are those of `time.monotonic`, in seconds.
    """

    handed: dict[int, float] = field(default_factory=dict)
    given_back: set[int] = field(default_factory=set)
    gone: float = math.inf
    acknowledged: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def lost_to(self, other: "Tally") -> set[int]:
        """Return the cards that somebody else was handed although they were this annotator's."""
        shared = self.handed.keys() & other.handed.keys()
        after = {p for p in shared & self.given_back if other.handed[p] > self.gone}
        before = {p for p in shared & other.given_back if self.handed[p] > other.gone}
        return shared - after - before


@dataclass
class Crowd:
    """Annotators at work, each in a thread, until `stop`."""

    tallies: list[Tally]
    threads: list[threading.Thread]
    ended: threading.Event

    def stop(self) -> None:
        """Let them finish the decision that they are at."""
        self.ended.set()
        self.join()

    def join(self) -> None:
        """Wait until each has made its decisions."""
        for thread in self.threads:
            thread.join()


def start_crowd(
    open_client: Callable[[int], httpx.Client], people: int, *, decisions: int | None, pause: float = 0.0
) -> Crowd:
    """Let `people` annotators decide: `decisions` each (None: until they are stopped), one every `pause`
    seconds (0: as fast as they are answered). open_client: number of the annotator → its connection."""
    ended = threading.Event()
    tallies = [Tally() for _ in range(people)]
    threads = [
        threading.Thread(
            target=_work, args=(open_client(i), tallies[i], decisions, pause, ended), daemon=True
        )
        for i in range(people)
    ]
    for number, thread in enumerate(threads):
        if pause and number:
            time.sleep(pause / people)  # or all would press their keys at the same moment
        thread.start()
    return Crowd(tallies, threads, ended)


def _work(
    client: httpx.Client, tally: Tally, decisions: int | None, pause: float, ended: threading.Event
) -> None:
    tab = uuid.uuid4().hex
    cards: list[dict] = []
    due = time.monotonic()
    with contextlib.closing(client):
        while not ended.is_set() and (decisions is None or len(tally.acknowledged) < decisions):
            try:
                if len(cards) < FEW:
                    held = ",".join(str(card["position"]) for card in cards)
                    query = {"count": AHEAD - len(cards), "held": held, "tab": tab}
                    fresh = client.get("/api/cards", params=query).raise_for_status().json()["cards"]
                    positions = [card["position"] for card in fresh]
                    tally.faults += [f"{p} was handed twice" for p in positions if p in tally.handed]
                    tally.handed |= dict.fromkeys(positions, time.monotonic())
                    cards += fresh
                if not cards:
                    return
                _decide(client, tally, cards.pop(0))
            except (httpx.HTTPError, ValueError) as error:
                tally.faults.append(repr(error))
                return
            due += pause
            ended.wait(max(0.0, due - time.monotonic()))
        tally.gone, tally.given_back = time.monotonic(), {card["position"] for card in cards}
        client.post("/api/release", json={"tab": tab})


def _decide(client: httpx.Client, tally: Tally, card: dict) -> None:
    names = [each["name"] for each in card["likeliest"] if each["name"] != card["given"]["name"]]
    takes = card["position"] % 3 == 0 and names
    entry = {
        "id": uuid.uuid4().hex,
        "position": card["position"],
        "sample_id": card["sample_id"],
        "outcome": "relabel" if takes else "keep",
        "labels": names[:1] if takes else [],
        "seconds": 0.5,
        "run": card["run"],
        "p_clean": card["p_clean"],
        "blind": card["blind"],
    }
    answer = client.post("/api/decisions", json={"decisions": [entry]}).raise_for_status().json()
    tally.acknowledged |= dict.fromkeys(answer["saved"], card["position"])
    tally.faults += [each["error"] for each in answer["refused"]]
