"""Settings of the detectors that read frozen features and train no tower."""

from typing import Literal

from pydantic import Field

from engine.settings.model import Settings


class LabelMatchConfig(Settings):
    """Label-match: a label is right when CLIP, asked by name, gives the same answer.

    DeFT §5.2 and methods §1; nothing is trained.
    """

    temperature: float = Field(default=1.0, gt=0, le=100, description="softens the zero-shot probabilities")


class KnnConfig(Settings):
    """Neighbours: a label is right when the most similar other images carry it.

    Methods §18; nothing is trained.
    """

    k: int = Field(default=20, ge=1, le=500, description="neighbours that vote")
    sharpness: float = Field(default=10.0, ge=0, le=1000, description="how fast a vote fades with distance")
    smoothing: float = Field(default=0.5, gt=0, le=100, description="weight of the uniform vote")


class TransitionConfig(Settings):
    """Transition: weighs CLIP's answer against the given labels, learning who confuses what.

    Methods §16; nothing is trained, and it takes in every decision as it is made.
    """

    posterior: Literal["auto", "zero_shot", "probe"] = Field(
        default="auto", description="where the second answer comes from"
    )
    alpha: float = Field(default=0.3, ge=0, le=1000, description="shrinkage of the class confusion")
    folds: int = Field(default=5, ge=2, le=20, description="folds of the linear probe")
