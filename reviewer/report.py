"""The report of a data set as one HTML file that needs nothing else: what was wrong, where, by whose eyes."""

import html
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Any

from reviewer.agreement import Agreement, agreements
from reviewer.assets import asset_path
from reviewer.decisions import STATUSES, Decision, Outcome
from reviewer.desk import Desk
from reviewer.filters import Board
from reviewer.images import render_address
from reviewer.queries import read_standing_decisions

MOST_CLASSES = 200
MOST_MOVES = 20
EXAMPLES = 6  # pictures of each move


def write_report(desk: Desk) -> str:
    """Return the report of an open workspace as a whole HTML page, pictures included."""
    board = desk.board()
    told = desk.forecast.told(board)
    standing = read_standing_decisions(desk.store.cursor())
    name = desk.workspace.config.name
    style = (asset_path("web") / "report.css").read_text(encoding="utf-8")
    body = "".join(
        [
            f"<h1>{html.escape(name)}</h1>",
            f"<p class='when'>{datetime.now(UTC):%Y-%m-%d %H:%M} UTC · Labelsieve</p>",
            _summary(board, told),
            _classes(board, told),
            _moves(desk, board),
            _people(board, standing),
        ]
    )
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; img-src data:; "
        "style-src 'unsafe-inline'\">"
        f"<title>{html.escape(name)}: label report</title><style>{style}</style></head>"
        f"<body><main>{body}</main></body></html>"
    )


# -- parts ----------------------------------------------------------------------------------------------


def key_figures(board: Board, told: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Return how many samples there are, are decided, and have each status, in words; told: of `outlook`."""
    statuses = Counter(STATUSES[each.outcome] for each in board.decisions.values())
    settled = sum(statuses.values()) - statuses[STATUSES[Outcome.SKIP]]
    figures = [("samples", told["samples"]), ("decided", settled)]
    return figures + [(status.replace("_", " "), statuses[status]) for status in STATUSES.values()]


def _summary(board: Board, told: Mapping[str, Any]) -> str:
    tiles = key_figures(board, told)
    cells = "".join(f"<div><b>{count:,}</b><span>{html.escape(word)}</span></div>" for word, count in tiles)
    said = "".join(f"<p>{html.escape(told[key])}</p>" for key in ("errors", "stop") if told[key])
    return f"<section><div class='tiles'>{cells}</div>{said}</section>"


def _classes(board: Board, told: Mapping[str, Any]) -> str:
    given: Counter[str] = Counter()
    now: Counter[str] = Counter()
    away: Counter[str] = Counter()
    for position in board.samples.reviewable().tolist():
        label = str(board.samples.given_labels[position])
        decision = board.decisions.get(position)
        given[label] += 1
        keeps = decision is None or decision.outcome is Outcome.SKIP
        labels = (label,) if decision is None or keeps else decision.settled_labels()
        for each in labels:
            now[each] += 1
        away[label] += label not in labels
    left = {row["name"]: row for row in told["classes"]}
    most = max([1, *given.values(), *now.values()])
    rows = []
    for name in sorted(board.class_names, key=lambda name: (-away[name], name))[:MOST_CLASSES]:
        expected = left.get(name)
        range_ = f"{expected['point']:,.0f} ({expected['low']:,}–{expected['high']:,})" if expected else ""
        bars = "".join(
            f"<i class='{kind}' style='width:{100 * count / most:.1f}%'></i>"
            for kind, count in (("before", given[name]), ("after", now[name]))
        )
        cells = [f"{given[name]:,}", f"{now[name]:,}", f"{away[name]:,}", range_]
        rows.append(_row([name], [*cells], f"<td class='bars'>{bars}</td>"))
    head = ["class", "given", "now", "found wrong", "wrong still (95 %)", "before and after"]
    more = len(board.class_names) - MOST_CLASSES
    note = f"<p>{more:,} more classes are left out.</p>" if more > 0 else ""
    return f"<section><h2>Classes</h2>{_table(head, rows)}{note}</section>"


def _moves(desk: Desk, board: Board) -> str:
    moves: dict[tuple[str, str], list[int]] = {}
    for position, each in sorted(board.decisions.items()):
        if each.outcome is Outcome.RELABEL:
            moves.setdefault((each.given_label, each.labels[0]), []).append(position)
    if not moves:
        return "<section><h2>What was relabelled</h2><p>Nothing yet.</p></section>"
    rows = []
    for (given, label), positions in sorted(moves.items(), key=lambda each: (-len(each[1]), each[0]))[
        :MOST_MOVES
    ]:
        pictures = "".join(_picture(desk, board, position) for position in positions[:EXAMPLES])
        rows.append(_row([given, label], [f"{len(positions):,}"], f"<td class='pictures'>{pictures}</td>"))
    return f"<section><h2>What was relabelled</h2>{_table(['given', 'is', 'samples', ''], rows)}</section>"


def _picture(desk: Desk, board: Board, position: int) -> str:
    path = str(board.samples.paths[position])
    address = render_address(desk.workspace.image_root, path, "thumb", desk.workspace.cache)
    name = html.escape(path)
    return f"<img src='{address}' alt='{name}' title='{name}'>"


def _people(board: Board, standing: Sequence[Decision]) -> str:
    rows = []
    for name in sorted({each.annotator for each in standing}):
        theirs = [each for each in standing if each.annotator == name]
        seconds = [each.seconds for each in theirs if each.seconds is not None]
        changed = sum(each.outcome not in (Outcome.KEEP, Outcome.SKIP) for each in theirs)
        pace = f"{median(seconds):.1f} s" if seconds else ""
        rows.append(_row([name], [f"{len(theirs):,}", f"{changed:,}", pace]))
    if not rows:
        return ""
    people = _table(["annotator", "decisions", "not kept", "median time"], rows)
    return f"<section><h2>People</h2>{people}{_agreement(agreements(standing))}</section>"


def _agreement(found: Iterable[Agreement]) -> str:
    rows = [
        _row(
            [each.first, "their own earlier ones" if each.first == each.second else each.second],
            [f"{each.n:,}", f"{each.share:.0%}", "" if each.kappa is None else f"{each.kappa:.2f}"],
        )
        for each in found
    ]
    if not rows:
        return "<p>Nobody has given a second opinion yet, so agreement is not known.</p>"
    return _table(["", "compared with", "samples", "the same", "Cohen's kappa"], rows)


def _table(head: Sequence[str], rows: Sequence[str]) -> str:
    cells = "".join(f"<th scope='col'>{html.escape(each)}</th>" for each in head)
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _row(names: Sequence[str], cells: Sequence[str], rest: str = "") -> str:
    heads = "".join(f"<th scope='row'><bdi>{html.escape(each)}</bdi></th>" for each in names)
    return f"<tr>{heads}{''.join(f'<td>{html.escape(each)}</td>' for each in cells)}{rest}</tr>"
