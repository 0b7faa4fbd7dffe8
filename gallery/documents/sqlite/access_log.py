"""The access log in SQLite. The lines that come together are one transaction, which holds the only order."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any, cast

from gallery.documents.access_log import (
    NO_LINES,
    AccessAction,
    AccessEvent,
    AccessFilter,
    AccessLine,
    ChainHead,
    Concerned,
    chained,
    commit,
)

_NAMES = ("at", "caller", "role", "address", "action", "outcome", "request", "detail", "previous", "hash")
_COLUMNS = ", ".join(_NAMES)
_AS_STORED = ", ".join(f"typeof({name}), CAST({name} AS BLOB)" for name in _NAMES)
_CONCERNED_AS_STORED = ", ".join(
    ["line", *(f"typeof({name}), CAST({name} AS BLOB)" for name in ("commitment", "salt", "matricula", "student"))]
)
_FIRST = -(2**63)
_PAGE = 1000
_NOTED = "access_log_head"
_OpenConnection = Callable[[], AbstractContextManager[sqlite3.Connection]]


class SqliteAccessLog:
    """A :class:`gallery.documents.access_log_store.AccessLogStore` on the connections of a SQLite store."""

    def __init__(
        self, reading: _OpenConnection, writing: _OpenConnection, empty_log: Callable[[], None] = lambda: None
    ) -> None:
        """``empty_log``: empties the write-ahead log of SQLite after lines were deleted."""
        self._reading = reading
        self._writing = writing
        self._empty_log = empty_log

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
        return self._lines(f"number > ?{where}", (after, *values), limit)

    def every_line(self) -> Iterator[AccessLine]:
        page = self._lines("number >= ?", (_FIRST,), _PAGE)
        while page:
            yield from page
            page = self._lines("number > ?", (page[-1].number,), _PAGE)

    def _lines(self, where: str, values: Sequence[Any], limit: int) -> list[AccessLine]:
        with self._reading() as db:
            rows = db.execute(
                f"SELECT number, {_AS_STORED} FROM access_log WHERE {where} ORDER BY number LIMIT ?", (*values, limit)
            ).fetchall()
            found = db.execute(
                f"SELECT {_CONCERNED_AS_STORED} FROM access_concerned "
                "WHERE line IN (SELECT value FROM json_each(?)) ORDER BY line, place",
                (json.dumps([row[0] for row in rows]),),
            ).fetchall()
        concerned: dict[int, list[Concerned]] = {}
        for line, *rest in found:
            concerned.setdefault(line, []).append(_concerned(rest))
        return [_line(row, concerned.get(row[0], [])) for row in rows]

    def head(self) -> ChainHead:
        with self._reading() as db:
            return _head(db)

    def last_before(self, moment: str) -> ChainHead:
        query = "SELECT number, hash FROM access_log WHERE number > 0 AND at < ? ORDER BY number DESC LIMIT 1"
        with self._reading() as db:
            row = db.execute(query, (moment,)).fetchone()
        return NO_LINES if row is None else ChainHead(int(row[0]), str(row[1]))

    def count_until(self, number: int) -> int:
        with self._reading() as db:
            query = "SELECT count(*) FROM access_log WHERE number BETWEEN 1 AND ?"
            return int(db.execute(query, (number,)).fetchone()[0])

    def drop_until(self, number: int) -> int:
        with self._writing() as db:
            dropped = db.execute("DELETE FROM access_log WHERE number BETWEEN 1 AND ?", (number,)).rowcount
        self._empty_log()
        return dropped

    def note_head(self) -> ChainHead:
        with self._writing() as db:
            head = _head(db)
            db.execute("INSERT OR REPLACE INTO gallery VALUES (?, ?)", (_NOTED, str(head)))
        return head

    def noted_head(self) -> ChainHead | None:
        query = "SELECT typeof(value), CAST(value AS BLOB) FROM gallery WHERE key = ?"
        with self._reading() as db:
            row = db.execute(query, (_NOTED,)).fetchone()
        return NO_LINES if row is None else ChainHead.of_noted(_text(*row))


def merge_concerned(db: sqlite3.Connection, source: int, target: int) -> None:
    """Let the lines about one subject be found by another."""
    db.execute("UPDATE access_concerned SET student = ? WHERE student = ?", (target, source))


def forget_named(db: sqlite3.Connection, matriculas: Sequence[str]) -> None:
    """Take students who are about to be erased out of the lines that were written about them, whichever student's id
    stands beside them now; those that have their own id there a trigger finds."""
    for matricula in matriculas:
        row = db.execute("SELECT id FROM students WHERE matricula = ?", (matricula,)).fetchone()
        if row is not None:
            db.execute(
                "UPDATE access_concerned SET salt = NULL, matricula = NULL, student = NULL "
                "WHERE matricula = ? AND salt LIKE '%-' || ?",
                (matricula, int(row[0])),
            )


def _subjects(db: sqlite3.Connection, matriculas: set[str]) -> dict[str, int]:
    if not matriculas:
        return {}
    wanted = json.dumps(sorted(matriculas))
    query = "SELECT matricula, id FROM students WHERE matricula IN (SELECT value FROM json_each(?))"
    return {str(matricula): int(subject) for matricula, subject in db.execute(query, (wanted,))}


def _head(db: sqlite3.Connection) -> ChainHead:
    query = "SELECT number, typeof(hash), CAST(hash AS BLOB) FROM access_log ORDER BY number DESC LIMIT 1"
    row = db.execute(query).fetchone()
    return NO_LINES if row is None else ChainHead(int(row[0]), _text(*row[1:]))


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
    *fields, previous, digest = (_text(*each) for each in zip(row[1::2], row[2::2], strict=True))
    at, caller, role, address, action, outcome, request, detail = fields
    event = AccessEvent(at, caller, role, address, cast("AccessAction", action), outcome, request, detail)
    return AccessLine(int(row[0]), event, tuple(concerned), previous, digest)


def _concerned(row: Sequence[Any]) -> Concerned:
    commitment, salt, matricula = (_text(*each) for each in zip(row[0:6:2], row[1:6:2], strict=True))
    kind, student = row[6:]
    return Concerned(
        commitment,
        None if row[2] == "null" else salt,
        None if row[4] == "null" else matricula,
        int(student) if kind == "integer" else None,
    )


def _text(kind: str, content: bytes | None) -> str:
    """A value of a column of texts; what is no text as SQL writes its bytes, which is nothing that Presente wrote."""
    if kind == "text" and content is not None:
        with suppress(UnicodeDecodeError):
            return content.decode()
    return f"x'{(content or b'').hex()}'"


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
