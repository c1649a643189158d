"""The ways in which an image tower can learn; `engine.clip.adapters` has them."""

from typing import Literal

AdapterKind = Literal[
    "none", "vpt", "vpt_shallow", "lora", "adaptformer", "adapter", "bitfit", "ssf", "blocks", "full"
]
