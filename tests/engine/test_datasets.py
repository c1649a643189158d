import contextlib
import dataclasses
import io
import json
import zipfile

import numpy as np
import pytest

from engine.datasets import read_dataset, write_dataset
from engine.errors import EngineError
from engine.prepared import Files

NAMES = np.asarray(["red", "green", "blue"])
IMAGES = np.arange(6 * 4 * 5 * 3, dtype=np.uint8).reshape(6, 4, 5, 3)
TRUE = np.asarray([0, 1, 2, 0, 1, 2])
NOISY = np.asarray([0, 1, 2, 0, 2, 0])


def write(path, **changes):
    """Write a sound file but for `changes`; None leaves a key out."""
    values = {"images": IMAGES, "clean": TRUE, "class_names": NAMES, "noisy_sym40": NOISY, **changes}
    np.savez(path, allow_pickle=True, **{key: value for key, value in values.items() if value is not None})
    return path


def fault(path, labels="noisy_sym40"):
    """Return the sentence that the file gets."""
    with pytest.raises(EngineError) as caught:
        read_dataset(path, labels)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith((".", "?"))
    assert str(path) in sentence
    return sentence


def test_a_data_set_is_read_as_it_was_written(tmp_path):
    found = read_dataset(write(tmp_path / "data.npz"), "noisy_sym40")
    assert (found.labels, found.class_names, len(found)) == ("noisy_sym40", ("red", "green", "blue"), 6)
    np.testing.assert_array_equal(found.images, IMAGES)
    np.testing.assert_array_equal(found.given, NOISY)
    np.testing.assert_array_equal(found.true, TRUE)
    assert found.is_clean.tolist() == [True, True, True, True, False, False]
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.labels = "other"  # type: ignore[misc]


def test_the_true_labels_are_a_label_set_too(tmp_path):
    assert read_dataset(write(tmp_path / "data.npz"), "clean").is_clean.all()


@pytest.mark.parametrize("dtype", ["<i4", ">i8", "u1", "<u8"])
def test_any_integers_are_labels(tmp_path, dtype):
    found = read_dataset(write(tmp_path / "data.npz", noisy_sym40=NOISY.astype(dtype)), "noisy_sym40")
    assert found.given.dtype == np.int64
    np.testing.assert_array_equal(found.given, NOISY)


def test_a_missing_file_and_one_that_is_no_archive(tmp_path):
    assert "does not exist" in fault(tmp_path / "nowhere.npz")
    assert "no .npz file" in fault(tmp_path)
    for content in (b"", b"no archive", b"PK\x03\x04" + bytes(50), b"\x80\x04\x95"):
        (tmp_path / "data.npz").write_bytes(content)
        assert "no .npz file" in fault(tmp_path / "data.npz")
    np.save(tmp_path / "data.npy", IMAGES)
    assert "is one array" in fault(tmp_path / "data.npy")


@pytest.mark.parametrize("key", ["images", "clean", "class_names"])
def test_a_part_that_is_not_there_is_named(tmp_path, key):
    assert f"has no {key};" in fault(write(tmp_path / "data.npz", **{key: None}))


