"""Non-mated searches, and the calibration that they give: of strangers' photos where given, else of the cohort and of
everybody enrolled against all others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from gallery.gallery import Gallery
from gallery.threshold import calibration
from gallery.threshold.calibration import RESAMPLES, CalibrationCurve
from presente.errors import InvalidInput
from presente.installation import command_line

_CELLS = 1 << 23
"""Scores that are in memory at once (32 MiB)."""
_MOST = 20_000
"""Searches of students, and of the cohort, that a curve is fitted to; a gallery of more gives a sample of its own."""
STRANGERS = "strangers"
SAME_PHOTO = 0.95
"""A cosine that photos of two people do not reach and one photo that was saved twice does (docs/audit.md: of LFW's
10,522 pairs of one person, three do)."""
_MOST_TWICE = 0.5
"""From this share of people who look enrolled twice on, too little is left to calibrate by."""
_GROUP = 20
"""Other people whom each photo is compared with in a group, at least, and a share (:data:`_SHARE`) of all, at most so
many (:data:`_GROUPED`)."""
_SHARE, _GROUPED = 5, 500


@dataclass(frozen=True, slots=True)
class EnrolledTemplates:
    """A gallery to compare with: rows float32 (t, d) of length 1, person by person, and where each begins, int64 (p,).

    ``people`` are sorted.
    """

    people: tuple[str, ...]
    rows: NDArray[np.float32]
    starts: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ImpostorScores:
    """Best impostor scores, float64 (n,), of whom each search was, and where it came from."""

    scores: NDArray[np.float64]
    subjects: tuple[str, ...]
    sources: tuple[str, ...]


def enrolled_people(gallery: Gallery, cohort: bool) -> EnrolledTemplates:
    """The templates of the students, or of the cohort; people are subject ids."""
    wanted = gallery.store.roster(kind="cohort" if cohort else "student")
    batches = list(gallery.store.templates())
    if not batches:
        return EnrolledTemplates((), np.empty((0, gallery.dim), dtype=np.float32), np.empty(0, dtype=np.int64))
    subjects = np.concatenate([batch.subjects for batch in batches])
    rows = np.concatenate([batch.vectors for batch in batches])
    kept = np.flatnonzero(np.isin(subjects, wanted))
    kept = kept[np.argsort(subjects[kept], kind="stable")]
    people, starts = np.unique(subjects[kept], return_index=True)
    return EnrolledTemplates(tuple(str(person) for person in people), rows[kept], starts)


def person_scores(probes: NDArray[np.float32], gallery: EnrolledTemplates) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Best cosine of each probe, float32 (m, d) unit rows, with each of p people, a block of probes at a time: the
    place of its first, and float32 (block, p)."""
    step = max(1, _CELLS // max(len(gallery.rows), 1))
    for start in range(0, len(probes), step):
        block = probes[start : start + step]
        if not gallery.people:
            yield start, np.empty((len(block), 0), dtype=np.float32)
            continue
        scores = block @ gallery.rows.T
        if len(gallery.rows) > len(gallery.people):
            scores = np.maximum.reduceat(scores, gallery.starts, axis=1)
        yield start, np.asarray(scores, dtype=np.float32)


def best_impostors(
    probes: NDArray[np.float32], gallery: EnrolledTemplates, own: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """Best score of each probe, float32 (m, d), with anybody; ``own`` int64 (m,) is the place of who it is not."""
    best = np.empty(len(probes))
    for start, scores in person_scores(probes, gallery):
        if own is not None:
            scores[np.arange(len(scores)), own[start : start + len(scores)]] = -1.0
        best[start : start + len(scores)] = scores.max(axis=1, initial=-1.0)
    return best


def from_gallery(students: EnrolledTemplates, cohort: EnrolledTemplates) -> ImpostorScores:
    """The cohort against the students, and each student's templates against all other students."""
    own, ones = _some(students)
    theirs, others = _some(cohort)
    return ImpostorScores(
        np.concatenate([best_impostors(own, students, ones), best_impostors(theirs, students)]),
        (*(students.people[i] for i in ones), *(cohort.people[i] for i in others)),
        ("left out",) * len(ones) + ("cohort",) * len(others),
    )


def _some(enrolled: EnrolledTemplates) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """At most so many templates, always the same, and the place of the person of each."""
    places = np.repeat(np.arange(len(enrolled.people)), np.diff([*enrolled.starts, len(enrolled.rows)]))
    if len(places) <= _MOST:
        return enrolled.rows, places
    drawn = np.sort(np.random.default_rng(len(places)).choice(len(places), _MOST, replace=False))
    return enrolled.rows[drawn], places[drawn]


def in_groups(
    subjects: NDArray[np.int64],
    take: Callable[[NDArray[np.int64]], NDArray[np.float32]],
    most: int,
    certain: float,
) -> tuple[ImpostorScores, int]:
    """Searches of templates among the other people of a group drawn by chance, and how many people those are.

    A person who is enrolled twice is seldom twice in a group, so that a gallery full of duplicates gives the curve of
    one without; searches that reach ``certain``, which is one person's score, are left out.

    Args:
        subjects: int64 (t,), whose each template is.
        take: gives the templates of some rows, float32 (n, d).
        most: about how many templates are searched.
        certain: a cosine.
    """
    people, owner = np.unique(subjects, return_inverse=True)
    by_owner = np.argsort(owner, kind="stable")
    starts = np.searchsorted(owner[by_owner], np.arange(len(people) + 1))
    size = min(max(_GROUP, len(people) // _SHARE), _GROUPED)
    groups = max(1, round(len(people) / (size + 1)))
    drawn = np.random.default_rng(len(people)).permutation(len(people))
    scores: list[NDArray[np.float64]] = []
    names: list[str] = []
    for group in np.array_split(drawn, groups):
        rows = [by_owner[starts[person] : starts[person + 1]] for person in group]
        counts = np.array([len(own) for own in rows])
        ids = tuple(str(people[person]) for person in group)
        enrolled = EnrolledTemplates(ids, take(np.concatenate(rows)), np.cumsum(counts) - counts)
        own = np.repeat(np.arange(len(group)), counts)
        best = best_impostors(enrolled.rows, enrolled, own)
        kept = best < certain
        scores.append(best[kept])
        names += [ids[place] for place in own[kept]]
        if len(names) >= most:
            break
    found = np.concatenate(scores)
    return ImpostorScores(found, tuple(names), ("in groups",) * len(names)), round(len(people) / groups) - 1


def calibrate(
    searches: ImpostorScores, people: int, pack: str, target: float, resamples: int = RESAMPLES
) -> CalibrationCurve:
    """Fit the curve to non-mated searches among so many people; its spread by so many resamples.

    A search whose best score no two people reach found the same person, under another name: it is no non-mated search,
    and is left out together with the others of that person.

    Raises:
        InvalidInput: ``too_few_people``, ``too_few_searches``, ``unsuitable_scores``, ``enrolled_twice``.
    """
    if people < 2:
        raise InvalidInput("too_few_people", f"{people} people are enrolled.", "Enrol at least two.")
    searched = np.array(searches.subjects)
    twice = np.unique(searched[searches.scores >= SAME_PHOTO])
    subjects = len(set(searches.subjects))
    if len(twice) >= _MOST_TWICE * subjects:
        again, fix = "twice", f"Run `{command_line('indexer audit')}`, merge who is one person, and calibrate again."
        if STRANGERS in searches.sources:
            again, fix = "after all", "Leave out the photos of who is enrolled, and calibrate again."
        raise InvalidInput(
            "enrolled_twice",
            f"{len(twice)} of {subjects} people look enrolled {again}: their photos score {SAME_PHOTO:g} and more with "
            "photos of others, which no two people do.",
            fix,
        )
    used = ~np.isin(searched, twice)
    whose = searched[used].tolist()
    intercept, slope, covariance = calibration.fit(searches.scores[used], whose, resamples=resamples)
    return CalibrationCurve(
        pack=pack,
        people=people,
        searches=len(whose),
        subjects=len(set(whose)),
        intercept=intercept,
        slope=slope,
        covariance=covariance,
        target=target,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        sources=dict(Counter(source for source, kept in zip(searches.sources, used, strict=True) if kept)),
        enrolled_twice=len(twice),
    )


def strangers_of(templates: Sequence[tuple[str, NDArray[np.float32]]], students: EnrolledTemplates) -> ImpostorScores:
    """Searches of (person, template) of people who are not enrolled."""
    rows = np.stack([template for _, template in templates]) if templates else np.empty((0, students.rows.shape[1]))
    names = tuple(person for person, _ in templates)
    return ImpostorScores(best_impostors(np.asarray(rows, np.float32), students), names, (STRANGERS,) * len(names))


def refit(gallery: Gallery) -> str:
    """Fit the stored curve anew when the gallery has outgrown it, or it the gallery; what was done, empty if nothing.

    A curve that came from strangers' photos stays: the photos are not kept, and the gallery itself knows less.

    Raises:
        InvalidInput: ``unsuitable_scores``, ``enrolled_twice``; the stored curve stays.
        StoreError: of the store, or ``calibration_unreadable``.
    """
    people, curve = gallery.calibration()
    if curve is None or not curve.stale(people):
        return ""
    grown = f"{curve.people} people were enrolled when the threshold was calibrated, {people} are now"
    if STRANGERS in curve.sources:
        return f"{grown}: calibrate again, with photos of strangers as then"
    students, cohort = (enrolled_people(gallery, cohort=which) for which in (False, True))
    try:
        fitted = calibrate(from_gallery(students, cohort), len(students.people), gallery.pack, curve.target)
    except InvalidInput as error:
        if error.code not in ("too_few_people", "too_few_searches"):
            raise
        return f"{grown}, too few to calibrate again: {error.what}"
    gallery.store.store_calibration(fitted.to_json())
    return f"{grown}: it was calibrated again, by {fitted.searches} searches{fitted.twice_said()}"
