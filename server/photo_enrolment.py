"""How photos are enrolled: they are read, judged, and stored only if they are the student's."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from faces.embedder import EmbeddedFace, FaceEmbedder
from gallery.audit.names import same_name
from gallery.documents.student_rules import POSSIBLE_DUPLICATE, check_student, student_exists, student_not_found
from gallery.documents.values import Enrolment, EnrolmentMode, StoredStudent, Student
from gallery.enrolment.nearest_others import NEW_STUDENT, SimilarStudent, nearest_others
from gallery.enrolment.photo_check import PhotoJudgement, different_person, possible_duplicate
from gallery.enrolment.score_levels import EnrolmentLevels
from gallery.gallery import Gallery
from presente.enrolment import EnrolmentJudge, EnrolmentVerdict, PendingEnrolment, Portrait, every_face
from presente.errors import Conflict, InvalidInput, PhotoRefused
from presente.recognition import as_template, enrolled_photo
from presente.stages import stage

log = logging.getLogger(__name__)

_SENT = ("nombre_del_alumno", "clase", "fecha_de_registro")
"""The fields that an enrolment sets of a student who exists; the others stay as they are."""

_SAME_PICTURE = 0.9999
"""Cosine of two templates above which they are of one picture. Of two photos in a row it is lower."""

_LOOK = "Check the matricula and the photo. Nothing was stored"
_FORCE = f"{_LOOK}; if it is right all the same, force=true enrols it."


@dataclass(frozen=True, slots=True)
class DuplicateWarning:
    """A photo of an enrolment, counted from 1, that clearly shows another student; ``fpir`` is the share of really new
    people who score as high, None when that is not known."""

    similar: SimilarStudent
    fpir: float | None
    photo: int


@dataclass(frozen=True, slots=True)
class AcceptedEnrolment:
    """An enrolment: the student as stored, the face that was taken of each photo, and warnings for a person."""

    student: StoredStudent
    faces: tuple[EmbeddedFace, ...]
    warnings: tuple[DuplicateWarning, ...]


@dataclass(frozen=True, slots=True)
class ReadPhoto:
    """A photo that is to be enrolled, and its face.

    Attributes:
        content, media_type: the photo.
        face: the most prominent one of it; its template goes into the store as it is.
        source: where the photo came from, as the store keeps it.
        has_others: whether its other faces are looked at where this one is not clearly the student's.
    """

    content: bytes
    media_type: str
    face: EmbeddedFace
    source: str = "http"
    has_others: bool = True


@dataclass(frozen=True, slots=True)
class PhotoRoom:
    """How many photos of a student there may be, and of how many bytes together, for the student to add more."""

    photos: int
    bytes: int

    def check(self, photos: int, size: int) -> None:
        """Refuse to have more.

        Raises:
            Conflict: ``no_room_for_photos``.
        """
        if photos > self.photos or size > self.bytes:
            raise Conflict(
                "no_room_for_photos",
                f"A student may have {self.photos} photos of {self.bytes / 1e6:,.0f} MB together, and these would be "
                f"{photos} of {size / 1e6:,.1f} MB.",
                "Send fewer or smaller photos, or ask an admin: PRESENTE_STUDENT_PHOTOS_MOST and _MB say how many. "
                "Nothing was stored.",
            )


class PhotoEnroller:
    """Enrols students in one gallery. Safe to use from several threads."""

    def __init__(self, gallery: Gallery, embedder: FaceEmbedder) -> None:
        self.gallery = gallery
        self.embedder = embedder
        self._judge = EnrolmentJudge(gallery, embedder.pack.threshold)
        self._one_at_a_time = threading.Lock()

    def enrol(
        self,
        student: Student,
        photos: Sequence[bytes],
        mode: EnrolmentMode,
        force: bool = False,
        room: PhotoRoom | None = None,
    ) -> AcceptedEnrolment:
        """Enrol a student, all photos or none; they are searchable when this returns.

        A picture that the student has already, in whatever bytes, adds nothing, and is answered as the others are.

        Args:
            student: with the fields as they shall be.
            photos: the photos.
            mode: as :data:`EnrolmentMode`; ``put`` changes the fields only of a student whom the photos clearly show,
                or whose stored name is the one that was sent.
            force: take photos that clearly are not the student's, too, and duplicates.
            room: how many photos the student may have afterwards; None for any number.

        Raises:
            Conflict: ``different_person``, ``possible_duplicate``, ``no_room_for_photos``, and as
                :meth:`Gallery.enrol`.
        """
        if not photos:
            raise InvalidInput("no_photos", "No photo was sent.", "Send at least one, in the field image.")
        student = check_student(student)
        self.gallery.check_consent(student)
        stored = self.gallery.store.student(student.matricula)
        if stored is not None and mode == "create":
            raise student_exists(student.matricula)  # checked again below; checking first spares the inference
        if room is not None and stored is not None:
            room.check(stored.images, self.gallery.store.photo_bytes(student.matricula))  # before the photos are read
        return self.enrol_read(student, self._read_all(photos), mode, force, room)

    def enrol_read(
        self,
        student: Student,
        photos: Sequence[ReadPhoto],
        mode: EnrolmentMode,
        force: bool = False,
        room: PhotoRoom | None = None,
    ) -> AcceptedEnrolment:
        """Enrol a student with photos whose faces are embedded already; otherwise as :meth:`enrol`."""
        student = check_student(student)
        self.gallery.check_consent(student)
        with self._one_at_a_time:  # one enrolment is stored before the next is judged
            return self._enrol(student, photos, mode, force, room)

    def enrolled(self, matricula: str, photos: Sequence[bytes]) -> AcceptedEnrolment:
        """What :meth:`enrol` answers for photos that a student has been enrolled with; nothing is stored.

        Raises:
            NotFound: ``student_not_found``.
        """
        stored = self.gallery.student(matricula)
        levels, verdicts = self._judged(stored.student, stored, self._read_all(photos))
        return AcceptedEnrolment(stored, tuple(face for face, _ in verdicts), self._warnings(verdicts, levels))

    def embed_stored(self, matricula: str) -> None:
        """Embed those stored photos of a student that have no template. One that cannot be used stays without."""
        store, pack = self.gallery.store, self.gallery.pack
        embedded = store.embedded(matricula, pack)
        for sha256 in store.digests(matricula):
            photo = None if sha256 in embedded else store.student_photos.photo(matricula, sha256)
            if photo is None:
                continue
            try:
                face = self.embedder.embed_portrait(photo.content, stage=stage)[1]
            except PhotoRefused as error:
                log.warning("a stored photo is not embedded: %s", error.code)
                continue
            store.add_templates([(photo.id, as_template(face, pack))])

    def lookalikes(self, matricula: str) -> list[SimilarStudent]:
        """Other students whom the stored photos of a student clearly show, as they are now, the most alike first.

        Raises:
            NotFound: ``student_not_found``.
        """
        stored = self.gallery.student(matricula)
        templates = self.gallery.templates_of(stored.id)
        if not len(templates):
            return []
        level = self._judge.keeper.now().duplicate
        found: dict[str, SimilarStudent] = {}
        for each in nearest_others(self.gallery, templates, [stored.id] * len(templates), level):
            if each is not None and (each.matricula not in found or found[each.matricula].score < each.score):
                found[each.matricula] = each
        return sorted(found.values(), key=lambda each: -each.score)

    def _enrol(
        self,
        student: Student,
        photos: Sequence[ReadPhoto],
        mode: EnrolmentMode,
        force: bool,
        room: PhotoRoom | None,
    ) -> AcceptedEnrolment:
        stored = self.gallery.store.student(student.matricula)
        if stored is not None and mode == "create":
            raise student_exists(student.matricula)
        levels, verdicts = self._judged(student, stored, photos)
        if not force:
            self._check(student.matricula, [judged for _, judged in verdicts], mode)
        if stored is not None:
            if mode == "put":
                _check_fields(stored, student, [judged for _, judged in verdicts])
            student = replace(stored.student, **{name: getattr(student, name) for name in _SENT})
        warnings = self._warnings(verdicts, levels)
        if warnings:
            student = replace(student, aviso=student.aviso or POSSIBLE_DUPLICATE)
        new: Sequence[int] = range(len(photos))
        if stored is not None:
            new = _new_pictures(self.gallery.templates_of(stored.id), [face.template for face, _ in verdicts])
            if room is not None:
                size = self.gallery.store.photo_bytes(student.matricula)
                room.check(stored.images + len(new), size + sum(len(photos[number].content) for number in new))
        made = tuple(
            enrolled_photo(each.content, each.media_type, each.source, face, self.gallery.pack)
            for each, (face, _) in ((photos[number], verdicts[number]) for number in new)
        )
        self.gallery.enrol([Enrolment(student, made)], mode)
        kept = self.gallery.student(student.matricula)
        if warnings and mode == "extend" and not kept.student.aviso:  # which leaves the fields alone
            if not self.gallery.store.update(replace(kept.student, aviso=POSSIBLE_DUPLICATE)):
                raise student_not_found(student.matricula)
            kept = self.gallery.student(student.matricula)
        return AcceptedEnrolment(kept, tuple(face for face, _ in verdicts), warnings)

    def _judged(
        self,
        student: Student,
        stored: StoredStudent | None,
        photos: Sequence[ReadPhoto],
    ) -> tuple[EnrolmentLevels, list[EnrolmentVerdict]]:
        subject = NEW_STUDENT if stored is None else stored.id
        portraits = [
            Portrait(each.face, partial(every_face, each.content, self.embedder) if each.has_others else list)
            for each in photos
        ]
        pending = PendingEnrolment(student, subject, self.gallery.templates_of(subject), portraits)
        levels, (verdicts,) = self._judge.judge([pending])
        return levels, verdicts

    def _check(self, matricula: str, judged: Sequence[PhotoJudgement], mode: EnrolmentMode) -> None:
        """Refuse photos that clearly are not the student's; and duplicates, where they are refused."""
        fix = f"{_LOOK}." if mode == "put" else _FORCE  # the first page's route has no force
        wrong = [number for number, each in enumerate(judged, start=1) if each.verdict == "different"]
        if wrong:
            first = judged[wrong[0] - 1]
            against = "the student's own photos"
            if first.photos:
                against = f"{_photos([photo + 1 for photo in first.photos]).lower()} of this request"
            what = f"{_photos(wrong)} {'does' if len(wrong) == 1 else 'do'} not show"
            raise different_person(what, matricula, first, against, fix)
        if self.gallery.settings.duplicates == "refuse":
            for number, each in enumerate(judged, start=1):
                if each.similar is not None:
                    raise possible_duplicate(f"Photo {number}", matricula, each.similar, fix)

    def _warnings(self, verdicts: Sequence[EnrolmentVerdict], levels: EnrolmentLevels) -> tuple[DuplicateWarning, ...]:
        if self.gallery.settings.duplicates == "allow":
            return ()
        return tuple(
            DuplicateWarning(judged.similar, levels.fpir(judged.similar.score), number)
            for number, (_, judged) in enumerate(verdicts, start=1)
            if judged.similar is not None
        )

    def _read_all(self, photos: Sequence[bytes]) -> list[ReadPhoto]:
        return [self._read(number, content) for number, content in enumerate(photos, start=1)]

    def _read(self, number: int, content: bytes) -> ReadPhoto:
        try:
            return ReadPhoto(content, *self.embedder.embed_portrait(content, stage=stage))
        except PhotoRefused as exc:
            fix = f"{exc.fix} Nothing was stored."
            raise PhotoRefused(exc.code, f"Photo {number}: {exc.what}", fix, faults=exc.faults) from exc


def _check_fields(stored: StoredStudent, student: Student, judged: Sequence[PhotoJudgement]) -> None:
    """Refuse to change the fields of a student whom the photos do not clearly show, unless the name is theirs."""
    clear = any(each.verdict == "same" for each in judged)
    if not clear and not same_name(stored.student.nombre_del_alumno, student.nombre_del_alumno):
        raise Conflict(
            "different_person",
            f"Matricula {student.matricula!r} is {stored.student.nombre_del_alumno}'s, and the photo does not clearly "
            f"show that student: {student.nombre_del_alumno!r} was sent.",
            f"{_LOOK}.",
        )


def _new_pictures(known: NDArray[np.float32], templates: Sequence[NDArray[np.float32]]) -> Sequence[int]:
    """Which of the templates, by number, are neither of a picture that is known nor of one before them."""
    new: list[int] = []
    for number, template in enumerate(templates):
        if not (known @ template > _SAME_PICTURE).any():
            new.append(number)
            known = np.vstack([known, template])
    return new


def _photos(numbers: Sequence[int]) -> str:
    """Photo 1; Photos 1, 2 and 4."""
    *before, last = map(str, numbers)
    return f"Photos {', '.join(before)} and {last}" if before else f"Photo {last}"
