"""One run, from its `config.toml` and `manifest.csv` to its `result.json`.

Nothing heavy is imported before the lock is held, so a run counts as running from its first second, and
can be stopped while torch is still loading.
"""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine import collective, distributed
from engine.artifacts import RUN, remove_checkpoint, write_detection, write_json
from engine.config import RunConfig, read_config
from engine.errors import EngineError
from engine.illustrations import remove_illustrations
from engine.lifecycle import do_work, stop_signals
from engine.manifest import Manifest, read_manifest
from engine.progress import Report, silent

if TYPE_CHECKING:
    from engine.clip.backbone import Backbone
    from engine.pixels import Pictures
    from engine.runtime import Runtime

PACKAGES = ("labelsieve", "torch", "torchvision", "open_clip_torch", "timm", "numpy", "pillow")


def run(run_dir: Path, watch: Report = silent) -> dict[str, Any]:
    """Do the run in `run_dir` and return what `result.json` says; `watch` hears every event.

    Raises EngineError for what a person can mend, Stopped after SIGTERM or SIGINT, and anything else for a
    bug; each is written to `error.json` first. An earlier result of the same directory is removed; a run
    that has none goes on from its checkpoint. Where torchrun has started several processes, the first one
    does all this; the others help it, silently, and return {} (`engine.distributed`).
    """
    if not distributed.asked().is_first:
        return _help(run_dir)
    if (run_dir / RUN.result).exists():
        remove_checkpoint(run_dir)

    def work(report: Report) -> dict[str, Any]:
        # They show the scores that this run replaces.
        remove_illustrations(run_dir)
        with distributed.joined():
            return _compute(run_dir, report)

    return do_work(run_dir, RUN, "The run", work, watch)


def _help(run_dir: Path) -> dict[str, Any]:
    """Do a share of the run that the first process does."""
    with stop_signals("The run") as check_stop:

        def report(event: str, /, **values: Any) -> None:
            check_stop()

        with distributed.joined():
            _compute(run_dir, report)
    return {}


class Stages:
    """Tells each stage as it begins, and keeps the seconds of each."""

    def __init__(self, report: Report):
        self.report = report
        self.seconds: dict[str, float] = {}
        self._began = time.monotonic()

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Go through the stage `name`."""
        self.report("stage", stage=name)
        start = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - start, 3)

    def total(self) -> dict[str, float]:
        """Return the seconds of each finished stage, and since the beginning as "total"."""
        return {"total": round(time.monotonic() - self._began, 3), **self.seconds}


def _compute(run_dir: Path, report: Report) -> dict[str, Any]:
    config = read_config(run_dir / "config.toml")
    settings = config.detector_settings()
    classes = [(each.name, each.prompt) for each in config.classes]
    manifest = read_manifest(run_dir / "manifest.csv", classes).active()
    _check(manifest)
    _agree("config.toml or manifest.csv", manifest, config.model_dump())
    stages = Stages(report)
    speed: dict[str, Any] = {}

    def listen(event: str, /, **values: Any) -> None:
        if event == "speed":
            speed.update(values)
        else:
            report(event, **values)

    with stages("model"):
        runtime, backbone = load_model(run_dir, config)
        collective.agree("the device", runtime.device.type, "set device to the one that all of them have")
    with stages("pixels"):
        pictures, manifest = _read_pictures(run_dir, config, manifest, backbone.image_size, report)
    with stages("features"):
        from engine.detectors import load_detector, load_inputs  # noqa: PLC0415 - torch

        inputs = load_inputs(config, manifest, pictures.pixels, backbone, run_dir, listen)
    with stages("detect"):
        from engine.neighbours import nearest  # noqa: PLC0415 - torch

        detection = load_detector(config.detector)(settings, manifest, inputs, backbone, runtime, report)
        if not distributed.team().is_first:
            return {}
        neighbours = nearest(detection.embeddings, device=runtime.device)
    with stages("write"):
        write_detection(
            run_dir, manifest.sample_ids, manifest.class_names, manifest.given, detection, neighbours
        )
    return {
        "detector": config.detector,
        "n_samples": len(manifest),
        "n_faults": len(pictures.faults),
        # A text can be compared with CLIP's own features, and not with those that a detector made of them.
        "embeddings": "clip" if detection.embeddings is inputs.features else "detector",
        "processes": distributed.team().size,
        "seconds": stages.total(),
        "speed": speed,
        "device": str(runtime.device),
        "reason": runtime.reason,
        "versions": installed_versions(),
        "notes": dict(detection.notes),
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _agree(what: str, manifest: Manifest, *facts: object) -> None:
    """Raise EngineError where the processes of the run do not see the same."""
    if distributed.team().size > 1:
        from engine.checkpoint import fingerprint  # noqa: PLC0415 - torch

        collective.agree(what, fingerprint(manifest, *facts)[:8])


def _check(manifest: Manifest) -> None:
    if len(manifest) < 2:
        raise EngineError(
            f"The run has {len(manifest)} samples to look at; finding wrong labels needs at least two."
        )
    rows, _ = manifest.known()
    if len(rows) == len(manifest):
        raise EngineError(f"All {len(manifest)} samples are settled already; there is nothing left to find.")


def load_model(run_dir: Path, config: RunConfig) -> "tuple[Runtime, Backbone]":
    """Return the device and the CLIP of a run, and seed every generator."""
    # The collector looks through every object of torch again and again while it is imported: a second.
    gc.disable()
    try:
        from engine.clip.backbone import load_backbone  # noqa: PLC0415 - torch and open_clip, seconds
        from engine.runtime import pick_runtime, seed_everything  # noqa: PLC0415 - torch
    finally:
        gc.enable()

    seed_everything(config.seed)
    runtime = pick_runtime(config.device)
    inside = run_dir / config.backbone.weights
    weights = str(inside.resolve()) if inside.exists() else config.backbone.weights
    return runtime, load_backbone(config.backbone.model_copy(update={"weights": weights}), runtime)


def _read_pictures(
    run_dir: Path, config: RunConfig, manifest: Manifest, size: int, report: Report
) -> "tuple[Pictures, Manifest]":
    """Return the pictures and the manifest of the samples whose picture could be read."""
    from engine.pixels import read_pixels  # noqa: PLC0415 - Pillow's plugins

    image_root = run_dir / config.image_root
    if not image_root.is_dir():
        raise EngineError(f"The image folder {image_root} is not there; correct image_root in config.toml.")
    with distributed.after_the_first():
        pictures = read_pixels(manifest, image_root, run_dir / config.cache, size, report)
    _agree("the images that can be read", manifest, pictures.pixels.keys)
    if distributed.team().is_first:
        write_json(run_dir / "faults.json", [asdict(fault) for fault in pictures.faults])
    if len(pictures.kept) < 2:
        first = f" ({pictures.faults[0].path}: {pictures.faults[0].problem})" if pictures.faults else ""
        raise EngineError(
            f"Of {len(manifest)} images {len(pictures.kept)} can be read{first}; a run needs at least "
            "two, and faults.json names the others."
        )
    manifest = manifest.take(pictures.kept)
    _check(manifest)
    return pictures, manifest


def installed_versions() -> dict[str, str]:
    """Return the version of each package that has a say in the result."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions
