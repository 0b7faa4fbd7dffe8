"""Judges the photos that are to be enrolled before they are stored: one student's in the server, many students' in the
indexer.

This takes at most one search for all photos, and one more per photo whose most prominent face is not the student's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faces.embedder import EmbeddedFace, FaceEmbedder
from gallery.documents.values import Student
from gallery.enrolment.nearest_others import SimilarStudent, nearest_others
from gallery.enrolment.photo_check import PhotoJudgement, judge_photos
from gallery.enrolment.score_levels import EnrolmentLevels, LevelKeeper
from gallery.gallery import Gallery
from gallery.person_score import mean_lengths, person_scores
from presente.stages import stage


@dataclass(frozen=True, slots=True)
class Portrait:
    """A photo's most prominent face. ``faces`` embeds all of its faces, for when that one is not the student's."""

    face: EmbeddedFace
    faces: Callable[[], Sequence[EmbeddedFace]]


@dataclass(frozen=True, slots=True)
class PendingEnrolment:
    """A student with photos that are to be enrolled.

    Attributes:
        student: as it is to be stored.
        subject: its number in the store; :data:`gallery.enrolment.nearest_others.NEW_STUDENT` for a new student.
        templates: float32 (t, d), those that the student has already.
        portraits: one per photo that is to be enrolled.
    """

    student: Student
    subject: int
    templates: NDArray[np.float32]
    portraits: Sequence[Portrait]


EnrolmentVerdict = tuple[EmbeddedFace, PhotoJudgement]
"""The face of a photo that was taken for the student's, and the judgement."""


class EnrolmentJudge:
    """Judges photos by the people of one gallery. Safe to use from several threads."""

    def __init__(self, gallery: Gallery, threshold: float) -> None:
        """``threshold`` is that of the gallery's pack."""
        self.gallery = gallery
        self.keeper = LevelKeeper(gallery, threshold)

    def judge(self, pending: Sequence[PendingEnrolment]) -> tuple[EnrolmentLevels, list[list[EnrolmentVerdict]]]:
        """The levels of score that it judged by, and per student one verdict per photo, in the order given.

        The students are compared with each other, too.
        """
        levels = self.keeper.now()
        if not pending:
            return levels, []
        probes = [portrait.face.template for each in pending for portrait in each.portraits]
        own = [each.subject for each in pending for _ in each.portraits]
        stored_others = iter(nearest_others(self.gallery, np.array(probes), own, levels.duplicate))
        batch: list[tuple[Student, NDArray[np.float32]]] = []  # each student with the templates, (t, d)
        verdicts = []
        for each in pending:
            found = self._judge(each, [next(stored_others) for _ in each.portraits], batch, levels)
            verdicts.append(found)
            taken = [face.template for face, judged in found if judged.verdict != "different"]
            if taken:
                batch.append((each.student, np.array(taken)))
        return levels, verdicts

    def _judge(
        self,
        pending: PendingEnrolment,
        stored_others: Sequence[SimilarStudent | None],
        batch: Sequence[tuple[Student, NDArray[np.float32]]],
        levels: EnrolmentLevels,
    ) -> list[EnrolmentVerdict]:
        """Judge the photos of one student.

        ``stored_others`` holds, per photo, the nearest other student of the gallery; ``batch`` the students who
        were judged before in the same call, with their templates.
        """
        portraits, own = pending.portraits, pending.student.matricula
        if batch:
            counts = np.array([len(templates) for _, templates in batch])
            rows, starts = np.concatenate([templates for _, templates in batch]), np.cumsum(counts) - counts
            lengths = mean_lengths(rows, starts)
        faces_of_photo: dict[int, Sequence[EmbeddedFace]] = {}

        def embed_all(photo: int) -> NDArray[np.float32]:
            """The templates of all faces of a photo, float32 (n, d)."""
            faces_of_photo[photo] = portraits[photo].faces()
            templates = [face.template for face in faces_of_photo[photo]]
            return np.array(templates, dtype=np.float32).reshape(-1, self.gallery.dim)

        def nearest(template: NDArray[np.float32], stored: SimilarStudent | None) -> SimilarStudent | None:
            """The nearest other student: the stored one, or one of the batch whose score is higher."""
            if stored is not None and stored.matricula == own:  # enrolled since the call began
                stored = None
            if not batch:
                return stored
            scores = person_scores(template[None] @ rows.T, starts, lengths)[0]
            place = int(scores.argmax())
            student, score = batch[place][0], float(scores[place])
            if score < levels.duplicate or (stored is not None and stored.score >= score):
                return stored
            return (
                None
                if student.matricula == own
                else SimilarStudent(student.matricula, student.nombre_del_alumno, score)
            )

        def nearest_other(template: NDArray[np.float32]) -> SimilarStudent | None:
            (stored,) = nearest_others(self.gallery, template[None], [pending.subject], levels.duplicate)
            return nearest(template, stored)

        judgements = judge_photos(
            pending.templates,
            np.array([portrait.face.template for portrait in portraits]),
            [
                nearest(portrait.face.template, stored)
                for portrait, stored in zip(portraits, stored_others, strict=True)
            ],
            levels,
            embed_all,
            nearest_other,
        )
        return [
            (faces_of_photo[photo][judged.face - 1] if judged.face else portraits[photo].face, judged)
            for photo, judged in enumerate(judgements)
        ]


def every_face(content: bytes, embedder: FaceEmbedder) -> list[EmbeddedFace]:
    """Every face of a photo that could be enrolled, largest first; see :meth:`FaceEmbedder.portraits`."""
    faces = embedder.portraits(content, stage)
    with stage("embed"):
        return embedder.embed(faces)
