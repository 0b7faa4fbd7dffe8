"""Makes students of the lines of a sheet. A line that cannot be used is refused with its reason, alone."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from gallery.documents.student_rules import check_student
from gallery.documents.values import Consent, Student
from presente.errors import InvalidInput, shown
from presente.files import printable_path
from presente.student_sheets.cells import SheetLine, column_letters, is_scientific
from presente.student_sheets.columns import REQUIRED, ColumnMapping
from presente.student_sheets.dates import read_date
from presente.student_sheets.photo_places import photo_places
from presente.student_sheets.table import SheetTable, numbered

_FILL = "Fill the column fotos with paths or links; pictures inside the sheet are not read."
_DATES = ("fecha_de_registro", "consentimiento_fecha")
_COLUMN_OF = {"consentimiento.fecha": "consentimiento_fecha", "consentimiento.texto": "consentimiento_texto"}


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A line of a source that cannot be used.

    Attributes:
        location: where it is, in words.
        line: its number.
        code: of the reason.
        reason: in words.
        about: the field that it is about; empty when it is about none.
        values: what the line says, by field; empty when it cannot be read.
        first: the earlier line with which it disagrees; None when there is none.
    """

    location: str
    line: int
    code: str
    reason: str
    about: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    first: int | None = None


@dataclass(slots=True)
class StudentRow:
    """A student, the line that the student comes from, the places of the photos, and further lines of the student."""

    student: Student
    line: int
    places: list[str]
    joined: list[int] = field(default_factory=list)


@dataclass(slots=True)
class SheetRows:
    """What the lines below the columns' names gave.

    Attributes:
        students: by matricula, in the order of the sheet.
        refused: lines that cannot be used.
        merged: lines with more photos of a student of an earlier line.
        repeated: lines that repeat the columns' names.
        blank: lines with neither matricula nor name nor photos.
        unnamed: lines that have values in columns without a name.
        consents: lines with another consent than an earlier line of the student.
        ambiguous: lines with a date that another country reads in another way.
    """

    students: dict[str, StudentRow] = field(default_factory=dict)
    refused: list[RefusedRow] = field(default_factory=list)
    merged: list[int] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)
    blank: list[int] = field(default_factory=list)
    unnamed: list[int] = field(default_factory=list)
    consents: list[int] = field(default_factory=list)
    ambiguous: list[int] = field(default_factory=list)

    def notes(self, name: str) -> list[str]:
        """What the report says of how the lines of the sheet ``name`` were understood."""
        said = (
            (self.merged, "more photos of a student of an earlier line"),
            (self.repeated, "passed over, because they repeat the columns' names"),
            (self.blank, "passed over, because they have neither matricula nor name nor photos"),
            (self.unnamed, "values in columns without a name were passed over"),
            (self.consents, "another consent than that of an earlier line; the one of the later date was taken"),
            (self.ambiguous, "dates were read with the day first (03/04/2026 is the 3rd of April)"),
        )
        return [f"{name}: {what}: line {numbered(lines)}" for lines, what in said if lines]


