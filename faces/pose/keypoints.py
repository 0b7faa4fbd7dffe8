"""The 17 keypoints of COCO, as every pose pack gives them after its own order was undone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

COCO = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)
"""Left and right are the person's own."""

PLACE = {name: place for place, name in enumerate(COCO)}

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class Keypoints:
    """Where one person's keypoints are in a picture.

    Attributes:
        points: float32 (17, 2), x and y in pixels of the picture, in the order of :data:`COCO`. A point may lie outside
            the picture, and what the model cannot see lies anywhere: only the score says.
        scores: float32 (17,), from 0 to 1; 0 for a keypoint that the model does not know.
        face: the box of the face that they were looked for below.
    """

    points: NDArray[np.float32]
    scores: NDArray[np.float32]
    face: Box

    @property
    def face_side(self) -> float:
        """The longer side of the face's box in pixels, which a turned head hardly changes."""
        return longer_side(self.face)

    def point(self, name: str, least: float) -> tuple[float, float] | None:
        """x and y of a keypoint in pixels; None when its score is below ``least``."""
        place = PLACE[name]
        if self.scores[place] < least:
            return None
        x, y = self.points[place]
        return float(x), float(y)


def longer_side(box: Box) -> float:
    """The longer side of a box in pixels."""
    return max(box[2] - box[0], box[3] - box[1])
