"""Readers of the papers' benchmarks, on miniatures in the published formats."""

import contextlib
import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from engine.errors import EngineError
from engine.folders import READERS, read_benchmark
from engine.folders.benchmark import Benchmark
from engine.folders.pickles import read_pickle
from tests.engine import miniatures
from tests.engine.miniatures import CIFAR10, dump, picture, pixels, write


def fault(name: str, root: Path) -> str:
    """Return the sentence that the data set gets."""
    with pytest.raises(EngineError) as caught:
        read_benchmark(name, root)
    said = str(caught.value)
    assert "\n" not in said
    assert said.endswith(".")
    return said


def rows(benchmark: Benchmark, split: str) -> list[tuple[str, str]]:
    part = benchmark.split(split)
    assert part.true is not None
    return [(path, benchmark.class_names[k]) for path, k in zip(part.paths, part.true, strict=True)]


# -- CIFAR --


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_cifar10_is_read_in_its_order(tmp_path, protocol):
    found = read_benchmark("cifar10", miniatures.cifar10(tmp_path, protocol=protocol))
    train, test = found.split("train"), found.split("test")
    assert found.class_names == tuple(CIFAR10)
    assert train.images is not None
    assert train.true is not None
    assert train.images.shape == (100, 32, 32, 3)
    assert train.images.dtype == np.uint8
    third = pixels(20, 2)[3].reshape(3, 32, 32)  # data_batch_3
    np.testing.assert_array_equal(train.images[43], third.transpose(1, 2, 0))
    np.testing.assert_array_equal(train.true[40:44], [2, 3, 4, 5])
    assert test.true is not None
    assert test.true[:3].tolist() == [5, 6, 7]
    assert len(train) == 100
    assert train.given == {}


def test_the_folder_itself_or_the_one_above_may_be_named(tmp_path):
    miniatures.cifar10(tmp_path)
    inside = read_benchmark("cifar10", tmp_path / "cifar-10-batches-py")
    assert inside.root.resolve() == read_benchmark("cifar10", tmp_path).root.resolve()


def test_what_python_2_wrote_is_read(tmp_path):
    # Protocol 2 of Python 2 holds byte strings (opcode U), and no _codecs.encode.
    raw = pixels(1, 0).tobytes()
    written = (
        b"\x80\x02}(U\x04datacnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x01M\x00\x0c\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff"
        b"\xff\xffK\x00tb\x89T" + len(raw).to_bytes(4, "little") + raw + b"tbU\x06labels]K\x07au."
    )
    (tmp_path / "batch").write_bytes(written)
    found = read_pickle(tmp_path / "batch")
    np.testing.assert_array_equal(found["data"], pixels(1, 0))
    assert found["labels"] == [7]


def test_other_numbers_come_in_their_byte_order(tmp_path):
    values = {"big": np.arange(6, dtype=">i4").reshape(2, 3), "f": np.asfortranarray(np.eye(3)[:2])}
    for protocol in (2, 5):
        dump(tmp_path / "x", values, protocol)
        found = read_pickle(tmp_path / "x")
        for key, value in values.items():
            np.testing.assert_array_equal(found[key], value)


class Bomb:
    def __init__(self, target: str):
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


@pytest.mark.parametrize("place", ["value", "key", "object array", "nested"])
def test_a_pickle_that_would_run_something_is_not_opened(tmp_path, place):
    miniatures.cifar10(tmp_path)
    opened = tmp_path / "opened"
    bomb = Bomb(str(opened))
    value = {
        "value": {b"labels": [1], b"data": bomb},
        "key": {(bomb,): 1},
        "object array": {b"data": np.asarray([bomb, 1], dtype=object)},
        "nested": [{b"x": (1, [bomb])}],
    }[place]
    path = tmp_path / "cifar-10-batches-py" / "data_batch_2"
    dump(path, value)
    said = fault("cifar10", tmp_path)
    assert str(path) in said
    assert "asks for" in said
    assert not opened.exists()


@pytest.mark.parametrize(
    "name", [b"builtins\neval", b"numpy\nload", b"numpy\nfromfile", b"copyreg\n_reconstructor", b"os\nsystem"]
)
def test_no_name_is_let_in_but_those_of_an_array(tmp_path, name):
    (tmp_path / "x").write_bytes(b"\x80\x02c" + name + b"\n.")
    with pytest.raises(EngineError, match="asks for"):
        read_pickle(tmp_path / "x")


