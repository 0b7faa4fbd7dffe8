"""Reads a .csv or .xlsx file as lines of text, as any program may have written it, within bounds.

What a file is follows from its content, not from its name: programs export one kind under the other's name.
"""

from __future__ import annotations

import bisect
import csv
import re
import xml.parsers.expat
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from presente.errors import InvalidInput, PhotoRefused
from presente.files import printable_path
from presente.local_files import read_file
from presente.student_sheets.bounds import BOUNDS, OutOfBounds, SheetUsage
from presente.student_sheets.cells import SheetLine, cell_text, is_moment, text_fault, value_fault
from presente.student_sheets.file_kind import check_readable, is_zip
from presente.student_sheets.texts import WINDOWS_1252, csv_lines, decoded
from presente.student_sheets.workbook import Worksheet, read_worksheets

_WORKBOOK_SUFFIXES = (".xlsx", ".xlsm")
_TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
SHEET_SUFFIXES = (*_TEXT_SUFFIXES, *_WORKBOOK_SUFFIXES)
_DAMAGE_ERRORS = (
    OSError,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    OverflowError,
    RuntimeError,  # encrypted, or compressed in ways that Python cannot read
    zipfile.BadZipFile,
    zlib.error,
    xml.parsers.expat.ExpatError,
)
"""Errors that reading a damaged workbook may raise."""

_QUOTED_TEXT = re.compile(r'="([^"]*)"')
"""``="00123"``: how people keep a spreadsheet from taking a text of a CSV file for a number."""

_LONGEST_SAMPLE = 40
_NAMED = 10
"""Rows and sheets that a note names at most."""


@dataclass(frozen=True, slots=True)
class SheetTable:
    """The lines of a sheet that are not empty, and notes on how they were read.

    Attributes:
        path: the file.
        lines: the lines.
        notes: how the lines were read.
        sheet: the name of the workbook's sheet; None for a text.
        merged: by column, (first line, last line) of the cells that are merged downwards, in order.
    """

    path: Path
    lines: tuple[SheetLine, ...]
    notes: tuple[str, ...] = ()
    sheet: str | None = None
    merged: Mapping[int, Sequence[tuple[int, int]]] = field(default_factory=dict)

    def is_below_merged(self, line: int, column: int) -> bool:
        """Whether a cell is merged with one above, whose value it has."""
        ranges = self.merged.get(column, ())
        place = bisect.bisect_left(ranges, (line, 0)) - 1
        return place >= 0 and line <= ranges[place][1]


def read_tables(path: Path) -> Iterator[SheetTable]:
    """Read a text separated by ``,`` ``;`` or tabs, or the visible sheets of a workbook, each when it is asked for.

    Raises:
        InvalidInput: ``unreadable_sheet``, or ``sheet_too_large``, which names the bound.
    """
    try:
        content = read_file(path, BOUNDS.bytes)
        check_readable(path, content)
        yield from _workbook_tables(path, content) if is_zip(content) else (_text_table(path, content),)
    except OutOfBounds as exc:
        raise _too_large(path, str(exc)) from exc
    except PhotoRefused as exc:
        if exc.code == "too_many_bytes":
            raise _too_large(path, f"it has more than {BOUNDS.bytes:,} bytes") from exc
        raise InvalidInput(
            "unreadable_sheet", f"{printable_path(path)} is not a file.", "Name the sheet's own file."
        ) from exc
    except OSError as exc:
        raise InvalidInput(
            "unreadable_sheet", f"{printable_path(path)} cannot be read ({exc.strerror}).", "Check its permissions."
        ) from exc


def _too_large(path: Path, why: str) -> InvalidInput:
    return InvalidInput(
        "sheet_too_large",
        f"{printable_path(path)} is larger than a sheet may be: {why}.",
        "Keep only the students' columns and rows: copy them into a new sheet, or split it.",
    )


def _trimmed(lines: Iterable[SheetLine]) -> Iterator[SheetLine]:
    """Lines that are not empty, without the empty cells at their end; cells without the spaces around them."""
    for line in lines:
        line.cells[:] = [cell.strip() for cell in line.cells]
        while line.cells and not line.cells[-1]:
            line.cells.pop()
        if line.cells or line.fault:
            yield line


