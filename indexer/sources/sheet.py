"""A .csv or .xlsx sheet with the student fields: matricula, nombre_del_alumno, clase, fecha_de_registro, fotos.

``fotos`` holds paths relative to the sheet, separated by ``;``, or links, separated by ``;`` ``,`` or spaces.
The whole sheet is read before any photo is enrolled. A line that cannot be used is refused; only names of columns that
are not understood refuse the sheet.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from gallery.documents.values import Student
from indexer.sources.values import Source, SourcePhoto
from presente.errors import InvalidInput
from presente.files import printable_path
from presente.local_files import FileRules, read_file_below
from presente.secrets import hidden
from presente.student_sheets.header import find_header, unread_students
from presente.student_sheets.photo_places import LINK
from presente.student_sheets.rows import read_rows
from presente.student_sheets.table import read_tables


def read_sheet(path: Path, columns: str | None, read_link: Callable[[str], bytes], rules: FileRules) -> Source:
    """List the photos of a sheet. ``read_link`` gets the photo behind a link; ``rules`` say which files are read.

    Raises:
        InvalidInput: ``unreadable_sheet``, ``sheet_too_large``, ``invalid_columns``, ``missing_column``,
            ``ambiguous_column`` or ``empty_source``.
    """
    shown = printable_path(path)
    tables = read_tables(path)
    table, header = find_header(tables, columns)
    rows = read_rows(table, header.line, header.mapping)
    if not rows.students and not rows.refused:
        raise InvalidInput("empty_source", f"{shown} names no photos.", "Fill the columns below their names.")
    mapped = header.mapping.columns
    fields = frozenset(mapped) & {"nombre_del_alumno", "clase", "fecha_de_registro"}
    if "consentimiento_fecha" in mapped:
        fields |= {"consentimiento"}
    places = [place for row in rows.students.values() for place in row.places]
    return Source(
        shown,
        tuple(
            _photo(row.student, path.parent, place, read_link, rules)
            for row in rows.students.values()
            for place in row.places
        ),
        fields,
        warnings=tuple(unread_students(tables, columns)),
        notes=(*table.notes, *header.notes, *header.mapping.notes, *rows.notes(shown)),
        refused=tuple(rows.refused),
        folder=path.parent if any(not LINK.match(place) for place in places) else None,
    )


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