def test_a_damaged_pickle_is_a_sentence(tmp_path):
    dump(tmp_path / "x", {b"data": pixels(1, 0), b"labels": [1]})
    content = (tmp_path / "x").read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(content)
        for at in rng.integers(0, 200, 3).tolist():
            damaged[at] = int(rng.integers(256))
        (tmp_path / "x").write_bytes(
            damaged[: int(rng.integers(1, len(content)))] if rng.random() < 0.3 else damaged
        )
        with contextlib.suppress(EngineError):
            read_pickle(tmp_path / "x")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({b"data": pixels(3, 0).astype(np.int32)}, "data in {path} is no uint8 array"),
        ({b"data": pixels(3, 0)[:, :100]}, "is no uint8 array (N, 3072)"),
        ({b"data": [1, 2]}, "is no uint8 array"),
        ({b"labels": [0, 1]}, "has 3 images and 2 labels"),
        ({b"labels": [0, 1, 10]}, "has the label 10; there are 10 classes"),
        ({b"labels": [0, 1, -1]}, "has the label -1"),
        ({b"labels": [0, 1, "x"]}, "are no list of whole numbers"),
        ({b"labels": None}, "are no list of whole numbers"),
        ({b"labels": [[0], [1, 2], [3]]}, "are no list of whole numbers"),
        ({b"fine_labels": [1]}, "has no labels"),
    ],
)
def test_an_unsound_batch_is_a_sentence(tmp_path, changes, said):
    miniatures.cifar10(tmp_path)
    path = tmp_path / "cifar-10-batches-py" / "data_batch_4"
    batch = {b"data": pixels(3, 0), b"labels": [0, 1, 2], **changes}
    dump(path, {b"data": batch[b"data"]} if b"fine_labels" in changes else batch)
    assert said.format(path=path) in fault("cifar10", tmp_path)


def test_cifar100_has_its_super_classes(tmp_path):
    found = read_benchmark("cifar100", miniatures.cifar100(tmp_path))
    assert found.class_names[7] == "sea_thing_007"
    assert found.class_prompts[7] == "sea thing 007"
    assert found.coarse is not None
    np.testing.assert_array_equal(found.coarse, np.arange(100) % 20)
    dump(
        tmp_path / "cifar-100-python" / "train",
        {b"data": pixels(2, 0), b"fine_labels": [5, 5], b"coarse_labels": [1, 2]},
    )
    assert "one class into two super-classes" in fault("cifar100", tmp_path)


# -- CIFAR-N --


def human_labels(n: int = 100) -> dict[str, np.ndarray]:
    """Return the label sets of the miniature, as CIFAR-10_human.pt has them."""
    clean = np.asarray([(batch + i) % 10 for batch in range(5) for i in range(20)])[:n]
    worse = np.where(np.arange(n) % 5 < 2, (clean + 1) % 10, clean)
    return {
        "clean_label": clean,
        "worse_label": worse,
        "aggre_label": clean,
        "random_label1": worse[::-1].copy(),
    }


@pytest.mark.parametrize("form", ["pt", "npz", "old pt"])
def test_human_labels_are_read(tmp_path, form):
    import torch

    miniatures.cifar10(tmp_path)
    sets = human_labels()
    if form == "npz":
        np.savez(tmp_path / "CIFAR-10_human.npz", allow_pickle=False, **sets)
    else:
        torch.save(sets, tmp_path / "CIFAR-10_human.pt", _use_new_zipfile_serialization=form == "pt")
    found = read_benchmark("cifar10n", tmp_path)
    given = found.split("train").given
    assert list(given) == ["human_worse", "human_aggre", "human_random1"]
    for key in ("worse", "aggre"):
        np.testing.assert_array_equal(given[f"human_{key}"], sets[f"{key}_label"])
    assert given["human_worse"].dtype == np.int64
    assert found.split("test").given == {}


def test_the_published_file_speaks_of_numpys_old_module(tmp_path):
    import torch

    sets = human_labels()
    miniatures.cifar10(tmp_path)
    path = tmp_path / "data" / "CIFAR-10_human.pt"
    path.parent.mkdir()
    torch.save(sets, path)
    # The pickle in the archive, with the name that NumPy 1 wrote.
    import zipfile

    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    renamed = {
        name: value.replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")
        for name, value in parts.items()
    }
    assert renamed != parts
    with zipfile.ZipFile(path, "w") as archive:
        for name, value in renamed.items():
            archive.writestr(name, value)
    given = read_benchmark("cifar10n", tmp_path).split("train").given
    np.testing.assert_array_equal(given["human_worse"], sets["worse_label"])