def test_an_unknown_label_set_is_told_the_nearest_of_those_that_are(tmp_path):
    extra = {"noisy_pair": TRUE, "orig_index": TRUE + 7, "heldout_clean": TRUE[:3], "weight": TRUE * 1.0}
    path = write(tmp_path / "data.npz", **extra)
    assert fault(path, "noisy_sym4") == (
        f"{path} has no labels 'noisy_sym4'; its label sets are noisy_sym40, noisy_pair. "
        "Did you mean 'noisy_sym40'?"
    )
    assert fault(write(path, noisy_sym40=None), "zzz").endswith("its label sets are none.")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"images": IMAGES.astype(np.float32)}, "is float32 (6, 4, 5, 3); it has to be uint8"),
        ({"images": IMAGES[..., 0]}, "is uint8 (6, 4, 5)"),
        ({"images": IMAGES[..., :2]}, "is uint8 (6, 4, 5, 2)"),
        ({"images": IMAGES[:, :0]}, "is uint8 (6, 0, 5, 3)"),
        ({"images": IMAGES[:1]}, "has 1 images; finding wrong labels needs at least two"),
        ({"clean": TRUE[:5]}, "clean in {path} has 5 labels for 6 images"),
        ({"noisy_sym40": NOISY[:5]}, "noisy_sym40 in {path} has 5 labels for 6 images"),
        ({"noisy_sym40": NOISY * 1.0}, "noisy_sym40 in {path} is float64 (6,); labels are integers"),
        ({"noisy_sym40": NOISY > 0}, "is bool (6,)"),
        ({"noisy_sym40": NOISY[:, None]}, "is int64 (6, 1)"),
        ({"noisy_sym40": np.int64(3)}, "is int64 ()"),
        ({"noisy_sym40": NAMES[NOISY]}, "is <U5 (6,)"),
        ({"noisy_sym40": NOISY + 1}, "noisy_sym40[2] in {path} is 3; there are 3 classes"),
        ({"noisy_sym40": NOISY - 1}, "noisy_sym40[0] in {path} is -1"),
        ({"noisy_sym40": np.full(6, 2**64 - 1, dtype=np.uint64)}, "is 18446744073709551615"),
        ({"clean": TRUE + 1}, "clean[2] in {path} is 3"),
        ({"class_names": np.asarray([1, 2, 3])}, "class_names in {path} is int64 (3,)"),
        ({"class_names": NAMES[None]}, "is <U5 (1, 3)"),
        ({"class_names": NAMES[:1]}, "{path} is 'red'; finding wrong labels needs at least two"),
        ({"class_names": NAMES[:0]}, "class_names in {path} is empty"),
        ({"class_names": NAMES[[0, 1, 1]]}, "'red', 'green', 'green'"),
        ({"class_names": np.asarray(["red", "  ", "blue"])}, "holds '  '"),
        ({"class_names": np.asarray(["red", "a\nb", "blue"])}, r"holds 'a\nb'"),
        ({"class_names": np.asarray(["red", "a\ud800", "blue"])}, r"holds 'a\ud800'"),
        ({"class_names": np.asarray([[0x110000]], dtype=np.uint32).view("<U1")[:, 0]}, "cannot be read"),
    ],
)  # fmt: skip
def test_a_fault_inside_is_a_sentence_with_the_value(tmp_path, changes, said):
    path = tmp_path / "data.npz"
    assert said.format(path=path) in fault(write(path, **changes))


@pytest.mark.parametrize("key", ["images", "clean", "class_names", "noisy_sym40"])
def test_no_pickle_is_opened(tmp_path, key):
    class Bomb:
        def __reduce__(self):
            return (print, ("opened",))

    bomb = np.empty(6, dtype=object)
    bomb[:] = [Bomb()] * 6
    assert "pickle" in fault(write(tmp_path / "data.npz", **{key: bomb}))


def test_what_is_no_array_is_named(tmp_path):
    path = write(tmp_path / "data.npz", images=None)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("images.npy", b"no array")
    assert "is no array" in fault(path)


def test_more_than_the_memory_holds_is_a_sentence(tmp_path):
    path = write(tmp_path / "data.npz", images=None)
    header = io.BytesIO()
    values = {"descr": "|u1", "fortran_order": False, "shape": (2**45, 32, 32, 3)}
    np.lib.format.write_array_header_1_0(header, values)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("images.npy", header.getvalue())
    assert "images in" in fault(path)


def test_a_damaged_file_is_read_or_gets_a_sentence(tmp_path):
    path = write(tmp_path / "data.npz")
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(content)
        for place in rng.integers(0, len(content), 4).tolist():
            damaged[place] = int(rng.integers(256))
        path.write_bytes(damaged[: int(rng.integers(1, len(content)))] if rng.random() < 0.2 else damaged)
        with contextlib.suppress(EngineError):
            read_dataset(path, "noisy_sym40")


# -- prompts, and what is written --


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "data.npz"
    names, prompts = ("sea_lake", "crop"), ("sea or lake", "annual crop land")
    write_dataset(path, IMAGES, TRUE % 2, names, prompts, {"noisy_sym40": NOISY % 2}, "from a test")
    found = read_dataset(path, "noisy_sym40")
    assert (found.class_names, found.class_prompts, found.files) == (names, prompts, None)
    np.testing.assert_array_equal(found.images, IMAGES)
    np.testing.assert_array_equal(found.given, NOISY % 2)
    assert "its label sets are noisy_sym40." in fault(path, "zzz")
    assert [each.name for each in tmp_path.iterdir()] == ["data.npz"]


def test_without_prompts_the_names_are_read(tmp_path):
    found = read_dataset(write(tmp_path / "data.npz"), "noisy_sym40")
    assert found.class_prompts == found.class_names


