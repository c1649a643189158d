"""Settings of the cross-fitted tower."""

from typing import Literal

from pydantic import Field

from engine.settings.adapters import AdapterKind
from engine.settings.model import Settings


class CrossfitConfig(Settings):
    """Cross-fit: copies of the image tower learn from a part of the labels and are asked about the rest.

    Methods §16 with an answer that knows the data set; what CLIP says without training stays in it.
    """

    tower: Literal["adapted", "frozen"] = Field(
        default="adapted",
        description="adapted: copies of the image tower learn; frozen: a probe on stored features",
    )
    adapter: AdapterKind = Field(default="full", description="what of the image tower learns")
    folds: int = Field(default=2, ge=2, le=10, description="parts of the data, and copies of the tower")
    epochs: int = Field(default=5, ge=1, le=500, description="times that each copy looks at its images")
    batch_size: int = Field(default=64, ge=1, le=65536, description="images per step")
    learning_rate: float = Field(default=3e-4, gt=0, le=1, description="of the first step, AdamW")
    weight_decay: float = Field(default=0.02, ge=0, le=1, description="of the optimiser, AdamW")
    weight: float = Field(
        default=0.5, ge=0, le=1, description="say of what was learned, beside what CLIP knows by name"
    )
    views: int = Field(default=7, ge=0, le=64, description="shifted and mirrored copies that are asked, too")
