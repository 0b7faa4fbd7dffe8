"""The step of the SQLite schema that brings entries that wait: see :mod:`gallery.documents.sqlite.migrations`."""

from __future__ import annotations

import sqlite3

_COLUMNS = (
    "id, student, clase, fecha, session, turn, status, source, at, note, request, face_group, photo_number, "
    "face_number, undoes, face, vector, key"
)


def m015_waiting(db: sqlite3.Connection) -> None:
    """The status ``waiting``, why an entry waits, and whether a student is late whom a person confirms.

    The table of entries is made anew, because its statuses change. Ids go on from the last one that was given.
    """
    for statement in (
        "DROP TRIGGER student_erased",
        """CREATE TABLE attendance_that_waits (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            student INTEGER REFERENCES students (id) ON DELETE SET NULL,
            clase TEXT NOT NULL,
            fecha TEXT NOT NULL,
            session INTEGER NOT NULL DEFAULT 0,
            turn INTEGER NOT NULL,
            status TEXT NOT NULL
                CHECK (status IN ('present', 'late', 'excused', 'waiting', 'ambiguous', 'rejected', 'withdrawn')),
            source TEXT NOT NULL CHECK (source IN ('photo', 'hand', 'takeover')),
            at TEXT NOT NULL,
            note TEXT NOT NULL,
            request TEXT NOT NULL,
            face_group TEXT NOT NULL,
            photo_number INTEGER NOT NULL DEFAULT 0,
            face_number INTEGER NOT NULL DEFAULT 0,
            undoes INTEGER,
            reason TEXT NOT NULL DEFAULT '' CHECK (reason IN ('', 'not_live', 'liveness_not_judged')),
            late INTEGER NOT NULL DEFAULT 0,
            face TEXT,
            vector BLOB,
            key INTEGER,
            UNIQUE (student, clase, fecha, session, turn))""",
        f"INSERT INTO attendance_that_waits ({_COLUMNS}) SELECT {_COLUMNS} FROM attendance ORDER BY id",
        "DELETE FROM sqlite_sequence WHERE name = 'attendance_that_waits'",
        """INSERT INTO sqlite_sequence (name, seq)
            SELECT 'attendance_that_waits', seq FROM sqlite_sequence WHERE name = 'attendance'""",
        "DROP TABLE attendance",
        "ALTER TABLE attendance_that_waits RENAME TO attendance",
        "CREATE INDEX attendance_by_day ON attendance (fecha, clase)",
        "CREATE INDEX attendance_by_session ON attendance (session) WHERE session != 0",
        "CREATE INDEX attendance_by_group ON attendance (face_group) WHERE face_group != ''",
        "CREATE INDEX attendance_by_request ON attendance (request) WHERE request != ''",
        "CREATE INDEX attendance_counted ON attendance (clase, fecha, student, session, turn, status)",
        "CREATE INDEX faces_in_the_clear ON attendance (student) WHERE key IS NULL AND vector IS NOT NULL",
        """CREATE TRIGGER student_erased BEFORE DELETE ON students
            BEGIN
                UPDATE attendance SET face = NULL, vector = NULL WHERE face_group IN
                    (SELECT face_group FROM attendance WHERE student = OLD.id AND face_group != '');
                UPDATE attendance SET face = NULL, vector = NULL, note = '', request = '' WHERE student = OLD.id;
                UPDATE participations SET kind = '', note = '', request = 'erased ' || id WHERE student = OLD.id;
            END""",
    ):
        db.execute(statement)
