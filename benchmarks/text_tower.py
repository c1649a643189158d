"""What the shared prefix saves: forward and backward of learned prompts through a text tower of CLIP.

    python -m benchmarks.text_tower [--repeats 5] [--classes 100,1000] [--device auto] [--json]

ViT-B/32's text tower (width 512, 12 layers, 8 heads, 77 tokens) with random weights: what it computes is
nobody's, how long it takes is everybody's. One step is two contexts of 16 vectors, the positive and the
negative one of DeFT, over all K classes, and the gradient of a random sum with respect to both. In turn:

77 tokens       every prompt in full, padded after EOT: what CoOp and DeFT's code run
cropped         the same, cut after the longest prompt's EOT (methods §13.6, item 1)
shared prefix   engine.clip.text (item 2)

All three in the same dtype, with scaled_dot_product_attention and the same classes; the first two in pieces
of 100 classes with a backward pass each, as 1,000 prompts of 77 tokens would take tens of gigabytes.
"""

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import open_clip
import torch
from torch.nn import functional

from benchmarks.machine import circumstances
from engine.clip.names import Names, read_names
from engine.clip.text import prompted_features
from engine.runtime import DeviceName, Runtime, pick_runtime

N_CONTEXT = 16
PIECE = 100

THINGS = """
anchor apple armchair badger bagel balloon banjo barrel basket beetle bicycle binoculars bison boat bottle
bridge broom bucket butterfly cabinet cactus camel candle canoe castle chair clock cloud cobra compass cup
dolphin door dragonfly drum eagle engine falcon fence ferry fiddle finch flask flute fork fox frog gate goose
guitar hammer harp hat helmet heron jacket jug kettle keyboard kite ladder lamp lantern lemon lizard lobster
locomotive lorry magnet mask mirror mitten moth mushroom otter owl oyster panda parrot pear pencil piano
pillow pitcher plough poppy pumpkin rabbit raft rocket saddle sailboat salamander saw scarf seal shark sheep
shovel sofa spider squirrel stove swan table teapot tent thrush tiger tower tractor train trout trumpet
tunnel turtle umbrella vase violin wagon walrus wardrobe weasel whale whistle willow wolf woodpecker zebra
"""
KINDS = """
african alpine antique arctic banded bearded black blue bronze carved clay coastal collared copper crested
desert dwarf eastern electric european folding forest garden giant glass golden green grey hand horned
hunting iron kitchen leather long marsh mountain northern paper pocket polished red river royal sand short
silver snow southern speckled spotted steam stone striped tailed tropical water western white winter wooden
"""


