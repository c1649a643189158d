"""Settings of DeFT."""

from typing import Literal

from pydantic import Field

from engine.settings.adapters import Learning
from engine.settings.model import Settings

Tower = Literal["auto", "frozen", Learning]


class DeftConfig(Settings):
    """DeFT: trains two prompts, what an image of a class is and what it is not, and asks both.

    DeFT §4 and methods §4, §19; the settings are the published ones where they name no other reason.
    """

    tower: Tower = Field(
        default="auto",
        description="vpt: prompts in the image tower too, as published; frozen: stored image features, "
        "seconds on a CPU; auto: vpt where there is a GPU; the others: another adapter, or its weights",
    )
    noise: Literal["real", "planted", "severe"] = Field(
        default="real",
        description="real: people's mistakes, a label must also be the likeliest; planted: drawn at random; "
        "severe: more than half drawn at random, a third of the learning rate",
    )
    epochs: int = Field(default=10, ge=1, le=500, description="times that every image is looked at")
    warm_up: int = Field(default=1, ge=0, le=500, description="epochs in which every label is trusted")
    batch_size: int = Field(default=64, ge=1, le=65536, description="images per step")
    learning_rate: float = Field(default=0.03, gt=0, le=10, description="of the first epoch")
    schedule: Literal["cosine", "constant"] = Field(default="cosine", description="of the learning rate")
    momentum: float = Field(default=0.9, ge=0, lt=1, description="of the optimiser, SGD")
    weight_decay: float = Field(default=5e-4, ge=0, le=1, description="of the optimiser, SGD")
    longest_gradient: float = Field(
        default=0.3,
        ge=0,
        le=1e6,
        description="longer gradients are shortened; 0: never, as published",
    )
    context_length: int = Field(default=16, ge=1, le=64, description="learned words before each class name")
    words: str = Field(
        default="",
        max_length=200,
        description='what the first prompt begins as, such as "a photo of a"; empty: chance, as published',
    )
    prompt_length: int = Field(default=20, ge=1, le=500, description="learned tokens per layer, for vpt")
    adapter_size: int = Field(
        default=8, ge=1, le=1024, description="rank or width, for lora, adaptformer and adapter"
    )
    views: int = Field(default=4, ge=0, le=64, description="shifted and mirrored copies, for frozen")
    rejected_share: float = Field(
        default=0.5, ge=0, le=1, description="how often a label that people rejected is the counterexample"
    )
    detach_dp: bool = Field(
        default=True, description="as in the published code: the pair loss trains the negative prompt only"
    )
