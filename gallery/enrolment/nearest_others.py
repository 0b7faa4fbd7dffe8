"""Which other student a face resembles most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gallery.gallery import Gallery

NEW_STUDENT = -1
"""The subject id of a student who is not stored yet."""


@dataclass(frozen=True, slots=True)
class SimilarStudent:
    """Another student whom a face clearly shows, and the score with that student."""

    matricula: str
    nombre_del_alumno: str
    score: float


def nearest_others(
    gallery: Gallery, probes: NDArray[np.float32], own: Sequence[int], level: float
) -> list[SimilarStudent | None]:
    """The nearest student of each probe who is not the probe's own; None when no score reaches ``level``.

    Args:
        gallery: the gallery as it is now.
        probes: the faces, float32 (m, d) unit rows.
        own: the subject id of each face, :data:`NEW_STUDENT` when it has none.
        level: a score.
    """
    found: list[tuple[int, float] | None] = []
    for subject, hits in zip(own, gallery.nearest_subjects(probes, 2), strict=True):
        others = [hit for hit in hits if hit[0] != subject and hit[1] >= level]
        found.append(others[0] if others else None)
    students = gallery.store.subjects(sorted({hit[0] for hit in found if hit is not None})) if any(found) else {}
    return [
        SimilarStudent(students[hit[0]].matricula, students[hit[0]].nombre_del_alumno, hit[1])
        if hit is not None and hit[0] in students
        else None
        for hit in found
    ]
