"""A .csv or .xlsx sheet with the student fields: matricula, nombre_del_alumno, clase, fecha_de_registro, fotos.

``fotos`` holds paths relative to the sheet, separated by ``;``, or links, separated by ``;`` ``,`` or spaces.
The whole sheet is read and checked before any photo is enrolled.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from gallery.documents.student_rules import check_student
from gallery.documents.values import Consent, Student
from indexer.sources.local_files import FileRules, read_file_below
from indexer.sources.sheet.columns import ColumnMapping, map_columns
from indexer.sources.sheet.table import SheetLine, SheetTable, read_table
from indexer.sources.values import Source, SourcePhoto, printable_path
from presente.errors import InvalidInput
from presente.secrets import hidden

_LINK = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_TITLE_LINES = 10
"""Lines that may stand above the names of the columns."""

_DRIVE = re.compile(r"(drive|drive\.usercontent|docs)\.google\.com/", re.IGNORECASE)


def read_sheet(path: Path, columns: str | None, read_link: Callable[[str], bytes], rules: FileRules) -> Source:
    """List the photos of a sheet. ``read_link`` gets the photo behind a link; ``rules`` say which files are read.

    Raises:
        InvalidInput: ``unreadable_sheet``, ``invalid_columns``, ``missing_column``, ``ambiguous_column``,
            ``duplicate_matricula`` (naming both lines), ``invalid_student`` or ``empty_source``.
    """
    photos: list[SourcePhoto] = []
    lines: dict[str, int] = {}
    warnings = []
    table = read_table(path)
    mapping, rows, notes = _find_header(table, columns)
    for number, cells in rows:
        row = {field: cells[column] if column < len(cells) else "" for field, column in mapping.columns.items()}
        student = _student(path, number, row)
        if student.matricula in lines:
            raise InvalidInput(
                "duplicate_matricula",
                f"{path}: lines {lines[student.matricula]} and {number} both have matricula {student.matricula!r}.",
                "Give each student one line.",
            )
        lines[student.matricula] = number
        photos_of_student = [
            _photo(student, path.parent, place, read_link, rules) for place in photo_places(row["fotos"])
        ]
        photos += photos_of_student
        if not photos_of_student:
            warnings.append(f"{path}, line {number}: {student.matricula} has no photos and is not enrolled")
    if not photos:
        raise InvalidInput("empty_source", f"{path} names no photos.", "Fill the column fotos.")
    fields = frozenset(mapping.columns) & {"nombre_del_alumno", "clase", "fecha_de_registro"}
    if "consentimiento_fecha" in mapping.columns:
        fields |= {"consentimiento"}
    return Source(
        printable_path(path),
        tuple(photos),
        fields,
        warnings=tuple(warnings),
        notes=(*table.notes, *notes, *mapping.notes),
    )


def _find_header(
    table: SheetTable, columns: str | None
) -> tuple[ColumnMapping, tuple[SheetLine, ...], tuple[str, ...]]:
    """The columns, the lines below their names, and a note on lines above them, such as titles, that were passed over.

    Raises:
        InvalidInput: what is wrong with the first line, when none of the first lines names the columns.
    """
    first_error = None
    for place in range(max(1, min(_TITLE_LINES + 1, len(table.lines)))):
        names = table.lines[place][1] if table.lines else []
        try:
            mapping = map_columns(table.path, tuple(names), columns)
        except InvalidInput as exc:
            if exc.code == "invalid_columns":
                raise
            first_error = first_error or exc
            continue
        titles = ", ".join(str(number) for number, _ in table.lines[:place])
        note = f"{printable_path(table.path)}: passed over, as a title: line {titles}"
        return mapping, table.lines_below_header(place), (note,) if place else ()
    assert first_error is not None
    raise first_error


def photo_places(cell: str) -> list[str]:
    """The paths and links in a cell. A link ends at a space or a comma; a path may hold both."""
    places: list[str] = []
    for piece in filter(None, (piece.strip() for piece in re.split(r"[;\n\r]", cell))):
        if _LINK.match(piece) or _DRIVE.match(piece):
            links = (link.strip(",") for link in re.split(r"\s+|,(?=\s|https?://)", piece))
            places += [f"https://{link}" if _DRIVE.match(link) else link for link in links if link]
        else:
            places.append(piece)
    return places


def _photo(
    student: Student, folder: Path, place: str, read_link: Callable[[str], bytes], rules: FileRules
) -> SourcePhoto:
    if _LINK.match(place):
        return SourcePhoto(student, hidden(place), partial(read_link, place))
    path = folder / place
    return SourcePhoto(student, printable_path(path), partial(read_file_below, folder, path, rules))


def _student(path: Path, number: int, row: Mapping[str, str]) -> Student:
    try:
        return check_student(
            Student(
                matricula=_without_decimal_zeros(row["matricula"]),
                nombre_del_alumno=row["nombre_del_alumno"],
                clase=_without_decimal_zeros(row.get("clase", "")),
                fecha_de_registro=_date(row.get("fecha_de_registro", "")),
                consentimiento=_consent(row),
            )
        )
    except InvalidInput as exc:
        leave_out = ' Or leave the column out: --columns "fecha_de_registro=".' if "fecha" in exc.what else ""
        raise InvalidInput(exc.code, f"{path}, line {number}: {exc.what}", exc.fix + leave_out) from exc


def _consent(row: Mapping[str, str]) -> Consent | None:
    """The consent of a row; None when neither of its columns is filled."""
    fecha, texto = (row.get(f"consentimiento_{part}", "") for part in ("fecha", "texto"))
    return Consent(_date(fecha), texto) if fecha or texto else None


def _without_decimal_zeros(text: str) -> str:
    """A number as it was meant: programs that take a column for numbers write 175 as 175.0."""
    return re.sub(r"^(\d+)\.0+$", r"\1", text)


def _date(text: str) -> str:
    """A date in ISO form; a text that is no such date is unchanged.

    A form's ``2026/8/3 2:33:21 p. m. GMT-6`` is the date that it begins with. ``15/08/2026`` has the day first, as
    Spanish writes it.
    """
    year_first = re.match(r"(\d{4})/(\d{1,2})/(\d{1,2})\b", text)
    if year_first:
        return "-".join(part.zfill(2) for part in year_first.groups())
    day_first = re.fullmatch(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})", text)
    return "-".join(part.zfill(2) for part in reversed(day_first.groups())) if day_first else text
