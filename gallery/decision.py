"""From candidates and a threshold to a decision. Pure: no store, no index, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from gallery.documents.values import Student

Verdict = Literal["known", "unknown", "ambiguous", "duplicate", "undecided"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A subject that a search found: score (:mod:`gallery.person_score`), and rank among the subjects (1 is best)."""

    rank: int
    score: float
    subject: int
    student: Student


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision about one face.

    Attributes:
        verdict: ``known``, ``unknown``, ``ambiguous``, or ``duplicate``: another face of the photo is closer to the
            person, who is the first of the candidates. ``undecided``: not all could be searched, and no one
            who was is close enough; or the face resembles the first of the candidates, and may be a picture.
        student: None unless the verdict is ``known``: a stranger never gets the nearest name.
        score: the best candidate's; None when there was no candidate.
        reason: why the face is not known.
        candidates: whom the face resembles, best first.
    """

    verdict: Verdict
    student: Student | None
    score: float | None
    reason: str | None
    candidates: tuple[Candidate, ...]


def decide(
    candidates: Sequence[Candidate],
    threshold: float,
    margin: float,
    searched_all: bool = True,
    told_apart: bool = False,
) -> Decision:
    """Decide by the best candidates.

    Args:
        candidates: best first, one per subject.
        threshold: the score from which (inclusive) a face is known.
        margin: if the two best both reach the threshold and are closer than this, the face is ``ambiguous``.
        searched_all: whether everyone was searched; otherwise no face is unknown.
        told_apart: whether someone above the threshold was left out, because a person said it of a face like it.
    """
    ranked = tuple(candidates)
    if not searched_all and not (ranked and ranked[0].score >= threshold):
        return Decision("undecided", None, ranked[0].score if ranked else None, "not_all_searched", ranked)
    if not ranked:
        return Decision("unknown", None, None, "told_apart" if told_apart else "empty_gallery", ranked)
    best = ranked[0]
    if not best.score >= threshold:  # also when the threshold is NaN
        return Decision("unknown", None, best.score, "told_apart" if told_apart else "below_threshold", ranked)
    if len(ranked) > 1 and ranked[1].score >= threshold and best.score - ranked[1].score < margin:
        return Decision("ambiguous", None, best.score, "two_people_too_close", ranked)
    return Decision("known", best.student, best.score, None, ranked)


def once_each(decisions: Sequence[Decision]) -> list[Decision]:
    """Name each person of one photo for one face: of the faces known as a person, the one with the highest score.

    The others are ``duplicate``: a collage, a mirror or a screen shows a person twice, or someone resembles the person.
    Of equal scores the first counts.

    Args:
        decisions: one per face of the photo, each made as if the face were alone.
    """
    closest: dict[int, int] = {}
    for face, decision in enumerate(decisions):
        if decision.verdict == "known":
            person = decision.candidates[0].subject
            if person not in closest or _score(decision) > _score(decisions[closest[person]]):
                closest[person] = face
    return [
        decision
        if decision.verdict != "known" or closest[decision.candidates[0].subject] == face
        else replace(decision, verdict="duplicate", student=None, reason="another_face_is_closer")
        for face, decision in enumerate(decisions)
    ]


def unless_live(decisions: Sequence[Decision], reasons: Sequence[str]) -> list[Decision]:
    """The decisions where only live faces are named: a known face that is not live is ``undecided``.

    Args:
        decisions: one per face of the photo, each made as if the face were alone.
        reasons: of each face why it does not pass; empty of one that does.
    """
    return [
        replace(decision, verdict="undecided", student=None, reason=reason)
        if reason and decision.verdict == "known"
        else decision
        for decision, reason in zip(decisions, reasons, strict=True)
    ]


def _score(decision: Decision) -> float:
    return decision.candidates[0].score
