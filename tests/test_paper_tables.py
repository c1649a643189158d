"""The papers' printed figures, and the tables that show ours beside them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import paper_tables
from benchmarks.paper_cells import DATASETS, Found, look, measured, task_of
from benchmarks.paper_methods import ACCURACY, TURN_TUNING, noise_of
from benchmarks.paper_tables import is_asked, listing, make_plan, markdown, name_of
from benchmarks.printed import COUNTS, Cell, Figure, Table, read_tables
from benchmarks.tasks import Task, compute, state
from engine.config import parse_settings
from engine.errors import EngineError
from engine.settings import DETECTORS
from engine.settings.adaptation import AdaptationConfig

TABLES = {table.id: table for table in read_tables()}
CELLS = [cell for table in TABLES.values() for cell in table.cells]
RESULT = {
    "detector": "deft", "model": "ViT-B-16-quickgelu", "weights": "/w/ViT-B-16", "labels": "noisy_sym40",
    "noise_rate": 0.396, "n_samples": 50_000, "seed": 0, "device": "cuda:0",
    "precision": 0.5, "recall": 0.25, "f1": 1 / 3,
    "paper_compatible": {"precision": 0.9875, "recall": 0.97906, "f1": 0.98326},
    "memorisation": {
        "clean_correct": 9582, "clean_wrong": 807, "noisy_correct": 32582, "noisy_wrong": 6783,
        "noisy_memorised": 246,
    },
}  # fmt: skip


CLASSIFIER = {
    "adapter": "blocks", "n_test": 10_000, "settings": {"samples": "clean"},
    "accuracy": {"best_on_test": 0.8938, "best_epoch": 9, "last": 0.8935, "n_last": 1},
    "top5": {"best_on_test": 0.985, "best_epoch": 9, "last": 0.984, "n_last": 1},
}  # fmt: skip
CLIP_OF_TURN = {"backbone": "CLIP ViT-B", "noise": "Symm 0.9"}


def pick(table: str, **facts: str) -> Cell:
    """Return the one cell of a table with these facts."""
    found = [cell for cell in TABLES[table].cells if facts.items() <= cell.facts.items()]
    assert len(found) == 1, found
    return found[0]


# -- the printed figures -------------------------------------------------------------------------------


def test_every_table_of_the_papers_is_there():
    deft, avl = [f"deft-{n}" for n in range(1, 11)], [f"avl-{n}" for n in range(1, 11)]
    turn = ["turn-1", "turn-2", "turn-2-ijcai", "turn-3", "turn-4", "turn-5", "turn-9"]
    assert sorted(TABLES) == sorted([*deft, *avl, *turn])
    assert len(CELLS) == 1415


def test_every_printed_figure_lies_where_such_a_figure_can():
    known = 0
    for cell in CELLS:
        for name, figure in cell.figures.items():
            if figure is None:
                continue
            known += 1
            if name in COUNTS:
                assert figure.value == int(figure.value), cell
                assert 0 <= figure.value <= 50_000, cell
            elif name == "minutes":
                assert 100 < figure.value < 1000, cell
            else:
                assert 0.5 < figure.value <= 100, cell
            assert figure.sd is None or 0 <= figure.sd < 3, cell
    assert known > 2000


def test_every_cell_says_whose_figure_it_is():
    for cell in CELLS:
        assert {"method", "noise"} <= set(cell.facts), cell
        assert all(cell.facts.values()), cell
        if "figure" not in cell.facts:
            assert cell.printed.count("/") in (0, len(cell.figures) - 1), cell
    names = [name_of(cell, 0) for cell in CELLS]
    assert len(set(names)) == len(names)


def test_figures_are_where_they_are_printed():
    deft = pick("deft-1", dataset="CIFAR-100", method="DEFT", noise="Sym 0.4")
    assert deft.figures == {"precision": Figure(value=98.75), "recall": Figure(value=97.91)}
    assert deft.facts["backbone"] == "CLIP ViT-B/16"
    assert pick("avl-1", method="C2D", noise="Asym 0.4").figures == {
        "best": Figure(value=93.45, sd=0.07),
        "last": Figure(value=90.75, sd=0.16),
    }
    assert pick("avl-2", method="MOIT", noise="Sym 0.2").figures["last"] is None
    resnet = {"backbone": "ResNet-50", "tuning": "LP", "method": "CE", "noise": "Inst 0.4"}
    assert pick("turn-2", **resnet).figures == {"best": Figure(value=31.11), "last": Figure(value=50.44)}
    purity = pick("turn-9", noise="Symm 0.9", figure="purity", tau="0.6")
    assert purity.figures == {"purity": Figure(value=83.47)}
    assert pick("deft-3", dataset="WebVision", method="GMM").figures == {"last": None}


def test_the_f1_of_deft_is_the_harmonic_mean_of_what_it_prints():
    """So a slip of the pen in either is found; it is why `BatchSelection.f1` is one."""
    pairs = [cell for table in ("deft-6", "deft-8") for cell in TABLES[table].cells]
    checked = 0
    for cell in [*pairs, *(each for each in TABLES["deft-7"].cells if each.facts["method"] == "DEFT")]:
        wanted = {name: cell.facts[name] for name in ("dataset", "method", "noise")}
        source = cell if "precision" in cell.figures else pick("deft-1", **wanted)
        precision, recall, f1 = source.figures["precision"], source.figures["recall"], cell.figures["f1"]
        assert precision
        assert recall
        assert f1
        mean = 2 * precision.value * recall.value / (precision.value + recall.value)
        assert f1.value == pytest.approx(mean, abs=0.0101), cell
        checked += 1
    assert checked == 24 + 8 + 24


@pytest.mark.parametrize("table", ["avl-7", "avl-8"])
def test_the_memorisation_tables_add_up(table):
    for row in TABLES[table].rows:
        counts = {name: figure for cell in row.cells for name, figure in cell.figures.items()}
        values = {name: figure.value for name, figure in counts.items() if figure}
        assert values["clean_correct"] + values["clean_wrong"] == 10_389
        assert values["noisy_correct"] + values["noisy_wrong"] + values["noisy_memorised"] == 39_611


def test_a_last_above_its_best_is_as_printed():
    odd = [
        cell
        for cell in CELLS
        if (best := cell.figures.get("best"))
        and (last := cell.figures.get("last"))
        and last.value > best.value
    ]
    tables = [cell.table for cell in odd]
    counts = {name: tables.count(name) for name in dict.fromkeys(tables)}
    assert counts == {"avl-2": 1, "deft-10": 1, "turn-2": 8, "turn-3": 1, "turn-9": 2}
    assert all(any("above" in note for note in TABLES[name].notes) for name in counts)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rows": [["A", "1.0"]]}, "has a row of 2"),
        ({"rows": [["A", "1.0/2.0", "3.0"]]}, "where it has best"),
        ({"rows": [["A", "1,0", "3.0"]]}, "is no printed figure"),
        ({"rows": [["A", "", "3.0"]]}, "is no printed figure"),
    ],
)
def test_a_slip_in_a_table_is_found_when_it_is_read(tmp_path, change, said):
    values = {
        "id": "t", "title": "t", "figures": ["best"], "heads": ["method"], "across": ["noise"],
        "columns": ["x", "y"], "rows": [["A", "1.0±0.5", "-"]],
    }  # fmt: skip

    def write(values):
        lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
        (tmp_path / "t.toml").write_text("[[tables]]\n" + "\n".join(lines), encoding="utf-8")

    write(values)
    (table,) = read_tables(tmp_path)
    assert [cell.figures["best"] for cell in table.cells] == [Figure(value=1.0, sd=0.5), None]
    write(values | change)
    with pytest.raises(ValueError, match=said):
        read_tables(tmp_path)


# -- what can be measured ------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Data and weights in the places where people put them."""
    (tmp_path / "data").mkdir()
    arrays = {"images": np.zeros((2, 4, 4, 3), dtype=np.uint8), "clean": np.zeros(2, dtype=np.int64)}
    for name in ("cifar100-train", "cifar10-train", "cifar100-test"):
        np.savez(tmp_path / "data" / f"{name}.npz", **arrays, noisy_sym40=np.ones(2), noisy_sym80=np.ones(2))
    prepared = tmp_path / "cars-train-noisy_sym40"
    prepared.mkdir()
    (prepared / "labels.csv").write_text("path,given_label,true_label\n")
    (prepared / "dataset.json").write_text(json.dumps({"labels": "noisy_sym40"}))
    for name in ("ViT-B-16", "clip-vit-b-32"):
        (tmp_path / "weights" / name).mkdir(parents=True)
        (tmp_path / "weights" / name / "open_clip_config.json").write_text("{}")
    (tmp_path / "weights" / "ViT-B-16-quickgelu-openai.pt").write_bytes(b"")
    (tmp_path / "torn.npz").write_bytes(b"no archive")
    return tmp_path


