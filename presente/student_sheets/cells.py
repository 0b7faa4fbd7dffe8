"""The cells of a line, and what is wrong with those that cannot be used, such as errors and uncomputed formulas."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass, field

EXACT_DIGITS = 15
"""Excel keeps this many digits of a number; those behind them are zeros."""

_ERROR_TEXT = re.compile(r"#(?:[A-Z]+/[AD0]!?|[¡¿]?[A-ZÁÉÍÓÚÑ_/0-9]+[!?]|#+)")
"""An error as Excel and LibreOffice show it, in English or Spanish: ``#N/A``, ``#REF!``, ``#¿NOMBRE?``; and ``####``,
which stands for a value that did not fit its column."""

_SCIENTIFIC = re.compile(r"[0-9]([.,][0-9]+)?[Ee]\+?[0-9]+")


@dataclass(frozen=True, slots=True)
class CellFault:
    """A cell of a workbook that has no usable value: what it shows, and what is wrong with it and what to do."""

    shown: str
    what: str


UNCOMPUTED = CellFault(
    "=", "is a formula whose value is not in the file: open the sheet in Excel or LibreOffice and save it there"
)


def error_fault(text: str) -> CellFault:
    """A cell that shows an error, such as ``#N/A``."""
    return CellFault(text, f"shows the error {text[:20]}: correct its formula, or type the value")


def damaged_fault(text: str) -> CellFault:
    """A cell whose content is not what its type promises."""
    return CellFault(text or "?", "is damaged: type its value again, and save the sheet")


@dataclass(frozen=True, slots=True)
class SheetLine:
    """A line of a sheet.

    Attributes:
        number: of the line, as the person sees it.
        cells: one text per column, the last of them not empty.
        faults: by column, what is wrong with its cell; the end of a sentence.
        moments: columns whose cells hold a date or a time, not a text or a number.
        fault: what is wrong with the line as a whole; empty when nothing is.
    """

    number: int
    cells: list[str]
    faults: dict[int, str] = field(default_factory=dict)
    moments: frozenset[int] = frozenset()
    fault: str = ""

    def text(self, column: int) -> str:
        """The text in a column; empty beyond the last."""
        return self.cells[column] if column < len(self.cells) else ""


def text_fault(text: str) -> str:
    """What is wrong with a text that a program exported instead of a value; empty when nothing is."""
    if text.startswith("="):
        return "is a formula, not its value: copy the column, and paste it as values"
    return error_fault(text).what if _ERROR_TEXT.fullmatch(text) else ""


def is_scientific(text: str) -> bool:
    """Whether a number is written as ``1.2E+05``, as Excel writes a long one into a CSV file: its digits are lost."""
    return _SCIENTIFIC.fullmatch(text) is not None


def cell_text(value: object) -> str:
    """A workbook's value as text: dates in ISO form, whole numbers without a fraction."""
    if isinstance(value, datetime.datetime):
        at_midnight = value.time() == datetime.time()
        return value.date().isoformat() if at_midnight else value.isoformat(" ", "seconds")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, CellFault):
        return value.shown
    return "" if value is None else str(value)


def value_fault(value: object) -> str:
    """What is wrong with a workbook's value, whatever its column is; empty when nothing is."""
    if isinstance(value, CellFault):
        return value.what
    if isinstance(value, bool):
        return f"is the logical value {str(value).upper()}: type the text"
    if isinstance(value, int | float) and abs(value) >= 10**EXACT_DIGITS:
        return f"is a number of more than {EXACT_DIGITS} digits, and Excel keeps no more: format the column as text"
    return text_fault(value.strip()) if isinstance(value, str) else ""


def is_moment(value: object) -> bool:
    """Whether a workbook's value is a date, a time or a duration."""
    return isinstance(value, datetime.date | datetime.time | datetime.timedelta)


def column_letters(column: int) -> str:
    """A column as Excel names it: 0 is A, 26 is AA."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
