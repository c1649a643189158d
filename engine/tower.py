"""An image tower that learns, as detectors and classifiers train it, and the linear head on top of it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from engine.augment import Shifts
from engine.clip.adapters import Adapted, adapt, class_tokens, image_features
from engine.clip.backbone import Backbone
from engine.clip.vision import is_plain
from engine.errors import EngineError
from engine.progress import Report
from engine.rows import Rows
from engine.runtime import Runtime
from engine.scoring import encode_all
from engine.settings.adapters import AdapterKind


@dataclass(frozen=True, kw_only=True)
class ImageTower:
    """The image side of a CLIP with what of it learns; W: its width, D: of the shared space."""

    backbone: Backbone
    adapted: Adapted

    @property
    def width(self) -> int:
        """W."""
        return self.adapted.visual.conv1.out_channels

    @property
    def name(self) -> str:
        """Of the backbone."""
        return self.backbone.name

    @property
    def image_size(self) -> int:
        """S, pixels."""
        return self.backbone.image_size

    @property
    def runtime(self) -> Runtime:
        """Where it computes."""
        return self.backbone.runtime

    @property
    def memory(self) -> dict[str, torch.Tensor]:
        """What training changes beside the parameters: nothing."""
        return {}

    @property
    def sees_the_batch(self) -> bool:
        """Whether what becomes of a picture in training depends on the others of its batch: no."""
        return False

    @property
    def parameters(self) -> dict[str, torch.Tensor]:
        """All that may be trained, as leaf tensors; every name begins with "tower."."""
        return {f"tower.{name}": value for name, value in self.adapted.parameters.items()}

    def pooled(self, pixels: np.ndarray, shifts: Shifts | None = None) -> torch.Tensor:
        """Return ln_post(CLS), (B, W) float32, on the device and open to gradients.

        pixels: uint8 (B, S, S, 3). shifts: how each is shifted and mirrored first.
        """
        image_BCHW = self.backbone.normalised(pixels, shifts)
        with self.runtime.autocast():
            return class_tokens(self.adapted, image_BCHW).float()

    def features(self, pixels: np.ndarray, shifts: Shifts | None = None) -> torch.Tensor:
        """Return the image features I, (B, D) float32, unit L2; the arguments as in `pooled`."""
        image_BCHW = self.backbone.normalised(pixels, shifts)
        with self.runtime.autocast():
            image_BD = image_features(self.adapted, image_BCHW)
        return functional.normalize(image_BD.float(), dim=-1)

    def pooled_all(
        self, pixels: Rows, *, batch_size: int, report: Report, stage: str = "scoring"
    ) -> np.ndarray:
        """Return ln_post(CLS) of all pictures, (N, W) float32, without gradients; N ≥ 1."""
        return self._all(self.pooled, pixels, batch_size, report, stage)

    def features_all(
        self, pixels: Rows, *, batch_size: int, report: Report, stage: str = "scoring"
    ) -> np.ndarray:
        """Return I of all pictures, (N, D) float32, unit L2, without gradients; N ≥ 1."""
        return self._all(self.features, pixels, batch_size, report, stage)

    def _all(
        self,
        forward: Callable[[np.ndarray], torch.Tensor],
        pixels: Rows,
        batch_size: int,
        report: Report,
        stage: str,
    ) -> np.ndarray:
        def encode(some: np.ndarray) -> np.ndarray:
            with torch.inference_mode():
                return forward(some).cpu().numpy()

        return encode_all(
            encode,
            pixels,
            runtime=self.runtime,
            name=self.name,
            batch_size=batch_size,
            report=report,
            stage=stage,
        )


def load_image_tower(
    backbone: Backbone,
    kind: AdapterKind,
    generator: torch.Generator,
    *,
    size: int = 8,
    prompt_length: int = 20,
    last_blocks: int = 0,
) -> ImageTower:
    """Return the image tower of a backbone with new adapters, the arguments as in `adapt`.

    Raises EngineError where the tower is no plain vision transformer, or has fewer than `last_blocks`.
    """
    visual = getattr(backbone.model, "visual", None)
    if not is_plain(visual):
        raise EngineError(
            f"The image tower of {backbone.name} is no plain vision transformer, so nothing in it can be "
            "trained; take a ViT."
        )
    adapted = adapt(visual, kind, generator, size=size, prompt_length=prompt_length, last_blocks=last_blocks)
    return ImageTower(backbone=backbone, adapted=adapted)


def new_head(
    width: int, n_classes: int, generator: torch.Generator, device: torch.device | str = "cpu"
) -> dict[str, torch.Tensor]:
    """Return a linear head with the first values of `nn.Linear`: all U(−1/√W, 1/√W).

    "head.weight" (K, W) and "head.bias" (K,), leaf tensors with requires_grad. generator: on the CPU.
    """
    bound = width**-0.5
    shapes = {"head.weight": (n_classes, width), "head.bias": (n_classes,)}
    drawn = {
        name: torch.rand(shape, generator=generator) * (2 * bound) - bound for name, shape in shapes.items()
    }
    return {name: value.to(device).requires_grad_() for name, value in drawn.items()}


def head_logits(head: dict[str, torch.Tensor], pooled_BW: torch.Tensor) -> torch.Tensor:
    """Return W·x + b, (B, K) float32, whatever the tower computes in."""
    with torch.autocast(pooled_BW.device.type, enabled=False):
        return functional.linear(pooled_BW.float(), head["head.weight"], head["head.bias"])
