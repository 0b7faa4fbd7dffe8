"""The step of the SQLite schema that brings unknown people: see :mod:`gallery.documents.sqlite.migrations`."""

from __future__ import annotations

import sqlite3


def m016_unknown_people(db: sqlite3.Connection) -> None:
    """Faces of people who are not enrolled, and their groups; the erasure list gets a kind for them.

    A trigger destroys the key of a face that is erased. The list is made anew, because its kinds change.
    """
    for statement in (
        """CREATE TABLE unknown_groups (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            state TEXT NOT NULL CHECK (state IN ('open', 'not_ours')),
            note TEXT NOT NULL,
            first_at TEXT NOT NULL,
            last_at TEXT NOT NULL,
            visits INTEGER NOT NULL,
            looks INTEGER NOT NULL,
            cover INTEGER NOT NULL,
            worth REAL NOT NULL,
            clases TEXT NOT NULL)""",
        "CREATE INDEX unknown_groups_by_time ON unknown_groups (state, last_at, id)",
        "CREATE INDEX unknown_groups_by_visits ON unknown_groups (state, visits, id)",
        """CREATE TABLE unknown_faces (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            person INTEGER NOT NULL REFERENCES unknown_groups (id) ON DELETE CASCADE,
            pack TEXT NOT NULL,
            at TEXT NOT NULL,
            last_at TEXT NOT NULL,
            source TEXT NOT NULL CHECK (source IN ('identify', 'attendance', 'session', 'film')),
            box TEXT NOT NULL,
            quality TEXT NOT NULL,
            looks INTEGER NOT NULL,
            clase TEXT NOT NULL,
            session INTEGER NOT NULL,
            worth REAL NOT NULL,
            key INTEGER,
            vector BLOB NOT NULL,
            picture BLOB NOT NULL)""",
        "CREATE INDEX unknown_faces_by_person ON unknown_faces (person, id)",
        "CREATE INDEX unknown_faces_by_time ON unknown_faces (last_at)",
        "CREATE INDEX unknown_faces_in_the_clear ON unknown_faces (id) WHERE key IS NULL",
        """CREATE TRIGGER unknown_face_key_destroyed AFTER DELETE ON unknown_faces WHEN OLD.key IS NOT NULL
            BEGIN DELETE FROM data_keys WHERE owner = 'unknown_face ' || OLD.id; END""",
        """CREATE TABLE erasures_of_all (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            mark TEXT NOT NULL UNIQUE,
            at TEXT NOT NULL,
            kind TEXT NOT NULL CHECK (kind IN
                ('student', 'photo', 'merged', 'withdrawn', 'brought_back', 'consent_ended', 'consent_given',
                'unknown_face')),
            subject INTEGER NOT NULL,
            asked INTEGER NOT NULL,
            photo TEXT NOT NULL,
            into_subject INTEGER NOT NULL)""",
        "INSERT INTO erasures_of_all SELECT * FROM erasures ORDER BY number",
        "DROP TABLE erasures",
        "ALTER TABLE erasures_of_all RENAME TO erasures",
    ):
        db.execute(statement)
