"""Attendance by photo: a class photo to entries."""

from __future__ import annotations

from dataclasses import dataclass, replace

from faces.embedder import EmbeddedFace
from faces.liveness.values import LivenessScore
from gallery.attendance.class_photo import record_class_photo
from gallery.attendance.face_attendance import ClassPhoto, ClassPhotoFace, FaceAttendance
from gallery.documents.attendance import SeenLiveness
from gallery.documents.request_keys import Claim
from gallery.threshold.operating_point import OperatingPoint
from presente.liveness import LivenessPoint, decided
from presente.recognition import Timings, digest_of, embed_judged, empty_search_hint
from server.idempotency import KeyedRequest, carried_out
from server.operations.school_dates import today_of
from server.requests.attendance import AttendanceParameters
from server.service import Service


@dataclass(frozen=True, slots=True)
class ClassPhotoResult:
    """A class photo's faces, largest first, and what was made of each; ``hint`` when no one was there to compare.

    ``rotated``: degrees, clockwise, by which the photo had to be turned. ``live_from``: the score from which a face
    counts as live; None where that was not asked.
    """

    faces: tuple[tuple[EmbeddedFace, FaceAttendance], ...]
    class_photo: ClassPhoto
    operating_point: OperatingPoint
    generation: int
    timings_ms: dict[str, float]
    hint: str | None
    rotated: int
    live_from: LivenessPoint | None

    @property
    def subjects(self) -> set[int]:
        """Whom the photo may show."""
        return {
            candidate.subject
            for _, attendance in self.faces
            if attendance.status != "unknown"
            for candidate in attendance.candidates
        }


def take_attendance(
    sent: KeyedRequest, service: Service, photo: bytes, parameters: AttendanceParameters, fecha: str | None
) -> ClassPhotoResult:
    """Record who of a class is in a photo, once per key.

    Args:
        sent: what is known of the request that was sent.
        service: whose gallery it is.
        photo: the photo's bytes.
        parameters: whose attendance it is, and how the photo is read and judged.
        fecha: of which date; None for the day of the request's first attempt.

    Raises:
        PhotoRefused: the bytes are not a photo that can be used.
        Forbidden: ``class_not_yours``.
        NotFound: ``class_not_found``.
        Conflict: ``idempotency_key_reused``.
    """
    service.gallery.scope.check_class(parameters.clase)

    def work(claim: Claim) -> ClassPhotoResult:
        day = fecha or today_of(claim, service.clock)
        live_only = service.liveness.mode("attendance") == "enforce"
        class_photo = ClassPhoto(parameters.clase, day, digest_of(photo), 0.0, claim, live_only=live_only)
        return _record(service, photo, class_photo, parameters)

    asked = {"photo": digest_of(photo)}
    taken = carried_out(sent, service, asked, work, concerned=lambda taken: taken.subjects)
    seen = tuple((face, attendance.within(service.gallery.scope)) for face, attendance in taken.faces)
    return replace(taken, faces=seen)


def _record(
    service: Service, photo: bytes, class_photo: ClassPhoto, parameters: AttendanceParameters
) -> ClassPhotoResult:
    timings = Timings()
    read = service.embedder.read_faces(photo, timings.stage, parameters.detail)
    embedded, live_from = embed_judged(service.embedder, read.faces, service.liveness, "attendance", timings.stage)
    with timings.stage("record", told=False):  # searching and the store tell of themselves
        operating_point = service.gallery.whole.operating_point(parameters.threshold)
        class_photo = replace(class_photo, threshold=operating_point.threshold)
        faces = [class_photo_face(face, live_from) for face in embedded]
        found = record_class_photo(service.attendance_log, faces, class_photo)
    service.observer.attended(found, operating_point)
    service.tell_liveness("attendance", embedded, live_from)
    if not class_photo.claim.done:
        unknown = (face for face, attendance in zip(embedded, found, strict=True) if attendance.status == "unknown")
        service.keep_unknown(unknown, live_from, "attendance", class_photo.clase)
    return ClassPhotoResult(
        tuple(zip(embedded, found, strict=True)),
        class_photo,
        operating_point,
        service.gallery.index.generation,
        timings.as_dict(),
        None
        if all(attendance.candidates for attendance in found)
        else empty_search_hint(service.gallery, class_photo.clase, False),
        read.rotated,
        live_from,
    )


def class_photo_face(embedded: EmbeddedFace, live_from: LivenessPoint | None) -> ClassPhotoFace:
    """An embedded face as attendance takes it.

    ``live_from``: the score from which it counts as live; None where that was not asked.
    """
    x1, y1, x2, y2 = (round(float(value), 1) for value in embedded.face.box)
    return ClassPhotoFace(embedded.template, (x1, y1, x2, y2), liveness=seen_liveness(embedded.liveness, live_from))


def seen_liveness(score: LivenessScore | None, live_from: LivenessPoint | None) -> SeenLiveness | None:
    """What an entry keeps of whether a face is live; None where that was not asked."""
    if score is None or live_from is None:
        return None
    return SeenLiveness(score.score, decided(score, live_from), score.pack)
