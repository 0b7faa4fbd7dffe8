"""A .csv sheet with the student fields: matricula, nombre_del_alumno, clase, fecha_de_registro, fotos.

``fotos`` holds paths relative to the sheet, several separated by ``;``. The sheet is read whole and checked whole
before anything is enrolled.
"""

from __future__ import annotations

import csv
from pathlib import Path

from gallery.documents.model import Student, check_student
from indexer.sources.model import Source, SourcePhoto
from presente.errors import InvalidInput

_REQUIRED = ("matricula", "nombre_del_alumno", "fotos")
_OPTIONAL = ("clase", "fecha_de_registro")


def read_sheet(path: Path) -> Source:
    """List the photos of a sheet.

    Raises:
        InvalidInput: ``unreadable_sheet``, ``missing_column``, ``duplicate_matricula`` (naming both lines),
            ``invalid_student`` or ``empty_source``.
    """
    photos: list[SourcePhoto] = []
    lines: dict[str, int] = {}
    warnings = []
    columns, rows = _rows(path)
    for number, row in rows:
        student = _student(path, number, row)
        if student.matricula in lines:
            raise InvalidInput(
                "duplicate_matricula",
                f"{path}: lines {lines[student.matricula]} and {number} both have matricula {student.matricula!r}.",
                "Give each student one line.",
            )
        lines[student.matricula] = number
        names = [name.strip() for name in row["fotos"].split(";") if name.strip()]
        photos += [SourcePhoto.in_file(student, path.parent / name) for name in names]
        if not names:
            warnings.append(f"{path}, line {number}: {student.matricula} has no photos and is not enrolled")
    if not photos:
        raise InvalidInput("empty_source", f"{path} names no photos.", "Fill the column fotos.")
    known = frozenset(columns) & {"nombre_del_alumno", *_OPTIONAL}
    return Source(str(path), tuple(photos), known, warnings=tuple(warnings))


def _student(path: Path, number: int, row: dict[str, str]) -> Student:
    try:
        return check_student(
            Student(
                matricula=row["matricula"].strip(),
                nombre_del_alumno=row["nombre_del_alumno"].strip(),
                clase=row.get("clase", "").strip(),
                fecha_de_registro=row.get("fecha_de_registro", "").strip(),
            )
        )
    except InvalidInput as exc:
        raise InvalidInput(exc.code, f"{path}, line {number}: {exc.what}", exc.fix) from exc


def _rows(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """The columns, and (line number, row) of every line that is not blank.

    A spreadsheet's byte order mark and separators are understood.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            header = stream.readline()
            delimiter = max(",;\t", key=header.count)
            stream.seek(0)
            reader = csv.DictReader(stream, delimiter=delimiter, restval="", strict=True)
            columns = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = columns
            missing = [name for name in _REQUIRED if name not in columns]
            if missing:
                raise InvalidInput(
                    "missing_column",
                    f"{path} has no column {', '.join(missing)}; it has {', '.join(columns) or 'none'}.",
                    f"Needed: {', '.join(_REQUIRED)}; welcome: {', '.join(_OPTIONAL)}.",
                )
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise InvalidInput("unreadable_sheet", f"{path} cannot be read ({exc}).", "Save it as CSV in UTF-8.") from exc
    for number, row in rows:
        if None in row:
            raise InvalidInput(
                "unreadable_sheet",
                f"{path}, line {number}: more values than columns.",
                "Put values that hold the separator in double quotes.",
            )
    filled = [(number, row) for number, row in rows if any(value.strip() for value in row.values())]
    return columns, filled
