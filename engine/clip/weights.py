"""Where the weights of a backbone lie; nothing here touches a network."""

import difflib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import open_clip
from huggingface_hub import constants, try_to_load_from_cache
from open_clip import pretrained
from open_clip.constants import HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME

from engine.assets import asset_path
from engine.config import BUNDLED, BackboneConfig
from engine.errors import EngineError
from engine.manifest import LeadsOutside, resolve_inside

STANDARD_TEMPLATES = ("a photo of a {}.",)
FILE_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")
# The two names under which open_clip saves a directory, in the order in which it looks for them.
DIRECTORY_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors")


@dataclass(frozen=True, kw_only=True)
class Source:
    """Weights on this computer.

    model: what open_clip calls the architecture ("local-dir:…" for a directory). file: the weights.
    model_config: the architecture. preprocess: mean and std where the weights bring their own.
    vocabulary: the byte pairs of a directory whose text tower does not read CLIP's own.
    """

    model: str
    file: Path
    model_config: Mapping[str, Any]
    preprocess: Mapping[str, Any] = field(default_factory=dict)
    templates: tuple[str, ...] = STANDARD_TEMPLATES
    vocabulary: Path | None = None


def find_weights(config: BackboneConfig) -> Source:
    """Return where the weights of `config` lie: with us, in an open_clip directory, a file, or the cache.

    Raises EngineError, with what to do, when they are not on this computer or do not fit the model.
    """
    if config.weights == BUNDLED:
        return _directory(asset_path("model"))
    path = Path(config.weights).expanduser()
    if path.is_dir():
        return _directory(path)
    if path.is_file():
        if path.suffix not in FILE_SUFFIXES:
            raise EngineError(
                f"The weights file {path} ends in {path.suffix!r}; known are {', '.join(FILE_SUFFIXES)}."
            )
        return Source(model=config.model, file=path, model_config=_architecture(config.model))
    if path.suffix in FILE_SUFFIXES or config.weights.startswith((".", "/", "~")):
        raise EngineError(f"The weights {config.weights} do not exist; correct backbone.weights.")
    tag = find_tag(config.model, config.weights)
    file = cached_file(tag)
    if file is None:
        command = f"python -m engine fetch --model {config.model} --weights {config.weights}"
        raise EngineError(
            f"The weights {config.weights!r} of {config.model} are not on this computer: run `{command}` "
            f"where there is a network and copy them to {constants.HF_HUB_CACHE}, or set backbone.weights "
            "(--weights DIR) to an open_clip directory."
        )
    return Source(model=config.model, file=file, model_config=_architecture(config.model), preprocess=tag)


