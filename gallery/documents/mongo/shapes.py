"""How our own documents look in MongoDB, and the filters that several modules need."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from bson import Int64
from pymongo.database import Database

from gallery.documents.consent_rules import consent_fields
from gallery.documents.foreign_documents import NUMBER_FIELDS, TEXT_FIELDS, Document
from gallery.documents.seals import Sealer, photo_seal, template_seal
from gallery.documents.values import Student, TemplateBatch
from presente.errors import InvalidInput
from presente.sealing import OVERHEAD

VISIBLE: Document = {"$nor": [{"enrolling": {"$exists": True}}, {"subject": {"$exists": False}}]}
"""Students who are not being enrolled at the moment, and whom we wrote, or ``adopt`` has taken in."""

ENDED: Document = {"consentimiento.retirado": {"$gt": ""}}
"""Students whose consent has ended: they have no template, and get none."""

_MAX_PHOTO_BYTES = 16 * 2**20 - 1024
"""MongoDB's limit of a document, less the room for whose photo it is."""


def fields_of(student: Student) -> dict[str, Any]:
    """A student's own fields as a document has them; without ``consentimiento`` when none is on record."""
    consent = student.consentimiento
    return {
        **{name: getattr(student, name) for name in (*TEXT_FIELDS, "kind", *NUMBER_FIELDS)},
        "otras_clases": list(student.otras_clases),
        **({"consentimiento": consent_fields(consent)} if consent else {}),
    }


def in_class(clase: str) -> Document:
    """The filter for students of a class, whether it is their first class or a further one."""
    return {"$or": [{"clase": clase}, {"otras_clases": clase}]}


def in_one_of(clases: Collection[str]) -> Document:
    """The filter for students who are in one of some classes."""
    return {"$or": [{field: {"$in": sorted(clases)}} for field in ("clase", "otras_clases")]}


def missing_subjects(db: Database[dict[str, Any]], subjects: Collection[int]) -> set[int]:
    """Those of some subject ids that no student has."""
    wanted = {int(subject) for subject in subjects}
    found = db.students.find({"subject": {"$in": [Int64(i) for i in wanted]}}, {"subject": 1})
    return wanted - {int(student["subject"]) for student in found}


def check_size(content: bytes) -> None:
    """Refuse a photo that no document can hold, before anything is written: servers differ in how they refuse it.

    Raises:
        InvalidInput: ``too_many_bytes``.
    """
    if len(content) > _MAX_PHOTO_BYTES:
        raise InvalidInput(
            "too_many_bytes",
            f"MongoDB stores photos of up to {_MAX_PHOTO_BYTES} bytes, and this one has {len(content)}.",
            "Send a smaller JPEG.",
        )


def content_id(subject: int, sha256: str) -> str:
    """The id of a photo's bytes. They are in a collection of their own, so that reading about a photo skips them."""
    return f"{int(subject)}:{sha256}"


def content_size(kept: Document) -> int:
    """How many bytes a photo has, of the document of its bytes."""
    return len(kept["content"]) - (OVERHEAD if kept.get("key") is not None else 0)


def opened_content(sealer: Sealer, image: Document, kept: Document | None) -> bytes | None:
    """A photo's bytes, of the documents of what is known of it and of its bytes; None when it is being erased."""
    if kept is None:
        return None
    return sealer.unseal(kept["content"], kept.get("key"), photo_seal(int(image["student"]), image["sha256"]))


def opened_templates(sealer: Sealer, rows: Sequence[Document]) -> list[Document]:
    """Documents of templates with their vectors opened; those of students who are being erased are left out."""
    sealer.load(row.get("key") for row in rows)
    opened: list[Document] = []
    for row in rows:
        about = "" if row.get("key") is None else template_seal(int(row["student"]), row["sha256"], row["pack"])
        vector = sealer.unseal(row["vector"], row.get("key"), about)
        if vector is not None:
            opened.append({**row, "vector": vector})
    return opened


def template_batch(rows: Sequence[Document]) -> TemplateBatch:
    """Documents of templates, all by one pack, as an index reads them."""
    return TemplateBatch(
        ids=np.array([row["_id"] for row in rows], dtype=np.int64),
        subjects=np.array([row["student"] for row in rows], dtype=np.int64),
        vectors=np.frombuffer(b"".join(row["vector"] for row in rows), dtype="<f4").reshape(len(rows), -1),
    )
