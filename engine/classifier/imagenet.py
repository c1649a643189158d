"""Networks from ImageNet as timm has them, for classifiers (DeFT Table 4; methods §5.3).

The weights come from a file or from the cache in which timm keeps them, never from a network. Pictures are
the squares of the pixel cache in the size and with the mean and spread of the weights; timm's own crop of
87.5 to 95 % is left out. The weights of `vit_base_patch16_224.mae` may not be used commercially (CC BY-NC).
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from huggingface_hub import constants, try_to_load_from_cache
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from engine.augment import Shifts, shift
from engine.errors import EngineError
from engine.progress import Report
from engine.rows import Rows
from engine.runtime import Runtime
from engine.scoring import encode_all
from engine.settings.adaptation import ImageNetName

FILE = "model.safetensors"


@dataclass(frozen=True, kw_only=True)
class ImageNetTrunk:
    """A network without its classifier, on its device; W: what it makes of a picture.

    learns: whether its weights are trained. fingerprint: names the weights that it began with, "" where it
    was made without any.
    """

    name: ImageNetName
    model: Any
    runtime: Runtime
    learns: bool
    fingerprint: str

    @property
    def width(self) -> int:
        """W."""
        return self.model.num_features

    @property
    def image_size(self) -> int:
        """S, pixels."""
        return self.model.default_cfg["input_size"][1]

    @property
    def mean(self) -> tuple[float, ...]:
        """Of RGB in [0, 1]."""
        return tuple(self.model.default_cfg["mean"])

    @property
    def std(self) -> tuple[float, ...]:
        """Of RGB in [0, 1]."""
        return tuple(self.model.default_cfg["std"])

    @property
    def parameters(self) -> dict[str, torch.Tensor]:
        """All that is trained, as leaf tensors; every name begins with "trunk."."""
        return (
            {f"trunk.{name}": value for name, value in self.model.named_parameters()} if self.learns else {}
        )

    @property
    def memory(self) -> dict[str, torch.Tensor]:
        """What training changes beside the parameters: the running means of batch normalisation."""
        return dict(self.model.named_buffers()) if self.sees_the_batch else {}

    @property
    def sees_the_batch(self) -> bool:
        """Whether what becomes of a picture in training depends on the others of its batch."""
        return self.learns and any(isinstance(each, nn.BatchNorm2d) for each in self.model.modules())

    def pooled(self, pixels: np.ndarray, shifts: Shifts | None = None) -> torch.Tensor:
        """Return what the network makes of pictures, (B, W) float32, in training where it learns.

        pixels: uint8 (B, S, S, 3). shifts: how each is shifted and mirrored first.
        """
        self.model.train(self.learns)
        return self._forward(pixels, shifts)

    def pooled_all(
        self, pixels: Rows, *, batch_size: int, report: Report, stage: str = "scoring"
    ) -> np.ndarray:
        """Return what the network makes of all pictures, (N, W) float32, without gradients; N ≥ 1."""
        self.model.eval()

        def encode(some: np.ndarray) -> np.ndarray:
            with torch.inference_mode():
                return self._forward(some).cpu().numpy()

        return encode_all(
            encode,
            pixels,
            runtime=self.runtime,
            name=self.name,
            batch_size=batch_size,
            report=report,
            stage=stage,
        )

    def _forward(self, pixels: np.ndarray, shifts: Shifts | None = None) -> torch.Tensor:
        device = self.runtime.device
        mean_C, std_C = (torch.tensor(each, device=device).view(3, 1, 1) for each in (self.mean, self.std))
        pixel_BCHW = torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2)
        if shifts is not None:
            pixel_BCHW = shift(pixel_BCHW, shifts)
        with self.runtime.autocast():
            return self.model((pixel_BCHW.float() / 255.0 - mean_C) / std_C).float()


def load_imagenet(name: ImageNetName, runtime: Runtime, *, weights: str, learns: bool) -> ImageNetTrunk:
    """Return a network with its weights; `weights` as in `find_imagenet_weights`.

    Raises EngineError when they are missing, damaged, or another network's.
    """
    file = find_imagenet_weights(name, weights)
    trunk = new_imagenet(name, runtime, learns=learns)
    classifier = trunk.model.default_cfg["classifier"]
    try:
        tensors = load_file(file)
        own = {key: value for key, value in tensors.items() if not key.startswith(f"{classifier}.")}
        trunk.model.load_state_dict(own)
    except (SafetensorError, RuntimeError, OSError) as error:
        first = " ".join(str(error).split())[:160]
        raise EngineError(f"The weights in {file} are damaged or not those of {name} ({first}).") from error
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha1").digest()
    fingerprint = hashlib.blake2b(name.encode() + digest, digest_size=8).hexdigest()
    return ImageNetTrunk(
        name=name, model=trunk.model, runtime=runtime, learns=learns, fingerprint=fingerprint
    )


def new_imagenet(name: ImageNetName, runtime: Runtime, *, learns: bool) -> ImageNetTrunk:
    """Return a network whose weights are still to be filled in."""
    model: Any = timm.create_model(name, pretrained=False, num_classes=0)
    model.eval().requires_grad_(learns).to(runtime.device)
    return ImageNetTrunk(name=name, model=model, runtime=runtime, learns=learns, fingerprint="")


def find_imagenet_weights(name: ImageNetName, weights: str) -> Path:
    """Return the safetensors file `weights`, or if that is empty the one in the cache.

    Raises EngineError, with what to do, when it is not on this computer.
    """
    if weights:
        file = Path(weights).expanduser()
        if not file.is_file() or file.suffix != ".safetensors":
            raise EngineError(f"The weights {weights} of {name} are no .safetensors file; correct --weights.")
        return file
    repository = f"timm/{name}"
    found = try_to_load_from_cache(repository, FILE)
    if not isinstance(found, str):
        raise EngineError(
            f"The weights of {name} are not on this computer: fetch {FILE} of {repository} where there is a "
            f"network (`hf download {repository} {FILE}`) and copy {constants.HF_HUB_CACHE} or name the file "
            "with --weights."
        )
    return Path(found)
