"""How well the detectors that need no training find wrong labels, on the digits and the CIFAR sample.

    python -m benchmarks.ranking

AUROC and average precision of finding wrong labels, F1 of clean selection at p_clean > 0.5, expected
calibration error (10 bins), and the noise rate that `transition` estimates.
"""

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from benchmarks.machine import circumstances
from engine.artifacts import read_json, read_scores
from engine.config import DETECTORS, BackboneConfig, ClassConfig, RunConfig, write_config
from engine.job import run
from engine.manifest import Manifest, Pin, write_manifest
from tests.driver import CIFAR, DIGITS, SMALL_CLIP, write_digits
from tests.test_loop import write_cifar

LABELS = ("noisy_sym40", "noisy_sym20", "noisy_c10n_worse", "noisy_pair40", "noisy_c10n_aggre")


def detect(
    folder: Path, images: Path, names: tuple[str, ...], paths: list[str], given: Any, detector: str
) -> Any:
    """Run `detector` and return (p_clean by path order, notes, seconds)."""
    run_dir = folder / f"run-{time.time_ns()}"
    run_dir.mkdir()
    classes = tuple(ClassConfig(name=name, prompt=name) for name in names)
    write_config(
        run_dir / "config.toml",
        RunConfig(
            detector=detector,
            image_root=str(images),
            cache=str(folder / "cache"),
            backbone=BackboneConfig(weights=str(SMALL_CLIP)),
            classes=classes,
        ),
    )
    manifest = Manifest(
        sample_ids=tuple(paths),
        paths=tuple(paths),
        given=np.asarray(given, dtype=np.int64),
        class_names=names,
        class_prompts=names,
        pins=(Pin.NONE,) * len(paths),
        pin_labels=((),) * len(paths),
    )
    write_manifest(run_dir / "manifest.csv", manifest)
    run(run_dir)
    scores = read_scores(run_dir)
    by_id = dict(zip(scores.sample_ids.tolist(), scores.p_clean.tolist(), strict=True))
    result = read_json(run_dir / "result.json")
    return np.asarray([by_id[path] for path in paths]), result["notes"], result["seconds"]["detect"]


def calibration_error(p_clean: np.ndarray, is_clean: np.ndarray, bins: int = 10) -> float:
    at = np.minimum((p_clean * bins).astype(int), bins - 1)
    parts = [(at == b) for b in range(bins) if (at == b).any()]
    return float(sum(p.mean() * abs(p_clean[p].mean() - is_clean[p].mean()) for p in parts))


def row(
    name: str, detector: str, p_clean: np.ndarray, is_clean: np.ndarray, notes: Any, seconds: float
) -> str:
    """Return one line of the table."""
    rate = f"{notes['noise_rate']:.3f} of {1 - is_clean.mean():.3f}" if "noise_rate" in notes else ""
    return (
        f"| {name} | {detector} {notes.get('posterior', '')} | {roc_auc_score(~is_clean, -p_clean):.3f} | "
        f"{f1_score(is_clean, p_clean > 0.5):.3f} | {average_precision_score(~is_clean, -p_clean):.3f} | "
        f"{calibration_error(p_clean, is_clean):.3f} | {rate} | {seconds:.1f} |"
    )


def main() -> None:
    print(circumstances())
    print("| labels | detector | AUROC | F1 clean | AP wrong | ECE | noise rate | detect s |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        labels = write_digits(base / "digits")
        paths = sorted(labels)
        given = [DIGITS.index(labels[path][0]) for path in paths]
        is_clean = np.asarray([labels[path][0] == labels[path][1] for path in paths])
        for detector in DETECTORS:
            found = detect(base, base / "digits", DIGITS, paths, given, detector)
            print(row("digits, 20 % symmetric", detector, found[0], is_clean, *found[1:]), flush=True)
        paths = sorted(write_cifar(base / "cifar"))
        with np.load(CIFAR) as data:
            names, true = tuple(str(name) for name in data["class_names"]), data["clean"]
            columns = {name: data[name] for name in LABELS}
        for name, given in columns.items():
            for detector in DETECTORS:
                found = detect(base, base / "cifar" / "images", names, paths, given, detector)
                print(row(name, detector, found[0], given == true, *found[1:]), flush=True)


if __name__ == "__main__":
    main()
