"""A CLIP that answers through prompts: learned ones or plain words, the towers frozen or not.

    z_ik = s·⟨I_i, T_k⟩ with T_k the text feature of [SOT][learned vectors][words] name_k . EOT

s is the model's own scale, 100 for OpenAI's, and never learns (methods §7.1). What learns is the prompts of
`engine.clip.coupled`, and with `trains_towers` a copy of the model's weights: every one of both towers but
the logit scale, or without the tables of words and places.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from engine.augment import Shifts
from engine.clip.backbone import Backbone
from engine.clip.coupled import Prompts, coupled_prompts, image_features, text_prompts
from engine.clip.names import Names, longest_context, read_names
from engine.clip.text import embed_words, is_plain_text, prompted_features
from engine.clip.vision import is_plain
from engine.errors import EngineError
from engine.progress import Report
from engine.rows import Rows
from engine.scoring import encode_all

TABLES = ("token_embedding", "positional_embedding")


@dataclass(frozen=True, kw_only=True)
class Prompted:
    """A CLIP with prompts before the names of K classes; D is the length of a feature.

    backbone: its model is a copy where the towers learn. word_R: ids of the words that follow the learned
    vectors and do not learn as prompts, (R,) int64. towers: what of the model learns, by name.
    """

    backbone: Backbone
    names: Names
    prompts: Prompts
    word_R: torch.Tensor
    towers: dict[str, torch.Tensor]

    @property
    def parameters(self) -> dict[str, torch.Tensor]:
        """All that is trained: leaves, their names begin with "prompt." and "tower."."""
        prompts = {f"prompt.{name}": value for name, value in self.prompts.parameters.items()}
        return prompts | {f"tower.{name}": value for name, value in self.towers.items()}

    def text_features(self) -> torch.Tensor:
        """Return T, (K, D) float32, unit L2, open to gradients."""
        model, prompts = self.backbone.model, self.prompts
        with self.backbone.runtime.autocast():
            context_MW = torch.cat([prompts.context, embed_words(model, self.word_R)])
            deep_JMW = prompts.deep if len(prompts.deep) else None
            return prompted_features(model, context_MW, self.names, deep_JVW=deep_JMW)

    def image_features(self, pixels: np.ndarray, shifts: Shifts | None = None) -> torch.Tensor:
        """Return I, (B, D) float32, unit L2, open to gradients; the arguments as of `Backbone`."""
        if self.prompts.weight is None:
            return self.backbone.image_features(pixels, shifts)
        return self.see(self.backbone.normalised(pixels, shifts))

    def see(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        """Return I of normalised images, (B, D) float32, unit L2, where the image tower has prompts."""
        prompts_JMV = self.prompts.for_images()
        assert prompts_JMV is not None
        with self.backbone.runtime.autocast():
            image_BD = image_features(self.backbone.model.visual, image_BCHW, prompts_JMV)
        return functional.normalize(image_BD.float(), dim=-1)

    def logits(self, image_BD: torch.Tensor, text_KD: torch.Tensor) -> torch.Tensor:
        """Return z = s·I·Tᵀ, (B, K) float32."""
        return self.backbone.logit_scale * (image_BD @ text_KD.T)

    def answers(self, feature_ND: np.ndarray) -> np.ndarray:
        """Return z of image features, (N, K) float32, without gradients."""
        with torch.inference_mode():
            text_KD = self.text_features().cpu().numpy()
        return np.float32(self.backbone.logit_scale) * (feature_ND @ text_KD.T)

    def all_image_features(
        self, pixels: Rows, *, batch_size: int, report: Report, stage: str = "scoring"
    ) -> np.ndarray:
        """Return I of all pictures as they are, (N, D) float32, unit L2, without gradients; N ≥ 1."""

        def encode(some: np.ndarray) -> np.ndarray:
            with torch.inference_mode():
                return self.image_features(some).cpu().numpy()

        backbone = self.backbone
        return encode_all(
            encode,
            pixels,
            runtime=backbone.runtime,
            name=backbone.name,
            batch_size=batch_size,
            report=report,
            stage=stage,
        )


def learn_coupled(
    backbone: Backbone,
    prompts: Sequence[str],
    generator: torch.Generator,
    *,
    words: str,
    n_context: int,
    depth: int,
    trains_towers: bool,
    freeze_embeddings: bool = False,
) -> Prompted:
    """Return a CLIP with prompts in both towers, as MaPLe has them (methods §7.1).

    prompts: (K,), of the classes. words: what stands before the class; `n_context` learned vectors take the
    place of its first words and begin as they are, the rest stays fixed. generator: on the CPU. Raises
    EngineError where a tower has no place for prompts.
    """
    check_text(backbone)
    check_images(backbone)
    return _prompted(
        backbone,
        prompts,
        words,
        lambda model, word_L: coupled_prompts(model, word_L, n_context, depth, generator),
        trains_towers=trains_towers,
        freeze_embeddings=freeze_embeddings,
    )


def learn_context(
    backbone: Backbone,
    prompts: Sequence[str],
    generator: torch.Generator,
    *,
    n_context: int,
    trains_towers: bool,
) -> Prompted:
    """Return a CLIP with learned vectors before the class names, at most as many as leave room for them.

    They begin by chance (CoOp, methods §9). The arguments as above.
    """
    check_text(backbone)
    if trains_towers:
        check_images(backbone)
    room = max(1, longest_context(backbone.tokenizer, prompts, backbone.context_length))
    length = min(n_context, room)
    return _prompted(
        backbone,
        prompts,
        "",
        lambda model, _: text_prompts(model, length, generator),
        trains_towers=trains_towers,
    )


def keep_words(
    backbone: Backbone, prompts: Sequence[str], *, words: str, freeze_embeddings: bool
) -> Prompted:
    """Return a CLIP whose towers learn around a prompt that stays the same words (methods §1)."""
    check_text(backbone)
    check_images(backbone)
    nothing = torch.Generator()
    return _prompted(
        backbone,
        prompts,
        words,
        lambda model, _: text_prompts(model, 0, nothing),
        trains_towers=True,
        freeze_embeddings=freeze_embeddings,
    )


def check_text(backbone: Backbone) -> None:
    """Raise EngineError where the text side is not CLIP's own."""
    if not is_plain_text(backbone.model):
        raise EngineError(
            f"The text side of {backbone.name} is not CLIP's, through which this detector learns; take a "
            "CLIP."
        )


