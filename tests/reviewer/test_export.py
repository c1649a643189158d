import csv
import io
import random
from datetime import datetime

import numpy as np
import pytest

from reviewer.export import COLUMNS, corrected_rows, encoded, guarded_cell, joined
from reviewer.queries import CurrentLabel
from reviewer.table import BOM, Table, read_table

WHEN = datetime(2026, 11, 20, 14, 15, 3, 999_000)


def label(row: int, outcome: str | None = None, labels: tuple[str, ...] = ("cat",), **values) -> CurrentLabel:
    return CurrentLabel(
        source_row=row,
        position=values.pop("position", row),
        given_label=values.pop("given_label", "cat"),
        labels=labels,
        outcome=outcome,
        annotator="ada" if outcome else None,
        decided_at=WHEN if outcome else None,
        **values,
    )


def export(data: bytes, labels: list[CurrentLabel], p_clean=None, predicted=None, encoding=None) -> bytes:
    table = read_table(data, encoding=encoding, columns=("path", "label"))
    scores = np.full(1000, np.nan, dtype=np.float32) if p_clean is None else np.asarray(p_clean)
    return b"".join(encoded(corrected_rows(table, labels, scores, predicted or {}, 0.5), table.encoding))


def appended(data: bytes, labels: list[CurrentLabel], **options) -> list[dict[str, str]]:
    out = export(data, labels, **options).decode()
    return [{k: row[k] for k in COLUMNS} for row in csv.DictReader(io.StringIO(out, newline=""))]


def one(outcome: str | None, labels: tuple[str, ...], p_clean: float = 0.25, **values) -> dict[str, str]:
    rows = appended(b"path,label\na.png,cat\n", [label(0, outcome, labels, **values)], p_clean=[p_clean])
    return rows[0]


@pytest.mark.parametrize(
    ("outcome", "labels", "corrected", "status", "issue", "score"),
    [
        ("keep", ("cat",), "cat", "kept", "False", "1.000000"),
        ("relabel", ("dog",), "dog", "relabelled", "True", "0.000000"),
        ("ambiguous", ("cat", "dog"), "cat|dog", "ambiguous", "True", "0.500000"),
        ("ambiguous", ("cow", "dog"), "cow|dog", "ambiguous", "True", "0.000000"),
        ("out_of_scope", (), "", "out_of_scope", "True", ""),
        ("bad_image", (), "", "bad_image", "True", ""),
        ("skip", ("cat",), "cat", "skipped", "True", "0.250000"),
        (None, ("cat",), "cat", "unreviewed", "True", "0.250000"),
    ],
)
def test_each_outcome_has_its_status_label_and_score(outcome, labels, corrected, status, issue, score):
    row = one(outcome, labels)
    assert (row["corrected_label"], row["status"]) == (corrected, status)
    assert (row["is_label_issue"], row["label_score"]) == (issue, score)
    assert (row["annotator"], row["decided_at"]) == (("ada", "2026-11-20T14:15:03Z") if outcome else ("", ""))
    assert row["given_label"] == "cat"


def test_the_threshold_itself_is_not_flagged_and_no_score_is_no_issue():
    assert one(None, ("cat",), 0.5)["is_label_issue"] == "False"
    row = one(None, ("cat",), float("nan"))
    assert (row["is_label_issue"], row["label_score"]) == ("", "")
    assert one("bad_image", (), float("nan"))["is_label_issue"] == "True"


def test_the_predicted_label_stands_where_the_run_has_one():
    rows = appended(
        b"path,label\na.png,cat\nb.png,cat\n", [label(0), label(1, position=7)], predicted={7: "dog"}
    )
    assert [row["predicted_label"] for row in rows] == ["", "dog"]


def test_classes_of_an_ambiguous_sample_can_be_told_apart_whatever_they_are_called():
    assert joined(("a|b", "c\\")) == "a\\|b|c\\\\"
    assert joined(("a|b",)) == "a|b"
    assert joined(()) == ""


def test_a_name_that_is_taken_gets_a_suffix_also_in_an_export_of_an_export():
    data = b"path,label,status,given_label\na.png,cat,x,y\n"
    for _ in range(3):
        data = export(data, [label(0)])
    header = next(csv.reader(io.StringIO(data.decode())))
    assert len(set(header)) == len(header) == 4 + 3 * len(COLUMNS)
    assert header[4:6] == ["corrected_label", "status_labelsieve"]


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠x", "-", "-inf"],
)
def test_what_a_spreadsheet_would_run_is_guarded(cell: str):
    assert guarded_cell(cell) == f"'{cell}"
    row = one("relabel", (cell,), given_label=cell)
    assert (row["corrected_label"], row["given_label"]) == (f"'{cell}", f"'{cell}")


@pytest.mark.parametrize("cell", ["-1", "+1", "-1.5", "-1e-5", "1=1", "a-b", "cat", "", "0"])
def test_numbers_and_plain_names_are_left_alone(cell: str):
    assert guarded_cell(cell) == cell


def test_a_formula_as_annotator_or_prediction_is_guarded():
    current = CurrentLabel(
        source_row=0,
        position=0,
        given_label="cat",
        labels=("cat",),
        outcome="keep",
        annotator="=cmd|x",
        decided_at=WHEN,
    )
    row = appended(b"path,label\na.png,cat\n", [current], predicted={0: "@x"})[0]
    assert (row["annotator"], row["predicted_label"]) == ("'=cmd|x", "'@x")


