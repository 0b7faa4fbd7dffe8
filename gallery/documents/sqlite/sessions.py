"""Sessions, classes and timetables in SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import astuple, fields
from typing import Any

from gallery.documents.class_sessions import (
    ClassSession,
    SessionCounts,
    SessionFilter,
    SessionPosition,
    StoredSession,
    TimetableEntry,
)
from gallery.documents.session_rules import session_exists

_OpenConnection = Callable[[], AbstractContextManager[sqlite3.Connection]]
_NAMES = tuple(field.name for field in fields(ClassSession))
_COLUMNS = ", ".join(_NAMES)


class SqliteSessions:
    """A :class:`gallery.documents.session_store.SessionStore` on the connections of a SQLite store."""

    def __init__(self, reading: _OpenConnection, writing: _OpenConnection, after_erasure: Callable[[], None]) -> None:
        self._reading = reading
        self._writing = writing
        self._after_erasure = after_erasure

    def add(self, session: ClassSession) -> tuple[StoredSession, bool]:
        with self._writing() as db:
            added = db.execute(
                f"INSERT INTO class_sessions ({_COLUMNS}) VALUES ({', '.join('?' * len(_NAMES))}) "
                "ON CONFLICT (clase, fecha, starts) DO NOTHING",
                astuple(session),
            )
            found = _at(db, session.clase, session.fecha, session.starts)
        assert found is not None
        return found, added.rowcount == 1

    def session(self, number: int) -> StoredSession | None:
        with self._reading() as db:
            return _session(db, number)

    def change(self, number: int, changes: Mapping[str, Any]) -> StoredSession | None:
        with self._writing() as db:
            stored = _session(db, number)
            if stored is None:
                return None
            starts = changes.get("starts", stored.session.starts)
            other = _at(db, stored.session.clase, stored.session.fecha, starts)
            if other is not None and other.id != number:
                raise session_exists(other)
            for name, value in changes.items():
                if name not in _NAMES:
                    raise ValueError(name)
                db.execute(f"UPDATE class_sessions SET {name} = ? WHERE id = ?", (value, number))
            stored = _session(db, number)
        if changes.get("state") == "closed":
            self._after_erasure()
        return stored

    def sessions_after(self, which: SessionFilter, after: SessionPosition | None, limit: int) -> list[StoredSession]:
        conditions: dict[str, object] = {
            "clase = ?": which.clase,
            "fecha >= ?": which.desde,
            "fecha <= ?": which.hasta,
            "state = ?": which.state,
            "clase IN (SELECT value FROM json_each(?))": _listed(which.clases),
        }
        given = {condition: value for condition, value in conditions.items() if value is not None}
        values = list(given.values())
        if after is not None:
            given["(fecha, starts, id) < (?, ?, ?)"] = None
            values += astuple(after)
        with self._reading() as db:
            rows = db.execute(
                f"SELECT id, {_COLUMNS} FROM class_sessions WHERE {' AND '.join(given) or '1'} "
                "ORDER BY fecha DESC, starts DESC, id DESC LIMIT ?",
                (*values, limit),
            ).fetchall()
        return [_stored(row) for row in rows]

    def counts(self, clases: Collection[str] | None = None) -> dict[str, SessionCounts]:
        with self._reading() as db:
            rows = db.execute(
                "SELECT clase, count(*), sum(state = 'open') FROM class_sessions "
                "WHERE ?1 IS NULL OR clase IN (SELECT value FROM json_each(?1)) GROUP BY clase",
                (_listed(clases),),
            ).fetchall()
        return {row[0]: SessionCounts(row[1], row[2]) for row in rows}


class SqliteClasses:
    """A :class:`gallery.documents.session_store.ClassStore` on the connections of a SQLite store."""

    def __init__(self, reading: _OpenConnection, writing: _OpenConnection) -> None:
        self._reading = reading
        self._writing = writing

    def sizes(self, clases: Collection[str] | None = None) -> dict[str, int]:
        with self._reading() as db:
            rows = db.execute(
                "SELECT clase, count(DISTINCT id) FROM (SELECT id, clase FROM students WHERE kind = 'student' "
                "UNION ALL SELECT s.id, each.value FROM students s, json_each(s.otras_clases) each "
                "WHERE s.kind = 'student' AND s.otras_clases != '[]') "
                "WHERE clase != '' AND (?1 IS NULL OR clase IN (SELECT value FROM json_each(?1))) GROUP BY clase",
                (_listed(clases),),
            ).fetchall()
        return dict(rows)

    def timetables(self, clases: Collection[str] | None = None) -> dict[str, tuple[TimetableEntry, ...]]:
        with self._reading() as db:
            rows = db.execute(
                "SELECT clase, weekday, starts, ends, late_after FROM timetables "
                "WHERE ?1 IS NULL OR clase IN (SELECT value FROM json_each(?1)) ORDER BY clase, weekday, starts",
                (_listed(clases),),
            ).fetchall()
        found: dict[str, tuple[TimetableEntry, ...]] = {}
        for clase, *entry in rows:
            found[clase] = (*found.get(clase, ()), TimetableEntry(*entry))
        return found

    def put_timetable(self, clase: str, entries: Sequence[TimetableEntry]) -> None:
        with self._writing() as db:
            db.execute("DELETE FROM timetables WHERE clase = ?", (clase,))
            rows = [(clase, *astuple(entry)) for entry in entries]
            db.executemany("INSERT INTO timetables VALUES (?, ?, ?, ?, ?)", rows)


def _session(db: sqlite3.Connection, number: int) -> StoredSession | None:
    row = db.execute(f"SELECT id, {_COLUMNS} FROM class_sessions WHERE id = ?", (number,)).fetchone()
    return None if row is None else _stored(row)


def _at(db: sqlite3.Connection, clase: str, fecha: str, starts: str) -> StoredSession | None:
    row = db.execute(
        f"SELECT id, {_COLUMNS} FROM class_sessions WHERE clase = ? AND fecha = ? AND starts = ?",
        (clase, fecha, starts),
    ).fetchone()
    return None if row is None else _stored(row)


def _stored(row: Sequence[Any]) -> StoredSession:
    return StoredSession(row[0], ClassSession(*row[1:]))


def _listed(clases: Collection[str] | None) -> str | None:
    return None if clases is None else json.dumps(sorted(clases))
