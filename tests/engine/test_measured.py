"""The classifier behind a detector, measured on test data (DeFT phase 2; methods §5, §11)."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import engine.evaluate
from engine.classifier import supervised
from engine.classifier.held_out import Held
from engine.classifier.lesson import read_settings
from engine.classifier.measured import measure
from engine.config import ClassConfig, RunConfig
from engine.datasets import Dataset
from engine.errors import EngineError
from engine.evaluate import evaluate, summary
from engine.manifest import Manifest
from engine.prepared import Files
from engine.progress import silent
from engine.rows import Rows
from tests.engine.conftest import NAMES, REPOSITORY, draw, make_manifest, undecided
from tests.engine.test_evaluate import command, write_drawings
from tests.engine.tiny_clip import SIDE, one_core, tiny_clip

N, N_TEST = 60, 24
TRUE = np.arange(N) % 3
GIVEN = np.where(np.arange(N) % 5 == 0, (TRUE + 1) % 3, TRUE)
TEST_TRUE = np.arange(N_TEST) % 3
ADAPT = {"adapter": "blocks", "epochs": 3, "batch_size": 8, "learning_rate": 0.05}
KNN = {"detector": "knn"}


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    with one_core():
        yield


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CLIP of random values in the place of the real one, for the detector and for the classifier."""
    for module in ("engine.evaluate", "engine.classifier.new"):
        monkeypatch.setattr(
            f"{module}.load_model", lambda run_dir, config: (tiny_clip().runtime, tiny_clip())
        )


