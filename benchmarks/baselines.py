"""How well others' methods find wrong labels on the same frozen features.

    python -m benchmarks.baselines [--data FILE] [--labels noisy_sym40,…] [--weights FOLDER] [--seeds 0,1,2]

F1 of clean selection / average precision of finding wrong labels, mean over the seeds (of folds and steps):

    label-match, zero-shot     the label is CLIP's own answer by name (DeFT §5.2, methods §1)
    loss mixture, zero-shot    cross-entropy of that answer; the lower of two Gaussians, as published (§3.1)
    small loss, linear head    a head trained on the 1 − r smallest losses of a batch (§2); knows the rate r
    small loss, linear probe   the 1 − r smallest losses under probabilities out of fold; knows the rate r
    cleanlab, linear probe     confident learning on the same probabilities, the best in F1 of three filters,
                               which nobody knows without the truth; order: self-confidence
    cleanlab, zero-shot        the same on CLIP's answer by name
    20 nearest neighbours      the label has the most votes among them, ties kept; order: its share of them

Needs the group `bench` (pip install -c constraints.txt -e '.[bench]').
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

import numpy as np
from PIL import Image
from scipy.special import logsumexp
from sklearn.mixture import GaussianMixture

from benchmarks.machine import circumstances
from engine.config import BackboneConfig
from engine.datasets import read_dataset
from engine.detectors import softmax
from engine.metrics import average_precision, clean_selection
from engine.neighbours import nearest
from engine.probe import fold_of, out_of_fold
from tests.driver import CIFAR, SMALL_CLIP

LABELS = "noisy_sym40,noisy_sym20,noisy_pair40,noisy_c10n_worse,noisy_c10n_aggre,noisy_c10n_random1"
FILTERS = ("prune_by_noise_rate", "prune_by_class", "confident_learning")
NEIGHBOURS, FOLDS = 20, 5
EPOCHS, BATCH, RATE, MOMENTUM, DECAY = 10, 64, 0.03, 0.9, 5e-4  # of the linear head, as in DeFT's code


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """What every label set shares. features: (N, D) float32, unit L2; logits: (N, K) float32, by name."""

    features: np.ndarray
    logits: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One label set. given, true: (N,) int64. probe: (N, K) float32, out of fold; seed: of its folds."""

    pictures: Pictures
    given: np.ndarray
    true: np.ndarray
    probe: np.ndarray
    seed: int

    @property
    def is_clean(self) -> np.ndarray:
        """Whether the given label is the true one, (N,) bool."""
        return self.given == self.true

    @property
    def n_clean(self) -> int:
        """What is told to the methods that have to know the rate."""
        return int(self.is_clean.sum())


@dataclass(frozen=True, kw_only=True)
class Answer:
    """is_selected: (N,) bool, taken for right. order: (N,), the higher the more surely right."""

    is_selected: np.ndarray
    order: np.ndarray


# -- the methods ---------------------------------------------------------------------------------------


