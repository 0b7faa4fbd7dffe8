"""The step of the SQLite schema that brings the erasure list: see :mod:`gallery.documents.sqlite.migrations`."""

from __future__ import annotations

import sqlite3


def m014_privacy(db: sqlite3.Connection) -> None:
    """The erasure list."""
    for statement in (
        """CREATE TABLE erasures (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            mark TEXT NOT NULL UNIQUE,
            at TEXT NOT NULL,
            kind TEXT NOT NULL CHECK (kind IN
                ('student', 'photo', 'merged', 'withdrawn', 'brought_back', 'consent_ended', 'consent_given')),
            subject INTEGER NOT NULL,
            asked INTEGER NOT NULL,
            photo TEXT NOT NULL,
            into_subject INTEGER NOT NULL)""",
    ):
        db.execute(statement)
