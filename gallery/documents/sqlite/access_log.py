"""The access log in SQLite. The lines that come together are one transaction, which holds the only order."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from gallery.documents.access_log import (
    NO_LINES,
    AccessEvent,
    AccessFilter,
    AccessLine,
    ChainHead,
    Concerned,
    chained,
    commit,
)

_COLUMNS = "at, caller, role, address, action, outcome, request, detail, previous, hash"
_NOTED = "access_log_head"
_OpenConnection = Callable[[], AbstractContextManager[sqlite3.Connection]]


class SqliteAccessLog:
    """A :class:`gallery.documents.access_log_store.AccessLogStore` on the connections of a SQLite store."""

    def __init__(self, reading: _OpenConnection, writing: _OpenConnection) -> None:
        self._reading = reading
        self._writing = writing

    def append(self, events: Sequence[AccessEvent]) -> ChainHead:
        with self._writing() as db:
            subjects = _subjects(db, {matricula for event in events for matricula in event.about})
            lines = chained([commit(event, subjects) for event in events], _head(db))
            db.executemany(
                f"INSERT INTO access_log (number, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [_values(line) for line in lines],
            )
            db.executemany(
                "INSERT INTO access_concerned (line, place, commitment, salt, matricula, student) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (line.number, place, each.commitment, each.salt, each.matricula, each.subject)
                    for line in lines
                    for place, each in enumerate(line.concerned)
                ],
            )
            return lines[-1].head if lines else _head(db)

    def lines(self, which: AccessFilter, after: int, limit: int) -> list[AccessLine]:
        where, values = _conditions(which)
        with self._reading() as db:
            rows = db.execute(
                f"SELECT number, {_COLUMNS} FROM access_log WHERE number > ? {where} ORDER BY number LIMIT ?",
                (after, *values, limit),
            ).fetchall()
            found = db.execute(
                "SELECT line, commitment, salt, matricula, student FROM access_concerned "
                "WHERE line IN (SELECT value FROM json_each(?)) ORDER BY line, place",
                (json.dumps([row[0] for row in rows]),),
            ).fetchall()
        concerned: dict[int, list[Concerned]] = {}
        for line, *rest in found:
            concerned.setdefault(line, []).append(Concerned(*rest))
        return [_line(row, concerned.get(row[0], [])) for row in rows]

    def head(self) -> ChainHead:
        with self._reading() as db:
            return _head(db)

    def note_head(self) -> ChainHead:
        with self._writing() as db:
            head = _head(db)
            db.execute("INSERT OR REPLACE INTO gallery VALUES (?, ?)", (_NOTED, str(head)))
        return head

    def noted_head(self) -> ChainHead:
        with self._reading() as db:
            row = db.execute("SELECT value FROM gallery WHERE key = ?", (_NOTED,)).fetchone()
        return NO_LINES if row is None else ChainHead.of(str(row[0]))


def merge_concerned(db: sqlite3.Connection, source: int, target: int) -> None:
    """Let the lines about one subject be found by another."""
    db.execute("UPDATE access_concerned SET student = ? WHERE student = ?", (target, source))


def _subjects(db: sqlite3.Connection, matriculas: set[str]) -> dict[str, int]:
    if not matriculas:
        return {}
    wanted = json.dumps(sorted(matriculas))
    query = "SELECT matricula, id FROM students WHERE matricula IN (SELECT value FROM json_each(?))"
    return {str(matricula): int(subject) for matricula, subject in db.execute(query, (wanted,))}


def _head(db: sqlite3.Connection) -> ChainHead:
    row = db.execute("SELECT number, hash FROM access_log ORDER BY number DESC LIMIT 1").fetchone()
    return NO_LINES if row is None else ChainHead(int(row[0]), str(row[1]))


def _values(line: AccessLine) -> tuple[Any, ...]:
    event = line.event
    return (
        line.number,
        event.at,
        event.caller,
        event.role,
        event.address,
        str(event.action),
        event.outcome,
        event.request,
        event.detail,
        line.previous,
        line.hash,
    )


def _line(row: Sequence[Any], concerned: Sequence[Concerned]) -> AccessLine:
    number, at, caller, role, address, action, outcome, request, detail, previous, digest = row
    event = AccessEvent(at, caller, role, address, action, outcome, request, detail)
    return AccessLine(number, event, tuple(concerned), previous, digest)


def _conditions(which: AccessFilter) -> tuple[str, list[Any]]:
    parts = {
        "at >= ?": which.since,
        "at < ?": which.before,
        "caller = ?": which.caller,
        "action = ?": which.action,
        "number IN (SELECT line FROM access_concerned WHERE student = ?)": which.subject,
    }
    given = {text: value for text, value in parts.items() if value is not None}
    return "".join(f" AND {text}" for text in given), list(given.values())
