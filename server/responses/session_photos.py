"""Replies about the photos of sessions: what they recorded, and what holds of their faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, cast

from msgspec import UNSET, Meta

from gallery.documents.class_sessions import SessionFace, SessionFilm
from presente.face_json import UNKNOWN, JsonObject, Rotated
from server.operations.session_films import ShownRaise
from server.operations.session_photos import SessionPhotosResult, ShownFace, ShownPhoto
from server.responses.attendance import (
    AttendanceTimings,
    ClassPhotoFaceJson,
    EntryStatus,
    FaceStatus,
    WhyItWaits,
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
    reason: WhyItWaits


Seconds = Annotated[float, Meta(description="Seconds of the film.")]
Box = Annotated[list[float], Meta(description="x1, y1, x2, y2 in pixels of the picture: see width, height.")]


class FilmViewJson(JsonObject, frozen=True, kw_only=True):
    """A view of a face in a film."""

    at_s: Seconds
    box: Box


class FilmRaiseJson(JsonObject, frozen=True, kw_only=True):
    """A hand that was raised."""

    from_s: Seconds
    to_s: Seconds
    participation: Annotated[int | None, Meta(description="Id of the participation that counts; null: none does.")]


class FilmFaceJson(JsonObject, frozen=True, kw_only=True):
    """When someone appears in a film."""

    first_s: Seconds
    last_s: Seconds
    spans: Annotated[list[list[float]], Meta(description="From when to when the face was seen, in seconds.")]
    views: Annotated[list[FilmViewJson], Meta(description="The best views, which the picture has; the best first.")]
    raises: Annotated[list[FilmRaiseJson], Meta(description="Hands that were raised.")]


class FilmJson(JsonObject, frozen=True, kw_only=True):
    """A film: its picture has views of those who appear in it."""

    starts: Annotated[str, Meta(description="When its first frame was taken, HH:MM:SS at the school.")]
    duration_s: Seconds
    hands: Annotated[bool, Meta(description="Whether raised hands were looked for.")]


class ShownFaceJson(JsonObject, frozen=True, kw_only=True):
    """A face of a kept photo or film, as it stands now."""

    number: Annotated[int, Meta(description="Counted from 1.")]
    box: Annotated[list[float], Meta(description="x1, y1, x2, y2 in pixels of the upright photo: see width, height.")]
    status: FaceStatus
    nombre: Annotated[str, Meta(description='"Desconocido" unless it is clear who it is.')]
    matricula: Annotated[str | None, Meta(description="Null unless it is clear who it is.")]
    candidates: Annotated[list[CandidateOfFaceJson], Meta(description="Best first, of those whom you may see.")]
    entries: Annotated[list[EntryOfFaceJson], Meta(description="What holds because of this face.")]
    film: Annotated[FilmFaceJson | None, Meta(description="Of a film; null of a photo.")]


class ShownPhotoJson(JsonObject, frozen=True, kw_only=True):
    """A photo of a session, or a film; without faces once its copy is gone."""

    number: Number
    at: Annotated[str, Meta(description="When it was first sent, UTC.", extra_json_schema={"format": "date-time"})]
    kept: Kept
    width: Annotated[int, Meta(description="Of the photo as it was sent, upright, to which boxes refer; 0 when gone.")]
    height: int
    undone: Annotated[bool, Meta(description="Whether it recorded something, and all of that was taken back.")]
    film: Annotated[FilmJson | None, Meta(description="Of a film that is kept; null of a photo.")]
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
                    class_photo_face_json(face, attendance, taken.operating_point, taken.live_from)
                    for face, attendance in photo.faces
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


def session_photo_list_reply(
    found: Sequence[tuple[ShownPhoto, Mapping[int, Sequence[ShownRaise]]]],
) -> SessionPhotoListReply:
    """The photos and films of a session, each with the raised hands by number of the face."""
    return SessionPhotoListReply(
        photos=[
            ShownPhotoJson(
                number=shown.photo.number,
                at=shown.photo.at,
                kept=shown.photo.kept,
                width=shown.photo.width,
                height=shown.photo.height,
                undone=shown.undone,
                film=_film(shown.photo.film),
                faces=[
                    _face(number, face, None if shown.photo.film is None else raises.get(number, ()))
                    for number, face in enumerate(shown.faces, start=1)
                ],
            )
            for shown, raises in found
        ]
    )


def _film(film: SessionFilm | None) -> FilmJson | None:
    if film is None:
        return None
    return FilmJson(starts=film.starts, duration_s=round(film.duration_s, 2), hands=film.raises is not None)


def _in_film(face: SessionFace, raises: Sequence[ShownRaise]) -> FilmFaceJson:
    return FilmFaceJson(
        first_s=round(face.spans[0][0], 2),
        last_s=round(face.spans[-1][1], 2),
        spans=[[round(start, 2), round(end, 2)] for start, end in face.spans],
        views=[FilmViewJson(at_s=round(at_s, 2), box=list(box)) for at_s, box in face.views],
        raises=[
            FilmRaiseJson(from_s=round(each.from_s, 2), to_s=round(each.to_s, 2), participation=each.participation)
            for each in raises
        ],
    )


def _face(number: int, shown: ShownFace, raises: Sequence[ShownRaise] | None) -> ShownFaceJson:
    """A face; ``raises`` are those of a face in a film, None for one in a photo."""
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
                id=stored.id,
                matricula=student.matricula,
                status=stored.entry.status,
                source=stored.entry.source,
                reason=stored.entry.reason or None,
            )
            for stored, student in shown.entries
        ],
        film=None if raises is None else _in_film(shown.face, raises),
    )
