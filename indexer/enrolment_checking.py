"""What the photos of a batch show: the students whom they are filed under, or others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from faces.embedder import AlignedFace, EmbeddedFace, FaceEmbedder
from gallery.documents.values import Student
from gallery.enrolment.nearest_others import NEW_STUDENT
from gallery.enrolment.photo_check import POSSIBLE_DUPLICATE, PhotoJudgement, different_person, possible_duplicate
from gallery.gallery import Gallery
from indexer.crash_guard import CrashGuard
from indexer.report import Report
from presente.enrolment import Candidacy, EnrolmentJudge, Portrait, every_face
from presente.errors import Conflict, PhotoRefused


@dataclass(slots=True, eq=False)
class Subject:
    """A student while their photos pass: the fields as they shall be, whether the store has others, known photos; the
    subject's id where it is known, whether this run stored photos, and the templates to compare more with."""

    student: Student
    outdated: bool
    known: set[str]
    id: int = NEW_STUDENT
    written: bool = False
    templates: list[NDArray[np.float32]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A photo that is ready to be embedded."""

    subject: Subject
    location: str
    content: bytes
    sha256: str
    media_type: str
    face: AlignedFace
    remark: str = ""
    """What is to be said of the photo, such as why its second copy is used."""

    aviso: str = ""
    """What the student's ``aviso`` shall say because of it."""


class Checker:
    """Judges the photos of one run, a batch at a time."""

    def __init__(
        self,
        gallery: Gallery,
        embedder: FaceEmbedder,
        watch: CrashGuard,
        report: Report,
        refuse: Callable[[str, BaseException], None],
        force: bool,
    ) -> None:
        """Of a gallery; what is refused, by location, is told to ``refuse``, unless all is taken by ``force``."""
        self._gallery = gallery
        self._embedder = embedder
        self._watch = watch
        self._report = report
        self._refuse_photo = refuse
        self._force = force
        self._judge = EnrolmentJudge(gallery, embedder.pack.threshold)

    def checked(self, faces: Sequence[tuple[Prepared, EmbeddedFace]]) -> list[tuple[Prepared, EmbeddedFace]]:
        """The photos that are enrolled, each with the face that it is of; others are refused, and noted."""
        groups = [(subject, list(photos)) for subject, photos in groupby(faces, key=lambda entry: entry[0].subject)]
        students = [group for group in groups if group[0].student.kind == "student"]
        verdicts = self._judge.judge([self._candidacy(*group) for group in students])[1]
        found = dict(zip([subject for subject, _ in students], verdicts, strict=True))
        accepted: list[tuple[Prepared, EmbeddedFace]] = []
        for subject, photos in groups:
            if subject not in found:
                accepted += photos
                continue
            for (prepared, _), (face, judged) in zip(photos, found[subject], strict=True):
                error = None if self._force else self._refusal(prepared, judged, photos)
                if error is not None:
                    self._refuse_photo(prepared.location, error)
                    continue
                self._note(subject, judged)
                accepted.append((prepared, face))
        return accepted

    def _candidacy(self, subject: Subject, photos: Sequence[tuple[Prepared, EmbeddedFace]]) -> Candidacy:
        if subject.id == NEW_STUDENT and subject.written:  # so many photos that they do not come in one batch
            stored = self._gallery.store.student(subject.student.matricula)
            subject.id = NEW_STUDENT if stored is None else stored.id
        if subject.id != NEW_STUDENT and not subject.templates:
            subject.templates = [*self._gallery.templates_of(subject.id)]
        templates = np.array(subject.templates, dtype=np.float32).reshape(-1, self._gallery.dim)
        portraits = [Portrait(face, partial(self._every_face, prepared)) for prepared, face in photos]
        return Candidacy(subject.student, subject.id, templates, portraits)

    def _every_face(self, prepared: Prepared) -> list[EmbeddedFace]:
        try:
            with self._watch.over(prepared.location):
                return every_face(prepared.content, self._embedder)
        except PhotoRefused:  # it is known to crash the process
            return []

    def _refusal(
        self, prepared: Prepared, judged: PhotoJudgement, photos: Sequence[tuple[Prepared, EmbeddedFace]]
    ) -> Conflict | None:
        matricula, fix = prepared.subject.student.matricula, "Check the photo; --force enrols it all the same."
        if judged.verdict == "different":
            beside = ", ".join(photos[photo][0].location for photo in judged.photos)
            against = beside or "the student's own photos"
            return different_person("The photo does not show", matricula, judged, against, fix)
        if judged.similar is not None and self._gallery.settings.duplicates == "refuse":
            return possible_duplicate("The photo", matricula, judged.similar, fix)
        return None

    def _note(self, subject: Subject, judged: PhotoJudgement) -> None:
        """Report a student who clearly is another already, and set their ``aviso``."""
        if judged.similar is None or self._gallery.settings.duplicates == "allow":
            return
        self._report.add_duplicate(subject.student.matricula, judged.similar.matricula, judged.similar.score)
        subject.student = replace(subject.student, aviso=subject.student.aviso or POSSIBLE_DUPLICATE)
