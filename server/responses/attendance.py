"""Replies about attendance: what a class photo showed, entries, and the list of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from msgspec import UNSET, Meta, UnsetType

from faces.embedder import EmbeddedFace
from gallery.attendance.face_attendance import FaceAttendance
from gallery.documents.attendance import SeenFace, StoredAttendance
from gallery.documents.values import Student
from gallery.threshold.operating_point import OperatingPoint
from presente.face_json import (
    UNKNOWN,
    CandidateJson,
    Fpir,
    JsonObject,
    JudgedFaceJson,
    Rotated,
    candidate_json,
    judged_members,
)
from presente.liveness import LivenessPoint
from server.operations.attendance_lists import AttendanceLine, AttendancePage
from server.operations.class_photos import ClassPhotoResult
from server.requests.attendance import AttendanceListParameters
from server.requests.cursors import cursor_of
from server.responses.identification import HeldTo, HeldToSource, Hint, ReadingTimings, RequestId

FaceStatus = Literal["present", "waiting", "ambiguous", "off_roster", "duplicate", "unknown"]
EntryStatus = Literal["present", "late", "excused", "waiting", "ambiguous", "rejected", "withdrawn"]

Id = Annotated[int, Meta(description="Number of the entry; grows with time.")]
Matricula = Annotated[str | None, Meta(description="Null once the student was erased.")]
StudentName = Annotated[str | None, Meta(description="Null once the student was erased.")]
Date = Annotated[str, Meta(description="A date at the school.", extra_json_schema={"format": "date"})]
Source = Annotated[
    Literal["photo", "hand", "takeover"], Meta(description="A photo, a person, or an earlier system's database.")
]
Session = Annotated[
    int | None, Meta(description="Id of the session; null when the entry is about the class and the date alone.")
]
At = Annotated[str, Meta(description="When it was recorded, UTC.", extra_json_schema={"format": "date-time"})]
Seen = Meta(description="What a photo showed; null for entries made by hand.")

WhyItWaits = Annotated[
    Literal["not_live", "liveness_not_judged"] | None,
    Meta(
        description="Of a waiting entry: the face looks like a picture that is held up, or that could not be judged; "
        "null otherwise."
    ),
]
_REASONS: dict[str, Any] = {
    "ambiguous": "two_people_too_close",
    "off_roster": "not_in_this_class",
    "duplicate": "another_face_is_closer",
}


class SeenLivenessJson(JsonObject, frozen=True, kw_only=True):
    """Whether the face behind an entry was taken for a live person's."""

    score: Annotated[float | None, Meta(description="0 to 1, higher is more like a live person; null: not judged.")]
    decision: Literal["live", "attack", "not_judged"]
    pack: Annotated[str, Meta(description="Tag of the liveness pack.")]


SeenLiveOrNot = Annotated[
    SeenLivenessJson | None, Meta(description="Null for entries made by hand, and where liveness is off.")
]
_SEEN = ("score", "threshold", "box", "template", "pack", "generation", "photo")


class AttendanceTimings(ReadingTimings, frozen=True, kw_only=True):
    """Milliseconds that the stages of taking attendance took."""

    record: float


class EntryStateJson(JsonObject, frozen=True, kw_only=True):
    """An entry that holds for a student of a face."""

    id: Id
    status: EntryStatus
    reason: WhyItWaits


class ClassPhotoFaceJson(JudgedFaceJson, frozen=True, kw_only=True):
    """A face of a class photo, and what was made of it."""

    status: FaceStatus
    nombre: Annotated[str, Meta(description='"Desconocido" unless it is clear who it is.')]
    matricula: Annotated[str | None, Meta(description="Null unless it is clear who it is.")]
    score: Annotated[float | None, Meta(description="The best candidate's; null when there is none.")]
    fpir: Fpir
    reason: Annotated[
        Literal[
            "two_people_too_close",
            "not_in_this_class",
            "another_face_is_closer",
            "below_threshold",
            "empty_gallery",
            "told_apart",
            "not_live",
            "liveness_not_judged",
        ]
        | None,
        Meta(description="Why the face is not present."),
    ]
    recorded: Annotated[bool, Meta(description="Whether this request made the first of the entries.")]
    entries: Annotated[list[EntryStateJson], Meta(description="What holds for the students whom it may be.")]
    candidates: list[CandidateJson]


