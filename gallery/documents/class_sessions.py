"""The values of class sessions: the meetings of a class, the photos of an open one, and timetables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SessionSource = Literal["photos", "camera", "hand"]
"""How attendance of a session is mostly taken: photos that are sent, a camera that keeps running, or by hand."""

SessionState = Literal["open", "closed"]
"""``closed``: nothing is recorded in the session any more, and its photos are gone."""


@dataclass(frozen=True, slots=True)
class ClassSession:
    """One meeting of a class. No two sessions have the same class, date and start.

    Attributes:
        clase: the class.
        fecha: the date at the school, ISO.
        starts: when it starts, HH:MM at the school.
        ends: when it ends, HH:MM, later than ``starts``; None when that is not known.
        late_after: how many minutes after the start a student still is in time; None: no student is late.
        source: how attendance is mostly taken.
        state: whether attendance is still taken.
        note: a person's remark.
        made_by: the caller who made it, as the access log names callers.
        at: when it was made, UTC, ISO.
        request: the Idempotency-Key of the request that made it, or empty.
    """

    clase: str
    fecha: str
    starts: str
    ends: str | None
    late_after: int | None
    source: SessionSource
    state: SessionState
    note: str
    made_by: str
    at: str
    request: str = ""


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session and its id. Later sessions have greater ids."""

    id: int
    session: ClassSession


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """Which sessions are asked for: those that meet every condition that is not None. Dates are inclusive.

    ``clases``: those of one of these classes.
    """

    clase: str | None = None
    desde: str | None = None
    hasta: str | None = None
    state: SessionState | None = None
    clases: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class SessionPosition:
    """Where a session stands in the list of sessions, which is sorted by these fields, the greatest first."""

    fecha: str
    starts: str
    id: int


@dataclass(frozen=True, slots=True)
class SessionCounts:
    """How many sessions a class has had, and how many of them are open."""

    sessions: int = 0
    open: int = 0


Box = tuple[float, float, float, float]
"""x1, y1, x2, y2."""


@dataclass(frozen=True, slots=True)
class SessionFace:
    """A face of a session's photo, or of someone who appears in a film, as it was recorded.

    Attributes:
        box: in pixels of the upright photo; of a film, in pixels of the sheet of its faces: the best view.
        status: what was made of it: see :data:`gallery.attendance.class_photo.FaceStatus`.
        candidates: subject ids and scores of the people whom it resembles, best first.
        spans: of a film, from when to when the face was seen, in seconds of the film.
        views: of a film, when each view on the sheet is from, and its box there, the best first.
    """

    box: Box
    status: str
    candidates: tuple[tuple[int, float], ...] = ()
    spans: tuple[tuple[float, float], ...] = ()
    views: tuple[tuple[float, Box], ...] = ()


@dataclass(frozen=True, slots=True)
class SessionFilm:
    """What is known of a film beside its faces.

    Attributes:
        starts: when its first frame was taken, HH:MM:SS at the school.
        duration_s: seconds from its first to its last frame.
        raises: whose hand was raised from when to when: number of the face, counted from 1, and seconds of the film;
            None when hands were not looked for.
    """

    starts: str
    duration_s: float
    raises: tuple[tuple[int, float, float], ...] | None = None


@dataclass(frozen=True, slots=True)
class SessionPhoto:
    """A photo that was sent to a session, or a film.

    Attributes:
        session: id of the session.
        number: counted from 1 within the session.
        sha256: of the photo as it was sent. A photo that is sent again has the same number.
        at: when it was first sent, UTC, ISO.
        kept: whether a reduced copy is kept, which is so only while the session is open, and for a while.
        width: pixels of the upright photo as it was sent, to which boxes refer; 0 unless the photo is kept.
        height: likewise.
        faces: the faces, the largest first; none unless the photo is kept. Of a film, those who appear in it, in order
            of their first sight.
        film: of a film that is kept; its copy is a sheet of the faces' views, to which ``width`` and ``height`` refer.
    """

    session: int
    number: int
    sha256: str
    at: str
    kept: bool = False
    width: int = 0
    height: int = 0
    faces: tuple[SessionFace, ...] = ()
    film: SessionFilm | None = None


@dataclass(frozen=True, slots=True)
class PhotoNumber:
    """The number that a session gave to a photo.

    Attributes:
        number: counted from 1 within the session.
        at: when the photo was first sent, UTC, ISO.
        added: whether the number is new: the photo was not sent before.
    """

    number: int
    at: str
    added: bool


@dataclass(frozen=True, slots=True)
class TimetableEntry:
    """A weekly meeting of a class: the defaults of its sessions.

    Attributes:
        weekday: 1 (Monday) to 7 (Sunday).
        starts, ends, late_after: as for :class:`ClassSession`.
    """

    weekday: int
    starts: str
    ends: str | None = None
    late_after: int | None = None
