"""Photos and templates as rows of SQLite: reading them page by page, writing and copying them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from gallery.documents.seals import Sealer, data_key_missing, of_student, photo_seal, source_seal, template_seal
from gallery.documents.sqlite.data_keys import sealer
from gallery.documents.sqlite.student_rows import ENDED
from gallery.documents.values import (
    EVERYONE,
    EnrolledPhoto,
    EnrolledTemplate,
    PhotoFile,
    StoredPhoto,
    SubjectPart,
    Template,
    TemplateBatch,
)
from presente.sealing import OVERHEAD

_PAGE = 4096
"""Templates that one query reads."""
SIZE = f"length(i.content) - (i.key IS NOT NULL) * {OVERHEAD}"
"""How many bytes a photo has, where ``i`` is the table of photos."""


def put_photo(db: sqlite3.Connection, seals: Sealer, subject: int, photo: EnrolledPhoto) -> None:
    """Write a subject's photo and its template; a photo and a template that are there already stay."""
    image = _put_image(db, seals, subject, photo)
    _put_template(db, seals, image, subject, photo.sha256, photo.template)


def _put_image(db: sqlite3.Connection, seals: Sealer, subject: int, photo: PhotoFile) -> int:
    """Write a photo, unless it is there; its id."""
    which = "SELECT id FROM images WHERE student = ? AND sha256 = ?"
    found = db.execute(which, (subject, photo.sha256)).fetchone()
    if found is None:
        content, key = seals.seal(of_student(subject), photo.content, photo_seal(subject, photo.sha256))
        found = db.execute(
            "INSERT INTO images (student, sha256, media_type, source, content, key) VALUES (?, ?, ?, ?, ?, ?) "
            "RETURNING id",
            (subject, photo.sha256, photo.media_type, sealed_source(seals, subject, photo), content, key),
        ).fetchone()
    return int(found[0])


def sealed_source(seals: Sealer, subject: int, photo: PhotoFile) -> bytes | str:
    """Where a photo came from, as the store has it: sealed with the key of the photo where names are."""
    if not seals.seals_names:
        return photo.source
    return seals.seal(of_student(subject), photo.source.encode(), source_seal(subject, photo.sha256))[0]


def opened_source(seals: Sealer, source: bytes | str, key: int | None, subject: int, sha256: str) -> str:
    """Where a photo came from; empty when its key is gone."""
    if isinstance(source, str):
        return source
    return (seals.unseal(source, key, source_seal(subject, sha256)) or b"").decode()


def add_template(db: sqlite3.Connection, photo: int, template: Template) -> None:
    """Write a template of a stored photo; nothing happens when the photo is gone, or its student's consent."""
    row = db.execute(
        "SELECT i.student, i.sha256 FROM images i JOIN students s ON s.id = i.student "
        f"WHERE i.id = ? AND NOT ({ENDED})",
        (photo,),
    ).fetchone()
    if row is not None:
        subject, sha256 = row
        _put_template(db, sealer(db), photo, subject, sha256, template)


def _put_template(
    db: sqlite3.Connection, seals: Sealer, photo: int, subject: int, sha256: str, template: Template
) -> None:
    plain = np.ascontiguousarray(template.vector, dtype="<f4").tobytes()
    vector, key = seals.seal(of_student(subject), plain, template_seal(subject, sha256, template.pack))
    db.execute(
        "INSERT INTO templates (image, student, pack, vector, key, box, quality) VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (image, pack) DO NOTHING",
        (
            photo,
            subject,
            template.pack,
            vector,
            key,
            json.dumps([round(float(value), 2) for value in template.box]),
            json.dumps(dict(template.quality)),
        ),
    )


def copy_photos(db: sqlite3.Connection, source: int, target: int, digests: str | None = None) -> None:
    """Copy photos with their templates, under new ids, from one subject to another; what is there already stays.

    Args:
        db: the connection.
        source: the subject whose photos they are.
        target: the subject who gets them.
        digests: their SHA-256, as a JSON list; None for all.
    """
    seals, which = sealer(db), (source, digests, digests)
    chosen = "i.student = ? AND (? IS NULL OR i.sha256 IN (SELECT value FROM json_each(?)))"
    for (number,) in db.execute(f"SELECT i.id FROM images i WHERE {chosen} ORDER BY i.id", which).fetchall():
        photo = _photo_file(db, seals, number)
        image = _put_image(db, seals, target, photo)
        for template in _templates_of(db, seals, number, source, photo.sha256):
            _put_template(db, seals, image, target, photo.sha256, template)


def _photo_file(db: sqlite3.Connection, seals: Sealer, number: int) -> PhotoFile:
    subject, sha256, media_type, source, stored, key = db.execute(
        "SELECT student, sha256, media_type, source, content, key FROM images WHERE id = ?", (number,)
    ).fetchone()
    content = seals.unseal(stored, key, photo_seal(subject, sha256))
    if content is None:
        raise data_key_missing(f"photo {sha256[:12]} of student {subject}")
    return PhotoFile(content, sha256, media_type, opened_source(seals, source, key, subject, sha256))


