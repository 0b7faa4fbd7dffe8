"""Whether the photos of an enrolment show the student, and whether they show somebody who is enrolled already. Pure.

A face that scores with the student as strangers often do is not the student's: there is no evidence at all that it is.
Nor is one that clearly is another student's and not clearly this one's. What lies between is accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gallery.enrolment.nearest_others import SimilarStudent
from gallery.enrolment.score_levels import EnrolmentLevels
from presente.errors import Conflict

POSSIBLE_DUPLICATE = "possible_duplicate"
"""What a student's ``aviso`` says who clearly is another student already."""

PhotoVerdict = Literal["first", "same", "doubtful", "different"]
"""``first``: there was nothing to compare with; ``same``: clearly the student; ``doubtful``: it may be; ``different``:
clearly not."""

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Judged:
    """What was made of one photo.

    Attributes:
        outcome: whether it shows the student.
        face: which face: 0 the most prominent, else one more than the place among the photo's other faces.
        own: best score with the student's templates, None when there were none to compare with.
        level: what ``own`` was held against, when it is ``different``.
        rival: the other student whom the face clearly shows.
        photos: which photos of the same enrolment it was compared with, when the student had none before.
    """

    outcome: PhotoVerdict
    face: int = 0
    own: float | None = None
    level: float = -1.0
    rival: SimilarStudent | None = None
    photos: tuple[int, ...] = ()


def judge(own: float, templates: int, rival: SimilarStudent | None, levels: EnrolmentLevels) -> PhotoVerdict:
    """Whether a face shows a student, by its best score with so many templates and by who else it clearly shows."""
    if own >= levels.surely(templates):
        return "same"
    elsewhere = rival is not None and rival.score > own
    return "different" if own < levels.may_be(templates) or elsewhere else "doubtful"


def judge_photos(
    own: Vectors,
    probes: Vectors,
    rivals: Sequence[SimilarStudent | None],
    levels: EnrolmentLevels,
    faces: Callable[[int], Vectors],
    rival_of: Callable[[Vectors], SimilarStudent | None],
) -> list[Judged]:
    """Judge the photos of one student together.

    Those that are clearest come first and speak for those that are less so: a hard photo may resemble only one of them.
    A student without templates is whom most of the photos show.

    Args:
        own: float32 (t, d), the student's templates.
        probes: float32 (n, d), the most prominent face of each photo.
        rivals: the other student whom each of these clearly shows.
        levels: what scores mean.
        faces: gives every face of a photo, float32 (f, d); asked only when the most prominent is not clearly the
            student's.
        rival_of: the other student whom a face, float32 (d,), clearly shows.
    """
    judged: dict[int, Judged] = {}
    first: tuple[int, ...] = ()
    vectors, templates = [*probes], [*own]
    if not templates:
        first = _agreeing(probes, rivals, levels.may_be(1))
        judged = {photo: Judged("first", rival=rivals[photo]) for photo in first}
        templates = [probes[photo] for photo in first]
    waiting = [photo for photo in range(len(probes)) if photo not in judged]
    which, who = dict.fromkeys(waiting, 0), dict(zip(waiting, (rivals[photo] for photo in waiting), strict=True))
    looked = False
    while waiting:
        count = len(templates)
        scores = np.array([vectors[photo] for photo in waiting]) @ np.array(templates).T
        best = scores.max(axis=1)
        if not looked and best.max() < levels.surely(count):  # what is left is not clear: look at the other faces
            looked = True
            for photo in waiting:
                found = _clearly(faces(photo), np.array(templates), levels.surely(count))
                if found is not None:
                    which[photo], vectors[photo] = found[0] + 1, found[1]
                    who[photo] = rival_of(found[1])
            continue
        place = int(best.argmax())
        photo, score = waiting.pop(place), float(best[place])
        outcome = judge(score, count, who[photo], levels)
        compared = first if not len(own) else ()
        judged[photo] = Judged(outcome, which[photo], score, levels.may_be(count), who[photo], compared)
        if outcome != "different":
            templates.append(vectors[photo])
    return [judged[photo] for photo in range(len(probes))]


def _clearly(faces: Vectors, templates: Vectors, level: float) -> tuple[int, Vectors] | None:
    """The face, and its place, that clearly is the student's; None when none is."""
    if not len(faces):
        return None
    scores = (faces @ templates.T).max(axis=1)
    place = int(scores.argmax())
    return (place, faces[place]) if scores[place] >= level else None


def _agreeing(probes: Vectors, rivals: Sequence[SimilarStudent | None], level: float) -> tuple[int, ...]:
    """The largest set of photos of which each resembles another: of several, that which shows other students least,
    and then the first."""
    alike = probes @ probes.T >= level
    left, groups = set(range(len(probes))), []
    while left:
        group, edge = set(), {min(left)}
        while edge:
            group |= edge
            edge = {other for photo in edge for other in left if alike[photo, other]} - group
        left -= group
        groups.append(tuple(sorted(group)))
    return max(groups, key=lambda group: (len(group), -sum(rivals[photo] is not None for photo in group), -group[0]))


def different_person(said: str, matricula: str, judged: Judged, others: str, fix: str) -> Conflict:
    """The error of photos that do not show the student.

    Args:
        said: which photos do not, in words: "Photo 1 does not show".
        matricula: the student's.
        judged: what was made of the first of them.
        others: what it was compared with, in words.
        fix: what to do.
    """
    score = "" if judged.own is None else f": it scores {judged.own:.2f} with {others}"
    seems = "" if judged.rival is None else f", and {judged.rival.score:.2f} with {judged.rival.matricula!r}"
    return Conflict("different_person", f"{said} student {matricula!r}{score}{seems}.", fix)


def possible_duplicate(photo: str, matricula: str, rival: SimilarStudent, fix: str) -> Conflict:
    """The error of a student who clearly is another already, where that is refused."""
    return Conflict(
        POSSIBLE_DUPLICATE,
        f"{photo} of {matricula!r} shows {rival.matricula!r} ({rival.nombre_del_alumno}), enrolled already: "
        f"it scores {rival.score:.2f} with that student.",
        fix,
    )
