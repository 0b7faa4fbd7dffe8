"""The photos of one student in SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from gallery.documents.seals import Sealer
from gallery.documents.sqlite.data_keys import sealer
from gallery.documents.sqlite.photo_rows import SIZE, opened_source, stored_photo
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
                f"SELECT i.sha256, i.media_type, {SIZE}, i.source, t.box, t.quality, i.key, s.id FROM students s "
                "JOIN images i ON i.student = s.id LEFT JOIN templates t ON t.image = i.id AND t.pack = ? "
                "WHERE s.matricula = ? ORDER BY i.id",
                (pack, matricula),
            ).fetchall()
            return [_described(sealer(db), row) for row in rows]

    def photo(self, matricula: str, sha256: str) -> StoredPhoto | None:
        """See :meth:`gallery.documents.photo_protocol.PhotoStore.photo`."""
        with self._reading() as db:
            row = db.execute(
                "SELECT i.id, s.matricula, i.sha256, i.content, i.media_type, i.key, s.id FROM students s "
                "JOIN images i ON i.student = s.id WHERE s.matricula = ? AND i.sha256 = ?",
                (matricula, sha256),
            ).fetchone()
            return None if row is None else stored_photo(sealer(db), row)


def _described(seals: Sealer, row: Sequence[Any]) -> DescribedPhoto:
    sha256, media_type, size, stored, box, quality, key, subject = row
    source = opened_source(seals, stored, key, subject, sha256)
    if box is None:
        return DescribedPhoto(sha256, media_type, size, source)
    return DescribedPhoto(sha256, media_type, size, source, tuple(json.loads(box)), json.loads(quality))
