import os
import random
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pytest

from engine.artifacts import Scores
from reviewer import queries, schema
from reviewer.decisions import Event, Kind, Outcome, Screen, standing
from reviewer.errors import ReviewerError
from reviewer.schema import M001_INITIAL, MIGRATIONS, migrate
from reviewer.sources import Fault, Sample
from reviewer.store import Store
from tests.reviewer.simulated import decision
from tests.reviewer.test_decisions import history

ROOT = Path(__file__).parents[2]


def samples(n: int) -> list[Sample]:
    return [
        Sample(sample_id=f"s{i}", path=f"s{i}.png", given_label="cat" if i % 2 else "dog", source_row=i)
        for i in range(n)
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "review.duckdb"


@pytest.fixture
def filled(path: Path):
    with Store(path) as store:
        store.import_samples(samples(6), ())
        yield store


def holding(store: Store) -> dict[int, str]:
    return {p: d.event_id for p, d in queries.read_current_decisions(store.cursor()).items()}


def count_events(store: Store) -> int:
    return store.cursor().execute("SELECT count(*) FROM events").fetchall()[0][0]


def scores(*ids: str, p_clean: float = 0.5) -> Scores:
    n = len(ids)
    return Scores(
        sample_ids=np.asarray(ids, dtype=np.str_),
        p_clean=np.full(n, p_clean, dtype=np.float32),
        suggested=np.asarray(["cat"] * n),
        suggested_probability=np.full(n, 0.9, dtype=np.float32),
        loss=np.zeros(n, dtype=np.float32),
    )


# -- decisions --


@pytest.mark.parametrize("seed", range(8))
def test_folding_the_events_in_python_equals_the_view(path: Path, seed: int):
    rng = random.Random(seed)
    events: list[Event] = []
    with Store(path) as store:
        store.import_samples(samples(5), ())
        for number in range(60):
            who = rng.choice(["ada", "bob"])
            act = rng.choice(["decide", "decide", "undo", "undo", "redo"])
            name = f"e{number}"
            if act == "decide":
                position, screen = rng.randrange(5), rng.choice(list(Screen))
                made = decision(name, position, rng.choice(list(Outcome)), annotator=who, screen=screen)
                store.record([made])
                entry = {"event_id": name, "annotator": who, "position": position}
                events.append(Event(kind=Kind.DECISION, counts=made.counts, **entry))
            else:
                kind = Kind(act)
                told = history(events, who)
                targets = told.undo_targets() if kind is Kind.UNDO else told.redo_targets()
                assert (store.undo if kind is Kind.UNDO else store.redo)(who, name) == targets
                for expected in targets:
                    place = next(e.position for e in events if e.event_id == expected)
                    events.append(
                        Event(kind=kind, event_id=name, annotator=who, position=place, target_id=expected)
                    )
            assert holding(store) == standing(events)
    with Store(path) as store:
        assert holding(store) == standing(events)
        assert store.undo("ada", "last-one") == history(events, "ada").undo_targets()


def test_a_decision_is_read_back_as_it_was_written(filled: Store):
    made = decision("d1", 3, Outcome.AMBIGUOUS, ("cat", "dog|x"), annotator="Ada 猫", minute=7)
    filled.record([made])
    assert queries.read_decisions(filled.cursor(), ["d1"]) == [made]
    assert queries.read_current_decisions_of(filled.cursor(), [3]) == {3: made}
    assert queries.read_current_decisions_of(filled.cursor(), [2]) == {}


def test_sending_a_decision_again_changes_nothing(filled: Store):
    assert filled.record([decision("d1", 0)]) == ["d1"]
    again = [decision("d1", 5, Outcome.SKIP), decision("d2", 1), decision("d3", 2), decision("d2", 2)]
    assert filled.record(again) == ["d2", "d3"]
    assert holding(filled) == {0: "d1", 1: "d2", 2: "d3"}
    assert count_events(filled) == 3


def test_a_retry_of_an_undone_decision_stays_undone(filled: Store):
    filled.record([decision("d1", 0)])
    filled.undo("ada", "u1")
    assert filled.record([decision("d1", 0)]) == []
    assert holding(filled) == {}


def test_undo_and_redo_with_a_known_id_answer_the_same_and_act_once(path: Path):
    with Store(path) as store:
        store.import_samples(samples(3), ())
        store.record([decision("d1", 0), decision("d2", 1)])
        assert [store.undo("ada", "u1") for _ in range(3)] == [("d2",)] * 3
        assert [store.redo("ada", "r1") for _ in range(2)] == [("d2",)] * 2
        assert holding(store) == {0: "d1", 1: "d2"}
    with Store(path) as store:  # the answer is on disk, not in memory
        assert store.undo("ada", "u1") == ("d2",)
        assert holding(store) == {0: "d1", 1: "d2"}


def test_nobody_undoes_another_persons_decision(filled: Store):
    filled.record([decision("d1", 0, annotator="bob")])
    assert filled.undo("ada", "u1") == ()
    assert filled.redo("ada", "r1") == ()
    assert count_events(filled) == 1


def test_a_batch_is_written_whole_or_not_at_all(filled: Store):
    broken = decision("d2", 1, given=None)  # type: ignore[arg-type]
    with pytest.raises(duckdb.Error):
        filled.record([decision("d1", 0), broken, decision("d3", 2)])
    assert (holding(filled), count_events(filled)) == ({}, 0)
    assert filled.undo("ada", "u1") == ()
    assert filled.record([decision("d1", 0)]) == ["d1"]  # it was not taken for known
    assert holding(filled) == {0: "d1"}


def test_no_event_is_ever_changed_or_deleted(filled: Store):
    filled.record([decision("d1", 0), decision("d2", 0, Outcome.RELABEL, ("cat",))])
    before = filled.cursor().execute("SELECT * FROM events ORDER BY event_order").fetchall()
    filled.undo("ada", "u1")
    filled.redo("ada", "r1")
    filled.record([decision("d3", 0, Outcome.SKIP)])
    after = filled.cursor().execute("SELECT * FROM events ORDER BY event_order").fetchall()
    assert after[:2] == before
    assert len(after) == 5


def test_the_current_label_follows_the_outcome(filled: Store):
    filled.record(
        [
            decision("k", 0, Outcome.KEEP),
            decision("r", 1, Outcome.RELABEL, ("dog",)),
            decision("a", 2, Outcome.AMBIGUOUS, ("dog", "cat")),
            decision("o", 3, Outcome.OUT_OF_SCOPE),
            decision("b", 4, Outcome.BAD_IMAGE),
            decision("s", 5, Outcome.SKIP),
        ]
    )
    labels = queries.read_current_labels(filled.cursor())
    assert [current.labels for current in labels] == [("dog",), ("dog",), ("dog", "cat"), (), (), ("cat",)]
    assert queries.read_class_counts(filled.cursor()) == [("cat", 3, 1), ("dog", 3, 0)]


def test_readers_and_a_writer_at_once_see_whole_batches(filled: Store):
    faults: list[object] = []
    done = threading.Event()

    def look() -> None:
        try:
            while not done.is_set():
                if len(queries.read_current_decisions(filled.cursor())) not in (0, 3):
                    faults.append("half a batch")
        except Exception as error:
            faults.append(error)

    readers = [threading.Thread(target=look) for _ in range(3)]
    for reader in readers:
        reader.start()
    for n in range(40):
        filled.record([decision(f"b{n}-{i}", i) for i in range(3)])
    done.set()
    for reader in readers:
        reader.join()
    assert faults == []


# -- opening --


def test_a_new_database_gets_every_migration_once(path: Path):
    connection = duckdb.connect(str(path))
    assert migrate(connection) == [name for name, _ in MIGRATIONS]
    assert migrate(connection) == []
    connection.close()


def test_the_first_schema_with_rows_arrives_at_the_newest(path: Path):
    connection = duckdb.connect(str(path))
    connection.execute(M001_INITIAL)
    schema.applied(connection)
    connection.execute("INSERT INTO migrations VALUES ('m001_initial', ?)", [schema.utc_now()])
    connection.execute("INSERT INTO samples VALUES (0, 'a.png', 'a.png', 'cat', 0, NULL)")
    connection.execute(
        "INSERT INTO events (event_id, kind, position, outcome, labels, annotator, decided_at, given_label) "
        "VALUES ('d1', 'decision', 0, 'relabel', ['dog'], 'ada', now(), 'cat')"
    )
    connection.close()
    with Store(path) as store:
        assert queries.read_current_labels(store.cursor())[0].labels == ("dog",)
        assert schema.applied(store.cursor()) == [name for name, _ in MIGRATIONS]


def test_the_schema_before_second_opinions_keeps_everything_and_takes_them(path: Path):
    connection = duckdb.connect(str(path))
    migrate(connection, MIGRATIONS[:2])
    connection.execute(
        "INSERT INTO samples SELECT range, range || '.png', range || '.png', 'cat', range, NULL FROM range(4)"
    )
    for number, (outcome, screen) in enumerate(
        [("keep", "card"), ("relabel", "audit"), ("bad_image", "sheet"), ("skip", None)]
    ):
        connection.execute(
            "INSERT INTO events (event_id, kind, position, outcome, labels, annotator, decided_at, "
            "given_label, screen, note, act_id) "
            "VALUES (?, 'decision', ?, ?, ?, 'ada', now(), 'cat', ?, 'a note', ?)",
            [f"d{number}", number, outcome, ["dog"] if outcome == "relabel" else [], screen, f"act{number}"],
        )
    before = connection.execute("SELECT * FROM current_decisions ORDER BY position").fetchall()
    log = connection.execute("SELECT * FROM events ORDER BY event_order").fetchall()
    connection.close()
    with Store(path) as store:
        cursor = store.cursor()
        assert cursor.execute("SELECT * FROM current_decisions ORDER BY position").fetchall() == before
        assert cursor.execute("SELECT * FROM events ORDER BY event_order").fetchall() == log
        held = holding(store)
        second = decision("s1", 0, Outcome.BAD_IMAGE, annotator="bob", given="cat", screen=Screen.SECOND)
        put_off = decision("s2", 1, Outcome.SKIP, annotator="eve", given="cat", screen=Screen.ADJUDICATION)
        store.record([second, put_off])
        assert holding(store) == held
        assert [label.outcome for label in queries.read_current_labels(cursor)][:2] == ["keep", "relabel"]
        assert [each.event_id for each in queries.read_opinions(cursor)] == ["s1", "s2"]
        assert [each.event_id for each in queries.read_opinions(cursor, [1, 3])] == ["s2"]
        assert store.undo("bob", "undo-1") == ("s1",)
        assert [each.event_id for each in queries.read_opinions(cursor)] == ["s2"]
        settled = decision("s3", 0, Outcome.RELABEL, ("dog",), annotator="eve", screen=Screen.ADJUDICATION)
        store.record([settled])
        assert queries.read_current_labels(cursor)[0].labels == ("dog",)
        assert store.undo("ada", "undo-2") == ("d3",)  # each of the old ones by itself, still


def test_a_migration_that_fails_leaves_nothing_behind(path: Path):
    connection = duckdb.connect(str(path))
    migrate(connection)
    with pytest.raises(duckdb.Error):
        migrate(connection, (*MIGRATIONS, ("m999_bad", "CREATE TABLE extra (x INTEGER); SELECT nonsense")))
    assert connection.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'extra'"
    ).fetchall() == [(0,)]
    assert "m999_bad" not in schema.applied(connection)
    connection.close()


