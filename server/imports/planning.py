"""An uploaded sheet, read as the indexer reads it, as rows that a person looks at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from gallery.documents.consent_rules import consent_or_stored
from gallery.documents.values import Consent, StoredStudent, Student
from gallery.gallery import Gallery
from presente.errors import InvalidInput, PhotoRefused
from presente.student_sheets.header import find_header, unread_students
from presente.student_sheets.photo_places import LINK, photo_places
from presente.student_sheets.rows import RefusedRow, StudentRow, read_rows, without_decimal_zeros
from presente.student_sheets.table import read_tables
from presente.text import tidy
from server.imports.upload import PhotoPaths
from server.imports.values import FieldChange, ImportPlan, ImportRow, RowPhoto, SheetColumn

_LINK = "photo_is_link"
_MISSING = "photo_missing"
_LONGEST = 300
"""Characters that are kept of a cell of a line that cannot be used."""
_FIELDS = ("nombre_del_alumno", "clase", "fecha_de_registro")


def plan_import(
    number: str, at: str, sheet: Path, columns: str | None, photos: PhotoPaths, gallery: Gallery
) -> ImportPlan:
    """What importing a sheet would do, row by row.

    Args:
        number: the import's id.
        at: when it was uploaded.
        sheet: the sheet's file.
        columns: which column holds which field, ``field=Column,field=Column``; the others are guessed.
        photos: finds the photos that it names.
        gallery: says who is enrolled already.

    Raises:
        InvalidInput: ``unreadable_sheet``, ``sheet_too_large``, ``invalid_columns``, ``missing_column``,
            ``ambiguous_column``, ``empty_source``.
    """
    try:
        tables = read_tables(sheet)
        table, header = find_header(tables, columns)
        read = read_rows(table, header.line, header.mapping)
    except InvalidInput as error:
        raise InvalidInput(error.code, _said(sheet, error.what), _said(sheet, error.fix)) from error
    names = table.lines[header.line].cells
    mapped = header.mapping.columns
    rows = [_row(row, photos, gallery) for row in read.students.values()]
    rows += [_refused(row) for row in read.refused]
    if not rows:
        raise InvalidInput("empty_source", "The sheet names no photos.", "Fill the columns below their names.")
    used = set(mapped.values())
    return ImportPlan(
        id=number,
        at=at,
        columns=tuple(SheetColumn(field=field, column=names[column]) for field, column in mapped.items()),
        unused=tuple(name for column, name in enumerate(names) if name and column not in used),
        notes=tuple(_notes(sheet, (*table.notes, *header.notes, *header.mapping.notes, *read.notes(str(sheet)))))
        + tuple(_notes(sheet, tuple(unread_students(tables, columns)))),
        rows=tuple(sorted(rows, key=lambda row: row.line)),
    )


def _notes(sheet: Path, notes: Sequence[str]) -> Iterator[str]:
    return (_said(sheet, note) for note in notes)


def _said(sheet: Path, text: str) -> str:
    """What the indexer says of a sheet, without the place of the file on this machine, and with this route's words."""
    plain = text.replace(f"{sheet}: ", "").replace(
        str(sheet), "The sheet" if text.startswith(str(sheet)) else "the sheet"
    )
    return plain.replace("--columns", "columns")


def _refused(row: RefusedRow) -> ImportRow:
    """A line that cannot be used, with what it says: its values are as they stand in the sheet, cut short."""
    said = {name: value[:_LONGEST] for name, value in row.values.items()}
    return ImportRow(
        line=row.line,
        matricula=without_decimal_zeros(tidy(said.get("matricula", ""))),
        nombre_del_alumno=said.get("nombre_del_alumno", ""),
        clase=said.get("clase", ""),
        fecha_de_registro=said.get("fecha_de_registro", ""),
        consent_fecha=said.get("consentimiento_fecha", ""),
        consent_texto=said.get("consentimiento_texto", ""),
        photos=tuple(RowPhoto(place=place) for place in dict.fromkeys(photo_places(row.values.get("fotos", "")))),
        problem=row.code,
        text=row.reason,
        field=row.about,
        first=row.first,
    )