@pytest.fixture
def found(folder: Path) -> Found:
    return look(folder)


def test_a_cell_becomes_one_call_with_the_published_settings(folder, found):
    cell = pick("deft-1", dataset="CIFAR-100", method="DEFT", noise="Sym 0.4")
    task = task_of(cell, found, 3, "cuda")
    assert isinstance(task, Task)
    assert (task.data, task.labels) == (folder / "data" / "cifar100-train.npz", "noisy_sym40")
    assert task.asked["detector"] == "deft"
    assert (task.asked["seed"], task.asked["device"]) == (3, "cuda")
    weights = str(folder / "weights" / "ViT-B-16")
    assert task.asked["backbone"]["weights"] == weights
    assert task.asked["backbone"]["templates"] == ["a photo of a {}."]
    settings = task.asked["settings"]
    assert (settings["tower"], settings["noise"], settings["longest_gradient"]) == ("vpt", "planted", 0)
    cars = task_of(pick("deft-1", dataset="Stanford-Cars", method="Label-match", noise="Sym 0.4"), found, 0)
    assert isinstance(cars, Task)
    assert cars.data == folder / "cars-train-noisy_sym40"


def test_cells_that_ask_for_the_same_are_one_task(found):
    def key(table: str, facts: dict[str, str], seed: int = 0) -> str:
        task = task_of(pick(table, **facts), found, seed)
        assert isinstance(task, Task), task
        return task.key

    cell = {"dataset": "CIFAR-100", "method": "DEFT", "noise": "Sym 0.4"}
    first = key("deft-1", cell)
    assert key("deft-7", cell) == first
    assert key("deft-9", {"setting": "visual prompts", "value": "20"}) == first
    assert key("deft-9", {"setting": "epochs", "value": "10"}) == first
    different = [
        key("deft-1", cell, 1),
        key("deft-5", cell),
        key("deft-9", {"setting": "epochs", "value": "5"}),
        key("deft-1", cell | {"method": "Label-match"}),
        key("deft-6", cell | {"noise": "Sym 0.8"}),
    ]
    assert len({first, *different}) == 6


