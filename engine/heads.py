"""A linear classifier on image features, frozen or of a tower that learns: what its detectors share.

The head reads ln_post(CLS), or stored features; it is not CLIP's text classifier (methods §2, §3.2, §8).
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from engine.artifacts import Detection
from engine.augment import Shifts, draw_shifts
from engine.checkpoint import Checkpoint
from engine.clip.backbone import Backbone
from engine.detectors import Inputs, pinned_p_clean
from engine.detectors.deft.terms import Labels
from engine.draws import Draws
from engine.losses import SettingsLoss
from engine.manifest import Manifest
from engine.progress import Report
from engine.rows import RowCache
from engine.settings.losses import SgdSettings, TowerSettings
from engine.tower import ImageTower, head_logits, load_image_tower, new_head
from engine.training import Plan, Terms, split, train
from engine.transition import fit_temperature, temper

ROWS_AT_ONCE = 65_536
STORED_AT_ONCE = 8192
SHARE_OF_A_BATCH = 10  # a batch on stored features is at most this part of the samples
RATED_WIDTH = 128  # directions of the features that the rate of a head is meant for
WORTH_THREADS = 30_000_000
TOWER_RATE = 5e-4  # of DeFT's baselines that train all blocks
FEW_RATE = 0.03  # of those that train few parameters


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """An image tower with a head. shifts_of: how an epoch shifts and mirrors each picture."""

    tower: ImageTower
    head: dict[str, torch.Tensor]
    inputs: Inputs
    shifts_of: Callable[[int], Shifts]

    @property
    def parameters(self) -> dict[str, torch.Tensor]:
        """All that is trained, by name."""
        return {**self.tower.parameters, **self.head}

    def logits(self, rows: np.ndarray, epoch: int) -> torch.Tensor:
        """Return z of shifted and mirrored pictures, (B, K) float32, open to gradients."""
        shifts = self.shifts_of(epoch).take(rows)
        return head_logits(self.head, self.tower.pooled(self.inputs.pixels.take(rows), shifts))

    def look(self, report: Report) -> tuple[np.ndarray, np.ndarray]:
        """Return ln_post(CLS), (N, W), and z, (N, K), of all pictures as they are; float32, no gradients."""
        pooled_NW = self.tower.pooled_all(
            self.inputs.pixels, batch_size=self.inputs.batch_size, report=report, stage="scoring"
        )
        return pooled_NW, all_logits(self.head, pooled_NW)


def load_classifier(
    settings: TowerSettings, manifest: Manifest, inputs: Inputs, backbone: Backbone, draws: Draws
) -> Classifier:
    """Return the tower that the settings ask for with a new head; the same seed, the same first values."""
    generator = torch.Generator().manual_seed(inputs.seed)
    tower = load_image_tower(
        backbone,
        settings.adapter,
        generator,
        size=settings.adapter_size,
        prompt_length=settings.prompt_length,
        last_blocks=settings.last_blocks,
    )
    head = new_head(tower.width, manifest.n_classes, generator, backbone.runtime.device)

    @lru_cache(maxsize=1)
    def shifts_of(epoch: int) -> Shifts:
        return draw_shifts(draws, epoch, backbone.image_size)

    return Classifier(tower=tower, head=head, inputs=inputs, shifts_of=shifts_of)


def all_logits(head: dict[str, torch.Tensor], feature_NW: np.ndarray) -> np.ndarray:
    """Return z of all samples, (N, K) float32; feature_NW: (N, W) float32."""
    device, parts = head["head.weight"].device, []
    with torch.inference_mode():
        for start in range(0, len(feature_NW), ROWS_AT_ONCE):
            some_BW = torch.from_numpy(feature_NW[start : start + ROWS_AT_ONCE]).to(device)
            parts.append(head_logits(head, some_BW).cpu().numpy())
    return np.concatenate(parts)


def standardiser(feature_ND: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return what gives features, (B, D), mean 0 and spread 1 in every direction over all of these, (N, D).

    Unit vectors have values around 1/√D and share most of their length; a rate that suits ln_post(CLS) would
    hardly move a head on them.
    """
    mean_D, spread_D = feature_ND.mean(axis=0), np.maximum(feature_ND.std(axis=0), 1e-6)
    return lambda some_BD: (some_BD - mean_D) / spread_D


def adamw_plan(epochs: int, learning_rate: float, weight_decay: float) -> Plan:
    """Return how TURN trains a head on CLIP, and CLIP: AdamW at a constant rate (methods §8.1, §8.2)."""
    return Plan(
        epochs=epochs,
        learning_rate=learning_rate,
        schedule="constant",
        optimiser="adamw",
        weight_decay=weight_decay,
    )


def rate_for(learning_rate: float, width: int) -> float:
    """Return the rate for standardised features of D = `width` directions, of one that is meant for 128.

    A step of AdamW moves every weight by the rate and so the logits by D times as much; without this, wide
    features learn wrong labels by heart and narrow ones learn nothing.
    """
    return learning_rate * RATED_WIDTH / width


