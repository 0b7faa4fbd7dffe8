"""The cells of a worksheet as rows of values: shared strings, number formats, merged cells, hidden rows."""

from __future__ import annotations

import bisect
import datetime
import re
from collections.abc import Mapping, Sequence

from presente.student_sheets.bounds import OutOfBounds, SheetUsage
from presente.student_sheets.cells import EXACT_DIGITS, UNCOMPUTED, CellFault, cell_text, damaged_fault, error_fault

_CELL = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_RANGE = re.compile(r"([A-Z]{1,3})([0-9]{1,7}):([A-Z]{1,3})([0-9]{1,7})")
_PADDED = re.compile(r"""((?:0|"[^";]*"|\\.|[- /():]){1,64})(?:;.*)?""", re.DOTALL)
"""A format that shows a whole number as digits with zeros before them, and with fixed texts: ``00000``, ``"A"000-00``.
Excel does not require quotation marks around these signs."""

_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
"""How workbooks write characters that XML does not have, such as carriage returns."""

_SURROGATES = {f"D{digit}" for digit in "89ABCDEF"}

_PADDED_PART = re.compile(r"""0|"([^"]*)"|\\(.)|(.)""", re.DOTALL)

CellValue = (
    str | int | float | bool | datetime.datetime | datetime.date | datetime.time | datetime.timedelta | CellFault
)
SheetRow = tuple[int, dict[int, CellValue]]
"""The line of a row, and its values by column, from 0."""


class WorksheetReader:
    """Collects the rows of a worksheet from what expat finds in it: pass it each start tag, end tag and text.

    Attributes:
        hidden: lines that the sheet hides.
        merged: (first line, last line, column) of the cells that are merged downwards.
    """

    def __init__(self, strings: Sequence[str], formats: Sequence[str], from_1904: bool, usage: SheetUsage) -> None:
        """Start with no rows.

        Args:
            strings: the workbook's shared strings.
            formats: the number format of each cell style.
            from_1904: whether the workbook counts days from 1904, not from 1900.
            usage: counts what is read, of all sheets of the workbook together.
        """
        self.hidden: list[int] = []
        self.merged: list[tuple[int, int, int]] = []
        self._strings = strings
        self._formats = formats
        self._from_1904 = from_1904
        self._bounds = usage.bounds
        self._rows: list[SheetRow] = []
        self._usage = usage
        self._line = 0
        self._column = -1
        self._cell_type = self._cell_style = ""
        self._is_formula = self._has_value = False
        self._text_tag: str | None = None
        self._pieces: list[str] = []
        self._length = 0
        self._phonetic_depth = 0
        self._row_hidden = False

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """A start tag, without its prefix."""
        if tag == "row":
            self._line = whole_number(attributes.get("r", "")) or self._line + 1
            self._column = -1
            self._row_hidden = attributes.get("hidden") in ("1", "true")
        elif tag == "c":
            reference = _CELL.fullmatch(attributes.get("r", ""))
            self._column = _column_number(reference[1]) if reference else self._column + 1
            self._cell_type, self._cell_style = attributes.get("t", "n"), attributes.get("s", "")
            self._pieces, self._length = [], 0
            self._is_formula = self._has_value = False
        elif tag in ("v", "t"):
            self._text_tag = tag
            self._has_value = True
        elif tag == "f":
            self._is_formula = True
        elif tag == "rPh":
            self._phonetic_depth += 1
        elif tag == "mergeCell":
            self._merge(attributes.get("ref", ""))

    def end(self, tag: str) -> None:
        """An end tag."""
        if tag in ("v", "t"):
            self._text_tag = None
        elif tag == "rPh":
            self._phonetic_depth -= 1
        elif tag == "c":
            value = self._cell_value("".join(self._pieces))
            self._pieces = []
            if value != "":
                self._add_cell(value)

    def text(self, piece: str) -> None:
        """A piece of text."""
        if self._text_tag and not self._phonetic_depth:
            self._pieces.append(piece)
            self._length += len(piece)
            self._bounds.check_length(self._length)

    def rows(self) -> list[SheetRow]:
        """The rows in order of line. A value of cells that are merged downwards is in each of their rows."""
        rows = sorted(self._rows, key=lambda row: row[0])
        lines = [line for line, _ in rows]
        for first, last, column in self.merged:
            begin, end = bisect.bisect_left(lines, first), bisect.bisect_right(lines, last)
            if begin < len(rows) and lines[begin] == first and column in rows[begin][1]:
                for _, values in rows[begin + 1 : end]:
                    self._usage.add_merged(rows[begin][1][column])
                    values.setdefault(column, rows[begin][1][column])
        return rows

    def _add_cell(self, value: CellValue) -> None:
        if self._column >= self._bounds.columns:
            raise OutOfBounds(f"line {self._line} has a value beyond column {self._bounds.columns}")
        if not self._rows or self._rows[-1][0] != self._line:
            self._usage.add_row()
            self._rows.append((self._line, {}))
            if self._row_hidden:
                self.hidden.append(self._line)
        self._usage.add_cell(value)
        self._rows[-1][1][self._column] = value

    def _merge(self, reference: str) -> None:
        """Note cells that are merged downwards."""
        found = _RANGE.fullmatch(reference)
        if found and int(found[2]) < int(found[4]) and _column_number(found[1]) < self._bounds.columns:
            if len(self.merged) >= self._bounds.rows:
                raise OutOfBounds(f"it merges cells more than {self._bounds.rows:,} times")
            self.merged.append((int(found[2]), int(found[4]), _column_number(found[1])))

    def _cell_value(self, text: str) -> CellValue:
        """The value of a cell, an empty text when it has none, or what is wrong with the cell."""
        if not text:
            has_empty_result = self._cell_type == "str" and self._has_value
            return UNCOMPUTED if self._is_formula and not has_empty_result else ""
        if self._cell_type == "e":
            return error_fault(text.strip())
        try:
            return self._value(text)
        except (ValueError, OverflowError):
            return damaged_fault(text.strip()[:32])

    def _value(self, text: str) -> CellValue:
        """The value that a text stands for; ``ValueError`` when it is not of the cell's type."""
        if self._cell_type == "s":
            return _unescaped(self._shared_string(int(text)))
        if self._cell_type == "b":
            return text.strip() in ("1", "true")
        if self._cell_type == "d":
            return datetime.datetime.fromisoformat(text.strip())
        if self._cell_type != "n":
            return _unescaped(text)
        number = _number(text)
        style = whole_number(self._cell_style)
        number_format = self._formats[style] if style < len(self._formats) else "General"
        return _formatted(number, number_format, self._from_1904)

    def _shared_string(self, number: int) -> str:
        if not 0 <= number < len(self._strings):
            raise ValueError("there is no such text")
        return self._strings[number]


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: found[0] if found[1][:2].upper() in _SURROGATES else chr(int(found[1], 16)), text)


