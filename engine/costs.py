"""What a run will cost before it starts.

The formulas are those of methods §13.1 and §13.4. What they need to know of this machine and its model is
measured: every run that had to look at images itself leaves it in its `result.json` as "speed". What each
detector does beside that stands in `engine.work`.
"""

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from engine.settings.model import Settings
from engine.work import WORK, Work


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
TEXT_WIDTH = 2 / 3
"""Width of the text tower, and of the features, as a share of the image tower's (512 of 768)."""
TEXT_LAYERS = 12
FROZEN_BYTES = 22
"""Bytes of activations per token, layer and unit of width where gradients pass frozen weights, in bfloat16;
twice as many in float32 (methods §13.4)."""
FORWARD_BYTES = 48
"""Bytes per token and unit of width in a forward pass that keeps nothing, in float32."""
LEARNING_BYTES = 34
"""The same where the weights learn, too."""
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
    work = WORK[detector](settings, n_samples, n_classes, speed.has_gpu)
    # The nearest neighbours of each sample come with every detector.
    seconds = START_SECONDS + n_samples * PER_SAMPLE_SECONDS + n_samples**2 * _width(speed) / speed.rate
    seconds += _image_seconds(work, n_samples, speed) + _step_seconds(work, n_samples, n_classes, speed)
    resting = _resting_bytes(n_samples, n_classes, speed)
    return Estimate(seconds=seconds, bytes=resting + _work_bytes(work, n_samples, speed))


def _image_seconds(work: Work, n: int, speed: Speed) -> float:
    """A pass with gradients costs a forward pass more, and another one where the weights learn, too."""
    more = image_macs(speed, work.prompts) / image_macs(speed)
    lessons = work.lessons * (3 if work.learns_weights else 2)
    return (work.looks + lessons) * n * speed.per_image * more


def _step_seconds(work: Work, n: int, k: int, speed: Speed) -> float:
    """Steps, the text tower in them, and linear classifiers on stored features."""
    layers, width = min(speed.layers, TEXT_LAYERS), _width(speed)
    steps = (work.lessons + work.head_lessons) * n / work.batch_size
    text = (3.0 if work.learns_text else 2.0) * work.text_tokens * layers * 12 * width**2
    heads = PROBE_PASSES * (PROBE_PASS_SECONDS + 2.0 * n * width * k / speed.rate)
    return steps * (STEP_SECONDS + text / speed.rate) + work.probes * heads


def _work_bytes(work: Work, n: int, speed: Speed) -> float:
    """Activations of one step or one batch of a pass, stored views, and copies of CLIP that learn."""
    layers, tokens = min(speed.layers, TEXT_LAYERS), speed.tokens + work.prompts
    per_token = (LEARNING_BYTES if work.learns_weights else FROZEN_BYTES) * _precision(speed)
    kept = 0.0
    if work.lessons:
        kept += per_token * work.batch_size * work.images_per_sample * tokens * speed.layers * speed.width
    kept += FROZEN_BYTES * _precision(speed) * work.text_tokens * layers * _width(speed)
    # Weights, gradients and two buffers of the optimiser, in float32.
    copies = work.copies * 16.0 * speed.parameters
    return max(kept, _forward_bytes(speed, work.prompts)) + copies + 4.0 * n * _width(speed) * work.views


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
