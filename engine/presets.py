"""What a run will cost before it starts, and the choices that the app offers first.

The formulas are those of methods §13.1 and §13.4. What they need to know of this machine and its model is
measured: every run that had to look at images itself leaves it in its `result.json` as "speed".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from engine.settings import DeftConfig, TransitionConfig
from engine.settings.model import Settings


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A choice that needs no thought: a detector with settings. words: what it does, in a sentence or two;
    needs_gpu: on a CPU it would take hours."""

    key: str
    title: str
    detector: str
    words: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    needs_gpu: bool = False


_WORDS = {"context_length": 4, "words": "a photo of a"}
"""Better on the demo than sixteen vectors by chance, as published (benchmarks/RESULTS.md)."""

PRESETS = (
    Preset(
        key="instant",
        title="Instant",
        detector="transition",
        words="Weighs the model's answer against the given labels. Nothing is trained.",
    ),
    Preset(
        key="laptop",
        title="Laptop",
        detector="deft",
        words="DeFT on stored image features: learns in words what a class is and what it is not.",
        settings={"tower": "frozen", **_WORDS},
    ),
    Preset(
        key="gpu",
        title="GPU",
        detector="deft",
        words="DeFT whose image tower learns prompts, too.",
        settings={"tower": "vpt", **_WORDS},
        needs_gpu=True,
    ),
)


def _or(default: int) -> BeforeValidator:
    return BeforeValidator(lambda value: default if value is None else value)


class Speed(BaseModel):
    """How fast one machine looked at images with one model, from the `result.json` of a run.

    images were looked at in seconds, one frozen forward pass each. parameters: of both towers. image_size:
    pixels. tokens, width, layers: of the image tower; those of ViT-B/16 stand in where it is no plain ViT.
    device: "cpu", "cuda" or "mps", with or without a number. dtype: of the activations.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    images: int = Field(gt=0)
    seconds: float = Field(gt=0, allow_inf_nan=False)
    parameters: int = Field(gt=0)
    image_size: int = Field(gt=0)
    tokens: Annotated[int, Field(gt=0), _or(197)]
    width: Annotated[int, Field(gt=0), _or(768)]
    layers: Annotated[int, Field(gt=0), _or(12)]
    device: str
    dtype: str

    @property
    def per_image(self) -> float:
        """Seconds of one image."""
        return self.seconds / self.images

    @property
    def has_gpu(self) -> bool:
        """Whether it was measured on an accelerator."""
        return not self.device.startswith("cpu")

    @property
    def rate(self) -> float:
        """Multiply-accumulates per second."""
        return image_macs(self) / self.per_image


def read_speed(value: object) -> Speed | None:
    """Return the "speed" of a `result.json`, or None where a run left none or one that makes no sense."""
    try:
        return Speed.model_validate(value)
    except ValidationError:
        return None


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a run takes: seconds from its start to its result, and bytes of memory at its peak (on a GPU: of
    the GPU's memory)."""

    seconds: float
    bytes: float


# -- constants: what no measurement of a run tells. Seconds and bytes as found on a 2-core laptop CPU. --

START_SECONDS = 5.0
"""A process, torch, the weights."""
PER_SAMPLE_SECONDS = 2e-4
"""Reading what is stored, and writing the result, for each sample."""
STEP_SECONDS = 0.02
"""What a training step takes beside its arithmetic: some hundred small operations, and the optimiser."""
BASE_BYTES = 8e8
"""A Python with torch in it; on a GPU its context."""
NAME_TOKENS = 4
"""Tokens of a class name and the end of its prompt, the mean of methods §13.2."""
TEXT_WIDTH = 2 / 3
"""Width of the text tower, and of the features, as a share of the image tower's (512 of 768)."""
TEXT_LAYERS = 12
FROZEN_BYTES = 22
"""Bytes of activations per token, layer and unit of width where gradients pass frozen weights, in bfloat16;
twice as many in float32 (methods §13.4)."""
FORWARD_BYTES = 48
"""Bytes per token and unit of width in a forward pass that keeps nothing, in float32."""
INFERENCE_BATCH = {"cpu": 64, "gpu": 256}
"""Images that are looked at together; on a CPU, over all its cores."""
PROBE_PASSES = 100
"""L-BFGS iterations of one fold of the linear probe (`engine.probe`), at most."""
PROBE_PASS_SECONDS = 5e-3
"""What each takes beside its arithmetic."""


