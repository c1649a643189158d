import os
import unicodedata
from pathlib import Path
from typing import Literal

import pytest

from reviewer.errors import ReviewerError
from reviewer.sources import Sample, Source, read_folder, read_labels
from tests.reviewer.simulated import draw, draw_all


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return draw_all(tmp_path / "images", ["cat/a.png", "cat/b.png", "dog/c.png"])


def read(images: Path, *lines: str, **options: str) -> Source:
    """Read a table of these rows; two good ones stand at its end so that it is a table at all."""
    good = ("cat/a.png,cat", "dog/c.png,dog")
    return read_labels("\n".join(["path,label", *lines, *good]).encode(), images, **options)


def first(images: Path, cell: str) -> Sample:
    return read(images, f'"{cell}",cat').samples[0]


def test_a_table_becomes_samples_in_its_own_order(images: Path):
    source = read_labels(b"label,x,path\ndog,1,dog/c.png\n\ncat,2,cat/a.png\n", images)
    assert [(s.sample_id, s.given_label, s.source_row) for s in source.samples] == [
        ("dog/c.png", "dog", 0),
        ("cat/a.png", "cat", 2),
    ]
    assert source.classes == ("cat", "dog")
    assert source.faults == ()


@pytest.mark.parametrize(
    "cell",
    [
        "cat/b.png",
        "./cat/b.png",
        "cat//b.png",
        "cat/../cat/b.png",
        " cat/b.png ",
        "cat\\b.png",
        ".\\cat\\b.png",
        "C:\\Users\\ada\\images\\cat\\b.png",
        "c:/data/images/cat/b.png",
        "\\\\server\\share\\set\\cat\\b.png",
        "\\data\\cat\\b.png",
    ],
)
def test_a_path_is_found_however_it_is_spelled(images: Path, cell: str):
    sample = first(images, cell)
    assert (sample.path, sample.problem) == ("cat/b.png", None)


def test_an_absolute_path_below_the_image_folder_is_found(images: Path):
    assert first(images, str(images / "cat/b.png")).path == "cat/b.png"
    assert first(images, str(images / "cat/none.png")).problem == "the file is not there"


def test_an_absolute_path_is_found_when_the_image_folder_is_a_link(images: Path, tmp_path: Path):
    link = tmp_path / "link"
    link.symlink_to(images)
    assert first(link, str(link / "cat/b.png")).path == "cat/b.png"
    assert first(link, str(images / "cat/b.png")).path == "cat/b.png"


@pytest.mark.parametrize(
    "cell", ["../secret.png", "/etc/passwd", "cat/../../secret.png", "C:\\..\\..\\secret.png"]
)
def test_a_path_outside_the_image_folder_is_reported_and_not_read(images: Path, tmp_path: Path, cell: str):
    draw(tmp_path / "secret.png")
    source = read(images, f"{cell},cat")
    assert source.samples[0].problem == "leads outside the image folder"
    assert [(f.path, f.source_row) for f in source.faults] == [(cell, 0)]


@pytest.mark.parametrize("cell", ["C:\\", "C:", "\\", "/", ".", "..\\", "x" * 5000, "~/a.png", "cat"])
def test_a_path_that_names_no_file_is_a_line_of_the_report(images: Path, cell: str):
    assert first(images, cell).problem in ("the file is not there", "leads outside the image folder")


def test_a_zero_byte_in_a_path_is_reported_as_one(images: Path):
    assert first(images, "cat/a\0.png").problem == "the path holds a zero byte"


def test_a_file_whose_name_looks_like_a_drive_is_found(images: Path):
    draw(images / "c:odd.png")
    assert first(images, "c:odd.png").problem is None