def _row(row: StudentRow, photos: PhotoPaths, gallery: Gallery) -> ImportRow:
    student = row.student
    found = tuple(_photo(place, photos) for place in dict.fromkeys(row.places))
    stored = gallery.store.student(student.matricula)
    consent = student.consentimiento
    planned = ImportRow(
        line=row.line,
        matricula=student.matricula,
        nombre_del_alumno=student.nombre_del_alumno,
        clase=student.clase,
        fecha_de_registro=student.fecha_de_registro,
        consent_fecha=consent.fecha if consent else "",
        consent_texto=consent.texto if consent else "",
        photos=found,
        joined=tuple(row.joined),
        changes=() if stored is None else _changes(stored, merged_fields(stored.student, student)),
    )
    problem, text = _problem(planned, student, stored, gallery)
    if problem:
        return _with(planned, problem=problem, text=text, changes=())
    new_photos = stored is None or {photo.file for photo in found if photo.file} - set(
        gallery.store.digests(student.matricula)
    )
    change = "new" if stored is None else "changed" if planned.changes or new_photos else "same"
    return _with(planned, change=change, warnings=_warnings(planned, stored))


def _with(row: ImportRow, **changed: object) -> ImportRow:
    values = {name: getattr(row, name) for name in ImportRow.__struct_fields__}
    return ImportRow(**values | changed)


def _photo(place: str, photos: PhotoPaths) -> RowPhoto:
    if LINK.match(place):
        return RowPhoto(place=place, problem=_LINK)
    file, problem = photos.find(place)
    return RowPhoto(place=place, file=file, problem=problem)


def _problem(row: ImportRow, student: Student, stored: StoredStudent | None, gallery: Gallery) -> tuple[str, str]:
    """Code and words of why a row cannot be run; empty when it can."""
    if not any(photo.file for photo in row.photos):
        first = row.photos[0]
        texts = {
            _LINK: "Its photos are links, which the server does not fetch: send the files, or use the indexer.",
            _MISSING: f"{first.place!r} was not sent: send the file with the sheet.",
            "outside_sheet_folder": f"{first.place!r} lies outside the sheet's folder.",
        }
        return first.problem, texts[first.problem]
    try:
        gallery.check_consent(student)
    except PhotoRefused as error:
        return error.code, str(error)
    if stored is not None and stored.student.kind != "student":
        return "not_a_student", "Someone of the cohort has this matricula."
    return "", ""


def _warnings(row: ImportRow, stored: StoredStudent | None) -> tuple[str, ...]:
    found = sorted({photo.problem for photo in row.photos if photo.problem})
    if stored is not None and any(change.field == "nombre_del_alumno" for change in row.changes):
        found.append("other_name")
    return tuple(found)


def merged_fields(stored: Student, row: Student) -> Student:
    """A stored student with the fields that a row gives: a column that is missing and a cell that is empty change
    nothing, and a row without a consent does not take it back."""
    given = {name: getattr(row, name) for name in _FIELDS if getattr(row, name)}
    consent = consent_or_stored(stored.consentimiento, row.consentimiento)
    return replace(stored, **given, consentimiento=consent)


def _changes(stored: StoredStudent, made: Student) -> tuple[FieldChange, ...]:
    values = [(name, getattr(stored.student, name), getattr(made, name)) for name in (*_FIELDS, "consentimiento")]
    return tuple(
        FieldChange(field=name, stored=_text(old), sheet=_text(new)) for name, old, new in values if old != new
    )


def _text(value: str | Consent | None) -> str:
    return f"{value.fecha} {value.texto}" if isinstance(value, Consent) else value or ""


def student_of_row(row: ImportRow) -> Student:
    """The student whom a row describes."""
    consent = Consent(row.consent_fecha, row.consent_texto) if row.consent_fecha or row.consent_texto else None
    return Student(row.matricula, row.nombre_del_alumno, row.clase, row.fecha_de_registro, consentimiento=consent)