@pytest.mark.parametrize(
    "name", ["two\nlines", "two\rlines", "a,b", 'a"b', "a;b", "a|b", "猫 🐈", " lead", "'"]
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_any_class_name_is_one_cell(name: str, delimiter: str):
    data = f"path{delimiter}label\na.png{delimiter}cat\nb.png{delimiter}cat\n".encode()
    out = export(data, [label(0, "relabel", (name,)), label(1)]).decode()
    rows = list(csv.reader(io.StringIO(out, newline=""), delimiter=delimiter))
    assert [len(row) for row in rows] == [2 + len(COLUMNS)] * 3
    assert rows[1][2] == name


def test_source_cells_are_never_guarded_or_changed():
    data = b'path,label\n"a.png",=1+1\n'
    assert export(data, [label(0)]).splitlines()[1].startswith(b'"a.png",=1+1,cat,')


def test_short_rows_are_filled_and_long_rows_widen_the_table():
    data = b"path,label\na.png\nb.png,cat,\nc.png,cat\n,\n\n"
    out = export(data, [label(0), label(1), label(2)]).decode()
    rows = list(csv.reader(io.StringIO(out, newline="")))
    assert [len(row) for row in rows] == [3 + len(COLUMNS)] * 5 + [0]
    assert {row[3] for row in rows[1:4]} == {"cat"}
    assert rows[0][2:4] == ["", "corrected_label"]
    assert rows[4] == [""] * 11


def test_one_endless_row_does_not_widen_every_other():
    data = b"path,label\na.png,cat\nb.png,cat" + b"," * 5000 + b"\n"
    assert len(export(data, [label(0), label(1)])) < 8000


def test_a_last_row_without_an_end_gets_none():
    assert not export(b"path,label\na.png,cat", [label(0)]).endswith(b"\n")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_table_with_a_byte_order_mark_keeps_exactly_one(encoding: str):
    mark = "" if encoding in ("utf-16", "utf-8-sig", "utf-32") else BOM
    data = f"{mark}path,label\nä.png,cat\nb.png,cat\n".encode(encoding)
    for named in (None, encoding) if encoding != "utf-32" else (encoding,):
        out = export(data, [label(0, "relabel", ("猫",)), label(1)], encoding=named)
        text = out.decode(encoding).removeprefix(BOM)
        assert BOM not in text
        assert text.splitlines()[1].startswith("ä.png,cat,猫,relabelled")


def test_a_name_that_the_encoding_cannot_write_is_escaped():
    data = "path,label\nbüro.png,Tür\ngrün.png,Tür\n".encode("cp1252")
    out = export(data, [label(0, "relabel", ("猫",)), label(1)])
    assert out.splitlines()[1].startswith("büro.png,Tür,".encode("cp1252") + b"\\u732b,relabelled")


def test_an_encoding_with_states_stays_readable():
    data = "path,label\n猫.png,cat\n犬.png,cat\n".encode("iso2022_jp")
    out = export(data, [label(0, "relabel", ("犬",)), label(1)], encoding="iso2022_jp").decode("iso2022_jp")
    assert out.splitlines()[1].startswith("猫.png,cat,犬,")


CELLS = [
    "",
    "a.png",
    "cat",
    '"a,b"',
    '"q""q"',
    '"l\nl"',
    '"c\r\nc"',
    '5" x',
    "=1+1",
    "'x",
    " s ",
    "ä",
    "猫",
    '"a"b',
    "\\",
]


def random_table(rng: random.Random, delimiter: str, encoding: str) -> str:
    def cell() -> str:
        text = rng.choice(CELLS)
        return text if encoding == "utf-8" or text.isascii() else "é"

    lines = [f"path{delimiter}label{delimiter}note"]
    for _ in range(rng.randrange(1, 12)):
        width = rng.choice([0, 1, 2, 3, 3, 3, 3, 4, 6])
        lines.append(delimiter.join(cell() for _ in range(width)))
    text = lines[0]
    for line in lines[1:]:
        text += rng.choice(["\n", "\r\n", "\r"]) + line
    return (
        rng.choice(["", BOM if encoding == "utf-8" else ""]) + text + rng.choice(["", "\n", "\r\n", "\n\n"])
    )


@pytest.mark.parametrize("seed", range(150))
def test_every_source_byte_survives_and_every_cell_reads_back(seed: int):
    rng = random.Random(seed)
    delimiter = rng.choice([",", ";", "\t", "|"])
    encoding = rng.choice(["utf-8", "utf-8", "cp1252"])
    text = random_table(rng, delimiter, encoding)
    table = Table(text=text, encoding=encoding, delimiter=delimiter)
    records = list(table.records())
    names = ["cat", "=x", "a,b", "two\nlines", 'q"', "x;y|z\t"]
    labels = [
        label(row, *rng.choice([(None, ("cat",)), ("keep", ("cat",)), ("relabel", (rng.choice(names),))]))
        for row, record in enumerate(records[1:])
        if any(record.cells)
    ]
    rows = corrected_rows(table, labels, np.linspace(0, 1, len(records)), {}, 0.5)
    out = b"".join(encoded(rows, encoding))

    exported = list(Table(text=out.decode(encoding), encoding=encoding, delimiter=delimiter).records())
    assert len(exported) == len(records)
    width = max(len(r.cells) for r in records)
    for before, after in zip(records, exported, strict=True):
        # byte for byte: the record is what it was, then our columns, then its own line end
        assert after.raw.encode(encoding).startswith(before.raw.encode(encoding))
        assert after.ending == before.ending
        if before.cells:
            assert len(after.cells) == width + len(COLUMNS)
            assert list(after.cells[: len(before.cells)]) == list(before.cells)
            assert set(after.cells[len(before.cells) : width]) <= {""}
        else:
            assert after.raw == before.raw
    by_row = {current.source_row: current for current in labels}
    for row, after in enumerate(exported[1:]):
        if row in by_row:
            corrected = guarded_cell(joined(by_row[row].labels))
            assert after.cells[width] == corrected
