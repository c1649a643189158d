"""Loading a CLIP, and its two inference passes: images to features, class prompts to features."""

import hashlib
import json
import logging
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from safetensors import SafetensorError
from torch.nn import functional

from engine.augment import Shifts, shift
from engine.clip.vision import image_features, is_plain
from engine.clip.weights import Source, find_weights
from engine.config import BackboneConfig
from engine.errors import EngineError
from engine.runtime import Runtime, set_threads

PROMPTS_AT_ONCE = 256


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """A frozen CLIP on its device.

    image_size: S, pixels. mean, std: of RGB in [0, 1]. embed_dim: D. logit_scale: exp of the parameter,
    100 for OpenAI's. context_length: tokens that the text tower reads. templates: prompts with {} for
    the class. fingerprint: names weights, architecture and image size; equal means equal features.
    """

    name: str
    model: Any
    tokenizer: Any
    runtime: Runtime
    image_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    embed_dim: int
    logit_scale: float
    context_length: int
    templates: tuple[str, ...]
    fingerprint: str

    def encode_images(
        self, pixels: np.ndarray, shifts: Shifts | None = None, prompts: torch.Tensor | None = None
    ) -> np.ndarray:
        """Return the image features I, (B, D) float32, unit L2; the arguments as in `image_features`."""
        with torch.inference_mode():
            return self.image_features(pixels, shifts, prompts).cpu().numpy()

    def image_features(
        self, pixels: np.ndarray, shifts: Shifts | None = None, prompts: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the image features I, (B, D) float32, unit L2, on the device and open to gradients.

        pixels: uint8 (B, S, S, 3). shifts: how each is shifted and mirrored first. prompts: (layers, V, W),
        see `engine.clip.vision.image_features`; only for a tower that `is_plain`.
        """
        image_BCHW = self.normalised(pixels, shifts)
        with self.runtime.autocast():
            visual = getattr(self.model, "visual", None)
            plain = is_plain(visual)
            image_BD = (
                image_features(visual, image_BCHW, prompts) if plain else self.model.encode_image(image_BCHW)
            )
        return functional.normalize(image_BD.float(), dim=-1)

    def normalised(self, pixels: np.ndarray | torch.Tensor, shifts: Shifts | None = None) -> torch.Tensor:
        """Return pictures as the image tower expects them, (B, 3, S, S) float32 on the device.

        pixels: uint8 (B, S, S, 3). shifts: how each is shifted and mirrored first.
        """
        device = self.runtime.device
        mean_C = torch.tensor(self.mean, device=device).view(3, 1, 1)
        std_C = torch.tensor(self.std, device=device).view(3, 1, 1)
        pixel_BCHW = torch.as_tensor(pixels).to(device).permute(0, 3, 1, 2)
        if shifts is not None:
            pixel_BCHW = shift(pixel_BCHW, shifts)
        return (pixel_BCHW.float() / 255.0 - mean_C) / std_C

    def size(self) -> dict[str, Any]:
        """Return what the cost of training this model depends on, JSON values (methods §13)."""
        visual: Any = getattr(self.model, "visual", None)
        known = is_plain(visual)
        return {
            "parameters": sum(each.numel() for each in self.model.parameters()),
            "image_size": self.image_size,
            "tokens": len(visual.positional_embedding) if known else None,
            "width": visual.conv1.out_channels if known else None,
            "layers": len(visual.transformer.resblocks) if known else None,
            "device": self.runtime.device.type,
            "dtype": str(self.runtime.dtype).removeprefix("torch."),
        }

    def class_features(self, prompts: Sequence[str]) -> np.ndarray:
        """Return the text features T, (K, D) float32, unit L2: the mean over the templates' unit features.

        prompts: (K,), what stands for {}. One that is too long loses its own end, not the template's.
        """
        texts = [self._fit(template, prompt) for prompt in prompts for template in self.templates]
        parts = []
        with torch.inference_mode():
            for start in range(0, len(texts), PROMPTS_AT_ONCE):
                tokens_BL = self.tokenizer(texts[start : start + PROMPTS_AT_ONCE]).to(self.runtime.device)
                with self.runtime.autocast():
                    text_BD = self.model.encode_text(tokens_BL)
                parts.append(functional.normalize(text_BD.float(), dim=-1))
            text_KTD = torch.cat(parts).view(len(prompts), len(self.templates), -1)
            return functional.normalize(text_KTD.mean(dim=1), dim=-1).cpu().numpy()

    def _fit(self, template: str, prompt: str) -> str:
        """Return the template with as much of the prompt as the text tower reads."""
        encode: Callable[[str], Sequence[int]] | None = getattr(self.tokenizer, "encode", None)
        room = self.context_length - 2  # the start and the end token

        def fits(length: int) -> bool:
            assert encode is not None
            return len(encode(template.replace("{}", prompt[:length].rstrip()))) <= room

        # No token of CLIP's is longer than this many characters, so no more of them can be read.
        length = min(len(prompt), 64 * self.context_length)
        if encode is None or fits(length):
            return template.replace("{}", prompt[:length])
        low, high = 0, length
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if fits(middle) else (low, middle)
        while low and not fits(low):
            low -= 1
        # A template that is too long by itself is left to the tokenizer, which keeps the end token.
        return template.replace("{}", prompt[: low or length].rstrip())


def load_backbone(config: BackboneConfig, runtime: Runtime) -> Backbone:
    """Return the CLIP of `config` on the device of `runtime`; no network is used.

    Raises EngineError when the weights are missing, damaged, or do not fit the model.
    """
    source = find_weights(config)
    templates = config.templates or source.templates
    for template in templates:
        if "{}" not in template:
            raise EngineError(f"The template {template!r} has no {{}} where the class goes; add it.")
    model, tokenizer = _load(source)
    preprocess = {**open_clip.get_model_preprocess_cfg(model), **source.preprocess}
    size = model.visual.image_size
    sizes = {size} if isinstance(size, int) else set(size)
    if len(sizes) != 1:
        raise EngineError(f"{config.model} reads images of {size} pixels; only square ones are supported.")
    image_size = int(sizes.pop())
    model.eval().requires_grad_(False).to(runtime.device)
    # Looking a token up costs nothing, so the table of tokens says nothing about the work.
    text_config = source.model_config.get("text_cfg", {})
    table = text_config.get("vocab_size", 49408) * text_config.get("width", 512)
    set_threads(sum(p.numel() for p in model.parameters()) - table)
    return Backbone(
        name=source.model,
        model=model,
        tokenizer=tokenizer,
        runtime=runtime,
        image_size=image_size,
        mean=tuple(preprocess["mean"]),
        std=tuple(preprocess["std"]),
        embed_dim=int(source.model_config["embed_dim"]),
        logit_scale=float(model.logit_scale.exp()),
        context_length=int(getattr(tokenizer, "context_length", None) or 77),
        templates=tuple(templates),
        fingerprint=_fingerprint(source, preprocess, image_size),
    )


def _load(source: Source) -> tuple[Any, Any]:
    # The root logger is open_clip's, and it tells of every step.
    level = logging.getLogger().level
    logging.getLogger().setLevel(logging.ERROR)
    try:
        is_directory = source.model.startswith("local-dir:")
        model = open_clip.create_model(
            source.model,
            pretrained=None if is_directory else str(source.file),
            precision="fp32",
            weights_only=True,
        )
    except (
        SafetensorError, pickle.UnpicklingError, RuntimeError, OSError, ValueError, LookupError, TypeError,
        AttributeError, AssertionError, EOFError, StopIteration,
    ) as error:  # fmt: skip
        raise EngineError(
            f"The weights in {source.file} are damaged or do not fit {source.model} ({_first_line(error)})."
        ) from error
    finally:
        logging.getLogger().setLevel(level)
    try:
        own: dict[str, Any] = {} if source.vocabulary is None else {"bpe_path": str(source.vocabulary)}
        return model, open_clip.get_tokenizer(source.model, **own)
    except (OSError, ImportError, ValueError, RuntimeError, EOFError) as error:
        raise EngineError(
            f"The tokenizer of {source.model} is not on this computer ({_first_line(error)}); "
            "take a model with CLIP's own."
        ) from error


def _first_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__


def _fingerprint(source: Source, preprocess: dict[str, Any], image_size: int) -> str:
    digest = hashlib.blake2b(_content_hash(source.file), digest_size=8)
    facts = [source.model_config, list(preprocess["mean"]), list(preprocess["std"]), image_size]
    digest.update(json.dumps(facts, sort_keys=True, default=str).encode())
    return digest.hexdigest()


def _content_hash(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha1").digest()
