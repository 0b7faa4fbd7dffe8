"""The photos of one student in SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager

from gallery.documents.values import DescribedPhoto, StoredPhoto

_OpenConnection = Callable[[], AbstractContextManager[sqlite3.Connection]]


class SqliteStudentPhotos:
    """A :class:`gallery.documents.photo_protocol.PhotoStore` in one file."""

    def __init__(self, reading: _OpenConnection) -> None:
        self._reading = reading

    def described(self, matricula: str, pack: str) -> list[DescribedPhoto]:
        """See :meth:`gallery.documents.photo_protocol.PhotoStore.described`."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT i.sha256, i.media_type, length(i.content), i.source, t.box, t.quality FROM students s "
                "JOIN images i ON i.student = s.id LEFT JOIN templates t ON t.image = i.id AND t.pack = ? "
                "WHERE s.matricula = ? ORDER BY i.id",
                (pack, matricula),
            ).fetchall()
        return [
            DescribedPhoto(sha256, media_type, size, source)
            if box is None
            else DescribedPhoto(sha256, media_type, size, source, tuple(json.loads(box)), json.loads(quality))
            for sha256, media_type, size, source, box, quality in rows
        ]

    def photo(self, matricula: str, sha256: str) -> StoredPhoto | None:
        """See :meth:`gallery.documents.photo_protocol.PhotoStore.photo`."""
        with self._reading() as db:
            row = db.execute(
                "SELECT i.id, s.matricula, i.sha256, i.content, i.media_type FROM students s "
                "JOIN images i ON i.student = s.id WHERE s.matricula = ? AND i.sha256 = ?",
                (matricula, sha256),
            ).fetchone()
        return None if row is None else StoredPhoto(*row)
