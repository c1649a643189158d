import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

import engine.evaluate
from engine.config import parse, read_assignments
from engine.datasets import Dataset
from engine.detectors import Inputs
from engine.errors import EngineError
from engine.evaluate import evaluate, summary
from engine.pixels import square
from engine.settings import DETECTORS, KnnConfig
from tests.engine.conftest import NAMES, REPOSITORY, draw, undecided

N = 60
TRUE = np.arange(N) % 3
GIVEN = np.where(np.arange(N) % 5 == 0, (TRUE + 1) % 3, TRUE)


def dataset(given=GIVEN, size=4):
    images = np.stack([draw(f"{row}", int(label), size) for row, label in enumerate(TRUE)])
    return Dataset(labels="noisy_fifth", images=images, given=given, true=TRUE, class_names=NAMES)


@pytest.fixture
def colours(backbone, cpu, monkeypatch):
    """The colour stand-in in the place of CLIP."""
    monkeypatch.setattr(engine.evaluate, "load_model", lambda run_dir, config: (cpu, backbone))
    return backbone


@pytest.fixture
def seen(monkeypatch):
    """What the stand-in for the detectors was given; it answers with p_clean 0.75 for all."""
    found = {}

    def detect(config, manifest, inputs, backbone, runtime, report):
        found.update(config=config, manifest=manifest, inputs=inputs, squares=inputs.pixels.take(slice(None)))
        found["run_dir_was_there"] = inputs.run_dir.is_dir()
        return undecided(np.full(len(manifest), 0.75, dtype=np.float32), inputs)

    monkeypatch.setattr("engine.detectors.load_detector", lambda name: detect)
    return found


# -- one cell --


def test_a_cell_says_what_was_measured_and_with_what(colours):
    result = evaluate(dataset(), {"detector": "transition", "seed": 3})
    assert result["auroc"] > 0.95
    assert result["f1"] > 0.9
    assert result["noise_rate"] == 0.2
    assert result["noise_rate_estimate"] == result["notes"]["noise_rate"]
    assert (result["detector"], result["labels"], result["seed"]) == ("transition", "noisy_fifth", 3)
    assert result["settings"] == {"posterior": "auto", "alpha": 0.3, "folds": 5}
    assert (result["n_samples"], result["n_classes"], result["device"]) == (N, 3, "cpu")
    assert {"torch", "open_clip_torch"} <= set(result["versions"])
    assert set(result["stage_seconds"]) == {"model", "pixels", "features", "detect"}
    assert result["seconds"] >= max(result["stage_seconds"].values())
    assert [each["count"] for each in result["reliability"]][-1] > 0
    assert json.loads(json.dumps(result)) == {**result, "reliability": list(result["reliability"])}


def test_the_detector_sees_what_a_run_would_show_it(colours, seen):
    data = dataset(size=7)
    evaluate(data, {"detector": "knn", "settings": {"k": 3}, "seed": 5, "batch_size": 7})
    inputs: Inputs = seen["inputs"]
    ids = seen["manifest"].sample_ids
    assert ids[:2] == ("00", "01")
    assert list(ids) == sorted(ids)
    np.testing.assert_array_equal(seen["manifest"].given, GIVEN)
    assert seen["config"] == KnnConfig(k=3)
    assert inputs.seed == 5
    squares = np.stack([square(Image.fromarray(image), 4) for image in data.images])
    np.testing.assert_array_equal(seen["squares"], squares)
    np.testing.assert_array_equal(inputs.features, colours.encode_images(squares))
    np.testing.assert_array_equal(inputs.classes, colours.class_features(NAMES))
    assert seen["run_dir_was_there"]
    assert not inputs.run_dir.exists()


def test_without_a_word_of_the_detector_the_noise_is_what_p_clean_leaves(colours, seen):
    result = evaluate(dataset(), {"detector": "knn"})
    assert result["noise_rate_estimate"] == 0.25
    assert (result["precision"], result["recall"], result["auroc"]) == (0.8, 1.0, 0.5)
    assert result["ece"] == pytest.approx(0.05)
    assert [each["count"] for each in result["reliability"]] == [0, 0, 0, 0, 0, 0, 0, N, 0, 0]


