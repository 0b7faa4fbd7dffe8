"""Notes in SQLite, as settings of the store."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager

_OpenConnection = Callable[[], AbstractContextManager[sqlite3.Connection]]


class SqliteNotes:
    """A :class:`gallery.documents.note_store.NoteStore` in one file."""

    def __init__(self, reading: _OpenConnection, writing: _OpenConnection) -> None:
        self._reading = reading
        self._writing = writing

    def read(self, name: str) -> str | None:
        """See :meth:`gallery.documents.note_store.NoteStore.read`."""
        with self._reading() as db:
            row = db.execute("SELECT value FROM gallery WHERE key = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def write(self, name: str, text: str) -> None:
        """See :meth:`gallery.documents.note_store.NoteStore.write`."""
        with self._writing() as db:
            db.execute("INSERT OR REPLACE INTO gallery VALUES (?, ?)", (name, text))

    def write_once(self, name: str, text: str) -> str:
        """See :meth:`gallery.documents.note_store.NoteStore.write_once`."""
        with self._writing() as db:
            db.execute("INSERT OR IGNORE INTO gallery VALUES (?, ?)", (name, text))
            return str(db.execute("SELECT value FROM gallery WHERE key = ?", (name,)).fetchone()[0])
