"""A .csv or .xlsx file as column names and rows of text, whatever program wrote it."""

from __future__ import annotations

import csv
import datetime
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import ParseError

from indexer.sources.model import readable
from presente.errors import InvalidInput

_WORKBOOKS = (".xlsx", ".xlsm")
SUFFIXES = (".csv", *_WORKBOOKS)
_DAMAGE = (
    OSError,
    EOFError,
    KeyError,
    IndexError,
    ValueError,
    TypeError,
    RuntimeError,  # encrypted, or compressed in ways that Python does not know
    zipfile.BadZipFile,
    zlib.error,
    ParseError,
)
"""What a damaged workbook makes openpyxl, and the modules that it reads with, raise."""


@dataclass(frozen=True, slots=True)
class Table:
    """Column names as they are written, and (line number, one text a column) of every row that is not blank."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]


def read_table(path: Path) -> Table:
    """Read the first sheet of a workbook, or a text in UTF-8 separated by ``,`` ``;`` or tabs.

    Raises:
        InvalidInput: ``unreadable_sheet``, naming the line where one is to blame.
    """
    lines = _workbook_lines(path) if path.suffix.lower() in _WORKBOOKS else _csv_lines(path)
    filled = [(number, cells) for number, cells in _trimmed(lines) if cells]
    if not filled:
        return Table(path, (), ())
    columns = tuple(filled[0][1])
    for number, cells in filled[1:]:
        if len(cells) > len(columns):
            raise InvalidInput(
                "unreadable_sheet",
                f"{readable(path)}, line {number}: more values than columns.",
                "Put values that hold the separator in double quotes; give every column a name.",
            )
    rows = ((number, (*cells, *[""] * (len(columns) - len(cells)))) for number, cells in filled[1:])
    return Table(path, columns, tuple(rows))


def _trimmed(lines: Iterable[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    """Cells without the spaces around them, lines without the empty cells at their end."""
    for number, cells in lines:
        texts = [cell.strip() for cell in cells]
        while texts and not texts[-1]:
            texts.pop()
        yield number, texts


def _csv_lines(path: Path) -> list[tuple[int, list[str]]]:
    """A spreadsheet's byte order mark and separators are understood."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            header = stream.readline()
            delimiter = max(",;\t", key=header.count)
            stream.seek(0)
            reader = csv.reader(stream, delimiter=delimiter, strict=True)
            return [(reader.line_num, cells) for cells in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise InvalidInput(
            "unreadable_sheet", f"{readable(path)} cannot be read ({exc}).", "Save it as CSV in UTF-8."
        ) from exc


def _workbook_lines(path: Path) -> list[tuple[int, list[str]]]:
    import openpyxl  # slow to import: only when a workbook is really read

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what openpyxl cannot keep of a file does not matter: nothing is written
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
            try:
                sheet = book.worksheets[0]
                sheet.reset_dimensions()  # some programs write wrong ones
                rows = enumerate(sheet.iter_rows(values_only=True), start=1)
                return [(number, [_text(value) for value in cells]) for number, cells in rows]
            finally:
                book.close()
    except _DAMAGE as exc:
        raise InvalidInput(
            "unreadable_sheet", f"{readable(path)} cannot be read ({exc}).", "Save it again as .xlsx, or as .csv."
        ) from exc


def _text(value: object) -> str:
    """A workbook's value as a person would write it: dates as ISO 8601, whole numbers without a fraction."""
    if isinstance(value, datetime.datetime):
        at_midnight = value.time() == datetime.time()
        return value.date().isoformat() if at_midnight else value.isoformat(" ", "seconds")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)