# -- text ------------------------------------------------------------------------------------------------------------


def _unquoted(lines: Iterable[SheetLine]) -> Iterator[SheetLine]:
    """Lines whose cells ``="00123"`` are ``00123``."""
    for line in lines:
        quoted = (_QUOTED_TEXT.fullmatch(cell.strip()) for cell in line.cells)
        line.cells[:] = [found[1] if found else cell for cell, found in zip(line.cells, quoted, strict=True)]
        yield line


def _text_table(path: Path, content: bytes) -> SheetTable:
    shown = printable_path(path)
    try:
        text, encoding = decoded(content)
        if path.suffix.lower() in _WORKBOOK_SUFFIXES and not any(sign in text for sign in ",;\t"):
            raise csv.Error("it is no workbook")
        notes = []
        if path.suffix.lower() in _WORKBOOK_SUFFIXES:
            notes.append(f"{shown} is a text with separators (CSV), not a workbook, and was read as one")
        if encoding == WINDOWS_1252:
            sample = _accented(text)
            notes.append(f"{shown} is not UTF-8 and was read as Windows-1252" + (f" ({sample!r})" if sample else ""))
        lines = tuple(_trimmed(_unquoted(csv_lines(text))))
    except (UnicodeDecodeError, csv.Error) as exc:
        raise InvalidInput(
            "unreadable_sheet", f"{shown} cannot be read ({_short_reason(exc)}).", "Save it as CSV in UTF-8."
        ) from exc
    for line in lines:
        for column, cell in enumerate(line.cells):
            if fault := text_fault(cell):
                line.faults.setdefault(column, fault)
    return SheetTable(path, lines, tuple(notes))


def _accented(text: str) -> str:
    """A word of a text that shows whether its encoding was taken rightly."""
    words = (found[0] for found in re.finditer(r"\w+", text))
    return next((word for word in words if not word.isascii()), "")[:_LONGEST_SAMPLE]


def _short_reason(exc: Exception) -> str:
    """Why a text cannot be read, without quoting the text."""
    return f"byte {exc.start:,} is not {exc.encoding}" if isinstance(exc, UnicodeDecodeError) else str(exc)


# -- workbooks -------------------------------------------------------------------------------------------------------


def _workbook_tables(path: Path, content: bytes) -> Iterator[SheetTable]:
    usage = BOUNDS.count()
    try:
        for sheet in read_worksheets(content):
            yield _table(path, sheet, usage)
    except _DAMAGE_ERRORS as exc:
        raise InvalidInput(
            "unreadable_sheet", f"{printable_path(path)} cannot be read ({exc}).", "Save it again as .xlsx, or as .csv."
        ) from exc


def _table(path: Path, sheet: Worksheet, usage: SheetUsage) -> SheetTable:
    shown = printable_path(path)
    lines = tuple(_trimmed(_line(number, values, usage) for number, values in sheet.rows))
    notes = []
    if path.suffix.lower() in _TEXT_SUFFIXES:
        notes.append(f"{shown} is a workbook, not a text with separators, and was read as one")
    if sheet.others:
        others = ", ".join(map(repr, sheet.others[:_NAMED]))
        notes.append(f"{shown}: the sheet {sheet.name!r} was read, and not {others}")
    if sheet.hidden:
        notes.append(f"{shown}: hidden rows were read, too: {numbered(sheet.hidden)}")
    merged: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for first, last, column in sorted(sheet.merged):
        merged[column].append((first, last))
    return SheetTable(path, lines, tuple(notes), sheet.name, merged)


def _line(number: int, values: Mapping[int, object], usage: SheetUsage) -> SheetLine:
    width = max(values, default=-1) + 1
    usage.add_row(width)
    return SheetLine(
        number,
        [cell_text(values.get(column)) for column in range(width)],
        {column: fault for column, value in values.items() if (fault := value_fault(value))},
        frozenset(column for column, value in values.items() if is_moment(value)),
    )


def numbered(numbers: Iterable[int]) -> str:
    """The first of some line numbers, for a note."""
    numbers = list(numbers)
    return ", ".join(map(str, numbers[:_NAMED])) + (", ..." if len(numbers) > _NAMED else "")
