"""Students as rows of SQLite: reading, searching and writing them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gallery.documents.consent_rules import (
    cause_of,
    consent_after,
    consent_fields,
    consent_of,
    ended_consent,
    refuse_ended,
)
from gallery.documents.erasure_list import Cause, consent_entries
from gallery.documents.seals import Sealer, name_seal, of_student
from gallery.documents.sqlite.attendance_rows import per_class, recount
from gallery.documents.sqlite.data_keys import NAME, sealer
from gallery.documents.sqlite.erasures import list_erasures
from gallery.documents.student_lists import (
    ANY_AVISO,
    SortField,
    StudentFilter,
    StudentOrder,
    StudentPlace,
    page_of,
    place_of,
)
from gallery.documents.student_rules import student_exists, student_not_found
from gallery.documents.values import ConsentEnd, EnrolmentMode, StoredStudent, Student, SubjectKind

_FIELDS = (
    "matricula",
    "nombre_del_alumno",
    "clase",
    "fecha_de_registro",
    "kind",
    "consentimiento",
    "aviso",
    "asistencias_previas",
    "participaciones_previas",
    "otras_clases",
)
_COLUMNS = ", ".join(NAME if name == "nombre_del_alumno" else f"s.{name}" for name in _FIELDS)
_IN_CLASS = (
    "(s.clase = ?1 OR (s.otras_clases != '[]' AND EXISTS (SELECT 1 FROM json_each(s.otras_clases) WHERE value = ?1)))"
)
_IN_ONE_OF = (
    "(s.clase IN (SELECT value FROM json_each(?1)) OR (s.otras_clases != '[]' AND EXISTS "
    "(SELECT 1 FROM json_each(s.otras_clases) WHERE value IN (SELECT value FROM json_each(?1)))))"
)
_SORTED: dict[SortField, str] = {
    "nombre": NAME,
    "clase": "s.clase",
    "photos": "(SELECT count(*) FROM images i WHERE i.student = s.id)",
}
_REPLACED = ", ".join(f"{name} = excluded.{name}" for name in _FIELDS[1:])
_UNTIL = "iif(json_valid(s.consentimiento), json_extract(s.consentimiento, '$.hasta'), NULL)"
ENDED = "iif(json_valid(s.consentimiento), json_extract(s.consentimiento, '$.retirado'), NULL) IS NOT NULL"
"""Whether the consent of a student ``s`` has ended: the student has no template, and gets none."""


def student_by_matricula(db: sqlite3.Connection, matricula: str) -> StoredStudent | None:
    """The student with a matricula; None when there is none."""
    found = _stored(db, "s.matricula = ?", [matricula], limit=1)
    return found[0] if found else None


def list_students(
    db: sqlite3.Connection,
    clase: str | None,
    query: str | None,
    kind: SubjectKind | None,
    after: str,
    limit: int,
    clases: Collection[str] | None = None,
) -> list[StoredStudent]:
    """See :meth:`gallery.documents.protocol.DocumentStore.students`."""
    which = StudentFilter(clase, query, kind, None if clases is None else frozenset(clases))
    where, values = _conditions(which)
    return _stored(db, f"{where} AND s.matricula > ?", [*values, after], limit)


def listed_students(
    db: sqlite3.Connection, which: StudentFilter, order: StudentOrder, after: StudentPlace | None, limit: int
) -> list[StoredStudent]:
    """See :meth:`gallery.documents.protocol.DocumentStore.listed_students`."""
    where, values = _conditions(which)
    if order.by == "matricula":
        if after is not None:
            where += f" AND s.matricula {'<' if order.descending else '>'} ?"
            values.append(after.matricula)
        return _stored(db, where, values, limit, "DESC" if order.descending else "ASC")
    found = db.execute(f"SELECT {_SORTED[order.by]}, s.matricula FROM students s WHERE {where}", values)
    page = page_of((place_of(order.by, *row) for row in found), order, after, limit)
    chosen = "s.matricula IN (SELECT value FROM json_each(?))"
    stored = _stored(db, chosen, [json.dumps([place.matricula for place in page])], limit)
    by_matricula = {each.student.matricula: each for each in stored}
    return [by_matricula[place.matricula] for place in page]


def _conditions(which: StudentFilter) -> tuple[str, list[object]]:
    """A filter as SQL with its values."""
    where, values = ["TRUE"], list[object]()
    in_one_of = None if which.clases is None else json.dumps(sorted(which.clases))
    aviso = None if which.aviso == ANY_AVISO else which.aviso
    for condition, value in (
        (_IN_CLASS, which.clase),
        ("s.kind = ?1", which.kind),
        (_IN_ONE_OF, in_one_of),
        ("s.aviso = ?1", aviso),
    ):
        if value is not None:
            values.append(value)
            where.append(condition.replace("?1", f"?{len(values)}"))
    if which.consent_until is not None:
        values.append(which.consent_until)
        where.append(f"{_UNTIL} <= ?{len(values)} AND NOT ({ENDED})")
    for word in which.words:
        where.append(f"(instr(searchable({NAME}), ?) OR instr(searchable(s.matricula), ?))")
        values += [word] * 2
    for asked, condition in (
        (which.aviso == ANY_AVISO, "s.aviso != ''"),
        (which.without_photos, "NOT EXISTS (SELECT 1 FROM images i WHERE i.student = s.id)"),
        (which.without_consent, "s.consentimiento IS NULL"),
        (which.consent_ended, ENDED),
    ):
        where += [condition] * asked
    return " AND ".join(where), values


def _stored(
    db: sqlite3.Connection, where: str, values: Sequence[object], limit: int, direction: str = "ASC"
) -> list[StoredStudent]:
    rows = db.execute(
        f"SELECT s.id, (SELECT count(*) FROM images i WHERE i.student = s.id), "
        f"(SELECT count(*) FROM templates t WHERE t.student = s.id), "
        f"s.asistencias, s.participaciones, s.asistencias_por_clase, {_COLUMNS} "
        f"FROM students s WHERE {where} ORDER BY s.matricula {direction} LIMIT ?",
        (*values, limit),
    ).fetchall()
    return [
        StoredStudent(
            id=row[0],
            images=row[1],
            templates=row[2],
            asistencias=row[3],
            participaciones=row[4],
            asistencias_por_clase=per_class(row[5]),
            student=_student(row[6:]),
        )
        for row in rows
    ]


def students_by_subject(db: sqlite3.Connection, ids: Sequence[int]) -> dict[int, Student]:
    """Students by subject id; those who do not exist are left out."""
    rows = db.execute(
        f"SELECT s.id, {_COLUMNS} FROM students s WHERE s.id IN (SELECT value FROM json_each(?))",
        (json.dumps([int(i) for i in ids]),),
    ).fetchall()
    return {row[0]: _student(row[1:]) for row in rows}


def roster(db: sqlite3.Connection, clase: str | None, kind: SubjectKind | None) -> NDArray[np.int64]:
    """Subject ids, sorted, of a class, of a kind, or of both."""
    rows = db.execute(
        f"SELECT s.id FROM students s WHERE (?1 IS NULL OR {_IN_CLASS}) AND (?2 IS NULL OR s.kind = ?2) ORDER BY s.id",
        (clase, kind),
    ).fetchall()
    return np.array([row[0] for row in rows], dtype=np.int64)


def find_student(db: sqlite3.Connection, matricula: str) -> tuple[int, Student]:
    """A student's subject id and fields.

    Raises:
        NotFound: ``student_not_found``.
    """
    row = db.execute(f"SELECT s.id, {_COLUMNS} FROM students s WHERE s.matricula = ?", (matricula,)).fetchone()
    if row is None:
        raise student_not_found(matricula)
    return int(row[0]), _student(row[1:])


def put_student(db: sqlite3.Connection, student: Student, mode: EnrolmentMode, seals: Sealer) -> int:
    """Write a student's fields as the mode says; the subject id. A student without a consent keeps the stored one.

    Raises:
        Conflict, NotFound: as the mode says; ``consent_withdrawn``.
    """
    row = db.execute(f"SELECT s.id, {_COLUMNS} FROM students s WHERE s.matricula = ?", (student.matricula,)).fetchone()
    if row is not None and mode == "create":
        raise student_exists(student.matricula)
    if row is None and mode == "extend":
        raise student_not_found(student.matricula)
    if row is not None and mode == "extend":
        return int(row[0])
    stored_consent = None if row is None else _student(row[1:]).consentimiento
    student = replace(student, consentimiento=consent_after(stored_consent, student.consentimiento, student.matricula))
    stored = db.execute(
        f"INSERT INTO students ({', '.join(_FIELDS)}) VALUES ({', '.join('?' * len(_FIELDS))}) "
        f"ON CONFLICT (matricula) DO UPDATE SET {_REPLACED}, key = NULL RETURNING id",
        _row(replace(student, nombre_del_alumno="") if seals.seals_names else student),
    )
    subject = int(stored.fetchone()[0])
    if seals.seals_names:
        seal_name(db, seals, subject, student.nombre_del_alumno)
    list_erasures(db, consent_entries(subject, stored_consent, student.consentimiento))
    recount(db, [subject])
    return subject


def refuse_photos(db: sqlite3.Connection, subject: int) -> None:
    """Refuse photos of a student whose consent has ended: ``consent_withdrawn``."""
    row = db.execute(f"SELECT {_COLUMNS} FROM students s WHERE s.id = ? AND {ENDED}", (subject,)).fetchone()
    if row is not None:
        refuse_ended(_student(row))


def end_consent(db: sqlite3.Connection, matricula: str, moment: str, why: ConsentEnd, code: str, listed: bool) -> None:
    """End a student's consent, and delete every template of the student.

    Raises:
        NotFound: ``student_not_found``.
    """
    subject, student = find_student(db, matricula)
    ended = ended_consent(student.consentimiento, moment, why, code)
    text = json.dumps(consent_fields(ended), ensure_ascii=False)
    db.execute("UPDATE students SET consentimiento = ? WHERE id = ?", (text, subject))
    list_erasures(db, consent_entries(subject, student.consentimiento, ended) * listed)
    db.execute("DELETE FROM templates WHERE student = ?", (subject,))


def cause_of_erasure(consent: str | None, cause: Cause) -> Cause:
    """Why a student with a consent, as its column has it, is erased."""
    return cause_of(consent_of(json.loads(consent)) if consent else None, cause)


def seal_name(db: sqlite3.Connection, seals: Sealer, subject: int, name: str) -> None:
    """Write a student's name, sealed."""
    sealed, key = seals.seal(of_student(subject), name.encode(), name_seal(subject))
    db.execute("UPDATE students SET nombre_del_alumno = ?, key = ? WHERE id = ?", (sealed, key, subject))