@pytest.fixture
def found_clean(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """What a stand-in for the detectors takes for right: (N,) bool, not quite the right labels."""
    is_clean = GIVEN == TRUE
    is_clean[[1, 2, 5]] = (False, False, True)

    def detect(config, manifest, inputs, backbone, runtime, report):
        report("epoch", epoch=1, of=1, loss=7.0, figures={"accuracy": 0.0})
        return undecided(np.where(is_clean, 0.75, 0.25).astype(np.float32), inputs)

    monkeypatch.setattr("engine.detectors.load_detector", lambda name: detect)
    return is_clean


def drawn(prefix: str, true: np.ndarray) -> np.ndarray:
    return np.stack([draw(f"{prefix}{row}", int(label), SIDE) for row, label in enumerate(true)])


def dataset(true: np.ndarray = TRUE) -> Dataset:
    return Dataset(labels="noisy_fifth", images=drawn("", TRUE), given=GIVEN, true=true, class_names=NAMES)


def unseen(true: np.ndarray = TEST_TRUE) -> Dataset:
    return Dataset(labels="clean", images=drawn("t", TEST_TRUE), given=true, true=true, class_names=NAMES)


def classified(**changes: Any) -> dict[str, Any]:
    """Return what is said of the classifier."""
    asked = {"dataset": dataset(), "asked": KNN, "test": unseen(), "adapt": ADAPT} | changes
    return evaluate(asked.pop("dataset"), asked.pop("asked"), **asked)["classifier"]


# -- what is said --------------------------------------------------------------------------------------


def test_the_classifier_is_measured_after_each_epoch(found_clean: np.ndarray) -> None:
    told = []
    result = evaluate(
        dataset(),
        KNN | {"seed": 3},
        test=unseen(),
        adapt=ADAPT,
        watch=lambda event, **values: told.append((event, values.get("stage"))),
    )
    learned = result["classifier"]
    assert (learned["model"], learned["adapter"], learned["n_test"]) == ("clip", "blocks", N_TEST)
    assert learned["settings"]["learning_rate"] == 0.05
    assert (learned["settings"]["weight_decay"], learned["settings"]["schedule"]) == (5e-4, "cosine")
    assert learned["samples"]["selected"] == found_clean.sum()
    column = learned["curves"]["figures.accuracy"]
    assert len(column) == len(learned["curves"]["loss"]) == 3
    assert learned["accuracy"]["last"] == column[-1]
    assert learned["accuracy"]["best_on_test"] == max(column)
    assert learned["accuracy"]["best_epoch"] == 1 + column.index(max(column))
    assert column[-1] > 0.9
    assert (learned["top5"]["last"], learned["notes"]) == (1.0, [])
    assert set(learned["stage_seconds"]) == {"classifier", "pixels", "training"}
    assert ("stage", "training") in told
    assert json.loads(json.dumps(learned)) == learned
    # What is said of the detector is what is said without a classifier.
    alone = evaluate(dataset(), KNN | {"seed": 3})
    assert alone.pop("classifier") is None
    same = alone.keys() - {"seconds", "stage_seconds", "date"}
    assert {key: alone[key] for key in same} == {key: result[key] for key in same}
    assert result["curves"]["loss"] == [7.0]
    assert set(result["stage_seconds"]) == set(alone["stage_seconds"])


def test_the_line_says_the_accuracy(found_clean: np.ndarray) -> None:
    result = evaluate(dataset(), KNN, test=unseen(), adapt=ADAPT | {"epochs": 1})
    accuracy = result["classifier"]["accuracy"]["last"]
    ending = f"clip (blocks) on {found_clean.sum()} of them: accuracy {accuracy:.3f} on 24 test images"
    assert summary(result).endswith(f"; {ending} (best {accuracy:.3f}, epoch 1)")


def test_what_is_not_set_is_as_published(found_clean: np.ndarray) -> None:
    """On a CPU that is TURN's linear probe."""
    settings = classified(adapt=None)["settings"]
    names = ("optimiser", "learning_rate", "epochs", "batch_size", "samples", "threshold")
    assert [settings[name] for name in names] == ["adamw", 1e-3, 20, 128, "clean", 0.5]


# -- what is learned -----------------------------------------------------------------------------------


@pytest.mark.parametrize("samples", ["clean", "all"])
def test_the_given_labels_of_what_was_found_clean_are_learned(
    found_clean: np.ndarray, samples: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    def fit(config, recipe, classifier, chosen, pixels, draws, checkpoint, report, **more):
        seen.update(chosen=chosen, pixels=pixels.take(slice(None)), checkpoint=checkpoint, **more)
        seen["held_pixels"] = more["held"].pixels.take(slice(None))
        return real(config, recipe, classifier, chosen, pixels, draws, checkpoint, report, **more)

    real = supervised.fit
    monkeypatch.setattr(supervised, "fit", fit)
    data, test = dataset(), unseen()
    evaluate(data, KNN, test=test, adapt=ADAPT | {"samples": samples, "epochs": 1})
    np.testing.assert_array_equal(seen["chosen"].selected, found_clean | (samples == "all"))
    np.testing.assert_array_equal(seen["chosen"].target, np.eye(3)[GIVEN])
    np.testing.assert_array_equal(seen["pixels"], data.images)
    np.testing.assert_array_equal(seen["held_pixels"], test.images)
    np.testing.assert_array_equal(seen["held"].labels, TEST_TRUE)
    assert seen["checkpoint"] is None


def test_no_true_label_reaches_the_training(found_clean: np.ndarray) -> None:
    """Neither of the test set, nor of the data set, nor the test set's own given labels."""
    turned = (TEST_TRUE + 1) % 3
    first, other = classified(), classified(test=unseen(turned))
    assert first["curves"]["loss"] == other["curves"]["loss"]
    assert first["accuracy"]["last"] > 0.9 > 0.1 > other["accuracy"]["last"]
    planted = classified(test=replace(unseen(), given=turned))
    elsewhere = classified(dataset=dataset(np.zeros(N, dtype=np.int64)))
    for again in (planted, elsewhere):
        assert _figures(again) == _figures(first)


def _figures(learned: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in learned["curves"].items() if key != "seconds"}


# -- the order of the rows -----------------------------------------------------------------------------


def test_the_order_of_the_test_images_does_not_matter(found_clean: np.ndarray) -> None:
    order, test = np.random.default_rng(0).permutation(N_TEST), unseen()
    moved = replace(test, images=test.images[order], given=test.given[order], true=test.true[order])
    assert _figures(classified(test=moved)) == _figures(classified())


def test_the_order_of_the_samples_does_not_matter() -> None:
    def measured(manifest: Manifest, p_clean: np.ndarray, index: np.ndarray) -> dict[str, Any]:
        def pictures(size: int) -> tuple[Rows, Held]:
            return _rows(drawn("", TRUE), index), Held(pixels=held, labels=TEST_TRUE)

        return measure(read_settings(ADAPT), run, Path("."), manifest, p_clean, pictures, silent)

    classes = tuple(ClassConfig(name=name, prompt=name) for name in NAMES)
    run = RunConfig(detector="knn", device="cpu", image_root=".", classes=classes)
    held = _rows(drawn("t", TEST_TRUE), np.arange(N_TEST))
    manifest, p_clean = make_manifest(GIVEN), np.where(GIVEN == TRUE, 0.9, 0.1).astype(np.float32)
    order = np.random.default_rng(1).permutation(N)
    first = measured(manifest, p_clean, np.arange(N))
    second = measured(manifest.take(order.tolist()), p_clean[order], order)
    assert first["curves"]["loss"] == pytest.approx(second["curves"]["loss"], abs=1e-5)
    assert first["accuracy"] == second["accuracy"]
    assert first["samples"] == second["samples"]


def _rows(store: np.ndarray, index: np.ndarray) -> Rows:
    return Rows(store=store, index=index, keys=tuple(map(str, index)))


# -- images that are files -----------------------------------------------------------------------------


def test_test_images_with_the_names_of_others_are_not_taken_for_them(
    found_clean: np.ndarray, tmp_path: Path
) -> None:
    """An image is known by its path, size and time, and two folders may agree in all three."""

    def stored(name: str, images: np.ndarray) -> Files:
        (tmp_path / name).mkdir()
        paths = [f"{row}.bmp" for row in range(len(images))]
        for path, image in zip(paths, images, strict=True):
            Image.fromarray(image).save(tmp_path / name / path)
            os.utime(tmp_path / name / path, (1, 1))
        return Files(root=tmp_path / name, paths=tuple(paths))

    nothing = np.empty((0, 0, 3), dtype=np.uint8)
    turned = (TEST_TRUE + 1) % 3  # so that a wrong picture has a wrong label
    data, test = dataset(), replace(unseen(turned), images=drawn("t", turned))
    as_files = [
        replace(each, images=np.broadcast_to(nothing, (len(each), 0, 0, 3)), files=stored(name, each.images))
        for name, each in (("train", data), ("test", test))
    ]
    found = classified(dataset=as_files[0], test=as_files[1], cache=tmp_path / "cache")
    assert found["accuracy"]["last"] > 0.9
    assert _figures(found) == _figures(classified(test=test))


# -- what does not go ----------------------------------------------------------------------------------


def renamed(*names: str) -> Callable[[], Dataset]:
    return lambda: replace(unseen(np.zeros(N_TEST, dtype=np.int64)), class_names=names)


@pytest.mark.parametrize(
    ("test", "adapt", "said"),
    [
        (renamed("red", "green"), None, "The test set has 2 classes and the data set 3; they have to be"),
        (
            renamed("red", "blue", "green"),
            None,
            "3 classes and the data set 3 ('blue' in the place of 'green')",
        ),
        (lambda: None, {}, "There are settings of a classifier and no test set; name one with --test."),
        (unseen, {"epochs": 0}, "adapt.epochs is 0; it should be greater than or equal to 1."),
        (unseen, {"epoch": 1}, "Unknown key adapt.epoch. Did you mean adapt.epochs?"),
    ],
)
def test_what_does_not_go_is_a_sentence_before_the_model_is_loaded(
    test: Callable[[], Dataset | None], adapt: Any, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.evaluate, "load_model", None)
    with pytest.raises(EngineError) as caught:
        evaluate(dataset(), KNN, test=test(), adapt=adapt)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_detector_that_finds_nothing_clean_is_told(found_clean: np.ndarray) -> None:
    found_clean[:] = False
    with pytest.raises(EngineError, match="0 of 60 samples count as clean, of 0 classes"):
        classified()


def test_a_class_without_clean_samples_is_noted(found_clean: np.ndarray) -> None:
    found_clean[GIVEN == 2] = False
    learned = classified()
    assert learned["samples"]["per_class"]["blue"] == 0
    (note,) = learned["notes"]
    assert note.startswith("1 classes have no clean sample and are never learned ('blue')")


# -- the command ---------------------------------------------------------------------------------------


def test_the_command_measures_a_classifier_too(tmp_path: Path) -> None:
    data, test = write_drawings(tmp_path / "data.npz", 90), write_drawings(tmp_path / "test.npz", 30)
    out = tmp_path / "out.json"
    more = (
        "--test",
        test,
        "--adapt",
        "adapter=none",
        "--adapt",
        "epochs=30",
        "--adapt",
        "learning_rate=0.05",
    )
    words = command(data, out, *more, "--device", "cpu", detector="knn")
    done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text())
    learned = result["classifier"]
    assert (result["test"], learned["n_test"], learned["adapter"]) == (str(test), 30, "none")
    assert len(learned["curves"]["figures.accuracy"]) == learned["settings"]["epochs"] == 30
    assert learned["accuracy"]["last"] > 0.8
    assert len(done.stdout.splitlines()) == 1
    assert f"accuracy {learned['accuracy']['last']:.3f} on 30 test images" in done.stdout
    assert sorted(each.name for each in tmp_path.iterdir()) == ["data.npz", "out.json", "test.npz"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--adapt", "epochs"), "--adapt is 'epochs'; it has the form key=value, as in --adapt epochs=5."),
        (
            ("--adapt", "epochs=1"),
            "There are settings of a classifier and no test set; name one with --test.",
        ),
        (("--test", "nowhere.npz"), "nowhere.npz does not exist; a data set is an .npz file."),
    ],
)
def test_a_slip_of_the_command_is_one_sentence(
    tmp_path: Path, more: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.__main__ import app

    monkeypatch.setattr(signal, "signal", lambda *_: None)
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.setenv(name, "1")
    data, out = write_drawings(tmp_path / "data.npz", 6), tmp_path / "out.json"
    done = CliRunner().invoke(app, command(data, out, *more)[3:])
    assert done.exit_code == 1, done.output
    assert done.stderr.splitlines()[-1] == said
    assert not out.exists()
