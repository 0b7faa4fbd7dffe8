"""Saying who an unknown person is: a new student, or one who is enrolled.

The pictures of the faces become photos first, with the templates that were kept; the faces go after that. An attempt
that is cut off in between is ended when the request is sent again: the photos are there once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from faces.detection.detected_face import DetectedFace
from faces.embedder import EmbeddedFace
from faces.quality import Quality
from gallery.documents.request_keys import Claim
from gallery.documents.unknown_people import StoredUnknownFace
from gallery.documents.values import EnrolmentMode, StoredStudent, Student
from presente.errors import Conflict, NotFound, PackError
from server.idempotency import KeyedRequest, carried_out
from server.operations.enrol_once import is_stored
from server.operations.school_dates import today_of
from server.operations.unknown_people import faces_of, person_not_found
from server.photo_enrolment import AcceptedEnrolment, DuplicateWarning, ReadPhoto
from server.requests.students import asked_of, student_of
from server.requests.unknowns import UnknownEnrolmentFields, UnknownMergeFields
from server.service import Service

SOURCE = "unknown"
"""The source of photos that were the pictures of an unknown person's faces."""


@dataclass(frozen=True, slots=True)
class NamedPerson:
    """An unknown person of whom it was said who it is.

    Attributes:
        student: as stored now.
        photos: how many faces became photos.
        erased: how many faces left the unknown people, those included; fewer when an earlier attempt was cut off.
        warnings: of photos that clearly show another student.
    """

    student: StoredStudent
    photos: int = 0
    erased: int = 0
    warnings: tuple[DuplicateWarning, ...] = ()


def enrol(
    sent: KeyedRequest, service: Service, number: int, fields: UnknownEnrolmentFields, force: bool
) -> NamedPerson:
    """Enrol an unknown person as a new student.

    Raises:
        NotFound: ``unknowns_off``, ``unknown_person_not_found``, ``face_not_found``.
        Conflict: ``student_exists``, and as :meth:`server.photo_enrolment.PhotoEnroller.enrol`.
    """

    def work(claim: Claim) -> NamedPerson:
        student = student_of(fields, today_of(claim, service.clock))

        def ended() -> bool:
            return service.gallery.store.student(student.matricula) is not None and is_stored(service, student, [])

        return _named(service, number, student, "create", fields, force, claim, ended)

    return carried_out(sent, service, asked_of(fields), work, concerned=lambda made: [made.student.id])


def merge(sent: KeyedRequest, service: Service, number: int, fields: UnknownMergeFields, force: bool) -> NamedPerson:
    """Give the faces of an unknown person to a student, whom they show.

    Raises:
        NotFound: as :func:`enrol`, and ``student_not_found``.
        Conflict: as :meth:`server.photo_enrolment.PhotoEnroller.enrol`.
    """
    known = service.gallery.student(fields.matricula)

    def work(claim: Claim) -> NamedPerson:
        return _named(service, number, known.student, "extend", fields, force, claim, lambda: True)

    return carried_out(sent, service, msgspec.to_builtins(fields), work, about=[known.id])


def _named(
    service: Service,
    number: int,
    student: Student,
    mode: EnrolmentMode,
    fields: UnknownEnrolmentFields | UnknownMergeFields,
    force: bool,
    claim: Claim,
    ended: Callable[[], bool],
) -> NamedPerson:
    """Enrol the chosen faces, and erase what is to go; once per claim. ``ended``: whether an earlier attempt has."""
    if claim.done:
        return NamedPerson(service.gallery.student(student.matricula))
    try:
        chosen = _chosen(service, number, fields.faces)
    except NotFound:
        if claim.first or not ended():
            raise
        return NamedPerson(service.gallery.student(student.matricula))  # it was cut off after its last step
    photos = [_as_photo(service, number, each) for each in chosen]
    accepted = _enrolled(service, student, photos, mode, force)
    going = None if fields.rest == "forget" or fields.faces is UNSET else [each.id for each in chosen]
    if going is not None:  # the rest would go on to tell the student apart, if it had been said to be not ours
        service.gallery.store.unknowns.mark(number, "open")
        service.gallery.anchors.look_again()
    erased = service.gallery.erase_unknown(number, going)
    return NamedPerson(accepted.student, len(photos), erased, accepted.warnings)


def _enrolled(
    service: Service, student: Student, photos: Sequence[ReadPhoto], mode: EnrolmentMode, force: bool
) -> AcceptedEnrolment:
    try:
        return service.enrol_read(student, photos, mode, force)
    except Conflict as error:
        if error.code != "student_exists" or not is_stored(service, student, [each.content for each in photos]):
            raise
        return AcceptedEnrolment(service.gallery.student(student.matricula), (), ())


def _chosen(service: Service, number: int, wanted: list[int] | UnsetType) -> list[StoredUnknownFace]:
    chosen = faces_of(service, number, None if wanted is UNSET else wanted)
    for each in chosen:
        if each.face.pack != service.gallery.pack:
            raise PackError(
                "pack_mismatch",
                f"Face {each.id} was kept with {each.face.pack!r}, the gallery is of {service.gallery.pack!r}.",
                "Forget the face: it cannot be compared any more.",
            )
    return chosen


def _as_photo(service: Service, number: int, stored: StoredUnknownFace) -> ReadPhoto:
    """A face's picture as a photo that is to be enrolled, with the template that was kept. No landmarks are kept."""
    content = service.gallery.store.unknowns.picture(stored.id)
    if content is None:
        raise person_not_found(number)
    kept = stored.face
    box, none = np.array(kept.box, dtype=np.float32), np.empty((0, 2), dtype=np.float32)
    quality = Quality(**{name: float(kept.quality[name]) for name in Quality.__dataclass_fields__})
    face = EmbeddedFace(DetectedFace(box, none, quality.detection_score), quality, kept.vector)
    return ReadPhoto(content, "image/jpeg", face, SOURCE, has_others=False)
