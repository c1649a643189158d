"""`python -m engine prepare`, from a published folder to a file or folder that is measured on."""

import csv
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import engine.evaluate
from engine.datasets import read_dataset
from engine.errors import EngineError
from engine.evaluate import evaluate
from engine.noise import Noise, plant
from engine.prepare import prepare
from engine.prepared import read_prepared
from tests.engine import miniatures
from tests.engine.conftest import NAMES, REPOSITORY, draw
from tests.engine.miniatures import write


def fault(*values, **more):
    with pytest.raises(EngineError) as caught:
        prepare(*values, **more)
    said = str(caught.value)
    assert "\n" not in said
    assert said.endswith(".")
    return said


def table(folder):
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# -- arrays --


def test_arrays_become_a_file_that_evaluate_reads(tmp_path):
    root, out = miniatures.cifar10(tmp_path / "data"), tmp_path / "made.npz"
    made = prepare("cifar10", root, noise=["sym:0.4", "asym:0.4", "idn_xia:0.2"], seed=3, out=out)
    assert (made.file, made.n_samples, made.n_classes) == (out, 100, 10)
    assert list(made.rates) == ["noisy_sym40", "noisy_asym40", "noisy_idn_xia20"]
    for key, rate in made.rates.items():
        found = read_dataset(out, key)
        assert (~found.is_clean).mean() == rate
    found = read_dataset(out, "noisy_sym40")
    assert found.class_names == tuple(miniatures.CIFAR10)
    noise = Noise(kind="sym", rate=0.4)
    np.testing.assert_array_equal(found.given, plant(noise, found.true, 10, 3))
    np.testing.assert_array_equal(found.true[40:44], [2, 3, 4, 5])
    said = [f"{key} {100 * (rate or 0):.2f} % wrong" for key, rate in made.rates.items()]
    assert str(made) == f"100 samples of 10 classes; {', '.join(said)}; {out}"
    with np.load(out) as archive:
        assert json.loads(str(archive["about"])) == {
            "data_set": "cifar10", "split": "train", "seed": 3,
            "noise": ["sym:0.4", "asym:0.4", "idn_xia:0.2"],
        }  # fmt: skip
    assert [each.name for each in tmp_path.iterdir() if each.name != "data"] == ["made.npz"]


def test_without_noise_the_labels_are_the_true_ones_or_those_of_the_data_set(tmp_path):
    root = miniatures.cifar10(tmp_path / "data")
    made = prepare("cifar10", root, split="test", out=tmp_path / "a.npz")
    assert made.rates == {"clean": 0.0}
    assert read_dataset(made.file, "clean").is_clean.all()
    clean = np.asarray([(batch + i) % 10 for batch in range(5) for i in range(20)])
    worse = np.where(np.arange(100) < 40, (clean + 1) % 10, clean)
    np.savez(
        root / "CIFAR-10_human.npz",
        allow_pickle=False,
        clean_label=clean,
        worse_label=worse,
        aggre_label=clean,
    )
    both = prepare("cifar10n", root, out=tmp_path / "b.npz")
    assert both.rates == {"human_worse": 0.4, "human_aggre": 0.0}
    one = prepare("cifar10n", root, noise=["human:worse"], out=tmp_path / "c.npz")
    np.testing.assert_array_equal(read_dataset(one.file, "human_worse").given, worse)
    said = fault("cifar10n", root, noise=["human:worst"], out=tmp_path / "d.npz")
    assert "has no human labels 'worst'; it has worse, aggre" in said
    said = fault("cifar10", root, noise=["human:worse"], out=tmp_path / "d.npz")
    assert "none (cifar10n and cifar100n have, in train)" in said


def test_cifar100_takes_super_classes(tmp_path):
    root = miniatures.cifar100(tmp_path / "data", n=2000)
    made = prepare("cifar100", root, noise=["superclass:0.4", "block5:0.4"], out=tmp_path / "made.npz")
    found = read_dataset(made.file, "noisy_superclass40")
    assert found.class_prompts[7] == "sea thing 007"
    wrong = ~found.is_clean
    assert (found.given[wrong] % 20 == found.true[wrong] % 20).all()
    assert made.rates["noisy_superclass40"] == pytest.approx(0.4, abs=0.05)
    said = fault("cifar100", root, noise=["asym:0.4"], out=tmp_path / "no.npz")
    assert "asym:0.4 is a map of CIFAR-10's classes; cifar100 takes superclass or block5" in said


# -- files --


