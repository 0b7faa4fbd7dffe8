"""Enrolling for a request: once per key, and a retry answers with who is there instead of enrolling anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flask import Request

from gallery.documents.request_keys import Claim
from gallery.documents.values import EnrolmentMode, Student
from presente.errors import Conflict, StoreError
from presente.recognition import digest_of
from server.enroller import Accepted
from server.idempotency import carried_out, idempotency_key
from server.requests.parsing import student_of
from server.responses.attendance_json import today_of
from server.service import Service

_COMPARED = ("nombre_del_alumno", "clase", "fecha_de_registro", "consentimiento")


def enrol(
    request: Request,
    service: Service,
    fields: Mapping[str, str],
    photos: Sequence[bytes],
    mode: EnrolmentMode,
    force: bool = False,
) -> Accepted:
    """Enrol the student whom a request describes; see :meth:`server.enroller.Enroller.enrol`.

    Raises:
        Conflict: ``student_exists``.
        StoreError: ``request_in_progress`` when another attempt of the same request is at it.
    """
    keyed = bool(idempotency_key(request))
    was_there = keyed and service.gallery.store.student(fields.get("matricula", "")) is not None

    def work(claim: Claim) -> Accepted:
        student = student_of(fields, today_of(claim, service.clock))
        try:
            return _enrol(service, student, photos, mode, claim, force)
        except Conflict as error:
            # Another attempt of this request may have been quicker, and need not have been the later one.
            if not keyed or (claim.first and was_there) or error.code != "student_exists":
                raise
            if service.gallery.store.student(student.matricula) is None:  # nobody sees who is being enrolled
                raise StoreError(
                    "request_in_progress",
                    "Another attempt of this request is still being carried out.",
                    "Send it again in a second.",
                ) from error
            if not _is_there(service, student, photos):
                raise
            return service.enrolled(student.matricula, photos)

    said = {**fields, "photos": [digest_of(photo) for photo in photos]}
    return carried_out(request, service, said, work, concerned=lambda made: [made.student.id])


def extend(
    request: Request, service: Service, matricula: str, photos: Sequence[bytes], force: bool = False
) -> Accepted:
    """Add photos to a student."""
    known = service.gallery.student(matricula)
    said = {"photos": [digest_of(photo) for photo in photos]}

    def work(claim: Claim) -> Accepted:
        return _enrol(service, known.student, photos, "extend", claim, force)

    return carried_out(request, service, said, work, about=[known.id])


def _enrol(
    service: Service, student: Student, photos: Sequence[bytes], mode: EnrolmentMode, claim: Claim, force: bool
) -> Accepted:
    """Enrol, unless the request was carried out before."""
    if claim.done:
        return service.enrolled(student.matricula, photos)
    return service.enrol(student, photos, mode, force)


def _is_there(service: Service, student: Student, photos: Sequence[bytes]) -> bool:
    """Whether a student is stored just as asked: an earlier attempt, which was cut off, did all but say so."""
    stored = service.gallery.student(student.matricula).student
    same = all(getattr(stored, name) == getattr(student, name) for name in _COMPARED)
    return same and {digest_of(photo) for photo in photos} <= set(service.gallery.store.digests(student.matricula))
