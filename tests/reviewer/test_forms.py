from typing import Literal

import pytest
from pydantic import BaseModel, Field

from engine.config import parse
from engine.settings import DETECTORS, DeftConfig
from reviewer.forms import FormField, changed_settings, form_fields, plain_label


class Example(BaseModel):
    way: Literal["short", "long"] = Field(default="short", description="how far")
    steps: int = Field(default=3, ge=1, le=1000, description="how often")
    rate: float = Field(default=0.5, gt=0, lt=1)
    at_most: float = Field(default=1.0, le=2)
    careful: bool = True
    limit: int | None = Field(default=None, ge=0)
    note: str = ""


def named(fields: list[FormField]) -> dict[str, FormField]:
    return {field.name: field for field in fields}


def test_a_model_becomes_a_form():
    fields = named(form_fields(Example))
    kinds = [field.kind for field in fields.values()]
    assert kinds == ["choice", "integer", "number", "number", "switch", "integer", "text"]
    assert (fields["way"].choices, fields["way"].default, fields["way"].help) == (
        ("short", "long"),
        "short",
        "how far",
    )
    assert (fields["steps"].low, fields["steps"].high, fields["steps"].rule) == (1, 1000, "1 to 1,000")
    assert (fields["rate"].low, fields["rate"].high, fields["rate"].rule) == (0, 1, "above 0, below 1")
    assert (fields["at_most"].low, fields["at_most"].rule) == (None, "at most 2")
    assert [name for name, field in fields.items() if field.is_optional] == ["limit"]
    assert fields["limit"].rule == "at least 0"


def test_labels_are_plain_words():
    assert plain_label("batch_size") == "Batch size"
    assert plain_label("k") == "K"


@pytest.mark.parametrize("detector", DETECTORS)
def test_every_detector_has_a_form_that_its_own_settings_pass(detector: str):
    fields = form_fields(DETECTORS[detector])
    assert fields, detector
    for field in fields:
        assert field.help, f"{detector}.{field.name} tells nobody what it does"
    parse(DETECTORS[detector], {field.name: field.default for field in fields}, detector)


def test_what_a_form_cannot_show_is_refused_by_name():
    class Odd(BaseModel):
        pairs: dict[str, int] = {}

    with pytest.raises(TypeError, match="The setting pairs is a"):
        form_fields(Odd)


def test_only_what_was_changed_is_told():
    assert changed_settings(DeftConfig, {"epochs": 10, "learning_rate": 0.1, "unknown": 1}) == {
        "Learning rate": 0.1
    }
