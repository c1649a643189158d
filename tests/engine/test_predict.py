"""Labels for new images: which files are looked at, what is said of them, and in what table."""

import csv
import io
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from engine.artifacts import write_json
from engine.classifier.predict import (
    Prediction,
    find_images,
    guarded,
    label_images,
    predict,
    write_predictions,
)
from engine.classifier.saved import SavedClassifier, write_tensors
from engine.clip.backbone import Backbone
from engine.errors import EngineError
from engine.pixels import square
from engine.progress import silent
from engine.rows import Rows
from engine.tower import load_image_tower, new_head
from reviewer.export import guarded_cell
from tests.engine.conftest import REPOSITORY

NAMES = ("fox", "=SUM(A1)", "apple", "boat", "sun", "moon")


@pytest.fixture
def classifier(drawn_clip: Backbone) -> SavedClassifier:
    tower = load_image_tower(drawn_clip, "none", torch.Generator())
    head = new_head(tower.width, len(NAMES), torch.Generator().manual_seed(0))
    return SavedClassifier(class_names=NAMES, trunk=tower, head=head)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder with pictures of several sizes, one in a folder below, and what is none."""
    folder = tmp_path / "images"
    (folder / "below").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, shape in (("b.png", (64, 64, 3)), ("a.JPG", (80, 200, 3)), ("below/c.png", (70, 65))):
        Image.fromarray(rng.integers(0, 255, shape, dtype=np.uint8)).save(folder / name)
    (folder / "broken.png").write_bytes(b"no image")
    (folder / "notes.txt").write_text("not looked at")
    return folder


def saved(folder: Path, classifier: SavedClassifier, backbone: Backbone) -> Path:
    folder.mkdir()
    words = {
        "format": 1,
        "class_names": NAMES,
        "model": "clip",
        "backbone": {"weights": "bundled"},
        "weights": "",
        "fingerprint": backbone.fingerprint,
        "adapter": "none",
        "size": 8,
        "prompt_length": 20,
        "last_blocks": 0,
        "digest": write_tensors(folder, classifier),
    }
    write_json(folder / "classifier.json", words)
    return folder


def test_files_and_folders_are_found(images: Path) -> None:
    text, missing = images / "notes.txt", images / "missing.png"
    assert find_images([images]) == [
        images / "a.JPG",
        images / "b.png",
        images / "below" / "c.png",
        images / "broken.png",
    ]
    assert find_images([text, missing, images / "b.png", images])[:3] == [text, missing, images / "b.png"]
    assert len(find_images([images, images / "b.png"])) == 4
    (images / "empty").mkdir()
    with pytest.raises(EngineError, match="There is no image in"):
        find_images([images / "empty"])


def test_what_is_said_is_what_the_classifier_says(classifier: SavedClassifier, images: Path) -> None:
    paths = find_images([images])
    os.mkfifo(images / "pipe.png")
    long = images / ("x" * 300 + ".png")
    found = list(predict(classifier, [*paths, images / "pipe.png", long, images / "\0.png"], batch_size=2))
    assert [each.path for each in found[:4]] == paths
    assert [bool(each.problem) for each in found] == [False, False, False, True, True, True, True]
    assert found[3].problem == "is not an image that can be read"
    assert found[4].problem == "is not an ordinary file"
    size = classifier.trunk.image_size
    squares = np.stack([square(Image.open(path).convert("RGB"), size) for path in paths[1:3]])
    rows = Rows(store=squares, index=np.arange(2), keys=("0", "1"))
    probs = classifier.classify(rows, batch_size=2, report=silent)
    for each, expected in zip(found[1:3], probs, strict=True):
        assert [name for name, _ in each.likeliest] == [NAMES[k] for k in np.argsort(-expected)[:5]]
        np.testing.assert_allclose(
            [p for _, p in each.likeliest], np.sort(expected)[::-1][:5], rtol=1e-4, atol=1e-6
        )


def test_with_few_classes_all_are_told(classifier: SavedClassifier, images: Path) -> None:
    head = {name: value[:3] for name, value in classifier.head.items()}
    few = replace(classifier, class_names=NAMES[:3], head=head)
    (found,) = predict(few, [images / "b.png"])
    assert len(found.likeliest) == 3
    assert sum(p for _, p in found.likeliest) == pytest.approx(1, abs=1e-5)
    file = io.StringIO()
    write_predictions(file, [found], 3)
    assert file.getvalue().splitlines()[0].split(",")[-2:] == ["probability_3", "problem"]


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1", "-1e5", "@x", "\tx", "＝1", "fox", "", "1", "-x", "a=1", "\n=1"]
)
def test_cells_are_guarded_as_in_the_exports_of_the_app(cell: str) -> None:
    assert guarded(cell) == guarded_cell(cell)


def test_no_cell_of_the_table_is_a_formula() -> None:
    file = io.StringIO()
    counts = write_predictions(
        file,
        [
            Prediction(path=Path("=cmd.png"), likeliest=(("=SUM(A1)", 0.75), ("+x", 0.25))),
            Prediction(path=Path("@b.png"), problem="=is broken"),
        ],
        2,
    )
    assert counts == (1, 1)
    assert list(csv.reader(io.StringIO(file.getvalue()))) == [
        ["path", "predicted_label", "probability", "label_2", "probability_2", "problem"],
        ["'=cmd.png", "'=SUM(A1)", "0.750000", "'+x", "0.250000", ""],
        ["'@b.png", "", "", "", "", "'=is broken"],
    ]


def test_the_table_is_written_whole_or_not_at_all(
    classifier: SavedClassifier, drawn_clip: Backbone, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = saved(images.parent / "classifier", classifier, drawn_clip)
    table = images.parent / "table.csv"
    odd = images / os.fsdecode(b"caf\xe9.png")
    (images / "b.png").rename(odd)
    assert label_images(folder, [images], table, device="cpu") == (3, 1)
    rows = list(csv.DictReader(io.StringIO(table.read_bytes().decode("utf-8", "surrogateescape"))))
    assert [row["path"] for row in rows] == list(map(str, find_images([images])))
    assert str(odd) in [row["path"] for row in rows]
    assert all(row["predicted_label"].lstrip("'") in NAMES or row["problem"] for row in rows)
    assert all(row["label_5"] and not row.get("label_6") for row in rows if not row["problem"])

    def fail(*args: Any, **options: Any) -> Any:
        raise KeyboardInterrupt

    before = table.read_bytes()
    monkeypatch.setattr("engine.classifier.predict.write_predictions", fail)
    with pytest.raises(KeyboardInterrupt):
        label_images(folder, [images], table, device="cpu")
    assert table.read_bytes() == before
    assert not [path for path in table.parent.iterdir() if path.name.endswith(".part")]


def test_places_that_do_not_fit_are_told(images: Path) -> None:
    with pytest.raises(EngineError, match="holds no classifier"):
        label_images(images, [images], None, device="cpu")
    with pytest.raises(EngineError, match="--csv names a file"):
        label_images(images, [images], images / "none" / "x.csv", device="cpu")


def test_the_command_labels_a_folder(classifier: SavedClassifier, drawn_clip: Backbone, images: Path) -> None:
    folder = saved(images.parent / "classifier", classifier, drawn_clip)
    command = [sys.executable, "-m", "engine", "predict", str(folder), str(images), "--device", "cpu"]
    answer = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)
    assert answer.returncode == 0, answer.stderr
    rows = list(csv.DictReader(io.StringIO(answer.stdout)))
    assert [Path(row["path"]).name for row in rows] == ["a.JPG", "b.png", "c.png", "broken.png"]
    assert rows[3]["problem"] == "is not an image that can be read"
    assert "3 images labelled, 1 unreadable" in answer.stderr
