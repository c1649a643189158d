"""The class table: what each class was given, what it seems to be, and what people made of it. Pure."""

from collections import Counter
from typing import Any

import numpy as np

from reviewer.decisions import Outcome
from reviewer.filters import EVERYTHING, NO_CLASS, OUTCOMES, UNDECIDED, Board, Filter, class_index

OPEN = [OUTCOMES.index(UNDECIDED), OUTCOMES.index(Outcome.SKIP.value)]
"""Outcomes of samples that somebody has yet to decide."""


def class_table(board: Board, asked: Filter = EVERYTHING) -> dict[str, Any]:
    """Return the classes and the cells "given → suggested" of what a filter lets through, for the page.

    classes: one entry a class, in the workspace's order; flagged and errors_expected (Σ 1 − p_clean) are of
    its undecided samples. cells: pairs of two different classes, those with most flagged first; relabelled
    counts what people moved from one to the other, kept what they kept although the other was suggested.
    """
    chosen = board.mask(asked) & board.samples.is_reviewable
    return {
        "classes": _classes(board, chosen),
        "cells": _cells(board, chosen),
        "threshold": board.threshold,
    }


def _classes(board: Board, chosen: np.ndarray) -> list[dict[str, Any]]:
    n_classes = len(board.class_names)
    known = chosen & (board.given != NO_CLASS)
    undecided = known & np.isin(board.outcomes, OPEN)
    flagged = undecided & (board.ranking.p_clean < board.threshold)
    wrong = np.where(np.isfinite(board.ranking.p_clean), 1.0 - board.ranking.p_clean, 0.0)

    def count(mask: np.ndarray, weights: np.ndarray | None = None) -> list[float]:
        picked = None if weights is None else weights[mask]
        return np.bincount(board.given[mask], weights=picked, minlength=n_classes).tolist()

    away, to = _moves(board, chosen)
    columns = zip(
        board.class_names,
        count(known),
        count(flagged),
        count(known & ~undecided),
        count(undecided, wrong),
        strict=True,
    )
    return [
        {
            "name": name,
            "samples": int(samples),
            "flagged": int(flags),
            "decided": int(decided),
            "relabelled_away": away[name],
            "relabelled_to": to[name],
            "errors_expected": round(expected, 2),
        }
        for name, samples, flags, decided, expected in columns
    ]


def _moves(board: Board, chosen: np.ndarray) -> tuple[Counter[str], Counter[str]]:
    moved = [
        each
        for position, each in board.decisions.items()
        if each.outcome is Outcome.RELABEL and chosen[position]
    ]
    return Counter(each.given_label for each in moved), Counter(each.labels[0] for each in moved)


def _cells(board: Board, chosen: np.ndarray) -> list[dict[str, Any]]:
    suggested, n_classes = board.suggested, len(board.class_names)
    differs = (suggested != NO_CLASS) & (board.given != NO_CLASS) & (suggested != board.given)
    undecided = chosen & differs & np.isin(board.outcomes, OPEN)
    flagged = undecided & (board.ranking.p_clean < board.threshold)
    key = board.given.astype(np.int64) * n_classes + suggested
    cells: dict[int, Counter[str]] = {}
    for name, mask in (("undecided", undecided), ("flagged", flagged)):
        for cell, count in zip(*np.unique(key[mask], return_counts=True), strict=True):
            cells.setdefault(int(cell), Counter())[name] = int(count)
    index = class_index(board.class_names)
    for position, each in board.decisions.items():
        if not chosen[position]:
            continue
        if each.outcome is Outcome.RELABEL:
            name, other = "relabelled", each.labels[0]
        elif each.outcome is Outcome.KEEP and each.suggested_label is not None:
            name, other = "kept", each.suggested_label
        else:
            continue
        if other != each.given_label and other in index and each.given_label in index:
            cells.setdefault(index[each.given_label] * n_classes + index[other], Counter())[name] += 1
    rows = [
        {
            "given": board.class_names[cell // n_classes],
            "suggested": board.class_names[cell % n_classes],
            **{name: counts[name] for name in ("undecided", "flagged", "relabelled", "kept")},
        }
        for cell, counts in cells.items()
    ]
    return sorted(rows, key=lambda row: (-row["flagged"], -row["undecided"], row["given"], row["suggested"]))
