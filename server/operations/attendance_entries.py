"""Attendance by hand: what a person says of a student, or of an entry."""

from __future__ import annotations

from collections.abc import Mapping

from gallery.documents.attendance import AttendanceStatus, StoredAttendance
from gallery.documents.request_keys import Claim
from gallery.documents.values import Student
from server.idempotency import KeyedRequest, carried_out
from server.operations.school_dates import today_of
from server.operations.session_films import follow_raises
from server.service import Service


def record_by_hand(
    sent: KeyedRequest,
    service: Service,
    asked: Mapping[str, object],
    about: tuple[str, str, str | None],
    status: AttendanceStatus,
    note: str,
) -> tuple[StoredAttendance, Student]:
    """Record that a student was in class, or was not, once per key; the entry that holds, and the student.

    Args:
        sent: what is known of the request that was sent.
        service: whose gallery it is.
        asked: the body, as values of JSON.
        about: matricula, class and date; without a date, the day of the request's first attempt.
        status: what the person says.
        note: the person's remark.

    Raises:
        NotFound: ``student_not_found``.
        Conflict: ``idempotency_key_reused``.
    """
    matricula, clase, fecha = about
    stored = service.gallery.student(matricula)
    named = stored.student.matricula

    def work(claim: Claim) -> StoredAttendance:
        day = fecha or today_of(claim, service.clock)
        return service.attendance_log.record_by_hand(named, clase, day, status, note, claim)

    return carried_out(sent, service, asked, work, about=[stored.id]), stored.student


def resolve_entry(
    sent: KeyedRequest, service: Service, asked: Mapping[str, object], number: int, status: AttendanceStatus, note: str
) -> list[tuple[StoredAttendance, Student | None]]:
    """Confirm or reject an entry, once per key; the entries that hold afterwards with their students, that one's first.

    Raises:
        NotFound: ``entry_not_found``.
        Conflict: ``idempotency_key_reused``.
    """

    def work(claim: Claim) -> list[StoredAttendance]:
        found = service.attendance_log.resolve(number, status, note, claim)
        if session := found[0].entry.session:
            follow_raises(service, service.session_log.session(session))
        return found

    resolved = carried_out(
        sent,
        service,
        asked,
        work,
        about=[service.attendance_log.entry(number).entry.subject or 0],
        concerned=lambda entries: [stored.entry.subject or 0 for stored in entries],
    )
    students = service.gallery.store.subjects([stored.entry.subject or 0 for stored in resolved])
    return [(stored, students.get(stored.entry.subject or 0)) for stored in resolved]