def _formatted(number: float, number_format: str, from_1904: bool) -> CellValue:
    """A number as its format shows it: a date, text with leading zeros, or the number itself."""
    from openpyxl.styles.numbers import is_date_format, is_timedelta_format
    from openpyxl.utils.datetime import MAC_EPOCH, WINDOWS_EPOCH, from_excel

    if is_date_format(number_format):
        epoch = MAC_EPOCH if from_1904 else WINDOWS_EPOCH
        try:
            moment: CellValue | None = from_excel(number, epoch, timedelta=is_timedelta_format(number_format))
        except (OverflowError, ValueError):
            return number
        return number if moment is None else moment
    padded = _PADDED.fullmatch(number_format) if abs(number) < 10**EXACT_DIGITS else None
    if padded and "0" in padded[1] and number == int(number) and number >= 0:
        return _padded(cell_text(number), padded[1])
    return number


def _padded(digits: str, number_format: str) -> str:
    """Digits in the places of a format's zeros, from the right; more digits than zeros go where the first zero is."""
    parts = list(_PADDED_PART.finditer(number_format))
    zeros = sum(part[0] == "0" for part in parts)
    digits = digits.zfill(zeros)
    first, rest = digits[: len(digits) - zeros + 1], iter(digits[len(digits) - zeros + 1 :])
    shown, seen = [], False
    for part in parts:
        if part[0] != "0":
            shown.append(part[1] or part[2] or part[3] or "")
        else:
            shown.append(next(rest) if seen else first)
            seen = True
    return "".join(shown)


def _number(text: str) -> float:
    """A whole number as an int, another as a float; ``ValueError`` for infinity, NaN, and very long numbers."""
    if len(text) > 64:
        raise ValueError("a number has more than 64 digits")
    if re.fullmatch(r"\s*[+-]?\d+\s*", text, re.ASCII):
        return int(text)
    number = float(text)
    if number - number != 0:
        raise ValueError("a number is not finite")
    return number


def _column_number(letters: str) -> int:
    """The number of a column: A is 0."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def whole_number(text: str) -> int:
    """A short decimal number; 0 for any other text."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
