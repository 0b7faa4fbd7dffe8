"""Participations by a raised hand: recorded once per film, student and moment, and moved when a face turns out to be
someone else's.

The participation's ``request`` says which film, student and second it is from. A raise is known by that, not by its
place among others: the same film read twice may show its faces in another order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gallery.documents.attendance import EntryFilter, Participation, StoredParticipation
from gallery.documents.attendance_rules import counted_participations
from gallery.documents.class_sessions import StoredSession
from presente.errors import NotFound
from server.service import Service

RAISED_HAND = "raised_hand"
"""The ``kind`` of these participations."""
_TAKEN_BACK = "film"
"""The note of one that was taken back with its film or its face, and not by a person's word about itself."""
_SAME_S = 2.0
"""Raises of one student that are nearer in time are one."""
_REQUEST = re.compile(r"film ([0-9]+) ([0-9]+) [0-9]+ ([0-9]+)(?: [0-9]+)?")


@dataclass(frozen=True, slots=True)
class Raise:
    """A raised hand: whose, by subject id, and at which second of the film."""

    subject: int
    at_s: float


@dataclass(frozen=True, slots=True)
class RecordedRaise:
    """A participation by a raised hand, and at which second of the film."""

    stored: StoredParticipation
    at_s: int


def is_same(at_s: float, other_s: float) -> bool:
    """Whether two moments at which one student's hand goes up are one."""
    return abs(at_s - other_s) < _SAME_S


def raises_of_film(service: Service, stored: StoredSession, number: int) -> list[RecordedRaise]:
    """The participations that count of a film of a session."""
    said = _all(service, stored)
    found = ((each, _second(each, stored.id, number)) for each in counted_participations(said))
    return [RecordedRaise(each, at_s) for each, at_s in found if at_s is not None]


def record_raises(
    service: Service, stored: StoredSession, number: int, starts: datetime, raises: Sequence[Raise]
) -> int:
    """Record raises of a film, each once; how many count then. One that a person took back stays so.

    Args:
        service: whose gallery it is.
        stored: the session.
        number: of the film in it.
        starts: when the film's first frame was taken.
        raises: all of them.
    """
    count = 0
    for each in raises:
        said = _all(service, stored)
        same = [
            one
            for one in said
            if one.entry.withdraws is None
            and one.entry.subject == each.subject
            and (at_s := _second(one, stored.id, number)) is not None
            and is_same(at_s, each.at_s)
        ]
        withdrawn = {one.entry.withdraws: one.entry.note for one in said if one.entry.withdraws is not None}
        notes = [withdrawn.get(one.id) for one in same]
        if None in notes:  # it counts already
            count += 1
        elif all(note == _TAKEN_BACK for note in notes):
            count += _add(service, stored, number, starts, each, len(same))
    return count


def _add(service: Service, stored: StoredSession, number: int, starts: datetime, raised: Raise, turn: int) -> int:
    session = stored.session
    at = min(starts.astimezone(UTC) + timedelta(seconds=raised.at_s), service.clock.now().astimezone(UTC))
    request = f"film {stored.id} {number} {raised.subject} {round(raised.at_s)}{f' {turn}' if turn else ''}"
    made = Participation(
        raised.subject, session.clase, session.fecha, RAISED_HAND, "", at.isoformat(timespec="seconds"), request
    )
    try:
        service.attendance_log.store.add_participation(made)
    except NotFound:  # the student was erased a moment ago
        return 0
    return 1


def take_back_raises(
    service: Service, stored: StoredSession, number: int, which: Callable[[RecordedRaise], bool] = lambda _: True
) -> None:
    """Let participations of a film count no more: all, or some. They count again when the film shows them anew."""
    for each in raises_of_film(service, stored, number):
        if which(each):
            service.attendance_log.withdraw(each.stored.id, _TAKEN_BACK)


def move_raises(
    service: Service, stored: StoredSession, number: int, starts: datetime, owners: Collection[tuple[float, int | None]]
) -> None:
    """Let raises of a film be those of other students: ``owners`` has second and subject id of each; None for no
    one's."""

    def is_wrong(recorded: RecordedRaise) -> bool:
        near = {subject for at_s, subject in owners if is_same(at_s, recorded.at_s)}
        return bool(near) and recorded.stored.entry.subject not in near

    take_back_raises(service, stored, number, is_wrong)
    record_raises(service, stored, number, starts, [Raise(whose, at_s) for at_s, whose in owners if whose is not None])


def _all(service: Service, stored: StoredSession) -> list[StoredParticipation]:
    session = stored.session
    return service.attendance_log.store.participations(EntryFilter(session.clase, session.fecha, session.fecha))


def _second(stored: StoredParticipation, session: int, number: int) -> int | None:
    """The second of a film's raise; None of every other participation."""
    found = _REQUEST.fullmatch(stored.entry.request)
    return int(found[3]) if found and (int(found[1]), int(found[2])) == (session, number) else None
