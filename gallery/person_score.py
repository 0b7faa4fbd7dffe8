"""The score of a person: one function of the cosines of a probe with all templates of that person. Pure.

It is the mean of two numbers::

    best      the highest of the cosines
    centroid  the mean of the cosines, divided by the length of the mean of the templates (at least 0.75)

    score = (best + centroid) / 2

The second is the cosine with the direction in which the mean of the templates points, unless they point in very
different directions: then it is less. With one template the score is the plain cosine. Search, roster, attendance,
verify, enrolment checks, calibration, audit and evaluation score by this module. What was tried, on which data:
docs/adr/0025-person-score.md.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SCORE = "best+centroid"
"""The name of this function. A calibration names the score that it was fitted to; of another one it does not hold."""
LEAST_LENGTH = 0.75
"""The least length that a mean of templates is counted with. Of LFW's people with three to eight templates, 99 of 100
means are longer."""

_GROWTH = (1 + 1 / LEAST_LENGTH) / 2
"""By how much a score can exceed the highest cosine, if that is positive."""

Vectors = NDArray[np.float32]


def mean_lengths(templates: Vectors, starts: NDArray[np.int64]) -> Vectors:
    """The length that each person's mean of templates is counted with: from :data:`LEAST_LENGTH` to 1, float32 (p,).

    Args:
        templates: float32 (t, d) unit rows, person by person.
        starts: int64 (p,), the first row of each person, who has at least one.
    """
    counts = np.diff([*starts, len(templates)])
    lengths = np.ones(len(starts), dtype=np.float32)
    several = counts > 1
    if several.any():
        means = np.add.reduceat(templates, starts, axis=0)[several] / counts[several, None]
        lengths[several] = np.linalg.norm(means, axis=1)
    return counted_lengths(lengths)


def counted_lengths(lengths: Vectors) -> Vectors:
    """Lengths of means of unit vectors, as they count."""
    return lengths.clip(LEAST_LENGTH, 1.0)


def combine(best: Vectors, mean: Vectors, lengths: Vectors | np.float32) -> Vectors:
    """Scores of the highest and the mean cosine of each person, and the lengths of :func:`mean_lengths`."""
    return np.asarray((best + mean / lengths) / 2, dtype=np.float32)


def person_scores(cosines: Vectors, starts: NDArray[np.int64], lengths: Vectors) -> Vectors:
    """Scores of probes with people, float32 (m, p), of their cosines with all templates, float32 (m, t).

    ``starts`` and ``lengths`` are those of :func:`mean_lengths`.
    """
    if cosines.shape[1] == len(starts):
        return cosines
    counts = np.diff([*starts, cosines.shape[1]]).astype(np.float32)
    mean = np.asarray(np.add.reduceat(cosines, starts, axis=1) / counts, dtype=np.float32)
    return combine(np.maximum.reduceat(cosines, starts, axis=1), mean, lengths)


def best_template(cosines: Vectors, starts: NDArray[np.int64], lengths: Vectors) -> Vectors:  # noqa: ARG001
    """The highest cosine alone, of the arguments of :func:`person_scores`: to compare with it, not to decide by."""
    return np.asarray(np.maximum.reduceat(cosines, starts, axis=1))


def scores_with(probes: Vectors, templates: Vectors) -> Vectors:
    """Scores of probes, float32 (m, d) unit rows, with one person, float32 (t, d), t > 0: float32 (m,)."""
    start = np.zeros(1, dtype=np.int64)
    return person_scores(probes @ templates.T, start, mean_lengths(templates, start))[:, 0]


def bounds(best: Vectors, mean: Vectors) -> tuple[Vectors, Vectors]:
    """The lowest and the highest score that a highest and a mean cosine can give, whatever the length of the mean."""
    one, other = (combine(best, mean, np.float32(length)) for length in (1.0, LEAST_LENGTH))
    return np.minimum(one, other), np.maximum(one, other)


def at_most(cosines: Vectors) -> Vectors:
    """The highest score that a person can have none of whose templates is closer than a cosine.

    No mean exceeds the largest cosine. Divided by the length it grows by a third at most if it is positive, otherwise
    it does not grow. No score exceeds 1.
    """
    return np.asarray(np.where(cosines > 0, np.minimum(cosines * _GROWTH, 1), cosines))


def least_cosine(score: float) -> float:
    """The cosine that a person's nearest template has at least if the person reaches a score."""
    return score / _GROWTH if score > 0 else score