def test_a_finished_cell_is_known_in_another_place_and_on_another_device(found, folder, tmp_path):
    cell = pick("deft-1", dataset="CIFAR-100", method="DEFT", noise="Sym 0.4")
    here = task_of(cell, found, 0, "cpu")
    (tmp_path / "elsewhere").mkdir()
    for name in ("data", "weights"):
        (folder / name).rename(tmp_path / "elsewhere" / name)
    there = task_of(cell, look(tmp_path / "elsewhere"), 0, "cuda")
    assert isinstance(here, Task)
    assert isinstance(there, Task)
    assert here.data != there.data
    assert here.key == there.key


@pytest.mark.parametrize(
    ("table", "facts", "said"),
    [
        ("deft-8", {"method": "UNICON"}, "No detector here is the UNICON"),
        ("deft-8", {"method": "RoLT"}, "No detector here is the RoLT"),
        ("deft-8", {"method": "LongReMix"}, "No detector here is the LongReMix"),
        ("deft-8", {"method": "ProMix"}, "No detector here is the ProMix"),
        ("deft-8", {"method": "DEFT"}, "There is no data set cifar100 with the labels human_noisy."),
        (
            "deft-1",
            {"dataset": "CUB-200-2011", "method": "DEFT", "noise": "Ins 0.3"},
            "cub with the labels noisy_idn_xia30",
        ),
        (
            "deft-2",
            {"dataset": "Stanford-Cars", "method": "DEFT", "noise": "Sym 0.4"},
            "no test split of cars",
        ),
        ("deft-3", {"dataset": "CIFAR-100N", "method": "ProMix"}, "No detector here is the ProMix"),
        ("deft-3", {"dataset": "Clothing1M", "method": "DEFT"}, "The true labels of Clothing1M"),
        ("turn-2", {**CLIP_OF_TURN, "tuning": "LP", "method": "DivideMix"}, "its own two classifiers"),
        ("turn-4", {"backbone": "CLIP ViT-B", "cleansing": "once"}, "only as published"),
        ("avl-9", {"part": "prompting", "choice": "LP"}, "not with LP for its prompting"),
        ("avl-10", {"method": "Zero-shot CLIP"}, "the network that learned every label"),
        ("avl-1", {"method": "SplitNet", "noise": "Sym 0.8"}, "No detector here is the SplitNet"),
        ("turn-1", {"method": "ELR"}, "does not measure minutes"),
        ("avl-7", {"method": "AVL-Prompter", "figure": "clean_correct"}, "No detector here"),
        ("turn-9", {"noise": "Symm 0.9", "figure": "purity", "tau": "0.6"}, "does not measure purity"),
    ],
)
def test_why_only_the_paper_speaks_is_said(found, table, facts, said):
    reason = task_of(pick(table, **facts), found, 0)
    assert isinstance(reason, str)
    assert said in reason
    assert reason.endswith(".")


