"""Train the small CLIP that ships with Labelsieve, on pictures of the drawn world.

    python -m assets.build.train_clip --cache FOLDER

The same seed on the same machine and versions gives the same weights. It writes an open_clip local directory:
`open_clip_config.json`, `open_clip_model.safetensors` (float16), `bpe.txt.gz`, `templates.json`, and the
`training.json` that says how it went.
"""

import argparse
import contextlib
import ctypes
import json
import math
import os
import random
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from open_clip.transformer import PatchDropout
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from assets.build.bytepairs import BYTES, SPECIALS, learn_merges, write_merges
from assets.build.drawn import CONCEPTS, caption
from assets.build.pictures import CHECK_SEEDS, CHECK_SIZE, LEARN_SEEDS, SIZE, Pictures, load_pictures

OUT = Path(__file__).parents[1] / "model"
SEED = 0
VOCABULARY = 2_000
CONTEXT = 24
MEAN = (0.5, 0.5, 0.5)
STD = (0.25, 0.25, 0.25)
TEMPLATES = (
    "{}",
    "a {}",
    "a picture of a {}",
    "a drawing of a {}",
    "an image of a {}",
    "a cartoon of a {}",
    "an illustration of a {}",
    "a photo of a {}.",
)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How the model is trained. `whole` is the last share of the steps, in which it sees all patches."""

    steps: int = 2_200
    batch: int = 128
    rate: float = 1.2e-3
    decay: float = 0.1
    warmup: int = 120
    dropped: float = 0.5
    whole: float = 0.1
    kin: float = 0.3
    averaging: float = 0.99


def keep_memory() -> None:
    """Have glibc keep what is freed: fetching the pages of large tensors anew took a third of each step."""
    with contextlib.suppress(OSError, AttributeError):  # another libc
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(-4, 0)  # M_MMAP_MAX: large blocks come from the heap, too
        libc.mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD: the heap does not shrink


def model_config(vocabulary: int) -> dict[str, Any]:
    """Return open_clip's `model_cfg`."""
    return {
        "embed_dim": 128,
        "vision_cfg": {"image_size": SIZE, "patch_size": 8, "width": 192, "layers": 6, "head_width": 64},
        "text_cfg": {
            "context_length": CONTEXT,
            "vocab_size": vocabulary,
            "width": 192,
            "heads": 3,
            "layers": 2,
            "tokenizer_kwargs": {"bpe_path": "bpe.txt.gz"},
        },
        "quick_gelu": False,
    }


def contrast(image_BD: torch.Tensor, text_BD: torch.Tensor, classes: torch.Tensor, scale: Any, kin: float):
    """Return CLIP's loss in nats with soft targets (a scalar, float32).

    image_BD, text_BD: unit L2. classes: (B,). Pictures of one concept share most words, so the captions of
    the others of its concept carry `kin` of the weight of a picture's own.
    """
    target_BB = kin * (classes[:, None] == classes[None, :]).float()
    target_BB.fill_diagonal_(1.0)
    target_BB /= target_BB.sum(dim=1, keepdim=True)
    logits_BB = scale * image_BD @ text_BD.T
    return (
        functional.cross_entropy(logits_BB, target_BB) + functional.cross_entropy(logits_BB.T, target_BB)
    ) / 2


