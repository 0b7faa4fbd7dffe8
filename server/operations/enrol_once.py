"""Enrolling for a request: once per key. A retry is answered with the student as stored, and enrols no one anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from faces.image.picture_end import without_tail
from gallery.documents.request_keys import Claim
from gallery.documents.values import EnrolmentMode, Student
from presente.errors import Conflict, Forbidden, StoreError
from presente.recognition import digest_of
from server.idempotency import KeyedRequest, carried_out
from server.operations.school_dates import today_of
from server.photo_enrolment import AcceptedEnrolment
from server.requests.students import EnrolmentFields, asked_of, student_of
from server.service import Service

_NAMING_OTHERS = frozenset({"different_person", "possible_duplicate"})
"""Codes of errors that say whom a photo seems to show."""
_COMPARED = ("nombre_del_alumno", "clase", "fecha_de_registro", "consentimiento")


def enrol(
    sent: KeyedRequest,
    service: Service,
    fields: EnrolmentFields,
    photos: Sequence[bytes],
    mode: EnrolmentMode,
    force: bool = False,
) -> AcceptedEnrolment:
    """Enrol the student whom a request describes; see :meth:`server.photo_enrolment.PhotoEnroller.enrol`.

    Raises:
        Conflict: ``student_exists``.
        StoreError: ``request_in_progress`` while another attempt of the same request is carried out.
    """
    photos = [*map(without_tail, photos)]
    keyed = bool(sent.key)
    was_there = keyed and service.gallery.store.student(fields.matricula) is not None

    def work(claim: Claim) -> AcceptedEnrolment:
        student = student_of(fields, today_of(claim, service.clock))
        try:
            return _enrol(service, student, photos, mode, claim, force)
        except Conflict as error:
            # Another attempt of this request may have been quicker, and need not have been the later one.
            if not keyed or (claim.first and was_there) or error.code != "student_exists":
                raise
            if service.gallery.store.student(student.matricula) is None:  # a student who is being enrolled is not seen
                raise StoreError(
                    "request_in_progress",
                    "Another attempt of this request is still being carried out.",
                    "Send it again in a second.",
                ) from error
            if not is_stored(service, student, photos):
                raise
            return service.enrolled(student.matricula, photos)

    asked = {**asked_of(fields), "photos": [digest_of(photo) for photo in photos]}
    return carried_out(sent, service, asked, work, concerned=lambda made: [made.student.id])


def add_photos(
    sent: KeyedRequest, service: Service, matricula: str, photos: Sequence[bytes], force: bool = False
) -> AcceptedEnrolment:
    """Add photos to a student, once per key.

    A caller who sees a part of the school is told of no one else whom a photo may show.

    Raises:
        NotFound: ``student_not_found``.
        Forbidden: ``force_not_allowed``.
        Conflict: ``different_person``, ``possible_duplicate``, ``no_room_for_photos``.
    """
    photos = [*map(without_tail, photos)]
    known = service.gallery.student(matricula)
    asked = {"photos": [digest_of(photo) for photo in photos]}

    def work(claim: Claim) -> AcceptedEnrolment:
        return _enrol(service, known.student, photos, "extend", claim, force)

    whole = service.gallery.scope.is_whole
    if force and not whole:
        raise Forbidden("force_not_allowed", "force is for an admin.", "Send the photos without it.")
    try:
        accepted = carried_out(sent, service, asked, work, about=[known.id])
    except Conflict as error:
        if whole or error.code not in _NAMING_OTHERS:
            raise
        raise Conflict(error.code, "A photo does not clearly show the student.", "Nothing was stored.") from None
    return accepted if whole else replace(accepted, warnings=())


def _enrol(
    service: Service, student: Student, photos: Sequence[bytes], mode: EnrolmentMode, claim: Claim, force: bool
) -> AcceptedEnrolment:
    """Enrol, unless the request was carried out before."""
    if claim.done:
        return service.enrolled(student.matricula, photos)
    return service.enrol(student, photos, mode, force)


def is_stored(service: Service, student: Student, photos: Sequence[bytes]) -> bool:
    """Whether a student is stored just as asked: an earlier attempt was cut off before its last step."""
    stored = service.gallery.student(student.matricula).student
    same = all(getattr(stored, name) == getattr(student, name) for name in _COMPARED)
    return same and {digest_of(photo) for photo in photos} <= set(service.gallery.store.digests(student.matricula))
