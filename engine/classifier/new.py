"""A classifier before its training: the network that the settings ask for, and a head with first values."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from engine.classifier.imagenet import ImageNetTrunk, load_imagenet
from engine.classifier.saved import SavedClassifier
from engine.clip.backbone import Backbone
from engine.config import BackboneConfig, RunConfig
from engine.errors import EngineError
from engine.job import load_model
from engine.manifest import Manifest
from engine.runtime import Runtime, pick_runtime, seed_everything
from engine.settings.adaptation import AdaptationConfig, ImageNetName
from engine.settings.adapters import AdapterKind
from engine.tower import load_image_tower, new_head

IMAGENET_ADAPTERS = ("none", "full")


@dataclass(frozen=True, kw_only=True)
class NewClassifier:
    """A classifier, and what it begins with.

    adapter: what of the trunk learns. fingerprint: of the weights. reason: sentences about the device and the
    adapter. words: what `classifier.json` says of the model.
    """

    classifier: SavedClassifier
    adapter: AdapterKind
    fingerprint: str
    reason: str
    words: dict[str, Any]


def make_classifier(
    config: AdaptationConfig, run_dir: Path, run: RunConfig, manifest: Manifest
) -> NewClassifier:
    """Return a new classifier of the manifest's classes, on the device and with the seed of `run`.

    Raises EngineError where the settings do not go together, and where the model's weights are missing.
    """
    generator = torch.Generator().manual_seed(run.seed)
    if config.model == "clip":
        clip = _clip_config(config, run_dir, run)
        runtime, backbone = load_model(run_dir, run.model_copy(update={"backbone": clip}))
        adapter, why = _adapter(config, runtime)
        trunk = load_image_tower(
            backbone,
            adapter,
            generator,
            size=config.size,
            prompt_length=config.prompt_length,
            last_blocks=config.last_blocks,
        )
        source, model = backbone, {"backbone": clip.model_dump(mode="json"), "weights": ""}
    else:
        runtime, adapter, why, trunk = _imagenet(config, run, config.model)
        weights = str(Path(config.weights).expanduser().resolve()) if config.weights else ""
        source, model = trunk, {"backbone": None, "weights": weights}
    head = new_head(trunk.width, manifest.n_classes, generator, runtime.device)
    if isinstance(source, Backbone) and config.head_init == "text":
        head = {"head.weight": _text_head(source, manifest)}
    words = {
        "model": config.model,
        **model,
        "fingerprint": source.fingerprint,
        "adapter": adapter,
        "size": config.size,
        "prompt_length": config.prompt_length,
        "last_blocks": config.last_blocks,
        "head": "linear" if "head.bias" in head else "cosine",
        "preprocessing": {
            "image_size": trunk.image_size,
            "resize": "short side, bicubic",
            "crop": "centre",
            "mean": list(source.mean),
            "std": list(source.std),
        },
    }
    return NewClassifier(
        classifier=SavedClassifier(class_names=manifest.class_names, trunk=trunk, head=head),
        adapter=adapter,
        fingerprint=source.fingerprint,
        reason=f"{runtime.reason} {why}",
        words=words,
    )


def _clip_config(config: AdaptationConfig, run_dir: Path, run: RunConfig) -> BackboneConfig:
    """Return which CLIP it is, in words that hold in any folder."""
    weights = Path(config.weights).expanduser() if config.weights else run_dir / run.backbone.weights
    name = config.weights or run.backbone.weights
    return run.backbone.model_copy(update={"weights": str(weights.resolve()) if weights.exists() else name})


def _text_head(backbone: Backbone, manifest: Manifest) -> torch.Tensor:
    """Return the class names' text features seen from before the projection, T·projᵀ, unit rows, (K, W)."""
    text_KD = torch.from_numpy(backbone.class_features(manifest.class_prompts)).to(backbone.runtime.device)
    weight_KW = text_KD @ backbone.model.visual.proj.detach().float().T
    return functional.normalize(weight_KW, dim=-1).requires_grad_()


def _imagenet(
    config: AdaptationConfig, run: RunConfig, name: ImageNetName
) -> tuple[Runtime, AdapterKind, str, ImageNetTrunk]:
    if config.head_init == "text":
        raise EngineError(f"adapt.head_init is 'text', and {name} knows no text; set it to 'random'.")
    if config.adapter not in ("auto", *IMAGENET_ADAPTERS):
        raise EngineError(
            f"adapt.adapter is {config.adapter!r}, and {name} learns with {' or '.join(IMAGENET_ADAPTERS)}; "
            "set it to one of them, or take the model clip."
        )
    seed_everything(run.seed)
    runtime = pick_runtime(run.device)
    adapter, why = _adapter(config, runtime)
    trunk = load_imagenet(name, runtime, weights=config.weights, learns=adapter == "full")
    return runtime, adapter, why, trunk


def _adapter(config: AdaptationConfig, runtime: Runtime) -> tuple[AdapterKind, str]:
    """Return what learns, and a sentence why."""
    if config.adapter != "auto":
        return config.adapter, f"The settings ask for the adapter {config.adapter!r}."
    if runtime.device.type == "cpu":
        return "none", "Only the head is trained, because there is no GPU."
    why = "The network is trained, because there is a GPU."
    return ("blocks" if config.model == "clip" else "full"), why
