"""Attendance entries and participations as documents of MongoDB."""

from __future__ import annotations

from typing import Any

import numpy as np
from bson import Binary, Int64

from gallery.documents.attendance import (
    Attendance,
    EntryFilter,
    Participation,
    SeenFace,
    StoredAttendance,
    StoredParticipation,
)
from gallery.documents.foreign_documents import Document

_ATTENDANCE = ("clase", "fecha", "status", "source", "at", "note", "request", "face_group")
_OF_SESSIONS = ("photo_number", "face_number", "undoes")
_PARTICIPATION = ("clase", "fecha", "kind", "note", "at", "request", "withdraws")


def filter_of(which: EntryFilter) -> dict[str, Any]:
    """A filter as MongoDB takes it."""
    conditions: dict[str, Any] = {
        name: value
        for name, value in (
            ("clase", which.clase),
            ("request", which.request),
            ("face_group", which.face_group),
            ("student", None if which.subject is None else Int64(which.subject)),
            ("session", None if which.session is None else Int64(which.session)),
        )
        if value is not None
    }
    if which.clases is not None:
        conditions["$and"] = [{"clase": {"$in": sorted(which.clases)}}]
    dates = {name: day for name, day in (("$gte", which.desde), ("$lte", which.hasta)) if day is not None}
    if dates:
        conditions["fecha"] = dates
    return conditions


def attendance_document(entry: Attendance) -> dict[str, Any]:
    """An entry as a document, without its id."""
    document = {
        "student": Int64(entry.subject or 0),
        "turn": entry.revision,
        "session": Int64(entry.session),
        **{name: getattr(entry, name) for name in _ATTENDANCE},
    }
    for name in _OF_SESSIONS:  # most entries have none of them
        if getattr(entry, name):
            document[name] = Int64(getattr(entry, name))
    face = entry.face
    if face is not None:
        document["face"] = {
            "vector": Binary(np.ascontiguousarray(face.vector, dtype="<f4").tobytes()),
            "pack": face.pack,
            "box": [float(value) for value in face.box],
            "score": face.score,
            "threshold": face.threshold,
            "template": Int64(face.template),
            "generation": face.generation,
            "photo": face.photo,
        }
    return document


def attendance_of(document: Document) -> StoredAttendance:
    """The entry in a document."""
    stored = document.get("face")
    face = None
    if stored is not None:
        values = {
            "vector": np.frombuffer(stored["vector"], dtype="<f4"),
            "box": tuple(stored["box"]),
            "template": int(stored["template"]),
        }
        face = SeenFace(**{**stored, **values})
    fields = {name: document[name] for name in _ATTENDANCE}
    fields |= {name: int(document[name]) for name in ("session", *_OF_SESSIONS) if name in document}
    entry = Attendance(subject=_subject_of(document), revision=document["turn"], face=face, **fields)
    return StoredAttendance(int(document["_id"]), entry)


def participation_document(entry: Participation) -> dict[str, Any]:
    """A participation as a document, without its id."""
    return {"student": Int64(entry.subject or 0), **{name: getattr(entry, name) for name in _PARTICIPATION}}


def participation_of(document: Document) -> StoredParticipation:
    """The participation in a document."""
    entry = Participation(subject=_subject_of(document), **{name: document[name] for name in _PARTICIPATION})
    return StoredParticipation(int(document["_id"]), entry)


def _subject_of(document: Document) -> int | None:
    """The subject of an entry; None for an erased student, whose entries have negative numbers."""
    subject = int(document["student"])
    return subject if subject > 0 else None
