"""What a client asks to be decided, as decisions: of one sample after another, or of many with one key."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from reviewer.decisions import Decision, Outcome, Screen, check_outcome
from reviewer.errors import ReviewerError
from reviewer.filters import NO_CLASS, Board
from reviewer.schema import utc_now

SUGGESTION = "suggestion"
"""The outcome of an act that gives each sample the class that is suggested for it."""


def read_decision(entry: Mapping[str, Any], annotator: str, board: Board) -> Decision:
    """Return one decision as it came from a card.

    Raises ReviewerError for a sample that is not there or not what the card showed, and for an outcome or a
    label that cannot be.
    """
    position = entry["position"]
    check_position(board, position)
    if board.samples.sample_ids[position] != entry["sample_id"]:
        raise ReviewerError(
            f"The decision is about {entry['sample_id']!r}, but this workspace has another sample there; "
            "reload the page."
        )
    given = str(board.samples.given_labels[position])
    outcome, labels = check_outcome(entry["outcome"], entry.get("labels") or (), given, board.class_names)
    return Decision(
        event_id=entry["id"],
        position=position,
        outcome=outcome,
        labels=labels,
        annotator=annotator,
        decided_at=utc_now(),
        given_label=given,
        suggested_label=_shared(entry.get("suggested")),
        p_clean=entry.get("p_clean"),
        run_id=_shared(entry.get("run")),
        seconds=entry.get("seconds"),
        note=entry.get("note") or None,
        screen=_screen(entry),
    )


def _shared(name: str | None) -> str | None:
    """Return the one string of that name: each request brings a copy, and decisions stay in memory."""
    return None if name is None else sys.intern(name)


def _screen(entry: Mapping[str, Any]) -> Screen:
    if entry.get("screen"):
        return Screen(entry["screen"])
    return Screen.AUDIT if entry.get("blind") else Screen.CARD


def read_act(
    act_id: str,
    outcome: str,
    labels: Sequence[str],
    positions: Sequence[int],
    annotator: str,
    board: Board,
    screen: Screen = Screen.SHEET,
) -> tuple[list[Decision], list[dict[str, Any]]]:
    """Return the decisions of one act on many samples, and those refused: position and reason of each.

    Each decision's id follows from the act's and its position, so an act that is sent again is known. Raises
    ReviewerError for an outcome or a label that can be none of them.
    """
    if outcome != SUGGESTION:
        check_outcome(outcome, labels, "", board.class_names)
    ranking, suggested, now = board.ranking, board.suggested, utc_now()
    made: list[Decision] = []
    refused: list[dict[str, Any]] = []
    for position in dict.fromkeys(positions):
        try:
            check_position(board, position)
            given = str(board.samples.given_labels[position])
            k = int(suggested[position])
            suggestion = None if k == NO_CLASS else board.class_names[k]
            asked = (outcome, labels) if outcome != SUGGESTION else _suggestion(suggestion)
            settled, chosen = check_outcome(*asked, given, board.class_names)
        except ReviewerError as error:
            refused.append({"position": position, "error": str(error)})
            continue
        p_clean = float(ranking.p_clean[position])
        made.append(
            Decision(
                event_id=f"{act_id}-{position}",
                position=position,
                outcome=settled,
                labels=chosen,
                annotator=annotator,
                decided_at=now,
                given_label=given,
                suggested_label=suggestion,
                p_clean=p_clean if p_clean == p_clean else None,
                run_id=ranking.run.run_id if ranking.run else None,
                act_id=act_id,
                screen=screen,
            )
        )
    return made, refused


def _suggestion(suggestion: str | None) -> tuple[str, tuple[str, ...]]:
    if suggestion is None:
        raise ReviewerError("No run suggests a class for this sample; decide it by another key.")
    return Outcome.RELABEL, (suggestion,)


def check_position(board: Board, position: int) -> None:
    """Raise ReviewerError where there is no sample to review."""
    if not 0 <= position < len(board.samples) or board.samples.problems[position] is not None:
        raise ReviewerError(f"There is no sample {position} to review here; reload the page.")
