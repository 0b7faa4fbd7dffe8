"""Assigning the faces of one photo to people, each person at most once. Pure: no store, no index, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

AssignmentOutcome = Literal["assigned", "ambiguous", "duplicate", "unassigned"]
"""``duplicate``: another face resembles the person more. ``unassigned``: no score reaches the threshold."""


@dataclass(frozen=True, slots=True)
class FaceAssignment:
    """The assignment of one face.

    Attributes:
        outcome: how clear the assignment is.
        columns: the person (``assigned``, ``duplicate``), the people it may be, best first (``ambiguous``), or no one.
    """

    outcome: AssignmentOutcome
    columns: tuple[int, ...] = ()


def assign(scores: NDArray[np.float64], threshold: float, margin: float) -> list[FaceAssignment]:
    """Assign every face to at most one person, and every person to at most one face.

    The assignment has the greatest total gain, where a gain is what a score exceeds the threshold by (Kuhn-Munkres,
    through :func:`scipy.optimize.linear_sum_assignment`). A face is ambiguous in two cases. Without the person whom it
    was assigned to, the faces could be assigned to other people at nearly the same total (less than ``margin`` lost).
    Or its score is higher, by ``margin`` or more, with a person whom another face was assigned to: then it is probably
    a second picture of that person rather than a weak match.

    Args:
        scores: float64 (faces, people); -inf where there is none.
        threshold: the score from which (inclusive) a face may be a person.
        margin: a difference of scores that is too small to decide by.
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
        return FaceAssignment("unassigned")
    nearest = int(gains[face].argmax())
    person = given.get(face)
    if person is None:
        return FaceAssignment("duplicate", (nearest,))
    others = _replacements(face, gains, person, solution, margin)
    if scores[face, nearest] - scores[face, person] >= margin:
        others.add(nearest)
    if not others:
        return FaceAssignment("assigned", (person,))
    return FaceAssignment(
        "ambiguous", tuple(sorted({person, *others}, key=lambda column: -float(scores[face, column])))
    )


def _replacements(
    face: int, gains: NDArray[np.float64], person: int, solution: tuple[float, dict[int, int]], margin: float
) -> set[int]:
    """Whom the face may be instead, if an assignment without that person costs less than the margin."""
    total, given = solution
    without = gains.copy()
    without[:, person] = -np.inf
    rest, others = _solve(without)
    if len(others) < len(given) or total - rest >= margin:
        return set()
    newcomers = set(others.values()) - set(given.values())
    return {column for column in {*newcomers, others.get(face, person)} if np.isfinite(without[face, column])}


def _solve(gains: NDArray[np.float64]) -> tuple[float, dict[int, int]]:
    """The greatest total gain, and the person of each face. A face may stay without a person, which gains nothing."""
    from scipy.optimize import linear_sum_assignment

    faces = len(gains)
    never, unassigned = -1e6, -1e-9  # at the threshold itself a face is still assigned
    offered = np.hstack([np.where(np.isfinite(gains), gains, never), np.full((faces, faces), unassigned)])
    rows, columns = linear_sum_assignment(offered, maximize=True)
    given = {int(row): int(column) for row, column in zip(rows, columns, strict=True) if column < gains.shape[1]}
    return float(offered[rows, columns].sum()), given
