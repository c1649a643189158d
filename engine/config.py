"""Settings of a run as frozen models; the form in the app and `config.toml` both come from them."""

import difflib
import tomllib
import typing
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, TypeVar

import tomli_w
from pydantic import BaseModel, Field, ValidationError

from engine.errors import EngineError
from engine.settings import DETECTORS
from engine.settings.model import Settings

BUNDLED = "bundled"
"""Name of the weights that come with Labelsieve: a small CLIP that knows only the drawn world of the demo."""


AttentionMethod = Literal[
    "effects",
    "relevance",
    "last_relevance",
    "grad_cam",
    "value_text",
    "patch_text",
    "rollout",
    "cls_attention",
]
DEFAULT_ATTENTION: AttentionMethod = "effects"
"""What `benchmarks/pointing.py` found to be best."""


class BackboneConfig(Settings):
    """Which CLIP reads the images and the class names."""

    model: str = Field(default="ViT-B-16-quickgelu", description="open_clip model name")
    weights: str = Field(
        default="openai",
        description="a weights tag of open_clip, an open_clip directory, a weights file, or bundled",
    )
    templates: tuple[str, ...] = Field(
        default=(),
        description="prompts with {} for the class; empty: the backbone's own, or the standard one",
    )


class ClassConfig(Settings):
    """One class: its name in the table, and what the text tower reads."""

    name: str = Field(min_length=1)
    prompt: str = Field(min_length=1)


class RunConfig(Settings):
    """All that a run was asked to do; `config.toml` in its directory."""

    detector: str
    seed: int = Field(default=0, ge=0, lt=2**31)
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    batch_size: int = Field(default=256, ge=1, le=65536)
    image_root: str = Field(min_length=1, description="folder of the images; relative to the run directory")
    cache: str = Field(default="cache", description="deletable folder of decoded pixels and features")
    backbone: BackboneConfig = BackboneConfig()
    classes: tuple[ClassConfig, ...]
    attention: AttentionMethod = Field(default=DEFAULT_ATTENTION, description="how attention maps are drawn")
    settings: dict[str, Any] = Field(default_factory=dict)

    def detector_settings(self) -> Settings:
        """Return the settings of the detector, validated."""
        return parse_settings(self.detector, self.settings)


Model = TypeVar("Model", bound=BaseModel)
Scalar = bool | int | float | str
EXAMPLES = {"--set": "k=10", "--adapt": "epochs=5"}


def parse(model: type[Model], values: Mapping[str, Any], where: str) -> Model:
    """Return `values` as `model`, or raise EngineError with one sentence for the first fault.

    `where` names the table in the sentence ("transition.alpha is -1; …").
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise EngineError(_sentence(model, error.errors()[0], where)) from error


def check_detector(name: str) -> None:
    """Raise EngineError when no such detector is registered."""
    if name not in DETECTORS:
        raise EngineError(f"There is no detector {name!r}; known are {', '.join(DETECTORS)}.")


def parse_settings(detector: str, values: Mapping[str, Any]) -> Settings:
    """Return the settings of a detector; raises EngineError with a sentence for the first fault."""
    check_detector(detector)
    return parse(DETECTORS[detector], values, detector)


def _sentence(model: type[BaseModel], fault: Any, where: str) -> str:
    key = ".".join([where, *map(str, fault["loc"])])
    if fault["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(fault["loc"][-1]), model.model_fields, n=1)
        hint = f"Did you mean {where}.{near[0]}?" if near else "Remove it."
        return f"Unknown key {key}. {hint}"
    if fault["type"] == "missing":
        return f"The key {key} is missing; add it."
    rule = fault["msg"].removeprefix("Input ").removeprefix("Value error, ")
    return f"{key} is {fault['input']!r}; it {rule}."


def read_config(path: Path) -> RunConfig:
    """Read `config.toml`; raises EngineError when it is absent, torn, or breaks a rule."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise EngineError(f"{path} does not exist; a run directory needs a config.toml.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise EngineError(f"{path} is not valid TOML ({error}); correct that line.") from error
    return parse(RunConfig, values, "config")


def write_config(path: Path, config: RunConfig) -> None:
    """Write `config` as TOML."""
    path.write_text(tomli_w.dumps(config.model_dump(mode="json")), encoding="utf-8")


def read_assignments(detector: str, assignments: Iterable[str], option: str = "--set") -> dict[str, Any]:
    """Return the values of `key=value` texts for the settings of `detector`; of a repeated key, the last.

    A value is a whole number, a number, true or false, or else text, bare or in quotes; several with commas
    where the setting takes several. Whether the key exists and the value fits is not looked at here. option:
    what the command line calls them.
    """
    fields = DETECTORS[detector].model_fields if detector in DETECTORS else {}
    values: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = (part.strip() for part in assignment.partition("="))
        if not equals or not key:
            raise EngineError(
                f"{option} is {assignment!r}; it has the form key=value, as in {option} {EXAMPLES[option]}."
            )
        if key in fields and _is_tuple(fields[key].annotation):
            values[key] = tuple(_scalar(each.strip()) for each in text.split(",")) if text else ()
        else:
            values[key] = _scalar(text)
    return values


def _is_tuple(annotation: Any) -> bool:
    return any(typing.get_origin(each) is tuple for each in (annotation, *typing.get_args(annotation)))


def _scalar(text: str) -> Scalar:
    if text in ("true", "false"):
        return text == "true"
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text
