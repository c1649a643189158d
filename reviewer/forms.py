"""A settings model as a form: its fields with their ranges, defaults and help, for the page to draw."""

import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

Kind = Literal["choice", "switch", "integer", "number", "text"]


@dataclass(frozen=True, kw_only=True)
class FormField:
    """One setting. label: its name in plain words; help: what it does; rule: the values that it takes, in
    words; low, high: bounds, None where there is none; choices: of a choice; is_optional: may be empty."""

    name: str
    label: str
    kind: Kind
    default: Any
    help: str = ""
    rule: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    is_optional: bool = False


def form_fields(model: type[BaseModel]) -> list[FormField]:
    """Return the fields of `model`, in its order; raises TypeError for a type that no form can show."""
    return [_field(name, info) for name, info in model.model_fields.items()]


def plain_label(name: str) -> str:
    """Return the name of a setting in plain words: "batch_size" → "Batch size"."""
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def changed_settings(model: type[BaseModel], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of `settings` that are not the defaults of `model`, by plain label."""
    return {
        plain_label(name): settings[name]
        for name, info in model.model_fields.items()
        if name in settings and settings[name] != info.default
    }


def _field(name: str, info: FieldInfo) -> FormField:
    kind, choices, is_optional = _kind(name, info.annotation)
    low, high, rule = _range(info.metadata)
    return FormField(
        name=name,
        label=plain_label(name),
        kind=kind,
        default=info.default,
        help=info.description or "",
        rule=rule if kind in ("integer", "number") else "",
        low=low,
        high=high,
        choices=choices,
        is_optional=is_optional,
    )


def _kind(name: str, annotation: Any) -> tuple[Kind, tuple[str, ...], bool]:
    origin, members = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType) and type(None) in members and len(members) == 2:
        kind, choices, _ = _kind(name, next(each for each in members if each is not type(None)))
        return kind, choices, True
    if origin is Literal and all(isinstance(each, str) for each in members):
        return "choice", members, False
    kinds: dict[Any, Kind] = {bool: "switch", int: "integer", float: "number", str: "text"}
    if annotation not in kinds:
        raise TypeError(f"The setting {name} is a {annotation}; a form shows words, numbers and choices.")
    return kinds[annotation], (), False


def _range(metadata: list[Any]) -> tuple[float | None, float | None, str]:
    """Return the least and the greatest value and a rule in words ("above 0, at most 10")."""
    low = high = None
    words: dict[str, str] = {}
    for each in metadata:
        for attribute, phrase in BOUNDS.items():
            value = getattr(each, attribute, None)
            if value is not None:
                words[attribute] = f"{phrase} {value:,}"
                low, high = (value, high) if attribute in ("ge", "gt") else (low, value)
    if set(words) == {"ge", "le"}:
        return low, high, f"{low:,} to {high:,}"
    return low, high, ", ".join(words.values())


BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
