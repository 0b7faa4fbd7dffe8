"""Participations by a raised hand: one per student and moment of a session, whatever recorded it, and moved when a face
turns out to be someone else's.

The participation's ``request`` says by which photo and face (of a film, or of a camera's frame) it is, whose, and at
which second of the session's day. Raises of one student at about the same time are one, also of two recordings, and of
one that is read again and shows its faces in another order.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from gallery.documents.attendance import EntryFilter, Participation, StoredParticipation
from gallery.documents.attendance_rules import ATTENDED, latest
from gallery.documents.class_sessions import StoredSession
from presente.errors import NotFound
from server.service import Service

RAISED_HAND = "raised_hand"
"""The ``kind`` of these participations."""
_TAKEN_BACK = "film"
"""The note of one that does not count because of what is said of its face or its student, and not by a person's word
about itself."""
_UNDONE = "film undone"
"""The note of one that was taken back with its photo."""
_SAME_S = 2.0
"""Raises of one student that are nearer in time are one."""
_REQUEST = re.compile(r"raise ([0-9]+) ([0-9]+) ([0-9]+) [0-9]+ ([0-9]+)(?: [0-9]+)?")


@dataclass(frozen=True, slots=True)
class Raise:
    """A raised hand.

    Attributes:
        photo, face: numbers of the film, or of the frame, and of the face in it.
        subject: whose, by subject id.
        at_s: seconds since the session's day began.
    """

    photo: int
    face: int
    subject: int
    at_s: float


@dataclass(frozen=True, slots=True)
class RecordedRaise:
    """A participation by a raised hand, counted or not.

    Attributes:
        stored: the participation.
        raised: what it says.
        withdrawn: the note of the statement that it does not count; None when it counts.
    """

    stored: StoredParticipation
    raised: Raise
    withdrawn: str | None

    @property
    def is_undone(self) -> bool:
        """Whether it was taken back with its photo."""
        return self.withdrawn == _UNDONE


def is_same(at_s: float, other_s: float) -> bool:
    """Whether two moments at which one student's hand goes up are one."""
    return abs(at_s - other_s) < _SAME_S


def seconds_of_day(service: Service, stored: StoredSession, moment: datetime) -> float:
    """Seconds from the beginning of a session's day to a moment, which may be of the next day."""
    return (moment - service.clock.start_of(stored.session.fecha)).total_seconds()


def start_of_film(service: Service, stored: StoredSession, starts: str) -> float:
    """The same of a film that starts at HH:MM:SS."""
    return seconds_of_day(service, stored, service.clock.moment(stored.session.fecha, time.fromisoformat(starts)))


def recorded_raises(service: Service, stored: StoredSession) -> list[RecordedRaise]:
    """All participations by raised hands that films and cameras recorded in a session, in order of id."""
    session = stored.session
    said = service.attendance_log.store.participations(EntryFilter(session.clase, session.fecha, session.fecha))
    withdrawn = {one.entry.withdraws: one.entry.note for one in said if one.entry.withdraws is not None}
    found = []
    for one in sorted(said, key=lambda each: each.id):
        read = _REQUEST.fullmatch(one.entry.request)
        if read and int(read[1]) == stored.id and one.entry.withdraws is None and one.entry.subject is not None:
            raised = Raise(int(read[2]), int(read[3]), one.entry.subject, int(read[4]))
            found.append(RecordedRaise(one, raised, withdrawn.get(one.id)))
    return found


def who_is_there(service: Service, stored: StoredSession) -> set[int]:
    """The subject ids of those who attend a session: a hand of one who does not is no participation."""
    entries = service.attendance_log.store.entries(EntryFilter(session=stored.id))
    return {each.entry.subject for each in latest(entries) if each.entry.subject and each.entry.status in ATTENDED}


def record_raises(service: Service, stored: StoredSession, raises: Sequence[Raise]) -> int:
    """Record raises, each once; how many count then. One that a person took back stays so."""
    count = 0
    for each in raises:
        same = [one for one in recorded_raises(service, stored) if _is_one(one.raised, each)]
        notes = {one.withdrawn for one in same}
        if None in notes:  # it counts already
            count += 1
        elif notes <= {_TAKEN_BACK, _UNDONE}:
            count += _add(service, stored, each, len(same))
    return count


def _is_one(raised: Raise, other: Raise) -> bool:
    return raised.subject == other.subject and is_same(raised.at_s, other.at_s)


def _add(service: Service, stored: StoredSession, raised: Raise, turn: int) -> int:
    session = stored.session
    moment = service.clock.start_of(session.fecha) + timedelta(seconds=raised.at_s)
    at = min(moment, service.clock.now().astimezone(UTC)).isoformat(timespec="seconds")
    what = f"{stored.id} {raised.photo} {raised.face} {raised.subject} {round(raised.at_s)}"
    request = f"raise {what}{f' {turn}' if turn else ''}"
    made = Participation(raised.subject, session.clase, session.fecha, RAISED_HAND, "", at, request)
    try:
        service.attendance_log.store.add_participation(made)
    except NotFound:  # the student was erased a moment ago
        return 0
    return 1


def take_back_raises(service: Service, stored: StoredSession, photo: int) -> None:
    """Let participations of a photo, which is taken back, count no more."""
    for each in recorded_raises(service, stored):
        if each.raised.photo == photo and each.withdrawn is None:
            service.attendance_log.withdraw(each.stored.id, _UNDONE)


def settle_raises(service: Service, stored: StoredSession, wanted: Sequence[Raise]) -> None:
    """Let these raises of a session count, and no others that films and cameras recorded."""
    for each in recorded_raises(service, stored):
        if each.withdrawn is None and not any(_is_one(each.raised, one) for one in wanted):
            service.attendance_log.withdraw(each.stored.id, _TAKEN_BACK)
    record_raises(service, stored, wanted)