def simple_names(count: int) -> list[str]:
    """Return names as short as CIFAR-100's: nearly all of one word."""
    rng, things, kinds = random.Random(0), THINGS.split(), KINDS.split()
    pairs = [f"{rng.choice(kinds)}_{rng.choice(things)}" for _ in range(count)]
    return [*rng.sample(things, min(len(things), count * 85 // 100)), *dict.fromkeys(pairs)][:count]


def specific_names(count: int) -> list[str]:
    """Return names as long as ImageNet's: mostly two or three words, a few of them whole phrases."""
    rng, things, kinds = random.Random(1), THINGS.split(), KINDS.split()
    names: list[str] = list(rng.sample(things, min(len(things), count // 8)))
    while len(names) < count:
        words: list[str] = [*rng.sample(kinds, rng.choices((1, 2, 3), (62, 33, 5))[0]), rng.choice(things)]
        if rng.random() < 0.03:
            words += ["with", "a", rng.choice(kinds), rng.choice(things)]
        if (name := " ".join(words)) not in names:
            names.append(name)
    return names


def full_length_features(
    model: Any,
    context_MW: torch.Tensor,
    names: Names,
    rows: Sequence[int] | None = None,
    length: int | None = None,
) -> torch.Tensor:
    """Return what `prompted_features` returns, (R, D), from whole prompts of `length` tokens; the reference.

    length: the tower's context length by default. model: an open_clip CLIP whose text side is its own.
    """
    chosen = [names.tokens[row] for row in (range(len(names.tokens)) if rows is None else rows)]
    length, prefix, device = length or names.context_length, 1 + names.n_context, context_MW.device
    token_RL = torch.zeros(len(chosen), length, dtype=torch.int64)
    token_RL[:, 0] = names.start
    for row, ids in enumerate(chosen):
        token_RL[row, prefix : prefix + len(ids)] = torch.tensor(ids)
    end_R = torch.tensor([prefix + len(ids) - 1 for ids in chosen], device=device)
    token_RLW = model.token_embedding(token_RL.to(device))
    context_RMW = context_MW.to(token_RLW.dtype).expand(len(chosen), -1, -1)
    token_RLW = torch.cat([token_RLW[:, :1], context_RMW, token_RLW[:, prefix:]], dim=1)
    token_RLW = token_RLW + model.positional_embedding[:length]
    for block in model.transformer.resblocks:
        token_RLW = token_RLW + block.ls_1(_attend(block.attn, block.ln_1(token_RLW)))
        token_RLW = token_RLW + block.ls_2(block.mlp(block.ln_2(token_RLW)))
    pooled_RW = model.ln_final(token_RLW)[torch.arange(len(chosen), device=device), end_R]
    text_RD = pooled_RW @ model.text_projection
    return functional.normalize(text_RD.to(torch.promote_types(text_RD.dtype, torch.float32)), dim=-1)


def _attend(attention: Any, normed_RLW: torch.Tensor) -> torch.Tensor:
    both_RLX = functional.linear(normed_RLW, attention.in_proj_weight, attention.in_proj_bias)
    query, key, value = (
        x.unflatten(-1, (attention.num_heads, -1)).transpose(1, 2) for x in both_RLX.chunk(3, dim=-1)
    )
    mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
    return attention.out_proj(mixed.transpose(1, 2).flatten(2))


def measure(model: Any, prompts: list[str], runtime: Runtime, repeats: int) -> dict[str, Any]:
    """Return seconds per step of the three ways over `prompts`, and how far apart their results are."""
    tokenizer = open_clip.get_tokenizer("ViT-B-32")
    names = read_names(tokenizer, prompts, n_context=N_CONTEXT, context_length=77)
    generator, classes = torch.Generator().manual_seed(0), len(prompts)
    context_2MW = (0.02 * torch.randn(2, N_CONTEXT, 512, generator=generator)).to(runtime.device)
    context_2MW.requires_grad_()
    weight_2KD = torch.randn(2, classes, 512, generator=generator).to(runtime.device)
    pieces = [list(range(i, min(i + PIECE, classes))) for i in range(0, classes, PIECE)]

    def whole(length: int) -> None:
        for context_MW, weight_KD in zip(context_2MW, weight_2KD, strict=True):
            for rows in pieces:
                with runtime.autocast():
                    text_RD = full_length_features(model, context_MW, names, rows, length)
                (text_RD * weight_KD[rows]).sum().backward()

    def shared() -> None:
        with runtime.autocast():
            text_2KD = [prompted_features(model, context_MW, names) for context_MW in context_2MW]
        (torch.stack(text_2KD) * weight_2KD).sum().backward()

    lengths = [len(ids) - 2 for ids in names.tokens]
    cropped = 1 + N_CONTEXT + max(lengths) + 2
    ways: dict[str, Callable[[], None]] = {
        "77 tokens": lambda: whole(77),
        "cropped": lambda: whole(cropped),
        "shared prefix": shared,
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    gradients: dict[str, torch.Tensor] = {}
    shared()  # what is done only once is not counted
    for _ in range(repeats):
        for way, step in ways.items():
            context_2MW.grad = None
            began = _now(runtime)
            step()
            seconds[way].append(_now(runtime) - began)
            assert context_2MW.grad is not None
            gradients[way] = context_2MW.grad
    expected = gradients["77 tokens"]
    return {
        "classes": classes,
        "name_tokens": {"mean": sum(lengths) / classes, "max": max(lengths)},
        "window": names.windows.token_GS.shape,
        "gradient_difference": float((gradients["shared prefix"] - expected).norm() / expected.norm()),
        "seconds": seconds,
    }


def _now(runtime: Runtime) -> float:
    if runtime.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def table(results: list[dict[str, Any]]) -> str:
    """Return the results as markdown; the ratio is of medians."""
    lines = [
        "| K | name tokens, mean / max | way | seconds per step, median | least – most | times faster |",
        "|---|---|---|---|---|---|",
    ]
    for result in results:
        tokens = "{mean:.1f} / {max}".format(**result["name_tokens"])
        slow = median(result["seconds"]["77 tokens"])
        for way, each in result["seconds"].items():
            lines.append(
                f"| {result['classes']:,} | {tokens} | {way} | {median(each):.2f} | "
                f"{min(each):.2f} – {max(each):.2f} | {slow / median(each):.1f} |"
            )
    lines.append("")
    for result in results:
        windows, size = result["window"]
        lines.append(
            f"K = {result['classes']:,}: {len(result['seconds']['77 tokens'])} repeats, {windows} windows of "
            f"{size} tokens, relative difference of the gradients {result['gradient_difference']:.1e}"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--repeats", type=int, default=5, help="above 100 classes no more than 2 are made")
    parser.add_argument("--classes", default="100,1000", help="above 100 the names are as long as ImageNet's")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    device: DeviceName = asked.device
    runtime = pick_runtime(device)
    torch.manual_seed(0)
    model: Any = open_clip.create_model("ViT-B-32", pretrained=None)
    model.eval().requires_grad_(False).to(runtime.device)
    results = []
    for count in map(int, asked.classes.split(",")):
        prompts = simple_names(count) if count <= 100 else specific_names(count)
        repeats = asked.repeats if count <= 100 else min(2, asked.repeats)
        results.append(measure(model, prompts, runtime, repeats))
    if asked.json:
        print(json.dumps(results, indent=1))
    else:
        where = f"{runtime.device}, {runtime.dtype}, {torch.get_num_threads()} threads"
        print(f"{circumstances()}\n{where}\n\n{table(results)}")


if __name__ == "__main__":
    main()