def test_a_database_of_a_newer_version_is_refused_and_let_go(path: Path):
    connection = duckdb.connect(str(path))
    migrate(connection)
    connection.execute("INSERT INTO migrations VALUES ('m900_future', ?)", [schema.utc_now()])
    connection.close()
    with pytest.raises(ReviewerError, match=r"newer Labelsieve wrote this workspace \(m900_future\)"):
        Store(path)
    probe = subprocess.run(
        [sys.executable, "-c", f"import duckdb; duckdb.connect({str(path)!r})"],
        capture_output=True,
        timeout=60,
    )
    assert probe.returncode == 0, probe.stderr


def test_a_second_process_hears_which_process_has_the_database(filled: Store, path: Path):
    code = (
        "import sys; from pathlib import Path; from reviewer.store import Store\n"
        "from reviewer.errors import ReviewerError\n"
        "try: Store(Path(sys.argv[1]))\n"
        "except ReviewerError as error: print(error)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert f"is open in process {os.getpid()}; one process has a workspace open" in said.stdout, said.stderr


def test_a_file_that_is_no_database_is_refused_in_a_sentence(path: Path):
    path.write_bytes(b"not a database at all" * 500)
    with pytest.raises(ReviewerError, match="cannot be opened"):
        Store(path)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "COPY (SELECT 1) TO '/tmp/labelsieve-must-not-exist.csv'",
        "ATTACH '/tmp/labelsieve-must-not-exist.duckdb'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
    ],
)
def test_sql_reaches_nothing_outside_the_database(filled: Store, sql: str):
    with pytest.raises(duckdb.Error):
        filled.cursor().execute(sql)


