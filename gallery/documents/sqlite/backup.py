"""Everything in a SQLite store, read for a backup in one short transaction, and written when one is restored."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager

from gallery.documents.backup_protocol import KINDS, RESTORING, PhotoContents, PhotoVersion, Record, restore_busy
from gallery.documents.record_spool import RecordSpool
from gallery.documents.sqlite.attendance_rows import recount
from gallery.documents.sqlite.backup_shapes import SHAPES
from gallery.documents.sqlite.restore_lock import RestoreLock
from gallery.documents.sqlite.unknowns import recount_groups
from presente.errors import Conflict

_PAGE = 1000
_NUMBERED = (
    *("students", "images", "templates", "attendance", "participations", "class_sessions", "session_photos", "jobs"),
    *("unknown_groups", "unknown_faces", "negatives"),
)
"""Tables whose ids count up."""
_FILLED = (
    *("students", "images", "attendance", "participations", "class_sessions", "access_log", "accounts", "access_keys"),
    *("erasures", "unknown_faces"),
)
"""Tables that are empty in a store that nothing was put into."""
_OpenConnection = Callable[[], AbstractContextManager[sqlite3.Connection]]


class SqliteBackup:
    """A :class:`gallery.documents.backup_protocol.BackupStore` on the connections of a SQLite store."""

    def __init__(self, reading: _OpenConnection, writing: _OpenConnection, lock: RestoreLock) -> None:
        self._reading = reading
        self._writing = writing
        self._lock = lock

    def capture(self, contents: PhotoContents) -> None:
        last = 0
        while True:
            with self._reading() as db:
                page = _versions(db, f"id > {last} ORDER BY id LIMIT {_PAGE}")
            if not page:
                return
            last = page[-1].id
            for photo in page:
                if not contents.has(photo):
                    with self._reading() as db:
                        content = _content(db, photo)
                    if content is not None:  # otherwise it was erased meanwhile
                        contents.put(photo, content)

    def records(self, contents: PhotoContents) -> Iterator[Record]:
        with RecordSpool() as spool:
            with self._reading() as db:
                db.execute("BEGIN")
                try:
                    for photo in _versions(db, "TRUE ORDER BY id"):
                        if not contents.has(photo):  # it was added since the photos were captured
                            contents.put(photo, _content(db, photo) or b"")
                    for kind in KINDS:
                        for record in SHAPES[kind].read(db):
                            spool.add(record)
                finally:
                    db.execute("ROLLBACK")
            yield from spool

    def setting(self, name: str) -> str | None:
        with self._reading() as db:
            row = db.execute("SELECT value FROM gallery WHERE key = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def last_number(self) -> int:
        with self._reading() as db:
            return _last_number(db)

    def begin_restore(self, run: str) -> None:
        self._lock.take()
        with self._writing() as db:
            is_marked = db.execute("SELECT 1 FROM gallery WHERE key = ?", (RESTORING,)).fetchone() is not None
            filled = [table for table in _FILLED if db.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone()]
            if filled and not is_marked:
                raise store_not_empty(filled[0])
            db.execute("INSERT OR REPLACE INTO gallery VALUES (?, ?)", (RESTORING, run))
            every = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name = 'changes'"
            for (table,) in db.execute(every).fetchall():  # triggers write changes: they go last
                if not table.startswith("sqlite_"):
                    db.execute(f"DELETE FROM {table}" + (" WHERE key != 'restoring'" if table == "gallery" else ""))
            db.execute("DELETE FROM sqlite_sequence")

    def continue_restore(self, run: str) -> None:
        self._lock.take()
        if self.setting(RESTORING) != run:
            raise restore_busy()

    def load(self, records: Sequence[Record]) -> None:
        with self._writing() as db:
            for record in records:
                SHAPES[record.kind].write(db, record.fields)

    def end_load(self, last_number: int) -> None:
        with self._writing() as db:
            for table in _NUMBERED:
                db.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
                db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, last_number))
            recount(db, [row[0] for row in db.execute("SELECT id FROM students").fetchall()])
            recount_groups(db, [row[0] for row in db.execute("SELECT id FROM unknown_groups").fetchall()])

    def end_restore(self) -> None:
        with self._writing() as db:
            db.execute("DELETE FROM gallery WHERE key = ?", (RESTORING,))


def store_not_empty(what: str) -> Conflict:
    """The error of restoring into a store that holds something."""
    return Conflict(
        "store_not_empty",
        f"The store that PRESENTE_STORE names is not empty: it has {what}.",
        "Name a new file or database; a restore never overwrites.",
    )


def _last_number(db: sqlite3.Connection) -> int:
    names = ", ".join(map(repr, _NUMBERED))
    return int(db.execute(f"SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name IN ({names})").fetchone()[0])


def _versions(db: sqlite3.Connection, which: str) -> list[PhotoVersion]:
    rows = db.execute(f"SELECT id, student, sha256, coalesce(key, 0) FROM images WHERE {which}").fetchall()
    return [PhotoVersion(*row) for row in rows]


def _content(db: sqlite3.Connection, photo: PhotoVersion) -> bytes | None:
    """The bytes of a photo as they are stored; None when it is gone, or was sealed with another key meanwhile."""
    query = "SELECT content FROM images WHERE id = ? AND coalesce(key, 0) = ?"
    row = db.execute(query, (photo.id, photo.seal)).fetchone()
    return None if row is None else bytes(row[0])
