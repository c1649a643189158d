"""The choices that the app offers first: a detector with settings that need no thought."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A choice that needs no thought: a detector with settings. words: what it does, in a sentence or two;
    needs_gpu: on a CPU it would take hours. within: where it would take more seconds, `otherwise` is
    offered in its place."""

    key: str
    title: str
    detector: str
    words: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    needs_gpu: bool = False
    within: float = math.inf
    otherwise: "Preset | None" = None


_WORDS = {"context_length": 4, "words": "a photo of a"}
"""Better on the demo than sixteen vectors by chance, as published (benchmarks/RESULTS.md)."""

QUARTER_OF_AN_HOUR = 900.0

PRESETS = (
    Preset(
        key="instant",
        title="Instant",
        detector="transition",
        words="Weighs the model's answer against the given labels. Nothing is trained.",
    ),
    Preset(
        key="laptop",
        title="Laptop",
        detector="crossfit",
        words="Copies of the image tower learn from half of the labels each and judge the other half.",
        within=QUARTER_OF_AN_HOUR,
        otherwise=Preset(
            key="laptop",
            title="Laptop",
            detector="crossfit",
            words="A probe learns from half of the labels and judges the other half; for the image tower to "
            "learn would take over a quarter of an hour here.",
            settings={"tower": "frozen", "views": 3},
        ),
    ),
    Preset(
        key="gpu",
        title="GPU",
        detector="deft",
        words="DeFT whose image tower learns prompts, too.",
        settings={"tower": "vpt", **_WORDS},
        needs_gpu=True,
    ),
)