def test_the_posterior_and_the_suggestions_are_judged_too(colours, seen):
    result = evaluate(dataset(), {"detector": "knn"})
    # The stand-in takes every label for right and suggests the first class for all: a third of 60 is it.
    assert (result["noisy"]["n_selected"], result["noisy"]["recall"]) == (0, 0)
    assert result["noisy"]["precision"] is None
    assert (result["top1"], result["top5"], result["suggested_accuracy"]) == (pytest.approx(1 / 3), 1, 1 / 3)
    counts = result["memorisation"]
    is_clean = GIVEN == TRUE
    assert counts["clean_correct"] + counts["clean_wrong"] == is_clean.sum()
    assert counts["noisy_correct"] == (~is_clean & (TRUE == 0)).sum()
    assert counts["noisy_memorised"] == (~is_clean & (GIVEN == 0)).sum()
    assert sum(counts.values()) == N
    assert (result["curves"], result["best_and_last"], result["paper_compatible"]) == ({}, {}, None)


def reporting(monkeypatch, notes, p_clean=None):
    """A detector that tells of three epochs."""

    def detect(config, manifest, inputs, backbone, runtime, report):
        from engine.artifacts import Detection

        for epoch, loss in enumerate((3.0, 2.0, 1.0), start=1):
            report("epoch", of=3, epoch=epoch, loss=loss, figures={"accuracy": 0.9 - 0.1 * epoch})
        probs = np.full((len(manifest), 3), 1 / 3)
        return Detection(
            p_clean=np.full(len(manifest), 0.75, dtype=np.float32) if p_clean is None else p_clean,
            probs=probs,
            embeddings=inputs.features,
            suggested=probs.argmax(axis=1),
            suggested_probability=probs.max(axis=1),
            notes=notes,
        )

    monkeypatch.setattr("engine.detectors.load_detector", lambda name: detect)


def test_a_training_leaves_its_curves_and_their_ends(colours, monkeypatch):
    reporting(monkeypatch, {})
    told = []
    result = evaluate(dataset(), {"detector": "knn"}, watch=lambda event, **values: told.append(event))
    assert told.count("epoch") == 3
    assert result["curves"]["epoch"] == [1, 2, 3]
    assert result["curves"]["loss"] == [3.0, 2.0, 1.0]
    assert set(result["best_and_last"]) == {"figures.accuracy"}
    ends = result["best_and_last"]["figures.accuracy"]
    assert (ends["best_epoch"], ends["n_last"]) == (1, 1)
    assert (ends["best_on_test"], ends["last"]) == (pytest.approx(0.8), pytest.approx(0.6))
    assert json.loads(json.dumps(result))["curves"] == result["curves"]


def test_the_history_in_the_notes_counts_before_the_events(colours, monkeypatch):
    reporting(monkeypatch, {"history": [{"epoch": 1, "test_accuracy": 0.5}]})
    result = evaluate(dataset(), {"detector": "knn"})
    assert result["curves"] == {"epoch": [1], "test_accuracy": [0.5]}
    assert result["best_and_last"]["test_accuracy"]["last"] == 0.5


def test_the_selection_is_averaged_over_the_last_batches_where_the_paper_does(colours, monkeypatch):
    from engine.draws import Draws

    p_clean = np.random.default_rng(0).random(N).astype(np.float32)
    reporting(monkeypatch, {}, p_clean)
    asked = {"detector": "deft", "settings": {"epochs": 4, "warm_up": 0, "batch_size": 7}, "seed": 2}
    found = evaluate(dataset(), asked)["paper_compatible"]
    order = Draws([f"{row:02d}" for row in range(N)], 2).order(4)
    is_clean, precisions, recalls = GIVEN == TRUE, [], []
    for start in range(0, N, 7):
        batch = order[start : start + 7]
        both = ((p_clean > 0.5) & is_clean)[batch].sum()
        precisions.append(both / (p_clean > 0.5)[batch].sum())
        recalls.append(both / is_clean[batch].sum())
    assert found["n_batches"] == 9
    assert (found["n_without_selected"], found["n_without_clean"]) == (0, 0)
    assert found["precision"] == pytest.approx(np.mean(precisions))
    assert found["recall"] == pytest.approx(np.mean(recalls))


def test_the_cache_serves_the_next_cell_and_other_data(colours, seen, tmp_path):
    def computed(data):
        told = []

        def watch(event, /, **values):
            if event == "progress" and values["stage"] in ("pixels", "features"):
                told.append((values["stage"], values["done"], values["of"]))

        evaluate(data, {"detector": "knn"}, cache=tmp_path / "cache", watch=watch)
        first = {}
        for stage, done, of in told:
            first.setdefault(stage, of - done)
        return first

    data = dataset()
    assert computed(data) == {"pixels": N, "features": N}
    first = seen["inputs"].features
    assert computed(data) == {"pixels": 0, "features": 0}
    np.testing.assert_array_equal(seen["inputs"].features, first)
    # The rows are known by their content: one new image, and one that comes twice.
    images = data.images.copy()
    images[0], images[1] = 200, images[2]
    changed = Dataset(
        labels="other", images=images, given=GIVEN[::-1], true=TRUE, class_names=data.class_names
    )
    assert computed(changed) == {"pixels": 1, "features": 1}
    np.testing.assert_array_equal(seen["squares"], images)
    np.testing.assert_array_equal(seen["inputs"].features[1:2], first[2:3])