class ClassPhotoReply(JsonObject, frozen=True, kw_only=True):
    """The faces of a class photo, largest first."""

    request_id: RequestId
    clase: str
    fecha: Date
    threshold: HeldTo
    threshold_source: HeldToSource
    generation: Annotated[int, Meta(description="The published index generation of that moment.")]
    counts: Annotated[dict[str, int], Meta(description="How many faces have each status.")]
    hint: Hint
    rotated: Rotated
    faces: list[ClassPhotoFaceJson]
    timings_ms: AttendanceTimings


class AttendanceEntryJson(JsonObject, frozen=True, kw_only=True):
    """An attendance entry with all that explains it."""

    id: Id
    matricula: Matricula
    nombre_del_alumno: StudentName
    clase: str
    fecha: Date
    session: Session
    status: EntryStatus
    reason: WhyItWaits
    source: Source
    at: At
    note: Annotated[str, Meta(description="A person's remark.")]
    score: Annotated[float | None, Seen]
    threshold: Annotated[float | None, Seen]
    box: Annotated[list[float] | None, Seen]
    template: Annotated[int | None, Meta(description="The student's template that was nearest.")]
    pack: Annotated[str | None, Meta(description="The pack that made the template.")]
    generation: Annotated[int | None, Seen]
    photo: Annotated[str | None, Meta(description="SHA-256 of the photo.")]
    liveness: SeenLiveOrNot


class AttendanceLineJson(JsonObject, frozen=True, kw_only=True):
    """A line of the attendance list: an entry, or a student who was not seen, of whom only the first six are known."""

    id: Annotated[int | None, Meta(description="Null for a student who is absent.")]
    matricula: Matricula
    nombre_del_alumno: StudentName
    clase: str
    fecha: Date
    status: Literal["present", "late", "excused", "waiting", "ambiguous", "rejected", "withdrawn", "absent"]
    reason: WhyItWaits | UnsetType = UNSET
    session: Session | UnsetType = UNSET
    source: Source | UnsetType = UNSET
    at: At | UnsetType = UNSET
    note: str | UnsetType = UNSET
    score: float | UnsetType | None = UNSET
    threshold: float | UnsetType | None = UNSET
    box: list[float] | UnsetType | None = UNSET
    template: int | UnsetType | None = UNSET
    pack: str | UnsetType | None = UNSET
    generation: int | UnsetType | None = UNSET
    photo: str | UnsetType | None = UNSET
    liveness: SeenLiveOrNot | UnsetType = UNSET


class AttendanceListReply(JsonObject, frozen=True, kw_only=True):
    """A page of the attendance list."""

    attendance: list[AttendanceLineJson]
    present: Annotated[int, Meta(description="Lines of the whole list that say present or late.")]
    next_cursor: Annotated[str | None, Meta(description="Goes into cursor as it is; null on the last page.")]


class ResolvedReply(JsonObject, frozen=True, kw_only=True):
    """The entries that hold after a person settled one, that one first."""

    entries: list[AttendanceEntryJson]


def class_photo_reply(request_id: str, taken: ClassPhotoResult) -> ClassPhotoReply:
    """A class photo's faces and what was made of each."""
    statuses = [attendance.status for _, attendance in taken.faces]
    return ClassPhotoReply(
        request_id=request_id,
        clase=taken.class_photo.clase,
        fecha=taken.class_photo.fecha,
        threshold=taken.class_photo.threshold,
        threshold_source=taken.operating_point.source,
        generation=taken.generation,
        counts={status: statuses.count(status) for status in sorted(set(statuses))},
        hint=taken.hint,
        rotated=cast("Rotated", taken.rotated),
        faces=[
            class_photo_face_json(face, attendance, taken.operating_point, taken.live_from)
            for face, attendance in taken.faces
        ],
        timings_ms=AttendanceTimings(**taken.timings_ms),
    )