def of_labels(values_NK: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return the value of each given label, (N,)."""
    return values_NK[np.arange(len(given)), given]


def log_softmax(logits_NK: np.ndarray) -> np.ndarray:
    """Return the logarithms of the class probabilities, (N, K), of the type of the logits."""
    return logits_NK - logsumexp(logits_NK, axis=1, keepdims=True)


def label_match(problem: Problem) -> Answer:
    """Order: by how much the logit of the label leads, or trails, the highest other one."""
    others = problem.pictures.logits.copy()
    others[np.arange(len(problem.given)), problem.given] = -np.inf
    margin = of_labels(problem.pictures.logits, problem.given) - others.max(axis=1)
    return Answer(is_selected=margin > 0, order=margin)


def loss_mixture(problem: Problem) -> Answer:
    """Order: the posterior of the component with the lower mean."""
    losses = -of_labels(log_softmax(problem.pictures.logits), problem.given).astype(np.float64)
    scaled = ((losses - losses.min()) / np.ptp(losses))[:, None]
    mixture = GaussianMixture(2, max_iter=10, tol=1e-2, reg_covar=5e-4, random_state=problem.seed).fit(scaled)
    posterior = mixture.predict_proba(scaled)[:, np.asarray(mixture.means_).ravel().argmin()]
    return Answer(is_selected=posterior > 0.5, order=posterior)


def smallest(losses: np.ndarray, n_kept: int) -> Answer:
    """Return the `n_kept` smallest losses; order: small first."""
    is_selected = np.zeros(len(losses), dtype=bool)
    is_selected[np.argsort(losses, kind="stable")[:n_kept]] = True
    return Answer(is_selected=is_selected, order=-losses)


def small_loss_head(problem: Problem) -> Answer:
    """Train a head on standardised features; in the first epoch on all, then on the small losses.

    Stochastic gradient descent in NumPy: for steps as small as these it is many times faster than torch.
    """
    given, rng = problem.given, np.random.default_rng(problem.seed)
    features = problem.pictures.features
    image_ND = (features - features.mean(axis=0)) / (features.std(axis=0) + np.float32(1e-6))
    image_ND = np.hstack(
        [image_ND, np.ones((len(image_ND), 1), dtype=np.float32)]
    )  # the last weight: the bias
    weight_DK = np.zeros((image_ND.shape[1], problem.pictures.logits.shape[1]), dtype=np.float32)
    speed_DK = np.zeros_like(weight_DK)
    share = problem.n_clean / len(given)
    for epoch in range(EPOCHS):
        rate = np.float32(0.5 * RATE * (1 + np.cos(np.pi * epoch / EPOCHS)))
        order = rng.permutation(len(given))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            log_BK = log_softmax(image_ND[rows] @ weight_DK)
            kept = max(1, int(share * len(rows))) if epoch else len(rows)
            trained = np.argsort(-of_labels(log_BK, given[rows]), kind="stable")[:kept]
            error_BK = np.exp(log_BK[trained])
            error_BK[np.arange(kept), given[rows[trained]]] -= 1
            slope_DK = image_ND[rows[trained]].T @ error_BK / np.float32(kept)
            speed_DK = np.float32(MOMENTUM) * speed_DK + slope_DK + np.float32(DECAY) * weight_DK
            weight_DK = weight_DK - rate * speed_DK
    return smallest(-of_labels(log_softmax(image_ND @ weight_DK), given), problem.n_clean)


def small_loss_probe(problem: Problem) -> Answer:
    """Order: the probability of the label, out of fold."""
    return smallest(-np.log(of_labels(problem.probe, problem.given)), problem.n_clean)


def confident_learning(problem: Problem, probs_NK: np.ndarray) -> Answer:
    """Return what the best of three filters leaves; order: self-confidence."""
    from cleanlab.filter import find_label_issues  # pyright: ignore[reportMissingImports]
    from cleanlab.rank import get_label_quality_scores  # pyright: ignore[reportMissingImports]

    kept = [
        ~np.asarray(find_label_issues(problem.given, probs_NK, filter_by=each, n_jobs=1)) for each in FILTERS
    ]
    best = max(kept, key=lambda each: clean_selection(each, problem.is_clean).f1 or 0.0)
    order = get_label_quality_scores(problem.given, probs_NK, method="self_confidence")
    return Answer(is_selected=best, order=np.asarray(order))


def neighbours(problem: Problem) -> Answer:
    """Order: the share of neighbours that carry the label."""
    rows_NM = nearest(problem.pictures.features, NEIGHBOURS).rows
    n_classes = problem.pictures.logits.shape[1]
    votes_NK = (problem.given[rows_NM][:, :, None] == np.arange(n_classes)).sum(axis=1)
    own = of_labels(votes_NK, problem.given)
    return Answer(is_selected=own == votes_NK.max(axis=1), order=own / NEIGHBOURS)


METHODS: dict[str, Callable[[Problem], Answer]] = {
    "label-match, zero-shot": label_match,
    "loss mixture, zero-shot": loss_mixture,
    "small loss, linear head (knows the rate)": small_loss_head,
    "small loss, linear probe (knows the rate)": small_loss_probe,
    "cleanlab, linear probe (best of 3)": lambda problem: confident_learning(problem, problem.probe),
    "cleanlab, zero-shot (best of 3)": lambda problem: confident_learning(
        problem, softmax(problem.pictures.logits)
    ),
    f"{NEIGHBOURS} nearest neighbours": neighbours,
}


# -- the table -----------------------------------------------------------------------------------------


def load_pictures(data: Path, labels: str, weights: Path) -> Pictures:
    """Return the frozen features of the images, as a run sees them, and CLIP's answer by name."""
    from engine.clip.backbone import load_backbone
    from engine.pixels import square
    from engine.runtime import pick_runtime

    dataset = read_dataset(data, labels)
    backbone = load_backbone(BackboneConfig(weights=str(weights)), pick_runtime("cpu"))
    squares = [square(Image.fromarray(image), backbone.image_size) for image in dataset.images]
    parts = [np.stack(squares[start : start + 256]) for start in range(0, len(squares), 256)]
    features = np.concatenate([backbone.encode_images(part) for part in parts])
    text_KD = backbone.class_features(dataset.class_prompts)
    return Pictures(features=features, logits=np.float32(backbone.logit_scale) * (features @ text_KD.T))


def judge(answer: Answer, is_clean: np.ndarray) -> tuple[float, float]:
    """Return F1 of clean selection and average precision of wrong labels."""
    f1, precision = (
        clean_selection(answer.is_selected, is_clean).f1,
        average_precision(answer.order, is_clean),
    )
    if f1 is None or precision is None:
        raise SystemExit("The label set has no wrong labels, or no right ones; there is nothing to find.")
    return f1, precision


def measure(
    pictures: Pictures, given: np.ndarray, true: np.ndarray, seeds: list[int]
) -> dict[str, list[tuple[float, float]]]:
    """Return (F1, average precision) of every method, one for each seed."""
    ids, n_classes = [f"{row:06d}" for row in range(len(given))], pictures.logits.shape[1]
    found: dict[str, list[tuple[float, float]]] = {method: [] for method in METHODS}
    for seed in seeds:
        probe = out_of_fold(pictures.features, given, n_classes, fold_of(ids, FOLDS, seed))
        problem = Problem(pictures=pictures, given=given, true=true, probe=probe, seed=seed)
        for method, answer in METHODS.items():
            found[method].append(judge(answer(problem), problem.is_clean))
    return found


def table(columns: dict[str, dict[str, list[tuple[float, float]]]]) -> str:
    """Return the means as Markdown, methods down and label sets across, and the largest spreads below."""
    head = f"| F1 clean / AP wrong | {' | '.join(columns)} |"
    lines = [head, "|---" * (len(columns) + 1) + "|"]
    for method in METHODS:
        cells = [_pair(found[method]) for found in columns.values()]
        lines.append(f"| {method} | {' | '.join(cells)} |")
    spreads = [
        [(stdev(values), f"{method}, {name}") for values in zip(*found[method], strict=True)]
        for name, found in columns.items()
        for method in METHODS
        if len(found[method]) > 1
    ]
    for figure, every in zip(("F1", "AP"), zip(*spreads, strict=True), strict=False):
        spread, where = max(every)
        lines += ["", f"Largest standard deviation over the seeds, {figure}: {spread:.3f} ({where})."]
    return "\n".join(lines)


def _pair(found: list[tuple[float, float]]) -> str:
    return " / ".join(f"{mean(each):.3f}".removeprefix("0") for each in zip(*found, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, default=CIFAR)
    parser.add_argument("--labels", default=LABELS)
    parser.add_argument("--weights", type=Path, default=SMALL_CLIP)
    parser.add_argument("--seeds", default="0,1,2")
    asked = parser.parse_args()
    try:
        __import__("cleanlab")
    except ImportError:
        raise SystemExit(
            "cleanlab is not installed; run pip install -c constraints.txt -e '.[bench]'."
        ) from None
    label_sets, seeds = asked.labels.split(","), [int(each) for each in asked.seeds.split(",")]
    print(f"{circumstances()}, seeds {asked.seeds}\n")
    pictures = load_pictures(asked.data, label_sets[0], asked.weights)
    columns = {}
    for labels in label_sets:
        dataset = read_dataset(asked.data, labels)
        columns[labels] = measure(pictures, dataset.given, dataset.true, seeds)
    print(table(columns))


if __name__ == "__main__":
    main()