def test_single_arrays_are_label_sets_too_but_not_the_ordered_ones(tmp_path):
    miniatures.cifar10(tmp_path)
    np.save(tmp_path / "CIFAR-10_human_worse.npy", human_labels()["worse_label"])
    np.save(tmp_path / "CIFAR-10_human_ordered.npy", human_labels()["clean_label"][::-1])
    given = read_benchmark("cifar10n", tmp_path).split("train").given
    assert list(given) == ["human_worse"]


def test_cifar100n_leaves_super_classes_out(tmp_path):
    import torch

    miniatures.cifar100(tmp_path)
    clean = np.arange(200) % 100
    sets = {
        "clean_label": clean,
        "noisy_label": clean[::-1].copy(),
        "noisy_coarse_label": [3] * 200,
        "clean_coarse_label": [4] * 200,
    }
    torch.save(sets, tmp_path / "CIFAR-100_human.pt")
    assert list(read_benchmark("cifar100n", tmp_path).split("train").given) == ["human_noisy"]


def test_unsound_human_labels_are_a_sentence(tmp_path):
    import torch

    miniatures.cifar10(tmp_path)
    path = tmp_path / "CIFAR-10_human.pt"
    assert f"{path} is not there; put the file of CIFAR-N there." == fault("cifar10n", tmp_path)
    sets = human_labels()

    def save(**changes):
        values = {**sets, **changes}
        torch.save({key: value for key, value in values.items() if value is not None}, path)
        return fault("cifar10n", tmp_path)

    other = sets["clean_label"].copy()
    other[17] = 3
    assert "image 17 is of class 3, and the data set says 7" in save(clean_label=other)
    assert "has no clean_label" in save(clean_label=None)
    assert "has 99 labels for 100 training images" in save(worse_label=sets["worse_label"][:99])
    assert "has the label 10" in save(worse_label=sets["worse_label"] + 1)
    opened = tmp_path / "opened"
    said = save(worse_label=Bomb(str(opened)))
    assert "holds more than plain arrays" in said
    assert not opened.exists()
    path.write_bytes(b"PK no archive")
    assert "or is damaged" in fault("cifar10n", tmp_path)
    path.unlink()
    np.savez(tmp_path / "CIFAR-10_human.npz", allow_pickle=True, clean_label=np.asarray([Bomb("x")]))
    assert "no .npz file of plain arrays" in fault("cifar10n", tmp_path)
    (tmp_path / "CIFAR-10_human.npz").write_bytes(b"x")
    assert "no .npz file of plain arrays" in fault("cifar10n", tmp_path)


# -- the others --


def test_tiny_imagenet_takes_its_validation_images_as_the_test(tmp_path):
    found = read_benchmark("tiny_imagenet", miniatures.tiny_imagenet(tmp_path))
    # Two are cranes: the one that says more says it.
    assert found.class_names == ("goldfish", "crane", "crane, lifting crane")
    assert rows(found, "train")[:4] == [
        ("train/n01/images/n01_0.JPEG", "goldfish"),
        ("train/n01/images/n01_1.JPEG", "goldfish"),
        ("train/n01/images/n01_2.JPEG", "goldfish"),
        ("train/n02/images/n02_0.JPEG", "crane"),
    ]
    assert rows(found, "test") == [
        ("val/images/val_0.JPEG", "crane, lifting crane"),
        ("val/images/val_1.JPEG", "goldfish"),
    ]
    write(found.root / "words.txt", "n01\tcrane", "n02\tcrane", "n03\tfox")
    names = read_benchmark("tiny_imagenet", tmp_path).class_names
    assert names == ("crane (n01)", "crane (n02)", "fox")


def test_eurosat_without_a_split_is_parted_class_by_class(tmp_path):
    found = read_benchmark("eurosat", miniatures.eurosat(tmp_path))
    assert found.class_names == ("AnnualCrop", "Forest", "SeaLake")
    assert found.class_prompts == ("annual crop land", "forest", "sea or lake")
    train, test = found.split("train"), found.split("test")
    assert train.true is not None
    assert test.true is not None
    assert np.bincount(train.true).tolist() == [8, 8, 8]
    assert np.bincount(test.true).tolist() == [2, 2, 2]
    assert len({*train.paths, *test.paths}) == 30
    again = read_benchmark("eurosat", tmp_path)
    assert again.split("train").paths == train.paths
    # A class is parted by itself: what another one holds changes nothing.
    picture(tmp_path / "2750" / "Forest" / "Forest_77.jpg")
    after = read_benchmark("eurosat", tmp_path).split("train").paths
    assert [each for each in after if "Forest" not in each] == [
        each for each in train.paths if "Forest" not in each
    ]
    with pytest.raises(EngineError, match=r"only beside CoOp's split_zhou_EuroSAT\.json"):
        found.split("val")


