"""Photos and templates as rows of SQLite: reading them page by page, writing and copying them."""

from __future__ import annotations

import json
import sqlite3

import numpy as np

from gallery.documents.values import (
    EVERYONE,
    EnrolledPhoto,
    EnrolledTemplate,
    StoredPhoto,
    SubjectPart,
    Template,
    TemplateBatch,
)

_PAGE = 4096
"""Templates that one query reads."""


def put_photo(db: sqlite3.Connection, subject: int, photo: EnrolledPhoto) -> None:
    """Write a subject's photo and its template; a photo and a template that are there already stay."""
    db.execute(
        "INSERT INTO images (student, sha256, media_type, source, content) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (student, sha256) DO NOTHING",
        (subject, photo.sha256, photo.media_type, photo.source, photo.content),
    )
    found = db.execute("SELECT id FROM images WHERE student = ? AND sha256 = ?", (subject, photo.sha256)).fetchone()
    _put_template(db, found[0], subject, photo.template)


def add_template(db: sqlite3.Connection, photo: int, template: Template) -> None:
    """Write a template of a stored photo; nothing happens when the photo is gone."""
    row = db.execute("SELECT student FROM images WHERE id = ?", (photo,)).fetchone()
    if row is not None:
        _put_template(db, photo, row[0], template)


def _put_template(db: sqlite3.Connection, photo: int, subject: int, template: Template) -> None:
    db.execute(
        "INSERT INTO templates (image, student, pack, vector, box, quality) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (image, pack) DO NOTHING",
        (
            photo,
            subject,
            template.pack,
            np.ascontiguousarray(template.vector, dtype="<f4").tobytes(),
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
    chosen = "(:which IS NULL OR sha256 IN (SELECT value FROM json_each(:which)))"
    values = {"source": source, "target": target, "which": digests}
    db.execute(
        "INSERT INTO images (student, sha256, media_type, source, content) "
        f"SELECT :target, sha256, media_type, source, content FROM images WHERE student = :source AND {chosen} "
        "ORDER BY id ON CONFLICT (student, sha256) DO NOTHING",
        values,
    )
    db.execute(
        "INSERT INTO templates (image, student, pack, vector, box, quality) "
        "SELECT theirs.id, :target, t.pack, t.vector, t.box, t.quality FROM templates t "
        "JOIN images own ON own.id = t.image "
        "JOIN images theirs ON theirs.student = :target AND theirs.sha256 = own.sha256 "
        f"WHERE t.student = :source AND {chosen.replace('sha256', 'own.sha256')} "
        "ORDER BY t.id ON CONFLICT (image, pack) DO NOTHING",
        values,
    )


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
    query = "SELECT coalesce(sum(length(content)), 0) FROM students s JOIN images i ON i.student = s.id "
    return int(db.execute(query + "WHERE s.matricula = ?", (matricula,)).fetchone()[0])


def next_photo(db: sqlite3.Connection, after: int, without_pack: str | None) -> StoredPhoto | None:
    """The first photo with an id above ``after``; with a pack, the first that has no template by it."""
    row = db.execute(
        "SELECT i.id, s.matricula, i.sha256, i.content, i.media_type FROM images i "
        "JOIN students s ON s.id = i.student WHERE i.id > ?1 AND (?2 IS NULL OR "
        "NOT EXISTS (SELECT 1 FROM templates t WHERE t.image = i.id AND t.pack = ?2)) ORDER BY i.id LIMIT 1",
        (after, without_pack),
    ).fetchone()
    return None if row is None else StoredPhoto(*row)


def enrolled_page(db: sqlite3.Connection, after: int, pack: str) -> list[EnrolledTemplate]:
    """What is known of the next templates by a pack, in order of id."""
    rows = db.execute(
        "SELECT t.id, t.student, i.sha256, i.source, t.quality FROM templates t "
        "JOIN images i ON i.id = t.image WHERE t.id > ? AND t.pack = ? ORDER BY t.id LIMIT ?",
        (after, pack, _PAGE),
    ).fetchall()
    return [
        EnrolledTemplate(template, subject, sha256, source, json.loads(quality))
        for template, subject, sha256, source, quality in rows
    ]


def template_page(
    db: sqlite3.Connection, after: int, pack: str, ids: str | None, part: SubjectPart = EVERYONE
) -> TemplateBatch | None:
    """The next templates by a pack, in order of id, with ``ids`` (a JSON list) among those; None after the last."""
    rows = db.execute(
        "SELECT id, student, vector FROM templates WHERE id > ?1 AND pack = ?2 "
        "AND (?3 IS NULL OR id IN (SELECT value FROM json_each(?3))) AND student % ?5 = ?6 ORDER BY id LIMIT ?4",
        (after, pack, ids, _PAGE, part.of, part.number),
    ).fetchall()
    if not rows:
        return None
    return TemplateBatch(
        ids=np.array([row[0] for row in rows], dtype=np.int64),
        subjects=np.array([row[1] for row in rows], dtype=np.int64),
        vectors=np.frombuffer(b"".join(row[2] for row in rows), dtype="<f4").reshape(len(rows), -1),
    )
