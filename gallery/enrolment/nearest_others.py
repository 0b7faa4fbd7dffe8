"""Who else a face might be: the nearest student who is not the one that it is enrolled as."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gallery.gallery import Gallery
from gallery.index.kinds.flat import checked

NOBODY = -1
"""The subject of a student who is not stored yet."""

_BLOCK = 256
"""Probes that are searched under one hold of the lock."""


@dataclass(frozen=True, slots=True)
class SimilarStudent:
    """Another student whom a face clearly shows, and its score with the best of that student's templates."""

    matricula: str
    nombre_del_alumno: str
    score: float


def nearest_others(
    gallery: Gallery, probes: NDArray[np.float32], own: Sequence[int], level: float
) -> list[SimilarStudent | None]:
    """The nearest student of each probe, float32 (m, d) unit rows, who is not its own; None below a cosine.

    Args:
        gallery: as it is now.
        probes: the faces.
        own: the subject of each, :data:`NOBODY` when it has none.
        level: the cosine.
    """
    gallery.index.catch_up()
    only = gallery.searchable()
    rows = checked(probes, gallery.dim)
    found: list[tuple[int, float] | None] = []
    for start in range(0, len(rows), _BLOCK):
        with gallery.index.reading() as live:
            selected = None if only is None else live.select(only)
            hits = live.best_per_subject(rows[start : start + _BLOCK], 2, selected)
        for subject, ranked in zip(own[start:], hits, strict=False):
            others = [hit for hit in ranked if hit[0] != subject and hit[1] >= level]
            found.append(others[0] if others else None)
    students = gallery.store.subjects(sorted({hit[0] for hit in found if hit is not None})) if any(found) else {}
    return [
        SimilarStudent(students[hit[0]].matricula, students[hit[0]].nombre_del_alumno, hit[1])
        if hit is not None and hit[0] in students
        else None
        for hit in found
    ]


def templates_of(gallery: Gallery, subject: int) -> NDArray[np.float32]:
    """A subject's templates, float32 (t, d), as the index has them."""
    gallery.index.catch_up()
    wanted = np.array([subject], dtype=np.int64)
    with gallery.index.reading() as live:
        return np.concatenate([np.array(part.vectors[part.rows_of(wanted)]) for part in (live.published, live.tail)])
