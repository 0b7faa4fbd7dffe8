"""The books of attendance and participation in SQLite. An entry and the count it changes commit together."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from gallery.documents.attendance import (
    Attendance,
    Claim,
    EntryFilter,
    ListPosition,
    Participation,
    SeenFace,
    StoredAttendance,
    StoredParticipation,
    Tally,
    merged_turns,
    tally,
)
from gallery.documents.values import student_not_found

_ATTENDANCE = "student, clase, fecha, turn, status, source, at, note, request, face_group, face, vector"
_PARTICIPATION = "student, clase, fecha, kind, note, at, request, withdraws"
_MATRICULA = "coalesce((SELECT matricula FROM students s WHERE s.id = a.student), '')"
_HOLDS = (
    "(student IS NULL OR NOT EXISTS (SELECT 1 FROM attendance b WHERE b.student = a.student AND b.clase = a.clase "
    "AND b.fecha = a.fecha AND b.turn > a.turn))"
)
_COUNTS = "(withdraws IS NULL AND NOT EXISTS (SELECT 1 FROM participations w WHERE w.withdraws = p.id))"
Opens = Callable[[], AbstractContextManager[sqlite3.Connection]]


class SqliteRecords:
    """A :class:`gallery.documents.attendance.AttendanceStore` on the connections of a SQLite store."""

    def __init__(self, reading: Opens, writing: Opens) -> None:
        self._reading = reading
        self._writing = writing

    def add_attendance(self, entries: Sequence[Attendance]) -> list[Attendance]:
        with self._writing() as db:
            late = [entry for entry in entries if not _add_attendance(db, entry)]
            recount(db, {entry.subject for entry in entries if entry.subject is not None})
        return late

    def attendance(self, which: EntryFilter) -> list[StoredAttendance]:
        with self._reading() as db:
            return _attendance(db, which)

    def attendance_after(
        self, which: EntryFilter, after: ListPosition | None, limit: int, history: bool = False
    ) -> list[tuple[ListPosition, StoredAttendance]]:
        where, values = _where(which)
        if not history:
            where += f" AND {_HOLDS}"
        if after is not None:
            where += f" AND (fecha, clase) >= (?, ?) AND (fecha, clase, {_MATRICULA}, id) > (?, ?, ?, ?)"
            values += [after.fecha, after.clase, *after.key]
        with self._reading() as db:
            rows = db.execute(
                f"SELECT {_MATRICULA} AS whose, id, {_ATTENDANCE} FROM attendance a WHERE {where} "
                "ORDER BY fecha, clase, whose, id LIMIT ?",
                (*values, limit),
            ).fetchall()
        found = [(row[0], _attendance_of(row[1:])) for row in rows]
        return [
            (ListPosition(stored.entry.fecha, stored.entry.clase, whose, stored.id), stored) for whose, stored in found
        ]

    def count_present(self, which: EntryFilter, history: bool = False) -> int:
        where, values = _where(which)
        if not history:
            where += f" AND {_HOLDS}"
        with self._reading() as db:
            counted = db.execute(f"SELECT count(*) FROM attendance a WHERE {where} AND status = 'present'", values)
            return int(counted.fetchone()[0])

    def attendance_entry(self, number: int) -> StoredAttendance | None:
        with self._reading() as db:
            row = db.execute(f"SELECT id, {_ATTENDANCE} FROM attendance WHERE id = ?", (number,)).fetchone()
        return _attendance_of(row) if row else None

    def add_participation(self, entry: Participation) -> StoredParticipation:
        with self._writing() as db:
            if db.execute("SELECT 1 FROM students WHERE id = ?", (entry.subject,)).fetchone() is None:
                raise student_not_found(str(entry.subject))
            db.execute(
                f"INSERT INTO participations ({_PARTICIPATION}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (request) DO NOTHING",
                [getattr(entry, "subject" if name == "student" else name) for name in _PARTICIPATION.split(", ")],
            )
            recount(db, [entry.subject])
            return _participations(db, EntryFilter(request=entry.request))[0]

    def participations(self, which: EntryFilter) -> list[StoredParticipation]:
        with self._reading() as db:
            return _participations(db, which)

    def participations_after(
        self, which: EntryFilter, after: int, limit: int, history: bool = False
    ) -> list[StoredParticipation]:
        where, values = _where(which)
        if not history:
            where += f" AND {_COUNTS}"
        with self._reading() as db:
            rows = db.execute(
                f"SELECT id, {_PARTICIPATION} FROM participations p WHERE {where} AND id > ? ORDER BY id LIMIT ?",
                (*values, after, limit),
            ).fetchall()
        return [StoredParticipation(row[0], Participation(*row[1:])) for row in rows]

    def count_participations(self, which: EntryFilter, history: bool = False) -> int:
        where, values = _where(which)
        if not history:
            where += f" AND {_COUNTS}"
        with self._reading() as db:
            return int(db.execute(f"SELECT count(*) FROM participations p WHERE {where}", values).fetchone()[0])

    def participation_entry(self, number: int) -> StoredParticipation | None:
        with self._reading() as db:
            row = db.execute(f"SELECT id, {_PARTICIPATION} FROM participations WHERE id = ?", (number,)).fetchone()
        return StoredParticipation(row[0], Participation(*row[1:])) if row else None

    def claim(self, claim: Claim, about: Collection[int]) -> Claim:
        with self._writing() as db:
            db.execute("DELETE FROM requests WHERE at < ?", (claim.oldest_kept,))
            held = db.execute("SELECT key, digest, at, done FROM requests WHERE key = ?", (claim.key,)).fetchone()
            if held is not None:
                return Claim(held[0], held[1], held[2], bool(held[3]), first=False)
            db.execute("INSERT INTO requests (key, digest, at) VALUES (?, ?, ?)", (claim.key, claim.digest, claim.at))
            for subject in about:
                if not _concerns(db, claim.key, subject):
                    raise student_not_found(str(subject))
        return claim

    def finish(self, key: str, about: Collection[int]) -> None:
        with self._writing() as db:
            if db.execute("UPDATE requests SET done = 1 WHERE key = ?", (key,)).rowcount == 0:
                return
            if not all(_concerns(db, key, subject) for subject in about):
                db.execute("DELETE FROM requests WHERE key = ?", (key,))

    def release(self, key: str) -> None:
        with self._writing() as db:
            db.execute("DELETE FROM requests WHERE key = ? AND done = 0", (key,))

    def miscounted(self) -> list[str]:
        with self._reading() as db:
            return [matricula for matricula, stored, right in _counted(db) if stored != right]

    def recount(self) -> None:
        with self._writing() as db:
            recount(db, [row[0] for row in db.execute("SELECT id FROM students").fetchall()])


def recount(db: sqlite3.Connection, subjects: Iterable[int | None]) -> None:
    """Make the counts of students what the entries say."""
    for subject in subjects:
        counted = _tally(db, subject)
        db.execute(
            "UPDATE students SET asistencias = asistencias_previas + ?, "
            "participaciones = participaciones_previas + ? WHERE id = ?",
            (counted.asistencias, counted.participaciones, subject),
        )


def join_records(db: sqlite3.Connection, source: int, target: int) -> None:
    """Give a subject the entries of another."""
    own, theirs = (_attendance(db, EntryFilter(subject=subject), faces=False) for subject in (target, source))
    for number, turn in merged_turns(own, theirs):
        db.execute("UPDATE attendance SET student = ?, turn = ? WHERE id = ?", (target, turn, number))
    db.execute("UPDATE participations SET student = ? WHERE student = ?", (target, source))
    db.execute("UPDATE OR IGNORE request_students SET student = ? WHERE student = ?", (target, source))
    db.execute("DELETE FROM request_students WHERE student = ?", (source,))


def _concerns(db: sqlite3.Connection, key: str, subject: int) -> bool:
    """Note that a request is about a subject; False when the subject is gone."""
    db.execute(
        "INSERT INTO request_students (key, student) SELECT ?, id FROM students WHERE id = ? ON CONFLICT DO NOTHING",
        (key, subject),
    )
    where = (key, subject)
    return db.execute("SELECT 1 FROM request_students WHERE key = ? AND student = ?", where).fetchone() is not None


def _counted(db: sqlite3.Connection) -> Iterable[tuple[str, Tally, Tally]]:
    rows = db.execute(
        "SELECT id, matricula, asistencias - asistencias_previas, participaciones - participaciones_previas "
        "FROM students ORDER BY matricula"
    ).fetchall()
    return [(row[1], Tally(row[2], row[3]), _tally(db, row[0])) for row in rows]


def _tally(db: sqlite3.Connection, subject: int | None) -> Tally:
    which = EntryFilter(subject=subject)
    return tally(_attendance(db, which, faces=False), _participations(db, which))


def _add_attendance(db: sqlite3.Connection, entry: Attendance) -> bool:
    face = entry.face
    described = None if face is None else {name: getattr(face, name) for name in _DESCRIBED}
    values = {
        **{name: getattr(entry, "subject" if name == "student" else name) for name in _ATTENDANCE.split(", ")[:-2]},
        "face": None if described is None else json.dumps(described),
        "vector": None if face is None else np.ascontiguousarray(face.vector, dtype="<f4").tobytes(),
    }
    added = db.execute(
        f"INSERT INTO attendance ({_ATTENDANCE}) SELECT {', '.join('?' * len(values))} "
        "WHERE EXISTS (SELECT 1 FROM students WHERE id = ?) ON CONFLICT (student, clase, fecha, turn) DO NOTHING",
        [*values.values(), entry.subject],
    )
    return added.rowcount == 1


_DESCRIBED = ("pack", "box", "score", "threshold", "template", "generation", "photo")


def _where(which: EntryFilter) -> tuple[str, list[object]]:
    conditions = {
        "clase = ?": which.clase,
        "fecha >= ?": which.desde,
        "fecha <= ?": which.hasta,
        "student = ?": which.subject,
        "request = ?": which.request,
        "face_group = ?": which.face_group,
    }
    given = {condition: value for condition, value in conditions.items() if value is not None}
    return " AND ".join(given) or "1", list(given.values())


def _attendance(db: sqlite3.Connection, which: EntryFilter, faces: bool = True) -> list[StoredAttendance]:
    where, values = _where(which)
    columns = _ATTENDANCE if faces else _ATTENDANCE.replace("face, vector", "NULL, NULL")
    rows = db.execute(f"SELECT id, {columns} FROM attendance WHERE {where} ORDER BY id", values)
    return [_attendance_of(row) for row in rows.fetchall()]


def _attendance_of(row: Sequence[Any]) -> StoredAttendance:
    seen = None
    if row[-2] is not None:
        described = json.loads(row[-2])
        described["box"] = tuple(described["box"])
        seen = SeenFace(vector=np.frombuffer(row[-1], dtype="<f4"), **described)
    values = dict(zip(_ATTENDANCE.split(", ")[1:-2], row[2:-2], strict=True))
    return StoredAttendance(row[0], Attendance(subject=row[1], face=seen, **values))


def _participations(db: sqlite3.Connection, which: EntryFilter) -> list[StoredParticipation]:
    where, values = _where(which)
    rows = db.execute(f"SELECT id, {_PARTICIPATION} FROM participations WHERE {where} ORDER BY id", values)
    return [StoredParticipation(row[0], Participation(*row[1:])) for row in rows.fetchall()]
