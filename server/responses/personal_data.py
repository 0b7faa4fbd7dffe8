"""The reply with everything that is held about a student."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

from msgspec import Meta

from gallery.documents.access_log import AccessLine
from gallery.documents.attendance import StoredAttendance, StoredParticipation
from gallery.documents.values import DescribedPhoto
from presente.face_json import JsonObject
from server.operations.personal_data import PersonalData
from server.responses.negatives import NegativeJson, negative_json
from server.responses.students import ConsentJson, StudentJson, consent_json, student_json


class HeldFaceJson(JsonObject, frozen=True, kw_only=True):
    """The face of a photo, as it was measured when the template was made."""

    box: Annotated[list[float], Meta(description="x1, y1, x2, y2 in pixels.")]
    quality: dict[str, float]


class HeldPhotoJson(JsonObject, frozen=True, kw_only=True):
    """A stored photo. Its bytes are in the archive (format=zip)."""

    sha256: str
    media_type: str
    bytes: int
    source: Annotated[str, Meta(description="Where it came from.")]
    face: Annotated[HeldFaceJson | None, Meta(description="Null: there is no template of it.")]


class HeldTemplatesJson(JsonObject, frozen=True, kw_only=True):
    """The numbers that faces are compared by: one list of numbers per photo."""

    count: int
    pack: Annotated[str, Meta(description="The models that made them.")]
    numbers: Annotated[int, Meta(description="Numbers of each.")]


class HeldLivenessJson(JsonObject, frozen=True, kw_only=True):
    """Whether a face was taken for a live person's."""

    score: float | None
    decision: str
    pack: Annotated[str, Meta(description="The models that decided it.")]


class HeldEntryJson(JsonObject, frozen=True, kw_only=True):
    """A statement about attendance."""

    id: int
    clase: str
    fecha: str
    session: Annotated[int, Meta(description="0: about class and date alone.")]
    status: str
    source: str
    at: str
    note: str
    has_face: Annotated[bool, Meta(description="Whether the face is kept that it was made from.")]
    score: Annotated[float | None, Meta(description="How alike that face and the student's photos were.")]
    reason: Annotated[str, Meta(description="Why a waiting entry waits; empty otherwise.")]
    liveness: Annotated[
        HeldLivenessJson | None, Meta(description="Whether that face was taken for a live person's; null: not asked.")
    ]


class HeldParticipationJson(JsonObject, frozen=True, kw_only=True):
    """A participation, or that an earlier one does not count."""

    id: int
    clase: str
    fecha: str
    kind: str
    note: str
    at: str
    withdraws: int | None


class HeldSessionJson(JsonObject, frozen=True, kw_only=True):
    """A session that an entry is of."""

    id: int
    clase: str
    fecha: str
    starts: str


class HeldFindingJson(JsonObject, frozen=True, kw_only=True):
    """What the last audit found about the student; whom else it is about is left out."""

    kind: str
    severity: str
    why: str


class HeldLineJson(JsonObject, frozen=True, kw_only=True):
    """Who did what about the student, and when."""

    number: int
    at: str
    quien: str
    role: str
    accion: str
    outcome: str
    detail: str


class PersonalDataReply(JsonObject, frozen=True, kw_only=True):
    """Everything that is held about a student."""

    matricula: str
    student: StudentJson
    earlier_consents: Annotated[list[ConsentJson], Meta(description="The oldest first.")]
    photos: list[HeldPhotoJson]
    templates: HeldTemplatesJson
    attendance: list[HeldEntryJson]
    participations: list[HeldParticipationJson]
    sessions: list[HeldSessionJson]
    session_photos: Annotated[int, Meta(description="Copies of photos of open sessions that may show the student.")]
    unknown_faces: Annotated[int, Meta(description="Faces of unknown people that resemble the student.")]
    accounts: list[str]
    keys: list[str]
    findings: list[HeldFindingJson]
    negatives: Annotated[
        list[NegativeJson], Meta(description="Faces of others that were taken for the student, as a person said.")
    ]
    access_log: list[HeldLineJson]


def personal_data_reply(data: PersonalData) -> PersonalDataReply:
    """Everything that is held about a student."""
    student = data.stored.student
    consent = student.consentimiento
    return PersonalDataReply(
        matricula=student.matricula,
        student=student_json(data.stored),
        earlier_consents=[] if consent is None else [consent_json(each) for each in consent.anteriores],
        photos=[_photo(each) for each in data.photos],
        templates=HeldTemplatesJson(count=data.stored.templates, pack=data.pack, numbers=data.dim),
        attendance=[_entry(each) for each in data.attendance],
        participations=[_participation(each) for each in data.participations],
        sessions=[
            HeldSessionJson(id=each.id, **_named(each.session, ("clase", "fecha", "starts"))) for each in data.sessions
        ],
        session_photos=data.session_photos,
        unknown_faces=data.unknown_faces,
        accounts=[each.name for each in data.accounts],
        keys=[each.name for each in data.keys],
        findings=[HeldFindingJson(**_named(each, ("kind", "severity", "why"))) for each in data.findings],
        negatives=[negative_json(each) for each in data.negatives],
        access_log=[_line(each) for each in data.lines],
    )


def _named(value: object, names: tuple[str, ...]) -> Mapping[str, Any]:
    return {name: getattr(value, name) for name in names}


def _photo(photo: DescribedPhoto) -> HeldPhotoJson:
    face = None if photo.box is None else HeldFaceJson(box=list(photo.box), quality=dict(photo.quality))
    return HeldPhotoJson(
        sha256=photo.sha256, media_type=photo.media_type, bytes=photo.size, source=photo.source, face=face
    )


def _entry(stored: StoredAttendance) -> HeldEntryJson:
    face = stored.entry.face
    return HeldEntryJson(
        id=stored.id,
        has_face=face is not None,
        score=None if face is None else round(float(face.score), 4),
        liveness=None if face is None or face.liveness is None else HeldLivenessJson(**asdict(face.liveness)),
        **_named(stored.entry, ("clase", "fecha", "session", "status", "source", "at", "note", "reason")),
    )


def _participation(stored: StoredParticipation) -> HeldParticipationJson:
    names = "clase", "fecha", "kind", "note", "at", "withdraws"
    return HeldParticipationJson(id=stored.id, **_named(stored.entry, names))


def _line(line: AccessLine) -> HeldLineJson:
    event = line.event
    return HeldLineJson(
        number=line.number,
        at=event.at,
        quien=event.caller,
        role=event.role,
        accion=str(event.action),
        outcome=event.outcome,
        detail=event.detail,
    )
