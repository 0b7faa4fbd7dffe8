"""Impostor scores, the best scores of non-mated searches, and the calibration curve that is fitted to them.

The searches are of strangers' photos where there are any; otherwise the cohort is searched among the students, and each
student among all other students.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from gallery.documents.protocol import DocumentStore
from gallery.person_score import SCORE, mean_lengths, person_scores
from gallery.threshold import calibration
from gallery.threshold.calibration import RESAMPLES, STRANGERS, CalibrationCurve
from presente.errors import InvalidInput
from presente.installation import command_line

_SCORES_AT_ONCE = 1 << 23
"""How many scores are in memory at once (32 MiB)."""
_MAX_SEARCHES = 20_000
"""How many searches of students, and of the cohort, a curve is fitted to. Of larger galleries a sample is taken."""
SAME_PHOTO = 0.95
"""A cosine that photos of two people do not reach, and that one photo saved twice does (docs/audit.md: of LFW's 10,522
pairs of photos of one person, three reach it)."""
_MAX_TWICE_SHARE = 0.5
"""From this share of people who seem to be enrolled twice on, too little is left to calibrate with."""
_MIN_GROUP, _MAX_GROUP = 20, 500
"""How many other people each template is compared with in a group, at least and at most."""
_GROUP_SHARE = 5
"""Between these bounds a group is one in so many of all people."""


@dataclass(frozen=True, slots=True)
class EnrolledTemplates:
    """The templates of a gallery, person by person.

    Attributes:
        people: names, sorted.
        rows: float32 (t, d), of length 1.
        starts: int64 (p,), the first row of each person.
    """

    people: tuple[str, ...]
    rows: NDArray[np.float32]
    starts: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ImpostorScores:
    """Best scores of non-mated searches, float64 (n,); whose template was searched, and where the search came from."""

    scores: NDArray[np.float64]
    subjects: tuple[str, ...]
    sources: tuple[str, ...]


def enrolled_people(store: DocumentStore, dim: int, cohort: bool) -> EnrolledTemplates:
    """The templates, of ``dim`` dimensions, of the students or of the cohort. People are named by subject id."""
    wanted = store.roster(kind="cohort" if cohort else "student")
    batches = list(store.templates())
    if not batches:
        return EnrolledTemplates((), np.empty((0, dim), dtype=np.float32), np.empty(0, dtype=np.int64))
    subjects = np.concatenate([batch.subjects for batch in batches])
    rows = np.concatenate([batch.vectors for batch in batches])
    kept = np.flatnonzero(np.isin(subjects, wanted))
    kept = kept[np.argsort(subjects[kept], kind="stable")]
    people, starts = np.unique(subjects[kept], return_index=True)
    return EnrolledTemplates(tuple(str(person) for person in people), rows[kept], starts)


def scores_with_people(
    probes: NDArray[np.float32],
    enrolled: EnrolledTemplates,
    score: Callable[..., NDArray[np.float32]] = person_scores,
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """The score of each probe, float32 (m, d) unit rows, with each of p people, in blocks of probes.

    Yields the number of the block's first probe, and the scores, float32 (block, p). Only comparisons of scores give
    another ``score`` than :func:`gallery.person_score.person_scores`.
    """
    step = max(1, _SCORES_AT_ONCE // max(len(enrolled.rows), 1))
    lengths = mean_lengths(enrolled.rows, enrolled.starts)
    for start in range(0, len(probes), step):
        block = probes[start : start + step]
        if not enrolled.people:
            yield start, np.empty((len(block), 0), dtype=np.float32)
            continue
        yield start, score(block @ enrolled.rows.T, enrolled.starts, lengths)


def best_impostors(
    probes: NDArray[np.float32],
    enrolled: EnrolledTemplates,
    own: NDArray[np.int64] | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> NDArray[np.float64]:
    """The best score of each probe, float32 (m, d), with any person but its own.

    ``own``, int64 (m,), is the number of each probe's own person in ``enrolled``; None when no probe is of such a
    person. ``progress`` is told how many further probes were compared.
    """
    best = np.empty(len(probes))
    for start, scores in scores_with_people(probes, enrolled):
        if own is not None:
            scores[np.arange(len(scores)), own[start : start + len(scores)]] = -1.0
        best[start : start + len(scores)] = scores.max(axis=1, initial=-1.0)
        progress(len(scores))
    return best


def from_gallery(
    students: EnrolledTemplates,
    cohort: EnrolledTemplates,
    progress: Callable[[int], None] = lambda _: None,
    begins: Callable[[int], None] = lambda _: None,
) -> ImpostorScores:
    """The scores of the cohort among the students, and of each student's templates among all other students.

    ``begins`` is told how many searches there are, ``progress`` how many further ones were made.
    """
    own, owners = _sample(students)
    theirs, cohort_owners = _sample(cohort)
    begins(len(own) + len(theirs))
    return ImpostorScores(
        np.concatenate(
            [best_impostors(own, students, owners, progress), best_impostors(theirs, students, progress=progress)]
        ),
        (*(students.people[i] for i in owners), *(cohort.people[i] for i in cohort_owners)),
        ("left out",) * len(owners) + ("cohort",) * len(cohort_owners),
    )


def _sample(enrolled: EnrolledTemplates) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """At most :data:`_MAX_SEARCHES` templates, always the same, and the number of the person of each."""
    owners = np.repeat(np.arange(len(enrolled.people)), np.diff([*enrolled.starts, len(enrolled.rows)]))
    if len(owners) <= _MAX_SEARCHES:
        return enrolled.rows, owners
    drawn = np.sort(np.random.default_rng(len(owners)).choice(len(owners), _MAX_SEARCHES, replace=False))
    return enrolled.rows[drawn], owners[drawn]


def in_groups(
    subjects: NDArray[np.int64],
    take: Callable[[NDArray[np.int64]], NDArray[np.float32]],
    most: int,
    certain: float,
) -> tuple[ImpostorScores, int]:
    """The scores of templates among the other people of a random group, and how many other people a group has.

    A person who is enrolled twice is rarely twice in one group, so that a gallery full of duplicates gives the same
    curve as one without. Searches that reach ``certain`` found the same person, and are left out.

    Args:
        subjects: int64 (t,), the subject id of each template.
        take: returns the templates of some rows, float32 (n, d).
        most: about how many templates are searched.
        certain: the cosine from which two templates are of one person.
    """
    people, owner = np.unique(subjects, return_inverse=True)
    by_owner = np.argsort(owner, kind="stable")
    starts = np.searchsorted(owner[by_owner], np.arange(len(people) + 1))
    size = min(max(_MIN_GROUP, len(people) // _GROUP_SHARE), _MAX_GROUP)
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
    """Fit a curve to the scores of non-mated searches.

    A search whose best score no two people reach found the same person under another name. It is no non-mated search,
    and all searches of that person are left out.

    Args:
        searches: the scores.
        people: how many people were searched.
        pack: tag of the pack that made the templates.
        target: the rate (FPIR) that was asked for.
        resamples: how many resamples the spread of the fit is estimated with.

    Raises:
        InvalidInput: ``too_few_people``, ``too_few_searches``, ``unsuitable_scores``, ``enrolled_twice``.
    """
    if people < 2:
        raise InvalidInput("too_few_people", f"{people} people are enrolled.", "Enrol at least two.")
    searched = np.array(searches.subjects)
    twice = np.unique(searched[searches.scores >= SAME_PHOTO])
    subjects = len(set(searches.subjects))
    if len(twice) >= _MAX_TWICE_SHARE * subjects:
        again, fix = (
            "twice",
            f"Run `{command_line('indexer audit')}`, merge those who are one person, and calibrate again.",
        )
        if STRANGERS in searches.sources:
            again, fix = "after all", "Leave out the photos of enrolled people, and calibrate again."
        raise InvalidInput(
            "enrolled_twice",
            f"{len(twice)} of {subjects} people look enrolled {again}: their photos score {SAME_PHOTO:g} and more with "
            "photos of others, which no two people do.",
            fix,
        )
    used = ~np.isin(searched, twice)
    names = searched[used].tolist()
    intercept, slope, covariance = calibration.fit(searches.scores[used], names, resamples=resamples)
    return CalibrationCurve(
        pack=pack,
        score=SCORE,
        people=people,
        searches=len(names),
        subjects=len(set(names)),
        intercept=intercept,
        slope=slope,
        covariance=covariance,
        target=target,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        sources=dict(Counter(source for source, kept in zip(searches.sources, used, strict=True) if kept)),
        enrolled_twice=len(twice),
    )


def strangers_of(templates: Sequence[tuple[str, NDArray[np.float32]]], students: EnrolledTemplates) -> ImpostorScores:
    """The scores among the students of (person, template) of people who are not enrolled."""
    rows = np.stack([template for _, template in templates]) if templates else np.empty((0, students.rows.shape[1]))
    names = tuple(person for person, _ in templates)
    return ImpostorScores(best_impostors(np.asarray(rows, np.float32), students), names, (STRANGERS,) * len(names))
