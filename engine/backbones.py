"""The backbones that a person is offered: what each is for, how big it is, and whether it is here."""

from dataclasses import dataclass
from pathlib import Path

from engine.config import BUNDLED, BackboneConfig


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """One choice of a CLIP.

    model, weights: as in BackboneConfig. repository, file: where the hub has the weights, "" for the
    bundled ones. megabytes: size of that file in 10^6 bytes, what a download costs. purpose: plain words.
    """

    model: str
    weights: str
    purpose: str
    megabytes: int = 0
    repository: str = ""
    file: str = "open_clip_model.safetensors"

    @property
    def config(self) -> BackboneConfig:
        """The settings that name this backbone."""
        return BackboneConfig(model=self.model, weights=self.weights)


# The bundled model brings its own architecture; the model's name is not read.
DRAWN = Backbone(
    model=BackboneConfig().model,
    weights=BUNDLED,
    purpose="Knows only the drawn world of the demo, and is of no use for photos.",
)
# Sizes are four bytes a parameter, as the hub stores these.
FOR_PHOTOS = (
    Backbone(
        model="ViT-B-16-quickgelu",
        weights="openai",
        megabytes=599,
        repository="timm/vit_base_patch16_clip_224.openai",
        purpose="The one to begin with: photos of all kinds, and bearable without a GPU.",
    ),
    Backbone(
        model="ViT-B-32-quickgelu",
        weights="openai",
        megabytes=605,
        repository="timm/vit_base_patch32_clip_224.openai",
        purpose="Several times as fast and less exact: many photos without a GPU.",
    ),
    Backbone(
        model="ViT-B-16",
        weights="datacomp_xl_s13b_b90k",
        megabytes=599,
        repository="laion/CLIP-ViT-B-16-DataComp.XL-s13B-b90K",
        purpose="As fast as the first, trained on other pictures of the web: worth a try.",
    ),
    Backbone(
        model="ViT-L-14-quickgelu",
        weights="openai",
        megabytes=1711,
        repository="timm/vit_large_patch14_clip_224.openai",
        purpose="The most exact of these, and several times as slow as the first: for a GPU.",
    ),
)
BACKBONES = (DRAWN, *FOR_PHOTOS)


def find_backbone(model: str, weights: str) -> Backbone | None:
    """Return the entry of the table for a model and weights, or None for a choice of one's own."""
    if weights == BUNDLED:
        return DRAWN
    return next((item for item in FOR_PHOTOS if (item.model, item.weights) == (model, weights)), None)


def weights_folder() -> Path:
    """Return the folder in which downloaded weights are kept."""
    from huggingface_hub import constants  # noqa: PLC0415 - a third of a second, and not every run needs it

    return Path(constants.HF_HUB_CACHE)


def find_downloaded(backbone: Backbone) -> Path | None:
    """Return the weights file of a backbone of the table where it is on this computer; None otherwise."""
    from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415 - see above

    if not backbone.repository:
        return None
    found = try_to_load_from_cache(backbone.repository, backbone.file)
    return Path(found) if isinstance(found, str) else None