@pytest.mark.parametrize(
    ("given", "why"), [(TRUE, "no label is wrong"), ((TRUE + 1) % 3, "all labels are wrong")]
)
def test_what_cannot_be_judged_is_null_and_the_line_says_why(colours, seen, given, why):
    result = evaluate(dataset(given), {"detector": "knn"})
    assert (result["auroc"], result["average_precision"]) == (None, None)
    line = summary(result)
    assert f"undefined ({why})" in line
    assert "average precision" in line
    assert "AUROC" in line
    assert "nan" not in line.lower()
    assert "\n" not in line


def test_the_line_names_the_figures():
    result = {
        "detector": "knn", "labels": "noisy_sym40", "f1": 0.5, "precision": None, "recall": 0.0,
        "average_precision": 0.25, "auroc": 0.75, "ece": 0.125, "noise_rate": 0.4,
        "noise_rate_estimate": 0.375, "n_selected": 0, "n_samples": 7, "seconds": 1.25, "device": "cpu",
    }  # fmt: skip
    assert summary(result) == (
        "knn on noisy_sym40: F1 0.500, recall 0.000, average precision 0.250, AUROC 0.750, ECE 0.125, "
        "precision undefined (no label is taken for right), noise 0.375 of 0.400; 7 samples in 1.2 s on cpu"
    )


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"detector": "konn"}, "There is no detector 'konn'; known are "),
        ({"detector": "knn", "settings": {"k": 0}}, "knn.k is 0; it should be greater than or equal to 1."),
        ({"detector": "knn", "settings": {"kk": 1}}, "Unknown key knn.kk. Did you mean knn.k?"),
        ({"detector": "knn", "seed": -1}, "evaluate.seed is -1; it should be "),
        ({"detector": "knn", "batch_size": 0}, "evaluate.batch_size is 0; it should be "),
        ({"detector": "knn", "device": "gpu"}, "evaluate.device is 'gpu'; it should be 'auto', "),
    ],
)
def test_what_was_asked_wrongly_is_a_sentence_before_the_model_is_loaded(asked, said, monkeypatch):
    monkeypatch.setattr(engine.evaluate, "load_model", None)
    with pytest.raises(EngineError) as caught:
        evaluate(dataset(), asked)
    assert str(caught.value).startswith(said)


# -- key=value --


def test_values_are_read_by_their_look():
    texts = [
        "a=3",
        "b=-2",
        "c=5e-4",
        "d=true",
        "e=false",
        "f=real",
        "g='10'",
        'h="a b"',
        "i = .5",
        "j=",
        "k=a=b",
    ]
    assert read_assignments("knn", texts) == {
        "a": 3, "b": -2, "c": 5e-4, "d": True, "e": False, "f": "real", "g": "10", "h": "a b", "i": 0.5,
        "j": "", "k": "a=b",
    }  # fmt: skip
    assert type(read_assignments("knn", ["a=3"])["a"]) is int
    assert read_assignments("knn", ["k=3", "k=4"]) == {"k": 4}


def test_commas_part_the_values_of_a_setting_that_takes_several(monkeypatch):
    from engine.config import Settings

    class Several(Settings):
        rates: tuple[float, ...] = ()
        names: tuple[str, ...] | None = None
        text: str = ""

    monkeypatch.setitem(DETECTORS, "several", Several)
    texts = ["rates=1, 2.5,3e-1", "names=a", "text=a,b"]
    values = read_assignments("several", texts)
    assert values == {"rates": (1, 2.5, 0.3), "names": ("a",), "text": "a,b"}
    assert parse(Several, values, "several").model_dump() == values
    assert read_assignments("several", ["rates="]) == {"rates": ()}


@pytest.mark.parametrize("text", ["epochs", "=3", " = 3", ""])
def test_what_is_no_assignment_has_its_sentence(text):
    with pytest.raises(EngineError, match="it has the form key=value"):
        read_assignments("knn", [text])


# -- the command --


