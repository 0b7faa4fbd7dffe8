"""The photos of sessions in SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from gallery.documents.class_sessions import PhotoNumber, SessionPhoto
from gallery.documents.seals import Sealer, of_session_photo, session_faces_seal, session_photo_seal
from gallery.documents.session_rules import faces_to_json, with_faces
from gallery.documents.sqlite.data_keys import sealer

_OpenConnection = Callable[[], AbstractContextManager[sqlite3.Connection]]
_IS_OPEN = "EXISTS (SELECT 1 FROM class_sessions WHERE id = ? AND state = 'open')"


class SqliteSessionPhotos:
    """A :class:`gallery.documents.session_store.SessionPhotoStore` on the connections of a SQLite store."""

    def __init__(self, reading: _OpenConnection, writing: _OpenConnection, after_erasure: Callable[[], None]) -> None:
        self._reading = reading
        self._writing = writing
        self._after_erasure = after_erasure

    def number(self, session: int, sha256: str, at: str) -> PhotoNumber | None:
        with self._writing() as db:
            if not _is_open(db, session):
                return None
            added = db.execute(
                "INSERT INTO session_photos (session, number, sha256, at) "
                "SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3 FROM session_photos WHERE session = ?1 "
                "ON CONFLICT (session, sha256) DO NOTHING",
                (session, sha256, at),
            ).rowcount
            number, first = db.execute(
                "SELECT number, at FROM session_photos WHERE session = ? AND sha256 = ?", (session, sha256)
            ).fetchone()
            return PhotoNumber(int(number), first, bool(added))

    def keep(self, photo: SessionPhoto, content: bytes, about: Collection[int]) -> bool:
        subjects, which = json.dumps(sorted(about)), (photo.session, photo.number)
        with self._writing() as db:
            there = db.execute(
                "SELECT count(*) FROM students WHERE id IN (SELECT value FROM json_each(?))", (subjects,)
            ).fetchone()[0]
            if there != len(set(about)) or not _is_open(db, photo.session):
                return False
            seals, owner = sealer(db), of_session_photo(*which)
            text = faces_to_json(photo)
            faces = seals.seal(owner, text.encode(), session_faces_seal(*which))[0]
            stored, key = seals.seal(owner, content, session_photo_seal(*which))
            row = db.execute(
                "UPDATE session_photos SET width = ?, height = ?, faces = ?, content = ?, key = ? "
                "WHERE session = ? AND number = ? RETURNING id",
                (photo.width, photo.height, text if key is None else faces, stored, key, *which),
            ).fetchone()
            if row is None:
                return False
            db.execute(
                "INSERT OR IGNORE INTO session_photo_students SELECT ?, value FROM json_each(?)", (row[0], subjects)
            )
        return True

    def concern(self, session: int, number: int, subject: int) -> None:
        with self._writing() as db:
            db.execute(
                "INSERT OR IGNORE INTO session_photo_students SELECT p.id, s.id FROM session_photos p, students s "
                "WHERE p.session = ? AND p.number = ? AND s.id = ?",
                (session, number, subject),
            )

    def photos(self, session: int) -> list[SessionPhoto]:
        with self._reading() as db:
            rows = db.execute(
                "SELECT session, number, sha256, at, content IS NOT NULL, width, height, faces, key "
                "FROM session_photos WHERE session = ? ORDER BY number",
                (session,),
            ).fetchall()
            return [_photo(sealer(db), row) for row in rows]

    def content(self, session: int, number: int) -> bytes | None:
        with self._reading() as db:
            row = db.execute(
                "SELECT content, key FROM session_photos WHERE session = ? AND number = ?", (session, number)
            ).fetchone()
            if row is None or row[0] is None:
                return None
            stored, key = row
            return sealer(db).unseal(stored, key, session_photo_seal(session, number))

    def kept_of(self, subject: int) -> int:
        with self._reading() as db:
            row = db.execute(
                "SELECT count(*) FROM session_photo_students s JOIN session_photos p ON p.id = s.photo "
                "WHERE s.student = ? AND p.content IS NOT NULL",
                (subject,),
            ).fetchone()
        return int(row[0])

    def erase(self, session: int, number: int) -> None:
        self._drop("session = ? AND number = ?", session, number)

    def drop(self, session: int | None = None, before: str | None = None) -> int:
        return self._drop("(?1 IS NULL OR session = ?1) AND (?2 IS NULL OR at < ?2)", session, before)

    def _drop(self, which: str, *values: object) -> int:
        kept = f"content IS NOT NULL AND {which}"
        with self._reading() as db:  # most often there is none
            if db.execute(f"SELECT 1 FROM session_photos WHERE {kept} LIMIT 1", values).fetchone() is None:
                return 0
        with self._writing() as db:
            db.execute(
                f"DELETE FROM session_photo_students WHERE photo IN (SELECT id FROM session_photos WHERE {kept})",
                values,
            )
            dropped = db.execute(
                f"UPDATE session_photos SET content = NULL, faces = NULL, width = 0, height = 0 WHERE {kept}",
                values,
            ).rowcount
        self._after_erasure()
        return int(dropped)


def _photo(seals: Sealer, row: Sequence[Any]) -> SessionPhoto:
    session, number, sha256, at, kept, width, height, stored, key = row
    bare = SessionPhoto(session, number, sha256, at)
    if not kept:
        return bare
    text = stored.encode() if isinstance(stored, str) else stored
    faces = seals.unseal(text, key, session_faces_seal(session, number))
    if faces is None:  # it is being dropped
        return bare
    return with_faces(replace(bare, kept=True, width=width, height=height), faces.decode())


def _is_open(db: sqlite3.Connection, session: int) -> bool:
    return bool(db.execute(f"SELECT {_IS_OPEN}", (session,)).fetchone()[0])