# -- samples, runs, settings --


def test_samples_come_back_as_they_were_with_problems_where_there_are_some(path: Path):
    made = [
        Sample(
            sample_id=f"猫 {i}\n'\"\0",
            path=f"p{i}",
            given_label="x",
            source_row=i,
            problem="gone" if i == 4999 else None,
        )
        for i in range(5000)
    ]
    faults = [Fault(problem="whole table"), Fault(problem="gone", path="p4999", source_row=4999)]
    with Store(path) as store:
        store.import_samples(made, faults)
        read = queries.read_samples(store.cursor())
        assert read.sample_ids.tolist() == [s.sample_id for s in made]
        assert read.problems.tolist() == [s.problem for s in made]
        assert queries.read_faults(store.cursor()) == [("import", fault) for fault in faults]
        assert queries.read_fault_count(store.cursor()) == 2


def test_samples_without_any_problem_read_as_none(filled: Store):
    assert queries.read_samples(filled.cursor()).problems.tolist() == [None] * 6


def test_a_run_joins_by_sample_id_in_its_own_order(filled: Store):
    filled.import_run("r1", "knn", scores("s4", "s1"), [Fault(problem="the file is empty", path="s0.png")])
    read = queries.read_scores(filled.cursor(), "r1")
    assert read.positions.tolist() == [4, 1]
    assert queries.read_faults(filled.cursor())[0][0] == "r1"


