"""Taking in what another program wrote into our own database: students without a number, photos inside them.

A student gets a number first, then the photo moves to where photos are kept, then it leaves the document: whoever is
stopped in between goes on there the next time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from pymongo.database import Database

from gallery.documents.mongo.shapes import Document, check_size, written_elsewhere
from gallery.documents.mongo.writing import MongoWriter
from gallery.documents.values import NotAdopted, PhotoFile, check_student, student_exists
from presente.errors import InvalidInput
from presente.text import from_base64

_SIGNATURES = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG", "image/png"), (b"RIFF", "image/webp"))


def adopt(db: Database[dict[str, Any]], writer: MongoWriter) -> list[NotAdopted]:
    """Take in every student who has no number or still carries a photo; what could not be taken in, and why."""
    foreign = {"$or": [{"subject": {"$exists": False}}, {"image": {"$exists": True}}]}
    refused: list[NotAdopted] = []
    for found in list(db.students.find(foreign, {"_id": 1})):
        document = db.students.find_one({"_id": found["_id"]})
        if document is not None:
            refused += _adopt_one(db, writer, document)
    return refused


def _adopt_one(db: Database[dict[str, Any]], writer: MongoWriter, document: Document) -> Iterator[NotAdopted]:
    which = str(document.get("matricula") or f"document {document['_id']}")
    try:
        student = check_student(written_elsewhere(document, writer.clock))
        content = None if document.get("image") is None else image_bytes(document["image"])
        check_size(content or b"")
    except InvalidInput as error:
        yield NotAdopted(which, error.code, str(error))
        return
    if "subject" not in document:
        if student.matricula != document["matricula"] and db.students.find_one({"matricula": student.matricula}):
            there = student_exists(student.matricula)
            yield NotAdopted(which, there.code, str(there))
            return
        writer.number(document, student)
    numbered = db.students.find_one({"_id": document["_id"], "subject": {"$exists": True}})
    if numbered is None:  # removed meanwhile
        return
    if content is not None:
        kind = next((kind for start, kind in _SIGNATURES if content.startswith(start)), "application/octet-stream")
        photo = PhotoFile(content, hashlib.sha256(content).hexdigest(), kind, "another program")
        with writer.attempt("photos") as attempt:
            writer.put_photos({(int(numbered["subject"]), photo.sha256): (photo, [])}, attempt)
    db.students.update_one({"_id": document["_id"]}, {"$unset": {"image": ""}})


def image_bytes(value: object) -> bytes:
    """A photo as other programs keep it: bytes, or base64, plain or as a data URL.

    Raises:
        InvalidInput: ``invalid_base64``.
    """
    if isinstance(value, bytes) and not _is_base64(value):
        return bytes(value)
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else value
    if not isinstance(text, str):
        raise InvalidInput("invalid_base64", f"The image is a {type(value).__name__}.", "It must be bytes or base64.")
    try:
        return from_base64(text.rpartition(",")[2])
    except ValueError as exc:
        raise InvalidInput(
            "invalid_base64", f"The image is not base64 ({exc}).", "It must be bytes or base64."
        ) from exc


def _is_base64(value: bytes) -> bool:
    """Whether bytes are text; no photo begins with four letters or digits and goes on with them."""
    start = value[:64]
    return bool(start) and all(32 <= byte < 127 for byte in start)
