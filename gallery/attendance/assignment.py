"""Who is who among all faces of one photo, each person at most once. Pure: no store, no index, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

AssignmentOutcome = Literal["assigned", "ambiguous", "duplicate", "nobody"]
"""``duplicate``: the face of somebody whom another face resembles more. ``nobody``: no score reaches the threshold."""


@dataclass(frozen=True, slots=True)
class FaceAssignment:
    """What one face is.

    Attributes:
        outcome: what was found.
        columns: the person (``assigned``, ``duplicate``), the persons it may be, best first (``ambiguous``), or none.
    """

    outcome: AssignmentOutcome
    columns: tuple[int, ...] = ()


def assign(scores: NDArray[np.float64], threshold: float, margin: float) -> list[FaceAssignment]:
    """Give every person at most one face and every face at most one person, at the greatest total of what scores
    exceed the threshold by (Kuhn-Munkres, through :func:`scipy.optimize.linear_sum_assignment`).

    A face is ambiguous when, without the person it was given, the faces would be shared out among other people at
    nearly the same total (less than ``margin`` lost), or when it lies nearer, by ``margin`` or more, to a person whom
    another face was given: a second picture of that person is then likelier than a weak match.

    Args:
        scores: float64 (faces, people), cosines; -inf where there is none.
        threshold: cosine from which (inclusive) a face may be a person.
        margin: a difference of cosines that is too small to decide by.
    """
    gains = np.where(scores >= threshold, scores - threshold, -np.inf)
    total, given = _solve(gains)
    return [_judged(face, scores, gains, (total, given), margin) for face in range(len(scores))]


def _judged(
    face: int,
    scores: NDArray[np.float64],
    gains: NDArray[np.float64],
    solution: tuple[float, dict[int, int]],
    margin: float,
) -> FaceAssignment:
    given = solution[1]
    if not np.isfinite(gains[face]).any():
        return FaceAssignment("nobody")
    nearest = int(gains[face].argmax())
    person = given.get(face)
    if person is None:
        return FaceAssignment("duplicate", (nearest,))
    rivals = _replacements(face, gains, person, solution, margin)
    if scores[face, nearest] - scores[face, person] >= margin:
        rivals.add(nearest)
    if not rivals:
        return FaceAssignment("assigned", (person,))
    return FaceAssignment(
        "ambiguous", tuple(sorted({person, *rivals}, key=lambda column: -float(scores[face, column])))
    )


def _replacements(
    face: int, gains: NDArray[np.float64], person: int, solution: tuple[float, dict[int, int]], margin: float
) -> set[int]:
    """Whom the face may be instead, when nobody being that person costs next to nothing."""
    total, given = solution
    without = gains.copy()
    without[:, person] = -np.inf
    rest, others = _solve(without)
    if len(others) < len(given) or total - rest >= margin:
        return set()
    newcomers = set(others.values()) - set(given.values())
    return {column for column in {*newcomers, others.get(face, person)} if np.isfinite(without[face, column])}


def _solve(gains: NDArray[np.float64]) -> tuple[float, dict[int, int]]:
    """The greatest total gain, and who is who, by face; a face may stay without a person, which gains nothing."""
    from scipy.optimize import linear_sum_assignment

    faces = len(gains)
    never, unassigned = -1e6, -1e-9  # at the threshold itself a face is still somebody
    offered = np.hstack([np.where(np.isfinite(gains), gains, never), np.full((faces, faces), unassigned)])
    rows, columns = linear_sum_assignment(offered, maximize=True)
    given = {int(row): int(column) for row, column in zip(rows, columns, strict=True) if column < gains.shape[1]}
    return float(offered[rows, columns].sum()), given
