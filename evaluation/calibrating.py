"""Non-mated searches for a calibration: of strangers' photos where given, else of the cohort and of everybody enrolled
against all others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from evaluation.consolidation import Enrolled, person_scores
from gallery import calibration
from gallery.calibration import Curve
from gallery.gallery import Gallery
from presente.errors import InvalidInput

_BLOCK = 512


@dataclass(frozen=True, slots=True)
class NonMated:
    """Best impostor scores, float64 (n,), of whom each search was, and where it came from."""

    scores: NDArray[np.float64]
    subjects: tuple[str, ...]
    sources: tuple[str, ...]


def enrolled_people(gallery: Gallery, cohort: bool) -> Enrolled:
    """The templates of the students, or of the cohort; people are subject ids."""
    wanted = gallery.store.roster(kind="cohort" if cohort else "student")
    batches = list(gallery.store.templates())
    if not batches:
        return Enrolled((), np.empty((0, gallery.dim), dtype=np.float32), np.empty(0, dtype=np.int64))
    subjects = np.concatenate([batch.subjects for batch in batches])
    rows = np.concatenate([batch.vectors for batch in batches])
    kept = np.flatnonzero(np.isin(subjects, wanted))
    kept = kept[np.argsort(subjects[kept], kind="stable")]
    people, starts = np.unique(subjects[kept], return_index=True)
    return Enrolled(tuple(str(person) for person in people), rows[kept], starts)


def best_impostors(
    probes: NDArray[np.float32], gallery: Enrolled, own: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """Best score of each probe, float32 (m, d), with anybody; ``own`` int64 (m,) is the place of who it is not."""
    best = np.empty(len(probes))
    for start in range(0, len(probes), _BLOCK):
        scores = person_scores(probes[start : start + _BLOCK], gallery)
        if own is not None:
            scores[np.arange(len(scores)), own[start : start + _BLOCK]] = -1.0
        best[start : start + _BLOCK] = scores.max(axis=1)
    return best


def from_gallery(students: Enrolled, cohort: Enrolled) -> NonMated:
    """The cohort against the students, and each student's templates against all other students."""
    places = np.repeat(np.arange(len(students.people)), np.diff([*students.starts, len(students.rows)]))
    others = np.repeat(np.arange(len(cohort.people)), np.diff([*cohort.starts, len(cohort.rows)]))
    return NonMated(
        np.concatenate([best_impostors(students.rows, students, places), best_impostors(cohort.rows, students)]),
        (*(students.people[i] for i in places), *(cohort.people[i] for i in others)),
        ("left out",) * len(places) + ("cohort",) * len(others),
    )


def calibrate(searches: NonMated, people: int, pack: str, target: float) -> Curve:
    """Fit the curve to non-mated searches among so many people.

    Raises:
        InvalidInput: ``too_few_people``, ``too_few_searches``, ``unsuitable_scores``.
    """
    if people < 2:
        raise InvalidInput("too_few_people", f"{people} people are enrolled.", "Enrol at least two.")
    intercept, slope, covariance = calibration.fit(searches.scores, searches.subjects)
    return Curve(
        pack=pack,
        people=people,
        searches=len(searches.scores),
        subjects=len(set(searches.subjects)),
        intercept=intercept,
        slope=slope,
        covariance=covariance,
        target=target,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        sources=dict(Counter(searches.sources)),
    )


def strangers_of(templates: Sequence[tuple[str, NDArray[np.float32]]], students: Enrolled) -> NonMated:
    """Searches of (person, template) of people who are not enrolled."""
    rows = np.stack([template for _, template in templates]) if templates else np.empty((0, students.rows.shape[1]))
    names = tuple(person for person, _ in templates)
    return NonMated(best_impostors(np.asarray(rows, np.float32), students), names, ("strangers",) * len(names))