def estimate(
    detector: str, settings: Settings, n_samples: int, n_classes: int, speed: Speed | None
) -> Estimate | None:
    """Return what a run of `detector` would take, or None before any run has measured this machine.

    The features of the images as they are count as stored: the run that measured the speed has stored them.
    """
    if speed is None:
        return None
    cost = COSTS[detector](settings, n_samples, n_classes, speed)
    # The nearest neighbours of each sample come with every detector.
    seconds = START_SECONDS + n_samples * PER_SAMPLE_SECONDS + n_samples**2 * _width(speed) / speed.rate
    return Estimate(
        seconds=seconds + cost.seconds, bytes=_resting_bytes(n_samples, n_classes, speed) + cost.bytes
    )


def image_macs(speed: Speed, prompts: int = 0) -> float:
    """Return the multiply-accumulates of one image with `prompts` more tokens in every layer."""
    tokens = speed.tokens + prompts
    return speed.layers * (12 * speed.width**2 * tokens + 2 * tokens**2 * speed.width)


def _width(speed: Speed) -> float:
    return TEXT_WIDTH * speed.width


def _resting_bytes(n: int, k: int, speed: Speed) -> float:
    """Weights in float32; features, a few arrays (n, k), and 32 neighbours of each sample."""
    return BASE_BYTES + 4.0 * speed.parameters + 4.0 * n * (_width(speed) + 4 * k + 64)


def _forward_bytes(speed: Speed, prompts: int = 0) -> float:
    batch = INFERENCE_BATCH["gpu" if speed.has_gpu else "cpu"]
    return FORWARD_BYTES * batch * (speed.tokens + prompts) * speed.width * _precision(speed) / 2


def _precision(speed: Speed) -> int:
    """Return 1 for 16-bit activations, 2 for 32-bit ones."""
    return 1 if speed.dtype in ("bfloat16", "float16") else 2


# -- one function a detector: what comes on top of the features --


def _transition(settings: Settings, n: int, k: int, speed: Speed) -> Estimate:
    assert isinstance(settings, TransitionConfig)
    probe = 0.0
    if settings.posterior != "zero_shot":
        arithmetic = 2.0 * n * _width(speed) * k / speed.rate
        probe = settings.folds * PROBE_PASSES * (PROBE_PASS_SECONDS + arithmetic)
    return Estimate(seconds=probe, bytes=_forward_bytes(speed))


def _nothing(_: Settings, n: int, k: int, speed: Speed) -> Estimate:
    return Estimate(seconds=0.0, bytes=_forward_bytes(speed))


def _deft(settings: Settings, n: int, k: int, speed: Speed) -> Estimate:
    assert isinstance(settings, DeftConfig)
    text = _prompt_tuning(settings, n, k, speed)
    if settings.tower == "vpt" or (settings.tower == "auto" and speed.has_gpu):
        images = _prompted_tower(settings, n, speed)
    else:
        # Each view is looked at once, before the training; one of them is drawn for each epoch.
        features = 4.0 * n * _width(speed) * settings.views
        images = Estimate(
            seconds=settings.views * n * speed.per_image, bytes=features + _forward_bytes(speed)
        )
    return Estimate(seconds=text.seconds + images.seconds, bytes=text.bytes + images.bytes)


def _prompted_tower(settings: DeftConfig, n: int, speed: Speed) -> Estimate:
    """Forward and backward (as much again: the weights are frozen) in each epoch, and one pass to score."""
    more = image_macs(speed, settings.prompt_length) / image_macs(speed)
    passes = 2 * settings.epochs + 1
    tokens = speed.tokens + settings.prompt_length
    kept = FROZEN_BYTES * _precision(speed) * settings.batch_size * tokens * speed.layers * speed.width
    return Estimate(seconds=passes * n * speed.per_image * more, bytes=max(kept, _forward_bytes(speed)))


def _prompt_tuning(settings: DeftConfig, n: int, k: int, speed: Speed) -> Estimate:
    """The two text towers of a step: all positive prompts, and the negative ones of the batch's classes.

    The context is the same for all classes and is run once (methods §13.6, shared prefix).
    """
    layers, width = min(speed.layers, TEXT_LAYERS), _width(speed)
    prompts = k + min(k, 2 * settings.batch_size)
    tokens = prompts * NAME_TOKENS + 2 * (1 + settings.context_length)
    steps = settings.epochs * -(-n // settings.batch_size)
    macs = 2.0 * tokens * layers * 12 * width**2
    return Estimate(
        seconds=steps * (STEP_SECONDS + macs / speed.rate),
        bytes=FROZEN_BYTES * _precision(speed) * tokens * layers * width,
    )


COSTS: dict[str, Callable[[Settings, int, int, Speed], Estimate]] = {
    "transition": _transition,
    "deft": _deft,
    "knn": _nothing,
    "label_match": _nothing,
}
"""Every detector has its entry; a new one brings its own."""
