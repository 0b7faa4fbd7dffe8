"""Sessions: making, finding and changing them, and what a person says in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from typing import Any

from msgspec import UNSET

from gallery.attendance.session_log import FaceStatement
from gallery.attendance.session_roll import RollLine, changed_lines
from gallery.documents.class_sessions import ClassSession, SessionFilter, StoredSession
from gallery.documents.request_keys import Claim
from gallery.documents.session_rules import entry_for, is_late, is_late_in_film
from server.idempotency import KeyedRequest, carried_out
from server.operations.film_raises import take_back_raises
from server.operations.known_classes import check_class
from server.operations.school_dates import past_date, today_of
from server.operations.session_films import first_sight, follow_raises
from server.requests.cursors import session_place
from server.requests.sessions import NewSession, SessionListParameters, SessionStatement, UndoRequest
from server.service import Service


@dataclass(frozen=True, slots=True)
class SessionRoll:
    """A session, its roll, and how many photos were sent to it.

    ``lines`` are of the whole roll; ``changed`` those that a request changed.
    """

    stored: StoredSession
    lines: tuple[RollLine, ...]
    photos: int = 0
    changed: tuple[RollLine, ...] = ()


def begin_session(
    sent: KeyedRequest, service: Service, asked: Mapping[str, object], new: NewSession, made_by: str
) -> StoredSession:
    """Make a session, once per key; what is not said is taken from the timetable of the class.

    Args:
        sent: what is known of the request that was sent.
        service: whose gallery it is.
        asked: the body, as values of JSON.
        new: what it says.
        made_by: the caller.

    Raises:
        Forbidden: ``class_not_yours``.
        NotFound: ``class_not_found``.
        InvalidInput: ``invalid_fecha``, ``invalid_times``.
        Conflict: ``session_exists``, ``idempotency_key_reused``.
    """
    service.gallery.scope.check_class(new.clase)
    check_class(service.gallery, new.clase)
    fecha = past_date(new.fecha, service.clock)

    def work(claim: Claim) -> StoredSession:
        day = fecha or today_of(claim, service.clock)
        return service.session_log.begin(_session(service, new, day, made_by, claim))

    return carried_out(sent, service, asked, work)


def _session(service: Service, new: NewSession, fecha: str, made_by: str, claim: Claim) -> ClassSession:
    now = service.clock.local(claim.moment).strftime("%H:%M")
    timetable = service.gallery.store.classes.timetables([new.clase]).get(new.clase, ())
    usual = entry_for(timetable, date.fromisoformat(fecha).isoweekday(), now, new.starts)
    ends = new.ends if new.ends is not UNSET else usual.ends if usual else None
    late_after = new.late_after if new.late_after is not UNSET else usual.late_after if usual else None
    return ClassSession(
        clase=new.clase,
        fecha=fecha,
        starts=new.starts or (usual.starts if usual else now),
        ends=ends,
        late_after=late_after,
        source=new.source,
        state="open",
        note=new.note,
        made_by=made_by,
        at=claim.at,
        request=claim.key,
    )


def sessions_page(service: Service, parameters: SessionListParameters) -> Sequence[StoredSession]:
    """A page of sessions, the latest first, and one more if there is a next page.

    Raises:
        Forbidden: ``class_not_yours``.
        NotFound: ``class_not_found``.
        InvalidInput: ``invalid_cursor``.
    """
    which = SessionFilter(parameters.clase, parameters.desde, parameters.hasta, parameters.state)
    after = session_place(parameters)
    found = service.gallery.store.sessions.sessions_after(which, after, parameters.limit + 1)
    if not found and after is None:
        check_class(service.gallery, parameters.clase)
    return found


def session_roll(service: Service, number: int) -> SessionRoll:
    """A session and its roll.

    Raises:
        NotFound: ``session_not_found``.
    """
    return _roll(service, service.session_log.session(number))


def change_session(service: Service, number: int, changes: Mapping[str, Any]) -> SessionRoll:
    """Change a session; the session and its roll.

    Raises:
        NotFound: ``session_not_found``.
        InvalidInput: ``invalid_times``.
        Conflict: ``session_exists``.
    """
    return _roll(service, service.session_log.change(number, changes))


def _roll(service: Service, stored: StoredSession) -> SessionRoll:
    photos = service.gallery.store.session_photos.photos(stored.id)
    return SessionRoll(stored, service.session_log.roll(stored), len(photos))


def record_statement(
    sent: KeyedRequest, service: Service, asked: Mapping[str, object], number: int, said: SessionStatement
) -> SessionRoll:
    """Record what a person says of a student or of a face, once per key; the roll, and the lines that changed.

    Raises:
        InvalidInput: ``missing_field``.
        NotFound: ``session_not_found``, ``student_not_found``, ``photo_not_found``, ``face_not_found``.
        Conflict: ``session_closed``, ``idempotency_key_reused``.
    """
    said.check()
    log = service.session_log
    stored = log.session(number)
    about = [] if said.matricula is None else [service.gallery.student(said.matricula).id]

    def work(claim: Claim) -> SessionRoll:
        before = log.roll(stored)
        if said.photo is None or said.face is None:
            log.record_by_hand(number, said.matricula or "", said.entry_status or "present", said.note, claim)
        else:
            log.settle_face(number, _statement(service, stored, said), claim)
        follow_raises(service, stored)
        return _changed(service, stored, before, about if claim.done else ())

    return carried_out(sent, service, asked, work, about=about, concerned=_subjects)


def _statement(service: Service, stored: StoredSession, said: SessionStatement) -> FaceStatement:
    """A statement about a face; a student of whom no status is said is late if the face came late: by what is noted of
    the students who wait because of it, else by when the photo came, or when a film first shows the face."""
    number, face, status = said.photo or 0, said.face or 0, said.entry_status
    if status is None:
        photo = service.session_log.photo(stored.id, number)
        late = service.session_log.came_late(stored.id, number, face)
        first = first_sight(stored.session, photo, face)
        if late is None and first is not None:
            late = is_late_in_film(stored.session, first)
        elif late is None:
            late = is_late(stored.session, service.clock.local(moment_of(photo.at)))
        status = "late" if late else "present"
    return FaceStatement(number, face, said.matricula, status, said.note)


def moment_of(at: str) -> Any:
    """The moment that a text of the store means."""
    return Claim("", "", at).moment.astimezone(UTC)


def take_back(
    sent: KeyedRequest, service: Service, asked: Mapping[str, object], number: int, undo: UndoRequest
) -> SessionRoll:
    """Take back what a photo recorded, or a statement, once per key; the roll, and the lines that changed.

    Raises:
        InvalidInput: ``missing_field``.
        NotFound: ``session_not_found``, ``photo_not_found``, ``entry_not_found``.
        Conflict: ``session_closed``, ``idempotency_key_reused``.
    """
    undo.check()
    log = service.session_log
    stored = log.session(number)

    def work(claim: Claim) -> SessionRoll:
        before = log.roll(stored)
        if undo.photo is not None:
            log.undo_photo(number, undo.photo, claim)
            take_back_raises(service, stored, undo.photo)
        else:
            log.undo_entry(number, undo.entry or 0, claim)
        follow_raises(service, stored)
        return _changed(service, stored, before, ())

    return carried_out(sent, service, asked, work, concerned=_subjects)


def _changed(service: Service, stored: StoredSession, before: Sequence[RollLine], also: Sequence[int]) -> SessionRoll:
    """The roll after a change; among the lines that changed also those of some students."""
    after = service.session_log.roll(stored)
    changed = {line.subject for line in changed_lines(before, after)} | set(also)
    return SessionRoll(stored, after, changed=tuple(line for line in after if line.subject in changed))


def _subjects(roll: SessionRoll) -> list[int]:
    return [line.subject for line in roll.changed]
