"""Settings of the detectors that listen to losses: a label that is hard to learn is likely a wrong one."""

from typing import Literal

from pydantic import Field

from engine.settings.adapters import AdapterKind
from engine.settings.model import Settings

LossName = Literal["ce", "gce", "sce", "elr"]


class LossSettings(Settings):
    """Which loss is trained with, and its constants (methods §9)."""

    loss: LossName = Field(
        default="gce",
        description="ce: cross-entropy; gce: generalised, gives up on labels that do not fit; sce: "
        "symmetric, with a part that cannot grow; elr: holds on to what was said of an image early",
    )
    gce_power: float = Field(
        default=0.7, ge=0, le=1, description="of gce: 0 is cross-entropy, 1 forgives the most"
    )
    sce_alpha: float = Field(default=1.0, ge=0, le=100, description="of sce: weight of cross-entropy")
    sce_beta: float = Field(default=1.0, ge=0, le=100, description="of sce: weight of its other part")
    elr_momentum: float = Field(
        default=0.3, ge=0, lt=1, description="of elr: how slowly what it holds on to changes"
    )
    elr_weight: float = Field(default=5.0, ge=0, le=100, description="of elr: how firmly it holds on")


class TowerSettings(Settings):
    """How the image tower learns (methods §6)."""

    adapter: AdapterKind = Field(
        default="blocks",
        description="what of the image tower learns: vpt, lora, adaptformer, adapter, bitfit, ssf: a little; "
        "blocks: most of it; full: all of it; none: only the classifier on top",
    )
    adapter_size: int = Field(
        default=8, ge=1, le=1024, description="rank or width, for lora, adaptformer and adapter"
    )
    prompt_length: int = Field(default=20, ge=1, le=500, description="learned tokens, for vpt")
    last_blocks: int = Field(default=0, ge=0, le=100, description="only so many blocks learn; 0: all of them")


class SgdSettings(TowerSettings):
    """How DeFT's baselines are trained (methods §2, §3.2)."""

    epochs: int = Field(default=10, ge=1, le=500, description="times that every image is looked at")
    warm_up: int = Field(default=1, ge=0, le=500, description="epochs in which every label is trusted")
    batch_size: int = Field(default=64, ge=1, le=65536, description="images per step")
    learning_rate: float = Field(
        default=0.0,
        ge=0,
        le=10,
        description="of the first epoch; 0: as published, 0.0005 for blocks and full, 0.03 for the others",
    )
    schedule: Literal["cosine", "constant"] = Field(default="cosine", description="of the learning rate")
    momentum: float = Field(default=0.9, ge=0, lt=1, description="of the optimiser, SGD")
    weight_decay: float = Field(default=5e-4, ge=0, le=1, description="of the optimiser, SGD")
    longest_gradient: float = Field(
        default=0.0, ge=0, le=1e6, description="longer gradients are shortened; 0: never, as published"
    )


class ProbeConfig(LossSettings):
    """Linear probe: learns the classes from stored image features, and doubts the labels that resist.

    The first step of TURN, methods §8.1, with the other losses of methods §9.
    """

    epochs: int = Field(default=20, ge=1, le=1000, description="times that every image is looked at")
    batch_size: int = Field(
        default=128, ge=1, le=65536, description="images per step, at most a tenth of all"
    )
    learning_rate: float = Field(default=1e-3, gt=0, le=10, description="of the optimiser, AdamW")
    weight_decay: float = Field(default=1e-6, ge=0, le=1, description="of the optimiser, AdamW")
    per_class: bool = Field(default=True, description="which losses are low is asked within each class")
    threshold: float = Field(
        default=0.6, gt=0, lt=1, description="how sure of a low loss one must be to call a label right"
    )


class SmallLossConfig(SgdSettings):
    """Small loss: trains on the images of each batch that are easiest to learn, as many as are likely right.

    The single network of DeFT's baseline, methods §2 (Co-teaching, Han et al. 2018, without the peer).
    """

    adapter: AdapterKind = Field(default="vpt", description=TowerSettings.model_fields["adapter"].description)
    noise_rate: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="share of wrong labels; 0: estimated from the model's own answers first",
    )


