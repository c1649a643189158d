from pathlib import Path

import pytest

from reviewer.columns import guess_label, guess_path
from reviewer.preview import preview_source
from reviewer.table import Table, read_table
from tests.reviewer.simulated import draw_all

NAMES = [f"{kind}/{n}.png" for kind in ("cat", "dog") for n in range(6)]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return draw_all(tmp_path / "images", NAMES)


def table(**columns: list[str]) -> Table:
    rows = [list(columns), *zip(*columns.values(), strict=True)]
    return read_table("\n".join(",".join(row) for row in rows).encode())


CLASS = ["Katze"] * 6 + ["Hund"] * 6
NUMBERS = [str(n) for n in range(12)]


def test_the_image_is_the_column_whose_values_are_files_whatever_it_is_called(images: Path):
    guess = guess_path(table(nr=NUMBERS, wo=NAMES, was=CLASS), images)
    assert (guess.column, guess.why) == ("wo", "12 of 12 are files here")
    # A usual name with other things in it does not win over files.
    assert guess_path(table(image=NUMBERS, wo=NAMES, was=CLASS), images).column == "wo"
    # Of two columns of files, the one with the usual name.
    backslashed = [name.replace("/", "\\") for name in NAMES]
    assert guess_path(table(wo=backslashed, file_name=NAMES, was=CLASS), images).column == "file_name"


def test_where_no_value_is_a_file_the_usual_name_is_taken_and_says_so(images: Path):
    guess = guess_path(table(wo=NUMBERS, image=[f"x/{n}" for n in NUMBERS], was=CLASS), images)
    assert (guess.column, guess.why) == ("image", "0 of 12 are files here")
    assert guess_path(table(wo=NUMBERS, was=CLASS), images).column is None


def test_a_value_outside_the_folder_is_no_file_of_it(images: Path, tmp_path: Path):
    (tmp_path / "secret.png").write_bytes(b"x")
    assert guess_path(table(wo=["../secret.png"] * 12, was=CLASS), images).column is None


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"wo": NAMES, "was": CLASS}, "was"),
        ({"wo": NAMES, "class": CLASS, "was": CLASS}, "class"),
        ({"wo": NAMES, "true_label": CLASS, "place": ["here", "there"] * 6}, "true_label"),
        # The folder of the image says which of two is meant.
        ({"wo": NAMES, "a": [name[:3].upper() for name in NAMES], "b": ["x", "y"] * 6}, "a"),
        # Words rather than numbers and dates.
        (
            {"wo": NAMES, "wide": ["640", "480"] * 6, "am": ["2026-01-02", "2026-01-03"] * 6, "was": CLASS},
            "was",
        ),
        ({"wo": NAMES, "nr": NUMBERS, "label": ["0", "1"] * 6}, "label"),
        # A split is no class, and neither is a column with as many values as rows or with one.
        ({"wo": NAMES, "split": ["train", "test"] * 6, "was": CLASS}, "was"),
        ({"wo": NAMES, "label": NUMBERS, "was": CLASS}, "was"),
        ({"wo": NAMES, "label": ["animal"] * 12, "was": CLASS}, "was"),
        # Two that may be meant: the person says which.
        ({"wo": NAMES, "was": CLASS, "wer": ["ada", "bea"] * 6}, None),
        ({"wo": NAMES}, None),
    ],
)
def test_the_label_is_the_column_with_few_values_that_look_like_classes(columns: dict, expected: str | None):
    assert guess_label(table(**columns), "wo").column == expected


def test_a_table_sorted_by_class_is_read_far_enough(images: Path):
    many = {"wo": [f"{n}.png" for n in range(4000)], "was": ["cat"] * 2500 + ["dog"] * 1500}
    guess = guess_label(table(**many), "wo")
    assert (guess.column, guess.why) == ("was", "2 values in 4,000 rows")


def test_ragged_empty_and_long_rows_are_no_fault(images: Path):
    ragged = read_table(
        b"wo,was,note\ncat/0.png\n\n,,\ncat/1.png,Katze," + b"x" * 5000 + b"\ndog/0.png,Hund\n"
    )
    assert guess_path(ragged, images).column == "wo"
    assert guess_label(ragged, "wo").column == "was"
    assert guess_path(read_table(b"wo,was\n"), images).column is None


def test_the_preview_shows_the_first_rows_and_which_images_are_there(images: Path, tmp_path: Path):
    found = tmp_path / "t.csv"
    found.write_text(
        "nr;wo;was\n0;gone.png;Katze\n1;./cat/1.png;Katze\n2;;Hund\n3;dog/0.png;Hund\n4;dog/1.png;"
        + "x" * 900
    )
    told = preview_source(images, found, label_column="was")
    assert (told.path_column, told.path_why) == ("wo", "3 of 4 are files here")
    assert (told.label_column, told.label_why) == ("was", "")
    assert [(row.path, row.problem) for row in told.rows] == [
        (None, "the file is not there"),
        ("cat/1.png", ""),
        (None, "the row names no path"),
        ("dog/0.png", ""),
        ("dog/1.png", ""),
    ]
    assert told.rows[0].cells == ("0", "gone.png", "Katze")
    assert len(told.rows[4].cells[2]) == 200
    assert [(each.name, each.count) for each in told.classes[:2]] == [("Hund", 1), ("Katze", 1)]


def test_a_folder_shows_samples_of_all_its_classes(tmp_path: Path):
    names = [f"{kind}/{n}.png" for kind in ("a", "b", "c", "d") for n in range(20)]
    told = preview_source(draw_all(tmp_path / "many", names))
    assert [row.cells[1] for row in told.rows] == ["a", "a", "b", "b", "c", "c", "d", "d"]
    assert all(row.path == row.cells[0] for row in told.rows)
    assert [each.count for each in told.classes] == [20] * 4