def _templates_of(db: sqlite3.Connection, seals: Sealer, image: int, subject: int, sha256: str) -> Iterator[Template]:
    rows = db.execute("SELECT pack, vector, key, box, quality FROM templates WHERE image = ? ORDER BY id", (image,))
    for pack, stored, key, box, quality in rows.fetchall():
        vector = seals.unseal(stored, key, template_seal(subject, sha256, pack))
        if vector is None:
            raise data_key_missing(f"template of photo {sha256[:12]} of student {subject}")
        yield Template(np.frombuffer(vector, dtype="<f4"), pack, tuple(json.loads(box)), json.loads(quality))


def delete_photos(db: sqlite3.Connection, subject: int, digests: str) -> None:
    """Delete photos of a subject, by SHA-256 as a JSON list; their templates go with them."""
    db.execute(
        "DELETE FROM images WHERE student = ? AND sha256 IN (SELECT value FROM json_each(?))", (subject, digests)
    )


def embedded(db: sqlite3.Connection, matricula: str, pack: str) -> set[str]:
    """SHA-256 of the student's photos that have a template by a pack."""
    rows = db.execute(
        "SELECT i.sha256 FROM students s JOIN images i ON i.student = s.id "
        "JOIN templates t ON t.image = i.id WHERE s.matricula = ? AND t.pack = ?",
        (matricula, pack),
    ).fetchall()
    return {row[0] for row in rows}


def digests(db: sqlite3.Connection, matricula: str) -> list[str]:
    """SHA-256 of the student's photos, sorted."""
    rows = db.execute(
        "SELECT i.sha256 FROM students s JOIN images i ON i.student = s.id WHERE s.matricula = ? ORDER BY i.sha256",
        (matricula,),
    ).fetchall()
    return [row[0] for row in rows]


def photo_bytes(db: sqlite3.Connection, matricula: str) -> int:
    """How many bytes the student's photos have together."""
    query = f"SELECT coalesce(sum({SIZE}), 0) FROM students s JOIN images i ON i.student = s.id "
    return int(db.execute(query + "WHERE s.matricula = ?", (matricula,)).fetchone()[0])


def next_photo(db: sqlite3.Connection, after: int, without_pack: str | None) -> tuple[int, StoredPhoto | None] | None:
    """The id of the first photo after another, and the photo, None when it is being erased; with a pack, of the first
    that has no template by it. None after the last."""
    row = db.execute(
        "SELECT i.id, s.matricula, i.sha256, i.content, i.media_type, i.key, s.id FROM images i "
        "JOIN students s ON s.id = i.student WHERE i.id > ?1 AND (?2 IS NULL OR "
        f"NOT ({ENDED}) AND NOT EXISTS (SELECT 1 FROM templates t WHERE t.image = i.id AND t.pack = ?2)) "
        "ORDER BY i.id LIMIT 1",
        (after, without_pack),
    ).fetchone()
    return None if row is None else (row[0], stored_photo(sealer(db), row))


def stored_photo(seals: Sealer, row: Sequence[Any]) -> StoredPhoto | None:
    """A photo from id, matricula, digest, content, media type, key and subject; None when its key is gone."""
    number, matricula, sha256, stored, media_type, key, subject = row
    content = seals.unseal(stored, key, photo_seal(subject, sha256))
    return None if content is None else StoredPhoto(number, matricula, sha256, content, media_type)


def enrolled_page(db: sqlite3.Connection, after: int, pack: str) -> list[EnrolledTemplate]:
    """What is known of the next templates by a pack, in order of id."""
    rows = db.execute(
        "SELECT t.id, t.student, i.sha256, i.source, t.quality, i.key FROM templates t "
        "JOIN images i ON i.id = t.image WHERE t.id > ? AND t.pack = ? ORDER BY t.id LIMIT ?",
        (after, pack, _PAGE),
    ).fetchall()
    seals = sealer(db)
    seals.load(row[5] for row in rows if isinstance(row[3], bytes))
    return [
        EnrolledTemplate(
            template, subject, sha256, opened_source(seals, source, key, subject, sha256), json.loads(quality)
        )
        for template, subject, sha256, source, quality, key in rows
    ]


def template_page(
    db: sqlite3.Connection, after: int, pack: str, ids: str | None, part: SubjectPart = EVERYONE
) -> tuple[int, TemplateBatch] | None:
    """The next templates by a pack, in order of id, with ``ids`` (a JSON list) among those; None after the last.

    With them the last id that was read: those of a student who is being erased are left out."""
    rows = db.execute(
        "SELECT t.id, t.student, t.vector, t.key, CASE WHEN t.key IS NULL THEN '' ELSE "
        "(SELECT sha256 FROM images i WHERE i.id = t.image) END FROM templates t WHERE t.id > ?1 AND t.pack = ?2 "
        "AND (?3 IS NULL OR t.id IN (SELECT value FROM json_each(?3))) AND t.student % ?5 = ?6 ORDER BY t.id LIMIT ?4",
        (after, pack, ids, _PAGE, part.of, part.number),
    ).fetchall()
    if not rows:
        return None
    seals = sealer(db)
    seals.load(row[3] for row in rows)
    opened = [
        (number, subject, vector)
        for number, subject, stored, key, sha256 in rows
        if (vector := seals.unseal(stored, key, template_seal(subject, sha256, pack) if sha256 else "")) is not None
    ]
    return rows[-1][0], TemplateBatch(
        ids=np.array([row[0] for row in opened], dtype=np.int64),
        subjects=np.array([row[1] for row in opened], dtype=np.int64),
        vectors=np.frombuffer(b"".join(row[2] for row in opened), dtype="<f4").reshape(len(opened), -1),
    )