def test_a_linked_file_that_leads_outside_is_left_out_and_one_inside_is_not(images: Path, tmp_path: Path):
    (images / "cat/out.png").symlink_to(draw(tmp_path / "secret.png"))
    (images / "cat/in.png").symlink_to(images / "cat/a.png")
    (images / "cat/nowhere.png").symlink_to(images / "cat/gone.png")
    assert first(images, "cat/out.png").problem == "leads outside the image folder"
    assert first(images, "cat/in.png").problem is None
    assert first(images, "cat/nowhere.png").problem == "the file is not there"
    assert {s.path for s in read_folder(images).samples} == {
        "cat/a.png",
        "cat/b.png",
        "cat/in.png",
        "dog/c.png",
    }


def test_a_linked_folder_that_leads_outside_is_never_followed(images: Path, tmp_path: Path):
    draw(tmp_path / "other/secret.png")
    (images / "cat/linked").symlink_to(tmp_path / "other")
    assert first(images, "cat/linked/secret.png").problem == "leads outside the image folder"
    assert len(read_folder(images).samples) == 3


def test_a_linked_folder_inside_the_image_folder_is_found_by_a_table(images: Path):
    (images / "alias").symlink_to(images / "cat")
    assert first(images, "alias/a.png").path == "cat/a.png"


def test_links_in_a_circle_are_reported(images: Path):
    (images / "cat/loop.png").symlink_to(images / "cat/loop.png")
    assert first(images, "cat/loop.png").problem == "the file is not there"
    assert len(read_folder(images).samples) == 3


def test_a_pipe_with_the_name_of_an_image_is_left_out(images: Path):
    os.mkfifo(images / "cat/pipe.png")
    assert len(read_folder(images).samples) == 3


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_composed_and_decomposed_accents_name_one_file(images: Path, form: Literal["NFC", "NFD"]):
    draw(images / unicodedata.normalize("NFC" if form == "NFD" else "NFD", "cat/é.png"))
    sample = first(images, unicodedata.normalize(form, "cat/é.png"))
    assert sample.problem is None
    assert (images / sample.path).is_file()
    assert sample.sample_id == unicodedata.normalize(form, "cat/é.png")


def test_rows_without_path_or_label_are_reported_and_the_rest_goes_on(images: Path):
    source = read(images, ",cat", "cat/b.png,", "cat/gone.png,cat", "   ", ",,")
    assert [s.problem for s in source.samples[:4]] == [
        "the row names no path",
        "the row has no label",
        "the file is not there",
        "the row names no path",
    ]
    assert [s.source_row for s in source.samples] == [0, 1, 2, 3, 5, 6]
    assert [s.problem for s in source.samples[4:]] == [None, None]
    assert [f.source_row for f in source.faults] == [0, 1, 2, 3]


def test_a_repeated_path_becomes_a_sample_of_its_own_and_is_reported(images: Path):
    source = read(
        images, "cat/b.png,cat", "cat/b.png,dog", "cat/b.png#2,cat", "cat/b.png,cat", "./cat/b.png,cat"
    )
    ids = [s.sample_id for s in source.samples]
    assert ids[:2] == ["cat/b.png", "cat/b.png#2"]
    assert len(set(ids)) == len(ids)
    assert [s.path for s in source.samples[:5]] == [
        "cat/b.png",
        "cat/b.png",
        "cat/b.png#2",
        "cat/b.png",
        "cat/b.png",
    ]
    assert [f.source_row for f in source.faults if "again" in f.problem] == [1, 3, 4]
    assert f"kept as {ids[3]}" in next(f for f in source.faults if f.source_row == 3).problem


def test_a_file_that_is_called_like_a_repeated_sample_keeps_ids_apart(images: Path):
    draw(images / "cat/b.png").rename(images / "cat/b.png#2")
    draw(images / "cat/b.png")
    for order in (("cat/b.png", "cat/b.png", "cat/b.png#2"), ("cat/b.png#2", "cat/b.png", "cat/b.png")):
        source = read(images, *(f"{path},cat" for path in order))
        assert len({s.sample_id for s in source.samples}) == 5
        assert [s.path for s in source.samples[:3]] == list(order)