def test_two_classes_may_share_a_prompt_and_none_may_lack_one(tmp_path):
    path = tmp_path / "data.npz"
    shared = np.asarray(["a", "a", "b"])
    assert read_dataset(write(path, class_prompts=shared), "noisy_sym40").class_prompts == ("a", "a", "b")
    assert "has 3 classes and 2 prompts" in fault(write(path, class_prompts=shared[:2]))
    assert "class_prompts in" in fault(write(path, class_prompts=np.asarray([1, 2, 3])))
    assert "class_prompts in" in fault(write(path, class_prompts=np.asarray(["a", " ", "b"])))


# -- a folder --

TABLE = "path,given_label,true_label\na.png,cat,cat\nb.png,dog,cat\n"
FACTS = {
    "labels": "mine",
    "image_root": "pictures",
    "classes": [{"name": "cat", "prompt": "a cat"}, {"name": "dog", "prompt": "a dog"}],
}


def folder(path, text=TABLE, facts=None):
    path.mkdir(exist_ok=True)
    (path / "labels.csv").write_text(text, encoding="utf-8")
    if facts is not None:
        (path / "dataset.json").write_text(facts if isinstance(facts, str) else json.dumps(facts))
    return path


def test_a_folder_is_a_data_set_too(tmp_path):
    found = read_dataset(folder(tmp_path / "x", facts=FACTS), "mine")
    assert (found.class_names, found.class_prompts) == (("cat", "dog"), ("a cat", "a dog"))
    assert (found.given.tolist(), found.true.tolist(), len(found)) == ([0, 1], [0, 0], 2)
    assert found.images.shape == (2, 0, 0, 3)
    assert found.files == Files(root=tmp_path / "x" / "pictures", paths=("a.png", "b.png"))
    assert read_dataset(tmp_path / "x", "clean").is_clean.all()
    assert fault(tmp_path / "x", "mime").endswith("its label sets are mine, clean. Did you mean 'mine'?")


def test_a_table_alone_will_do(tmp_path):
    found = read_dataset(folder(tmp_path / "x"), "given_label")
    assert found.class_names == found.class_prompts == ("cat", "dog")
    assert found.files == Files(root=tmp_path / "x", paths=("a.png", "b.png"))


def test_a_name_that_is_not_utf_8_passes_through(tmp_path):
    path = folder(tmp_path / "x")
    (path / "labels.csv").write_bytes(TABLE.encode().replace(b"a.png", b"\xff.png"))
    found = read_dataset(path, "given_label")
    assert found.files is not None
    assert found.files.paths[0] == "\udcff.png"


@pytest.mark.parametrize(
    ("text", "facts", "said"),
    [
        (TABLE.replace("true_label", "truth"), None, "labels.csv has no column 'true_label'; it needs path,"),
        ("", None, "has no column 'path'"),
        (TABLE.replace("dog", "cat"), None, "has 1 classes; it needs at least two"),
        (TABLE[: TABLE.index("b.png")] + ",,", None, "has 1 classes"),
        (TABLE[: TABLE.index("b.png")], FACTS, "has 1 rows; finding wrong labels needs at least two"),
        (TABLE.replace("dog", "cow"), FACTS, "given_label in row 2 of "),
        (TABLE.replace("dog,", ","), FACTS, "given_label in row 2 of "),
        (TABLE.replace("cat\nb", "cow\nb"), FACTS, "true_label in row 1 of "),
        (TABLE.replace("dog,cat", "dog,"), FACTS, "Row 2 of "),
        (TABLE.replace("dog", "do\x07g"), None, r"names a class 'do\x07g'"),
        (TABLE, "{", "dataset.json is damaged (JSONDecodeError"),
        (TABLE, {**FACTS, "classes": [{"name": "cat"}]}, "dataset.json is damaged (KeyError"),
        (TABLE, {**FACTS, "classes": 3}, "dataset.json is damaged (TypeError"),
        (TABLE, [1], "dataset.json is damaged (TypeError"),
        (TABLE, {**FACTS, "labels": 3}, "has 3 where a text belongs"),
        (TABLE, {**FACTS, "classes": FACTS["classes"][:1]}, "has 1 classes"),
        (TABLE, {**FACTS, "classes": FACTS["classes"][:1] * 2}, "each named once"),
    ],
)  # fmt: skip
def test_a_fault_of_a_folder_is_a_sentence(tmp_path, text, facts, said):
    assert said in fault(folder(tmp_path / "x", text, facts), "mine" if facts else "given_label")


def test_a_folder_without_a_table_is_told_what_it_lacks(tmp_path):
    assert "is no .npz file, and a folder without labels.csv" in fault(tmp_path)
