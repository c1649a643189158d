"""What the allocator holds at most in a training step: DeFT on ViT-B/16, AVL-Prompter's two ViT-B/32.

    python -m benchmarks.memory [--methods deft,avl_prompter] [--batch 64] [--device auto] [--bf16]

Random weights, K = 100, pictures of noise, two optimiser steps as the detectors do them, so that the buffers
of the optimiser are there in the second. On a GPU the figure is its allocator's own peak. On a CPU it is the
highest sum of what the allocator of tensors gave and took back, on top of the weights that were there before;
the memory that threads and libraries take by themselves is no part of it, and activations in float32, as a
CPU has them, are twice as large as a GPU's. `--bf16` computes in bfloat16 on a CPU, too, slowly.

DeFT          16 context vectors, 20 deep prompts, frozen towers, batch 64
AVL-Prompter  two copies of the model, all weights and prompts learn, 64 trusted and 64 other pictures a step
"""

import argparse
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.deft_step import make_manifest, make_step, random_clip
from benchmarks.machine import circumstances
from benchmarks.text_tower import simple_names
from engine.clip.backbone import Backbone
from engine.detectors.avl_prompter import plan
from engine.detectors.avl_prompter.steps import NETWORKS, steps_of
from engine.detectors.avl_prompter.terms import Views, terms_of
from engine.detectors.deft.terms import read_labels
from engine.draws import Draws
from engine.progress import silent
from engine.prompted import learn_coupled
from engine.rows import Rows
from engine.runtime import DeviceName, Runtime, pick_runtime
from engine.settings import AvlPrompterConfig
from engine.training import train

N_CLASSES = 100
MODELS = {"deft": "ViT-B-16-quickgelu", "avl_prompter": "ViT-B-32-quickgelu"}


def deft_steps(clip: Backbone, batch: int) -> Callable[[], None]:
    """Return a function that does two steps of phase 1."""
    step = make_step(clip, simple_names(N_CLASSES), batch=batch)

    def both() -> None:
        for _ in range(2):
            step()

    return both


def avl_steps(clip: Backbone, batch: int) -> Callable[[], None]:
    """Return a function that makes both networks and does a step of each, with half of the labels trusted."""
    n = 2 * batch
    manifest = make_manifest(n, simple_names(N_CLASSES))
    ids = manifest.sample_ids
    size = clip.image_size
    pixels = np.random.default_rng(0).integers(0, 256, (n, size, size, 3), dtype=np.uint8)
    config = AvlPrompterConfig(epochs=1, batch_size=batch)

    def both() -> None:
        networks = [
            learn_coupled(
                clip,
                manifest.class_prompts,
                torch.Generator().manual_seed(number),
                words=config.words,
                n_context=config.n_context,
                depth=config.depth,
                trains_towers=True,
            )
            for number in NETWORKS
        ]
        rows = Rows(store=pixels, index=np.arange(n), keys=ids)
        trusted = [np.arange(n) < batch] * len(NETWORKS)
        views = Views(config=config, pixels=rows, sample_ids=ids, seed=0)
        labels = read_labels(manifest, clip.runtime.device)
        parameters = {
            f"{'ab'[number]}.{name}": value
            for number in NETWORKS
            for name, value in networks[number].parameters.items()
        }
        draws = Draws(ids, 0)
        train(
            parameters,
            terms_of(config, networks, views, labels, trusted),
            lambda epoch: steps_of(trusted, draws, epoch, batch),
            plan(config),
            None,
            silent,
        )

    return both


def peak(do: Callable[[], None], runtime: Runtime) -> int:
    """Return the most bytes that the allocator held at once while it was done, of those that it gave."""
    if runtime.device.type == "cuda":
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        do()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        do()
    found = seen.profiler.kineto_results.events()  # type: ignore[union-attr]
    changes = sorted(
        (each.start_ns(), each.nbytes())  # pyright: ignore[reportAttributeAccessIssue]
        for each in found
        if each.name() == "[memory]"
    )
    return int(np.cumsum([nbytes for _, nbytes in changes]).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--methods", default=",".join(MODELS))
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))
    parser.add_argument("--bf16", action="store_true")
    asked = parser.parse_args()
    device: DeviceName = asked.device
    runtime = pick_runtime(device)
    if asked.bf16:
        runtime = replace(runtime, dtype=torch.bfloat16)
    print(f"{circumstances()}\n{runtime.device}, {runtime.dtype}, batch {asked.batch}, K = {N_CLASSES}\n")
    print("| method | model | weights, GB | peak beside them, GB |\n|---|---|---|---|")
    for method in asked.methods.split(","):
        clip = random_clip(runtime, MODELS[method])
        weights = sum(each.numel() * each.element_size() for each in clip.model.parameters())
        steps = {"deft": deft_steps, "avl_prompter": avl_steps}[method](clip, asked.batch)
        held = peak(steps, runtime)
        print(f"| {method} | {clip.name} | {weights / 1e9:.2f} | {held / 1e9:.2f} |", flush=True)


if __name__ == "__main__":
    main()
