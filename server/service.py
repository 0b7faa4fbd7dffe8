"""The embedder and the gallery that requests are answered with. Knows no HTTP."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from datetime import UTC
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from faces.embedder import EmbeddedFace, FaceEmbedder
from faces.film.frame_looks import FrameLooks
from faces.image.jpeg_copy import jpeg_copy
from faces.liveness.values import LivenessScore
from faces.recognition import unit_rows
from gallery.access_log.recorder import AccessLog
from gallery.attendance.attendance_log import AttendanceLog
from gallery.attendance.session_log import SessionLog
from gallery.decision import Candidate
from gallery.documents.attendance import WaitReason
from gallery.documents.erasure_list import NOT_ASKED, Cause
from gallery.documents.jobs import Job
from gallery.documents.scope import Scope
from gallery.documents.student_rules import check_student, student_not_found
from gallery.documents.unknown_people import UnknownSource
from gallery.documents.values import EnrolmentMode, StoredPhoto, StoredStudent, Student
from gallery.enrolment.nearest_others import SimilarStudent
from gallery.gallery import Gallery
from gallery.photo_export import Exported, PhotoExport
from gallery.privacy.receipts import Receipt, erase_photo, erase_student, new_code
from gallery.privacy.retention import NOTHING_GOES, Policy
from presente.clock import MACHINE_CLOCK, Clock
from presente.errors import InvalidInput, NotFound, StoreError, shown
from presente.liveness import NOT_JUDGED, LivenessPoint, LivenessPolicy, decided, wait_reason
from presente.recognition import Identified, IdentifyQuery, embed_judged, identify
from presente.settings.liveness import LivenessUse
from presente.stages import stage
from server.imports.desk import ImportDesk
from server.observer import NO_OBSERVER, Observer
from server.photo_enrolment import AcceptedEnrolment, PhotoEnroller, PhotoRoom, ReadPhoto
from server.readiness import LOADING, MOST_BEHIND_S, Readiness, ReadinessCheck
from server.unknown_faces import SeenFace, UnknownFaces

STUDENT_ROOM = PhotoRoom(10, 25_000_000)
"""What the settings say where nothing is set."""

_PAGE = 1000
"""Students read from the store at once."""


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """Whether a photo's most prominent face is a given student; ``score`` None when the student has no template.

    ``live_from``: the score from which the face counts as live; None where that was not asked. ``reason``: why a face
    that is close enough is not the student, because it may be a picture, or a person said it of a face like it;
    otherwise empty.
    """

    face: EmbeddedFace
    score: float | None
    threshold: float
    same_person: bool
    live_from: LivenessPoint | None = None
    reason: WaitReason | Literal["told_apart"] = ""


class Service:
    """One gallery and its embedder. Safe to use from several threads."""

    def __init__(
        self,
        embedder: FaceEmbedder,
        gallery: Gallery,
        export: PhotoExport,
        forget: Callable[[Collection[str]], None],
        clock: Clock = MACHINE_CLOCK,
        observer: Observer = NO_OBSERVER,
        access_log: AccessLog | None = None,
        keeps_session_photos: bool = True,
        student_room: PhotoRoom = STUDENT_ROOM,
        imports: ImportDesk | None = None,
        settings: Sequence[Mapping[str, str]] = (),
        wake_jobs: Callable[[], None] = lambda: None,
        forget_film: Callable[[Job], None] = lambda _: None,
        sees_hands: bool = False,
        policy: Policy = NOTHING_GOES,
        liveness: LivenessPolicy = NOT_JUDGED,
        unknown_faces: UnknownFaces | None = None,
    ) -> None:
        """Serve a gallery.

        Args:
            embedder: makes templates of photos.
            gallery: who is known.
            export: where stored photos are written as files.
            forget: drops what is kept outside the gallery of students who were erased, by matricula.
            clock: the school's, for the dates of what is recorded.
            observer: is told how many faces photos had and what was decided.
            access_log: where it is written who did what; None for nowhere.
            keeps_session_photos: whether copies of the photos of open sessions are kept.
            student_room: how many photos a student may have who adds some.
            imports: where uploaded sheets wait; None where none can be uploaded.
            settings: every setting, as people may see it.
            wake_jobs: lets the server look for jobs at once.
            forget_film: deletes the film of a job that has ended, if it lies here.
            sees_hands: whether raised hands are looked for in films.
            policy: how long what is kept.
            liveness: where it is asked whether faces are live, and what is done then; the embedder has a pack for it.
            unknown_faces: keeps faces of unknown people, of which the embedder cuts out pictures; None: no one does.
        """
        self.embedder = embedder
        self.gallery = gallery
        self.export = export
        self.forget = forget
        self.imports = imports
        self.settings = settings
        self.wake_jobs = wake_jobs
        self.forget_film = forget_film
        self.sees_hands = sees_hands
        self.policy = policy
        self.liveness = liveness
        self.frame_looks = FrameLooks(embedder.pack.threshold)
        self.unknown_faces = unknown_faces
        self.clock = clock
        self.observer = observer
        self.access_log = access_log or AccessLog(gallery.store.access_log, "off")
        self.keeps_session_photos = keeps_session_photos
        self.attendance_log = AttendanceLog(gallery)
        self.session_log = SessionLog(self.attendance_log)
        self._enroller = PhotoEnroller(gallery, embedder)
        self._student_room = student_room

    def within(self, scope: Scope) -> Service:
        """This service for a caller who may see only a part of the school: it answers as if no one else was enrolled.

        The original is reached through ``gallery.whole``, by those few operations that say what they do with it.
        """
        if scope.is_whole:
            return self
        view = copy(self)
        view.gallery = self.gallery.within(scope)
        view.attendance_log = AttendanceLog(view.gallery)
        view.session_log = SessionLog(view.attendance_log)
        return view

    def identify(self, content: bytes, query: IdentifyQuery) -> Identified:
        """Find every face of a photo and say who it is.

        Raises:
            Forbidden: ``class_not_yours``.
        """
        self.gallery.scope.check_class(query.clase)  # a search would refuse it, too, once the photo was read
        found = identify(content, self.embedder, self.gallery, query, self.liveness)
        self.observer.identified([decision for _, decision in found.faces], found.operating_point)
        self.tell_liveness("identify", [face for face, _ in found.faces], found.live_from)
        unknown = (face for face, decision in found.faces if decision.verdict == "unknown")
        self.keep_unknown(unknown, found.live_from, "identify")
        return found

    def keep_unknown(
        self,
        faces: Iterable[EmbeddedFace],
        live_from: LivenessPoint | None,
        source: UnknownSource,
        clase: str = "",
        session: int = 0,
    ) -> None:
        """Let faces of a photo that were decided unknown be kept, if any are, but those that were taken for attacks.

        It waits for nothing.
        """
        if self.unknown_faces is None:
            return
        at = self.clock.now().astimezone(UTC).isoformat(timespec="seconds")
        self.unknown_faces.see(
            SeenFace(face.template, face.quality, face.picture, at, source, clase, session)
            for face in faces
            if face.picture is not None and not _is_attack(face.liveness, live_from)
        )

    def tell_liveness(self, use: LivenessUse, faces: Sequence[EmbeddedFace], live_from: LivenessPoint | None) -> None:
        """Tell the observer whether faces are live, where that was asked."""
        if live_from is not None:
            scores = (face.liveness for face in faces)
            self.observer.judged(use, [decided(score, live_from) for score in scores if score is not None])

    def verify(self, content: bytes, matricula: str, threshold: float | None) -> VerifyResult:
        """Compare a photo's most prominent face with one student's templates."""
        _, aligned = self.embedder.read_portrait(content, stage=stage)
        (face,), live_from = embed_judged(self.embedder, [aligned], self.liveness, "verify", stage)
        point = self.gallery.whole.operating_point(threshold)
        score = self.gallery.compare(face.template, matricula)
        close_enough = score is not None and score >= point.threshold
        apart = close_enough and self.gallery.is_told_apart(face.template, matricula, score or 0.0, point.threshold)
        enforced = live_from is not None and self.liveness.mode("verify") == "enforce"
        waits = wait_reason(face.liveness, live_from) if close_enough and enforced and live_from else ""
        reason: WaitReason | Literal["told_apart"] = "told_apart" if apart else waits
        same_person = close_enough and not reason
        self.observer.verified(same_person, score)
        self.tell_liveness("verify", [face], live_from)
        return VerifyResult(face, score, point.threshold, same_person, live_from, reason)

    def enrol(
        self, student: Student, photos: Sequence[bytes], mode: EnrolmentMode, force: bool = False
    ) -> AcceptedEnrolment:
        """Enrol a student, all photos or none; see :meth:`PhotoEnroller.enrol`."""
        room = self._student_room if self.gallery.scope.matricula else None  # a student asks
        accepted = self._enroller.enrol(student, photos, mode, force, room)
        self.observer.enrolled(len(photos))
        return accepted

    def enrol_read(
        self, student: Student, photos: Sequence[ReadPhoto], mode: EnrolmentMode, force: bool
    ) -> AcceptedEnrolment:
        """Enrol a student with photos whose faces are embedded already; see :meth:`PhotoEnroller.enrol_read`."""
        accepted = self._enroller.enrol_read(student, photos, mode, force)
        self.observer.enrolled(len(photos))
        return accepted

    def enrolled(self, matricula: str, photos: Sequence[bytes]) -> AcceptedEnrolment:
        """What :meth:`enrol` answered for a student who is enrolled: as stored now."""
        return self._enroller.enrolled(matricula, photos)

    def lookalikes(self, matricula: str) -> list[SimilarStudent]:
        """Other students whom the stored photos of a student clearly show; see :meth:`PhotoEnroller.lookalikes`."""
        return self._enroller.lookalikes(matricula)

    def change(self, student: Student) -> StoredStudent:
        """Replace a student's fields. Photos of a student whose consent had ended are embedded once one holds again.

        Raises:
            NotFound: ``student_not_found``.
            InvalidInput: ``invalid_student``.
            Conflict: ``consent_withdrawn``.
        """
        before = self.gallery.student(student.matricula).student.consentimiento
        if not self.gallery.store.update(check_student(student)):
            raise student_not_found(student.matricula)
        after = self.gallery.student(student.matricula).student.consentimiento
        if before is not None and before.has_ended and after is not None and not after.has_ended:
            self._enroller.embed_stored(student.matricula)
        return self.gallery.student(student.matricula)

    def erase(self, matricula: str, cause: Cause = NOT_ASKED) -> Receipt:
        """Erase a student and everything made of them; the receipt."""
        matricula = self.gallery.named(matricula)
        with self._without_copies(matricula):
            return erase_student(self.gallery, matricula, cause)

    def withdraw_consent(self, matricula: str) -> StoredStudent:
        """End a student's consent now: no one recognises the student from then on. Photos stay until the erasure.

        Raises:
            NotFound: ``student_not_found``.
            StoreError: as :meth:`erase_photo`.
        """
        matricula, whole = self.gallery.student(matricula).student.matricula, self.gallery.whole
        now = self.clock.local(self.clock.now()).isoformat(timespec="seconds")
        with self._without_copies(matricula):
            whole.end_consent(matricula, now, "withdrawn", new_code())
        return whole.student(matricula)

    def merge(self, keep: str, other: str) -> StoredStudent:
        """Make one student of two who are the same person; the one who stays. See :meth:`Gallery.merge`."""
        other = self.gallery.named(other)
        with self._without_copies(other):
            self.gallery.merge(keep, other)
        return self.gallery.student(keep)

    def erase_photo(self, matricula: str, sha256: str, cause: Cause = NOT_ASKED) -> Receipt:
        """Erase one photo of a student and everything made of it; the receipt. The student stays, also without photos.

        Copies of the student's other photos go, too, and are made anew when they are needed.

        Raises:
            NotFound: ``student_not_found``, ``photo_not_found``.
            StoreError: ``erasure_incomplete``; asking for the student's erasure or any other tries again.
        """
        matricula = self.gallery.student(matricula).student.matricula
        if sha256 not in self.gallery.store.digests(matricula):
            raise photo_not_found(matricula, sha256)
        with self._without_copies(matricula):
            return erase_photo(self.gallery, matricula, sha256, cause)

    def move_photo(self, matricula: str, sha256: str, to: str) -> None:
        """Give a photo of a student to another one, whom it shows.

        Raises:
            NotFound: ``student_not_found``, ``photo_not_found``.
            InvalidInput: ``same_student``.
            StoreError: as :meth:`erase_photo`.
        """
        matricula = self.gallery.student(matricula).student.matricula
        if sha256 not in self.gallery.store.digests(matricula):
            raise photo_not_found(matricula, sha256)
        with self._without_copies(matricula):
            self.gallery.take_photos(matricula, [sha256], to)

    @contextmanager
    def _without_copies(self, matricula: str) -> Iterator[None]:
        """Delete what is kept of a student outside the gallery, around an erasure: rows of an import before it, so that
        none of them enrols the student anew, and all once more after it, for what came meanwhile."""
        if self.unknown_faces is not None:
            self.unknown_faces.settle()  # what a photo has just shown is erased with the rest
        if self.imports is not None:
            self.imports.forget([matricula])
        try:
            yield
        finally:
            if self.imports is not None:
                self.imports.forget([matricula])
            self.forget([matricula])

    def photo(self, matricula: str, sha256: str) -> StoredPhoto:
        """A stored photo of a student.

        Raises:
            NotFound: ``student_not_found``, ``photo_not_found``.
        """
        matricula = self.gallery.student(matricula).student.matricula
        found = self.gallery.store.student_photos.photo(matricula, sha256)
        if found is None:
            raise photo_not_found(matricula, sha256)
        return found

    def everyone(self) -> Iterator[StoredStudent]:
        """All students, in order of matricula."""
        after = ""
        while page := self.gallery.store.students(after=after, limit=_PAGE):
            yield from page
            after = page[-1].student.matricula

    def save_photos(self) -> Exported:
        """Write every stored photo that is not there yet into the export folder."""
        return self.export.save_all(self.gallery.store, self._as_jpeg)

    def copy_to_show(self, content: bytes, longest: int) -> tuple[bytes, tuple[int, int]]:
        """A photo as a JPEG of at most ``longest`` pixels on its longer side; and the whole photo's height and width.

        Raises:
            PhotoRefused: the bytes are not a photo that can be used.
        """
        with self.embedder.opened_to_show(content, longest) as photo:
            return jpeg_copy(photo.pixels, longest), photo.size

    def _as_jpeg(self, content: bytes) -> bytes:
        with self.embedder.opened(content) as photo:
            return jpeg_copy(photo.pixels)


def _is_attack(score: LivenessScore | None, live_from: LivenessPoint | None) -> bool:
    return score is not None and live_from is not None and decided(score, live_from) == "attack"


def search_unit_rows(
    gallery: Gallery, embeddings: NDArray[np.float32], k: int, clase: str | None, cohort: bool
) -> list[list[Candidate]]:
    """The nearest subjects of many probes; rows need not be of length 1."""
    if len(embeddings) == 0:
        return []
    try:
        probes = unit_rows(embeddings)
    except ValueError as exc:
        raise InvalidInput(
            "not_finite",
            "An embedding is zero, or holds NaN or infinity.",
            "Send finite rows that are not all zero.",
        ) from exc
    return gallery.search(probes, k, clase, cohort)


def photo_not_found(matricula: str, sha256: str) -> NotFound:
    """The error of naming a photo that a student does not have."""
    return NotFound(
        "photo_not_found",
        f"{shown(matricula)} has no photo {shown(sha256)}.",
        f"GET /v1/students/{matricula}/images lists the photos, by the SHA-256 of each.",
    )


class ServiceHandle:
    """Gives the service once it is loaded, and an error before that."""

    def __init__(self, most_behind_s: float = MOST_BEHIND_S) -> None:
        """Without a service; one whose index is behind for more than so many seconds is not ready."""
        self._most_behind_s = most_behind_s
        self._service: Service | None = None
        self._check: ReadinessCheck | None = None
        self.stopped = False
        """Whether the service has been taken away: what a request still needs is being closed."""

    def ready(self) -> Readiness:
        """Whether a query would be answered now."""
        check = self._check
        return LOADING if check is None else check.now()

    def get(self) -> Service:
        """The service.

        Raises:
            StoreError: ``not_ready``.
        """
        service = self._service
        if service is None:
            raise StoreError("not_ready", "The models and the gallery are still loading.", "Ask again in a second.")
        return service

    def loaded(self) -> Service | None:
        """The service; None before it is loaded."""
        return self._service

    def put(self, service: Service | None) -> None:
        """Make a service the one that answers; None to stop answering."""
        self.stopped = service is None
        self._service = service
        self._check = None if service is None else ReadinessCheck(service.gallery, self._most_behind_s)