def test_without_the_weights_it_is_said_which(folder, found):
    cell = pick("deft-1", dataset="CIFAR-100", method="DEFT", noise="Sym 0.4")
    bare = Found(data=found.data, weights=(folder / "weights" / "clip-vit-b-32",))
    assert task_of(cell, bare, 0) == "There are no weights of CLIP ViT-B/16."
    assert isinstance(task_of(cell, Found(data=(), weights=found.weights), 0), str)


def test_the_noise_of_each_paper_is_its_own():
    def key(table, **facts):
        noise = noise_of(pick(table, **facts))
        return noise and noise.key

    assert key("deft-2", dataset="CIFAR-100", method="CE", noise="Ins 0.3") == "noisy_idn_xia30"
    turn = {"backbone": "ResNet-50", "tuning": "LP", "method": "CE"}
    assert key("turn-2", **turn, noise="Inst 0.4") == "noisy_idn_cheng40"
    assert key("turn-2", **turn, noise="Asym 0.4") == "noisy_block540"
    assert key("avl-1", method="C2D", noise="Asym 0.4") == "noisy_asym40"
    assert key("avl-2", method="C2D", noise="Asym 0.4") == "noisy_block540"
    assert key("avl-4", method="EPL", dataset="EuroSAT", noise="Asym 0.4") == "noisy_pair40"
    assert key("avl-6", method="C2D", dataset="CIFAR-10N", noise="Worst") == "human_worse"
    assert key("deft-3", method="CE", dataset="Clothing1M") is None


@pytest.fixture
def everything() -> Found:
    """Every data set with all noise and its test split, and all weights."""
    wanted = {(cell.facts.get("dataset"), noise_of(cell)) for cell in CELLS}
    train = [
        (Path(f"{DATASETS[name]}-train.npz"), noise.key)
        for name, noise in wanted
        if name in DATASETS and noise
    ]
    test = [(Path(f"{name}-test.npz"), "clean") for name in DATASETS.values()]
    return Found(data=(*train, *test), weights=tuple(map(Path, ("ViT-B-16", "ViT-B-32", "ViT-L-14"))))


def asked_by(found: Found, table: str, **facts: str) -> Task:
    task = task_of(pick(table, **facts), found, 0)
    assert isinstance(task, Task), task
    return task


def test_the_settings_of_every_task_are_ones_that_its_detector_has(everything):
    """With every data set and all weights; a renamed setting is found here, not after the download."""
    tasks = [task for cell in CELLS if isinstance(task := task_of(cell, everything, 0), Task)]
    assert len(tasks) > 400
    for each in tasks:
        parse_settings(each.asked["detector"], each.asked["settings"])
        AdaptationConfig(**(each.adapt or {}))
        assert (each.test is None) == (each.adapt is None)
    assert {each.asked["detector"] for each in tasks} <= set(DETECTORS)


def test_a_printed_accuracy_becomes_a_classifier_on_the_test_split(folder, found):
    cell = {"dataset": "CIFAR-100", "noise": "Sym 0.4"}
    task = asked_by(found, "deft-2", **cell, method="DEFT")
    assert (task.data.name, task.labels) == ("cifar100-train.npz", "noisy_sym40")
    assert task.test == folder / "data" / "cifar100-test.npz"
    assert task.adapt == {"adapter": "blocks"}
    assert task.asked == asked_by(found, "deft-1", **cell, method="DEFT").asked
    plain = asked_by(found, "deft-10", **cell, method="CE")
    assert plain.asked["detector"] == "label_match"
    assert plain.adapt == {"adapter": "vpt", "samples": "all"}


def test_the_test_split_is_that_of_the_data_set(everything):
    cell = {"method": "AVL-Prompter", "noise": "Sym 0.5"}
    assert asked_by(everything, "avl-1", **cell).test == Path("cifar10-test.npz")
    assert asked_by(everything, "avl-2", **cell).test == Path("cifar100-test.npz")
    human = asked_by(everything, "avl-6", method="AVL-Prompter", dataset="CIFAR-10N", noise="Worst")
    assert (human.data.name, human.test) == ("cifar10-train.npz", Path("cifar10-test.npz"))


