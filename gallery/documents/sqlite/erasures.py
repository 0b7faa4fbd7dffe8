"""The erasure list in SQLite. Whoever erases adds the entry in the same transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from gallery.documents.erasure_list import Erasure

_COLUMNS = "mark, at, kind, subject, asked, photo, into_subject"
_OpenConnection = Callable[[], AbstractContextManager[sqlite3.Connection]]


class SqliteErasures:
    """A :class:`gallery.documents.erasure_list.ErasureList` in one file."""

    def __init__(self, reading: _OpenConnection, writing: _OpenConnection) -> None:
        self._reading = reading
        self._writing = writing

    def entries(self, after: int = 0) -> list[Erasure]:
        """See :meth:`gallery.documents.erasure_list.ErasureList.entries`."""
        with self._reading() as db:
            rows = db.execute(
                f"SELECT {_COLUMNS}, number FROM erasures WHERE number > ? ORDER BY number", (after,)
            ).fetchall()
        return [
            Erasure(mark, at, kind, subject, bool(asked), photo, into, number)
            for mark, at, kind, subject, asked, photo, into, number in rows
        ]

    def add(self, entries: Sequence[Erasure]) -> None:
        """See :meth:`gallery.documents.erasure_list.ErasureList.add`."""
        with self._writing() as db:
            list_erasures(db, entries)


def list_erasures(db: sqlite3.Connection, entries: Sequence[Erasure]) -> None:
    """Add entries to the list, inside the transaction that erases."""
    db.executemany(
        f"INSERT INTO erasures ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (mark) DO NOTHING",
        [
            (entry.mark, entry.at, entry.kind, entry.subject, int(entry.asked), entry.photo, entry.into)
            for entry in entries
        ],
    )
