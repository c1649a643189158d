"""What a training keeps after each epoch, to be taken up again.

    checkpoint.safetensors   parameters and the optimiser's buffers; its header says of what and how far
    checkpoint.json          the same words for people and for the app, written after it

The one file is replaced whole, so a killed process leaves either the earlier epoch or the later one.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from engine import collective, distributed
from engine.artifacts import CHECKPOINT, CHECKPOINT_WORDS, write_json
from engine.errors import EngineError
from engine.manifest import Manifest


class Progress(BaseModel):
    """One epoch as the curves show it. loss, losses: nats per sample; selected, agreement: [0, 1].

    figures: what else a detector tells of the state after it, by name.
    """

    model_config = ConfigDict(frozen=True)

    epoch: int
    loss: float
    losses: dict[str, float]
    learning_rate: float
    seconds: float
    selected: float | None = None
    agreement: float | None = None
    figures: dict[str, float] = {}


def fingerprint(manifest: Manifest, *facts: object) -> str:
    """Return what names a training: samples, labels and pins, and `facts` (settings, model, seed)."""
    digest = hashlib.blake2b(digest_size=16)
    rows = (manifest.sample_ids, manifest.given.tolist(), manifest.pins, manifest.pin_labels)
    for part in (manifest.class_prompts, *rows, *facts):
        # A file name need not be UTF-8.
        digest.update(repr(part).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


class Checkpoint:
    """The checkpoint of the training `name` in a run directory; one of another training is not taken up."""

    def __init__(self, run_dir: Path, name: str):
        self._file, self._words, self._name = run_dir / CHECKPOINT, run_dir / CHECKPOINT_WORDS, name

    def load(
        self, parameters: Mapping[str, torch.Tensor], optimiser: torch.optim.Optimizer
    ) -> tuple[Progress, ...]:
        """Fill `parameters` and `optimiser` in and return the epochs so far; () where there are none.

        Raises EngineError where several processes do not see the same file.
        """
        # Nobody reads before the first process has written what came before, or trains on before all have
        # read: it would replace the file.
        distributed.meet()
        history = self._load(parameters, optimiser)
        collective.agree("the epochs that are done", len(history))
        return history

    def _load(
        self, parameters: Mapping[str, torch.Tensor], optimiser: torch.optim.Optimizer
    ) -> tuple[Progress, ...]:
        try:
            with safe_open(self._file, framework="pt") as stored:
                words = json.loads((stored.metadata() or {}).get("training", "{}"))
                if words.get("name") != self._name:
                    return ()
                tensors = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118 - no mapping
        except (FileNotFoundError, SafetensorError, json.JSONDecodeError):
            return ()
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter.copy_(tensors[f"parameter.{name}"])
                for key, buffer in tensors.items():
                    if key.startswith("optimiser.") and key.endswith(f"/{name}"):
                        # The count of steps stays on the CPU, as torch has it.
                        word = key.removeprefix("optimiser.").removesuffix(f"/{name}")
                        optimiser.state[parameter][word] = (
                            buffer if word == "step" else buffer.to(parameter.device)
                        )
        return tuple(Progress(**each) for each in words["history"])

    def save(
        self,
        parameters: Mapping[str, torch.Tensor],
        optimiser: torch.optim.Optimizer,
        history: Sequence[Progress],
    ) -> None:
        """Replace the checkpoint; raises EngineError where a parameter is no number any more.

        Of several processes, which have the same values, the first one writes.
        """
        tensors = {f"parameter.{name}": value.detach().cpu() for name, value in parameters.items()}
        if not all(value.isfinite().all() for value in tensors.values()):
            raise EngineError(
                f"The training has left the numbers after epoch {len(history)}; its last good checkpoint is "
                f"epoch {len(history) - 1}. Start a run with a lower learning rate."
            )
        if not distributed.team().is_first:
            return
        for name, parameter in parameters.items():
            for word, buffer in optimiser.state.get(parameter, {}).items():
                if isinstance(buffer, torch.Tensor):
                    tensors[f"optimiser.{word}/{name}"] = buffer.detach().cpu()
        epochs = [each.model_dump() for each in history]
        words = {"name": self._name, "epoch": len(epochs), "history": epochs}
        part = self._file.with_name(f"{self._file.name}.{os.getpid()}.part")
        save_file(
            {name: value.contiguous() for name, value in tensors.items()},
            part,
            metadata={"training": json.dumps(words)},
        )
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(self._file)
        write_json(self._words, words)