@pytest.mark.parametrize(
    ("table", "facts", "detector", "settings", "adapt"),
    [
        ("deft-2", {"dataset": "CIFAR-100", "method": "GMM", "noise": "Ins 0.3"}, "loss_gmm",
         {"adapter": "blocks", "warm_up": 1}, {"adapter": "blocks"}),
        ("deft-2", {"dataset": "Tiny-ImageNet", "method": "GMM", "noise": "Ins 0.3"}, "loss_gmm",
         {"adapter": "blocks", "warm_up": 5}, {"adapter": "blocks"}),
        ("deft-10", {"dataset": "CIFAR-100", "method": "GMM", "noise": "Ins 0.3"}, "loss_gmm",
         {"adapter": "vpt"}, {"adapter": "vpt"}),
        ("deft-3", {"dataset": "CIFAR-100N", "method": "CE"}, "label_match",
         {}, {"adapter": "blocks", "schedule": "constant", "samples": "all"}),
        ("turn-2", {**CLIP_OF_TURN, "method": "TURN"}, "turn", {}, TURN_TUNING),
        ("turn-2", {**CLIP_OF_TURN, "tuning": "LP", "method": "CE"}, "label_match",
         {}, {"adapter": "none", "samples": "all"}),
        ("turn-2", {**CLIP_OF_TURN, "tuning": "FFT", "method": "CE"}, "label_match",
         {}, {**TURN_TUNING, "samples": "all"}),
        ("deft-2", {"dataset": "CIFAR-100", "method": "ELR", "noise": "Ins 0.3"}, "label_match",
         {}, {"adapter": "blocks", "samples": "all", "loss": "elr"}),
        ("deft-10", {"dataset": "CIFAR-100", "method": "SCE", "noise": "Ins 0.3"}, "label_match",
         {}, {"adapter": "vpt", "samples": "all", "loss": "sce"}),
        ("turn-2", {**CLIP_OF_TURN, "tuning": "FFT", "method": "GCE"}, "label_match",
         {}, {**TURN_TUNING, "samples": "all", "loss": "gce"}),
        ("turn-2", {**CLIP_OF_TURN, "tuning": "LP", "method": "ELR"}, "label_match",
         {}, {"adapter": "none", "samples": "all", "loss": "elr", "elr_momentum": 0.9, "elr_weight": 7.0}),
        ("avl-1", {"method": "AVL-Prompter", "noise": "Sym 0.9"}, "avl_prompter",
         {"epochs": 60, "threshold": 0.6}, {"adapter": "blocks"}),
        ("avl-3", {"method": "AVL-Prompter", "noise": "Sym 0.5"}, "avl_prompter",
         {"epochs": 25, "batch_size": 128}, {"adapter": "blocks"}),
        ("avl-4", {"method": "AVL-Prompter", "dataset": "EuroSAT", "noise": "Sym 0.6"}, "avl_prompter",
         {"epochs": 60, "optimiser": "rprop", "learning_rate": 1e-5}, {"adapter": "blocks"}),
    ],
)  # fmt: skip
def test_each_accuracy_has_the_published_training(everything, table, facts, detector, settings, adapt):
    task = asked_by(everything, table, **facts)
    assert task.asked["detector"] == detector
    assert task.asked["settings"] == settings
    assert task.adapt == adapt


def test_equal_accuracies_of_two_tables_are_one_task(everything):
    def key(table: str, **facts: str) -> str:
        return asked_by(everything, table, **facts).key

    cell = {"dataset": "CIFAR-100", "noise": "Sym 0.4"}
    full = key("deft-2", **cell, method="DEFT")
    assert key("deft-10", **cell, method="DEFT w/ FFT") == full
    turn = key("turn-2", **CLIP_OF_TURN, method="TURN")
    assert key("turn-2-ijcai", **CLIP_OF_TURN, method="TURN") == turn
    assert key("turn-4", backbone="CLIP ViT-B", LP="yes", cleansing="multiple") == turn
    avl = key("avl-2", method="AVL-Prompter", noise="Sym 0.8")
    assert key("avl-10", method="V-L Prompt Learner", SSL="yes") == avl
    assert key("avl-9", part="prompting", choice="FT") == key("avl-9", part="encoders", choice="both")
    # One and the same selection, but another classifier, or none.
    different = [
        full,
        key("deft-10", **cell, method="DEFT w/ PEFT"),
        key("deft-1", **cell, method="DEFT"),
        key("deft-2", **cell, method="CE"),
        key("deft-10", **cell, method="CE"),
    ]
    assert len(set(different)) == 5


