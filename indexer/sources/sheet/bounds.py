"""How large a sheet may be: in bytes, rows, columns and characters, counted while it is read."""

from __future__ import annotations

from dataclasses import dataclass, field


class OutOfBounds(Exception):
    """A sheet is larger than a list of students may be. The text says which bound, to go after "it": it has more..."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a sheet may have. A class has some thousand students; these are for the largest university at once.

    Attributes:
        bytes: of the file.
        inflated: of what is unpacked of a workbook.
        members: parts of a workbook.
        elements: XML elements that are looked at.
        rows: lines that hold something.
        columns: columns that hold something.
        cells: cells, those before a filled one in its line included; as many again that merging fills.
        text: characters of one cell, which is Excel's own limit.
        characters: of all cells together, one that is shared counted wherever it is.
        line: characters of one line of text, quoted line breaks included.
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

    def account(self) -> Account:
        """Counts what is read."""
        return Account(self)


@dataclass(slots=True)
class Account:
    """What was read so far of one sheet."""

    bounds: Bounds
    rows: int = field(default=0)
    cells: int = field(default=0)
    characters: int = field(default=0)

    def add_row(self, width: int = 0) -> None:
        """Count a line that holds something, and the cells up to its last filled one."""
        self.rows += 1
        self._add_cells(width)
        if self.rows > self.bounds.rows:
            raise OutOfBounds(f"it has more than {self.bounds.rows:,} rows")

    def add_cell(self, value: object) -> None:
        """Count what a filled cell holds."""
        self.characters += len(value) if isinstance(value, str) else 8
        if self.characters > self.bounds.characters:
            raise OutOfBounds(f"its cells have more than {self.bounds.characters:,} characters")

    def add_carried(self, value: object) -> None:
        """Count a filled cell that the file has not: a value that is merged over several rows, in one of them."""
        self._add_cells(1)
        self.add_cell(value)

    def _add_cells(self, count: int) -> None:
        self.cells += count
        if self.cells > self.bounds.cells:
            raise OutOfBounds(f"it has more than {self.bounds.cells:,} cells")


BOUNDS = Bounds()
