"""Where DeFT's image features come from: an image tower that learns, or a store of frozen ones."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from engine.augment import draw_shifts
from engine.clip.backbone import Backbone
from engine.clip.vision import is_plain
from engine.detectors import Inputs
from engine.draws import Draws
from engine.errors import EngineError
from engine.progress import Report
from engine.settings import DeftConfig
from engine.settings.adapters import AdapterKind
from engine.tower import ImageTower, load_image_tower
from engine.views import store_views, view_shifts

LEARNS = {
    "vpt": "prompts",
    "vpt_shallow": "prompts before the first block",
    "blocks": "all blocks",
    "full": "every weight",
}


class Tower(Protocol):
    """What DeFT asks of an image tower."""

    @property
    def name(self) -> str:
        """Return "frozen", or what of the tower learns."""
        ...

    @property
    def reason(self) -> str:
        """Return a sentence without its full stop."""
        ...

    def parameters(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Return what is trained, newly drawn; called once, before any features are asked for."""
        ...

    def features(self, rows: np.ndarray, epoch: int) -> torch.Tensor:
        """Return I of these rows as the epoch sees them, (B, D) float32, unit L2."""
        ...

    def final(self) -> np.ndarray:
        """Return I of all rows, unshifted, with what has been learned, (N, D) float32, unit L2."""
        ...


def load_tower(config: DeftConfig, inputs: Inputs, backbone: Backbone, draws: Draws, report: Report) -> Tower:
    """Return the tower that the settings ask for; EngineError where the model has no place for prompts."""
    wanted, device = config.tower, backbone.runtime.device.type
    if wanted == "auto":
        wanted = "frozen" if device == "cpu" or not is_plain(backbone.model.visual) else "vpt"
    asked = "as asked for" if config.tower != "auto" else "no GPU" if device == "cpu" else "GPU"
    if wanted == "frozen":
        return Frozen(config, inputs, backbone, draws, report, f"stored image features ({asked})")
    if not is_plain(backbone.model.visual):
        raise EngineError(
            f"deft.tower is {wanted!r}, and {backbone.name} has no place for what would learn; set it to "
            "'frozen', or take a ViT."
        )
    reason = f"{LEARNS.get(wanted, wanted)} in the image tower ({asked})"
    return Learning(config, inputs, backbone, draws, report, reason, wanted)


@dataclass
class Learning:
    """The image tower with deep prompts (methods §4.1), or with another adapter (methods §6)."""

    config: DeftConfig
    inputs: Inputs
    backbone: Backbone
    draws: Draws
    report: Report
    reason: str
    name: AdapterKind

    def parameters(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Return what of the tower learns; every name begins with "tower."."""
        self._tower: ImageTower = load_image_tower(
            self.backbone,
            self.name,
            generator,
            size=self.config.adapter_size,
            prompt_length=self.config.prompt_length,
        )
        return self._tower.parameters

    def features(self, rows: np.ndarray, epoch: int) -> torch.Tensor:
        """Return the features of shifted and mirrored pictures."""
        shifts = draw_shifts(self.draws, epoch, self.backbone.image_size).take(rows)
        return self._tower.features(self.inputs.pixels.take(rows), shifts)

    def final(self) -> np.ndarray:
        """Return the features of all pictures."""
        return self._tower.features_all(
            self.inputs.pixels, batch_size=self.inputs.batch_size, report=self.report
        )


class Frozen:
    """Stored features of each picture and of shifted copies, one of them drawn per epoch (methods §19)."""

    name = "frozen"

    def __init__(
        self,
        config: DeftConfig,
        inputs: Inputs,
        backbone: Backbone,
        draws: Draws,
        report: Report,
        reason: str,
    ):
        self.reason = reason
        self._draws, self._features = draws, inputs.features
        self._device = backbone.runtime.device
        shifts = view_shifts(draws, config.views, backbone.image_size)
        self._views = store_views(inputs, backbone, shifts, report)

    def parameters(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Return nothing: this tower does not learn."""
        return {}

    def features(self, rows: np.ndarray, epoch: int) -> torch.Tensor:
        """Return the features of the view that the epoch has drawn for each row."""
        which = self._draws.integers("view", epoch, len(self._views) + 1)[rows]
        features_BD = self._features[rows]
        for number, view in enumerate(self._views, start=1):
            drawn = which == number
            if drawn.any():
                features_BD[drawn] = view.take(rows[drawn])
        return torch.from_numpy(features_BD).to(self._device)

    def final(self) -> np.ndarray:
        """Return the features of the pictures as they are."""
        return self._features