def replace_student(db: sqlite3.Connection, student: Student) -> bool:
    """Replace all fields of a student, the consent included; False when there is no such student.

    Raises:
        Conflict: ``consent_withdrawn``.
    """
    row = db.execute(f"SELECT {_COLUMNS} FROM students s WHERE s.matricula = ?", (student.matricula,)).fetchone()
    if row is None:
        return False
    if student.consentimiento is None:
        refuse_ended(_student(row))  # taking the record back would undo the withdrawal
    subject = put_student(db, student, "put", sealer(db))
    if student.consentimiento is None:
        db.execute("UPDATE students SET consentimiento = NULL WHERE id = ?", (subject,))
    return True


def _row(student: Student) -> list[object]:
    """A student's columns, in the order of ``_FIELDS``."""
    values = {name: getattr(student, name) for name in _FIELDS}
    consent = student.consentimiento
    as_json = {
        "consentimiento": json.dumps(consent_fields(consent), ensure_ascii=False) if consent else None,
        "otras_clases": json.dumps(student.otras_clases, ensure_ascii=False),
    }
    return list((values | as_json).values())


def _student(row: Sequence[Any]) -> Student:
    values = dict(zip(_FIELDS, row, strict=True))
    consent = values["consentimiento"]
    from_json = {
        "consentimiento": consent_of(json.loads(consent)) if consent else None,
        "otras_clases": tuple(json.loads(values["otras_clases"])),
    }
    return Student(**values | from_json)
