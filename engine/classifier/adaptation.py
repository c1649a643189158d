"""A classifier trained on what a run found clean: `python -m engine adapt` (DeFT phase 2; methods §5, §6).

The run says which labels to learn: those that its detector found right and those that people settled. A
fresh network learns them: nothing that a detector trained is taken over, as in DeFT. The output folder holds
the classifier, see `engine.classifier.saved`, and while it trains a checkpoint, so that a training that was
stopped goes on when the same command is given again. Nothing heavy is imported before the lock is held.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from engine.artifacts import Traces, read_scores, read_status, remove_checkpoint
from engine.classifier.lesson import Lesson, accuracy_words, ends_of, learn, settings_of
from engine.config import RunConfig, read_config
from engine.errors import EngineError
from engine.job import Stages, installed_versions
from engine.lifecycle import do_work
from engine.manifest import Manifest, read_manifest
from engine.progress import Report, silent
from engine.settings.adaptation import AdaptationConfig

if TYPE_CHECKING:
    from engine.checkpoint import Progress
    from engine.classifier.new import NewClassifier
    from engine.rows import Rows

TRACES = Traces(lock="classifier.lock", result="classifier.json", error="classifier.error.json")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a training was asked for. held: a table of labelled pictures that are not trained on."""

    run_dir: Path
    config: AdaptationConfig
    seed: int = 0
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    held: Path | None = None


def adapt(asked: Asked, out: Path, watch: Report = silent) -> dict[str, Any]:
    """Train the classifier, write it to the folder `out` and return what `classifier.json` says.

    Raises EngineError for what a person can mend, Stopped after SIGTERM or SIGINT.
    """
    _check_folders(asked.run_dir, out)
    if asked.held is not None and not asked.held.is_file():
        raise EngineError(f"{asked.held} does not exist; --test names a table with the columns path, label.")
    out.mkdir(parents=True, exist_ok=True)
    result = do_work(out, TRACES, "The training", lambda report: _train(asked, out, report), watch)
    remove_checkpoint(out)
    return result


def _check_folders(run_dir: Path, out: Path) -> None:
    status = read_status(run_dir)
    if status.state != "done":
        raise EngineError(
            f"The run in {run_dir} is {status.state}; a classifier is trained on a finished run."
        )
    if out.is_file():
        raise EngineError(f"{out} is a file; --out names a folder.")
    if (out / "manifest.csv").exists():
        raise EngineError(f"{out} is a run directory; --out names a folder of the classifier's own.")
    if (out / TRACES.result).exists():
        raise EngineError(f"{out} holds a classifier already; remove it or name another folder.")


def _train(asked: Asked, out: Path, report: Report) -> dict[str, Any]:
    run_dir, config = asked.run_dir, asked.config
    run = read_config(run_dir / "config.toml")
    run = run.model_copy(update={"seed": asked.seed, "device": asked.device})
    stages = Stages(report)
    notes: list[str] = []

    def note(message: str) -> None:
        notes.append(message)
        report("note", message=message)

    with stages("model"):
        from engine.classifier.new import make_classifier  # noqa: PLC0415 - torch; so below

        manifest, p_clean = _read_run(run_dir, run)
        new = make_classifier(config, run_dir, run, manifest)
    with stages("pixels"):
        size, held = new.classifier.trunk.image_size, None
        manifest, p_clean, pixels = _read_pictures(run_dir, run, manifest, p_clean, size, report, note)
        if asked.held is not None:
            from engine.classifier.held_out import read_held  # noqa: PLC0415

            held = read_held(asked.held, manifest.class_names, run_dir / run.cache, size, report, note)
    with stages("training"):
        from engine.classifier.supervised import choose  # noqa: PLC0415

        chosen = choose(manifest, p_clean, config)
        lesson = Lesson(manifest=manifest, chosen=chosen, pixels=pixels, held=held)
        lesson.tell_of_classes(note)
        history = _fit(asked, run, new, lesson, out, report)
    with stages("write"):
        from engine.classifier.saved import write_tensors  # noqa: PLC0415

        digest = write_tensors(out, new.classifier)
    return {
        "format": 1,
        "class_names": list(manifest.class_names),
        "class_prompts": list(manifest.class_prompts),
        **new.words,
        "digest": digest,
        "settings": settings_of(config, new),
        "seed": asked.seed,
        "run": run_dir.resolve().name,
        "detector": run.detector,
        "samples": lesson.words(),
        "n_held_out": len(held.labels) if held else 0,
        "metrics": ends_of(history),
        "history": [each.model_dump() for each in history],
        "notes": notes,
        "seconds": stages.total(),
        "device": new.classifier.trunk.runtime.device.type,
        "reason": new.reason,
        "versions": installed_versions(),
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _fit(
    asked: Asked, run: RunConfig, new: "NewClassifier", lesson: Lesson, out: Path, report: Report
) -> "tuple[Progress, ...]":
    from engine.checkpoint import Checkpoint, fingerprint  # noqa: PLC0415 - torch

    selected = lesson.chosen.selected.tolist()
    facts = (selected, asked.config.model_dump(), new.adapter, new.fingerprint, asked.seed)
    checkpoint = Checkpoint(out, fingerprint(lesson.manifest, "classifier", *facts))
    return learn(lesson, asked.config, run, new, checkpoint, report)


def _read_run(run_dir: Path, run: RunConfig) -> tuple[Manifest, np.ndarray]:
    """Return the samples that the run judged, in order, and their p_clean, (N,) float32."""
    classes = [(each.name, each.prompt) for each in run.classes]
    manifest = read_manifest(run_dir / "manifest.csv", classes).active()
    scores = read_scores(run_dir)
    row = {sample_id: i for i, sample_id in enumerate(scores.sample_ids.tolist())}
    kept = [i for i, sample_id in enumerate(manifest.sample_ids) if sample_id in row]
    manifest = manifest.take(kept)
    return manifest, scores.p_clean[[row[sample_id] for sample_id in manifest.sample_ids]]


def _read_pictures(
    run_dir: Path,
    run: RunConfig,
    manifest: Manifest,
    p_clean: np.ndarray,
    size: int,
    report: Report,
    note: Callable[[str], None],
) -> "tuple[Manifest, np.ndarray, Rows]":
    from engine.pixels import read_pixels  # noqa: PLC0415 - Pillow's plugins

    image_root = run_dir / run.image_root
    if not image_root.is_dir():
        raise EngineError(f"The image folder {image_root} is not there; correct image_root in config.toml.")
    pictures = read_pixels(manifest, image_root, run_dir / run.cache, size, report)
    if pictures.faults:
        first = pictures.faults[0]
        note(f"{len(pictures.faults)} images of the run cannot be read ({first.path}: {first.problem}).")
    return manifest.take(pictures.kept), p_clean[list(pictures.kept)], pictures.pixels


def summary(result: Mapping[str, Any]) -> str:
    """Return one line about what `adapt` returned."""
    samples, measured = result["samples"], result["metrics"].get("accuracy")
    line = (
        f"{result['model']} ({result['adapter']}): {samples['selected']} of {samples['n']} samples, "
        f"{result['settings']['epochs']} epochs in {result['seconds']['total']:.1f} s on {result['device']}"
    )
    if measured is None:
        return line
    return f"{line}, {accuracy_words(measured, result['n_held_out'], 'held-out')}"