def class_photo_face_json(
    face: EmbeddedFace, attendance: FaceAttendance, operating_point: OperatingPoint, live_from: LivenessPoint | None
) -> ClassPhotoFaceJson:
    """A face of a class photo, and what was made of it."""
    student = attendance.student
    score = attendance.candidates[0].score if attendance.candidates else None
    unknown = "below_threshold" if attendance.candidates or attendance.unnamed else "empty_gallery"
    unknown = "told_apart" if attendance.told_apart else unknown
    why = unknown if attendance.status == "unknown" else attendance.reason or _REASONS.get(attendance.status)
    return ClassPhotoFaceJson(
        **judged_members(face, live_from),
        status=attendance.status,
        nombre=student.nombre_del_alumno if student else UNKNOWN,
        matricula=student.matricula if student else None,
        score=score,
        fpir=operating_point.fpir(score),
        reason=why,  # type: ignore[arg-type]
        recorded=attendance.recorded,
        entries=[entry_state_json(stored) for stored in attendance.entries],
        candidates=[candidate_json(candidate, operating_point) for candidate in attendance.candidates],
    )


def entry_state_json(stored: StoredAttendance) -> EntryStateJson:
    """An entry that holds for a student of a face."""
    return EntryStateJson(id=stored.id, status=stored.entry.status, reason=stored.entry.reason or None)


def entry_json(stored: StoredAttendance, student: Student | None) -> AttendanceEntryJson:
    """An attendance entry with all that explains it."""
    return AttendanceEntryJson(**_entry_members(stored, student))


def attendance_line_json(line: AttendanceLine) -> AttendanceLineJson:
    """A line of the attendance list."""
    if line.stored is not None:
        return AttendanceLineJson(**_entry_members(line.stored, line.student))
    student = line.student
    return AttendanceLineJson(
        id=None,
        matricula=student.matricula if student else None,
        nombre_del_alumno=student.nombre_del_alumno if student else None,
        clase=line.clase,
        fecha=line.fecha,
        status=line.status,
    )


def _entry_members(stored: StoredAttendance, student: Student | None) -> dict[str, Any]:
    entry, face = stored.entry, stored.entry.face
    seen = dict.fromkeys(_SEEN) if face is None else {name: getattr(face, name) for name in _SEEN}
    return {
        "id": stored.id,
        "matricula": student.matricula if student else None,
        "nombre_del_alumno": student.nombre_del_alumno if student else None,
        "clase": entry.clase,
        "fecha": entry.fecha,
        "session": entry.session or None,
        "status": entry.status,
        "reason": entry.reason or None,
        "source": entry.source,
        "at": entry.at,
        "note": entry.note,
        "liveness": _seen_liveness(face),
        **seen,
    }


def _seen_liveness(face: SeenFace | None) -> SeenLivenessJson | None:
    if face is None or face.liveness is None:
        return None
    seen = face.liveness
    return SeenLivenessJson(
        score=None if seen.score is None else round(seen.score, 4), decision=seen.decision, pack=seen.pack
    )


def attendance_list_reply(page: AttendancePage, parameters: AttendanceListParameters) -> AttendanceListReply:
    """A page of the attendance list."""
    return AttendanceListReply(
        attendance=[attendance_line_json(line) for line in page.lines],
        present=page.present,
        next_cursor=None if page.next is None else cursor_of(parameters, *page.next.sort_key),
    )


def resolved_reply(settled: list[tuple[StoredAttendance, Student | None]]) -> ResolvedReply:
    """The entries that hold after one was settled."""
    return ResolvedReply(entries=[entry_json(stored, student) for stored, student in settled])
