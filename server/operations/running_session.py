"""Which session a film is of, when its sender does not say: the one that is running, or was last, or is next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date

from gallery.documents.class_sessions import ClassSession, SessionFilter, StoredSession
from presente.errors import Conflict, listed
from server.access.caller import Caller
from server.service import Service

_MOST = 500
"""Sessions of a day that are looked at."""


@dataclass(frozen=True, slots=True)
class _Meeting:
    """A meeting of today: a session, or one that the timetable says and no one has begun."""

    session: ClassSession
    stored: StoredSession | None


def running_session(service: Service, caller: Caller, begins: bool = True) -> StoredSession | None:
    """The open session of today that started last, of those that the caller has begun, else of those that the caller
    sees; else the next one. Where there is none, a meeting of the timetable becomes one.

    Without ``begins`` none is made: None for a meeting of the timetable.

    Raises:
        Conflict: ``no_session``; ``several_sessions`` of classes that meet at the same time.
    """
    today = service.clock.today()
    now = service.clock.local(service.clock.now()).strftime("%H:%M")
    of_day = service.gallery.store.sessions.sessions_after(SessionFilter(desde=today, hasta=today), None, _MOST)
    is_open = [_Meeting(each.session, each) for each in of_day if each.session.state == "open"]
    own = [each for each in is_open if each.session.made_by == caller.name]
    meetings = own or is_open or _by_timetable(service, caller, today, of_day)
    if not meetings:
        raise Conflict(
            "no_session",
            "No class of yours has an open session today, or a meeting by its timetable.",
            "Begin a session of the class, then send the film again.",
        )
    begun = [each for each in meetings if each.session.starts <= now]
    start = max(each.session.starts for each in begun) if begun else min(each.session.starts for each in meetings)
    chosen = [each for each in meetings if each.session.starts == start]
    if len(chosen) > 1:
        raise Conflict(
            "several_sessions",
            f"The classes {listed(each.session.clase for each in chosen)} meet at {start}.",
            "Send the film to one of them, on the page of its session.",
        )
    meeting = chosen[0]
    if meeting.stored is not None or not begins:
        return meeting.stored
    return service.session_log.begin(meeting.session)


def _by_timetable(service: Service, caller: Caller, today: str, of_day: list[StoredSession]) -> list[_Meeting]:
    """What the timetables say of today, without what was begun, and perhaps closed, already."""
    known = {(each.session.clase, each.session.starts) for each in of_day}
    at = service.clock.now().astimezone(UTC).isoformat(timespec="seconds")
    weekday = date.fromisoformat(today).isoweekday()
    return [
        _Meeting(
            ClassSession(
                clase=clase,
                fecha=today,
                starts=entry.starts,
                ends=entry.ends,
                late_after=entry.late_after,
                source="camera",
                state="open",
                note="",
                made_by=caller.name,
                at=at,
            ),
            None,
        )
        for clase, timetable in service.gallery.store.classes.timetables().items()
        for entry in timetable
        if entry.weekday == weekday and (clase, entry.starts) not in known
    ]
