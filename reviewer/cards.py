"""What one card shows, as JSON values: the evidence about a sample, in words where words are shorter."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from reviewer.decisions import Decision, Outcome
from reviewer.images import content_key, read_size
from reviewer.queries import Samples
from reviewer.queue import Ranking, RunArrays
from reviewer.workspace import Workspace

N_LIKELIEST = 10
N_NEIGHBOURS = 12
N_VOTERS = 15


def image_url(kind: str, position: int, key: str) -> str:
    """Return the address of a sample's picture; with its `content_key` it changes when the file does."""
    return f"/image/{kind}/{position}?v={key}"


def decision_json(decision: Decision | None) -> dict[str, Any] | None:
    """Return a decision as the card shows it."""
    if decision is None:
        return None
    return {
        "id": decision.event_id,
        "position": decision.position,
        "outcome": decision.outcome.value,
        "labels": list(decision.labels),
        "annotator": decision.annotator,
        "decided_at": f"{decision.decided_at.isoformat(timespec='seconds')}Z",
    }


def card_json(
    workspace: Workspace,
    samples: Samples,
    ranking: Ranking,
    runs: Sequence[RunArrays],
    decisions: Mapping[int, Decision],
    position: int,
    threshold: float,
) -> dict[str, Any]:
    """Return the card of the sample at `position`; `runs` are those taken in, oldest first."""
    path = samples.paths[position]
    given = samples.given_labels[position]
    key = content_key(workspace.image_root, path)
    size = read_size(workspace.image_root, path, key)
    neighbours = _neighbours(workspace, samples, ranking.run, decisions, position)
    card: dict[str, Any] = {
        "position": position,
        "sample_id": samples.sample_ids[position],
        "path": path,
        "image": image_url("card", position, key),
        "width": size[0] if size else None,
        "height": size[1] if size else None,
        "given": {"name": given, "probability": None},
        "suggested": None,
        "p_clean": None,
        "run": None,
        "runs": [],
        "likeliest": [{"name": n, "probability": None} for n in workspace.class_names[:N_LIKELIEST]],
        "neighbours": neighbours,
        "reasons": [],
        "decision": decision_json(decisions.get(position)),
    }
    probabilities = ranking.class_probabilities(position)
    if ranking.run is None or probabilities is None:
        return card
    names = ranking.run.class_names
    best = np.argsort(-probabilities, kind="stable")
    card["given"]["probability"] = _of(names, probabilities, given)
    card["suggested"] = _named(names, probabilities, int(best[0]))
    card["p_clean"] = float(ranking.p_clean[position])
    card["run"] = ranking.run.run_id
    card["likeliest"] = [_named(names, probabilities, int(k)) for k in best[:N_LIKELIEST]]
    card["runs"] = [
        {"run": run.run_id, "detector": run.detector, "p_clean": float(run.p_clean[run.row_at[position]])}
        for run in reversed(runs)
        if run.row_at[position] >= 0
    ]
    card["reasons"] = _reasons(ranking.run, samples, decisions, position, card, threshold)
    return card


def _named(names: Sequence[str], probabilities: np.ndarray, k: int) -> dict[str, Any]:
    return {"name": names[k], "probability": float(probabilities[k])}


def _of(names: Sequence[str], probabilities: np.ndarray, name: str) -> float | None:
    return float(probabilities[names.index(name)]) if name in names else None


def _label_now(samples: Samples, decisions: Mapping[int, Decision], position: int) -> tuple[str, bool]:
    """Return (label, whether a person confirmed it)."""
    decision = decisions.get(position)
    if decision is not None and decision.outcome is Outcome.RELABEL:
        return decision.labels[0], True
    return samples.given_labels[position], decision is not None and decision.outcome is Outcome.KEEP


def _neighbour_positions(run: RunArrays | None, position: int, count: int) -> list[tuple[int, float]]:
    if run is None or run.row_at[position] < 0:
        return []
    row = run.row_at[position]
    rows = run.neighbours.rows[row][:count]
    similarities = run.neighbours.similarities[row][:count]
    return [(int(run.positions[r]), float(s)) for r, s in zip(rows, similarities, strict=True) if r >= 0]


def _neighbours(
    workspace: Workspace,
    samples: Samples,
    run: RunArrays | None,
    decisions: Mapping[int, Decision],
    position: int,
) -> list[dict[str, Any]]:
    cards = []
    for other, similarity in _neighbour_positions(run, position, N_NEIGHBOURS):
        label, confirmed = _label_now(samples, decisions, other)
        key = content_key(workspace.image_root, samples.paths[other])
        cards.append(
            {
                "position": other,
                "image": image_url("thumb", other, key),
                "label": label,
                "confirmed": confirmed,
                "similarity": similarity,
            }
        )
    return cards


def _reasons(
    run: RunArrays,
    samples: Samples,
    decisions: Mapping[int, Decision],
    position: int,
    card: Mapping[str, Any],
    threshold: float,
) -> list[str]:
    given = card["given"]["name"]
    reasons = []
    voters = _neighbour_positions(run, position, N_VOTERS)
    labels = [_label_now(samples, decisions, other)[0] for other, _ in voters]
    if labels:
        common = max(sorted(set(labels)), key=labels.count)
        reasons.append(f"{labels.count(common)} of {len(labels)} neighbours say {common}")
        if common != given:
            reasons.append(f"{labels.count(given)} of {len(labels)} neighbours say {given}")
    row = int(run.row_at[position])
    model = int(np.argmax(run.probs[row]))
    if run.class_names[model] != given:
        reasons.append(f"the model alone says {run.class_names[model]} ({run.probs[row, model]:.0%})")
    # Of each detector the newest run: what it said before it was trained again is no second opinion.
    newest = {entry["detector"]: entry["p_clean"] for entry in reversed(card["runs"])}
    if len(newest) > 1:
        n_flags = sum(p_clean < threshold for p_clean in newest.values())
        reasons.append(f"{n_flags} of {len(newest)} detectors flag it")
    return reasons
