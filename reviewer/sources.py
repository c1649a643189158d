"""Where samples come from: a folder per class, or a table beside a folder of images."""

import csv
import io
import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from engine.decoding import SUFFIXES
from engine.errors import EngineError
from engine.manifest import LeadsOutside, resolve_inside
from reviewer.errors import ReviewerError
from reviewer.table import Table, find_column, read_table

PATH_COLUMNS = (
    "path",
    "file_name",
    "filename",
    "file",
    "filepath",
    "file_path",
    "image",
    "image_path",
    "img",
)
LABEL_COLUMNS = ("label", "class", "class_name", "category", "given_label", "target", "labels", "y")


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One row of the source table. source_row counts records after the header, from 0; `problem` is a
    sentence for a row that cannot be reviewed and None for one that can."""

    sample_id: str
    path: str
    given_label: str
    source_row: int
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A line of the import report; source_row is None for what stands in no row."""

    problem: str
    path: str = ""
    source_row: int | None = None


@dataclass(frozen=True, kw_only=True)
class Source:
    """A read source: the table's own bytes, how to read them, and what is in it."""

    data: bytes
    encoding: str
    delimiter: str
    path_column: str
    label_column: str
    samples: tuple[Sample, ...]
    faults: tuple[Fault, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in sorted order."""
        return tuple(sorted({s.given_label for s in self.samples if s.given_label}))


def read_folder(images: Path) -> Source:
    """Read a folder with one folder per class; classes are its sub-folders, images are found below them.

    The table that a folder lacks is made here: two columns, `path` and `label`.
    """
    rows, faults, others = [], [], 0
    for relative in _walk(images):
        if not relative.lower().endswith(SUFFIXES):
            others += 1
            continue
        if not _is_text(relative):
            faults.append(Fault(path=_printable(relative), problem="its name is not UTF-8; rename the file"))
        elif "/" not in relative:
            faults.append(Fault(path=relative, problem="stands in no class folder; move it into one"))
        else:
            rows.append((relative, relative.split("/", 1)[0]))
    classes = {label.strip() for _, label in rows}
    if len(classes) < 2:
        found = f"only the class folder {classes.pop()!r}" if classes else "no class folders with images"
        raise ReviewerError(
            f"{images} holds {found}; put the images of each class into a folder of its name, or name a "
            "table with --labels."
        )
    if others:
        faults.append(Fault(problem=f"{others:,} files are not images and were left out"))
    text = io.StringIO(newline="")
    # Python before 3.13 quotes only the line ends that it writes itself.
    odd = any("\r" in path for path, _ in rows)
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL if odd else csv.QUOTE_MINIMAL)
    writer.writerow(("path", "label"))
    writer.writerows(rows)
    data = text.getvalue().encode("utf-8")
    source = read_labels(data, images, path_column="path", label_column="label", encoding="utf-8")
    return Source(**{**vars(source), "faults": tuple(faults) + source.faults})


def read_labels(
    data: bytes,
    images: Path,
    *,
    path_column: str | None = None,
    label_column: str | None = None,
    encoding: str | None = None,
) -> Source:
    """Read a table of paths and labels; columns that are not named are guessed from their names.

    Rows that name a missing file, a file outside `images`, no path or no label are reported and kept
    out of the review; a repeated path becomes a sample of its own, `path#2`, and is reported.
    """
    named = [column for column in (path_column, label_column) if column]
    table = read_table(data, encoding=encoding, columns=named)
    header = table.header()
    path_at = find_column(header, path_column, PATH_COLUMNS, "--path-column")
    label_at = find_column(header, label_column, LABEL_COLUMNS, "--label-column")
    samples, faults = _read_rows(table, images, path_at, label_at)
    if encoding is None and table.encoding not in ("utf-8", "utf-16-le", "utf-16-be"):
        faults.insert(0, Fault(problem=f"the table is not UTF-8; it was read as {table.encoding}"))
    classes = {sample.given_label for sample in samples if sample.given_label}
    if len(classes) < 2:
        raise ReviewerError(
            f"The column {header[label_at]!r} holds {len(classes)} classes; finding wrong labels needs two."
        )
    if all(sample.problem for sample in samples):
        raise ReviewerError(
            f"None of the {len(samples):,} rows names an image in {images}: the first, "
            f"{samples[0].path!r}, {samples[0].problem}; check --images and --path-column."
        )
    return Source(
        data=data,
        encoding=table.encoding,
        delimiter=table.delimiter,
        path_column=header[path_at],
        label_column=header[label_at],
        samples=tuple(samples),
        faults=tuple(faults),
    )


def _read_rows(table: Table, images: Path, path_at: int, label_at: int) -> tuple[list[Sample], list[Fault]]:
    present = {relative for relative in _walk(images) if _is_text(relative)}
    records = table.records()
    next(records)
    samples, faults = [], []
    ids: dict[str, int] = {}
    seen: dict[str, int] = {}
    for row, record in enumerate(records):
        if not any(record.cells):
            continue
        cells = record.cells
        given = cells[path_at] if path_at < len(cells) else ""
        given = given if given in present else given.strip()
        label = cells[label_at].strip() if label_at < len(cells) else ""
        path, problem = locate(given, images, present) if given else ("", "the row names no path")
        if problem is None and not label:
            problem = "the row has no label"
        sample_id, count = _unused(given or f"row {row + 1}", ids), seen.get(path, 0) + 1
        if path:
            seen[path] = count
        sample = Sample(
            sample_id=sample_id, path=path or given, given_label=label, source_row=row, problem=problem
        )
        samples.append(sample)
        if problem is not None:
            faults.append(Fault(problem=problem, path=given, source_row=row))
        elif count > 1:
            faults.append(
                Fault(problem=f"names the same image again; kept as {sample_id}", path=given, source_row=row)
            )
    return samples, faults


def locate(given: str, images: Path, present: set[str]) -> tuple[str, str | None]:
    """Return (path below the image folder with forward slashes, what is wrong with it or None).

    present: the files that are known to be there; the others are looked for on the disk.
    """
    if "\0" in given:
        return given, "the path holds a zero byte"
    spellings = list(dict.fromkeys(_spellings(given, images)))
    for path in spellings:
        if path in present:
            return path, None
    problem = "the file is not there"
    for path in spellings:
        # The walk knows no hidden files and does not follow linked folders; the file may still be inside.
        try:
            found = resolve_inside(images, path)
            if found.is_file():
                return found.relative_to(images.resolve()).as_posix(), None
        except LeadsOutside:
            problem = "leads outside the image folder"
        except (EngineError, OSError, ValueError):  # links in a circle, too long a name
            pass
    return given, problem


def _spellings(given: str, images: Path) -> Iterator[str]:
    """Yield the ways in which `given` may name a file below `images`, likeliest first."""
    yield given
    windows = PureWindowsPath(given)
    if windows.drive or (windows.root and "\\" in given):
        # A path of another machine: any ending of it may be the part below the image folder.
        parts = windows.parts[1:]
        for start in range(len(parts)):
            yield "/".join(parts[start:])
        return
    slashed = given.replace("\\", "/") if "\\" in given else given
    for path in dict.fromkeys((given, slashed)):
        plain = PurePosixPath(path)
        if plain.is_absolute() and plain.is_relative_to(images.absolute()):
            plain = plain.relative_to(images.absolute())
        elif plain.is_absolute() and plain.is_relative_to(images.resolve()):
            plain = plain.relative_to(images.resolve())
        text = str(plain)
        yield text
        yield unicodedata.normalize("NFC", text)
        yield unicodedata.normalize("NFD", text)


def _unused(name: str, taken: dict[str, int]) -> str:
    """Return `name`, or `name#2`, `name#3` … when it is taken, and take it."""
    number = taken.get(name, 0) + 1
    unused = name if number == 1 else f"{name}#{number}"
    while unused in taken and number > 1:
        number += 1
        unused = f"{name}#{number}"
    taken[name] = number
    taken.setdefault(unused, 1)
    return unused


def _walk(folder: Path) -> Iterator[str]:
    """Yield the files below `folder` in sorted order, relative, with forward slashes; hidden ones, pipes
    and devices, and links that lead outside or nowhere are left out."""
    base = os.path.realpath(folder)
    waiting = [""]
    while waiting:
        prefix = waiting.pop()
        try:
            with os.scandir(os.path.join(base, prefix)) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError:
            continue
        folders = []
        for entry in entries:
            if entry.name.startswith("."):
                continue
            relative = f"{prefix}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                folders.append(f"{relative}/")
            elif entry.is_file(follow_symlinks=False) or _is_file_below(entry, base):
                yield relative
        waiting.extend(reversed(folders))


def _is_file_below(link: os.DirEntry[str], base: str) -> bool:
    target = os.path.realpath(link.path)
    return link.is_symlink() and os.path.isfile(target) and Path(target).is_relative_to(base)


def _is_text(path: str) -> bool:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _printable(path: str) -> str:
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
