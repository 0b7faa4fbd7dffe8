"""Attendance and participation as rows of SQLite: reading, adding, merging and counting them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from gallery.documents.attendance import (
    Attendance,
    EntryFilter,
    Participation,
    SeenFace,
    SeenLiveness,
    StoredAttendance,
    StoredParticipation,
    Tally,
)
from gallery.documents.attendance_rules import merged_revisions, tally
from gallery.documents.seals import Sealer, face_seal, of_student
from gallery.documents.sqlite.data_keys import sealer

ATTENDANCE_COLUMNS = (
    "student, clase, fecha, session, turn, status, source, at, note, request, face_group, photo_number, face_number, "
    "undoes, reason, late, face, vector, key"
)
PARTICIPATION_COLUMNS = "student, clase, fecha, kind, note, at, request, withdraws"
_ATTRIBUTES = {"student": "subject", "turn": "revision"}
"""The attributes of entries whose columns are called otherwise, by column."""
_FACE_FIELDS = ("pack", "box", "score", "threshold", "template", "generation", "photo")


def _values(entry: Attendance | Participation, columns: Sequence[str]) -> list[object]:
    return [getattr(entry, _ATTRIBUTES.get(column, column)) for column in columns]


def insert_attendance(db: sqlite3.Connection, entry: Attendance) -> bool:
    """Add an entry; False when its revision is taken or its student is gone."""
    face = entry.face
    described = None if face is None else json.dumps(_described(face))
    vector, key = None, None
    if face is not None and entry.subject is not None:
        plain = np.ascontiguousarray(face.vector, dtype="<f4").tobytes()
        vector, key = sealer(db).seal(of_student(entry.subject), plain, seal_of(entry, entry.subject))
    values = [*_values(entry, ATTENDANCE_COLUMNS.split(", ")[:-3]), described, vector, key]
    added = db.execute(
        f"INSERT INTO attendance ({ATTENDANCE_COLUMNS}) SELECT {', '.join('?' * len(values))} "
        "WHERE EXISTS (SELECT 1 FROM students WHERE id = ?) "
        "ON CONFLICT (student, clase, fecha, session, turn) DO NOTHING",
        [*values, entry.subject],
    )
    return added.rowcount == 1


def _described(face: SeenFace) -> dict[str, Any]:
    described = {name: getattr(face, name) for name in _FACE_FIELDS}
    return described if face.liveness is None else {**described, "liveness": asdict(face.liveness)}


def seal_of(entry: Attendance, subject: int) -> str:
    """What the face of a subject's entry is sealed with."""
    return face_seal(subject, entry.clase, entry.fecha, entry.session, entry.revision)


def insert_participation(db: sqlite3.Connection, entry: Participation) -> None:
    """Add a participation, unless there is one with the same request."""
    db.execute(
        f"INSERT INTO participations ({PARTICIPATION_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (request) DO NOTHING",
        _values(entry, PARTICIPATION_COLUMNS.split(", ")),
    )


def conditions(which: EntryFilter) -> tuple[str, list[object]]:
    """A filter as the text and the values of a WHERE clause."""
    values = {
        "clase = ?": which.clase,
        "fecha >= ?": which.desde,
        "fecha <= ?": which.hasta,
        "student = ?": which.subject,
        "request = ?": which.request,
        "face_group = ?": which.face_group,
        "session = ?": which.session,
        "clase IN (SELECT value FROM json_each(?))": None if which.clases is None else json.dumps(sorted(which.clases)),
    }
    given = {condition: value for condition, value in values.items() if value is not None}
    return " AND ".join(given) or "1", list(given.values())


def read_attendance(db: sqlite3.Connection, which: EntryFilter, faces: bool = True) -> list[StoredAttendance]:
    """Entries in the order in which they were added, on request without faces, which takes less time."""
    where, values = conditions(which)
    columns = ATTENDANCE_COLUMNS if faces else ATTENDANCE_COLUMNS.replace("face, vector, key", "NULL, NULL, NULL")
    rows = db.execute(f"SELECT id, {columns} FROM attendance WHERE {where} ORDER BY id", values)
    return attendance_of(db, rows.fetchall())


