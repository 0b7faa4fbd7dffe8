"""Replies about sessions and classes: sessions, their rolls, and what a person's word changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta

from gallery.attendance.session_roll import RollLine, roll_counts
from gallery.documents.class_sessions import StoredSession
from presente.face_json import JsonObject
from server.operations.classes import ClassSummary
from server.operations.sessions import SessionRoll
from server.requests.cursors import cursor_of
from server.requests.sessions import ClassListParameters, MeetingJson, SessionListParameters
from server.responses.attendance import Date, WhyItWaits

RollStatusName = Literal["present", "late", "excused", "waiting", "absent"]
SessionId = Annotated[int, Meta(description="Id of the session; grows with time.")]
Counts = Annotated[dict[str, int], Meta(description="How many lines of the roll have each status.")]


class ClassSessionJson(JsonObject, frozen=True, kw_only=True):
    """A session: one meeting of a class."""

    id: SessionId
    clase: str
    fecha: Date
    starts: Annotated[str, Meta(description="HH:MM at the school.")]
    ends: Annotated[str | None, Meta(description="HH:MM; null: not known.")]
    late_after: Annotated[int | None, Meta(description="Minutes; null: no one is late.")]
    source: Literal["photos", "camera", "hand"]
    state: Literal["open", "closed"]
    note: str
    made_by: Annotated[str, Meta(description="The caller who made it, as the access log says; empty for a student.")]
    at: Annotated[str, Meta(description="When it was made, UTC.", extra_json_schema={"format": "date-time"})]


class RollLineJson(JsonObject, frozen=True, kw_only=True):
    """What holds for one student in a session."""

    matricula: str
    nombre_del_alumno: str
    status: Annotated[
        RollStatusName,
        Meta(description="waiting: a face may be the student. absent: nothing says that the student came."),
    ]
    since: Annotated[
        str | None,
        Meta(
            description="When that was recorded, UTC; null when nothing was.", extra_json_schema={"format": "date-time"}
        ),
    ]
    source: Annotated[Literal["photo", "hand", "takeover"] | None, Meta(description="A photo, or a person.")]
    entry: Annotated[int | None, Meta(description="Id of the entry by which it holds; undo takes it.")]
    photo: Annotated[int | None, Meta(description="Number of the session's photo that it is from.")]
    face: Annotated[int | None, Meta(description="Number of the face in that photo.")]
    score: Annotated[float | None, Meta(description="Of that face with the student; null when it is by hand.")]
    note: str
    reason: WhyItWaits


class ClassSessionReply(JsonObject, frozen=True, kw_only=True):
    """A session and its roll, one line per student, in order of matricula."""

    session: ClassSessionJson
    counts: Counts
    photos: Annotated[int, Meta(description="How many photos were sent to it.")]
    roll: list[RollLineJson]


class ClassSessionListReply(JsonObject, frozen=True, kw_only=True):
    """A page of sessions, the latest first."""

    sessions: list[ClassSessionJson]
    next_cursor: Annotated[str | None, Meta(description="Goes into cursor as it is; null on the last page.")]


class RollChangeReply(JsonObject, frozen=True, kw_only=True):
    """The lines of a roll that a request changed, and the counts of the whole roll."""

    session: SessionId
    counts: Counts
    roll: Annotated[list[RollLineJson], Meta(description="Only the lines that changed.")]


class ClassJson(JsonObject, frozen=True, kw_only=True):
    """A class."""

    clase: str
    students: Annotated[int, Meta(description="How many students it has.")]
    sessions: Annotated[int, Meta(description="How many sessions it has had.")]
    open_sessions: Annotated[int, Meta(description="How many of them are open.")]
    timetable: list[MeetingJson]


class ClassListReply(JsonObject, frozen=True, kw_only=True):
    """A page of classes, in order of name."""

    classes: list[ClassJson]
    next_cursor: Annotated[str | None, Meta(description="Goes into cursor as it is; null on the last page.")]


def session_json(stored: StoredSession, names_caller: bool = True) -> ClassSessionJson:
    """A session; without ``names_caller`` it is not said who made it."""
    session = stored.session
    return ClassSessionJson(
        id=stored.id,
        clase=session.clase,
        fecha=session.fecha,
        starts=session.starts,
        ends=session.ends,
        late_after=session.late_after,
        source=session.source,
        state=session.state,
        note=session.note,
        made_by=session.made_by if names_caller else "",
        at=session.at,
    )


def roll_line_json(line: RollLine) -> RollLineJson:
    """A line of a roll."""
    entry = line.stored.entry if line.stored else None
    return RollLineJson(
        matricula=line.student.matricula,
        nombre_del_alumno=line.student.nombre_del_alumno,
        status=line.status,
        since=entry.at if entry else None,
        source=entry.source if entry else None,
        entry=line.stored.id if line.stored else None,
        photo=(entry.photo_number or None) if entry else None,
        face=(entry.face_number or None) if entry else None,
        score=entry.face.score if entry and entry.face else None,
        note=entry.note if entry else "",
        reason=(entry.reason or None) if entry else None,
    )


def counts_json(lines: Sequence[RollLine]) -> dict[str, int]:
    """How many lines have each status."""
    return {str(status): count for status, count in roll_counts(lines).items()}


def session_reply(roll: SessionRoll, names_caller: bool = True) -> ClassSessionReply:
    """A session and its roll."""
    return ClassSessionReply(
        session=session_json(roll.stored, names_caller),
        counts=counts_json(roll.lines),
        photos=roll.photos,
        roll=[roll_line_json(line) for line in roll.lines],
    )


def roll_change_reply(roll: SessionRoll) -> RollChangeReply:
    """The lines of a roll that changed."""
    return RollChangeReply(
        session=roll.stored.id, counts=counts_json(roll.lines), roll=[roll_line_json(line) for line in roll.changed]
    )


def session_list_reply(
    found: Sequence[StoredSession], parameters: SessionListParameters, names_caller: bool = True
) -> ClassSessionListReply:
    """A page of at most ``limit`` sessions, of ``limit + 1`` that were looked for."""
    page = found[: parameters.limit]
    cursor = None
    if len(found) > parameters.limit:
        last = page[-1]
        cursor = cursor_of(parameters, last.session.fecha, last.session.starts, last.id)
    return ClassSessionListReply(sessions=[session_json(each, names_caller) for each in page], next_cursor=cursor)


def class_json(summary: ClassSummary) -> ClassJson:
    """A class."""
    return ClassJson(
        clase=summary.clase,
        students=summary.students,
        sessions=summary.counts.sessions,
        open_sessions=summary.counts.open,
        timetable=[_meeting(entry) for entry in summary.timetable],
    )


def _meeting(entry: Any) -> MeetingJson:
    return MeetingJson(weekday=entry.weekday, starts=entry.starts, ends=entry.ends, late_after=entry.late_after)


def class_list_reply(found: Sequence[ClassSummary], parameters: ClassListParameters) -> ClassListReply:
    """A page of at most ``limit`` classes, of ``limit + 1`` that were looked for."""
    page = found[: parameters.limit]
    more = len(found) > parameters.limit
    return ClassListReply(
        classes=[class_json(each) for each in page],
        next_cursor=cursor_of(parameters, page[-1].clase) if more else None,
    )
