"""A classifier trained on what a detector found clean and measured on test data, all of it in memory.

The test accuracy of the papers' main tables (DeFT phase 2; methods §5, §11): a fresh network learns the
selected labels and is measured after each epoch. What it is measured on is never learned, and chooses
nothing but which epoch is called the best, as in the papers.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from engine.classifier.held_out import Held
from engine.classifier.lesson import Lesson, curves_of, ends_of, learn, settings_of
from engine.classifier.new import make_classifier
from engine.classifier.supervised import choose
from engine.config import RunConfig
from engine.job import Stages
from engine.manifest import Manifest
from engine.progress import Report
from engine.rows import Rows
from engine.settings.adaptation import AdaptationConfig

Pictures = Callable[[int], tuple[Rows, Held]]
"""The side of a square → the pictures of the manifest, row by row, and those to be measured on."""


def measure(
    config: AdaptationConfig,
    run: RunConfig,
    run_dir: Path,
    manifest: Manifest,
    p_clean: np.ndarray,
    pictures: Pictures,
    watch: Report,
) -> dict[str, Any]:
    """Return what a classifier comes to that learns the labels with `p_clean` above the threshold.

    p_clean: (N,) float32, row i for manifest row i. run_dir: what the weights of `run` may be relative to.
    Raises EngineError where the settings do not go together, where weights are missing, and where fewer than
    two classes have a clean sample.

    accuracy, top5: `curves.BestLast` of the figures on the test images. curves: one column a figure.
    """
    stages, notes = Stages(watch), list[str]()
    with stages("classifier"):
        new = make_classifier(config, run_dir, run, manifest)
    with stages("pixels"):
        pixels, held = pictures(new.classifier.trunk.image_size)
        chosen = choose(manifest, p_clean, config)
        lesson = Lesson(manifest=manifest, chosen=chosen, pixels=pixels, held=held)
        lesson.tell_of_classes(notes.append)
    with stages("training"):
        history = learn(lesson, config, run, new, None, watch)
    seconds = stages.total()
    return {
        "model": new.words["model"],
        "adapter": new.adapter,
        "fingerprint": new.fingerprint,
        "settings": settings_of(config, new),
        "samples": lesson.words(),
        "n_test": len(held.labels),
        **ends_of(history),
        "curves": curves_of(history),
        "notes": notes,
        "reason": new.reason,
        "seconds": seconds.pop("total"),
        "stage_seconds": seconds,
    }