def test_importing_a_run_twice_is_harmless(filled: Store):
    filled.import_run("r1", "knn", scores("s4", "s1"))
    filled.import_run("r1", "knn", scores("s0", p_clean=0.1))
    assert queries.read_scores(filled.cursor(), "r1").positions.tolist() == [4, 1]
    assert len(queries.read_runs(filled.cursor())) == 1


def test_a_run_with_a_sample_of_another_workspace_is_refused_whole(filled: Store):
    with pytest.raises(ReviewerError, match=r"run r1 scores 2 samples that this workspace does not have"):
        filled.import_run("r1", "knn", scores("s0", "nope", "s1", "neither"))
    assert queries.read_runs(filled.cursor()) == []
    assert len(queries.read_scores(filled.cursor(), "r1").positions) == 0
    filled.import_run("r1", "knn", scores("s0"))


def test_a_run_with_scores_that_are_no_numbers_is_refused(filled: Store):
    with pytest.raises(ReviewerError, match="1 scores that are no numbers"):
        filled.import_run("r1", "knn", scores("s0", p_clean=float("nan")))


def test_a_setting_is_remembered(path: Path):
    with Store(path) as store:
        assert queries.read_setting(store.cursor(), "threshold", "0.5") == "0.5"
        store.write_setting("threshold", "0.3")
        store.write_setting("threshold", "0.7")
    with Store(path) as store:
        assert queries.read_setting(store.cursor(), "threshold", "0.5") == "0.7"


# -- a power cut for the process --

LOOP = """
import sys, itertools
from datetime import datetime
from pathlib import Path
from reviewer.decisions import Decision, Outcome
from reviewer.store import Store
store = Store(Path(sys.argv[1]))
for n in itertools.count():
    batch = [Decision(event_id=f"{sys.argv[2]}-{n}-{i}", position=i, outcome=Outcome.KEEP, annotator="ada",
                      decided_at=datetime(2026, 1, 1), given_label="cat") for i in range(1 + n % 3)]
    print(*store.record(batch), flush=True)
"""