def attendance_of(db: sqlite3.Connection, rows: Sequence[Sequence[Any]]) -> list[StoredAttendance]:
    """Entries from their ids and :data:`ATTENDANCE_COLUMNS`."""
    seals = sealer(db)
    seals.load(row[-1] for row in rows)
    return [StoredAttendance(row[0], _entry(seals, row)) for row in rows]


def _entry(seals: Sealer, row: Sequence[Any]) -> Attendance:
    described, stored, key = row[-3:]
    columns = ATTENDANCE_COLUMNS.split(", ")[:-3]
    values = {_ATTRIBUTES.get(column, column): value for column, value in zip(columns, row[1:-3], strict=True)}
    bare = Attendance(**{**values, "late": bool(values["late"])})
    if described is None or bare.subject is None:
        return bare
    vector = seals.unseal(stored, key, seal_of(bare, bare.subject))
    if vector is None:  # the student is being erased
        return bare
    about = json.loads(described)
    liveness = about.pop("liveness", None)
    seen = {"box": tuple(about["box"]), "liveness": None if liveness is None else SeenLiveness(**liveness)}
    return replace(bare, face=SeenFace(vector=np.frombuffer(vector, dtype="<f4"), **{**about, **seen}))


def read_participations(db: sqlite3.Connection, which: EntryFilter) -> list[StoredParticipation]:
    """Participations in the order in which they were added."""
    where, values = conditions(which)
    rows = db.execute(f"SELECT id, {PARTICIPATION_COLUMNS} FROM participations WHERE {where} ORDER BY id", values)
    return [participation_of(row) for row in rows.fetchall()]


def participation_of(row: Sequence[Any]) -> StoredParticipation:
    """A participation from its id and :data:`PARTICIPATION_COLUMNS`."""
    return StoredParticipation(row[0], Participation(*row[1:]))


def merge_entries(db: sqlite3.Connection, source: int, target: int) -> None:
    """Give a subject the entries of another."""
    own, others = (read_attendance(db, EntryFilter(subject=subject), faces=False) for subject in (target, source))
    entries = {stored.id: stored.entry for stored in others}
    for number, revision in merged_revisions(own, others):
        entry = entries[number]
        moved = replace(entry, subject=target, revision=revision)
        reseal_face(db, number, seal_of(entry, source), target, seal_of(moved, target))
        db.execute("UPDATE attendance SET student = ?, turn = ? WHERE id = ?", (target, revision, number))
    db.execute("UPDATE participations SET student = ? WHERE student = ?", (target, source))


def reseal_face(db: sqlite3.Connection, number: int, about: str, owner: int, to_be: str) -> None:
    """Seal the face of an entry again, if it has one: with the key of a subject, and as what it is then."""
    seals = sealer(db)
    row = db.execute("SELECT vector, key FROM attendance WHERE id = ? AND vector IS NOT NULL", (number,)).fetchone()
    plain = None if row is None else seals.unseal(row[0], row[1], about)
    if plain is not None:
        sealed = seals.seal(of_student(owner), plain, to_be)
        db.execute("UPDATE attendance SET vector = ?, key = ? WHERE id = ?", (*sealed, number))


def recount(db: sqlite3.Connection, subjects: Iterable[int | None]) -> None:
    """Set the counts of students to what the entries add up to."""
    for subject in subjects:
        counted = _tally(db, subject)
        db.execute(
            "UPDATE students SET asistencias = asistencias_previas + ?, "
            "participaciones = participaciones_previas + ?, asistencias_por_clase = ? WHERE id = ?",
            (counted.asistencias, counted.participaciones, json.dumps(counted.por_clase), subject),
        )


def miscounted(db: sqlite3.Connection) -> list[str]:
    """Matriculas, sorted, of the students whose counts differ from their entries."""
    rows = db.execute(
        "SELECT id, matricula, asistencias - asistencias_previas, participaciones - participaciones_previas, "
        "asistencias_por_clase FROM students ORDER BY matricula"
    ).fetchall()
    return [row[1] for row in rows if Tally(row[2], row[3], per_class(row[4])) != _tally(db, row[0])]


def per_class(text: str) -> tuple[tuple[str, int], ...]:
    """Counts per class from their column."""
    return tuple((clase, number) for clase, number in json.loads(text))


def _tally(db: sqlite3.Connection, subject: int | None) -> Tally:
    which = EntryFilter(subject=subject)
    return tally(read_attendance(db, which, faces=False), read_participations(db, which))