def _directory(path: Path) -> Source:
    settings = path / "open_clip_config.json"
    present = [path / name for name in DIRECTORY_WEIGHTS if (path / name).is_file()]
    if not settings.is_file() or not present:
        raise EngineError(
            f"The folder {path} is no open_clip directory; it needs open_clip_config.json and "
            f"{DIRECTORY_WEIGHTS[0]}."
        )
    try:
        values = json.loads(settings.read_text(encoding="utf-8"))
        model_config = dict(values["model_cfg"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineError(f"{settings} is damaged or has no model_cfg; fetch the folder again.") from error
    return Source(
        model=f"local-dir:{path}",
        file=present[0],
        model_config=model_config,
        preprocess=values.get("preprocess_cfg", {}),
        templates=_directory_templates(path / "templates.json"),
        vocabulary=_directory_vocabulary(path, model_config),
    )


def _directory_vocabulary(path: Path, model_config: Mapping[str, Any]) -> Path | None:
    # open_clip takes the name as seen from the working directory, which says nothing here.
    name = (model_config.get("text_cfg", {}).get("tokenizer_kwargs") or {}).get("bpe_path")
    if name is None:
        return None
    try:
        vocabulary = resolve_inside(path, str(name))
    except LeadsOutside:
        vocabulary = None
    if vocabulary is None or not vocabulary.is_file():
        raise EngineError(
            f"The folder {path} has no {name!r}, which its model reads; fetch the folder again."
        )
    return vocabulary


def _directory_templates(path: Path) -> tuple[str, ...]:
    if not path.is_file():
        return STANDARD_TEMPLATES
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EngineError(f"{path} is not valid JSON ({error}); correct it or remove it.") from error
    if not isinstance(values, list) or not values or not all(isinstance(text, str) for text in values):
        raise EngineError(
            f"{path} has to be a list of prompts with {{}} for the class; correct it or remove it."
        )
    return tuple(values)


def _architecture(model: str) -> Mapping[str, Any]:
    config = open_clip.get_model_config(model) if ":" not in model else None
    if config is None:
        raise EngineError(
            f"open_clip knows no model {model!r}.{_did_you_mean(model, open_clip.list_models())}"
        )
    return config


def _did_you_mean(value: str, known: list[str]) -> str:
    near = difflib.get_close_matches(value, known, n=3)
    return f" Did you mean {' or '.join(near)}?" if near else " `open_clip.list_models()` names all of them."


def find_tag(model: str, tag: str) -> Mapping[str, Any]:
    """Return open_clip's entry for the weights `tag` of `model`.

    Raises EngineError for an unknown name, and where the two disagree about QuickGELU: open_clip only
    warns then, and the features are quietly worse.
    """
    architecture = _architecture(model)
    plain = model.removesuffix("-quickgelu")
    entry = pretrained.get_pretrained_cfg(model, tag)
    if not entry and plain != model and pretrained.is_pretrained_cfg(plain, tag):
        raise EngineError(
            f"The weights {tag!r} were trained without QuickGELU, and {model} computes with it; "
            f"the model is {plain}."
        )
    if not entry:
        tags = pretrained.list_pretrained_tags_by_model(model)
        near = difflib.get_close_matches(tag, tags, n=3, cutoff=0.4) or tags
        names = ", ".join(near) or "none; name a weights file"
        raise EngineError(
            f"The weights {tag!r} are neither a folder, nor a file, nor a tag of {model} (tags: {names})."
        )
    if bool(entry.get("quick_gelu", False)) != bool(architecture.get("quick_gelu", False)):
        with_it, without = ("with", "without") if entry.get("quick_gelu") else ("without", "with")
        right = f"{plain}-quickgelu" if entry.get("quick_gelu") else plain
        raise EngineError(
            f"The weights {tag!r} were trained {with_it} QuickGELU, and {model} computes {without} it; "
            f"the model is {right}."
        )
    return entry


def hub_files(tag: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Return the repository of an open_clip tag, and the names of its weights in the order to try."""
    repository, name = os.path.split(tag["hf_hub"])
    name = name or HF_WEIGHTS_NAME
    safe = HF_SAFE_WEIGHTS_NAME if name == HF_WEIGHTS_NAME else Path(name).stem + ".safetensors"
    return repository, tuple(dict.fromkeys((safe, name)))


def cached_file(tag: Mapping[str, Any]) -> Path | None:
    """Return the file of an open_clip tag where it is already on this computer, else None."""
    if tag.get("hf_hub"):
        repository, names = hub_files(tag)
        for candidate in names:
            found = try_to_load_from_cache(repository, candidate)
            if isinstance(found, str):
                return Path(found)
    if tag.get("url"):
        # Where open_clip puts what has no place on the hub.
        path = Path("~/.cache/clip").expanduser() / os.path.basename(tag["url"])
        if path.is_file():
            return path
    return None


def cached_tags() -> Iterator[tuple[str, str, Path]]:
    """Yield (model, tag, file) of all open_clip weights on this computer."""
    for model, tag in open_clip.list_pretrained():
        file = cached_file(pretrained.get_pretrained_cfg(model, tag))
        if file is not None:
            yield model, tag, file