def test_eurosat_takes_the_split_of_coop(tmp_path):
    found = read_benchmark("eurosat", miniatures.eurosat(tmp_path, coop=True))
    assert [len(found.split(each)) for each in ("train", "val", "test")] == [15, 8, 7]
    assert rows(found, "train")[:2] == [
        ("AnnualCrop/AnnualCrop_0.jpg", "AnnualCrop"),
        ("AnnualCrop/AnnualCrop_2.jpg", "AnnualCrop"),
    ]
    assert all(path.startswith(name) for path, name in rows(found, "test"))
    path = tmp_path / "split_zhou_EuroSAT.json"
    for content in (
        "{",
        '{"train": []}',
        '{"train": [["Sea/1.jpg"]], "val": [], "test": []}',
        "[1]",
        '{"train": 3}',
    ):
        write(path, content)
        assert f"{path} is not CoOp's split" in fault("eurosat", tmp_path)


def test_pets_are_called_as_their_images(tmp_path):
    found = read_benchmark("pets", miniatures.pets(tmp_path))
    assert found.class_names == ("Abyssinian", "american_bulldog")
    assert found.class_prompts == ("abyssinian", "american bulldog")
    assert rows(found, "train") == [
        ("images/Abyssinian_100.jpg", "Abyssinian"),
        ("images/american_bulldog_7.jpg", "american_bulldog"),
        ("images/Abyssinian_101.jpg", "Abyssinian"),
    ]
    assert rows(found, "test")[0] == ("images/american_bulldog_9.jpg", "american_bulldog")
    lists = found.root / "annotations"
    write(lists / "test.txt", "american_bulldog_9 1 2 1")
    assert "numbers 'Abyssinian' and 'american_bulldog' alike" in fault("pets", tmp_path)
    write(lists / "test.txt", "Abyssinian_9 x 2 1")
    assert f"{lists / 'test.txt'} has 'x' where a number belongs" in fault("pets", tmp_path)
    write(lists / "test.txt", "Abyssinian_9")
    assert "has the line 'Abyssinian_9'; each line has 2 words" in fault("pets", tmp_path)


def test_cars_count_from_one_in_matlab(tmp_path):
    found = read_benchmark("cars", miniatures.cars(tmp_path))
    assert found.class_names == ("Acura RL Sedan 2012", "AM General Hummer SUV 2000")
    assert [name for _, name in rows(found, "train")] == [found.class_names[k] for k in (1, 0, 1)]
    assert rows(found, "train")[0][0] == "cars_train/00001.jpg"
    assert rows(found, "test") == [("cars_test/00001.jpg", "Acura RL Sedan 2012")]


def test_cars_without_the_labels_of_the_test_still_train(tmp_path):
    found = read_benchmark("cars", miniatures.cars(tmp_path, test=False))
    assert list(found.splits) == ["train"]
    with pytest.raises(EngineError, match=r"cars_test_annos_withlabels\.mat is not there; put it there"):
        found.split("test")
    path = found.root / "devkit" / "cars_train_annos.mat"
    from scipy.io import savemat

    savemat(path, {"annotations": np.asarray([("a.jpg", 3)], dtype=[("fname", "O"), ("class", "O")])})
    assert "has the label 2; there are 2 classes" in fault("cars", tmp_path)
    savemat(path, {"annotations": np.asarray([("a.jpg",)], dtype=[("fname", "O")])})
    assert "no fname and class" in fault("cars", tmp_path)
    savemat(path, {"other": 1})
    assert "has no annotations" in fault("cars", tmp_path)
    path.write_bytes(b"no matlab")
    assert "is no MATLAB file" in fault("cars", tmp_path)
    path.unlink()
    assert f"{path} is not there" in fault("cars", tmp_path)


