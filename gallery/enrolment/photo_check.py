"""Whether the photos of an enrolment show the student, and whether they show another student. Pure.

A face is refused if its score with the student is one that strangers often reach: nothing shows that it is the
student's. It is also refused if it clearly is another student's and not clearly this one's. All other faces are
accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gallery.documents.student_rules import POSSIBLE_DUPLICATE
from gallery.enrolment.nearest_others import SimilarStudent
from gallery.enrolment.score_levels import EnrolmentLevels
from gallery.person_score import scores_with
from presente.errors import Conflict

PhotoVerdict = Literal["first", "same", "doubtful", "different"]
"""``first``: there was nothing to compare with; ``same``: clearly the student; ``doubtful``: maybe the student;
``different``: clearly not the student."""

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PhotoJudgement:
    """The judgement about one photo.

    Attributes:
        verdict: whether it shows the student.
        face: which face was judged: 0 for the most prominent one, n for the n-th of the photo's other faces.
        own: the score with the student; None when there were no templates to compare with.
        level: the level that ``own`` is below, if the verdict is ``different``.
        similar: another student whom the face clearly shows.
        photos: the photos of the same enrolment that it was compared with, if the student had none before.
    """

    verdict: PhotoVerdict
    face: int = 0
    own: float | None = None
    level: float = -1.0
    similar: SimilarStudent | None = None
    photos: tuple[int, ...] = ()


def judge(own: float, templates: int, similar: SimilarStudent | None, levels: EnrolmentLevels) -> PhotoVerdict:
    """Whether a face shows a student.

    Args:
        own: the face's score with the student.
        templates: how many templates these are.
        similar: another student whom the face clearly shows.
        levels: what scores mean.
    """
    if own >= levels.surely(templates):
        return "same"
    elsewhere = similar is not None and similar.score > own
    return "different" if own < levels.may_be(templates) or elsewhere else "doubtful"


def judge_photos(
    own: Vectors,
    probes: Vectors,
    similar: Sequence[SimilarStudent | None],
    levels: EnrolmentLevels,
    faces: Callable[[int], Vectors],
    similar_to: Callable[[Vectors], SimilarStudent | None],
) -> list[PhotoJudgement]:
    """Judge the photos of one student together.

    The clearest photos are judged first, and then count as evidence for the others: a difficult photo may resemble only
    one of them. A new student is the person whom most of the photos show.

    Args:
        own: float32 (t, d), the student's templates.
        probes: float32 (n, d), the most prominent face of each photo.
        similar: another student whom each of these faces clearly shows.
        levels: what scores mean.
        faces: returns every face of a photo, float32 (f, d). It is called only if the most prominent face is not
            clearly the student's.
        similar_to: returns another student whom a face, float32 (d,), clearly shows.
    """
    judged: dict[int, PhotoJudgement] = {}
    first: tuple[int, ...] = ()
    vectors, templates = [*probes], [*own]
    if not templates:
        first = _agreeing(probes, similar, levels.may_be(1))
        judged = {photo: PhotoJudgement("first", similar=similar[photo]) for photo in first}
        templates = [probes[photo] for photo in first]
    waiting = [photo for photo in range(len(probes)) if photo not in judged]
    which = dict.fromkeys(waiting, 0)
    others = {photo: similar[photo] for photo in waiting}
    searched_all_faces = False
    while waiting:
        count = len(templates)
        scores = scores_with(np.array([vectors[photo] for photo in waiting]), np.array(templates))
        if not searched_all_faces and scores.max() < levels.surely(count):
            searched_all_faces = True  # once: the remaining photos are not clear, their other faces may be
            for photo in waiting:
                found = _clearly(faces(photo), np.array(templates), levels.surely(count))
                if found is not None:
                    which[photo], vectors[photo] = found[0] + 1, found[1]
                    others[photo] = similar_to(found[1])
            continue
        place = int(scores.argmax())
        photo, score = waiting.pop(place), float(scores[place])
        verdict = judge(score, count, others[photo], levels)
        compared = first if not len(own) else ()
        judged[photo] = PhotoJudgement(verdict, which[photo], score, levels.may_be(count), others[photo], compared)
        if verdict != "different":
            templates.append(vectors[photo])
    return [judged[photo] for photo in range(len(probes))]


def _clearly(faces: Vectors, templates: Vectors, level: float) -> tuple[int, Vectors] | None:
    """The face that clearly is the student's, and its number; None when none is."""
    if not len(faces):
        return None
    scores = scores_with(faces, templates)
    place = int(scores.argmax())
    return (place, faces[place]) if scores[place] >= level else None


def _agreeing(probes: Vectors, similar: Sequence[SimilarStudent | None], level: float) -> tuple[int, ...]:
    """The largest group of photos that resemble each other, directly or through others of the group.

    Of several that are equally large, the one that shows other students least, then the one with the first photo.
    """
    alike = probes @ probes.T >= level
    left, groups = set(range(len(probes))), []
    while left:
        group, edge = set(), {min(left)}
        while edge:
            group |= edge
            edge = {other for photo in edge for other in left if alike[photo, other]} - group
        left -= group
        groups.append(tuple(sorted(group)))
    return max(groups, key=lambda group: (len(group), -sum(similar[photo] is not None for photo in group), -group[0]))


def different_person(which: str, matricula: str, judged: PhotoJudgement, others: str, fix: str) -> Conflict:
    """The error of photos that do not show the student.

    Args:
        which: which photos do not, in words: "Photo 1 does not show".
        matricula: the student's.
        judged: the judgement about the first of them.
        others: what it was compared with, in words.
        fix: what to do.
    """
    score = "" if judged.own is None else f": it scores {judged.own:.2f} with {others}"
    seems = "" if judged.similar is None else f", and {judged.similar.score:.2f} with {judged.similar.matricula!r}"
    return Conflict("different_person", f"{which} student {matricula!r}{score}{seems}.", fix)


def possible_duplicate(photo: str, matricula: str, similar: SimilarStudent, fix: str) -> Conflict:
    """The error of a student whose photo clearly shows another student, where that is refused."""
    return Conflict(
        POSSIBLE_DUPLICATE,
        f"{photo} of {matricula!r} shows {similar.matricula!r} ({similar.nombre_del_alumno}), enrolled already: "
        f"it scores {similar.score:.2f} with that student.",
        fix,
    )
