"""Values that come in the body of a request, as every route checks them."""

from typing import Annotated

from pydantic import AfterValidator, Field

Identifier = Annotated[str, Field(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
"""Made by a client; unique."""


def _writable(value: str) -> str:
    # JSON can hold half a surrogate pair, which no database can; UnicodeEncodeError is a ValueError.
    return value.encode("utf-8").decode("utf-8")


Text = Annotated[str, AfterValidator(_writable)]
"""Any text that can be kept."""
