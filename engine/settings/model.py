"""What every settings model is."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """What every settings model shares: immutable, and no key that nobody reads."""

    model_config = ConfigDict(frozen=True, extra="forbid")