def check_images(backbone: Backbone) -> None:
    """Raise EngineError where the image tower is no plain vision transformer."""
    if not is_plain(getattr(backbone.model, "visual", None)):
        raise EngineError(
            f"The image tower of {backbone.name} is no plain vision transformer, so nothing in it can be "
            "trained; take a ViT."
        )


def _prompted(
    backbone: Backbone,
    class_prompts: Sequence[str],
    words: str,
    begin: Callable[[Any, torch.Tensor], Prompts],
    *,
    trains_towers: bool,
    freeze_embeddings: bool = False,
) -> Prompted:
    """Return the whole; begin: (model, ids of the words) → the prompts as they are before any training."""
    towers: dict[str, torch.Tensor] = {}
    if trains_towers:
        model = copy.deepcopy(backbone.model).requires_grad_(False)
        backbone = replace(backbone, model=model)
        towers = {
            name: parameter.requires_grad_()
            for name, parameter in model.named_parameters()
            if not name.startswith("logit_")
            and not (freeze_embeddings and name.removesuffix(".weight").endswith(TABLES))
        }
    length = backbone.context_length
    # Reading no name first refuses what is no tokenizer of CLIP's, in a sentence.
    read_names(backbone.tokenizer, [], n_context=0, context_length=length)
    word_L = torch.tensor(backbone.tokenizer.encode(words) if words else [], dtype=torch.int64)
    word_L = word_L.to(backbone.runtime.device)
    prompts = begin(backbone.model, word_L)
    rest_R = word_L[len(prompts.context) :]
    names = read_names(
        backbone.tokenizer,
        class_prompts,
        n_context=len(prompts.context) + len(rest_R),
        context_length=length,
    )
    return Prompted(backbone=backbone, names=names, prompts=prompts, word_R=rest_R, towers=towers)
