"""What a classifier is trained and measured on, and how that is told: what `adapt` and `evaluate` share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.config import RunConfig, parse
from engine.curves import best_and_last, columns
from engine.errors import EngineError
from engine.manifest import Manifest
from engine.progress import Report
from engine.settings.adaptation import AdaptationConfig

if TYPE_CHECKING:
    from engine.checkpoint import Checkpoint, Progress
    from engine.classifier.held_out import Held
    from engine.classifier.new import NewClassifier
    from engine.classifier.supervised import Chosen
    from engine.rows import Rows


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """Samples to learn from and pictures to be measured on.

    chosen: which labels are learned, row i for manifest row i. pixels: uint8 (N, S, S, 3), likewise. held:
    None: the classifier is not measured.
    """

    manifest: Manifest
    chosen: "Chosen"
    pixels: "Rows"
    held: "Held | None"

    def tell_of_classes(self, note: Callable[[str], None]) -> None:
        """Give `note` a sentence about the classes that are never learned, if there are any."""
        names = self.manifest.class_names
        empty = [names[k] for k in np.flatnonzero(self.chosen.counts() == 0)]
        if empty:
            listed = ", ".join(map(repr, empty[:3])) + (" …" if len(empty) > 3 else "")
            note(
                f"{len(empty)} classes have no clean sample and are never learned ({listed}); settle some of "
                "their labels, or set at_least."
            )

    def words(self) -> dict[str, Any]:
        """Return how many samples are learned, and of which classes."""
        counts = zip(self.manifest.class_names, self.chosen.counts(), strict=True)
        return {
            "n": len(self.manifest),
            "selected": int(self.chosen.selected.sum()),
            "settled": len(self.manifest.known()[0]),
            "per_class": {name: round(float(count), 3) for name, count in counts},
        }


def learn(
    lesson: Lesson,
    config: AdaptationConfig,
    run: RunConfig,
    new: "NewClassifier",
    checkpoint: "Checkpoint | None",
    report: Report,
) -> "tuple[Progress, ...]":
    """Train the new classifier in place, with the seed of `run`, and return the history."""
    from engine.classifier.supervised import fit  # noqa: PLC0415 - torch
    from engine.draws import Draws  # noqa: PLC0415 - with what needs it

    return fit(
        config,
        config.recipe(new.adapter),
        new.classifier,
        lesson.chosen,
        lesson.pixels,
        Draws(lesson.manifest.sample_ids, run.seed),
        checkpoint,
        report,
        batch_size=run.batch_size,
        held=lesson.held,
    )


def check_classes(test: Sequence[str], learned: Sequence[str]) -> None:
    """Raise EngineError where a test set has other classes than those that are learned."""
    if tuple(test) == tuple(learned):
        return
    pairs = zip(test, learned, strict=False)
    other = next((f" ({theirs!r} in the place of {ours!r})" for theirs, ours in pairs if theirs != ours), "")
    raise EngineError(
        f"The test set has {len(test)} classes and the data set {len(learned)}{other}; they have to be the "
        "same in the same order, so prepare both from one benchmark."
    )


def read_settings(values: Mapping[str, Any]) -> AdaptationConfig:
    """Return the settings of a training; raises EngineError with a sentence for the first fault."""
    return parse(AdaptationConfig, values, "adapt")


def settings_of(config: AdaptationConfig, new: "NewClassifier") -> dict[str, Any]:
    """Return all settings of a training as they were used, the published ones with the others."""
    return {**config.model_dump(mode="json"), **asdict(config.recipe(new.adapter))}


def curves_of(history: "Sequence[Progress]") -> dict[str, list[float | None]]:
    """Return one column a figure, see `engine.curves.columns`."""
    return columns(each.model_dump() for each in history)


def ends_of(history: "Sequence[Progress]") -> dict[str, Any]:
    """Return the best and the last of each figure; the best is chosen on the held-out pictures themselves."""
    ends = {
        name.removeprefix("figures."): best_and_last(column)
        for name, column in curves_of(history).items()
        if name.startswith("figures.")
    }
    return {name: asdict(each) for name, each in ends.items() if each is not None}


def accuracy_words(accuracy: Mapping[str, Any], n: int, kind: str) -> str:
    """Return what one line says of the accuracy, a figure of `ends_of`, on n pictures of a kind."""
    best = f"best {accuracy['best_on_test']:.3f}, epoch {accuracy['best_epoch']}"
    return f"accuracy {accuracy['last']:.3f} on {n} {kind} images ({best})"
