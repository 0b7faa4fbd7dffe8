"""Attendance entries and participations as documents of MongoDB."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import numpy as np
from bson import Int64

from gallery.documents.attendance import (
    Attendance,
    EntryFilter,
    Participation,
    SeenFace,
    SeenLiveness,
    StoredAttendance,
    StoredParticipation,
)
from gallery.documents.foreign_documents import Document
from gallery.documents.mongo.data_keys import sealed_value, with_key
from gallery.documents.seals import Sealer, face_seal, of_student

_ATTENDANCE = ("clase", "fecha", "status", "source", "at", "note", "request", "face_group")
_OF_SESSIONS = ("photo_number", "face_number", "undoes")
_UNSETTLED = ("reason", "late")
WHAT_SEALS_FACES = ("student", "clase", "fecha", "session", "turn")
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


def attendance_document(entry: Attendance, sealer: Sealer) -> dict[str, Any]:
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
    document |= {name: getattr(entry, name) for name in _UNSETTLED if getattr(entry, name)}
    face = entry.face
    if face is not None:
        plain = np.ascontiguousarray(face.vector, dtype="<f4").tobytes()
        vector, key = sealed_value(sealer.seal(of_student(entry.subject or 0), plain, seal_of(document)))
        document["face"] = {
            "vector": vector,
            **with_key(key),
            "pack": face.pack,
            "box": [float(value) for value in face.box],
            "score": face.score,
            "threshold": face.threshold,
            "template": Int64(face.template),
            "generation": face.generation,
            "photo": face.photo,
            **({} if face.liveness is None else {"liveness": asdict(face.liveness)}),
        }
    return document


def seal_of(document: Document) -> str:
    """What the face of an entry is sealed with, by the fields :data:`WHAT_SEALS_FACES`."""
    student, clase, fecha = (document[name] for name in WHAT_SEALS_FACES[:3])
    return face_seal(int(student), clase, fecha, int(document.get("session", 0)), int(document["turn"]))


def opened_vector(sealer: Sealer, document: Document) -> bytes | None:
    """The vector of an entry's face; None when it is being erased."""
    face = document["face"]
    return sealer.unseal(face["vector"], face.get("key"), "" if face.get("key") is None else seal_of(document))


def resealed_face(sealer: Sealer, document: Document, to_be: Document) -> dict[str, Any] | None:
    """The face of an entry, sealed as that of the entry that it is to be; None when it is being erased."""
    plain = opened_vector(sealer, document)
    if plain is None:
        return None
    vector, key = sealed_value(sealer.seal(of_student(int(to_be["student"])), plain, seal_of(to_be)))
    rest = {name: value for name, value in document["face"].items() if name != "key"}
    return {**rest, "vector": vector, **with_key(key)}


def attendances_of(documents: Iterable[Document], sealer: Sealer) -> list[StoredAttendance]:
    """The entries in documents."""
    found = list(documents)
    sealer.load(each["face"].get("key") for each in found if each.get("face") is not None)
    return [attendance_of(each, sealer) for each in found]


def attendance_of(document: Document, sealer: Sealer | None = None) -> StoredAttendance:
    """The entry in a document; without ``sealer`` without its face."""
    stored = document.get("face")
    face = None
    vector = None if stored is None or sealer is None else opened_vector(sealer, document)
    if stored is not None and vector is not None:
        values = {
            "vector": np.frombuffer(vector, dtype="<f4"),
            "box": tuple(stored["box"]),
            "template": int(stored["template"]),
            "liveness": SeenLiveness(**stored["liveness"]) if "liveness" in stored else None,
        }
        described = {name: value for name, value in stored.items() if name != "key"}
        face = SeenFace(**{**described, **values})
    fields = {name: document[name] for name in _ATTENDANCE}
    fields |= {name: int(document[name]) for name in ("session", *_OF_SESSIONS) if name in document}
    fields |= {name: document[name] for name in _UNSETTLED if name in document}
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
