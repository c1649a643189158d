"""Settings of the ensemble."""

from pydantic import Field

from engine.settings.model import Settings


class EnsembleConfig(Settings):
    """Ensemble: makes one answer of all the runs that are there, and weighs it with the given labels.

    Methods §16, last paragraph: the mean of the log posteriors, one EM on top.
    """

    runs: str = Field(
        default="",
        max_length=4000,
        description="names of runs, with commas; empty: the newest finished run of each detector",
    )
    say: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="weight of a run that has learned from the labels it is asked about; others count 1",
    )
