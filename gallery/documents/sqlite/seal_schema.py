"""The step of the SQLite schema that brings data keys: see :mod:`gallery.documents.sqlite.migrations`."""

from __future__ import annotations

import sqlite3

_SEALED = ("students", "images", "templates", "attendance", "session_photos")


def m013_data_keys(db: sqlite3.Connection) -> None:
    """Data keys, and which of them each record is sealed with; NULL: the record is in the clear.

    Triggers destroy the key of a student who is erased, and of a session's photo whose copy is dropped. Indexes tell
    what is still in the clear.
    """
    for statement in (
        """CREATE TABLE data_keys (
            id INTEGER PRIMARY KEY,
            owner TEXT NOT NULL,
            era INTEGER NOT NULL,
            sealed BLOB NOT NULL)""",
        "CREATE INDEX data_keys_by_owner ON data_keys (owner, era)",
        "CREATE INDEX data_keys_by_era ON data_keys (era)",
        *(f"ALTER TABLE {table} ADD COLUMN key INTEGER" for table in _SEALED),
        "CREATE INDEX images_in_the_clear ON images (student) WHERE key IS NULL",
        "CREATE INDEX templates_in_the_clear ON templates (student) WHERE key IS NULL",
        "CREATE INDEX faces_in_the_clear ON attendance (student) WHERE key IS NULL AND vector IS NOT NULL",
        """CREATE TRIGGER data_key_destroyed AFTER DELETE ON students
            BEGIN DELETE FROM data_keys WHERE owner = 'student ' || OLD.id; END""",
        """CREATE TRIGGER session_photo_key_destroyed AFTER UPDATE ON session_photos
            WHEN OLD.key IS NOT NULL AND (NEW.content IS NULL OR NEW.key IS NOT OLD.key)
            BEGIN
                DELETE FROM data_keys WHERE id = OLD.key;
                UPDATE session_photos SET key = NULL WHERE id = OLD.id AND content IS NULL AND key IS NOT NULL;
            END""",
        """CREATE TRIGGER session_photo_deleted AFTER DELETE ON session_photos WHEN OLD.key IS NOT NULL
            BEGIN DELETE FROM data_keys WHERE id = OLD.key; END""",
    ):
        db.execute(statement)
