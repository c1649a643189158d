"""Delimited tables, read so that every byte of a row can be written again."""

import codecs
import csv
import difflib
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from charset_normalizer import from_bytes

from reviewer.errors import ReviewerError

DELIMITERS = (",", "\t", ";", "|")
BOM = "\ufeff"
ENDINGS = ("\r\n", "\n", "\r")
WESTERN_MARKS = frozenset("‘’“”–—…€£§°·«»")
# A cell may hold a caption or a base64 thumbnail; the csv module's own limit is 128 kB.
csv.field_size_limit(64 * 1024 * 1024)


@dataclass(frozen=True, kw_only=True)
class Record:
    """One row: `raw` is its text as it stands, without `ending`; `cells` are its values."""

    raw: str
    ending: str
    cells: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A decoded table; the first of `records()` is the header. encoding gives the bytes back exactly."""

    text: str
    encoding: str
    delimiter: str

    def records(self) -> Iterator[Record]:
        """Yield every record, blank lines included (they have no cells)."""
        taken: list[str] = []

        def lines() -> Iterator[str]:
            for line in io.StringIO(self.text.removeprefix(BOM), newline=""):
                taken.append(line)
                yield line
            if taken:
                # The reader wants more in the middle of a record: all that follows would be lost in one cell.
                raise csv.Error("a quotation mark is opened there and never closed")

        first = BOM if self.text.startswith(BOM) else ""
        # The reader pulls as many lines as a record has, so what it took is the record's own text.
        reader = csv.reader(lines(), delimiter=self.delimiter, strict=False)
        while True:
            first_line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise ReviewerError(
                    f"The table breaks off at line {first_line} ({error}); correct that line."
                ) from error
            raw = first + "".join(taken)
            taken.clear()
            first = ""
            ending = next((end for end in ENDINGS if raw.endswith(end)), "")
            yield Record(raw=raw.removesuffix(ending) if ending else raw, ending=ending, cells=cells)

    def header(self) -> list[str]:
        """Return the column names; raises ReviewerError for an empty table."""
        record = next(self.records(), None)
        if record is None or not any(cell.strip() for cell in record.cells):
            raise ReviewerError("The table has no header row; its first line names the columns.")
        return [cell.strip() for cell in record.cells]


def read_table(data: bytes, *, encoding: str | None = None, columns: Sequence[str] = ()) -> Table:
    """Return `data` as a table.

    The encoding is the given one, else by byte order mark, else UTF-8, else the most plausible that
    gives the same bytes back. The delimiter is the one under which all `columns` stand in the header,
    else the one that makes the most columns. Raises ReviewerError for an encoding that does not fit.
    """
    name = encoding or _guess_encoding(data)
    try:
        name = _without_mark(name, data)
        text = data.decode(name)
        same = text.encode(name) == data
    except (UnicodeError, LookupError) as error:
        raise ReviewerError(
            f"The table cannot be read as {name} ({error}); name its encoding with --encoding."
        ) from error
    if not same:
        raise ReviewerError(f"The table read as {name} does not give its bytes back; save it as UTF-8.")
    tables = [Table(text=text, encoding=name, delimiter=delimiter) for delimiter in DELIMITERS]
    headers = [_header_under(table) for table in tables]
    best = max(range(len(tables)), key=lambda i: (set(columns) <= set(headers[i]), len(headers[i]), -i))
    tables[best].header()
    return tables[best]


def _header_under(table: Table) -> list[str]:
    try:
        return table.header()
    except ReviewerError:
        # Under a wrong delimiter a quotation mark may open that is none.
        return []


def _without_mark(name: str, data: bytes) -> str:
    """Return the encoding that keeps a byte order mark in the text, so that rows can be written singly."""
    known = codecs.lookup(name).name
    if known == "utf-8-sig":
        return "utf-8"
    if known in ("utf-16", "utf-32"):
        big = data.startswith((b"\xfe\xff", b"\0\0\xfe\xff"))
        return f"{known}-be" if big else f"{known}-le"
    return name


def _guess_encoding(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        # Named with its byte order, so that the mark stays in the text and comes back.
        return "utf-16-le" if data[:2] == b"\xff\xfe" else "utf-16-be"
    try:
        data.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError:
        pass
    sample = data[: data.find(b"\n", 200_000) + 1] or data
    # The statistics of charset-normalizer need more text than a small table has ("büro" became Chinese).
    best = None if _is_western(sample) else from_bytes(sample).best()
    for name in (best.encoding if best else "cp1252", "cp1252"):
        try:
            if data.decode(name).encode(name) == data:
                return name
        except (UnicodeDecodeError, UnicodeEncodeError):
            continue
    return "latin-1"  # every byte has a meaning in it


def _is_western(sample: bytes) -> bool:
    """Return whether the bytes above ASCII read as single accented letters and quotes of cp1252."""
    try:
        runs = re.findall(r"[^\x00-\x7f]+", sample.decode("cp1252"))
    except UnicodeDecodeError:
        return False
    single = sum(len(run) == 1 for run in runs)
    return 2 * single >= len(runs) and all(c.isalpha() or c in WESTERN_MARKS for run in runs for c in run)


def find_column(header: Sequence[str], name: str | None, guesses: Sequence[str], option: str) -> int:
    """Return the index of column `name`, or of the first of `guesses` when none is named.

    Raises ReviewerError that lists the columns and the nearest name.
    """
    if name is not None:
        if name in header:
            return list(header).index(name)
        near = difflib.get_close_matches(name, header, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ReviewerError(f"There is no column {name!r}; the table has {', '.join(header)}.{hint}")
    lowered = [column.lower().replace(" ", "_") for column in header]
    for guess in guesses:
        if guess in lowered:
            return lowered.index(guess)
    raise ReviewerError(
        f"None of the columns {', '.join(header)} is known by name; say which it is with {option}."
    )
