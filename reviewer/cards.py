"""What one card shows, as JSON values: the evidence about a sample, in words where words are shorter."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from reviewer.decisions import Decision, Outcome, Screen
from reviewer.filters import Board
from reviewer.images import SIDES, content_key, read_size
from reviewer.queue import RunArrays
from reviewer.reasons import label_now, reasons_of
from reviewer.workspace import Workspace

N_LIKELIEST = 10
N_NEAREST = 12
N_OF_A_CLASS = 8  # neighbours of the given and of the suggested class each; a strip shows three beside others


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
        "note": decision.note,
        "annotator": decision.annotator,
        "decided_at": f"{decision.decided_at.isoformat(timespec='seconds')}Z",
    }


def card_json(
    workspace: Workspace, board: Board, position: int, screen: Screen = Screen.CARD
) -> dict[str, Any]:
    """Return the card of the sample at `position`.

    A blind card (audit, second opinion) shows the image and the given label, and nothing that a run or
    somebody else thinks of them. That of a sample which people disagree about shows who said what.
    """
    card = _image_and_label(workspace, board, position)
    blind = screen.is_blind
    if screen is Screen.CARD and board.is_disputed(position):
        screen = Screen.ADJUDICATION
        said = (board.decisions[position], *board.opinions[position])
        card["opinions"] = [decision_json(each) for each in said]
    card |= {"screen": screen.value, "blind": blind}
    if screen in (Screen.SECOND, Screen.ADJUDICATION):
        card["decision"] = None  # to be decided anew
    run, probabilities = board.ranking.run, board.ranking.class_probabilities(position)
    if blind or run is None or probabilities is None:
        return card
    names, given = run.class_names, card["given"]["name"]
    best = np.argsort(-probabilities, kind="stable")
    card["given"]["probability"] = _of(names, probabilities, given)
    card["suggested"] = _named(names, probabilities, int(best[0]))
    card["p_clean"] = float(board.ranking.p_clean[position])
    card["chance"] = board.chance_of(board, position)
    card["run"] = run.run_id
    card["likeliest"] = [_named(names, probabilities, int(k)) for k in best[:N_LIKELIEST]]
    card["runs"] = [
        {"run": each.run_id, "detector": each.detector, "p_clean": float(each.p_clean[each.row_at[position]])}
        for each in reversed(board.runs)
        if each.row_at[position] >= 0
    ]
    nearest = _nearest(run, position)
    card["searched"] = len(nearest)
    wanted = (given, names[int(best[0])])
    card["neighbours"] = [
        _neighbour_json(workspace, board, other, similarity)
        for other, similarity in _shown(board, nearest, wanted)
    ]
    reasons = reasons_of(board.ranking, board.runs, board.decisions, position, board.threshold)
    card["reasons"] = [{"key": reason.key, "words": reason.words} for reason in reasons]
    return card


def turned_card(workspace: Workspace, board: Board, turned: Decision, *, is_redone: bool) -> dict[str, Any]:
    """Return the card that a decision was made from which is undone or redone now: a second opinion's is as
    blind as it was, and shows that opinion or none."""
    if turned.screen is not Screen.SECOND:
        return card_json(workspace, board, turned.position)
    card = card_json(workspace, board, turned.position, Screen.SECOND)
    return {**card, "decision": decision_json(turned) if is_redone else None}


def _image_and_label(workspace: Workspace, board: Board, position: int) -> dict[str, Any]:
    """Return a card without anything that a run thinks."""
    path = board.samples.paths[position]
    key = content_key(workspace.image_root, path)
    size = read_size(workspace.image_root, path, key)
    is_larger = size is not None and max(size) > SIDES["card"]
    return {
        "position": position,
        "sample_id": board.samples.sample_ids[position],
        "path": path,
        "image": image_url("card", position, key),
        "full": image_url("full", position, key) if is_larger else None,
        "width": size[0] if size else None,
        "height": size[1] if size else None,
        "opinions": [],
        "given": {"name": board.samples.given_labels[position], "probability": None},
        "suggested": None,
        "p_clean": None,
        "chance": None,
        "run": None,
        "runs": [],
        "likeliest": [{"name": n, "probability": None} for n in workspace.class_names[:N_LIKELIEST]],
        "neighbours": [],
        "searched": 0,
        "reasons": [],
        "decision": decision_json(board.decisions.get(position)),
    }


def _named(names: Sequence[str], probabilities: np.ndarray, k: int) -> dict[str, Any]:
    return {"name": names[k], "probability": float(probabilities[k])}


def _of(names: Sequence[str], probabilities: np.ndarray, name: str) -> float | None:
    return float(probabilities[names.index(name)]) if name in names else None


# -- neighbours --


def _nearest(run: RunArrays, position: int) -> list[tuple[int, float]]:
    row = run.row_at[position]
    rows, similarities = run.neighbours.rows[row], run.neighbours.similarities[row]
    return [(int(run.positions[r]), float(s)) for r, s in zip(rows, similarities, strict=True) if r >= 0]


def _shown(
    board: Board, nearest: Sequence[tuple[int, float]], wanted: tuple[str, str]
) -> list[tuple[int, float]]:
    """Return the nearest of all and the nearest of each wanted class, nearest first, each once."""
    left = dict.fromkeys(wanted, N_OF_A_CLASS)
    shown = []
    for rank, (other, similarity) in enumerate(nearest):
        label = label_now(board.decisions.get(other), board.samples.given_labels[other])
        if label is not None and left.get(label):
            left[label] -= 1
        elif rank >= N_NEAREST:
            continue
        shown.append((other, similarity))
    return shown


def _neighbour_json(workspace: Workspace, board: Board, other: int, similarity: float) -> dict[str, Any]:
    decision = board.decisions.get(other)
    key = content_key(workspace.image_root, board.samples.paths[other])
    return {
        "position": other,
        "image": image_url("thumb", other, key),
        "label": label_now(decision, board.samples.given_labels[other]),
        "outcome": decision.outcome.value if decision else None,
        "confirmed": decision is not None and decision.outcome in (Outcome.KEEP, Outcome.RELABEL),
        "similarity": similarity,
    }
