"""Settings of a classifier that is trained on what a run found clean, and the published recipes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from engine.settings.adapters import AdapterKind
from engine.settings.losses import LossName, LossSettings

ImageNetName = Literal[
    "resnet50.a1_in1k",
    "convnext_tiny.fb_in1k",
    "vit_base_patch16_224.augreg_in1k",
    "vit_base_patch16_224.mae",
]
Optimiser = Literal["sgd", "adamw"]
Schedule = Literal["cosine", "constant"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one kind of classifier is trained. momentum: of SGD."""

    optimiser: Optimiser = "sgd"
    learning_rate: float
    weight_decay: float
    momentum: float = 0.9
    epochs: int = 10
    batch_size: int = 64
    schedule: Schedule = "cosine"


def _probe(optimiser: Optimiser, learning_rate: float, weight_decay: float) -> Recipe:
    return Recipe(
        optimiser=optimiser,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        epochs=20,
        batch_size=128,
        schedule="constant",
    )


FINE: Mapping[str, Recipe] = {
    "clip": Recipe(learning_rate=5e-4, weight_decay=5e-4),
    "resnet50.a1_in1k": Recipe(optimiser="adamw", learning_rate=1e-3, weight_decay=1e-5),
    "convnext_tiny.fb_in1k": Recipe(optimiser="adamw", learning_rate=1e-4, weight_decay=1e-4),
    "vit_base_patch16_224.augreg_in1k": Recipe(learning_rate=1e-2, weight_decay=1e-5, momentum=0.0),
    "vit_base_patch16_224.mae": Recipe(optimiser="adamw", learning_rate=1e-4, weight_decay=1e-3),
}
"""All weights learn: DeFT phase 2 (methods §5.1, §5.3; the momentum of its code, not of its text)."""

ADAPTED = Recipe(learning_rate=3e-2, weight_decay=5e-4)
"""An adapter and the head learn (methods §5.2)."""

PROBES: Mapping[str, Recipe] = {
    "clip": _probe("adamw", 1e-3, 1e-6),
    "resnet50.a1_in1k": _probe("adamw", 1e-3, 1e-5),
    "convnext_tiny.fb_in1k": _probe("sgd", 1e-1, 1e-4),
    "vit_base_patch16_224.augreg_in1k": _probe("sgd", 1e-2, 1e-3),
    "vit_base_patch16_224.mae": _probe("adamw", 1e-2, 1e-5),
}
"""Only the head learns: TURN's linear probe (methods §8.1)."""


class AdaptationConfig(LossSettings):
    """Classifier: trained on the samples whose labels a run found right, and on what people decided.

    DeFT phase 2 and methods §5, §6. What is left empty is as published for the model and the adapter.
    """

    model: ImageNetName | Literal["clip"] = Field(
        default="clip", description="clip: the image tower of the run's CLIP; others: networks from ImageNet"
    )
    weights: str = Field(
        default="",
        description="where the model's weights lie; empty: as in the run, or in the usual cache",
    )
    adapter: AdapterKind | Literal["auto"] = Field(
        default="auto",
        description="what of the network learns beside the head; none: nothing, a linear probe; blocks: the "
        "weights of its blocks; full: all; auto: blocks where there is a GPU, none on a CPU",
    )
    loss: LossName = Field(default="ce", description=LossSettings.model_fields["loss"].description)
    samples: Literal["clean", "all"] = Field(
        default="clean", description="clean: those that the run found clean or people settled; all: every one"
    )
    threshold: float = Field(default=0.5, ge=0, lt=1, description="p_clean above which a label is clean")
    at_least: int = Field(
        default=0,
        ge=0,
        le=1000,
        description="so many of the likeliest of a class that has no clean sample at all",
    )
    head_init: Literal["random", "text"] = Field(
        default="random",
        description="text: the head begins as the class names and compares directions (clip only)",
    )
    augment: bool = Field(default=True, description="shift and mirror the images, where the network learns")
    size: int = Field(default=8, ge=1, le=1024, description="width of the bottleneck of an adapter")
    prompt_length: int = Field(default=20, ge=1, le=500, description="learned tokens per layer, for vpt")
    last_blocks: int = Field(default=0, ge=0, le=200, description="only so many last blocks learn; 0: all")
    epochs: int | None = Field(default=None, ge=1, le=500, description="times that every image is looked at")
    batch_size: int | None = Field(default=None, ge=1, le=65536, description="images per step")
    optimiser: Optimiser | None = Field(default=None, description="sgd or adamw")
    learning_rate: float | None = Field(default=None, gt=0, le=10, description="of the first epoch")
    schedule: Schedule | None = Field(default=None, description="of the learning rate: cosine or constant")
    momentum: float | None = Field(default=None, ge=0, lt=1, description="of sgd")
    weight_decay: float | None = Field(default=None, ge=0, le=1, description="of the optimiser")
    longest_gradient: float = Field(
        default=0.0, ge=0, le=1e6, description="longer gradients are shortened; 0: never, as published"
    )

    def recipe(self, adapter: AdapterKind) -> Recipe:
        """Return how a network with this adapter is trained: what is set here, else what was published."""
        if adapter == "none":
            published = PROBES[self.model]
        else:
            published = FINE[self.model] if adapter in ("blocks", "full") else ADAPTED
        own = {name: getattr(self, name) for name in vars(published)}
        return Recipe(**(vars(published) | {name: value for name, value in own.items() if value is not None}))