def test_files_become_a_folder_with_a_table(tmp_path):
    root, out = miniatures.eurosat(tmp_path / "data"), tmp_path / "made"
    before = sorted(root.rglob("*"))
    made = prepare("eurosat", root, noise=["pair:0.4"], seed=1, out=out)
    rows = table(out)
    assert len(rows) == made.n_samples == 24
    assert list(rows[0]) == ["path", "given_label", "true_label"]
    assert all(row["path"].startswith(f"{row['true_label']}/") for row in rows)
    assert all((root / "2750" / row["path"]).is_file() for row in rows)
    wrong = [row for row in rows if row["given_label"] != row["true_label"]]
    assert made.rates == {"noisy_pair40": len(wrong) / 24}
    following = dict(zip(miniatures.LAND, [*miniatures.LAND[1:], miniatures.LAND[0]], strict=True))
    assert all(row["given_label"] == following[row["true_label"]] for row in wrong)
    facts = json.loads((out / "dataset.json").read_text())
    assert facts["image_root"] == "../data/2750"
    assert (facts["noise"], facts["seed"], facts["labels"]) == (["pair:0.4"], 1, "noisy_pair40")
    assert facts["classes"][2] == {"name": "SeaLake", "prompt": "sea or lake"}
    found = read_prepared(out)
    assert found.files.root.resolve() == (root / "2750").resolve()
    assert sorted(root.rglob("*")) == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["data", "made"]


def test_the_app_takes_the_table(tmp_path):
    root = miniatures.eurosat(tmp_path / "data")
    prepare("eurosat", root, noise=["sym_other:0.4"], out=tmp_path / "made")
    words = ["init", tmp_path / "w", "--images", root / "2750", "--labels", tmp_path / "made" / "labels.csv"]
    done = subprocess.run(
        [sys.executable, "-m", "reviewer", *map(str, words)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "24" in done.stdout
    given = (tmp_path / "w" / "workspace.toml").read_text()
    assert 'label = "given_label"' in given


def test_noise_by_image_reads_the_files_in_small(tmp_path):
    root = miniatures.eurosat(tmp_path / "data")
    told = []

    def report(event, /, **values):
        told.append((event, values.get("stage"), values.get("done")))

    made = prepare("eurosat", root, noise=["idn_xia:0.4"], out=tmp_path / "made", report=report)
    found = read_prepared(tmp_path / "made")
    assert made.rates == {"noisy_idn_xia40": (found.given != found.true).mean()}
    small = [Image.open(found.files.root / each).convert("RGB") for each in found.files.paths]
    images = np.stack([np.asarray(each.resize((32, 32), Image.Resampling.BICUBIC)) for each in small])
    expected = plant(Noise(kind="idn_xia", rate=0.4), found.true, 3, 0, images=images)
    np.testing.assert_array_equal(found.given, expected)
    assert ("progress", "noise", 24) in told
    next((root / "2750" / "Forest").glob("*_1.jpg")).write_bytes(b"no image")
    said = fault("eurosat", root, noise=["idn_xia:0.4"], out=tmp_path / "second")
    assert "is not an image that can be read; noise by image needs each one" in said
    assert not (tmp_path / "second").exists()


def test_given_labels_that_nobody_checked_stay_as_they_came(tmp_path):
    root = miniatures.webvision(tmp_path / "data")
    made = prepare("webvision50", root, out=tmp_path / "made")
    assert made.rates == {"web": None}
    assert "web with unknown true labels" in str(made)
    assert {row["true_label"] for row in table(tmp_path / "made")} == {""}
    with pytest.raises(EngineError, match=r"Row 1 of .*labels.csv has no true_label; measuring needs one"):
        read_dataset(tmp_path / "made", "web")
    said = fault("webvision50", root, noise=["sym:0.4"], out=tmp_path / "no")
    assert "Nobody knows the true labels of the split train of webvision50" in said


def test_labels_of_shops_and_people_are_measured_on(tmp_path):
    root = miniatures.clothing1m(tmp_path / "data")
    made = prepare("clothing1m", root, split="both", out=tmp_path / "made")
    assert made.rates == {"shop": 0.5}
    found = read_dataset(tmp_path / "made", "shop")
    assert [found.class_names[k] for k in found.true] == ["Suit", "Hoodie"]
    assert found.is_clean.tolist() == [False, True]


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("tiny_imagenet", miniatures.tiny_imagenet),
        ("pets", miniatures.pets),
        ("cars", miniatures.cars),
        ("cub", miniatures.cub),
    ],
)
def test_each_of_the_others_is_prepared(tmp_path, name, make):
    made = prepare(name, make(tmp_path / "data"), noise=["sym:0.5"], out=tmp_path / "made")
    found = read_dataset(tmp_path / "made", "noisy_sym50")
    assert len(found) == made.n_samples
    assert found.files is not None
    assert (found.files.root / found.files.paths[0]).is_file()


