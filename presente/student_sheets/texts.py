"""Reads a text with separators (CSV) as lines of cells: its encoding, its separator, and its double quotes.

A double quote that is not closed makes one cell of many lines. Taken literally, it would put the photos of one student
into the line of another. So a line whose quotes do not match is refused alone, and the lines that it would have
swallowed are read one by one.
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from presente.student_sheets.bounds import BOUNDS, OutOfBounds, SheetUsage
from presente.student_sheets.cells import SheetLine
from presente.student_sheets.photo_places import is_photo_name

_BYTE_ORDER_MARKS = (  # UTF-32 first: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
WINDOWS_1252 = "cp1252"
_DOS_END = "\x1a"
"""Programs of DOS, and some that came after them, end a text with this character."""

_DELIMITERS = ",;\t|"
_SEPARATOR_LINES = 20
"""First lines in which the separator is looked for."""

_COUNTED_LINES = 1_000
"""First lines in which separators are counted, to know how many a line should have."""

_SEPARATOR_LINE = re.compile(r"sep=(.)(?:\r\n|\r|\n)", re.IGNORECASE)
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_QUOTES_FAULT = "its double quotes do not match: close each one that opens a cell, and double those inside a cell"


def decoded(content: bytes) -> tuple[str, str]:
    """A text and its encoding: that of its byte order mark, UTF-16 without one, UTF-8, else Windows-1252.

    Raises:
        UnicodeDecodeError: the content is none of these, or damaged UTF-8.
        csv.Error: the content has NULs, which no text has.
    """
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if content.startswith(mark)), "")
    if not encoding and b"\0" in content:
        encoding = _unmarked_utf16(content)
    try:
        text = content.decode(encoding or "utf-8")
    except UnicodeDecodeError:
        if encoding or not content.decode("utf-8", "ignore").isascii():  # damaged UTF-8, not Windows-1252
            raise
        encoding = WINDOWS_1252
        text = content.decode(WINDOWS_1252)
    if "\0" in text:
        raise csv.Error("it holds NULs, which no text does")
    return text.rstrip(_DOS_END), encoding


def _unmarked_utf16(content: bytes) -> str:
    """The kind of UTF-16, by where the zeros of its first characters are; empty when it is none."""
    first = content[:64]
    zeros = [sum(byte == 0 for byte in first[offset::2]) for offset in (0, 1)]
    if len(content) % 2 or max(zeros) < len(first) // 3 or min(zeros):
        return ""
    return "utf-16-le" if zeros[1] else "utf-16-be"


def csv_lines(text: str) -> Iterator[SheetLine]:
    """The lines. A first line like ``sep=;``, which Excel writes, names the separator and is left out.

    Raises:
        OutOfBounds: the text is larger than a list of students may be.
    """
    declared = _SEPARATOR_LINE.match(text)
    if declared:
        text = text[declared.end() :]
    delimiter = declared[1] if declared else _guess_delimiter(text[: BOUNDS.line].splitlines()[:_SEPARATOR_LINES])
    reader = _CsvReader(text, delimiter)
    usage = BOUNDS.count()
    for line in reader.lines(first=1 + bool(declared)):
        _count(line, usage)
        if line.cells or line.fault:
            yield line


def _count(line: SheetLine, usage: SheetUsage) -> None:
    """Take the empty cells off the end of a line, and count the others."""
    while line.cells and not line.cells[-1]:
        line.cells.pop()
    if len(line.cells) > BOUNDS.columns:
        raise OutOfBounds(f"line {line.number} has a value beyond column {BOUNDS.columns}")
    if line.cells or line.fault:
        usage.add_row(len(line.cells))
    for cell in filter(None, line.cells):
        BOUNDS.check_length(len(cell))
        usage.add_cell(cell)


def _guess_delimiter(lines: list[str]) -> str:
    """The separator: the most frequent one in the first line that may name the three columns that are needed."""
    header = next((line for line in lines if max(map(line.count, _DELIMITERS)) >= 2), "\n".join(lines[:1]))
    return max(_DELIMITERS, key=header.count)


class _CsvReader:
    """Reads lines of cells from a text, and notices the cells that a double quote makes of several lines."""

    def __init__(self, text: str, delimiter: str) -> None:
        self._text = text
        self._delimiter = delimiter
        self._consumed: list[str] = []
        self._length = 0
        first = itertools.islice(io.StringIO(text[: BOUNDS.line], newline=""), _COUNTED_LINES)
        counts = Counter(count for count in (line.count(delimiter) for line in first) if count)
        self._separators = max(2, max(counts, key=lambda count: (counts[count], count), default=2))
        """How many separators a line usually has."""

    def lines(self, first: int) -> Iterator[SheetLine]:
        """Every line, numbered from ``first``; a line whose cells hold line breaks has the number of its first."""
        reader = csv.reader(self._physical_lines(), delimiter=self._delimiter, strict=True)
        start = first
        while True:
            self._consumed, self._length = [], 0
            try:
                cells = next(reader, None)
            except csv.Error:
                cells = []
            if not self._consumed:
                return
            end = start + len(self._consumed)
            faults = self._faults(cells or [], f"lines {start} to {end - 1}")
            if (cells or not "".join(self._consumed).strip()) and faults is not None:
                yield SheetLine(start, cells or [], faults)
            else:
                yield from self._line_by_line(start)
            start = end

    def _physical_lines(self) -> Iterator[str]:
        for line in io.StringIO(self._text, newline=""):
            self._consumed.append(line)
            self._length += len(line)
            if self._length > BOUNDS.line:
                raise OutOfBounds(f"a line has more than {BOUNDS.line:,} characters")
            yield line

    def _faults(self, cells: Sequence[str], where: str) -> dict[int, str] | None:
        """By column, what is wrong with cells of several lines; None when one of these is a line of its own."""
        faults: dict[int, str] = {}
        is_long = len(self._consumed) > 1 and self._consumed[0].count(self._delimiter) >= self._separators
        for column, cell in enumerate(cells if len(self._consumed) > 1 else ()):
            counts = [self._foreign_separators(part) for part in _LINE_BREAK.split(cell)[1:]]
            if max(counts, default=0) >= self._separators:
                return None
            if is_long and any(counts):
                faults[column] = f"is on {where} and holds a separator there: a double quote before it is not closed"
        return faults

    def _foreign_separators(self, part: str) -> int:
        """The separators in a line of a cell, if it is not a list of photos."""
        pieces = [piece.strip() for piece in part.split(self._delimiter)]
        are_photos = all(not piece or "://" in piece or is_photo_name(piece) for piece in pieces)
        return 0 if are_photos else len(pieces) - 1

    def _line_by_line(self, start: int) -> Iterator[SheetLine]:
        """The lines of a piece of text whose double quotes do not match. The first of them opened one."""
        for place, line in enumerate(self._consumed):
            cells: list[str] = []
            if place and line.count(self._delimiter) == self._separators and '"' not in line:
                cells = next(csv.reader([line], delimiter=self._delimiter), [])
            fault = "" if cells or not line.strip() else _QUOTES_FAULT
            yield SheetLine(start + place, cells, fault=fault)