class _RowFault(Exception):
    """A line cannot be used: the code of the reason, the reason in words, and the field or the earlier line of it."""

    def __init__(self, code: str, reason: str, about: str = "", first: int | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.about = about
        self.first = first


def read_rows(table: SheetTable, header: int, mapping: ColumnMapping) -> SheetRows:
    """The students and the refusals of the lines below ``table.lines[header]``, which names the columns."""
    rows = SheetRows()
    names = table.lines[header].cells
    for line in table.lines[header + 1 :]:
        try:
            _read_row(rows, table, names, mapping, line)
        except _RowFault as fault:
            where = f"{printable_path(table.path)}, line {line.number}"
            values = {} if line.fault else _values(mapping, line)
            rows.refused.append(
                RefusedRow(where, line.number, fault.code, str(fault), fault.about, values, fault.first)
            )
    return rows


def _read_row(
    rows: SheetRows, table: SheetTable, names: Sequence[str], mapping: ColumnMapping, line: SheetLine
) -> None:
    """Add what a line says to ``rows``; ``_RowFault`` when it cannot be used."""
    if line.fault:
        raise _RowFault("malformed_row", f"It cannot be read: {line.fault}.")
    row = _values(mapping, line)
    if not any(row[name] for name in REQUIRED):
        rows.blank.append(line.number)
        return
    if all(row[name] == names[column] for name, column in mapping.columns.items() if name in REQUIRED):
        rows.repeated.append(line.number)
        return
    if len(line.cells) > len(names):
        if table.sheet is None:
            raise _RowFault(
                "malformed_row",
                "It has more values than there are columns. "
                "Put values that hold the separator in double quotes; give every column a name.",
            )
        rows.unnamed.append(line.number)
    _check_cells(table, mapping, line)
    student = _student(rows, line, row)
    places = photo_places(row["fotos"])
    if not places:
        raise _RowFault("no_photos", f"{student.matricula} has no photos. {_FILL}", "fotos")
    _add(rows, StudentRow(student, line.number, places), _merged_cell(table, mapping, line))


def _values(mapping: ColumnMapping, line: SheetLine) -> dict[str, str]:
    return {name: line.text(column) for name, column in mapping.columns.items()}


def _merged_cell(table: SheetTable, mapping: ColumnMapping, line: SheetLine) -> str:
    """The cell of matricula, name or photos that is merged with one of the line above; empty when there is none."""
    merged = [
        _cell(mapping, line, name) for name in REQUIRED if table.is_below_merged(line.number, mapping.columns[name])
    ]
    return next(iter(merged), "")


def _cell(mapping: ColumnMapping, line: SheetLine, name: str) -> str:
    return f"{column_letters(mapping.columns[name])}{line.number} ({name})"


def _add(rows: SheetRows, row: StudentRow, merged: str) -> None:
    """Add a student; or photos to the student of an earlier line, if name and class are the same.

    What the earlier line leaves empty, the date of registration and the consent, is taken from the later one.

    ``merged`` is a cell of the row that is one with a cell of an earlier row: what it says is not another student's.
    """
    first = rows.students.get(row.student.matricula)
    if first is None:
        if merged:
            raise _RowFault(
                "unusable_cell",
                f"{merged} is merged with a cell of another student. Split the cells, and give each row its own value.",
            )
        rows.students[row.student.matricula] = row
        return
    first_fecha, first_consent = first.student.fecha_de_registro, first.student.consentimiento
    if replace(row.student, fecha_de_registro=first_fecha, consentimiento=first_consent) != first.student:
        raise _RowFault(
            "duplicate_matricula",
            f"Lines {first.line} and {row.line} both have matricula {shown(row.student.matricula)}, but not the same "
            "name and class. The first of them was taken. Correct the matricula, the name or the class.",
            "matricula",
            first.line,
        )
    if first_consent and row.student.consentimiento not in (None, first_consent):
        rows.consents.append(row.line)
    first.student = replace(
        first.student,
        fecha_de_registro=first_fecha or row.student.fecha_de_registro,
        consentimiento=_later(first_consent, row.student.consentimiento),
    )
    first.places += row.places
    first.joined.append(row.line)
    rows.merged.append(row.line)


def _later(first: Consent | None, second: Consent | None) -> Consent | None:
    """Of the consents of two lines, the one of the later date; of one date, that of the later line."""
    if first is None or second is None:
        return first or second
    return first if _day(first) > _day(second) else second


def _day(consent: Consent) -> datetime.date:
    return datetime.datetime.fromisoformat(consent.fecha).date()


def _check_cells(table: SheetTable, mapping: ColumnMapping, line: SheetLine) -> None:
    """Refuse a line by what its cells are, whatever the student's fields may be."""
    for name, column in mapping.columns.items():
        cell = name if table.sheet is None else _cell(mapping, line, name)
        if column in line.faults:
            raise _RowFault("unusable_cell", f"{cell} {line.faults[column]}.", name)
        if column in line.moments and name not in _DATES:
            raise _RowFault(
                "unusable_cell",
                f"{cell} is a date or a time, {line.text(column)}: the program took what was typed for one. "
                "Format the column as text, and type it again.",
                name,
            )
        if name == "matricula" and is_scientific(line.text(column)):
            raise _RowFault(
                "unusable_cell",
                f"{cell} is {line.text(column)}: its digits were lost when the sheet was saved. "
                "Format the column as text or as a whole number, and save it again.",
                name,
            )


def _student(rows: SheetRows, line: SheetLine, row: dict[str, str]) -> Student:
    try:
        return check_student(
            Student(
                matricula=without_decimal_zeros(row["matricula"]),
                nombre_del_alumno=row["nombre_del_alumno"],
                clase=without_decimal_zeros(row.get("clase", "")),
                fecha_de_registro=_date(rows, line, row, "fecha_de_registro"),
                consentimiento=_consent(rows, line, row),
            )
        )
    except InvalidInput as exc:
        leave_out = ' Or leave the column out: --columns "fecha_de_registro=".' if "fecha" in exc.what else ""
        raise _RowFault(exc.code, f"{exc}{leave_out}", _COLUMN_OF.get(exc.field, exc.field)) from exc


def _consent(rows: SheetRows, line: SheetLine, row: dict[str, str]) -> Consent | None:
    """The consent of a row; None when neither of its columns is filled."""
    texto = row.get("consentimiento_texto", "")
    fecha = _date(rows, line, row, "consentimiento_fecha")
    return Consent(fecha, texto) if fecha or texto else None


def _date(rows: SheetRows, line: SheetLine, row: dict[str, str], name: str) -> str:
    date = read_date(row.get(name, ""))
    if date.fault:
        leave_out = f' Or leave the column out: --columns "{name}=".'
        raise _RowFault("invalid_student", f"{name} is {shown(row[name])}. A date {date.fault}.{leave_out}", name)
    if date.is_ambiguous and line.number not in rows.ambiguous[-1:]:
        rows.ambiguous.append(line.number)
    return date.iso


def without_decimal_zeros(text: str) -> str:
    """A number as it was meant: programs that take a column for numbers write 175 as 175.0."""
    return re.sub(r"^(\d+)\.0+$", r"\1", text)