def test_labels_are_taken_without_the_spaces_around_them(images: Path):
    assert read(images, "cat/b.png,  cat ").samples[0].given_label == "cat"


@pytest.mark.parametrize("lines", [(), ("cat/a.png,cat", "cat/b.png,cat")])
def test_a_table_with_fewer_than_two_classes_is_refused(images: Path, lines: tuple[str, ...]):
    with pytest.raises(ReviewerError, match=r"'label' holds [01] classes"):
        read_labels("\n".join(["path,label", *lines]).encode(), images)


def test_a_table_that_names_no_image_of_the_folder_is_refused_with_its_first_row(images: Path):
    with pytest.raises(ReviewerError, match=r"None of the 2 rows .*'x/1.png', the file is not there"):
        read_labels(b"path,label\nx/1.png,cat\nx/2.png,dog\n", images)


def test_a_table_in_another_encoding_is_reported_and_its_names_match_the_disk(images: Path):
    draw(images / "büro/ü.png")
    source = read_labels("path,label\nbüro/ü.png,Tür\ncat/a.png,cat\n".encode("cp1252"), images)
    assert [s.problem for s in source.samples] == [None, None]
    assert source.faults[0].problem == "the table is not UTF-8; it was read as cp1252"


def test_a_wrong_column_name_is_said(images: Path):
    with pytest.raises(ReviewerError, match="Did you mean 'path'"):
        read(images, path_column="pth")


def test_class_folders_are_read_with_what_is_nested_in_them(images: Path):
    draw_all(images, ["dog/deep/er/d.JPG", "top.png", ".hidden/e.png", "dog/.f.png"])
    (images / "dog/notes.txt").write_text("x")
    source = read_folder(images)
    assert {(s.path, s.given_label) for s in source.samples} == {
        ("cat/a.png", "cat"),
        ("cat/b.png", "cat"),
        ("dog/c.png", "dog"),
        ("dog/deep/er/d.JPG", "dog"),
    }
    problems = [(f.path, f.problem) for f in source.faults]
    assert ("top.png", "stands in no class folder; move it into one") in problems
    assert ("", "1 files are not images and were left out") in problems
    assert source.data.startswith(b"path,label\ncat/a.png,cat\n")


def test_file_names_with_spaces_quotes_commas_and_line_ends_are_found_again(images: Path):
    odd = [
        "cat/ lead.png",
        "cat/trail .png",
        'cat/a,"b".png',
        "cat/new\nline.png",
        "cat/cr\rx.png",
        " dog /x.png",
    ]
    draw_all(images, odd)
    source = read_folder(images)
    assert [s for s in source.samples if s.problem] == []
    assert set(odd) <= {s.path for s in source.samples}
    assert source.classes == ("cat", "dog")


def test_a_file_name_that_is_not_utf_8_is_reported_and_left_out(images: Path):
    name = os.fsencode(images / "cat") + b"/b\xe4d.png"
    Path(os.fsdecode(name)).write_bytes((images / "cat/a.png").read_bytes())
    source = read_folder(images)
    assert len(source.samples) == 3
    assert [f.path for f in source.faults] == ["cat/b\\xe4d.png"]
    source.faults[0].path.encode("utf-8")  # it can be printed
    assert read(images).samples[0].problem is None


def test_a_folder_without_images_or_with_one_class_is_refused(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ReviewerError, match="no class folders with images"):
        read_folder(tmp_path / "empty")
    with pytest.raises(ReviewerError, match="only the class folder 'cat'"):
        read_folder(draw_all(tmp_path / "one", ["cat/a.png", "cat/b.png"]))


def test_the_folder_order_does_not_depend_on_the_file_system(tmp_path: Path):
    paths = [f"{c}/{n}.png" for c in "zay" for n in (3, 1, 2)]
    forward = read_folder(draw_all(tmp_path / "f", paths))
    backward = read_folder(draw_all(tmp_path / "b", paths[::-1]))
    assert forward.data == backward.data
