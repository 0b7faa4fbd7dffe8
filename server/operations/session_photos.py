"""Photos of a session: recording what they show, and keeping reduced copies while the session is open."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, timedelta

from faces.embedder import EmbeddedFace
from gallery.attendance.class_photo import record_class_photo
from gallery.attendance.face_attendance import NAMED, ClassPhoto, FaceAttendance
from gallery.attendance.session_log import session_photo_not_found
from gallery.attendance.session_roll import RollLine, changed_lines
from gallery.documents.attendance import EntryFilter, StoredAttendance
from gallery.documents.class_sessions import SessionFace, SessionPhoto, StoredSession
from gallery.documents.protocol import DocumentStore
from gallery.documents.request_keys import Claim
from gallery.documents.session_rules import is_late, session_closed, standing
from gallery.documents.values import Student
from gallery.threshold.operating_point import OperatingPoint
from presente.clock import Clock
from presente.errors import PresenteError
from presente.liveness import LivenessPoint
from presente.recognition import Timings, digest_of, embed_judged, empty_search_hint
from server.idempotency import KeyedRequest, carried_out
from server.operations.class_photos import class_photo_face
from server.requests.sessions import SessionPhotoParameters
from server.service import Service

LONGEST_SIDE = 1600
"""Pixels of the longer side of a copy that is kept."""
KEPT_HOURS = 48
"""Hours after which a copy goes, whatever became of the session."""
_EVERY_S = 600.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReadSessionPhoto:
    """A photo that was read: its digest, faces and rotation, and the copy to keep with the whole photo's height and
    width; None when none is kept. ``live_from``: the score from which a face counts as live; None where that was not
    asked."""

    sha256: str
    faces: tuple[EmbeddedFace, ...]
    rotated: int
    copy: tuple[bytes, tuple[int, int]] | None
    live_from: LivenessPoint | None


@dataclass(frozen=True, slots=True)
class RecordedPhoto:
    """A photo of a session: its number, whether the session had it already, whether a copy is kept, and what was made
    of each face, largest first.

    A camera's frame without a face has no number: nothing is stored of it.
    """

    number: int | None
    repeated: bool
    kept: bool
    rotated: int
    faces: tuple[tuple[EmbeddedFace, FaceAttendance], ...]


@dataclass(frozen=True, slots=True)
class SessionPhotosResult:
    """What photos recorded in a session: the photos, the lines of the roll that changed, and the whole roll.

    ``live_from``: the score from which a face counts as live; None where that was not asked.
    """

    stored: StoredSession
    photos: tuple[RecordedPhoto, ...]
    changed: tuple[RollLine, ...]
    lines: tuple[RollLine, ...]
    operating_point: OperatingPoint
    generation: int
    timings_ms: dict[str, float]
    hint: str | None
    live_from: LivenessPoint | None

    @property
    def subjects(self) -> set[int]:
        """Whom the photos may show."""
        faces = [attendance for photo in self.photos for _, attendance in photo.faces]
        return {each.subject for face in faces if face.status != "unknown" for each in face.candidates}


def take_session_photos(
    sent: KeyedRequest, service: Service, number: int, photos: Sequence[bytes], parameters: SessionPhotoParameters
) -> SessionPhotosResult:
    """Record who of the class is in some photos, once per key. All photos are read before anything is written.

    Raises:
        PhotoRefused: a photo cannot be used; nothing is recorded of any.
        NotFound: ``session_not_found``, ``class_not_found``.
        Conflict: ``session_closed``, ``idempotency_key_reused``.
    """
    stored = service.session_log.open_session(number)

    def work(claim: Claim) -> SessionPhotosResult:
        return _recorded(service, stored, photos, parameters, claim)

    asked = {"photos": [digest_of(photo) for photo in photos]}
    taken = carried_out(sent, service, asked, work, concerned=lambda taken: taken.subjects)
    scope = service.gallery.scope
    seen = tuple(
        replace(photo, faces=tuple((face, attendance.within(scope)) for face, attendance in photo.faces))
        for photo in taken.photos
    )
    return replace(taken, photos=seen)


def _recorded(
    service: Service,
    stored: StoredSession,
    photos: Sequence[bytes],
    parameters: SessionPhotoParameters,
    claim: Claim,
) -> SessionPhotosResult:
    timings = Timings()
    read = [_read(service, content, parameters, timings) for content in photos]
    if parameters.frame:
        read = [replace(photo, faces=tuple(service.frame_looks.joined(stored.id, photo.faces))) for photo in read]
    with timings.stage("record", told=False):
        point = service.gallery.whole.operating_point(parameters.threshold)
        before = service.session_log.roll(stored)
        recorded = tuple(record_read_photo(service, stored, photo, point, claim, parameters.frame) for photo in read)
        after = service.session_log.roll(stored) if any(photo.faces for photo in recorded) else before
    changed = {line.subject for line in changed_lines(before, after)}
    if claim.done:  # what an earlier attempt changed
        numbers = {photo.number for photo in recorded}
        changed |= {line.subject for line in after if line.stored and line.stored.entry.photo_number in numbers}
    found = [attendance for photo in recorded for _, attendance in photo.faces]
    service.observer.attended(found, point)
    for photo in read:
        service.tell_liveness("attendance", photo.faces, photo.live_from)
    return SessionPhotosResult(
        stored,
        recorded,
        tuple(line for line in after if line.subject in changed),
        after,
        point,
        service.gallery.index.generation,
        timings.as_dict(),
        None
        if all(attendance.candidates for attendance in found)
        else empty_search_hint(service.gallery, stored.session.clase, False),
        read[0].live_from,
    )


def _read(service: Service, content: bytes, parameters: SessionPhotoParameters, timings: Timings) -> ReadSessionPhoto:
    read = service.embedder.read_faces(content, timings.stage, parameters.detail)
    embedded, live_from = embed_judged(service.embedder, read.faces, service.liveness, "attendance", timings.stage)
    copy = None
    if service.keeps_session_photos:
        with timings.stage("copy"):
            copy = service.copy_to_show(content, LONGEST_SIDE)
    return ReadSessionPhoto(digest_of(content), tuple(embedded), read.rotated, copy, live_from)


def record_read_photo(
    service: Service,
    stored: StoredSession,
    photo: ReadSessionPhoto,
    point: OperatingPoint,
    claim: Claim,
    frame: bool,
) -> RecordedPhoto:
    """Record who of the class is in a photo that was read.

    Args:
        service: whose gallery it is.
        stored: the session.
        photo: what was read.
        point: with the threshold that faces are held to.
        claim: of the request.
        frame: whether it is one of a camera's many.

    Raises:
        Conflict: ``session_closed``.
        NotFound: ``class_not_found``.
    """
    if frame and not photo.faces:
        return RecordedPhoto(None, repeated=False, kept=False, rotated=photo.rotated, faces=())
    kept_photos = service.gallery.store.session_photos
    numbered = kept_photos.number(stored.id, photo.sha256, claim.at)
    if numbered is None:
        raise session_closed(stored.id)
    number = numbered.number
    # An earlier attempt of this request may have added the photo.
    repeated = not numbered.added and (claim.first or numbered.at != claim.at)
    class_photo = ClassPhoto(
        stored.session.clase,
        stored.session.fecha,
        photo.sha256,
        point.threshold,
        # One request may have several photos, each of which may say something of a student.
        replace(claim, key=f"{claim.key} photo {number}") if claim.key else claim,
        session=stored.id,
        number=number,
        late=is_late(stored.session, service.clock.local(claim.moment)),
        evidence=not frame,
        live_only=service.liveness.mode("attendance") == "enforce",
    )
    faces = [class_photo_face(face, photo.live_from) for face in photo.faces]
    found = record_class_photo(service.attendance_log, faces, class_photo)
    if not claim.done and not repeated:
        unknown = (face for face, made in zip(photo.faces, found, strict=True) if made.status == "unknown")
        service.keep_unknown(unknown, photo.live_from, "session", stored.session.clase, stored.id)
    kept = claim.done and kept_photos.content(stored.id, number) is not None
    if not claim.done and photo.copy is not None and (not frame or any(made.recorded for made in found)):
        content, (height, width) = photo.copy
        shown = tuple(
            SessionFace(face.box, made.status, tuple((each.subject, each.score) for each in made.candidates))
            for face, made in zip(faces, found, strict=True)
        )
        whole = SessionPhoto(stored.id, number, photo.sha256, claim.at, True, width, height, shown)
        kept = kept_photos.keep(whole, content, may_show(service, stored, shown))
    return RecordedPhoto(number, repeated, kept, photo.rotated, tuple(zip(photo.faces, found, strict=True)))


def may_show(service: Service, stored: StoredSession, faces: Sequence[SessionFace]) -> set[int]:
    """Whom a class photo may show: everyone of the class, also where no face was found or recognised, and whom its
    faces resemble enough."""
    members = {int(subject) for subject in service.gallery.roster(clase=stored.session.clase, kind="student")}
    return members | {subject for face in faces if face.status != "unknown" for subject, _ in face.candidates}


# -- the photos that are kept ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ShownFace:
    """A face of a kept photo as it stands now.

    Attributes:
        face: the face as it was recorded.
        status: the same, or what a person has said since: ``present``, or ``unknown`` when it is none of those.
        student: who it is; None unless that is clear, and the caller may know it.
        candidates: students whom it resembles and whom the caller may know, with scores, best first.
        entries: what was said because of this face and was not taken back: the last of each student, with the student.
    """

    face: SessionFace
    status: str
    student: Student | None
    candidates: tuple[tuple[Student, float], ...]
    entries: tuple[tuple[StoredAttendance, Student], ...]


@dataclass(frozen=True, slots=True)
class ShownPhoto:
    """A photo of a session as it stands now; ``undone``: whether it recorded something, and all of that was taken
    back."""

    photo: SessionPhoto
    faces: tuple[ShownFace, ...]
    undone: bool


def shown_photos(service: Service, number: int) -> list[ShownPhoto]:
    """The photos of a session in order of number, with what holds of the faces of those that are kept.

    Raises:
        NotFound: ``session_not_found``.
    """
    service.session_log.session(number)
    drop_expired(service.gallery.whole.store, service.clock)
    store = service.gallery.store
    photos = store.session_photos.photos(number)
    said: dict[int, list[StoredAttendance]] = {}
    for stored in store.attendance.entries(EntryFilter(session=number)):
        if stored.entry.subject is not None:
            said.setdefault(stored.entry.subject, []).append(stored)
    stand = [stored for each in said.values() for stored in standing(each)]
    standing_ids = {stored.id for stored in stand}
    made: dict[int, list[bool]] = {}
    for stored in (stored for each in said.values() for stored in each):
        if stored.entry.source == "photo" and stored.entry.undoes is None:
            made.setdefault(stored.entry.photo_number, []).append(stored.id in standing_ids)
    subjects = {subject for photo in photos for face in photo.faces for subject, _ in face.candidates} | set(said)
    students = {
        subject: student
        for subject, student in store.subjects(sorted(subjects)).items()
        if subject in said or service.gallery.scope.sees(student)
    }
    return [
        ShownPhoto(
            photo,
            tuple(_shown(photo, place, face, stand, students) for place, face in enumerate(photo.faces, start=1)),
            undone=photo.number in made and not any(made[photo.number]),
        )
        for photo in photos
    ]


def _shown(
    photo: SessionPhoto,
    place: int,
    face: SessionFace,
    stand: Sequence[StoredAttendance],
    students: dict[int, Student],
) -> ShownFace:
    last = {
        stored.entry.subject: stored
        for stored in stand
        if (stored.entry.photo_number, stored.entry.face_number) == (photo.number, place)
    }
    mine = [(stored, students[subject]) for subject, stored in last.items() if subject in students]
    candidates = tuple((students[subject], score) for subject, score in face.candidates if subject in students)
    first = face.candidates[0][0] if face.candidates else None
    status, student = face.status, students.get(first or 0) if face.status in NAMED else None
    by_hand = [(stored, each) for stored, each in mine if stored.entry.source == "hand"]
    named = [each for stored, each in by_hand if stored.entry.status != "withdrawn"]
    if named:
        status, student = "present", named[0]
    elif by_hand and len(by_hand) == len(mine):
        status, student = "unknown", None
    return ShownFace(face, status, student, candidates, tuple(mine))


def photo_copy(service: Service, number: int, photo: int) -> bytes:
    """The copy of a photo, a JPEG.

    Raises:
        NotFound: ``session_not_found``, ``photo_not_found``.
    """
    service.session_log.session(number)
    drop_expired(service.gallery.whole.store, service.clock)
    content = service.gallery.store.session_photos.content(number, photo)
    if content is None:
        raise session_photo_not_found(number, photo)
    return content


def drop_expired(store: DocumentStore, clock: Clock, hours: int = KEPT_HOURS) -> None:
    """Erase the copies that were kept for some hours."""
    oldest = (clock.now().astimezone(UTC) - timedelta(hours=hours)).isoformat(timespec="seconds")
    store.session_photos.drop(before=oldest)


class PhotoExpiry:
    """A thread that erases copies of photos when they have been kept long enough."""

    def __init__(self, store: DocumentStore, clock: Clock, keeps: bool) -> None:
        """Begin. Where no photo is kept, those of an earlier setting go now."""
        self._store = store
        self._clock = clock
        self._hours = KEPT_HOURS if keeps else 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="session-photos", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                drop_expired(self._store, self._clock, self._hours)
            except PresenteError as error:
                log.warning("photos of sessions: %s", error)
            if self._stop.wait(_EVERY_S):
                return

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join()
