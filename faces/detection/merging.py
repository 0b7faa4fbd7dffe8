"""Several looks at one photo to each of its faces once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faces.detection.detected_face import DetectedFace, largest_first

CLEAR = 0.7
"""Upright faces of some size have such scores; parts of faces, and faces that lie on their side, seldom."""

_BEST_SIDE = 125
"""Side of a face, in pixels of the canvas, at which its landmarks are found best (docs/adr/0028-looks.md)."""

_SAME = 0.4
"""Two boxes are one face when they share so much of their union."""

_WITHIN = 0.6
"""One box is inside another when they share so much of the smaller one."""

_MOST_FACES = 500
"""Faces of one photo, the largest: a photo of a stadium does not stop the service."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A face and the scale at which it was seen."""

    face: DetectedFace
    scale: float

    @property
    def misfit(self) -> float:
        """How far its size on the canvas is from the best."""
        return abs(math.log(max(self.face.side * self.scale, 1.0) / _BEST_SIDE))


def merged(sightings: Sequence[Sighting]) -> tuple[DetectedFace, ...]:
    """Every face once, largest first; of several boxes for one face, the one whose size suited the detector best."""
    return _each_once([each.face for each in sorted(sightings, key=lambda each: each.misfit)])


def joined(faces: Sequence[DetectedFace], others: Sequence[DetectedFace]) -> tuple[DetectedFace, ...]:
    """Faces that one way up shows, each as the other way up shows it if it scores better so.

    Faces that only the other way up shows are added if they are clear.
    """
    seen_here = same_face(others, faces)
    added = [other for other, here in zip(others, seen_here, strict=True) if here.any() or other.score >= CLEAR]
    return _each_once(sorted([*faces, *added], key=lambda face: -face.score))


def same_face(faces: Sequence[DetectedFace], others: Sequence[DetectedFace]) -> NDArray[np.bool_]:
    """Whether each of n faces is each of m others, bool (n, m)."""
    shared, areas, other_areas = _shared(_boxes(faces), _boxes(others))
    return np.asarray(shared > _SAME * (areas[:, None] + other_areas - shared))


def _each_once(ordered: Sequence[DetectedFace]) -> tuple[DetectedFace, ...]:
    """Faces without doubles, largest first; of two boxes of one face the one stays that comes first.

    Of a box inside another, that with the better score stays, unless both are clear faces (a child before a grown-up, a
    photo in a hand): a part of a face passes for a small face, and faces in a row for a large one.
    """
    once = sorted(_without_doubles(ordered, inside=False), key=lambda face: -face.score)
    return tuple(largest_first(_without_doubles(once, inside=True))[:_MOST_FACES])


def _without_doubles(ordered: Sequence[DetectedFace], inside: bool) -> list[DetectedFace]:
    """Faces without those that are one that comes before them; with ``inside``, without weak ones inside those."""
    boxes = _boxes(ordered)
    kept: list[int] = []
    for place, face in enumerate(ordered):
        (shared,), (area,), areas = _shared(boxes[place : place + 1], boxes[kept])
        if inside:
            double = (shared > _WITHIN * np.minimum(area, areas)) & (face.score < CLEAR)
        else:
            double = shared > _SAME * (area + areas - shared)
        if not double.any():
            kept.append(place)
    return [ordered[place] for place in kept]


def _shared(
    boxes: NDArray[np.float64], others: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The areas that boxes (n, 4) share with others (m, 4), (n, m), and the areas of both, (n,) and (m,)."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    areas, other_areas = (np.prod(each[:, 2:] - each[:, :2], axis=1) for each in (boxes, others))
    return np.prod(np.maximum(high - low, 0), axis=2), areas, other_areas


def _boxes(faces: Sequence[DetectedFace]) -> NDArray[np.float64]:
    return np.array([face.box for face in faces], dtype=np.float64).reshape(-1, 4)