def write_drawings(path, n=240):
    """Write a file of pictures that a CLIP without training tells apart with a probe."""
    true = np.arange(n) % 3
    given = np.where(np.arange(n) % 5 == 0, (true + 1) % 3, true)
    images = np.stack([draw(f"{row}", int(label), 32) for row, label in enumerate(true)])
    np.savez(path, images=images, clean=true, class_names=np.asarray(NAMES), noisy_fifth=given)
    return path


def command(path, out, *more, labels="noisy_fifth", detector="transition", weights="bundled"):
    words = [
        "--data",
        path,
        "--labels",
        labels,
        "--detector",
        detector,
        "--weights",
        weights,
        "--json",
        out,
        *more,
    ]
    return [sys.executable, "-m", "engine", "evaluate", *map(str, words)]


def test_the_command_measures_with_the_bundled_model(tmp_path):
    data, out = write_drawings(tmp_path / "data.npz"), tmp_path / "out.json"
    more = ("--set", "posterior=probe", "--set", "folds=3", "--seed", "1", "--cache", tmp_path / "cache")
    words = command(data, out, *more, "--device", "cpu")
    done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("transition on noisy_fifth: F1 0.")
    assert len(done.stdout.splitlines()) == 1
    assert "features 240 of 240" in done.stderr
    result = json.loads(out.read_text())
    assert (result["data"], result["weights"], result["seed"]) == (str(data), "bundled", 1)
    assert result["settings"] == {"posterior": "probe", "alpha": 0.3, "folds": 3}
    assert result["notes"]["posterior"] == "probe"
    assert result["auroc"] > 0.9
    assert result["average_precision"] > 0.8
    assert len(result["reliability"]) == 10
    assert any(each.name.startswith("features-") for each in (tmp_path / "cache").iterdir())
    assert sorted(each.name for each in tmp_path.iterdir()) == ["cache", "data.npz", "out.json"]


@pytest.mark.parametrize(
    ("options", "more", "said"),
    [
        ({"detector": "konn"}, (), "There is no detector 'konn'; known are "),
        ({}, ("--set", "alpha=-1"), "transition.alpha is -1; it should be greater than or equal to 0."),
        ({}, ("--set", "alpa=1"), "Unknown key transition.alpa. Did you mean transition.alpha?"),
        ({}, ("--set", "alpha"), "--set is 'alpha'; it has the form key=value"),
        ({}, ("--seed", "-1"), "evaluate.seed is -1; it should be "),
        ({}, ("--cache", __file__), f"{__file__} is a file; --cache names a folder."),
        (
            {"labels": "noisy_fith"},
            (),
            " has no labels 'noisy_fith'; its label sets are noisy_fifth. Did you",
        ),
        ({"weights": "./nowhere"}, (), "The weights ./nowhere do not exist; "),
    ],
)
def test_a_fault_is_one_sentence_and_exit_1(tmp_path, monkeypatch, options, more, said):
    from typer.testing import CliRunner

    from engine.__main__ import app

    monkeypatch.setattr(signal, "signal", lambda *_: None)
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.setenv(name, "1")  # so that what the command sets is undone
    data, out = write_drawings(tmp_path / "data.npz", 6), tmp_path / "out.json"
    done = CliRunner().invoke(app, command(data, out, *more, **options)[3:])
    assert done.exit_code == 1, done.output
    sentence = done.stderr.splitlines()[-1]
    assert said in sentence
    assert not out.exists()


def test_where_the_figures_cannot_go_is_said_first(tmp_path):
    for out in (tmp_path / "nowhere" / "out.json", tmp_path):
        words = command(tmp_path / "nowhere.npz", out)
        done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == f"{out} cannot be written; --json names a file in a folder that is there.\n"


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_cell_leaves_no_temporary_folder(tmp_path, stop):
    data, scratch = write_drawings(tmp_path / "data.npz"), tmp_path / "scratch"
    scratch.mkdir()
    process = subprocess.Popen(
        command(data, tmp_path / "out.json"),
        cwd=REPOSITORY,
        env={**os.environ, "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 100
    while (
        not list(scratch.glob("labelsieve-evaluate-*"))
        and process.poll() is None
        and time.monotonic() < deadline
    ):
        time.sleep(0.02)
    process.send_signal(stop)
    output, errors = process.communicate(timeout=60)
    assert process.returncode not in (0, None)
    assert output == ""
    assert "Traceback" not in errors
    assert not list(scratch.iterdir())
    assert not (tmp_path / "out.json").exists()
