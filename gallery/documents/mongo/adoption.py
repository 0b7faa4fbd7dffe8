"""Taking in what another program wrote into our own database: students without a subject id, with photos inside.

A student gets a subject id first. Then the photo is copied to where photos are stored, then it is removed from the
document. If the process stops in between, the next call continues there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from pymongo.database import Database

from gallery.documents.foreign_documents import Document, foreign_student, image_bytes
from gallery.documents.mongo.shapes import check_size
from gallery.documents.mongo.student_writing import MongoStudentWriter
from gallery.documents.student_rules import check_student, student_exists
from gallery.documents.values import NotAdopted, PhotoFile
from presente.errors import InvalidInput

_SIGNATURES = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG", "image/png"),
    (0, b"RIFF", "image/webp"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (4, b"ftypavi", "image/avif"),
    (4, b"ftyphe", "image/heic"),
    (4, b"ftypmif1", "image/heic"),
)
"""Where a file's first bytes are of a format, and which it is."""


def adopt(db: Database[dict[str, Any]], writer: MongoStudentWriter) -> list[NotAdopted]:
    """Take in every student who has no subject id or still contains a photo; those who were refused, and why."""
    foreign = {"$or": [{"subject": {"$exists": False}}, {"image": {"$exists": True}}]}
    refused: list[NotAdopted] = []
    for found in list(db.students.find(foreign, {"_id": 1})):
        document = db.students.find_one({"_id": found["_id"]})
        if document is not None:
            refused += _adopt_one(db, writer, document)
    return refused


def _adopt_one(db: Database[dict[str, Any]], writer: MongoStudentWriter, document: Document) -> Iterator[NotAdopted]:
    which = str(document.get("matricula") or f"document {document['_id']}")
    try:
        student = check_student(foreign_student(document, writer.clock))
        content = None if document.get("image") is None else image_bytes(document["image"])
        check_size(content or b"")
    except InvalidInput as error:
        yield NotAdopted(which, error.code, str(error))
        return
    if "subject" not in document:
        if student.matricula != document["matricula"] and db.students.find_one({"matricula": student.matricula}):
            taken = student_exists(student.matricula)
            yield NotAdopted(which, taken.code, str(taken))
            return
        writer.number(document, student)
    numbered = db.students.find_one({"_id": document["_id"], "subject": {"$exists": True}})
    if numbered is None:  # removed meanwhile
        return
    if content is not None:
        kind = _media_type(content)
        photo = PhotoFile(content, hashlib.sha256(content).hexdigest(), kind, "another program")
        with writer.recovery.attempt("photos") as attempt:
            writer.photos.put_photos({(int(numbered["subject"]), photo.sha256): (photo, [])}, attempt.name)
    db.students.update_one({"_id": document["_id"]}, {"$unset": {"image": ""}})


def _media_type(content: bytes) -> str:
    found = (kind for place, start, kind in _SIGNATURES if content.startswith(start, place))
    return next(found, "application/octet-stream")
