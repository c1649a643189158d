import random

import pytest

from reviewer.errors import ReviewerError
from reviewer.table import DELIMITERS, Record, Table, find_column, read_table


def rows(data: bytes, **options: str) -> list[list[str]]:
    return [list(record.cells) for record in read_table(data, **options).records()]


def rejoined(records: list[Record]) -> str:
    return "".join(record.raw + record.ending for record in records)


@pytest.mark.parametrize("delimiter", DELIMITERS)
def test_each_delimiter_is_found_from_the_header(delimiter: str):
    data = f"path{delimiter}label\na.png{delimiter}cat\n".encode()
    assert read_table(data).delimiter == delimiter
    assert rows(data) == [["path", "label"], ["a.png", "cat"]]


def test_the_named_columns_decide_the_delimiter_against_the_number_of_columns():
    data = b"path;label, a, b, c\nx.png;cat\n"
    assert read_table(data).delimiter == ","
    assert read_table(data, columns=["path", "label, a, b, c"]).delimiter == ";"


@pytest.mark.parametrize(
    ("text", "encoding", "expected"),
    [
        ("path,label\nä.png,Straße\n", "utf-8", "utf-8"),
        ("\ufeffpath,label\nä.png,Straße\n", "utf-8", "utf-8"),
        ("\ufeffpath,label\nä.png,Straße\n", "utf-16-le", "utf-16-le"),
        ("\ufeffpath,label\nä.png,Straße\n", "utf-16-be", "utf-16-be"),
        ("path,label\nbüro/1.png,Tür\ngrün.png,Größe\n", "cp1252", "cp1252"),
        ("path,label\na.png,chèvre\nb.png,“naïve”\n", "cp1252", "cp1252"),
        ("path,label\na.png,été\nb.png,año\n", "latin-1", "cp1252"),  # the same letters in both
    ],
)
def test_a_small_table_is_read_in_its_encoding_and_gives_its_bytes_back(
    text: str, encoding: str, expected: str
):
    data = text.encode(encoding)
    table = read_table(data)
    assert table.encoding == expected
    assert table.text == text
    assert table.header() == ["path", "label"]
    assert rejoined(list(table.records())).encode(table.encoding) == data


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "UTF16", "utf-32"])
def test_an_encoding_that_writes_a_mark_is_kept_as_one_that_does_not(encoding: str):
    data = "path,label\nä.png,cat\n".encode(encoding)
    table = read_table(data, encoding=encoding)
    assert table.header() == ["path", "label"]
    assert table.encoding in ("utf-8", "utf-16-le", "utf-32-le")
    assert b"".join((r.raw + r.ending).encode(table.encoding) for r in table.records()) == data


def test_shift_jis_is_read_when_it_is_named_and_survives_when_it_is_not():
    data = "path,label\n画像/猫.png,猫\n画像/犬.png,犬\n".encode("shift_jis")
    assert rows(data, encoding="shift_jis")[1] == ["画像/猫.png", "猫"]
    guessed = read_table(data)
    assert rejoined(list(guessed.records())).encode(guessed.encoding) == data


def test_bytes_of_no_encoding_at_all_still_come_back():
    data = b"path,label\na.png," + bytes(b for b in range(128, 256)) + b"\n"
    table = read_table(data)
    assert table.text.encode(table.encoding) == data


@pytest.mark.parametrize("encoding", ["utf-8", "no-such-thing", "hex", "idna", "utf-16"])
def test_an_encoding_that_does_not_fit_is_said_in_a_sentence(encoding: str):
    with pytest.raises(ReviewerError, match=r"--encoding|UTF-8"):
        read_table(b"path,label\n\xe4.png,cat\n", encoding=encoding)


def test_quoted_cells_hold_delimiters_quotes_and_line_ends():
    data = b'path,label,note\r\n"a,1.png","c""at","two\r\nlines\n"\r\nb.png,dog,\r\n'
    assert rows(data)[1] == ["a,1.png", 'c"at', "two\r\nlines\n"]
    assert rows(data)[2] == ["b.png", "dog", ""]


