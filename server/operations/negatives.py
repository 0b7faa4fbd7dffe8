"""Faces of which a person says that they are not a student."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC

from gallery.documents.negatives import Negative, StoredNegative, of_photo
from gallery.documents.student_rules import student_not_found
from presente.errors import Conflict, NotFound, shown
from presente.recognition import digest_of
from presente.stages import stage
from server.requests.negatives import NegativeParameters
from server.service import Service


@dataclass(frozen=True, slots=True)
class SaidNegative:
    """What was kept of a statement, the student's matricula, and the student's score with the face."""

    matricula: str
    stored: StoredNegative
    score: float | None


def say_not_this_person(service: Service, matricula: str, photo: bytes, parameters: NegativeParameters) -> SaidNegative:
    """Keep that a face of a photo is not a student: faces like it are told apart from the student from now on.

    Saying it again keeps nothing more.

    Raises:
        NotFound: ``student_not_found``, ``face_not_found``.
        Conflict: ``photo_is_enrolled``: the photo is one of the student's own.
        PhotoRefused: the bytes are not a photo that can be used.
    """
    gallery = service.gallery
    student, digest = gallery.student(matricula), digest_of(photo)
    name = student.student.matricula
    if digest in gallery.whole.store.digests(name):
        raise Conflict(
            "photo_is_enrolled",
            f"The photo is enrolled as one of {shown(name)}.",
            f"If it shows someone else, erase or move it: DELETE /v1/students/{name}/images/{digest}.",
        )
    faces = service.embedder.read_faces(photo, stage, parameters.detail).faces
    if parameters.face > len(faces):
        raise NotFound(
            "face_not_found",
            f"The photo has {len(faces)} faces, and none is number {parameters.face}.",
            "Faces are counted from 1, largest first, as POST /v1/identify lists them for the same photo and detail.",
        )
    (face,) = service.embedder.embed(faces[parameters.face - 1 : parameters.face])
    at = service.clock.now().astimezone(UTC).isoformat(timespec="seconds")
    about = of_photo(digest, parameters.face)
    stored = gallery.anchors.add(Negative(student.id, about, face.template, gallery.pack, at, "identify"))
    if stored is None:
        raise student_not_found(matricula)
    return SaidNegative(name, stored, gallery.compare(face.template, name))


def negatives_of(service: Service, matricula: str) -> tuple[str, list[StoredNegative]]:
    """The matricula of a student, and the faces that are said not to be the student.

    Raises:
        NotFound: ``student_not_found``.
    """
    student = service.gallery.student(matricula)
    return student.student.matricula, service.gallery.whole.store.negatives.of(student.id)


def take_back_negative(service: Service, matricula: str, number: int) -> None:
    """Take back that a face is not a student.

    Raises:
        NotFound: ``student_not_found``, ``negative_not_found``.
    """
    name, found = negatives_of(service, matricula)
    if number not in {each.id for each in found} or not service.gallery.anchors.erase([number]):
        raise NotFound(
            "negative_not_found",
            f"{shown(name)} has no negative example {number}.",
            f"GET /v1/students/{name}/negatives lists them.",
        )
