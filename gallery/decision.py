"""Candidates and a threshold to a decision. Pure: no store, no index, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gallery.documents.values import Student

Verdict = Literal["known", "unknown", "ambiguous"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A subject that a search returned: its best template's cosine, and the rank among the subjects (1 is best)."""

    rank: int
    score: float
    subject: int
    student: Student


@dataclass(frozen=True, slots=True)
class Decision:
    """What is said about one face.

    ``student`` is None unless the verdict is ``known``: a stranger is never given the nearest name. ``score`` is the
    best candidate's cosine, None when the gallery had nobody to compare with. ``reason`` says why a face is not known.
    """

    verdict: Verdict
    student: Student | None
    score: float | None
    reason: str | None
    candidates: tuple[Candidate, ...]


def decide(candidates: Sequence[Candidate], threshold: float, margin: float) -> Decision:
    """Decide by the best candidate.

    Args:
        candidates: best first, one a subject.
        threshold: cosine from which (inclusive) a face is known.
        margin: when the two best both reach the threshold and lie closer than this, the face is ``ambiguous``.
    """
    ranked = tuple(candidates)
    if not ranked:
        return Decision("unknown", None, None, "empty_gallery", ranked)
    best = ranked[0]
    if not best.score >= threshold:  # a threshold that is no number lets nobody in
        return Decision("unknown", None, best.score, "below_threshold", ranked)
    if len(ranked) > 1 and ranked[1].score >= threshold and best.score - ranked[1].score < margin:
        return Decision("ambiguous", None, best.score, "two_people_too_close", ranked)
    return Decision("known", best.student, best.score, None, ranked)