def test_what_a_table_measures_otherwise_is_said_beside_it():
    """Whoever reads our figure beside theirs has to know that it is another network's."""
    for table in TABLES.values():
        accurate = any(name in ACCURACY for cell in table.cells for name in cell.figures)
        measurable = any(cell.facts.get("dataset") in DATASETS for cell in table.cells)
        clip = any(cell.facts.get("backbone", "").startswith("CLIP") for cell in table.cells)
        if accurate and measurable and clip:
            assert any("afresh" in note for note in table.notes), table.id


def test_a_figure_is_the_mean_over_batches_where_the_paper_prints_that():
    assert measured(RESULT, "precision") == pytest.approx(98.75)
    pooled = RESULT | {"paper_compatible": None}
    assert measured(pooled, "recall") == 25
    assert measured(pooled | {"precision": None}, "precision") is None
    assert measured(RESULT, "noisy_memorised") == 246
    assert measured(RESULT, "best") is None


def test_a_figure_on_test_data_is_the_accuracy_of_the_classifier():
    result = RESULT | {"classifier": CLASSIFIER}
    found = {name: measured(result, name) for name in ACCURACY}
    expected = {"best": 89.38, "last": 89.35, "accuracy": 89.38, "top1": 89.38, "top5": 98.5}
    assert found == pytest.approx(expected)
    assert measured(result, "precision") == measured(RESULT, "precision")


# -- one after the other -------------------------------------------------------------------------------


class Fake:
    """Stands in for `evaluate`: knows how often it was called, and fails where it is told to."""

    def __init__(self, *faults: Exception):
        self.calls: list[tuple[str, int]] = []
        self.faults = list(faults)

    def __call__(self, dataset, asked, *, cache=None):
        self.calls.append((dataset, asked["seed"]))
        if self.faults and (fault := self.faults.pop(0)):
            raise fault
        return {**RESULT, "seed": asked["seed"]}


def read(path: Path, labels: str) -> str:
    return f"{path.name} {labels}"


def tasks(n: int) -> list[Task]:
    asked = {"detector": "deft", "settings": {}, "backbone": {"weights": "w"}}
    return [
        Task(label=f"task {seed}", data=Path("d.npz"), labels="noisy", asked={**asked, "seed": seed})
        for seed in range(n)
    ]


def test_a_finished_task_is_never_computed_again(tmp_path):
    fake = Fake()
    compute(tasks(3), tmp_path, fake, read)
    assert fake.calls == [("d.npz noisy", 0), ("d.npz noisy", 1), ("d.npz noisy", 2)]
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    compute(tasks(4), tmp_path, fake, read)
    assert fake.calls[3:] == [("d.npz noisy", 3)]
    assert {path: path.read_bytes() for path in before} == before
    kept = state(tasks(1)[0], tmp_path)
    assert kept is not None
    assert (kept["state"], kept["result"]["f1"]) == ("done", 1 / 3)
    assert kept["asked"]["data"] == "d.npz"


def test_only_a_task_with_a_test_split_is_given_one(tmp_path):
    given = []

    def evaluate(dataset, asked, **more):
        given.append((dataset, more))
        return dict(RESULT)

    (task,) = tasks(1)
    with_test = replace(task, test=Path("t.npz"), adapt={"adapter": "none"})
    compute([task, with_test], tmp_path, evaluate, read, tmp_path / "cache")
    cache = {"cache": tmp_path / "cache"}
    more = {"test": "t.npz clean", "adapt": {"adapter": "none"}}
    assert given == [("d.npz noisy", cache), ("d.npz noisy", cache | more)]
    kept = [json.loads((tmp_path / f"{each.key}.json").read_text())["asked"] for each in (task, with_test)]
    assert kept[1] == {**kept[0], "test": "t.npz", "adapt": {"adapter": "none"}}


def test_the_name_of_a_finished_cell_stays_what_it_was():
    (task,) = tasks(1)
    assert task.key == "task-0-39f10b88c2"
    with_test = replace(task, test=Path("t.npz"), adapt={"adapter": "none"})
    assert with_test.key != task.key
    assert replace(with_test, test=Path("elsewhere") / "t.npz").key == with_test.key
    assert replace(with_test, adapt={"adapter": "full"}).key != with_test.key


def test_the_same_task_twice_is_computed_once(tmp_path):
    fake = Fake()
    compute([*tasks(2), *tasks(2)], tmp_path, fake, read)
    assert len(fake.calls) == 2


class Killed(BaseException):
    pass


def test_stopped_in_between_it_goes_on_behind_what_is_there(tmp_path):
    def stopping(dataset, asked, *, cache=None):
        if asked["seed"] == 2:
            raise Killed
        return dict(RESULT)

    with pytest.raises(Killed):
        compute(tasks(5), tmp_path, stopping, read)
    assert [bool(state(each, tmp_path)) for each in tasks(5)] == [True, True, False, False, False]
    fake = Fake()
    compute(tasks(5), tmp_path, fake, read)
    assert [seed for _, seed in fake.calls] == [2, 3, 4]