def normalised(pixels: np.ndarray) -> torch.Tensor:
    """Return float32 (B, 3, S, S) of uint8 (B, S, S, 3)."""
    image_BCHW = torch.from_numpy(np.array(pixels)).permute(0, 3, 1, 2).float() / 255.0
    return (image_BCHW - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


def varied(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the pictures shifted by up to four pixels, some seen through a lens that is not quite clean."""
    padded = np.pad(pixels, ((0, 0), (4, 4), (4, 4), (0, 0)), mode="edge")
    shifts = rng.integers(0, 9, (len(pixels), 2))
    out = np.stack([p[y : y + SIZE, x : x + SIZE] for p, (y, x) in zip(padded, shifts, strict=True)])
    bright = rng.uniform(0.85, 1.15, (len(pixels), 1, 1, 1)).astype(np.float32)
    return (out * bright).clip(0, 255).astype(np.uint8)


class Lessons:
    """Batches of pictures and captions; each is a function of the seed and its number."""

    def __init__(self, pictures: Pictures, tokenizer: Any, batch: int) -> None:
        self._pictures, self._tokenizer, self._batch = pictures, tokenizer, batch
        self._classes = torch.from_numpy(pictures.classes)
        self._a_round = len(pictures.facts) // batch

    def take(self, step: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return images (B, 3, S, S), tokens (B, L) and concepts (B,) of a step."""
        turn, place = divmod(step, self._a_round)
        order = np.random.default_rng((SEED, turn)).permutation(len(self._pictures.facts))
        rows = np.sort(order[place * self._batch : (place + 1) * self._batch])
        rng = np.random.default_rng((SEED, 1, step))
        texts = [caption(self._pictures.facts[row], rng) for row in rows]
        return (
            normalised(varied(self._pictures.pixels[rows], rng)),
            self._tokenizer(texts),
            self._classes[rows],
        )


def train(
    model: Any, lessons: Lessons, recipe: Recipe, check: Any
) -> tuple[dict[str, torch.Tensor], list[dict]]:
    """Return the running mean of the weights, and the log; `check(model)` is told now and then."""
    flat = [p for p in model.parameters() if p.ndim < 2]
    rest = [p for p in model.parameters() if p.ndim >= 2]
    groups = [{"params": rest, "weight_decay": recipe.decay}, {"params": flat, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=recipe.rate, betas=(0.9, 0.98), eps=1e-6)
    mean = {name: value.detach().clone() for name, value in model.state_dict().items()}
    model.visual.patch_dropout = PatchDropout(recipe.dropped)
    log, began, heard = [], time.monotonic(), 0.0
    for step in range(recipe.steps):
        if step == int(recipe.steps * (1 - recipe.whole)):
            model.visual.patch_dropout = nn.Identity()
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate * schedule(step, recipe)
        image_BCHW, tokens_BL, classes = lessons.take(step)
        model.train()
        image_BD = model.encode_image(image_BCHW, normalize=True)
        text_BD = model.encode_text(tokens_BL, normalize=True)
        loss = contrast(image_BD, text_BD, classes, model.logit_scale.exp(), recipe.kin)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, math.log(100))
            kept = min(recipe.averaging, (1 + step) / (10 + step))
            for name, value in model.state_dict().items():
                mean[name].lerp_(value, 1 - kept) if value.is_floating_point() else mean[name].copy_(value)
        heard += loss.item()
        if (step + 1) % 50 == 0:
            entry: dict[str, Any] = {
                "step": step + 1,
                "loss": round(heard / 50, 4),
                "seconds": round(time.monotonic() - began),
            }
            if (step + 1) % 400 == 0:
                entry["check"] = check(model)
            log.append(entry)
            print(json.dumps(entry), flush=True)
            heard = 0.0
    return mean, log


def schedule(step: int, recipe: Recipe) -> float:
    """Return the share of the rate at a step: up in a line, down in a cosine to a hundredth."""
    if step < recipe.warmup:
        return (step + 1) / recipe.warmup
    done = (step - recipe.warmup) / (recipe.steps - recipe.warmup)
    return 0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2


def zero_shot(model: Any, tokenizer: Any, pictures: Pictures) -> float:
    """Return the share of pictures whose concept comes first among all, with the templates that ship."""
    model.eval()
    with torch.no_grad():
        parts = []
        for name in CONCEPTS:
            text_TD = model.encode_text(tokenizer([t.format(name) for t in TEMPLATES]), normalize=True)
            parts.append(functional.normalize(text_TD.mean(dim=0), dim=-1))
        class_KD = torch.stack(parts)
        hits = 0
        for start in range(0, len(pictures.facts), 256):
            image_BD = model.encode_image(normalised(pictures.pixels[start : start + 256]), normalize=True)
            best = (image_BD @ class_KD.T).argmax(dim=1).numpy()
            hits += int((best == pictures.classes[start : start + 256]).sum())
    return round(hits / len(pictures.facts), 4)


def write_model(out: Path, config: dict[str, Any], weights: dict[str, torch.Tensor]) -> None:
    """Write the open_clip directory, apart from the vocabulary."""
    preprocess = {"mean": MEAN, "std": STD, "size": SIZE, "interpolation": "bicubic"}
    settings = {"model_cfg": config, "preprocess_cfg": preprocess}
    (out / "open_clip_config.json").write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
    (out / "templates.json").write_text(json.dumps(TEMPLATES, indent=1) + "\n", encoding="utf-8")
    halves = {n: v.half().contiguous() for n, v in weights.items() if n != "attn_mask"}
    save_file(halves, out / "open_clip_model.safetensors")


def main() -> None:
    """Draw what is missing, train, judge, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--cache", type=Path, required=True, help="folder for the drawn pictures")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    asked = parser.parse_args()
    recipe = Recipe(steps=asked.steps)
    asked.out.mkdir(parents=True, exist_ok=True)
    learn = load_pictures(asked.cache, LEARN_SEEDS, SIZE)
    held_out = load_pictures(asked.cache, CHECK_SEEDS, CHECK_SIZE)

    keep_memory()
    random.seed(SEED)
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    wordings = [caption(learn.facts[row], rng) for row in rng.integers(0, len(learn.facts), 100_000)]
    merges = learn_merges([*wordings, *CONCEPTS], VOCABULARY - BYTES - SPECIALS)
    write_merges(asked.out / "bpe.txt.gz", merges)
    tokenizer = open_clip.SimpleTokenizer(bpe_path=str(asked.out / "bpe.txt.gz"), context_length=CONTEXT)
    config = model_config(tokenizer.vocab_size)
    shape = {key: value for key, value in config.items() if key != "text_cfg"}
    text_shape: Any = {key: value for key, value in config["text_cfg"].items() if key != "tokenizer_kwargs"}
    model = open_clip.CLIP(**shape, text_cfg=text_shape)

    began, used = time.monotonic(), time.process_time()
    check = partial(zero_shot, tokenizer=tokenizer, pictures=held_out)
    weights, log = train(model, Lessons(learn, tokenizer, recipe.batch), recipe, check)
    seconds, processor = time.monotonic() - began, time.process_time() - used
    model.load_state_dict({name: value.half().float() for name, value in weights.items()})
    model.visual.patch_dropout = nn.Identity()
    write_model(asked.out, config, weights)
    told = {
        "recipe": recipe.__dict__,
        "seed": SEED,
        "pictures": len(learn.facts),
        "concepts": len(CONCEPTS),
        "vocabulary": tokenizer.vocab_size,
        "parameters": sum(p.numel() for p in model.parameters()),
        "bytes": os.path.getsize(asked.out / "open_clip_model.safetensors"),
        "drawing_seconds": round(learn.seconds + held_out.seconds),
        "training_seconds": round(seconds),
        "processor_seconds": round(processor),
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "open_clip": open_clip.__version__,
        "held_out_pictures": len(held_out.facts),
        "zero_shot_accuracy_all_concepts": zero_shot(model, tokenizer, held_out),
        "log": log,
    }
    (asked.out / "training.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(told["zero_shot_accuracy_all_concepts"], round(seconds), round(processor))


if __name__ == "__main__":
    main()
