"""Whom a probe does not show, although the score says so, because a person said it of a face like it. Pure.

A *negative example* is a face that a person said is not a student's. An *outsider* is a person of whom it was said that
they are no student at all. A student whose score reaches the threshold is told apart from a probe when the probe is
nearer to one of the student's negative examples, or to an outsider, than to the student, by :data:`MARGIN`; and in any
case when it is the very face that was spoken of. The candidates that are left are those that a search without the
student finds, so nobody else's decision moves. Why this rule, and what it prevents: docs/adr/0059-told-apart.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gallery.person_score import mean_lengths, person_scores

Vectors = NDArray[np.float32]
MARGIN = 0.1
"""By how much an anchor must be nearer than the student. A smaller one prevents hardly more mistakes, and a correction
that was itself a mistake then costs more."""
SAME_FACE = 0.99
"""The cosine from which two templates are of one face in one photo."""
Hit = tuple[int, float]
"""A subject id, and the score with a probe."""


@dataclass(frozen=True, slots=True)
class Outsiders:
    """People who are no students: their templates, float32 (t, d), person by person, the first row of each, int64 (p,),
    and the lengths of :func:`gallery.person_score.mean_lengths`."""

    templates: Vectors
    starts: NDArray[np.int64]
    lengths: Vectors

    @classmethod
    def of(cls, people: NDArray[np.int64], templates: Vectors) -> Outsiders:
        """From templates, float32 (t, d), and whose each is, int64 (t,)."""
        order = np.argsort(people, kind="stable")
        starts = np.unique(people[order], return_index=True)[1].astype(np.int64)
        rows = np.ascontiguousarray(templates[order])
        return cls(rows, starts, mean_lengths(rows, starts))

    def nearest(self, probes: Vectors) -> Vectors:
        """The score of each probe, float32 (m, d), with the outsider who is nearest: float32 (m,)."""
        return np.asarray(person_scores(probes @ self.templates.T, self.starts, self.lengths).max(axis=1))


@dataclass(frozen=True, slots=True)
class Anchors:
    """What people said: negative examples by subject id, float32 (n, d) each, and outsiders; None when there are
    none."""

    negatives: Mapping[int, Vectors]
    outsiders: Outsiders | None = None

    def __bool__(self) -> bool:
        """Whether anyone said anything."""
        return bool(self.negatives) or self.outsiders is not None


def told_apart(
    probes: Vectors, hits: Sequence[Sequence[Hit]], anchors: Anchors, threshold: float, margin: float = MARGIN
) -> list[frozenset[int]]:
    """Which of the subjects that were found for each probe are told apart from it.

    Args:
        probes: float32 (m, d), unit rows.
        hits: per probe the subjects, with their scores.
        anchors: what people said.
        threshold: subjects below it would not be named, and are left as they are.
        margin: by how much an anchor must be nearer than the subject.
    """
    outside = None if anchors.outsiders is None or not len(probes) else anchors.outsiders.nearest(probes)
    apart = []
    for number, (probe, found) in enumerate(zip(probes, hits, strict=True)):
        taken = set[int]()
        for subject, score in found:
            if score < threshold:
                continue
            own = anchors.negatives.get(subject)
            nearest = max(
                -1.0 if own is None else float((own @ probe).max()), -1.0 if outside is None else float(outside[number])
            )
            if nearest >= min(score + margin, SAME_FACE):
                taken.add(subject)
        apart.append(frozenset(taken))
    return apart