def test_a_failed_task_is_kept_with_its_sentence_and_tried_again(tmp_path, capsys):
    fake = Fake(EngineError("The weights w do not exist; fetch them."), RuntimeError("two\nlines"))
    compute(tasks(3), tmp_path, fake, read)
    assert len(fake.calls) == 3
    kept = [state(each, tmp_path) for each in tasks(3)]
    assert [each and each["state"] for each in kept] == ["failed", "failed", "done"]
    assert [each and each.get("message") for each in kept] == [
        "The weights w do not exist; fetch them.",
        "RuntimeError: two lines",
        None,
    ]
    errors = capsys.readouterr().err
    assert "Traceback" in errors
    assert errors.count("The weights w do not exist") == 1
    compute(tasks(3), tmp_path, fake, read)
    assert [seed for _, seed in fake.calls[3:]] == [0, 1]
    assert all((state(each, tmp_path) or {})["state"] == "done" for each in tasks(3))


def test_data_that_cannot_be_read_is_a_failed_task_too(tmp_path):
    def unread(path, labels):
        raise EngineError(f"{path} is no .npz file.")

    compute(tasks(1), tmp_path, Fake(), unread)
    assert (state(tasks(1)[0], tmp_path) or {})["message"] == "d.npz is no .npz file."


@pytest.mark.parametrize("torn", ['{"state": "do', '{"state": "done"}', "7"])
def test_a_torn_file_is_computed_again(tmp_path, torn):
    (task,) = tasks(1)
    (tmp_path / f"{task.key}.json").write_text(torn)
    fake = Fake()
    compute([task], tmp_path, fake, read)
    assert len(fake.calls) == 1
    assert (state(task, tmp_path) or {})["state"] == "done"


# -- the layout ----------------------------------------------------------------------------------------

ONE = "deft-1/cifar-100/deft/sym-0.4"


def rows(text: str) -> list[list[str]]:
    return [
        [each.strip() for each in line.strip("|").split("|")] for line in text.splitlines() if "|" in line
    ]


def test_ours_stand_before_the_printed_figures(folder, found, tmp_path):
    plan = make_plan([TABLES["deft-1"]], found, [0], [ONE])
    compute(plan.to_compute(), tmp_path / "cells", Fake(), read)
    text = markdown(TABLES["deft-1"], plan, tmp_path / "cells")
    head, line, *body = rows(text)
    assert head[:4] == ["dataset", "method", "Sym 0.2", "Sym 0.4"]
    assert line == ["---"] * 8
    assert len(body) == 12
    deft = next(row for row in body if row[:2] == ["CIFAR-100", "DEFT"])
    assert deft[2:4] == ["(99.51 / 97.77)", "98.75 / 97.91 (98.75 / 97.91)"]
    assert "backbone: CLIP ViT-B/16." in text
    source = "- deft with ViT-B-16 on cifar100-train.npz, noisy_sym40 (0.396 of 50,000 labels wrong), seed 0"
    assert f"{source}, cuda:0." in text


def test_an_accuracy_stands_before_the_printed_one_and_below_is_whose_it_is(found, tmp_path):
    plan = make_plan([TABLES["deft-2"]], found, [0], ["deft-2/cifar-100/deft/sym-0.4"])

    def evaluate(dataset, asked, *, cache=None, **more):
        return RESULT | {"classifier": CLASSIFIER}

    compute(plan.to_compute(), tmp_path / "cells", evaluate, read)
    text = markdown(TABLES["deft-2"], plan, tmp_path / "cells")
    assert "| 89.38 / 89.35 (88.17 / 88.11) |" in text
    source = "a classifier (blocks) on what it selected, measured on cifar100-test.npz (10,000 images)."
    assert text.count(source) == 1


def test_several_seeds_are_a_mean_with_its_spread(found, tmp_path):
    plan = make_plan([TABLES["deft-7"]], found, [0, 1], ["deft-7/cifar-100/deft/sym-0.4"])
    assert len(plan.to_compute()) == 2

    def varied(dataset, asked, *, cache=None):
        return RESULT | {"seed": asked["seed"], "paper_compatible": {"f1": 0.98 + 0.01 * asked["seed"]}}

    compute(plan.to_compute(), tmp_path, varied, read)
    assert "| 98.50 ± 0.71 (98.33) |" in markdown(TABLES["deft-7"], plan, tmp_path)


