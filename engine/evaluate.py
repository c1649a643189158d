"""One cell of a benchmark: one detector on one label set whose true labels are known.

It goes through the stages of a run (`engine.job`) without its directory: the images come as an array or as
files (`engine.datasets`), and what is measured comes back as a value. As there, nothing heavy is imported
before it is needed.
"""

import hashlib
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.classifier.lesson import accuracy_words, check_classes, read_settings
from engine.config import RunConfig, parse
from engine.curves import columns, judged
from engine.datasets import Dataset
from engine.errors import EngineError
from engine.job import Stages, installed_versions, load_model
from engine.manifest import Manifest, Pin
from engine.memorisation import memorisation
from engine.prepared import read_squares
from engine.progress import Report, silent
from engine.settings.adaptation import AdaptationConfig

if TYPE_CHECKING:
    from engine.artifacts import Detection
    from engine.classifier.held_out import Held
    from engine.clip.backbone import Backbone
    from engine.rows import Rows
    from engine.runtime import Runtime

PAPER_BATCHES = ("deft", "small_loss")
"""Detectors whose papers print the mean over the batches of the last epoch; the others are pooled there."""


def evaluate(
    dataset: Dataset,
    asked: Mapping[str, Any],
    *,
    test: Dataset | None = None,
    adapt: Mapping[str, Any] | None = None,
    cache: Path | None = None,
    watch: Report = silent,
) -> dict[str, Any]:
    """Return what the detector found on the data set, measured: the JSON of `python -m engine evaluate`.

    asked: the values of `config.RunConfig` but for `image_root`, `classes` and `cache`. test: images of the
    same classes, of which only the true labels count; a classifier learns what was found clean, and they
    tell what it is worth. adapt: its settings, of `settings.adaptation.AdaptationConfig`; what is left out
    is as published. cache: a folder that keeps pixels and features for the next cell; none: they are
    computed anew. Raises EngineError for what a person can mend.

    precision, recall, f1, n_selected, noisy, average_precision, auroc, ece, reliability: `metrics.Metrics`.
    paper_compatible: `metrics.BatchSelection`, None where the paper pools, too. top1, top5: of the class
    posterior, against the true labels; suggested_accuracy: of the suggested labels. memorisation: what the
    suggested labels make of right and wrong labels, `memorisation.Memorisation`. curves: figures of each
    epoch as columns, {} without a training. best_and_last: `curves.BestLast` of those that true labels judge.
    classifier: see `classifier.measured.measure`, None without a test set; its seconds are not in the others.
    """
    learning = _learning(dataset, test, adapt)
    named = zip(dataset.class_names, dataset.class_prompts, strict=True)
    classes = [{"name": name, "prompt": prompt} for name, prompt in named]
    # There is no image folder: the images are here already, or the data set knows where.
    values = {**asked, "image_root": ".", "classes": classes}
    if cache is not None:
        values["cache"] = str(cache.resolve())
    config = parse(RunConfig, values, "evaluate")
    config.detector_settings()  # raises before the work, not after it
    with tempfile.TemporaryDirectory(prefix="labelsieve-evaluate-") as scratch:
        run_dir = Path(scratch)
        ran = _detect(dataset, config, run_dir, watch)
        classifier = None
        if test is not None:
            classifier = _teach(dataset, test, learning, config, ran, run_dir, watch)
    return {**_of_detector(dataset, config, ran), "classifier": classifier}