# -- where it goes --


def test_the_place_is_named_after_what_was_asked_and_is_never_the_data_set(tmp_path, monkeypatch):
    root = miniatures.eurosat(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    made = prepare("eurosat", root, noise=["sym:0.4"])
    assert str(made.file) == "eurosat-train-noisy_sym40"
    assert read_prepared(tmp_path / made.file).labels == "noisy_sym40"
    assert "exists already; remove it, or name another place" in fault("eurosat", root, noise=["sym:0.4"])
    monkeypatch.chdir(root)
    assert "would lie in the data set's own folder; name a place with --out" in fault("eurosat", root)
    inside = prepare("eurosat", root, out=root / "made")
    assert read_dataset(inside.file, "clean").is_clean.all()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"noise": ["smy:0.4"]}, "There is no noise 'smy'; known are sym, "),
        ({"noise": ["sym:0.2", "sym:0.4"]}, "eurosat becomes a folder, which has one label set"),
        ({"noise": ["asym:0.4"]}, "asym:0.4 is a map of CIFAR-10's classes; eurosat takes pair."),
        ({"noise": ["superclass:0.4"]}, "needs super-classes"),
        ({"noise": ["block5:0.4"]}, "block5 needs classes in fives, and there are 3"),
        ({"noise": ["sym:0.4"], "seed": -1}, "--seed is -1"),
        ({"split": "val"}, "eurosat has a split 'val' only beside CoOp's"),
        ({"split": "all"}, "eurosat has no split 'all'; its splits are train, test."),
        ({"out": "made.npz"}, "eurosat becomes a folder, as its images are files."),
        ({"out": "no/such/place"}, "is no folder; --out names a place in one that is there."),
    ],
)
def test_what_was_asked_wrongly_is_a_sentence_and_writes_nothing(tmp_path, values, said):
    root = miniatures.eurosat(tmp_path / "data")
    out = tmp_path / values.get("out", "made")
    assert said in fault("eurosat", root, **{**values, "out": out})
    assert [each.name for each in tmp_path.iterdir()] == ["data"]


def test_lists_without_images_are_a_sentence(tmp_path):
    root = miniatures.cub(tmp_path / "data")
    for each in root.rglob("*.jpg"):
        each.unlink()
    assert "B_2.jpg is not there; unpack the images of cub, too." in fault("cub", root, out=tmp_path / "made")
    cifar = miniatures.cifar10(tmp_path / "cifar")
    assert "one file, whose name ends in .npz" in fault("cifar10", cifar, out=tmp_path / "made")


def test_what_fails_while_it_is_written_leaves_nothing(tmp_path, monkeypatch):
    root = miniatures.cifar10(tmp_path / "data")
    land = miniatures.eurosat(tmp_path / "land")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for name, folder, out in (("cifar10", root, "a.npz"), ("eurosat", land, "b")):
        with pytest.raises(OSError, match="No space left"):
            prepare(name, folder, out=tmp_path / out)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["data", "land"]


# -- measured on --


def drawings(folder, n=30):
    """Write a folder of a table and pictures, as somebody may make it by hand."""
    lines = ["path,given_label,true_label,note"]
    for row in range(n):
        true, given = NAMES[row % 3], NAMES[(row % 3 + (row % 5 == 0)) % 3]
        (folder / true).mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw(f"{row}", row % 3, 8)).save(folder / true / f"{row}.png")
        lines.append(f"{true}/{row}.png,{given},{true},x")
    write(folder / "labels.csv", *lines)
    return folder


@pytest.fixture
def colours(backbone, cpu, monkeypatch):
    monkeypatch.setattr(engine.evaluate, "load_model", lambda run_dir, config: (cpu, backbone))


def test_evaluate_measures_on_a_folder(tmp_path, colours):
    found = read_dataset(drawings(tmp_path / "hand"), "given_label")
    assert found.class_names == ("blue", "green", "red")
    assert len(found) == 30
    result = evaluate(found, {"detector": "transition"})
    assert result["noise_rate"] == 0.2
    assert result["auroc"] > 0.95
    assert read_dataset(tmp_path / "hand", "clean").is_clean.all()


