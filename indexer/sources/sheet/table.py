"""A .csv or .xlsx file as lines of text, whatever program wrote it, and within bounds whoever wrote it."""

from __future__ import annotations

import codecs
import csv
import datetime
import io
import re
import xml.parsers.expat
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from indexer.sources.local import read_file
from indexer.sources.protocol import readable
from indexer.sources.sheet.bounds import BOUNDS, Account, OutOfBounds
from indexer.sources.sheet.workbook import read_workbook
from presente.errors import InvalidInput, PhotoRefused

_WORKBOOKS = (".xlsx", ".xlsm")
SUFFIXES = (".csv", *_WORKBOOKS)
_DAMAGE = (
    OSError,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    OverflowError,
    RuntimeError,  # encrypted, or compressed in ways that Python does not know
    zipfile.BadZipFile,
    zlib.error,
    xml.parsers.expat.ExpatError,
)
"""What a damaged workbook makes the modules that it is read with raise."""

_MARKS = (  # the longest first: one of UTF-32's begins with one of UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WINDOWS = "cp1252"
_DELIMITERS = ",;\t"
_LOOKED_AT = 20
"""Lines in which the separator is looked for."""

_SEPARATOR = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)

SheetLine = tuple[int, list[str]]


@dataclass(frozen=True, slots=True)
class SheetTable:
    """Lines that hold something, (line number, one text per column, none empty at the end), and how they were read."""

    path: Path
    lines: tuple[SheetLine, ...]
    notes: tuple[str, ...] = ()

    def headed(self, place: int) -> tuple[tuple[str, ...], tuple[SheetLine, ...]]:
        """The columns' names in one of the lines, and the lines below it; the empty cells at their ends are left out.

        Raises:
            InvalidInput: ``unreadable_sheet``, naming the line that has more texts than there are columns.
        """
        columns = tuple(self.lines[place][1]) if self.lines else ()
        for number, cells in self.lines[place + 1 :]:
            if len(cells) > len(columns):
                raise InvalidInput(
                    "unreadable_sheet",
                    f"{readable(self.path)}, line {number}: more values than columns.",
                    "Put values that hold the separator in double quotes; give every column a name.",
                )
        return columns, self.lines[place + 1 :]


def read_table(path: Path) -> SheetTable:
    """Read a workbook's first sheet, or a text separated by ``,`` ``;`` or tabs.

    Raises:
        InvalidInput: ``unreadable_sheet``, or ``sheet_too_large``, which says the bound.
    """
    try:
        content = read_file(path, BOUNDS.bytes)
        return _workbook(path, content) if path.suffix.lower() in _WORKBOOKS else _text(path, content)
    except OutOfBounds as exc:
        raise _too_large(path, str(exc)) from exc
    except PhotoRefused as exc:
        if exc.code == "too_many_bytes":
            raise _too_large(path, f"it has more than {BOUNDS.bytes:,} bytes") from exc
        raise InvalidInput("unreadable_sheet", f"{readable(path)} is no file.", "Name the sheet's own file.") from exc
    except OSError as exc:
        raise InvalidInput(
            "unreadable_sheet", f"{readable(path)} cannot be read ({exc.strerror}).", "Check its permissions."
        ) from exc


def _too_large(path: Path, why: str) -> InvalidInput:
    return InvalidInput(
        "sheet_too_large",
        f"{readable(path)} is larger than a sheet may be: {why}.",
        "Keep only the students' columns and rows: copy them into a new sheet, or split it.",
    )


def _trimmed(lines: Iterable[SheetLine]) -> Iterator[SheetLine]:
    """Cells without the spaces around them, lines without the empty cells at their end, and none that are empty."""
    for number, cells in lines:
        texts = [cell.strip() for cell in cells]
        while texts and not texts[-1]:
            texts.pop()
        if texts:
            yield number, texts


# -- text ------------------------------------------------------------------------------------------------------------


def _text(path: Path, content: bytes) -> SheetTable:
    try:
        text, encoding = _decoded(content)
        notes = (f"{readable(path)} is not UTF-8 and was read as Windows-1252",) if encoding == _WINDOWS else ()
        return SheetTable(path, tuple(_trimmed(_csv_lines(text))), notes)
    except (UnicodeDecodeError, csv.Error) as exc:
        raise InvalidInput(
            "unreadable_sheet", f"{readable(path)} cannot be read ({_why(exc)}).", "Save it as CSV in UTF-8."
        ) from exc


