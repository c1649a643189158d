"""Shifted and mirrored looks at every picture: what stands for augmentation where CLIP stays as it is.

Views are numbered from 1. Their draws are those of epochs −1, −2, …, and epochs count from 1, so no epoch of
a training draws the same; whoever asks for the first n of a seed shares their stored features (methods §19).
"""

from collections.abc import Sequence

from engine.augment import Shifts, draw_shifts
from engine.clip.backbone import Backbone
from engine.detectors import Inputs
from engine.draws import Draws
from engine.progress import Report
from engine.rows import Rows
from engine.scoring import store_features


def view_shifts(draws: Draws, n_views: int, image_size: int) -> list[Shifts]:
    """Return how each view shifts and mirrors each picture; image_size: pixels."""
    return [draw_shifts(draws, -view, image_size) for view in range(1, n_views + 1)]


def store_views(inputs: Inputs, backbone: Backbone, shifts: Sequence[Shifts], report: Report) -> list[Rows]:
    """Return the frozen features of each view, (N, D) float32, unit L2; only new ones are computed."""
    if shifts:
        report("stage", stage="views")
    return [
        store_features(
            backbone,
            inputs.pixels,
            cache=inputs.cache,
            batch_size=inputs.batch_size,
            report=report,
            shifts=each,
            stage="views",
        )
        for each in shifts
    ]