def test_cub_has_its_own_split(tmp_path):
    found = read_benchmark("cub", miniatures.cub(tmp_path))
    assert found.class_names == ("Black_footed_Albatross", "Laysan_Albatross")
    assert found.class_prompts == ("Black footed Albatross", "Laysan Albatross")
    assert rows(found, "train") == [
        ("images/001.Black_footed_Albatross/B_2.jpg", "Black_footed_Albatross"),
        ("images/002.Laysan_Albatross/L_1.jpg", "Laysan_Albatross"),
    ]
    assert rows(found, "test") == [("images/001.Black_footed_Albatross/B_1.jpg", "Black_footed_Albatross")]
    write(found.root / "image_class_labels.txt", "1 1", "2 9", "3 2")
    assert "do not fit images.txt (9)" in fault("cub", tmp_path)


def test_webvision_takes_the_first_fifty_classes(tmp_path):
    found = read_benchmark("webvision50", miniatures.webvision(tmp_path))
    assert len(found.class_names) == 50
    assert found.class_names[49] == "thing 49"
    train = found.split("train")
    assert train.true is None
    assert len(train) == 51
    assert (train.paths[-1], train.given["web"][-1]) == ("google/q0001/z.jpg", 1)
    assert rows(found, "test") == [
        ("val_images_256/val000002.jpg", "thing 3"),
        ("val_images_256/val000003.jpg", "thing 49"),
    ]
    assert rows(found, "imagenet") == [
        ("ILSVRC2012_val/n00000000/v.JPEG", "thing 0"),
        ("ILSVRC2012_val/n00000007/v.JPEG", "thing 7"),
    ]


def test_webvision_without_imagenet_says_where_to_put_it(tmp_path):
    found = read_benchmark("webvision50", miniatures.webvision(tmp_path, imagenet=False))
    with pytest.raises(EngineError, match="ILSVRC2012_val is not there; put a folder per WordNet id"):
        found.split("imagenet")


def test_clothing_has_images_with_both_kinds_of_label(tmp_path):
    found = read_benchmark("clothing1m", miniatures.clothing1m(tmp_path))
    assert found.class_names[:2] == ("T-Shirt", "Shirt")
    assert len(found.class_names) == 14
    train = found.split("train")
    assert train.true is None
    assert train.given["shop"].tolist() == [0, 1, 2, 3]
    both = found.split("both")
    assert both.paths == ("images/0/4.jpg", "images/0/5.jpg")
    assert both.true is not None
    assert both.true.tolist() == [9, 5]
    assert both.given["shop"].tolist() == [4, 5]
    assert rows(found, "test") == [("images/1/2.jpg", "T-Shirt"), ("images/1/1.jpg", "Underwear")]
    with pytest.raises(EngineError, match=r"clean_val_key_list\.txt is not there"):
        found.split("val")
    write(tmp_path / "noisy_train_key_list.txt", "images/9/9.jpg")
    assert "noisy_label_kv.txt has no label for 'images/9/9.jpg'" in fault("clothing1m", tmp_path)
    write(tmp_path / "category_names_eng.txt", *(f"kind {k}" for k in range(3)))
    assert "there are 3 classes" in fault("clothing1m", tmp_path)


# -- all --


@pytest.mark.parametrize("name", READERS)
def test_an_empty_folder_is_told_which_file_was_looked_for(tmp_path, name):
    said = fault(name, tmp_path)
    assert str(tmp_path) in said
    assert " is not there; unpack " in said


def test_an_unknown_name_and_a_folder_that_is_none(tmp_path):
    assert fault("cifar", tmp_path).startswith("There is no data set 'cifar'; known are cifar10, cifar100, ")
    assert "is no folder; --root names the one that holds cub" in fault("cub", tmp_path / "nowhere")


def test_an_unknown_split_is_told_those_that_are(tmp_path):
    found = read_benchmark("cub", miniatures.cub(tmp_path))
    with pytest.raises(EngineError, match="cub has no split 'valid'; its splits are train, test"):
        found.split("valid")


def test_a_list_in_another_encoding_is_a_sentence(tmp_path):
    found = read_benchmark("cub", miniatures.cub(tmp_path))
    (found.root / "classes.txt").write_bytes("1 001.Möwe".encode("latin1"))
    assert "classes.txt is not UTF-8" in fault("cub", tmp_path)


def test_the_pickle_reader_knows_only_dictionaries(tmp_path):
    buffer = io.BytesIO()
    pickle.dump([1, 2], buffer)
    (tmp_path / "x").write_bytes(buffer.getvalue())
    with pytest.raises(EngineError, match="holds no dictionary"):
        read_pickle(tmp_path / "x")
