"""Which device a run computes on, in which precision, and why."""

import os
import random
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from engine import distributed
from engine.errors import EngineError

DeviceName = Literal["auto", "cpu", "cuda", "mps"]

# Below this size one thread per batch and a batch per core beat one batch on all cores: on two cores the
# small CLIP (1.3 million parameters beside its token table) embeds 1,000 images in 1.8 against 2.3 s.
SMALL_MODEL = 10_000_000


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """device and dtype of the forward passes (float32, or bfloat16 under autocast); reason: a sentence."""

    device: torch.device
    dtype: torch.dtype
    reason: str

    def autocast(self) -> AbstractContextManager[object]:
        """Return the context of a forward pass; master weights and losses stay float32."""
        if self.dtype is torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.dtype)


def pick_runtime(device: DeviceName = "auto") -> Runtime:
    """Return the device asked for, or the fastest there is; EngineError when it is missing."""
    if device == "cuda" or (device == "auto" and torch.cuda.is_available()):
        return _cuda(device)
    if device == "mps" or (device == "auto" and torch.backends.mps.is_available()):
        if not torch.backends.mps.is_available():
            raise EngineError("The device is 'mps', and there is none here; set device to 'auto' or 'cpu'.")
        reason = _because(device, "This computer has an Apple GPU.")
        return Runtime(device=torch.device("mps"), dtype=torch.float32, reason=reason)
    reason = _because(device, "No GPU was found.")
    return Runtime(device=torch.device("cpu"), dtype=torch.float32, reason=reason)


def _cuda(device: DeviceName) -> Runtime:
    if not torch.cuda.is_available():
        build = "was built without CUDA" if torch.version.cuda is None else "finds no usable GPU"
        raise EngineError(
            f"The device is 'cuda', and torch {torch.__version__} {build}; set device to 'auto' or 'cpu'."
        )
    # Emulated bfloat16 (before Ampere) is slower than float32.
    device_here = _own_gpu()
    native = torch.cuda.is_bf16_supported(including_emulation=False)
    precision = "in bfloat16" if native else "in float32, because it has no bfloat16"
    return Runtime(
        device=device_here,
        dtype=torch.bfloat16 if native else torch.float32,
        reason=_because(device, f"{torch.cuda.get_device_name()} was found and computes {precision}."),
    )


def _own_gpu() -> torch.device:
    """Return the GPU; of several processes on one computer each has its own."""
    team = distributed.team()
    if team.size == 1:
        return torch.device("cuda")
    if team.local_size > torch.cuda.device_count():
        raise EngineError(
            f"There are {team.local_size} processes and {torch.cuda.device_count()} GPUs on this computer; "
            f"start torchrun with --nproc-per-node {torch.cuda.device_count()}, or set device to 'cpu'."
        )
    torch.cuda.set_device(team.local_rank)
    return torch.device("cuda", team.local_rank)


def _because(device: DeviceName, found: str) -> str:
    return found if device == "auto" else f"The settings ask for {device!r}."


def set_threads(n_parameters: int) -> int:
    """Set how many threads one operation uses on the CPU with a model of this size; return the number."""
    if n_parameters < SMALL_MODEL:
        torch.set_num_threads(1)
    elif distributed.team().size > 1:
        torch.set_num_threads(cores())  # torchrun has set it to 1
    return torch.get_num_threads()


def cores() -> int:
    """Return how many cores this process has to itself: those of the computer, shared out evenly."""
    return max(1, (os.cpu_count() or 1) // distributed.team().local_size)


@contextmanager
def every_core() -> Iterator[None]:
    """Compute each operation on all cores: of a training no second batch can be worked beside the first."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(before, cores()))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def seed_everything(seed: int) -> None:
    """Seed every generator that somebody might draw from without saying so; called once, by the job."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
