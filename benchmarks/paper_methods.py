"""Which detector, and which classifier behind it, stands for a method that a paper prints (methods §5 to §9).

A selection is a detector's. A test accuracy is that of a network: DeFT's second phase, a classifier that
learns what was selected, is the one that we measure. Where a paper prints the accuracy of the very network
that selects (its mixture, TURN, AVL-Prompter), ours is that of such a classifier all the same, and the notes
of the table say so; where nothing is selected at all, as in plain training, the two are one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.printed import Cell
from engine.noise import Noise
from engine.settings import DETECTORS

ACCURACY: Mapping[str, tuple[str, str]] = {
    "best": ("accuracy", "best_on_test"),
    "last": ("accuracy", "last"),
    "accuracy": ("accuracy", "best_on_test"),  # TURN's IJCAI version; it lies at arXiv's best
    "top1": ("accuracy", "best_on_test"),
    "top5": ("top5", "best_on_test"),
}
"""What the papers call a figure on test data: which of ours it is, and which end of its curve."""

HUMAN = {
    ("CIFAR-100N", "real"): "noisy",
    ("CIFAR-100N", "Fine"): "noisy",
    ("CIFAR-10N", "Aggregate"): "aggre",
    ("CIFAR-10N", "Random 1"): "random1",
    ("CIFAR-10N", "Random 2"): "random2",
    ("CIFAR-10N", "Random 3"): "random3",
    ("CIFAR-10N", "Worst"): "worse",
}

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


@dataclass(frozen=True, kw_only=True)
class Asks:
    """What a cell asks for. adapt: settings of the classifier; None where the figure is the detector's."""

    detector: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    adapt: Mapping[str, Any] | None = None


def asks_of(cell: Cell, noise: Noise) -> Asks | str:
    """Return what stands for a printed method, with its published settings, or why nothing does."""
    if any(name in ACCURACY for name in cell.figures):
        chosen = _ACCURACIES[_paper(cell)](cell, noise)
    else:
        found = ours(cell, noise)
        chosen = None if found is None else Asks(detector=found[0], settings=found[1])
    if isinstance(chosen, str):
        return chosen
    if chosen is None or chosen.detector not in DETECTORS:
        return f"No detector here is the {cell.facts['method']} of that table."
    return chosen


def _paper(cell: Cell) -> str:
    return cell.table.split("-")[0]


# -- selections ----------------------------------------------------------------------------------------


def ours(cell: Cell, noise: Noise) -> tuple[str, dict[str, Any]] | None:
    """Return the detector of a printed selection, and its published settings; None: none does."""
    match _paper(cell):
        case "deft":
            return _of_deft(cell, noise)
        case "avl":
            return _of_avl(cell)
    return None


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


# -- test accuracies -----------------------------------------------------------------------------------

NOTHING = "label_match"
"""The detector of a cell whose method trains on every label: the quickest, as nobody asks it."""

TURN_TUNING = {
    "adapter": "full",
    "optimiser": "adamw",
    "learning_rate": 1e-5,
    "weight_decay": 1e-5,
    "batch_size": 128,
    "epochs": 5,
    "schedule": "constant",
}
"""How TURN tunes all of CLIP (methods §8.1)."""
TURN_PROBE = {"adapter": "none"}
"""Its linear probe, which is the published recipe of ours."""

ELR_OF_TURN = {"elr_momentum": 0.9, "elr_weight": 7.0}
"""As in ELR's own paper for CIFAR-100, which TURN says it follows (methods §9)."""

LOSSES = ("CE", "ELR", "SCE", "GCE")
"""With these a classifier learns every label."""
AVL_LENGTHS = {"Tiny-ImageNet": {"epochs": 25, "batch_size": 128}}
AVL_RPROP = ("EuroSAT", "Oxford-IIIT Pets")
AVL_MOSTLY_WRONG = 0.9
"""The share of wrong labels from which AVL-Prompter's threshold is 0.6 (methods §7.3)."""


def _accuracy_of_deft(cell: Cell, noise: Noise) -> Asks | str | None:
    method = cell.facts["method"]
    name, _, tuning = method.partition(" w/ ")
    is_efficient = tuning == "PEFT" or (cell.table == "deft-10" and tuning != "FFT")
    adapt: dict[str, Any] = {"adapter": "vpt" if is_efficient else "blocks"}
    if noise.kind == "human":
        adapt["schedule"] = "constant"  # the published script never steps it (methods §5.1)
    if name in LOSSES:
        return _every_label(adapt, name)
    if name == "GMM":
        name = "GMM w/ PEFT" if is_efficient else "GMM w/ FFT"
    found = ours(replace(cell, facts={**cell.facts, "method": name}), noise)
    return None if found is None else Asks(detector=found[0], settings=found[1], adapt=adapt)


def _every_label(adapt: Mapping[str, Any], loss: str) -> Asks:
    other = {} if loss == "CE" else {"loss": loss.lower()}
    return Asks(detector=NOTHING, adapt={**adapt, "samples": "all", **other})


def _accuracy_of_turn(cell: Cell, noise: Noise) -> Asks | str | None:
    method = cell.facts["method"]
    if cell.facts.get("cleansing", "multiple") != "multiple" or cell.facts.get("LP", "yes") == "no":
        return "TURN is measured here only as published, with its probe and repeated cleansing."
    if method in LOSSES:
        adapt = TURN_PROBE if cell.facts["tuning"] == "LP" else TURN_TUNING
        own = ELR_OF_TURN if method == "ELR" else {}
        return _every_label({**adapt, **own}, method)
    if method == "DivideMix":
        return "The accuracy of DivideMix is that of its own two classifiers, which learn more than labels."
    return Asks(detector="turn", adapt=TURN_TUNING) if method == "TURN" else None


def _accuracy_of_avl(cell: Cell, noise: Noise) -> Asks | str | None:
    facts = cell.facts
    if facts.get("part") and facts["choice"] not in ("FT", "both"):
        return (
            f"AVL-Prompter is measured here as published, not with {facts['choice']} for its {facts['part']}."
        )
    if facts.get("SSL") == "no" and facts["method"] in AVL:
        return f"The accuracy of the {facts['method']} is that of the network that learned every label."
    if facts["method"] != "AVL-Prompter" and facts.get("SSL") != "yes":
        return None
    detector, settings = AVL["AVL-Prompter"]
    settings = {**settings, **AVL_LENGTHS.get(facts["dataset"], {})}
    if facts["dataset"] in AVL_RPROP:
        settings |= {"optimiser": "rprop", "learning_rate": 1e-5}
    if noise.rate is not None and noise.rate >= AVL_MOSTLY_WRONG:
        settings["threshold"] = 0.6
    return Asks(detector=detector, settings=settings, adapt={"adapter": "blocks"})


_ACCURACIES: Mapping[str, Callable[[Cell, Noise], Asks | str | None]] = {
    "deft": _accuracy_of_deft,
    "turn": _accuracy_of_turn,
    "avl": _accuracy_of_avl,
}
