"""What of the papers' tables can be measured here: which detector, which data, which weights (methods §15).

A cell of a table becomes a `Task`, or a sentence that says why it stays the paper's alone. Cells that ask for
the same (DeFT's tables 1 and 7, the columns of a memorisation table) are one task.
"""

import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.printed import Cell
from benchmarks.tasks import Task
from engine.artifacts import read_json
from engine.noise import Noise
from engine.settings import DETECTORS

Result = Mapping[str, Any]

MEMORISATION = ("clean_correct", "clean_wrong", "noisy_correct", "noisy_wrong", "noisy_memorised")
SELECTION = ("precision", "recall", "f1")

DATASETS = {
    "CIFAR-10": "cifar10",
    "CIFAR-10N": "cifar10",
    "CIFAR-100": "cifar100",
    "CIFAR-100N": "cifar100",
    "Tiny-ImageNet": "tiny_imagenet",
    "Stanford-Cars": "cars",
    "CUB-200-2011": "cub",
    "EuroSAT": "eurosat",
    "Oxford-IIIT Pets": "pets",
}
"""What a data set is called on the disk. Nobody knows the true labels of Clothing1M and WebVision."""

BACKBONES = {
    "CLIP ViT-B/16": ("ViT-B-16-quickgelu", "vitb16"),
    "CLIP ViT-B/32": ("ViT-B-32-quickgelu", "vitb32"),
    "CLIP ViT-L/14": ("ViT-L-14-quickgelu", "vitl14"),
    "CLIP ViT-B": ("ViT-B-16-quickgelu", "vitb16"),  # TURN does not say which; methods §8.2
}
"""The model of open_clip, and what the name of its weights holds. Others are no CLIP."""

HUMAN = {
    ("CIFAR-100N", "real"): "noisy",
    ("CIFAR-100N", "Fine"): "noisy",
    ("CIFAR-10N", "Aggregate"): "aggre",
    ("CIFAR-10N", "Random 1"): "random1",
    ("CIFAR-10N", "Random 2"): "random2",
    ("CIFAR-10N", "Random 3"): "random3",
    ("CIFAR-10N", "Worst"): "worse",
}
TEMPLATE = "a photo of a {}."
"""The prompt of the papers, where a backbone may have several of its own."""

DEFT_SETTINGS = {"visual prompts": "prompt_length", "context vectors": "context_length", "epochs": "epochs"}
"""What DeFT's table 9 varies, and what it is called here."""
DEFT_LENGTHS = {"prompt_length": 20, "context_length": 16, "epochs": 10}
"""Said although they are the defaults, so that equal cells of two tables are one task."""

AVL: dict[str, tuple[str, dict[str, Any]]] = {
    "AVL-Prompter": ("avl_prompter", {"epochs": 60}),
    "Zero-shot CLIP": ("static_prompt", {"epochs": 60}),
    "Text Only Prompt Learner": ("coop", {"epochs": 60, "batch_size": 64, "train_encoders": True}),
    "V-L Prompt Learner": ("maple", {"epochs": 60, "batch_size": 64}),
}
"""Of table 8, whose rows were hardly trained alike (methods §7.4): the last one's towers stay as they are."""

HUMAN_RATE = 0.4
"""What small-loss is told of CIFAR-100N, of whose labels .402 are wrong."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What lies below a folder: data sets, each with one of its label sets, and weights."""

    data: tuple[tuple[Path, str], ...]
    weights: tuple[Path, ...]


# -- what there is -------------------------------------------------------------------------------------


def look(folder: Path) -> Found:
    """Return the data sets and weights in `folder` and in the folders in it, two deep."""
    folders = [folder, *(each for each in sorted(folder.glob("*")) if each.is_dir())]
    entries = [each for parent in folders for each in sorted(parent.glob("*"))]
    return Found(
        data=tuple((each, labels) for each in entries for labels in _label_sets(each)),
        weights=tuple(each for each in entries if _is_weights(each)),
    )


def _label_sets(path: Path) -> list[str]:
    """Return the names of the label sets: several of an .npz file, one of a prepared folder."""
    if path.suffix == ".npz":
        try:
            with zipfile.ZipFile(path) as archive:
                return [Path(each).stem for each in archive.namelist()]
        except (OSError, zipfile.BadZipFile):
            return []
    facts = read_json(path / "dataset.json") if (path / "labels.csv").is_file() else None
    return [str(facts["labels"])] if isinstance(facts, dict) and "labels" in facts else []


def _is_weights(path: Path) -> bool:
    return path.suffix in (".safetensors", ".pt", ".bin") or (path / "open_clip_config.json").is_file()


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _data(found: Found, name: str, noise: Noise) -> tuple[Path, str] | None:
    # cifar10 is the beginning of cifar100, too; the papers select among the training images.
    is_named = re.compile(rf"{_plain(name)}(?!\d|.*test)")
    for path, labels in found.data:
        if is_named.match(_plain(path.stem)) and labels in (noise.key, str(noise)):
            return path, labels
    return None