def test_a_folder_and_its_pictures_as_an_array_are_measured_alike(tmp_path, colours):
    found = read_dataset(drawings(tmp_path / "hand"), "given_label")
    assert found.files is not None
    opened = [Image.open(found.files.root / path) for path in found.files.paths]
    np.savez(
        tmp_path / "same.npz",
        allow_pickle=False,
        images=np.stack([np.asarray(each) for each in opened]),
        clean=found.true,
        class_names=np.asarray(found.class_names),
        given_label=found.given,
    )
    asked = {"detector": "knn", "settings": {"k": 3}}
    one = evaluate(found, asked)
    other = evaluate(read_dataset(tmp_path / "same.npz", "given_label"), asked)
    for key in ("auroc", "f1", "ece", "reliability", "noise_rate"):
        assert one[key] == other[key]


def test_the_prompts_are_what_the_text_tower_reads(tmp_path, colours, monkeypatch):
    root, seen = drawings(tmp_path / "hand"), []
    classes = [{"name": name, "prompt": f"the colour {name}"} for name in NAMES]
    facts = {"classes": classes, "image_root": ".", "labels": "mine"}
    (root / "dataset.json").write_text(json.dumps(facts))
    monkeypatch.setattr(
        "engine.clip.backbone.Backbone.class_features",
        lambda self, prompts: seen.append(tuple(prompts)) or np.eye(3, dtype=np.float32),
    )
    evaluate(read_dataset(root, "mine"), {"detector": "transition"})
    assert seen == [("the colour red", "the colour green", "the colour blue")]


def test_a_picture_that_cannot_be_read_stops_the_measuring(tmp_path, colours):
    root = drawings(tmp_path / "hand")
    (root / "red" / "3.png").unlink()
    (root / "red" / "6.png").write_bytes(b"no image")
    with pytest.raises(EngineError, match=r"2 of 30 images cannot be read \(the first, 'red/3.png': "):
        evaluate(read_dataset(root, "given_label"), {"detector": "transition"})
    text = (root / "labels.csv").read_text().replace("red/3.png", "../../etc/passwd")
    (root / "labels.csv").write_text(text)
    with pytest.raises(EngineError, match="leads outside the image folder"):
        evaluate(read_dataset(root, "given_label"), {"detector": "transition"})


# -- the command --


def command(*words):
    return [sys.executable, "-m", "engine", "prepare", *map(str, words)]


def test_the_command_says_one_line(tmp_path):
    root, out = miniatures.cifar10(tmp_path / "data"), tmp_path / "made.npz"
    words = command("cifar10", "--root", root, "--noise", "sym_other:0.4", "--seed", 7, "--out", out)
    done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("100 samples of 10 classes; noisy_sym_other40 ")
    assert done.stdout.endswith(f" % wrong; {out}\n")
    assert len(done.stdout.splitlines()) == 1
    found = read_dataset(out, "noisy_sym_other40")
    np.testing.assert_array_equal(found.given, plant(Noise(kind="sym_other", rate=0.4), found.true, 10, 7))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["cifar", "--root", "."], "There is no data set 'cifar'; known are cifar10, "),
        (["cifar10", "--root", "nowhere"], "nowhere is no folder; --root names the one that holds cifar10."),
        (
            ["cifar10", "--root", ".", "--noise", "sym:2"],
            "The rate of sym is 2; it is at least 0 and below 1",
        ),
    ],
)
def test_a_fault_is_one_sentence_and_exit_1(tmp_path, monkeypatch, words, said):
    from typer.testing import CliRunner

    from engine.__main__ import app

    monkeypatch.setattr(signal, "signal", lambda *_: None)
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.setenv(name, "1")  # so that what the command sets is undone
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["prepare", *words])
    assert done.exit_code == 1, done.output
    assert done.stdout == ""
    assert said in done.stderr.splitlines()[-1]


def test_a_full_disk_is_a_sentence(tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from engine.__main__ import app

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(signal, "signal", lambda *_: None)
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.setenv(name, "1")
    root = miniatures.cifar10(tmp_path / "data")
    monkeypatch.setattr(os, "fsync", full)
    done = CliRunner().invoke(
        app, ["prepare", "cifar10", "--root", str(root), "--out", str(tmp_path / "x.npz")]
    )
    assert done.exit_code == 1
    assert "The disk refused a write or a read" in done.stderr
