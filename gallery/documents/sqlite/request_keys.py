"""The keys of requests that must be carried out once, as rows of SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager

from gallery.documents.request_keys import Claim
from gallery.documents.student_rules import student_not_found


class SqliteRequestKeys:
    """A :class:`gallery.documents.protocol.RequestKeyStore` on the transactions of a SQLite store."""

    def __init__(self, writing: Callable[[], AbstractContextManager[sqlite3.Connection]]) -> None:
        self._writing = writing

    def claim(self, claim: Claim, about: Collection[int]) -> Claim:
        with self._writing() as db:
            db.execute("DELETE FROM requests WHERE at < ?", (claim.oldest_kept,))
            stored = db.execute("SELECT key, digest, at, done FROM requests WHERE key = ?", (claim.key,)).fetchone()
            if stored is not None:
                return Claim(stored[0], stored[1], stored[2], bool(stored[3]), first=False)
            db.execute("INSERT INTO requests (key, digest, at) VALUES (?, ?, ?)", (claim.key, claim.digest, claim.at))
            for subject in about:
                if not _note_subject(db, claim.key, subject):
                    raise student_not_found(str(subject))
        return claim

    def finish(self, key: str, about: Collection[int]) -> None:
        with self._writing() as db:
            if db.execute("UPDATE requests SET done = 1 WHERE key = ?", (key,)).rowcount == 0:
                return
            if not all(_note_subject(db, key, subject) for subject in about):
                db.execute("DELETE FROM requests WHERE key = ?", (key,))

    def release(self, key: str) -> None:
        with self._writing() as db:
            db.execute("DELETE FROM requests WHERE key = ? AND done = 0", (key,))


def merge_request_keys(db: sqlite3.Connection, source: int, target: int) -> None:
    """Let the requests about one subject be about another."""
    db.execute("UPDATE OR IGNORE request_students SET student = ? WHERE student = ?", (target, source))
    db.execute("DELETE FROM request_students WHERE student = ?", (source,))


def _note_subject(db: sqlite3.Connection, key: str, subject: int) -> bool:
    """Note that a request is about a subject; False when the subject is gone."""
    db.execute(
        "INSERT INTO request_students (key, student) SELECT ?, id FROM students WHERE id = ? ON CONFLICT DO NOTHING",
        (key, subject),
    )
    where = (key, subject)
    return db.execute("SELECT 1 FROM request_students WHERE key = ? AND student = ?", where).fetchone() is not None