def test_a_killed_process_loses_no_acknowledged_decision(path: Path):
    with Store(path) as store:
        store.import_samples(samples(6), ())
    acknowledged: list[str] = []
    for attempt in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", LOOP, str(path), str(attempt)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        for _ in range(15 + 40 * attempt):
            acknowledged += process.stdout.readline().split()
        process.send_signal(signal.SIGKILL)
        acknowledged += process.stdout.read().split()
        process.wait()
        process.stdout.close()
        with Store(path) as store:
            found = {name for (name,) in store.cursor().execute("SELECT event_id FROM events").fetchall()}
            assert set(acknowledged) <= found
            # and whole batches only: batch n has 1 + n % 3 decisions
            batches: dict[str, int] = {}
            for name in found:
                batch = name.rsplit("-", 1)[0]
                batches[batch] = batches.get(batch, 0) + 1
            assert all(size == 1 + int(batch.split("-")[1]) % 3 for batch, size in batches.items())
    assert len(acknowledged) > 150


# -- acts on many samples --


@pytest.mark.parametrize("n", [3, 300])
def test_an_act_on_many_is_one_to_take_back_also_after_a_restart(path: Path, n: int):
    made = [
        decision(
            f"act1-{i}", i, Outcome.RELABEL if i % 2 else Outcome.AMBIGUOUS, ("cat", "a\x1fb\n|")[: 2 - i % 2]
        )
        for i in range(n)
    ]
    act = [replace(each, act_id="act1", screen=Screen.SHEET, note="all alike", p_clean=0.25) for each in made]
    with Store(path) as store:
        store.import_samples(samples(n), ())
        store.record([decision("before", 0)])
        assert store.record(act) == [each.event_id for each in act]
        assert queries.read_decisions(store.cursor(), [each.event_id for each in act]) == act
        assert store.record(act) == []
    with Store(path) as store:
        assert store.undo("ada", "undo1") == tuple(each.event_id for each in act)
        assert holding(store) == {0: "before"}
        assert store.redo("ada", "redo1") == tuple(each.event_id for each in act)
        assert len(holding(store)) == n
    with Store(path) as store:
        assert store.undo("ada", "undo1") == tuple(each.event_id for each in act)  # a late retry
        assert len(holding(store)) == n
        assert len(store.undo("ada", "undo2")) == n
        assert store.undo("ada", "undo3") == ("before",)
    assert holding_after(path) == {}


def holding_after(path: Path) -> dict[int, str]:
    with Store(path) as store:
        return holding(store)


def test_decisions_of_the_first_schema_are_undone_one_by_one(path: Path):
    with Store(path) as store:
        store.import_samples(samples(3), ())
        store.record([decision("d1", 0), decision("d2", 1)])
        store.cursor().execute("UPDATE events SET act_id = NULL, screen = NULL, note = NULL")
    with Store(path) as store:
        assert queries.read_current_decisions_of(store.cursor(), [0]) == {0: decision("d1", 0)}
        assert store.undo("ada", "u1") == ("d2",)


def test_what_the_queue_came_past_is_kept_and_stays(filled: Store):
    filled.record([decision("d1", 0)], passes=[3, 4])
    filled.record([decision("d1", 0)], passes=[5])  # a retry
    filled.record([decision("d2", 1)], passes=[4])
    filled.undo("ada", "u1")
    assert queries.read_passes(filled.cursor()) == {3, 4}


def test_a_selection_is_kept_under_its_first_name(filled: Store):
    filled.write_selection("lasso-01", "lasso of 2", "ada", [5, 1])
    filled.write_selection("lasso-01", "another", "bob", [2])
    found = queries.read_selection(filled.cursor(), "lasso-01")
    assert found is not None
    assert (found.name, found.annotator, found.positions.tolist()) == ("lasso of 2", "ada", [5, 1])
    assert queries.read_selection(filled.cursor(), "other") is None
    assert queries.read_selection_names(filled.cursor()) == [("lasso-01", "lasso of 2", 2)]
