"""A whole training step of DeFT, against prompts of 77 tokens, and by the number of classes.

    python -m benchmarks.deft_step [--repeats 3] [--device auto]

ViT-B/32 with random weights, batch 64, 16 context vectors, 20 deep prompts in the image tower, planted noise,
after the warm-up: features of shifted pictures, both text towers, both losses, gradients and SGD. In turn:

77 tokens      the text features of all K classes from whole prompts, for both contexts, as published
shared prefix  what `deft` does

Both with the same image tower, scaled_dot_product_attention, dtype and batch. Names: of one word or two at
K = 10 and 100, as long as ImageNet's at K = 1,000, where the 77 tokens are left out (tens of gigabytes).
"""

import argparse
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import numpy as np
import open_clip
import torch

from benchmarks.machine import circumstances
from benchmarks.text_tower import full_length_features, simple_names, specific_names
from engine.augment import draw_shifts
from engine.clip.backbone import Backbone
from engine.clip.names import Names, read_names
from engine.clip.vision import new_prompts
from engine.detectors.deft.terms import Prompts, read_labels, terms_of
from engine.draws import Draws
from engine.manifest import Manifest, Pin
from engine.runtime import DeviceName, Runtime, pick_runtime
from engine.settings import DeftConfig

BATCH = 64


def random_clip(runtime: Runtime, name: str = "ViT-B-32-quickgelu") -> Backbone:
    """Return a CLIP that has learned nothing; name: of a ViT-B, as open_clip knows it."""
    torch.manual_seed(0)
    model: Any = open_clip.create_model(name, pretrained=None)
    model.eval().requires_grad_(False).to(runtime.device)
    return Backbone(
        name=f"{name}, random weights",
        model=model,
        tokenizer=open_clip.get_tokenizer(name),
        runtime=runtime,
        image_size=224,
        mean=(0.5, 0.5, 0.5),
        std=(0.25, 0.25, 0.25),
        embed_dim=512,
        logit_scale=100.0,
        context_length=77,
        templates=("a photo of a {}.",),
        fingerprint="random",
    )


class WholePrompts(Prompts):
    """The same prompts in full: all classes, whatever the batch needs."""

    def features(self, context_MW: torch.Tensor, rows: torch.Tensor | None = None) -> torch.Tensor:
        """Return T of the classes in `rows`, computed for all of them."""
        with self.backbone.runtime.autocast():
            text_KD = full_length_features(self.backbone.model, context_MW, self.names)
        return text_KD if rows is None else text_KD[rows]


class PromptedPixels:
    """The image tower with prompts, on pictures of noise."""

    name, reason = "vpt", "for the benchmark"

    def __init__(self, clip: Backbone, draws: Draws, prompts: torch.Tensor, n: int):
        self._clip, self._draws, self._prompts = clip, draws, prompts
        self._pixels = np.random.default_rng(0).integers(0, 256, (n, 224, 224, 3), dtype=np.uint8)

    def features(self, rows: np.ndarray, epoch: int) -> torch.Tensor:
        """Return I of these rows."""
        shifts = draw_shifts(self._draws, epoch, self._clip.image_size).take(rows)
        return self._clip.image_features(self._pixels[rows], shifts, self._prompts)


def make_manifest(n: int, class_names: Sequence[str]) -> Manifest:
    """Return n undecided samples of which nobody has a picture."""
    ids = tuple(f"{i:03}" for i in range(n))
    return Manifest(
        sample_ids=ids,
        paths=ids,
        given=np.arange(n) * 7 % len(class_names),
        class_names=tuple(class_names),
        class_prompts=tuple(class_names),
        pins=(Pin.NONE,) * n,
        pin_labels=((),) * n,
    )


def make_step(
    clip: Backbone, class_names: Sequence[str], kind: type[Prompts] = Prompts, batch: int = BATCH
) -> Callable[[], None]:
    """Return a function that does one optimiser step."""
    manifest = make_manifest(batch, class_names)
    generator, device = torch.Generator().manual_seed(0), clip.runtime.device
    contexts = [(0.02 * torch.randn(16, 512, generator=generator)).to(device) for _ in range(2)]
    prompts = new_prompts(clip.model.visual, 20, generator).to(device)
    parameters = [each.requires_grad_() for each in (*contexts, prompts)]
    names: Names = read_names(clip.tokenizer, class_names, n_context=16, context_length=77)
    draws, config = Draws(manifest.sample_ids, 0), DeftConfig(noise="planted")
    tower: Any = PromptedPixels(clip, draws, prompts, batch)
    texts = kind(backbone=clip, names=names, positive=contexts[0], negative=contexts[1])
    terms = terms_of(config, tower, texts, read_labels(manifest, device), draws)
    optimiser = torch.optim.SGD(parameters, lr=0.0, momentum=0.9)

    def step() -> None:
        optimiser.zero_grad()
        found = terms(np.arange(batch), 2)
        total = torch.stack([value / max(count, 1) for value, count in found.losses.values()]).sum()
        total.backward()
        optimiser.step()
        if device.type == "cuda":
            torch.cuda.synchronize()

    return step


def seconds(steps: dict[str, Callable[[], None]], repeats: int) -> dict[str, list[float]]:
    """Return the seconds of each step, the ways in turn; the first round is not counted."""
    found: dict[str, list[float]] = {way: [] for way in steps}
    for number in range(repeats + 1):
        for way, step in steps.items():
            began = time.perf_counter()
            step()
            if number:
                found[way].append(time.perf_counter() - began)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))
    asked = parser.parse_args()
    device: DeviceName = asked.device
    runtime = pick_runtime(device)
    clip = random_clip(runtime)
    steps = {
        "K = 100, 77 tokens": make_step(clip, simple_names(100), WholePrompts),
        "K = 100, shared prefix": make_step(clip, simple_names(100), Prompts),
        "K = 10, shared prefix": make_step(clip, simple_names(10), Prompts),
        "K = 1,000, shared prefix": make_step(clip, specific_names(1000), Prompts),
    }
    found = seconds(steps, asked.repeats)
    middle = {way: median(each) for way, each in found.items()}
    print(circumstances())
    print(f"{runtime.device}, {runtime.dtype}, {torch.get_num_threads()} threads\n")
    print("| step | seconds, median | least – most |\n|---|---|---|")
    for way, each in found.items():
        print(f"| {way} | {middle[way]:.2f} | {min(each):.2f} – {max(each):.2f} |")
    print(f"\nK = 100: {middle['K = 100, 77 tokens'] / middle['K = 100, shared prefix']:.2f} times faster")
    ratio = middle["K = 1,000, shared prefix"] / middle["K = 10, shared prefix"]
    print(f"K = 1,000 takes {ratio:.2f} times as long as K = 10")


if __name__ == "__main__":
    main()
