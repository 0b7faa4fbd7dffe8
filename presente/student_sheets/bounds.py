"""How large a sheet may be: in bytes, rows, columns and characters, counted while it is read.

The sheets of a workbook count together, as far as they are read.
"""

from __future__ import annotations

from dataclasses import dataclass, field


class OutOfBounds(Exception):
    """A sheet is larger than a list of students may be. The text names the bound and is the end of a sentence."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large a sheet may be. A school has some thousand students; these bounds allow the largest university at once.

    Attributes:
        bytes: bytes of the file.
        inflated: bytes of a workbook after unpacking.
        members: parts of a workbook.
        elements: XML elements that are read.
        rows: lines that are not empty.
        columns: the last column that may hold a value.
        cells: cells, with the empty ones before a filled one in its line, and those that merging fills.
        text: characters of one cell; the same limit as Excel's.
        characters: characters of all cells together; a shared string counts in each cell.
        line: characters of one line of text, with quoted line breaks.
    """

    bytes: int = 32_000_000
    inflated: int = 100_000_000
    members: int = 2_000
    elements: int = 4_000_000
    rows: int = 100_000
    columns: int = 256
    cells: int = 2_000_000
    text: int = 32_767
    characters: int = 50_000_000
    line: int = 1_000_000

    def check_length(self, length: int) -> None:
        """Refuse a cell's text by its length."""
        if length > self.text:
            raise OutOfBounds(f"a cell has more than {self.text:,} characters")

    def checked_text(self, text: str) -> str:
        """A cell's text, if it is short enough."""
        self.check_length(len(text))
        return text

    def count(self) -> SheetUsage:
        """A new count of what is read of one file."""
        return SheetUsage(self)


@dataclass(slots=True)
class SheetUsage:
    """Counts what was read of one file so far; every method raises ``OutOfBounds`` when that is too much."""

    bounds: Bounds
    rows: int = field(default=0)
    cells: int = field(default=0)
    characters: int = field(default=0)

    def add_row(self, width: int = 0) -> None:
        """Count a line that is not empty, and its cells up to the last filled one."""
        self.rows += 1
        self._add_cells(width)
        if self.rows > self.bounds.rows:
            raise OutOfBounds(f"it has more than {self.bounds.rows:,} rows")

    def add_cell(self, value: object) -> None:
        """Count the characters of a filled cell."""
        self.characters += len(value) if isinstance(value, str) else 8
        if self.characters > self.bounds.characters:
            raise OutOfBounds(f"its cells have more than {self.bounds.characters:,} characters")

    def add_merged(self, value: object) -> None:
        """Count a cell that merging fills: the value of the first row of merged cells, in another row."""
        self._add_cells(1)
        self.add_cell(value)

    def _add_cells(self, count: int) -> None:
        self.cells += count
        if self.cells > self.bounds.cells:
            raise OutOfBounds(f"it has more than {self.bounds.cells:,} cells")


BOUNDS = Bounds()
