"""Attendance and participation in SQLite. An entry and the count that it changes are committed together."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager

from gallery.documents.attendance import (
    Attendance,
    EntryFilter,
    ListPosition,
    Participation,
    StoredAttendance,
    StoredParticipation,
)
from gallery.documents.attendance_rules import ATTENDED
from gallery.documents.sqlite.attendance_rows import (
    ATTENDANCE_COLUMNS,
    PARTICIPATION_COLUMNS,
    attendance_of,
    conditions,
    insert_attendance,
    insert_participation,
    miscounted,
    participation_of,
    read_attendance,
    read_participations,
    recount,
)
from gallery.documents.student_rules import student_not_found

_MATRICULA = "coalesce((SELECT matricula FROM students s WHERE s.id = a.student), '')"
_HOLDS = (
    "(student IS NULL OR NOT EXISTS (SELECT 1 FROM attendance b WHERE b.student = a.student AND b.clase = a.clase "
    "AND b.fecha = a.fecha AND b.session = a.session AND b.turn > a.turn))"
)
_ATTENDED = f"status IN ({', '.join(repr(status) for status in sorted(ATTENDED))})"
_COUNTS = "(withdraws IS NULL AND NOT EXISTS (SELECT 1 FROM participations w WHERE w.withdraws = p.id))"
_OpenConnection = Callable[[], AbstractContextManager[sqlite3.Connection]]


class SqliteAttendance:
    """A :class:`gallery.documents.protocol.AttendanceStore` on the connections of a SQLite store."""

    def __init__(self, reading: _OpenConnection, writing: _OpenConnection, empty_log: Callable[[], None]) -> None:
        """``empty_log``: empties the write-ahead log of SQLite after faces were erased."""
        self._reading = reading
        self._writing = writing
        self._empty_log = empty_log

    def add_entries(self, entries: Sequence[Attendance]) -> list[Attendance]:
        with self._writing() as db:
            refused = [entry for entry in entries if not insert_attendance(db, entry)]
            recount(db, {entry.subject for entry in entries if entry.subject is not None})
        return refused

    def entries(self, which: EntryFilter) -> list[StoredAttendance]:
        with self._reading() as db:
            return read_attendance(db, which)

    def entries_after(
        self, which: EntryFilter, after: ListPosition | None, limit: int, history: bool = False
    ) -> list[tuple[ListPosition, StoredAttendance]]:
        where, values = conditions(which)
        if not history:
            where += f" AND {_HOLDS}"
        if after is not None:
            where += f" AND (fecha, clase) >= (?, ?) AND (fecha, clase, {_MATRICULA}, session, id) > (?, ?, ?, ?, ?)"
            values += [after.fecha, after.clase, *after.sort_key]
        with self._reading() as db:
            rows = db.execute(
                f"SELECT {_MATRICULA} AS whose, id, {ATTENDANCE_COLUMNS} FROM attendance a WHERE {where} "
                "ORDER BY fecha, clase, whose, session, id LIMIT ?",
                (*values, limit),
            ).fetchall()
            found = attendance_of(db, [row[1:] for row in rows])
        return [
            (ListPosition(stored.entry.fecha, stored.entry.clase, row[0], stored.entry.session, stored.id), stored)
            for row, stored in zip(rows, found, strict=True)
        ]

    def count_present(self, which: EntryFilter, history: bool = False) -> int:
        where, values = conditions(which)
        if not history:
            where += f" AND {_HOLDS}"
        with self._reading() as db:
            counted = db.execute(f"SELECT count(*) FROM attendance a WHERE {where} AND {_ATTENDED}", values)
            return int(counted.fetchone()[0])

    def entries_since(self, number: int, limit: int) -> list[StoredAttendance]:
        with self._reading() as db:
            rows = db.execute(
                f"SELECT id, {ATTENDANCE_COLUMNS} FROM attendance WHERE id > ? ORDER BY id LIMIT ?", (number, limit)
            ).fetchall()
            return attendance_of(db, rows)

    def last_numbers(self) -> tuple[int, int]:
        with self._reading() as db:
            entry, participation = db.execute(
                "SELECT (SELECT coalesce(max(id), 0) FROM attendance), "
                "(SELECT coalesce(max(id), 0) FROM participations)"
            ).fetchone()
        return int(entry), int(participation)

    def entry(self, number: int) -> StoredAttendance | None:
        with self._reading() as db:
            rows = db.execute(f"SELECT id, {ATTENDANCE_COLUMNS} FROM attendance WHERE id = ?", (number,)).fetchall()
            return next(iter(attendance_of(db, rows)), None)

    def add_participation(self, entry: Participation) -> StoredParticipation:
        with self._writing() as db:
            if db.execute("SELECT 1 FROM students WHERE id = ?", (entry.subject,)).fetchone() is None:
                raise student_not_found(str(entry.subject))
            insert_participation(db, entry)
            recount(db, [entry.subject])
            return read_participations(db, EntryFilter(request=entry.request))[0]

    def participations(self, which: EntryFilter) -> list[StoredParticipation]:
        with self._reading() as db:
            return read_participations(db, which)

    def participations_after(
        self, which: EntryFilter, after: int, limit: int, history: bool = False
    ) -> list[StoredParticipation]:
        where, values = conditions(which)
        if not history:
            where += f" AND {_COUNTS}"
        with self._reading() as db:
            rows = db.execute(
                f"SELECT id, {PARTICIPATION_COLUMNS} FROM participations p WHERE {where} AND id > ? "
                "ORDER BY id LIMIT ?",
                (*values, after, limit),
            ).fetchall()
        return [participation_of(row) for row in rows]

    def count_participations(self, which: EntryFilter, history: bool = False) -> int:
        where, values = conditions(which)
        if not history:
            where += f" AND {_COUNTS}"
        with self._reading() as db:
            return int(db.execute(f"SELECT count(*) FROM participations p WHERE {where}", values).fetchone()[0])

    def participation(self, number: int) -> StoredParticipation | None:
        with self._reading() as db:
            row = db.execute(
                f"SELECT id, {PARTICIPATION_COLUMNS} FROM participations WHERE id = ?", (number,)
            ).fetchone()
        return participation_of(row) if row else None

    def drop_faces(self, before: str, clase: str | None, but: Collection[str] = (), dry: bool = False) -> int:
        which = (
            "WHERE (face IS NOT NULL OR vector IS NOT NULL) AND fecha < ?1 "
            "AND (?2 IS NULL OR clase = ?2) AND clase NOT IN (SELECT value FROM json_each(?3))"
        )
        values = before, clase, json.dumps(sorted(but))
        if dry:
            with self._reading() as db:
                return int(db.execute(f"SELECT count(*) FROM attendance {which}", values).fetchone()[0])
        with self._writing() as db:
            dropped = db.execute(f"UPDATE attendance SET face = NULL, vector = NULL, key = NULL {which}", values)
        if dropped.rowcount:
            self._empty_log()
        return dropped.rowcount

    def miscounted(self) -> list[str]:
        with self._reading() as db:
            return miscounted(db)

    def recount(self) -> None:
        with self._writing() as db:
            recount(db, [row[0] for row in db.execute("SELECT id FROM students").fetchall()])
