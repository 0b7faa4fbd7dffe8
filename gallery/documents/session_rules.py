"""What makes a session valid, whether a student is late, and what an undo brings back. Pure: no store."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from gallery.documents.attendance import StoredAttendance
from gallery.documents.class_sessions import (
    Box,
    ClassSession,
    SessionFace,
    SessionFilm,
    SessionPhoto,
    StoredSession,
    TimetableEntry,
)
from presente.errors import Conflict, InvalidInput, NotFound, shown

_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
MOST_LATE_AFTER = 24 * 60
"""Minutes after the start up to which a student may be in time."""


def check_times(starts: str, ends: str | None) -> None:
    """Check the times of a session or of a timetable's entry.

    Raises:
        InvalidInput: ``invalid_times``.
    """
    for name, value in (("starts", starts), ("ends", ends)):
        if value is not None and not _TIME.fullmatch(value):
            raise InvalidInput("invalid_times", f"{name} is {shown(value)}.", "It must be a time like 08:30.")
    if ends is not None and ends <= starts:
        raise InvalidInput(
            "invalid_times", f"ends is {ends}, and starts is {starts}.", "A session ends after it starts, that day."
        )


def is_late(session: ClassSession, local: datetime) -> bool:
    """Whether a student who is first seen at a moment of the school's time is late.

    After the session, on its day or later, a photo does not say when it was taken: no student of it is late then.
    """
    today, now = local.date().isoformat(), local.strftime("%H:%M")
    if session.late_after is None or session.fecha != today or (session.ends is not None and now > session.ends):
        return False
    return _minutes(now) > _minutes(session.starts) + session.late_after


def is_late_in_film(session: ClassSession, first_seen: datetime) -> bool:
    """Whether a student whom a film first shows at a moment of the school's time (without offset) is late: to the
    second, also after the session's end and after midnight, because a film says when it was taken."""
    if session.late_after is None:
        return False
    starts = datetime.fromisoformat(f"{session.fecha} {session.starts}")
    return first_seen.replace(microsecond=0) > starts + timedelta(minutes=session.late_after)


def entry_for(timetable: Sequence[TimetableEntry], weekday: int, now: str, starts: str = "") -> TimetableEntry | None:
    """The meeting of a timetable that a new session is: the one that starts at ``starts``; without ``starts`` the one
    whose start is nearest to ``now`` on that weekday. None when there is none."""
    of_day = [entry for entry in timetable if entry.weekday == weekday]
    if starts:
        return next((entry for entry in of_day if entry.starts == starts), None)
    return min(of_day, key=lambda entry: abs(_minutes(entry.starts) - _minutes(now)), default=None)


def _minutes(time: str) -> int:
    return int(time[:2]) * 60 + int(time[3:])


def standing(entries: Iterable[StoredAttendance]) -> list[StoredAttendance]:
    """What was said of one student in one session and was not taken back, in order of revision; undoing is no saying.

    The last of them holds.
    """
    ordered = sorted(entries, key=lambda stored: stored.entry.revision)
    undone = {stored.entry.undoes for stored in ordered}
    return [stored for stored in ordered if stored.entry.undoes is None and stored.id not in undone]


def faces_to_json(photo: SessionPhoto) -> str:
    """The faces of a photo as a text; of a film with what else is known of it."""
    film = photo.film
    if film is None:
        return json.dumps([[face.box, face.status, face.candidates] for face in photo.faces])
    faces = [[face.box, face.status, face.candidates, face.spans, face.views] for face in photo.faces]
    return json.dumps({"faces": faces, "starts": film.starts, "duration_s": film.duration_s, "raises": film.raises})


def with_faces(photo: SessionPhoto, text: str | None) -> SessionPhoto:
    """A photo with the faces that :func:`faces_to_json` made a text of; without any when there is no text."""
    read = json.loads(text or "[]")
    if isinstance(read, list):
        return replace(photo, faces=tuple(_face(*each) for each in read))
    raises = None if read["raises"] is None else tuple((face, start, end) for face, start, end in read["raises"])
    film = SessionFilm(read["starts"], read["duration_s"], raises)
    return replace(photo, faces=tuple(_face(*each) for each in read["faces"]), film=film)


def _face(
    box: Sequence[float],
    status: str,
    candidates: Iterable[Sequence[float]],
    spans: Iterable[Sequence[float]] = (),
    views: Iterable[tuple[float, Sequence[float]]] = (),
) -> SessionFace:
    return SessionFace(
        _box(box),
        status,
        tuple((int(subject), float(score)) for subject, score in candidates),
        tuple((start, end) for start, end in spans),
        tuple((at_s, _box(seen)) for at_s, seen in views),
    )


def _box(sides: Sequence[float]) -> Box:
    x1, y1, x2, y2 = sides
    return x1, y1, x2, y2


def check_open(stored: StoredSession | None, number: int) -> StoredSession:
    """Refuse a session that is not there, or in which nothing is recorded any more; the session.

    Raises:
        NotFound: ``session_not_found``.
        Conflict: ``session_closed``.
    """
    if stored is None:
        raise session_not_found(number)
    if stored.session.state != "open":
        raise session_closed(number)
    return stored


def session_exists(stored: StoredSession) -> Conflict:
    """The error of making a session where there is one."""
    session = stored.session
    return Conflict(
        "session_exists",
        f"Class {shown(session.clase)} has session {stored.id} on {session.fecha} at {session.starts}.",
        f"Go on with /v1/sessions/{stored.id}, or choose another start.",
    )


def session_closed(number: int) -> Conflict:
    """The error of recording in a session that is closed."""
    return Conflict("session_closed", f"Session {number} is closed.", 'Open it again: PATCH {"state": "open"}.')


def session_not_found(number: int) -> NotFound:
    """The error of naming a session that does not exist."""
    return NotFound("session_not_found", f"There is no session {number}.", "Take its id from the list.")