def _weights(found: Found, mark: str) -> Path | None:
    named = [each for each in found.weights if mark in _plain(each.name)]
    return min(named, key=lambda each: (len(each.name), str(each)), default=None)


# -- what a cell asks for ------------------------------------------------------------------------------


def noise_of(cell: Cell) -> Noise | None:
    """Return the noise of a cell, or None where it is none that we have.

    DeFT's instance noise is Xia's, TURN's is Cheng's; asymmetric noise on CIFAR-100 goes round in blocks of
    five, as in the code behind the published figures (methods §10.2).
    """
    dataset, words = cell.facts.get("dataset", ""), cell.facts.get("noise", "")
    if (dataset, words) in HUMAN:
        return Noise(kind="human", label_set=HUMAN[dataset, words])
    kind, _, rate = words.partition(" ")
    asymmetric = {"CIFAR-10": "asym", "CIFAR-100": "block5"}.get(dataset, "pair")
    kinds = {"Sym": "sym", "Symm": "sym", "Asym": asymmetric, "Ins": "idn_xia", "Inst": "idn_cheng"}
    return Noise(kind=kinds[kind], rate=float(rate)) if kind in kinds else None


def ours(cell: Cell, noise: Noise) -> tuple[str, dict[str, Any]] | None:
    """Return the detector that stands for a printed method, and its published settings; None: none does."""
    paper = cell.table.split("-")[0]
    chosen = _of_deft(cell, noise) if paper == "deft" else _of_avl(cell) if paper == "avl" else None
    return chosen if chosen and chosen[0] in DETECTORS else None


def _of_deft(cell: Cell, noise: Noise) -> tuple[str, dict[str, Any]] | None:
    is_human = noise.kind == "human"
    match cell.facts["method"]:
        case "Label-match":
            return "label_match", {}
        case "Small-loss":
            return "small_loss", {"noise_rate": HUMAN_RATE if noise.rate is None else noise.rate}
        case "GMM w/ PEFT":
            return "loss_gmm", {"adapter": "vpt"}
        case "GMM" | "GMM w/ FFT":
            # The warm-ups of the published configurations (methods §3.2).
            long = is_human or cell.facts["dataset"] == "Tiny-ImageNet"
            return "loss_gmm", {"adapter": "blocks", "warm_up": 5 if long else 1}
        case "DEFT":
            kind = "real" if is_human else "severe" if cell.table == "deft-6" else "planted"
            settings: dict[str, Any] = {"tower": "vpt", "noise": kind, "longest_gradient": 0.0}
            settings |= {"warm_up": 5, "schedule": "constant"} if is_human else {}
            settings |= DEFT_LENGTHS
            if "setting" in cell.facts:
                settings[DEFT_SETTINGS[cell.facts["setting"]]] = int(cell.facts["value"])
            return "deft", settings
    return None


def _of_avl(cell: Cell) -> tuple[str, dict[str, Any]] | None:
    # Of the best model nothing is known without test data.
    return AVL.get(cell.facts["method"]) if cell.facts.get("model") == "final" else None


def task_of(cell: Cell, found: Found, seed: int, device: str = "auto") -> Task | str:
    """Return what to compute for a cell, or a sentence that says why only the paper's figure is shown."""
    if not any(name in (*SELECTION, *MEMORISATION) for name in cell.figures):
        return f"evaluate does not measure {' and '.join(cell.figures)}."
    dataset, backbone = cell.facts.get("dataset", ""), cell.facts.get("backbone", "")
    noise = noise_of(cell)
    if noise is None or dataset not in DATASETS or backbone not in BACKBONES:
        return f"The true labels of {dataset}, or {backbone}, are nothing that we have."
    chosen = ours(cell, noise)
    if chosen is None:
        return f"No detector here is the {cell.facts['method']} of that table."
    detector, settings = chosen
    model, mark = BACKBONES[backbone]
    data, weights = _data(found, DATASETS[dataset], noise), _weights(found, mark)
    if data is None:
        return f"There is no data set {DATASETS[dataset]} with the labels {noise.key}."
    if weights is None:
        return f"There are no weights of {backbone}."
    return Task(
        label=f"{detector} {DATASETS[dataset]} {data[1]} {mark} seed {seed}",
        data=data[0],
        labels=data[1],
        asked={
            "detector": detector,
            "settings": settings,
            "seed": seed,
            "device": device,
            "backbone": {"model": model, "weights": str(weights), "templates": [TEMPLATE]},
        },
    )


def measured(result: Result, figure: str) -> float | None:
    """Return a figure of what `evaluate` returned as the papers print it: per cent, or a count.

    Of the selection it is the mean over the batches of the last epoch where the paper prints that.
    """
    if figure in MEMORISATION:
        return float(result["memorisation"][figure])
    if figure not in SELECTION:
        return None
    value = (result.get("paper_compatible") or result)[figure]
    return None if value is None else 100 * value
