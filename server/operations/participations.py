"""Participation: that a student took part in class, and the list of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gallery.documents.attendance import EntryFilter, StoredParticipation
from gallery.documents.request_keys import Claim
from gallery.documents.values import Student
from server.idempotency import KeyedRequest, carried_out
from server.operations.known_classes import check_class
from server.operations.school_dates import past_date, today_of
from server.requests.attendance import ParticipationStatement
from server.service import Service


@dataclass(frozen=True, slots=True)
class ParticipationPage:
    """Participations with their students (None once erased), how many the whole list has, and the id after which the
    next page begins; None after the last."""

    entries: tuple[tuple[StoredParticipation, Student | None], ...]
    count: int
    next: int | None


def record_participation(
    sent: KeyedRequest, service: Service, asked: Mapping[str, object], statement: ParticipationStatement
) -> tuple[StoredParticipation, Student]:
    """Record that a student took part, once per key.

    Without a class it is the student's first one of those that the caller sees, without a date the day of the request's
    first attempt.

    Args:
        sent: what is known of the request that was sent.
        service: whose gallery it is.
        asked: the body, as values of JSON.
        statement: what it says.

    Raises:
        InvalidInput: ``invalid_fecha``: the date is still to come.
        NotFound: ``student_not_found``.
        Conflict: ``idempotency_key_reused``.
    """
    stored = service.gallery.student(statement.matricula)
    matricula, clase = stored.student.matricula, statement.clase or service.gallery.scope.class_of(stored.student)
    fecha = past_date(statement.fecha, service.clock)

    def work(claim: Claim) -> StoredParticipation:
        day = fecha or today_of(claim, service.clock)
        return service.attendance_log.record_participation(matricula, clase, day, statement.kind, statement.note, claim)

    return carried_out(sent, service, asked, work, about=[stored.id]), stored.student


def participation_page(
    service: Service, which: EntryFilter, history: bool, after: int, limit: int
) -> ParticipationPage:
    """A page of the participations that count, or with ``history`` also of those taken back and who took them back.

    Raises:
        NotFound: ``class_not_found``.
    """
    records = service.attendance_log.store
    found = records.participations_after(which, after, limit + 1, history)
    if not found and not after:
        check_class(service.gallery, which.clase)
    kept = found[:limit]
    students = service.gallery.store.subjects([stored.entry.subject for stored in kept if stored.entry.subject])
    return ParticipationPage(
        tuple((stored, students.get(stored.entry.subject or 0)) for stored in kept),
        records.count_participations(which, history),
        kept[-1].id if len(found) > limit else None,
    )
