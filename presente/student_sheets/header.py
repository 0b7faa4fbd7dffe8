"""Finds the line of a sheet that names the columns, and the sheet of a workbook that has students."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from presente.errors import InvalidInput
from presente.files import printable_path
from presente.student_sheets.columns import ColumnMapping, map_columns
from presente.student_sheets.table import SheetTable

_TITLE_LINES = 10
"""Lines that may stand above the names of the columns."""


@dataclass(frozen=True, slots=True)
class SheetHeader:
    """The place of the line that names the columns, the columns, and a note on lines above them."""

    line: int
    mapping: ColumnMapping
    notes: tuple[str, ...]


def find_header(tables: Iterator[SheetTable], columns: str | None) -> tuple[SheetTable, SheetHeader]:
    """The first table that has the columns and lines below them, and where the columns are.

    Raises:
        InvalidInput: what is wrong with the first table, when none has the columns.
    """
    first_error = empty = None
    for table in tables:
        try:
            header = _header(table, columns)
            if len(table.lines) > header.line + 1:
                return table, header
            empty = empty or (table, header)
        except InvalidInput as exc:
            if first_error is None or first_error.code == "empty_source":
                first_error = exc
            if exc.code not in ("missing_column", "empty_source"):  # the columns are there, and not clear
                break
    if empty is not None:
        return empty
    assert first_error is not None
    raise first_error


def _header(table: SheetTable, columns: str | None) -> SheetHeader:
    """The columns of a table. Lines above their names, such as titles, are passed over.

    Raises:
        InvalidInput: what is wrong with the first line, when none of the first lines names the columns.
    """
    if not table.lines:
        what = f"{printable_path(table.path)} is empty."
        raise InvalidInput("empty_source", what, "Fill in a line of column names, and the students below it.")
    first_error = None
    for place in range(min(_TITLE_LINES + 1, len(table.lines))):
        names = table.lines[place].cells
        try:
            mapping = map_columns(table.path, tuple(names), columns)
        except InvalidInput as exc:
            if exc.code == "invalid_columns":
                raise
            if first_error is None or exc.code == "ambiguous_column":
                first_error = exc
            continue
        titles = ", ".join(str(line.number) for line in table.lines[:place])
        note = f"{printable_path(table.path)}: passed over, as a title: line {titles}"
        return SheetHeader(place, mapping, (note,) if place else ())
    assert first_error is not None
    raise first_error


def unread_students(tables: Iterator[SheetTable], columns: str | None) -> Iterator[str]:
    """A warning for each further sheet of a workbook that has the columns of students."""
    try:
        for table in tables:
            try:
                found = len(table.lines) - _header(table, columns).line - 1
            except InvalidInput:
                continue
            if found:
                yield (
                    f"{printable_path(table.path)}: the sheet {table.sheet!r} has the columns of students, too, "
                    "and was not read: save it as a file of its own, and add that"
                )
    except InvalidInput:
        return  # a sheet that is damaged or too large, and not the one that was asked for