def _why(exc: Exception) -> str:
    """What was wrong, without the whole of what it was wrong with."""
    return f"byte {exc.start:,} is no {exc.encoding}" if isinstance(exc, UnicodeDecodeError) else str(exc)


def _decoded(content: bytes) -> tuple[str, str]:
    """A text and its encoding: what its byte order mark says, else UTF-8, else Windows' own, if it can be neither else.

    Raises:
        UnicodeDecodeError: it is none of these.
        csv.Error: it has NULs, as no text has.
    """
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "")
    if not encoding and b"\0" in content:
        raise csv.Error("it holds NULs, as no text does")
    try:
        text = content.decode(encoding or "utf-8")
    except UnicodeDecodeError:
        if encoding or not content.decode("utf-8", "ignore").isascii():  # UTF-8 that is damaged is not Windows'
            raise
        encoding = _WINDOWS
        text = content.decode(_WINDOWS)
    if "\0" in text:
        raise csv.Error("it holds NULs, as no text does")
    return text, encoding


def _csv_lines(text: str) -> Iterator[SheetLine]:
    """The lines; a first one like ``sep=;``, which Excel writes, says the separator."""
    said = _SEPARATOR.match(text)
    if said:
        text = text[said.end() :]
    delimiter = said[1] if said else _delimiter(text[: BOUNDS.line].splitlines()[:_LOOKED_AT])
    account = BOUNDS.account()
    taken = 0

    def physical() -> Iterator[str]:
        nonlocal taken
        for line in io.StringIO(text, newline=""):
            taken += len(line)
            if taken > BOUNDS.line:
                raise OutOfBounds(f"a line has more than {BOUNDS.line:,} characters")
            yield line

    reader = csv.reader(physical(), delimiter=delimiter, strict=True)
    for cells in reader:
        taken = 0
        while cells and not cells[-1]:
            cells.pop()
        if len(cells) > BOUNDS.columns:
            raise OutOfBounds(f"line {reader.line_num} has a value beyond column {BOUNDS.columns}")
        if cells:
            account.add_row(len(cells))
            for cell in filter(None, cells):
                BOUNDS.check_length(len(cell))
                account.add_cell(cell)
            yield reader.line_num + bool(said), cells


def _delimiter(lines: list[str]) -> str:
    """What separates the columns: what most separates the first line that may name the three that are needed."""
    header = next((line for line in lines if max(map(line.count, _DELIMITERS)) >= 2), "\n".join(lines[:1]))
    return max(_DELIMITERS, key=header.count)


# -- workbooks -------------------------------------------------------------------------------------------------------


def _workbook(path: Path, content: bytes) -> SheetTable:
    try:
        sheet = read_workbook(content)
        account = BOUNDS.account()
        lines = ((number, _cells(values, account)) for number, values in sheet.rows)
        notes = []
        if sheet.others:
            others = ", ".join(map(repr, sheet.others[:10]))
            notes.append(f"{readable(path)}: the sheet {sheet.name!r} was read, and not {others}")
        if sheet.hidden:
            rows = ", ".join(map(str, sheet.hidden[:10])) + (", ..." if len(sheet.hidden) > 10 else "")
            notes.append(f"{readable(path)}: hidden rows were read like the others: {rows}")
        return SheetTable(path, tuple(_trimmed(lines)), tuple(notes))
    except _DAMAGE as exc:
        raise InvalidInput(
            "unreadable_sheet", f"{readable(path)} cannot be read ({exc}).", "Save it again as .xlsx, or as .csv."
        ) from exc


def _cells(values: Mapping[int, object], account: Account) -> list[str]:
    width = max(values, default=-1) + 1
    account.add_row(width)
    return [_shown(values.get(place)) for place in range(width)]


def _shown(value: object) -> str:
    """A workbook's value as a person would write it: dates as ISO 8601, whole numbers without a fraction."""
    if isinstance(value, datetime.datetime):
        at_midnight = value.time() == datetime.time()
        return value.date().isoformat() if at_midnight else value.isoformat(" ", "seconds")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)
