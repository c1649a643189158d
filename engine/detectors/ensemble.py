"""Ensemble: the runs that are there, as one second annotator (methods §16, last paragraph).

    P_i ∝ Π_m P_{m,i}^{w_m},  p_clean from the EM on P and the given labels

CLIP's own answer, weighed as in `transition`, is always one of them. A run whose posterior was never told the
label of the sample it speaks of is taken at the temperature of highest evidence and counts 1. One that has
learned from that very label would be flattered by the evidence: it is made as sure, on average, as the others
together, and counts `say`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.artifacts import Detection, read_json, read_probabilities, read_scores, read_status
from engine.clip.backbone import Backbone
from engine.config import read_config
from engine.detectors import Inputs, load_detector
from engine.errors import EngineError
from engine.manifest import Manifest
from engine.pooling import Weigher, as_sure_as, entropies, pool
from engine.progress import Report
from engine.runtime import Runtime
from engine.settings import EnsembleConfig, TransitionConfig

NEVER_TOLD = ("transition", "crossfit", "knn", "label_match")
"""Detectors whose `probs` of a sample do not depend on its given label."""
SELF = "ensemble"


@dataclass(frozen=True, kw_only=True)
class Member:
    """A finished run. probs: its posterior for the manifest's samples, (N, K) float32, even where it has not
    seen a sample."""

    name: str
    detector: str
    probs: np.ndarray


def detect(
    config: EnsembleConfig,
    manifest: Manifest,
    inputs: Inputs,
    backbone: Backbone,
    runtime: Runtime,
    report: Report,
) -> Detection:
    """Return the posterior of the EM; `probs` is the P that went into it, after its temperature.

    notes: reason (a sentence), runs (their names), weights, temperature, noise_rate. Raises EngineError for
    a run that is not there, has not finished or knows other classes.
    """
    em = Weigher(manifest)
    members = list(read_members(config.runs, manifest, inputs.run_dir))
    own = load_detector("transition")(TransitionConfig(), manifest, inputs, backbone, runtime, report)
    # The run of `transition` says the same; its place is taken by what CLIP says now, with today's pins.
    members = [each for each in members if each.detector != "transition"]
    open_minded = [own.probs]
    open_minded += [em.suited(each.probs).probs for each in members if each.detector in NEVER_TOLD]
    others = [each for each in members if each.detector not in NEVER_TOLD]
    entropy = float(entropies(pool(open_minded, [1.0] * len(open_minded))).mean())
    told = [as_sure_as(each.probs, entropy).probs for each in others] if config.say else []
    weights = [1.0] * len(open_minded) + [config.say] * len(told)
    final = em.suited(pool([*open_minded, *told], weights))
    fit = em.fit(final)
    return Detection(
        p_clean=fit.p_clean(manifest.given),
        probs=final.probs,
        embeddings=inputs.features,
        suggested=fit.posterior.argmax(axis=1),
        suggested_probability=fit.posterior.max(axis=1),
        notes={
            "reason": _told_of(members),
            "runs": [each.name for each in members],
            "weights": weights,
            "alpha": final.alpha,
            "temperature": final.temperature,
            "noise_rate": fit.noise_rate,
        },
    )


def _told_of(members: list[Member]) -> str:
    if not members:
        return "no other run is there yet, so CLIP alone is weighed with the labels"
    return "CLIP and " + ", ".join(each.detector for each in members) + " as one answer"


def read_members(runs: str, manifest: Manifest, run_dir: Path) -> Iterator[Member]:
    """Yield the runs that are named, or the newest finished one of each other detector.

    run_dir: of the ensemble; the runs lie beside it. Raises EngineError as `detect`.
    """
    home = run_dir.resolve().parent
    names = [each.strip() for each in runs.split(",") if each.strip()]
    for name in names:
        folder = home / name
        if Path(name).name != name or not folder.is_dir() or folder == run_dir.resolve():
            raise EngineError(
                f"ensemble.runs names {name!r}, and no other run is called so; correct it, or leave it empty."
            )
        if read_status(folder).state != "done":
            raise EngineError(
                f"The run {name!r} of ensemble.runs has not finished; wait for it, or leave it out."
            )
        yield _read_member(folder, manifest)
    if not names:
        yield from _newest(home, run_dir.resolve(), manifest)


def _newest(home: Path, own: Path, manifest: Manifest) -> Iterator[Member]:
    seen = {SELF}
    folders = (each for each in home.iterdir() if (each / "result.json").is_file() and each != own)
    for folder in sorted(folders, key=lambda each: each.name, reverse=True):
        detector = str((read_json(folder / "result.json") or {}).get("detector"))
        if detector in seen or read_status(folder).state != "done":
            continue
        try:
            member = _read_member(folder, manifest)
        except EngineError:
            continue  # Of other classes, or damaged: nobody asked for this one.
        seen.add(detector)
        yield member


def _read_member(folder: Path, manifest: Manifest) -> Member:
    config = read_config(folder / "config.toml")
    names = tuple(each.name for each in config.classes)
    if names != manifest.class_names:
        raise EngineError(f"The run {folder.name!r} knows other classes than this one; leave it out.")
    try:
        stored, sample_ids = read_probabilities(folder), read_scores(folder).sample_ids
    except (OSError, ValueError, KeyError) as error:
        raise EngineError(f"The files of the run {folder.name!r} cannot be read; leave it out.") from error
    row_of = {sample_id: row for row, sample_id in enumerate(sample_ids.tolist())}
    rows = np.asarray([row_of.get(sample_id, -1) for sample_id in manifest.sample_ids], dtype=np.int64)
    probs = np.full((len(manifest), len(names)), 1.0 / len(names), dtype=np.float32)
    probs[rows >= 0] = stored[rows[rows >= 0]]
    return Member(name=folder.name, detector=config.detector, probs=probs)