def test_a_stray_quote_inside_a_cell_is_a_character():
    assert rows(b'path,label\n5" disk.png,cat\n"a"b.png,dog\n')[1:] == [
        ['5" disk.png', "cat"],
        ["ab.png", "dog"],
    ]


def test_a_quote_that_is_never_closed_is_refused_with_its_line():
    with pytest.raises(ReviewerError, match=r"line 3 .*quotation mark"):
        rows(b'path,label\na.png,cat\nb.png,"dog\nc.png,cat\n')


def test_a_quote_that_opens_under_a_wrong_delimiter_does_no_harm():
    assert rows(b'path,label,a;"b\nx.png,cat,1\n') == [["path", "label", 'a;"b'], ["x.png", "cat", "1"]]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_endings_are_kept_per_record(ending: str):
    table = read_table(f"path,label{ending}a.png,cat{ending}b.png,dog".encode())
    records = list(table.records())
    assert [record.ending for record in records] == [ending, ending, ""]
    assert [list(record.cells) for record in records][2] == ["b.png", "dog"]


def test_mixed_line_endings_and_blank_lines_are_records_of_their_own():
    text = "path,label\r\na.png,cat\n\nb.png,dog\r\r\nc.png,cat"
    records = list(read_table(text.encode()).records())
    assert [record.ending for record in records] == ["\r\n", "\n", "\n", "\r", "\r\n", ""]
    assert [list(r.cells) for r in records if not r.cells] == [[], []]
    assert rejoined(records) == text


def test_short_and_long_rows_are_read_as_they_are():
    assert rows(b"path,label,x\na.png\nb.png,dog,1,2,3\n")[1:] == [["a.png"], ["b.png", "dog", "1", "2", "3"]]


@pytest.mark.parametrize("data", [b"", b"\n", b"\xef\xbb\xbf", b"  \n a,b\n", "\ufeff".encode("utf-16-le")])
def test_a_table_without_a_header_is_refused(data: bytes):
    with pytest.raises(ReviewerError, match="no header row"):
        read_table(data)


def test_a_cell_longer_than_the_csv_module_allows_is_read():
    data = b'path,label\n"' + b"x" * 300_000 + b'",cat\n'
    assert len(rows(data)[1][0]) == 300_000


def test_a_zero_byte_is_a_character():
    assert rows(b"path,label\na\0.png,cat\n")[1] == ["a\0.png", "cat"]


@pytest.mark.parametrize("seed", range(40))
def test_every_text_is_its_records_in_a_row(seed: int):
    rng = random.Random(seed)
    pieces = [
        "a",
        "b c",
        ",",
        ";",
        "\t",
        "|",
        '"',
        '""',
        "\n",
        "\r\n",
        "\r",
        "ä",
        "猫",
        "=1+1",
        "\\",
        "'",
        " ",
    ]
    text = "path,label\n" + "".join(rng.choice(pieces) for _ in range(rng.randrange(60)))
    table = Table(text=text, encoding="utf-8", delimiter=rng.choice(DELIMITERS))
    read: list[Record] = []
    try:
        for record in table.records():
            read.append(record)
    except ReviewerError:  # a quotation mark that nobody closes
        assert '"' in text.removeprefix(rejoined(read))
        assert text.startswith(rejoined(read))
    else:
        assert rejoined(read) == text


def test_a_column_is_found_by_name_and_the_first_of_a_repeated_name_wins():
    header = ["my path", "label", "label"]
    assert find_column(header, "my path", (), "--path-column") == 0
    assert find_column(header, "label", (), "--label-column") == 1


def test_a_column_is_guessed_from_its_name_in_any_case_and_with_spaces():
    assert find_column(["id", "File Name"], None, ("path", "file_name"), "--path-column") == 1


def test_a_missing_column_is_said_with_the_columns_and_the_nearest_name():
    with pytest.raises(ReviewerError, match=r"no column 'lable'.* path, label.*Did you mean 'label'"):
        find_column(["path", "label"], "lable", (), "--label-column")
    with pytest.raises(ReviewerError, match=r"None of the columns a, b .*--label-column"):
        find_column(["a", "b"], None, ("label",), "--label-column")