def _of_detector(dataset: Dataset, config: RunConfig, ran: "_Ran") -> dict[str, Any]:
    detection, settings, seconds = ran.detection, config.detector_settings(), dict(ran.seconds)
    mean_p_clean = float(detection.p_clean.mean(dtype=np.float64))
    return {
        "detector": config.detector,
        "settings": settings.model_dump(mode="json"),
        "labels": dataset.labels,
        "seed": config.seed,
        "weights": config.backbone.weights,
        "model": ran.backbone.name,
        "fingerprint": ran.backbone.fingerprint,
        "n_samples": len(dataset),
        "n_classes": len(dataset.class_names),
        "noise_rate": float((~dataset.is_clean).mean()),
        "noise_rate_estimate": detection.notes.get("noise_rate", 1 - mean_p_clean),
        **_measured(dataset, detection),
        "paper_compatible": _as_printed(config, settings, ran, dataset.is_clean),
        **_course(config.detector, detection.notes.get("history") or ran.epochs),
        "seconds": seconds.pop("total"),
        "stage_seconds": seconds,
        "device": str(ran.runtime.device),
        "reason": ran.runtime.reason,
        "versions": installed_versions(),
        "notes": dict(detection.notes),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


@dataclass(frozen=True, kw_only=True)
class _Ran:
    """What a detector found, with what, how long each stage took, and what it told of its epochs."""

    manifest: Manifest
    detection: "Detection"
    backbone: "Backbone"
    runtime: "Runtime"
    seconds: dict[str, float]
    epochs: list[dict[str, Any]]


def _detect(dataset: Dataset, config: RunConfig, run_dir: Path, watch: Report) -> _Ran:
    epochs: list[dict[str, Any]] = []

    def listen(event: str, /, **values: Any) -> None:
        if event == "epoch":
            epochs.append(values)
        watch(event, **values)

    stages, manifest = Stages(watch), _manifest(dataset)
    with stages("model"):
        runtime, backbone = load_model(run_dir, config)
    with stages("pixels"):
        pixels = _squares(dataset, manifest, run_dir / config.cache, backbone.image_size, watch)
    with stages("features"):
        from engine.detectors import load_detector, load_inputs  # noqa: PLC0415 - torch

        inputs = load_inputs(config, manifest, pixels, backbone, run_dir, watch)
    with stages("detect"):
        detect, settings = load_detector(config.detector), config.detector_settings()
        detection = detect(settings, manifest, inputs, backbone, runtime, listen)
    return _Ran(
        manifest=manifest,
        detection=detection,
        backbone=backbone,
        runtime=runtime,
        seconds=stages.total(),
        epochs=epochs,
    )


def _learning(dataset: Dataset, test: Dataset | None, adapt: Mapping[str, Any] | None) -> AdaptationConfig:
    """Return the settings of the classifier, once it is known that the test set can measure it."""
    if test is None and adapt is not None:
        raise EngineError("There are settings of a classifier and no test set; name one with --test.")
    if test is not None:
        check_classes(test.class_names, dataset.class_names)
    return read_settings(adapt or {})


def _teach(
    dataset: Dataset,
    test: Dataset,
    learning: AdaptationConfig,
    config: RunConfig,
    ran: _Ran,
    run_dir: Path,
    watch: Report,
) -> dict[str, Any]:
    """Return what a classifier comes to that learns what was found clean, and no true label."""
    from engine.classifier.held_out import Held, store_of  # noqa: PLC0415 - Pillow, torch; so below
    from engine.classifier.measured import measure  # noqa: PLC0415

    manifest, p_clean, cache = ran.manifest, ran.detection.p_clean, run_dir / config.cache
    # Images that are files are known by their path below the root, so another root has another store.
    apart = cache if test.files is None else store_of(cache, test.files.root)

    def pictures(size: int) -> "tuple[Rows, Held]":
        pixels = _squares(test, _manifest(test), apart, size, watch)
        return _squares(dataset, manifest, cache, size, watch), Held(pixels=pixels, labels=test.true)

    return measure(learning, config, run_dir, manifest, p_clean, pictures, watch)


def _measured(dataset: Dataset, detection: "Detection") -> dict[str, Any]:
    """Return what the detection is worth, judged by the true labels."""
    from engine.metrics import accuracy, measure, top_accuracy  # noqa: PLC0415 - scikit-learn, a second

    return {
        **asdict(measure(detection.p_clean, dataset.is_clean)),
        "top1": top_accuracy(detection.probs, dataset.true, 1),
        "top5": top_accuracy(detection.probs, dataset.true, 5),
        "suggested_accuracy": accuracy(detection.suggested, dataset.true),
        "memorisation": asdict(memorisation(detection.suggested, dataset.given, dataset.true)),
    }


def _as_printed(config: RunConfig, settings: Any, ran: _Ran, is_clean: np.ndarray) -> dict[str, Any] | None:
    """Return the selection averaged over the batches of the last epoch, where the paper of a detector does.

    The batches are those of the training. The selection is the final one: the published code takes the masks
    of the last epoch, of augmented views under moving weights.
    """
    epochs, size = (getattr(settings, name, None) for name in ("epochs", "batch_size"))
    if config.detector not in PAPER_BATCHES or epochs is None or size is None:
        return None
    from engine.draws import Draws  # noqa: PLC0415 - with what needs it
    from engine.metrics import CLEAN_ABOVE, batch_selection  # noqa: PLC0415 - scikit-learn
    from engine.training import split  # noqa: PLC0415 - torch

    batches = split(Draws(ran.manifest.sample_ids, config.seed).order(epochs), size)
    return asdict(batch_selection(ran.detection.p_clean > CLEAN_ABOVE, is_clean, batches))


def _course(detector: str, history: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    curves = columns(history)
    ends = judged(curves, detector)
    return {"curves": curves, "best_and_last": {name: asdict(each) for name, each in ends.items()}}


def _manifest(dataset: Dataset) -> Manifest:
    """Return the samples as a run would see them, with ids whose order is that of the rows."""
    n_samples = len(dataset)
    ids = tuple(f"{row:0{len(str(n_samples - 1))}d}" for row in range(n_samples))
    return Manifest(
        sample_ids=ids,
        paths=ids,
        given=dataset.given,
        class_names=dataset.class_names,
        class_prompts=dataset.class_prompts,
        pins=(Pin.NONE,) * n_samples,
        pin_labels=((),) * n_samples,
    )


def _squares(dataset: Dataset, manifest: Manifest, cache: Path, size: int, report: Report) -> "Rows":
    if dataset.files is None:
        return _write_squares(dataset.images, cache, size, report)
    return read_squares(manifest, dataset.files, cache, size, report)


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
        f"{result['seconds']:.1f} s on {result['device']}{_of_classifier(result.get('classifier'))}"
    )


def _of_classifier(learned: Mapping[str, Any] | None) -> str:
    if learned is None:
        return ""
    words = accuracy_words(learned["accuracy"], learned["n_test"], "test")
    return f"; {learned['model']} ({learned['adapter']}) on {learned['samples']['selected']} of them: {words}"


def _why_undefined(result: Mapping[str, Any]) -> str:
    reasons = []
    if result["noise_rate"] in (0, 1):
        reasons.append("no label is wrong" if result["noise_rate"] == 0 else "all labels are wrong")
    if result["n_selected"] == 0:
        reasons.append("no label is taken for right")
    return ", ".join(reasons)
