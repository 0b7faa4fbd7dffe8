"""Negative examples in SQLite, and the step of the schema that brings them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from gallery.documents.erasure_list import NOT_ASKED, Cause, erased_negatives
from gallery.documents.negatives import MOST_OF_ONE, Negative, StoredNegative, batch_of
from gallery.documents.seals import Sealer, negative_seal, of_student
from gallery.documents.sqlite.data_keys import sealer
from gallery.documents.sqlite.erasures import list_erasures
from gallery.documents.values import TemplateBatch

_OpenConnection = Callable[[], AbstractContextManager[sqlite3.Connection]]
_COLUMNS = "student, about, vector, pack, at, source, session, key"
_PAGE = 4096


def m017_negatives(db: sqlite3.Connection) -> None:
    """Faces of which a person said that they are not a student. A data key of the student's seals them."""
    for statement in (
        """CREATE TABLE negatives (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            student INTEGER NOT NULL REFERENCES students (id) ON DELETE CASCADE,
            about TEXT NOT NULL,
            vector BLOB NOT NULL,
            pack TEXT NOT NULL,
            at TEXT NOT NULL,
            source TEXT NOT NULL CHECK (source IN ('attendance', 'identify')),
            session INTEGER NOT NULL,
            key INTEGER,
            UNIQUE (student, about))""",
        "CREATE INDEX negatives_in_the_clear ON negatives (student) WHERE key IS NULL",
    ):
        db.execute(statement)


def m018_negatives_erased(db: sqlite3.Connection) -> None:
    """The erasure list has negative examples, too."""
    for statement in (
        """CREATE TABLE erasures_of_all (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            mark TEXT NOT NULL UNIQUE,
            at TEXT NOT NULL,
            kind TEXT NOT NULL CHECK (kind IN
                ('student', 'photo', 'merged', 'withdrawn', 'brought_back', 'consent_ended', 'consent_given',
                'unknown_face', 'negative')),
            subject INTEGER NOT NULL,
            asked INTEGER NOT NULL,
            photo TEXT NOT NULL,
            into_subject INTEGER NOT NULL)""",
        "INSERT INTO erasures_of_all SELECT * FROM erasures ORDER BY number",
        "DROP TABLE erasures",
        "ALTER TABLE erasures_of_all RENAME TO erasures",
    ):
        db.execute(statement)


class SqliteNegatives:
    """A :class:`gallery.documents.negatives.NegativeStore` on the connections of a SQLite store."""

    def __init__(self, reading: _OpenConnection, writing: _OpenConnection, empty_log: Callable[[], None]) -> None:
        """``empty_log``: empties the write-ahead log of SQLite after examples were erased."""
        self._reading = reading
        self._writing = writing
        self._empty_log = empty_log

    def add(self, negative: Negative) -> StoredNegative | None:
        with self._writing() as db:
            if db.execute("SELECT 1 FROM students WHERE id = ?", (negative.subject,)).fetchone() is None:
                return None
            seals = sealer(db)
            _insert(db, seals, negative)
            dropped = _drop_oldest(db, negative.subject)
            found = next((each for each in _of(db, negative.subject) if each.negative.about == negative.about), None)
        if dropped:
            self._empty_log()
        return found

    def of(self, subject: int) -> list[StoredNegative]:
        with self._reading() as db:
            return _of(db, subject)

    def templates(self, pack: str) -> Iterator[TemplateBatch]:
        last = 0
        while True:
            with self._reading() as db:
                query = f"SELECT id, {_COLUMNS} FROM negatives WHERE pack = ? AND id > ? ORDER BY id LIMIT {_PAGE}"
                rows = db.execute(query, (pack, last)).fetchall()
                found = _read(sealer(db), rows)
            if not rows:
                return
            last = rows[-1][0]
            if found:
                yield batch_of(found)

    def epoch(self) -> str:
        with self._reading() as db:
            count, last = db.execute("SELECT count(*), coalesce(max(id), 0) FROM negatives").fetchone()
        return f"{count} {last}"  # ids rise with each example that is added, and the number falls with each that goes

    def count(self) -> int:
        with self._reading() as db:
            return int(db.execute("SELECT count(*) FROM negatives").fetchone()[0])

    def erase(self, ids: Sequence[int], cause: Cause = NOT_ASKED) -> int:
        which = (json.dumps([int(each) for each in ids]),)
        with self._writing() as db:
            query = "DELETE FROM negatives WHERE id IN (SELECT value FROM json_each(?)) RETURNING id"
            gone = [int(row[0]) for row in db.execute(query, which).fetchall()]
            list_erasures(db, erased_negatives(gone, cause))
        if gone:
            self._empty_log()
        return len(gone)


def merge_negatives(db: sqlite3.Connection, source: int, target: int) -> None:
    """Give a subject the examples of another, under new ids."""
    seals = sealer(db)
    for stored in _of(db, source):
        _insert(db, seals, stored.negative, target)
    _drop_oldest(db, target)


def _insert(db: sqlite3.Connection, seals: Sealer, negative: Negative, subject: int = 0) -> None:
    """Add an example, for a subject; one of the same face that is there already stays."""
    owner = subject or negative.subject
    plain = np.ascontiguousarray(negative.vector, dtype="<f4").tobytes()
    vector, key = seals.seal(of_student(owner), plain, negative_seal(owner, negative.about, negative.pack))
    values = (owner, negative.about, vector, negative.pack, negative.at, negative.source, negative.session, key)
    db.execute(f"INSERT INTO negatives ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", values)


def _drop_oldest(db: sqlite3.Connection, subject: int) -> int:
    kept = "SELECT id FROM negatives WHERE student = ?1 ORDER BY id DESC LIMIT ?2"
    query = f"DELETE FROM negatives WHERE student = ?1 AND id NOT IN ({kept})"
    return db.execute(query, (subject, MOST_OF_ONE)).rowcount


def _of(db: sqlite3.Connection, subject: int) -> list[StoredNegative]:
    rows = db.execute(f"SELECT id, {_COLUMNS} FROM negatives WHERE student = ? ORDER BY id", (subject,)).fetchall()
    return _read(sealer(db), rows)


def _read(seals: Sealer, rows: Sequence[Sequence[Any]]) -> list[StoredNegative]:
    """The examples in rows; those that are being erased are left out."""
    seals.load(row[-1] for row in rows)
    found = []
    for number, subject, about, stored, pack, *rest, key in rows:
        vector = seals.unseal(stored, key, negative_seal(subject, about, pack))
        if vector is not None:
            made = Negative(subject, about, np.frombuffer(vector, dtype="<f4"), pack, *rest)
            found.append(StoredNegative(number, made))
    return found
