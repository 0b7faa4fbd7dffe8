"""Faces followed from frame to frame by where they are; pure geometry.

A face of the next frame goes on with a track when it lies near where the track was last seen and is of its size. The
assignment of all faces of a frame has the least total distance. Where it is not clear whose face one is, because two
tracks or two faces are about as near, the tracks end there, and new ones begin: what is one person is found by the
faces themselves, and never by a guess between people who cross.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32]

_REACH = 0.7
"""Sides of a face by which its centre may move between two frames that follow each other at once."""
_SPEED = 1.5
"""Sides per second by which it may move beyond that."""
_FARTHEST = 2.5
"""Sides by which it may move at most, however long it was not seen."""
_LARGER = 1.7
"""How many times larger or smaller it may have become."""
_AS_NEAR = 0.35
"""Two that are nearer to each other than by so many sides are not told apart by distance."""


def distances(before: Boxes, unseen_s: NDArray[np.float64], faces: Boxes, faster: float = 1.0) -> NDArray[np.float64]:
    """How far each track is from each face, in sides of the larger of both; infinite where it cannot be the same.

    Args:
        before: float32 (t, 4), the last box of each track: x1, y1, x2, y2.
        unseen_s: float64 (t,), seconds since then.
        faces: float32 (n, 4), the boxes of a frame.
        faster: how many times farther than usually a face may have moved.

    Returns:
        float64 (t, n).
    """
    centres, others = (before[:, :2] + before[:, 2:]) / 2, (faces[:, :2] + faces[:, 2:]) / 2
    sides, other_sides = (np.sqrt(np.prod(each[:, 2:] - each[:, :2], axis=1)) for each in (before, faces))
    larger = np.maximum(sides[:, None], other_sides[None, :])
    moved = np.linalg.norm(centres[:, None] - others[None, :], axis=2) / larger
    within = moved <= faster * np.minimum(_REACH + _SPEED * unseen_s, _FARTHEST)[:, None]
    alike = larger <= _LARGER * np.minimum(sides[:, None], other_sides[None, :])
    return np.where(within & alike, moved, np.inf)


def continued(apart: NDArray[np.float64]) -> tuple[dict[int, int], set[int]]:
    """Which face goes on with which track, and the tracks that end because that is not clear.

    Args:
        apart: float64 (t, n) of :func:`distances`.

    Returns:
        the track of each face that goes on with one; and tracks that end.
    """
    from scipy.optimize import linear_sum_assignment

    near = np.isfinite(apart)
    if not near.any():
        return {}, set()
    rows, columns = linear_sum_assignment(np.where(near, apart, 1e6))
    given = {int(face): int(track) for track, face in zip(rows, columns, strict=True) if near[track, face]}
    unclear = {track for face, track in given.items() if _is_unclear(apart, track, face)}
    return {face: track for face, track in given.items() if track not in unclear}, unclear


def _is_unclear(apart: NDArray[np.float64], track: int, face: int) -> bool:
    """Whether another track is about as near to the face, or another face to the track."""
    rivals = np.concatenate([np.delete(apart[:, face], track), np.delete(apart[track], face)])
    return bool(rivals.size and rivals.min() < apart[track, face] + _AS_NEAR)


def overlap(spans: Sequence[tuple[float, float]], others: Sequence[tuple[float, float]]) -> bool:
    """Whether two sets of spans, each in order, share any time."""
    one = other = 0
    while one < len(spans) and other < len(others):
        if spans[one][0] <= others[other][1] and others[other][0] <= spans[one][1]:
            return True
        if spans[one][1] < others[other][1]:
            one += 1
        else:
            other += 1
    return False


def joined(spans: Sequence[tuple[float, float]], gap_s: float) -> tuple[tuple[float, float], ...]:
    """Spans in order, those that are nearer to each other than ``gap_s`` in one piece."""
    found: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if found and start - found[-1][1] <= gap_s:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return tuple(found)
