"""kill -9 of the server at random moments under steady decisions: no acknowledged decision may be lost.

    python -m benchmarks.kill [--kills 20] [--seed 0]

A client decides without pause; the server is killed after 0.2 to 2 seconds; the database is opened again and
every decision that the client had an answer for is looked up. One that was on its way may be there or not.
"""

import argparse
import random
import tempfile
import threading
import uuid
from pathlib import Path

import httpx

from benchmarks.machine import circumstances
from reviewer.queries import read_current_decisions
from reviewer.store import Store
from tests.driver import Server, reviewer, write_digits, write_random_clip


def decide_until_dead(server: Server, acknowledged: list[str], sent: list[str]) -> None:
    """Send decisions one after the other until the server is gone."""
    try:
        while True:
            cards = server.client.get("/api/cards?count=20").json()["cards"]
            for card in cards:
                entry = {
                    "id": uuid.uuid4().hex,
                    "position": card["position"],
                    "sample_id": card["sample_id"],
                    "outcome": "keep",
                }
                sent.append(entry["id"])
                answer = server.client.post("/api/decisions", json={"decisions": [entry]})
                acknowledged += answer.json()["saved"]
    except (httpx.TransportError, ValueError):
        return


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    print(circumstances())
    acknowledged: list[str] = []
    sent: list[str] = []
    lost_in = 0
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        write_digits(base / "photos")
        reviewer(
            "init", base / "w", "--images", base / "photos", "--weights", write_random_clip(base / "clip")
        )
        reviewer("triage", base / "w")
        for _ in range(options.kills):
            server = Server(base / "w")
            client = threading.Thread(target=decide_until_dead, args=(server, acknowledged, sent))
            client.start()
            client.join(rng.uniform(0.2, 2.0))
            server.kill()
            client.join()
            with Store(base / "w" / "review.duckdb") as store:
                found = {decision.event_id for decision in read_current_decisions(store.cursor()).values()}
            lost_in += not set(acknowledged) <= found
    print(
        f"{options.kills} kills, {len(sent)} decisions sent, {len(acknowledged)} acknowledged: "
        f"{options.kills - lost_in} of {options.kills} times none was lost (seed {options.seed})"
    )


if __name__ == "__main__":
    main()