@contextmanager
def few_threads(multiplications: int) -> Iterator[None]:
    """Compute on one core in here if an operation has so few multiplications.

    Threads that wait for each other cost more than such an operation, much more on a machine with other work.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1 if multiplications < WORTH_THREADS else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def store_pooled(backbone: Backbone, inputs: Inputs, report: Report) -> np.ndarray:
    """Return ln_post(CLS) of the frozen tower for all pictures, (N, W) float32; only new ones are computed.

    The store in `inputs.cache` is keyed as that of the image features (`engine.scoring`).
    """
    tower = load_image_tower(backbone, "none", torch.Generator())
    precision = str(backbone.runtime.dtype).removeprefix("torch.")
    pixels, row = inputs.pixels, dict(zip(inputs.pixels.keys, range(len(inputs.pixels)), strict=True))
    name = f"pooled-{backbone.fingerprint}-{precision}"
    with RowCache(inputs.cache, name, (tower.width,), "float32") as store:
        todo = store.missing(pixels.keys)
        for start in range(0, len(todo), STORED_AT_ONCE):
            keys = todo[start : start + STORED_AT_ONCE]
            rows = np.asarray([row[key] for key in keys], dtype=np.int64)
            some = replace(pixels, index=pixels.index[rows], keys=tuple(keys))

            def tell(event: str, /, *, before: int = start, **values: Any) -> None:
                report(event, **(values | {"done": before + values["done"], "of": len(todo)}))

            store.append(
                keys, tower.pooled_all(some, batch_size=inputs.batch_size, report=tell, stage="features")
            )
        return store.read(pixels.keys).take(slice(None))


def train_head(
    head: dict[str, torch.Tensor],
    feature_NW: np.ndarray,
    labels: Labels,
    loss: SettingsLoss,
    plan: Plan,
    order_of: Callable[[int], np.ndarray],
    batch_size: int,
    report: Report,
    checkpoint: Checkpoint | None = None,
) -> None:
    """Train a head in place on stored features, (N, W) float32.

    order_of: an epoch, 1-based → the order in which it goes through the samples. batch_size: at most a tenth
    of the samples, so that with few of them, too, an epoch has some steps.
    """
    feature = torch.from_numpy(feature_NW).to(labels.label.device)
    batch_size = small_batch(batch_size, len(feature))

    def batches_of(epoch: int) -> list[np.ndarray]:
        loss.begin()
        return split(order_of(epoch), batch_size)

    def terms(rows: np.ndarray, epoch: int) -> Terms:
        row_B = torch.from_numpy(rows).to(feature.device)
        logits_BK, known = head_logits(head, feature[row_B]), labels.take(row_B)
        value = loss(logits_BK, known.target, known.is_settled, row_B).sum()
        return Terms(losses={"classify": (value, float(len(rows)))}, shares=agreement(logits_BK, known))

    with few_threads(batch_size * head["head.weight"].numel()):
        train(head, terms, batches_of, plan, checkpoint, report, memory=loss.memory)


def agreement(logits_BK: torch.Tensor, known: Labels) -> dict[str, tuple[float, float]]:
    """Return how many of the labels that people settled are the model's answer, of how many."""
    told = known.is_settled & ~known.is_ambiguous
    agreed = (logits_BK.detach().argmax(dim=1) == known.label) & told
    return {"agreement": (float(agreed.sum()), float(told.sum()))}


def small_batch(batch_size: int, n: int) -> int:
    """Return the size of a batch on stored features: with few samples, so that an epoch has some steps."""
    return min(batch_size, -(-n // SHARE_OF_A_BATCH))


def detection(
    manifest: Manifest,
    p_clean: np.ndarray,
    probs_NK: np.ndarray,
    embedding_ND: np.ndarray,
    notes: Mapping[str, Any],
) -> Detection:
    """Return the detection of a classifier.

    p_clean: (N,), people's word comes on top. probs_NK: its softmax, which is tempered to the highest
    evidence, so that it weighs as an annotator's answer (methods §16). embedding_ND: of any length.
    """
    known_rows, known_targets = manifest.known()
    temperature, _ = fit_temperature(
        probs_NK, manifest.given, known_rows=known_rows, known_targets=known_targets
    )
    probs_NK = temper(probs_NK, temperature)
    length_N1 = np.linalg.norm(embedding_ND, axis=1, keepdims=True)
    return Detection(
        p_clean=pinned_p_clean(p_clean, manifest),
        probs=probs_NK,
        embeddings=embedding_ND / np.maximum(length_N1, 1e-12),
        suggested=probs_NK.argmax(axis=1),
        suggested_probability=probs_NK.max(axis=1),
        notes={**notes, "temperature": temperature},
    )


def sgd_plan(settings: SgdSettings) -> Plan:
    """Return how DeFT's baselines are trained; their rate where the settings name none (methods §3.2)."""
    published = TOWER_RATE if settings.adapter in ("blocks", "full") else FEW_RATE
    return Plan(
        epochs=settings.epochs,
        learning_rate=settings.learning_rate or published,
        schedule=settings.schedule,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
        longest_gradient=settings.longest_gradient,
    )
