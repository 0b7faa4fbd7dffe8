"""Reads a .csv or .xlsx file as lines of text, as any program may have written it, within bounds."""

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

from indexer.sources.local_files import read_file
from indexer.sources.sheet.bounds import BOUNDS, OutOfBounds, SheetUsage
from indexer.sources.sheet.workbook import read_workbook
from indexer.sources.values import printable_path
from presente.errors import InvalidInput, PhotoRefused

_WORKBOOK_SUFFIXES = (".xlsx", ".xlsm")
SHEET_SUFFIXES = (".csv", *_WORKBOOK_SUFFIXES)
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

_BYTE_ORDER_MARKS = (  # UTF-32 first: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WINDOWS_1252 = "cp1252"
_DELIMITERS = ",;\t"
_SEPARATOR_LINES = 20
"""First lines in which the separator is looked for."""

_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)

SheetLine = tuple[int, list[str]]
"""The number of a line, and one text per column, the last of them not empty."""


@dataclass(frozen=True, slots=True)
class SheetTable:
    """The lines of a sheet that are not empty, and notes on how they were read."""

    path: Path
    lines: tuple[SheetLine, ...]
    notes: tuple[str, ...] = ()

    def lines_below_header(self, header: int) -> tuple[SheetLine, ...]:
        """The lines below the line that has the columns' names, which is ``lines[header]``.

        Raises:
            InvalidInput: ``unreadable_sheet``, naming the line that has more texts than there are columns.
        """
        columns = self.lines[header][1] if self.lines else []
        for number, cells in self.lines[header + 1 :]:
            if len(cells) > len(columns):
                raise InvalidInput(
                    "unreadable_sheet",
                    f"{printable_path(self.path)}, line {number}: more values than columns.",
                    "Put values that hold the separator in double quotes; give every column a name.",
                )
        return self.lines[header + 1 :]


def read_table(path: Path) -> SheetTable:
    """Read a workbook's first visible sheet, or a text separated by ``,`` ``;`` or tabs.

    Raises:
        InvalidInput: ``unreadable_sheet``, or ``sheet_too_large``, which names the bound.
    """
    try:
        content = read_file(path, BOUNDS.bytes)
        is_workbook = path.suffix.lower() in _WORKBOOK_SUFFIXES
        return _read_workbook(path, content) if is_workbook else _read_text(path, content)
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
    for number, cells in lines:
        texts = [cell.strip() for cell in cells]
        while texts and not texts[-1]:
            texts.pop()
        if texts:
            yield number, texts


# -- text ------------------------------------------------------------------------------------------------------------


def _read_text(path: Path, content: bytes) -> SheetTable:
    try:
        text, encoding = _decoded(content)
        notes = (
            (f"{printable_path(path)} is not UTF-8 and was read as Windows-1252",) if encoding == _WINDOWS_1252 else ()
        )
        return SheetTable(path, tuple(_trimmed(_csv_lines(text))), notes)
    except (UnicodeDecodeError, csv.Error) as exc:
        raise InvalidInput(
            "unreadable_sheet",
            f"{printable_path(path)} cannot be read ({_short_reason(exc)}).",
            "Save it as CSV in UTF-8.",
        ) from exc


def _short_reason(exc: Exception) -> str:
    """Why a text cannot be read, without quoting the text."""
    return f"byte {exc.start:,} is not {exc.encoding}" if isinstance(exc, UnicodeDecodeError) else str(exc)


def _decoded(content: bytes) -> tuple[str, str]:
    """A text and its encoding: that of its byte order mark, else UTF-8, else Windows-1252.

    Raises:
        UnicodeDecodeError: the content is none of these, or damaged UTF-8.
        csv.Error: the content has NULs, which no text has.
    """
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if content.startswith(mark)), "")
    if not encoding and b"\0" in content:
        raise csv.Error("it holds NULs, which no text does")
    try:
        text = content.decode(encoding or "utf-8")
    except UnicodeDecodeError:
        if encoding or not content.decode("utf-8", "ignore").isascii():  # damaged UTF-8, not Windows-1252
            raise
        encoding = _WINDOWS_1252
        text = content.decode(_WINDOWS_1252)
    if "\0" in text:
        raise csv.Error("it holds NULs, which no text does")
    return text, encoding


def _csv_lines(text: str) -> Iterator[SheetLine]:
    """The lines. A first line like ``sep=;``, which Excel writes, names the separator and is left out."""
    declared = _SEPARATOR_LINE.match(text)
    if declared:
        text = text[declared.end() :]
    delimiter = declared[1] if declared else _guess_delimiter(text[: BOUNDS.line].splitlines()[:_SEPARATOR_LINES])
    usage = BOUNDS.count()
    length = 0

    def physical_lines() -> Iterator[str]:
        nonlocal length
        for line in io.StringIO(text, newline=""):
            length += len(line)
            if length > BOUNDS.line:
                raise OutOfBounds(f"a line has more than {BOUNDS.line:,} characters")
            yield line

    reader = csv.reader(physical_lines(), delimiter=delimiter, strict=True)
    for cells in reader:
        length = 0
        while cells and not cells[-1]:
            cells.pop()
        if len(cells) > BOUNDS.columns:
            raise OutOfBounds(f"line {reader.line_num} has a value beyond column {BOUNDS.columns}")
        if cells:
            usage.add_row(len(cells))
            for cell in filter(None, cells):
                BOUNDS.check_length(len(cell))
                usage.add_cell(cell)
            yield reader.line_num + bool(declared), cells


def _guess_delimiter(lines: list[str]) -> str:
    """The separator: the most frequent one in the first line that may name the three columns that are needed."""
    header = next((line for line in lines if max(map(line.count, _DELIMITERS)) >= 2), "\n".join(lines[:1]))
    return max(_DELIMITERS, key=header.count)


# -- workbooks -------------------------------------------------------------------------------------------------------


def _read_workbook(path: Path, content: bytes) -> SheetTable:
    try:
        sheet = read_workbook(content)
        usage = BOUNDS.count()
        lines = ((number, _cells(values, usage)) for number, values in sheet.rows)
        notes = []
        if sheet.others:
            others = ", ".join(map(repr, sheet.others[:10]))
            notes.append(f"{printable_path(path)}: the sheet {sheet.name!r} was read, and not {others}")
        if sheet.hidden:
            rows = ", ".join(map(str, sheet.hidden[:10])) + (", ..." if len(sheet.hidden) > 10 else "")
            notes.append(f"{printable_path(path)}: hidden rows were read, too: {rows}")
        return SheetTable(path, tuple(_trimmed(lines)), tuple(notes))
    except _DAMAGE_ERRORS as exc:
        raise InvalidInput(
            "unreadable_sheet", f"{printable_path(path)} cannot be read ({exc}).", "Save it again as .xlsx, or as .csv."
        ) from exc


def _cells(values: Mapping[int, object], usage: SheetUsage) -> list[str]:
    width = max(values, default=-1) + 1
    usage.add_row(width)
    return [_cell_text(values.get(column)) for column in range(width)]


def _cell_text(value: object) -> str:
    """A workbook's value as text: dates in ISO form, whole numbers without a fraction."""
    if isinstance(value, datetime.datetime):
        at_midnight = value.time() == datetime.time()
        return value.date().isoformat() if at_midnight else value.isoformat(" ", "seconds")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)