class LossGmmConfig(LossSettings, SgdSettings):
    """Loss mixture: before each epoch splits the labels into easy and hard ones, and trains on the easy.

    DeFT's baseline "GMM", methods §3.2; with `trains_on` all, its baselines CE, GCE, SCE and ELR.
    """

    loss: LossName = Field(default="ce", description=LossSettings.model_fields["loss"].description)
    trains_on: Literal["selected", "all"] = Field(
        default="selected",
        description="selected: the easy labels, after the warm-up; all: always every label",
    )
    threshold: float = Field(
        default=0.5, gt=0, lt=1, description="how sure of a low loss one must be to call a label right"
    )


class TurnConfig(TowerSettings):
    """TURN: learns the classes on top of CLIP, then tunes CLIP itself on the labels that fit, class by class.

    TURN §3 and methods §8; the settings are those for CLIP.
    """

    adapter: AdapterKind = Field(
        default="full", description=TowerSettings.model_fields["adapter"].description
    )
    probe_epochs: int = Field(default=20, ge=1, le=1000, description="of the classifier, before the tuning")
    probe_learning_rate: float = Field(default=1e-3, gt=0, le=10, description="of the classifier, AdamW")
    probe_weight_decay: float = Field(default=1e-6, ge=0, le=1, description="of the classifier, AdamW")
    gce_power: float = Field(
        default=0.7, ge=0, le=1, description="of the classifier's loss: 0 is cross-entropy, 1 forgives most"
    )
    epochs: int = Field(default=4, ge=1, le=500, description="of the tuning; each begins with a new choice")
    batch_size: int = Field(default=128, ge=1, le=65536, description="images per step")
    learning_rate: float = Field(default=1e-5, gt=0, le=1, description="of the tuning, AdamW")
    weight_decay: float = Field(default=1e-5, ge=0, le=1, description="of the tuning, AdamW")
    threshold: float = Field(
        default=0.6, gt=0, lt=1, description="how sure of a low loss one must be to call a label right"
    )
    balance: Literal["smallest", "quantile"] = Field(
        default="smallest",
        description="images of each class: as many as of the class with the fewest, as published, or as of "
        "the one a tenth of the way up",
    )


class DividemixConfig(Settings):
    """DivideMix: two classifiers on stored image features sort the labels for each other.

    DivideMix (Li et al. 2020), methods §3.3, on a linear probe as in TURN's tables.
    """

    epochs: int = Field(default=30, ge=1, le=1000, description="times that both classifiers learn")
    warm_up: int = Field(default=5, ge=0, le=1000, description="epochs in which every label is trusted")
    batch_size: int = Field(
        default=64, ge=1, le=65536, description="labelled images per step, at most a tenth of all"
    )
    learning_rate: float = Field(default=1e-3, gt=0, le=10, description="of the optimiser, AdamW")
    weight_decay: float = Field(default=1e-6, ge=0, le=1, description="of the optimiser, AdamW")
    unlabelled_weight: float = Field(
        default=25.0, ge=0, le=10_000, description="of the images whose label is not trusted"
    )
    ramp: int = Field(default=16, ge=1, le=1000, description="epochs until that weight is reached")
    sharpening: float = Field(
        default=0.5, gt=0, le=1, description="of the guessed labels: 1 leaves them as they are"
    )
    mixup: float = Field(
        default=4.0, gt=0, le=100, description="how evenly two images are mixed: the more, the more evenly"
    )
    threshold: float = Field(
        default=0.5, gt=0, lt=1, description="how sure of a low loss one must be; 0.6 for nine wrong of ten"
    )
    averaged_epochs: int = Field(
        default=1, ge=1, le=20, description="whose losses are averaged; 5 for nine wrong of ten"
    )
    confused_pairs: bool = Field(
        default=False, description="the warm-up keeps its answers open, for labels confused in pairs"
    )
    views: int = Field(default=4, ge=0, le=64, description="shifted and mirrored copies of each image")