def test_what_failed_is_said_below_the_table(found, tmp_path):
    plan = make_plan([TABLES["deft-1"]], found, [0], [ONE])
    compute(plan.to_compute(), tmp_path, Fake(EngineError("No room on the disk; make some.")), read)
    text = markdown(TABLES["deft-1"], plan, tmp_path)
    assert "| failed (98.75 / 97.91) |" in text
    assert text.count("- failed: No room on the disk; make some.") == 1


def test_counts_are_whole_and_what_nobody_printed_is_a_dash(tmp_path):
    nothing = Found(data=(), weights=())
    table = TABLES["avl-2"]
    text = markdown(table, make_plan([table], nothing, [0]), tmp_path)
    assert "| MOIT | (75.9 / -) | (70.1 / -) | (51.4 / -) | (24.5 / -) | (74.0 / -) |" in text
    assert "| RRL | (80.3 / -) | (76.0 / -) | (61.1 / -) | (33.1 / -) | – |" in text
    assert paper_tables._text(pick("avl-8", method="AVL-Prompter", figure="noisy_correct"), [
        {"state": "done", "result": RESULT}
    ]) == "32582 (32582)"  # fmt: skip


def test_every_table_has_as_many_places_as_its_head(tmp_path):
    plan = make_plan(list(TABLES.values()), Found(data=(), weights=()), [0])
    assert len(plan.tables) == len(TABLES)
    assert plan.to_compute() == []
    for table in plan.tables:
        places = rows(markdown(table, plan, tmp_path))
        assert {len(each) for each in places} == {len(table.heads) + len(table.columns)}, table.id
        assert len(places) == len(table.rows) + 2


def test_one_can_ask_for_tables_cells_and_patterns(found):
    def chosen(*only: str) -> list[Table]:
        return list(make_plan(list(TABLES.values()), found, [0], only).tables)

    assert [each.id for each in chosen("deft-1")] == ["deft-1"]
    assert [each.id for each in chosen("deft-1", "avl-3")] == ["avl-3", "deft-1"]
    assert len(chosen("deft-*")) == 10
    assert chosen("deft") == []
    assert len(make_plan(list(TABLES.values()), found, [0], [ONE]).tasks) == 1
    assert len(make_plan(list(TABLES.values()), found, [0, 1], ["*/cifar-100/deft/sym-0.4"]).tasks) == 32
    assert is_asked(f"{ONE}/clip-vit-b-16/0", [ONE])
    assert not is_asked("deft-10/x", ["deft-1"])
    assert is_asked("anything", [])


def test_the_list_says_how_each_cell_stands(found, tmp_path):
    only = ["deft-1/cifar-100/*/sym-0.4", "deft-8"]
    plan = make_plan(list(TABLES.values()), found, [0], only)
    before = listing(plan, tmp_path)
    assert f"{ONE}/clip-vit-b-16/0  to do" in before
    assert any(
        line.startswith("deft-8/") and "printed: No detector here is the UNICON" in line for line in before
    )
    compute(plan.to_compute(), tmp_path, Fake(None, None, EngineError("No.")), read)  # type: ignore[arg-type]
    after = listing(plan, tmp_path)
    assert sum(line.endswith("  done") for line in after) == 2
    assert f"{ONE}/clip-vit-b-16/0  failed: No." in after


# -- the command ---------------------------------------------------------------------------------------


def test_the_command_computes_keeps_and_prints(folder, tmp_path, monkeypatch, capsys):
    fake = Fake()
    monkeypatch.setattr(paper_tables, "evaluate", fake)
    monkeypatch.setattr(paper_tables, "read_dataset", read)
    words = [str(folder), "--only", f"{ONE},avl-3", "--cells", str(tmp_path / "cells")]
    paper_tables.main([*words, "--list"])
    assert "to do" in capsys.readouterr().out
    assert not (tmp_path / "cells").exists()
    paper_tables.main(words)
    out = capsys.readouterr().out
    assert "98.75 / 97.91 (98.75 / 97.91)" in out
    assert "### AVL-Prompter, table 3" in out
    paper_tables.main(words)
    assert fake.calls == [("cifar100-train.npz noisy_sym40", 0)]


@pytest.mark.parametrize(
    ("words", "said"), [(["nowhere"], "nowhere is no folder"), ([".", "--only", "deft-99"], "names no cell")]
)
def test_a_slip_on_the_command_line_is_one_sentence(words, said, capsys):
    with pytest.raises(SystemExit):
        paper_tables.main(words)
    assert said in capsys.readouterr().err
