"""One cell of a benchmark: one detector on one label set whose true labels are known.

It goes through the stages of a run (`engine.job`) without its directory: the images come as an array, and
what is measured comes back as a value. As there, nothing heavy is imported before it is needed.
"""

import hashlib
import tempfile
import typing
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.config import RunConfig, parse
from engine.datasets import Dataset
from engine.errors import EngineError
from engine.job import Stages, installed_versions, load_model
from engine.manifest import Manifest, Pin
from engine.progress import Report, silent
from engine.settings import DETECTORS

if TYPE_CHECKING:
    from engine.rows import Rows

Scalar = bool | int | float | str


def evaluate(
    dataset: Dataset, asked: Mapping[str, Any], *, cache: Path | None = None, watch: Report = silent
) -> dict[str, Any]:
    """Return what the detector found on the data set, measured: the JSON of `python -m engine evaluate`.

    asked: the values of `config.RunConfig` but for `image_root`, `classes` and `cache`. cache: a folder that
    keeps pixels and features for the next cell; none: they are computed anew. Raises EngineError for what a
    person can mend.
    """
    classes = [{"name": name, "prompt": name} for name in dataset.class_names]
    # There is no image folder: the images are here already.
    values = {**asked, "image_root": ".", "classes": classes}
    if cache is not None:
        values["cache"] = str(cache.resolve())
    config = parse(RunConfig, values, "evaluate")
    settings = config.detector_settings()
    manifest = _manifest(dataset)
    stages = Stages(watch)
    with tempfile.TemporaryDirectory(prefix="labelsieve-evaluate-") as scratch:
        run_dir = Path(scratch)
        with stages("model"):
            runtime, backbone = load_model(run_dir, config)
        with stages("pixels"):
            pixels = _write_squares(dataset.images, run_dir / config.cache, backbone.image_size, watch)
        with stages("features"):
            from engine.detectors import load_detector, load_inputs  # noqa: PLC0415 - torch

            inputs = load_inputs(config, manifest, pixels, backbone, run_dir, watch)
        with stages("detect"):
            detection = load_detector(config.detector)(settings, manifest, inputs, backbone, runtime, watch)
    seconds = stages.total()
    from engine.metrics import measure  # noqa: PLC0415 - scikit-learn, a second

    mean_p_clean = float(detection.p_clean.mean(dtype=np.float64))
    return {
        "detector": config.detector,
        "settings": settings.model_dump(mode="json"),
        "labels": dataset.labels,
        "seed": config.seed,
        "weights": config.backbone.weights,
        "model": backbone.name,
        "fingerprint": backbone.fingerprint,
        "n_samples": len(dataset),
        "n_classes": len(dataset.class_names),
        "noise_rate": float((~dataset.is_clean).mean()),
        "noise_rate_estimate": detection.notes.get("noise_rate", 1 - mean_p_clean),
        **asdict(measure(detection.p_clean, dataset.is_clean)),
        "seconds": seconds.pop("total"),
        "stage_seconds": seconds,
        "device": str(runtime.device),
        "reason": runtime.reason,
        "versions": installed_versions(),
        "notes": dict(detection.notes),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _manifest(dataset: Dataset) -> Manifest:
    """Return the samples as a run would see them, with ids whose order is that of the rows."""
    n_samples = len(dataset)
    ids = tuple(f"{row:0{len(str(n_samples - 1))}d}" for row in range(n_samples))
    return Manifest(
        sample_ids=ids,
        paths=ids,
        given=dataset.given,
        class_names=dataset.class_names,
        class_prompts=dataset.class_names,
        pins=(Pin.NONE,) * n_samples,
        pin_labels=((),) * n_samples,
    )


def _write_squares(images: np.ndarray, cache: Path, size: int, report: Report) -> "Rows":
    """Return every image as the square that `engine.pixels` makes of a file; only new content is resized."""
    from PIL import Image  # noqa: PLC0415 - Pillow's plugins

    from engine.pixels import add_squares, pixel_cache, square  # noqa: PLC0415 - Pillow

    shape = f"{images.shape[1:]}".encode("ascii")
    keys = [hashlib.blake2b(shape + image.tobytes(), digest_size=16).hexdigest() for image in images]
    row = dict(zip(keys, range(len(keys)), strict=True))
    with pixel_cache(cache, size) as store:
        add_squares(store, row, lambda key: square(Image.fromarray(images[row[key]]), size), size, report)
        return store.read(keys)


def read_assignments(detector: str, assignments: Iterable[str]) -> dict[str, Any]:
    """Return the values of `key=value` texts for the settings of `detector`; of a repeated key, the last.

    A value is a whole number, a number, true or false, or else text, bare or in quotes; several with commas
    where the setting takes several. Whether the key exists and the value fits is not looked at here.
    """
    fields = DETECTORS[detector].model_fields if detector in DETECTORS else {}
    values: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = (part.strip() for part in assignment.partition("="))
        if not equals or not key:
            raise EngineError(f"--set is {assignment!r}; it has the form key=value, as in --set k=10.")
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


def summary(result: Mapping[str, Any]) -> str:
    """Return one line about what `evaluate` returned."""
    n_samples, noise_rate = result["n_samples"], result["noise_rate"]
    named = {
        "f1": "F1",
        "precision": "precision",
        "recall": "recall",
        "average_precision": "average precision",
        "auroc": "AUROC",
        "ece": "ECE",
    }
    figures = [f"{name} {result[key]:.3f}" for key, name in named.items() if result[key] is not None]
    missing = [name for key, name in named.items() if result[key] is None]
    if missing:
        figures.append(f"{' and '.join(missing)} undefined ({_why_undefined(result)})")
    return (
        f"{result['detector']} on {result['labels']}: {', '.join(figures)}, noise "
        f"{result['noise_rate_estimate']:.3f} of {noise_rate:.3f}; {n_samples} samples in "
        f"{result['seconds']:.1f} s on {result['device']}"
    )


def _why_undefined(result: Mapping[str, Any]) -> str:
    reasons = []
    if result["noise_rate"] in (0, 1):
        reasons.append("no label is wrong" if result["noise_rate"] == 0 else "all labels are wrong")
    if result["n_selected"] == 0:
        reasons.append("no label is taken for right")
    return ", ".join(reasons)
