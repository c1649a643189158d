"""Which cards come next on somebody's page, and as what: the ranked ones, audits, second opinions."""

from collections.abc import Collection

from reviewer.audits import Audits
from reviewer.decisions import Screen
from reviewer.filters import DISAGREEMENTS, EVERYTHING, Board, Filter
from reviewer.opinions import SHARE, interleaved
from reviewer.queue import next_positions
from reviewer.seconds import SecondOpinions


def next_cards(
    board: Board,
    count: int,
    held: Collection[int],
    asked: Filter,
    person: str,
    audits: Audits,
    seconds: SecondOpinions,
) -> list[tuple[int, Screen]]:
    """Return up to `count` positions for the page of a person, each with the screen that it is shown as.

    held: positions that are on some page, theirs included. Audits and second opinions come in the queue of
    all samples only.
    """
    wanted = seconds.next(board, held, person, count) if asked == EVERYTHING else []
    room = count - min(len(wanted), count // SHARE)
    is_about_decided = asked.outcomes is not None or asked.annotator is not None
    positions = next_positions(
        board.ordered(asked),
        board.decisions,
        held,
        room,
        decided_too=is_about_decided or asked.kind == DISAGREEMENTS,
    )
    ranked = [
        (position, Screen.AUDIT if is_audit else Screen.CARD)
        for position, is_audit in audits.mix(positions, room, board, held, asked)
    ]
    opinions = [(position, Screen.SECOND) for position in wanted[: count - len(ranked)]]
    return interleaved(ranked, opinions)
