"""The ways in which an image tower can learn; `engine.clip.adapters` has them."""

from typing import Literal

Learning = Literal["vpt", "vpt_shallow", "lora", "adaptformer", "adapter", "bitfit", "ssf", "blocks", "full"]
AdapterKind = Literal["none", Learning]
