"""Compares the photos of a batch with the students whom they are filed under, and with other students."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby

import numpy as np

from faces.embedder import EmbeddedFace, FaceEmbedder
from gallery.documents.student_rules import POSSIBLE_DUPLICATE
from gallery.enrolment.nearest_others import NEW_STUDENT
from gallery.enrolment.photo_check import PhotoJudgement, different_person, possible_duplicate
from gallery.gallery import Gallery
from indexer.pipeline.crash_guard import CrashGuard
from indexer.pipeline.run_report import RunReport
from indexer.pipeline.values import AlignedPhoto, SubjectInRun
from presente.enrolment import EnrolmentJudge, PendingEnrolment, Portrait, every_face
from presente.errors import Conflict, PhotoRefused

_EmbeddedPhoto = tuple[AlignedPhoto, EmbeddedFace]


class EnrolmentChecks:
    """Decides which photos of a run are enrolled, one batch at a time."""

    def __init__(
        self,
        gallery: Gallery,
        embedder: FaceEmbedder,
        crash_guard: CrashGuard,
        report: RunReport,
        refuse: Callable[[str, BaseException], None],
        force: bool,
        judge: EnrolmentJudge,
    ) -> None:
        """Set up the checks of one run.

        Args:
            gallery: whose students the photos are compared with.
            embedder: embeds further faces of a photo.
            crash_guard: of the run.
            report: gets the possible duplicates.
            refuse: is called with the location and the error of each photo that is refused.
            force: enrol every photo, whatever it shows.
            judge: of the gallery.
        """
        self._gallery = gallery
        self._embedder = embedder
        self._crash_guard = crash_guard
        self._report = report
        self._refuse_photo = refuse
        self._force = force
        self._judge = judge

    def accepted(self, batch: Sequence[_EmbeddedPhoto]) -> list[_EmbeddedPhoto]:
        """The photos that are enrolled, each with the face of its student. The others are refused.

        People of the cohort are not compared: their data set says who they are.
        """
        groups = [(subject, list(photos)) for subject, photos in groupby(batch, key=lambda entry: entry[0].subject)]
        students = [group for group in groups if group[0].student.kind == "student"]
        verdicts = self._judge.judge([self._pending(*group) for group in students])[1]
        verdicts_of = dict(zip([subject for subject, _ in students], verdicts, strict=True))
        accepted: list[_EmbeddedPhoto] = []
        for subject, photos in groups:
            if subject not in verdicts_of:
                accepted += photos
                continue
            for (photo, _), (face, judged) in zip(photos, verdicts_of[subject], strict=True):
                error = None if self._force else self._refusal(photo, judged, photos)
                if error is not None:
                    self._refuse_photo(photo.location, error)
                    continue
                self._note_duplicate(subject, judged)
                accepted.append((photo, face))
        return accepted

    def _pending(self, subject: SubjectInRun, photos: Sequence[_EmbeddedPhoto]) -> PendingEnrolment:
        if subject.id == NEW_STUDENT and subject.written:  # the photos of the student are more than a batch
            stored = self._gallery.store.student(subject.student.matricula)
            subject.id = NEW_STUDENT if stored is None else stored.id
        if subject.id != NEW_STUDENT and not subject.templates:
            subject.templates = [*self._gallery.templates_of(subject.id)]
        templates = np.array(subject.templates, dtype=np.float32).reshape(-1, self._gallery.dim)
        portraits = [Portrait(face, partial(self._every_face, photo)) for photo, face in photos]
        return PendingEnrolment(subject.student, subject.id, templates, portraits)

    def _every_face(self, photo: AlignedPhoto) -> list[EmbeddedFace]:
        try:
            with self._crash_guard.reading(photo.location):
                return every_face(photo.content, self._embedder)
        except PhotoRefused:  # reading it is known to crash the process
            return []

    def _refusal(
        self, photo: AlignedPhoto, judged: PhotoJudgement, photos: Sequence[_EmbeddedPhoto]
    ) -> Conflict | None:
        """Why a photo is not enrolled; None when it is. ``photos`` are those of the student in this batch."""
        matricula, fix = photo.subject.student.matricula, "Check the photo; --force enrols it all the same."
        if judged.verdict == "different":
            compared = ", ".join(photos[place][0].location for place in judged.photos) or "the student's own photos"
            return different_person("The photo does not show", matricula, judged, compared, fix)
        if judged.similar is not None and self._gallery.settings.duplicates == "refuse":
            return possible_duplicate("The photo", matricula, judged.similar, fix)
        return None

    def _note_duplicate(self, subject: SubjectInRun, judged: PhotoJudgement) -> None:
        """Report a student who clearly is enrolled under another matricula, and set the student's ``aviso``."""
        if judged.similar is None or self._gallery.settings.duplicates == "allow":
            return
        self._report.add_duplicate(subject.student.matricula, judged.similar.matricula, judged.similar.score)
        subject.student = replace(subject.student, aviso=subject.student.aviso or POSSIBLE_DUPLICATE)
