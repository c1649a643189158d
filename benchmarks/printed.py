"""What the papers print, as tables: `benchmarks/paper_numbers/*.toml`, read. Figures, none of their text.

    [[tables]]
    id, title              what `--only` asks for, and the heading
    figures                what one cell prints, in the order of its parts; none: the key "figure" says it
    heads                  what the first columns of a row say: dataset, method, noise, backbone, tuning, …
    across, columns        the same for the columns of figures; a column is one word or several
    shared                 the same for the whole table
    notes                  what a reader has to know
    rows                   the heads, then one text per column: "99.83/63.62", "96.43±0.07", "-" for none

A cell is what its row, its column and the table say together: `facts`.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NUMBERS = Path(__file__).with_name("paper_numbers")
NONE = "-"
COUNTS = ("clean_correct", "clean_wrong", "noisy_correct", "noisy_wrong", "noisy_memorised", "n_trained")
"""Figures that count samples. The others are per cent, but for the minutes."""

_FIGURE = re.compile(r"(\d+(?:\.\d+)?)(?:±(\d+(?:\.\d+)?))?")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One printed number, in its paper's unit, with the standard deviation where there is one."""

    value: float
    sd: float | None = None


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One place of a table. facts: dataset, method, noise, backbone and what else tells it from others.

    printed: as in the paper. figures: by name (precision, recall, f1, best, last, …); None where the paper
    prints nothing.
    """

    table: str
    facts: Mapping[str, str]
    printed: str
    figures: Mapping[str, Figure | None]


@dataclass(frozen=True, kw_only=True)
class Row:
    """The heads of a row and its cells, one for each column."""

    heads: tuple[str, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of a paper. columns: what stands above the cells."""

    id: str
    title: str
    shared: Mapping[str, str]
    heads: tuple[str, ...]
    columns: tuple[str, ...]
    notes: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def cells(self) -> tuple[Cell, ...]:
        """All cells, row by row."""
        return tuple(cell for row in self.rows for cell in row.cells)


def read_tables(folder: Path = NUMBERS) -> tuple[Table, ...]:
    """Return the tables of every file in `folder`, the files by name; ValueError for one that is torn."""
    return tuple(
        _table(values)
        for path in sorted(folder.glob("*.toml"))
        for values in tomllib.loads(path.read_text(encoding="utf-8"))["tables"]
    )


def _table(values: Mapping[str, Any]) -> Table:
    shared, heads = values.get("shared", {}), tuple(values["heads"])
    columns = [each if isinstance(each, list) else [each] for each in values["columns"]]
    rows = []
    for words in values["rows"]:
        if len(words) != len(heads) + len(columns):
            raise ValueError(f"{values['id']} has a row of {len(words)}: {words}.")
        of_row = {**shared, **dict(zip(heads, words, strict=False))}
        cells = [
            _cell(values["id"], {**of_row, **dict(zip(values["across"], column, strict=True))}, text, values)
            for column, text in zip(columns, words[len(heads) :], strict=True)
        ]
        rows.append(Row(heads=tuple(words[: len(heads)]), cells=tuple(cells)))
    return Table(
        id=values["id"],
        title=values["title"],
        shared=shared,
        heads=heads,
        columns=tuple(" ".join(column) for column in columns),
        notes=tuple(values.get("notes", ())),
        rows=tuple(rows),
    )


def _cell(table: str, facts: dict[str, str], text: str, values: Mapping[str, Any]) -> Cell:
    names = values["figures"] or facts["figure"].split("/")
    parts = [NONE] * len(names) if text == NONE else text.split("/")
    if len(parts) != len(names):
        raise ValueError(f"{table} prints {text!r} where it has {', '.join(names)}.")
    figures = {name: _figure(part) for name, part in zip(names, parts, strict=True)}
    return Cell(table=table, facts=facts, printed=text, figures=figures)


def _figure(text: str) -> Figure | None:
    if text == NONE:
        return None
    found = _FIGURE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no printed figure.")
    value, sd = found.groups()
    return Figure(value=float(value), sd=None if sd is None else float(sd))
