"""A .csv or .xlsx sheet with the student fields: matricula, nombre_del_alumno, clase, fecha_de_registro, fotos.

``fotos`` holds paths relative to the sheet, separated by ``;``, or links, separated by ``;`` ``,`` or spaces.
The whole sheet is read before any photo is enrolled. A line that cannot be used is refused; only names of columns that
are not understood refuse the sheet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gallery.documents.values import Student
from indexer.sources.local_files import FileRules, read_file_below
from indexer.sources.sheet.columns import ColumnMapping, map_columns
from indexer.sources.sheet.photo_places import LINK
from indexer.sources.sheet.rows import read_rows
from indexer.sources.sheet.table import SheetTable, read_tables
from indexer.sources.values import Source, SourcePhoto, printable_path
from presente.errors import InvalidInput
from presente.secrets import hidden

_TITLE_LINES = 10
"""Lines that may stand above the names of the columns."""


def read_sheet(path: Path, columns: str | None, read_link: Callable[[str], bytes], rules: FileRules) -> Source:
    """List the photos of a sheet. ``read_link`` gets the photo behind a link; ``rules`` say which files are read.

    Raises:
        InvalidInput: ``unreadable_sheet``, ``sheet_too_large``, ``invalid_columns``, ``missing_column``,
            ``ambiguous_column`` or ``empty_source``.
    """
    shown = printable_path(path)
    tables = read_tables(path)
    table, header = _find_header(tables, columns)
    rows = read_rows(table, header.line, header.mapping)
    if not rows.students and not rows.refused:
        raise InvalidInput("empty_source", f"{shown} names no photos.", "Fill the columns below their names.")
    mapped = header.mapping.columns
    fields = frozenset(mapped) & {"nombre_del_alumno", "clase", "fecha_de_registro"}
    if "consentimiento_fecha" in mapped:
        fields |= {"consentimiento"}
    return Source(
        shown,
        tuple(
            _photo(row.student, path.parent, place, read_link, rules)
            for row in rows.students.values()
            for place in row.places
        ),
        fields,
        warnings=tuple(_unread_students(tables, columns)),
        notes=(*table.notes, *header.notes, *header.mapping.notes, *rows.notes(shown)),
        refused=tuple(rows.refused),
    )


@dataclass(frozen=True, slots=True)
class _Header:
    """The place of the line that names the columns, the columns, and a note on lines above them."""

    line: int
    mapping: ColumnMapping
    notes: tuple[str, ...]


def _find_header(tables: Iterator[SheetTable], columns: str | None) -> tuple[SheetTable, _Header]:
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
            first_error = first_error or exc
            if exc.code != "missing_column":  # the columns are there, and it is not clear which is which
                break
    if empty is not None:
        return empty
    assert first_error is not None
    raise first_error


def _header(table: SheetTable, columns: str | None) -> _Header:
    """The columns of a table. Lines above their names, such as titles, are passed over.

    Raises:
        InvalidInput: what is wrong with the first line, when none of the first lines names the columns.
    """
    first_error = None
    for place in range(max(1, min(_TITLE_LINES + 1, len(table.lines)))):
        names = table.lines[place].cells if table.lines else []
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
        return _Header(place, mapping, (note,) if place else ())
    assert first_error is not None
    raise first_error


def _unread_students(tables: Iterator[SheetTable], columns: str | None) -> Iterator[str]:
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


def _photo(
    student: Student, folder: Path, place: str, read_link: Callable[[str], bytes], rules: FileRules
) -> SourcePhoto:
    if LINK.match(place):
        return SourcePhoto(student, _shown(hidden(place)), partial(read_link, place))
    path = folder / place
    return SourcePhoto(student, _shown(printable_path(path)), partial(read_file_below, folder, path, rules))


def _shown(place: str) -> str:
    """A place as a terminal may show it: what a stranger wrote into a cell must not move its cursor."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in place)
