"""The step of the SQLite schema that brings sessions: see :mod:`gallery.documents.sqlite.migrations`."""

from __future__ import annotations

import sqlite3

_ENTRY_COLUMNS = "id, student, clase, fecha, turn, status, source, at, note, request, face_group, face, vector"


def m010_sessions(db: sqlite3.Connection) -> None:
    """Sessions, their photos, and timetables; entries that belong to a session; counts per class.

    The table of entries is made anew, because its key and its statuses change. Triggers erase photos: those that may
    show a student who is erased, and those of a session that is closed.
    """
    for statement in (*_SESSIONS, *_ENTRIES, *_COUNTS):
        db.execute(statement)


_SESSIONS = (
    """CREATE TABLE class_sessions (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        clase TEXT NOT NULL,
        fecha TEXT NOT NULL,
        starts TEXT NOT NULL,
        ends TEXT,
        late_after INTEGER,
        source TEXT NOT NULL CHECK (source IN ('photos', 'camera', 'hand')),
        state TEXT NOT NULL CHECK (state IN ('open', 'closed')),
        note TEXT NOT NULL,
        made_by TEXT NOT NULL,
        at TEXT NOT NULL,
        request TEXT NOT NULL,
        UNIQUE (clase, fecha, starts))""",
    "CREATE INDEX class_sessions_by_day ON class_sessions (fecha, starts, id)",
    """CREATE TABLE session_photos (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        session INTEGER NOT NULL REFERENCES class_sessions (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        sha256 TEXT NOT NULL,
        at TEXT NOT NULL,
        width INTEGER NOT NULL DEFAULT 0,
        height INTEGER NOT NULL DEFAULT 0,
        faces TEXT,
        content BLOB,
        UNIQUE (session, number),
        UNIQUE (session, sha256))""",
    "CREATE INDEX session_photos_kept ON session_photos (at) WHERE content IS NOT NULL",
    """CREATE TABLE session_photo_students (
        photo INTEGER NOT NULL REFERENCES session_photos (id) ON DELETE CASCADE,
        student INTEGER NOT NULL REFERENCES students (id) ON DELETE CASCADE,
        PRIMARY KEY (photo, student)) WITHOUT ROWID""",
    "CREATE INDEX session_photo_students_by_student ON session_photo_students (student)",
    """CREATE TRIGGER session_photos_erased BEFORE DELETE ON students
        BEGIN
            UPDATE session_photos SET content = NULL, faces = NULL, width = 0, height = 0
                WHERE id IN (SELECT photo FROM session_photo_students WHERE student = OLD.id);
        END""",
    """CREATE TRIGGER session_closed AFTER UPDATE OF state ON class_sessions WHEN NEW.state = 'closed'
        BEGIN
            DELETE FROM session_photo_students
                WHERE photo IN (SELECT id FROM session_photos WHERE session = NEW.id);
            UPDATE session_photos SET content = NULL, faces = NULL, width = 0, height = 0 WHERE session = NEW.id;
        END""",
    """CREATE TABLE timetables (
        clase TEXT NOT NULL,
        weekday INTEGER NOT NULL,
        starts TEXT NOT NULL,
        ends TEXT,
        late_after INTEGER,
        PRIMARY KEY (clase, weekday, starts)) WITHOUT ROWID""",
)
_ENTRIES = (
    "DROP TRIGGER student_erased",
    """CREATE TABLE attendance_of_sessions (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        student INTEGER REFERENCES students (id) ON DELETE SET NULL,
        clase TEXT NOT NULL,
        fecha TEXT NOT NULL,
        session INTEGER NOT NULL DEFAULT 0,
        turn INTEGER NOT NULL,
        status TEXT NOT NULL
            CHECK (status IN ('present', 'late', 'excused', 'ambiguous', 'rejected', 'withdrawn')),
        source TEXT NOT NULL CHECK (source IN ('photo', 'hand', 'takeover')),
        at TEXT NOT NULL,
        note TEXT NOT NULL,
        request TEXT NOT NULL,
        face_group TEXT NOT NULL,
        photo_number INTEGER NOT NULL DEFAULT 0,
        face_number INTEGER NOT NULL DEFAULT 0,
        undoes INTEGER,
        face TEXT,
        vector BLOB,
        UNIQUE (student, clase, fecha, session, turn))""",
    f"INSERT INTO attendance_of_sessions ({_ENTRY_COLUMNS}) SELECT {_ENTRY_COLUMNS} FROM attendance ORDER BY id",
    "DROP TABLE attendance",
    "ALTER TABLE attendance_of_sessions RENAME TO attendance",
    "CREATE INDEX attendance_by_class ON attendance (clase, fecha)",
    "CREATE INDEX attendance_by_day ON attendance (fecha, clase)",
    "CREATE INDEX attendance_by_session ON attendance (session) WHERE session != 0",
    "CREATE INDEX attendance_by_group ON attendance (face_group) WHERE face_group != ''",
    "CREATE INDEX attendance_by_request ON attendance (request) WHERE request != ''",
    """CREATE TRIGGER student_erased BEFORE DELETE ON students
        BEGIN
            UPDATE attendance SET face = NULL, vector = NULL WHERE face_group IN
                (SELECT face_group FROM attendance WHERE student = OLD.id AND face_group != '');
            UPDATE attendance SET face = NULL, vector = NULL, note = '', request = '' WHERE student = OLD.id;
            UPDATE participations SET kind = '', note = '', request = 'erased ' || id WHERE student = OLD.id;
        END""",
)
_COUNTS = (
    "ALTER TABLE students ADD COLUMN asistencias_por_clase TEXT NOT NULL DEFAULT '[]'",
    """UPDATE students SET asistencias_por_clase = (
        SELECT json_group_array(json_array(clase, n)) FROM (
            SELECT a.clase, count(*) AS n FROM attendance a
            WHERE a.student = students.id AND a.status = 'present' AND NOT EXISTS (
                SELECT 1 FROM attendance b WHERE b.student = a.student AND b.clase = a.clase AND b.fecha = a.fecha
                AND b.turn > a.turn)
            GROUP BY a.clase ORDER BY a.clase))""",
)
