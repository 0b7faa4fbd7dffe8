"""Photos that are to be enrolled, judged before they are stored: the server's of one student, the indexer's of many.

At most one search for all of them, and one more for each photo whose most prominent face is not the student's.
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


@dataclass(frozen=True, slots=True)
class Portrait:
    """The most prominent face of a photo, and how to get all of its faces when that is not the student's."""

    face: EmbeddedFace
    faces: Callable[[], Sequence[EmbeddedFace]]


@dataclass(frozen=True, slots=True)
class Candidacy:
    """A student with photos that are to be enrolled; ``subject`` and ``templates``, float32 (t, d), as they are stored
    (:data:`gallery.enrolment.nearest_others.NEW_STUDENT` and none for a new student)."""

    student: Student
    subject: int
    templates: NDArray[np.float32]
    portraits: Sequence[Portrait]


EnrolmentVerdict = tuple[EmbeddedFace, PhotoJudgement]
"""The face that a photo is of, and what was made of it."""


class EnrolmentJudge:
    """Judges photos by one gallery. Safe to use from several threads."""

    def __init__(self, gallery: Gallery, threshold: float) -> None:
        """Of a gallery, whose pack has this threshold."""
        self.gallery = gallery
        self.keeper = LevelKeeper(gallery, threshold)

    def judge(self, candidacies: Sequence[Candidacy]) -> tuple[EnrolmentLevels, list[list[EnrolmentVerdict]]]:
        """Judge the photos of several students, who are also compared with each other; and the levels it went by."""
        levels = self.keeper.now()
        if not candidacies:
            return levels, []
        probes = [portrait.face.template for each in candidacies for portrait in each.portraits]
        own = [each.subject for each in candidacies for _ in each.portraits]
        rivals = iter(nearest_others(self.gallery, np.array(probes), own, levels.duplicate))
        taken: list[tuple[Student, NDArray[np.float32]]] = []
        verdicts = []
        for each in candidacies:
            found = self._judge(each, [next(rivals) for _ in each.portraits], taken, levels)
            verdicts.append(found)
            taken += [(each.student, face.template) for face, judged in found if judged.verdict != "different"]
        return levels, verdicts

    def _judge(
        self,
        candidacy: Candidacy,
        rivals: Sequence[SimilarStudent | None],
        taken: Sequence[tuple[Student, NDArray[np.float32]]],
        levels: EnrolmentLevels,
    ) -> list[EnrolmentVerdict]:
        portraits, own = candidacy.portraits, candidacy.student.matricula
        closer: dict[int, Sequence[EmbeddedFace]] = {}
        beside = np.array([template for _, template in taken], dtype=np.float32).reshape(-1, self.gallery.dim)

        def faces(photo: int) -> NDArray[np.float32]:
            closer[photo] = portraits[photo].faces()
            return np.array([face.template for face in closer[photo]], dtype=np.float32).reshape(-1, self.gallery.dim)

        def nearer(face: NDArray[np.float32], rival: SimilarStudent | None) -> SimilarStudent | None:
            """The rival, or the student of the same batch whom the face shows still more clearly."""
            if rival is not None and rival.matricula == own:  # stored meanwhile
                rival = None
            if not len(beside):
                return rival
            scores = beside @ face
            place = int(scores.argmax())
            other, score = taken[place][0], float(scores[place])
            if score < levels.duplicate or (rival is not None and rival.score >= score):
                return rival
            return None if other.matricula == own else SimilarStudent(other.matricula, other.nombre_del_alumno, score)

        def rival_of(face: NDArray[np.float32]) -> SimilarStudent | None:
            return nearer(face, nearest_others(self.gallery, face[None], [candidacy.subject], levels.duplicate)[0])

        found = judge_photos(
            candidacy.templates,
            np.array([portrait.face.template for portrait in portraits]),
            [nearer(portrait.face.template, rival) for portrait, rival in zip(portraits, rivals, strict=True)],
            levels,
            faces,
            rival_of,
        )
        return [
            (closer[photo][judged.face - 1] if judged.face else portraits[photo].face, judged)
            for photo, judged in enumerate(found)
        ]


def every_face(content: bytes, embedder: FaceEmbedder) -> list[EmbeddedFace]:
    """Every face of a photo that could be enrolled, largest first; see :meth:`FaceEmbedder.portraits`."""
    return embedder.embed(embedder.portraits(content))
