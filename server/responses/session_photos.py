"""Replies about the photos of sessions: what they recorded, and what holds of their faces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, cast

from msgspec import UNSET, Meta

from presente.face_json import UNKNOWN, JsonObject, Rotated
from server.operations.session_photos import SessionPhotosResult, ShownFace, ShownPhoto
from server.responses.attendance import (
    AttendanceTimings,
    ClassPhotoFaceJson,
    EntryStatus,
    FaceStatus,
    class_photo_face_json,
)
from server.responses.identification import HeldTo, HeldToSource, Hint, Look, RequestId
from server.responses.sessions import Counts, RollLineJson, SessionId, counts_json, roll_line_json

Number = Annotated[int, Meta(description="Number of the photo within the session; of one sent again, the same.")]
Kept = Annotated[
    bool,
    Meta(description="Whether a reduced copy is kept; it goes when the session is closed, after 48 hours at most."),
]


class SessionTimings(AttendanceTimings, frozen=True, kw_only=True):
    """Milliseconds that the stages took, of all photos together."""

    copy: Look = UNSET


class RecordedPhotoJson(JsonObject, frozen=True, kw_only=True):
    """A photo and its faces, largest first; their places, counted from 1, are their numbers."""

    number: Annotated[
        int | None,
        Meta(description="Of the photo within the session; of one sent again, the same. Null: a frame without a face."),
    ]
    repeated: Annotated[
        bool,
        Meta(description="Whether the session had this photo already: sent by another request, or twice by this one."),
    ]
    kept: Kept
    rotated: Rotated
    counts: Annotated[dict[str, int], Meta(description="How many faces have each status.")]
    faces: list[ClassPhotoFaceJson]


class SessionPhotosReply(JsonObject, frozen=True, kw_only=True):
    """What photos recorded in a session."""

    request_id: RequestId
    session: SessionId
    threshold: HeldTo
    threshold_source: HeldToSource
    generation: Annotated[int, Meta(description="The published index generation of that moment.")]
    hint: Hint
    photos: list[RecordedPhotoJson]
    counts: Counts
    roll: Annotated[list[RollLineJson], Meta(description="Only the lines that changed.")]
    timings_ms: SessionTimings


class CandidateOfFaceJson(JsonObject, frozen=True, kw_only=True):
    """A student whom a face resembles."""

    matricula: str
    nombre_del_alumno: str
    score: float


class EntryOfFaceJson(JsonObject, frozen=True, kw_only=True):
    """A statement that holds for a student because of a face."""

    id: int
    matricula: str
    status: EntryStatus
    source: Literal["photo", "hand", "takeover"]


class ShownFaceJson(JsonObject, frozen=True, kw_only=True):
    """A face of a kept photo, as it stands now."""

    number: Annotated[int, Meta(description="Counted from 1.")]
    box: Annotated[list[float], Meta(description="x1, y1, x2, y2 in pixels of the upright photo: see width, height.")]
    status: FaceStatus
    nombre: Annotated[str, Meta(description='"Desconocido" unless it is clear who it is.')]
    matricula: Annotated[str | None, Meta(description="Null unless it is clear who it is.")]
    candidates: Annotated[list[CandidateOfFaceJson], Meta(description="Best first, of those whom you may see.")]
    entries: Annotated[list[EntryOfFaceJson], Meta(description="What holds because of this face.")]


class ShownPhotoJson(JsonObject, frozen=True, kw_only=True):
    """A photo of a session; without faces once its copy is gone."""

    number: Number
    at: Annotated[str, Meta(description="When it was first sent, UTC.", extra_json_schema={"format": "date-time"})]
    kept: Kept
    width: Annotated[int, Meta(description="Of the photo as it was sent, upright, to which boxes refer; 0 when gone.")]
    height: int
    undone: Annotated[bool, Meta(description="Whether it recorded something, and all of that was taken back.")]
    faces: list[ShownFaceJson]


class SessionPhotoListReply(JsonObject, frozen=True, kw_only=True):
    """The photos of a session, in order of number."""

    photos: list[ShownPhotoJson]


def session_photos_reply(request_id: str, taken: SessionPhotosResult) -> SessionPhotosReply:
    """What photos recorded in a session."""
    photos = []
    for photo in taken.photos:
        statuses = [attendance.status for _, attendance in photo.faces]
        photos.append(
            RecordedPhotoJson(
                number=photo.number,
                repeated=photo.repeated,
                kept=photo.kept,
                rotated=cast("Rotated", photo.rotated),
                counts={status: statuses.count(status) for status in sorted(set(statuses))},
                faces=[
                    class_photo_face_json(face, attendance, taken.operating_point) for face, attendance in photo.faces
                ],
            )
        )
    return SessionPhotosReply(
        request_id=request_id,
        session=taken.stored.id,
        threshold=taken.operating_point.threshold,
        threshold_source=taken.operating_point.source,
        generation=taken.generation,
        hint=taken.hint,
        photos=photos,
        counts=counts_json(taken.lines),
        roll=[roll_line_json(line) for line in taken.changed],
        timings_ms=SessionTimings(**taken.timings_ms),
    )


def session_photo_list_reply(found: Sequence[ShownPhoto]) -> SessionPhotoListReply:
    """The photos of a session."""
    return SessionPhotoListReply(
        photos=[
            ShownPhotoJson(
                number=shown.photo.number,
                at=shown.photo.at,
                kept=shown.photo.kept,
                width=shown.photo.width,
                height=shown.photo.height,
                undone=shown.undone,
                faces=[_face(number, face) for number, face in enumerate(shown.faces, start=1)],
            )
            for shown in found
        ]
    )


def _face(number: int, shown: ShownFace) -> ShownFaceJson:
    return ShownFaceJson(
        number=number,
        box=list(shown.face.box),
        status=cast("FaceStatus", shown.status),
        nombre=shown.student.nombre_del_alumno if shown.student else UNKNOWN,
        matricula=shown.student.matricula if shown.student else None,
        candidates=[
            CandidateOfFaceJson(
                matricula=student.matricula, nombre_del_alumno=student.nombre_del_alumno, score=round(score, 4)
            )
            for student, score in shown.candidates
        ],
        entries=[
            EntryOfFaceJson(
                id=stored.id, matricula=student.matricula, status=stored.entry.status, source=stored.entry.source
            )
            for stored, student in shown.entries
        ],
    )
