"""A face that a detector found: where it is, how it lies, and which face of a photo is the most prominent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from presente.errors import PhotoRefused


@dataclass(frozen=True, slots=True)
class DetectedFace:
    """One face, in pixels of the upright photo.

    Attributes:
        box: float32 (4,), x1, y1, x2, y2, clipped to the photo.
        landmarks: float32 (5, 2), x and y of left eye, right eye, nose, left and right mouth corner; left is what lies
            left when the face is upright.
        score: the detector's score, 0 to 1.
    """

    box: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    score: float

    @property
    def area(self) -> float:
        """Area of the box in square pixels."""
        return float((self.box[2] - self.box[0]) * (self.box[3] - self.box[1]))

    @property
    def side(self) -> float:
        """Shorter side of the box in pixels."""
        return float(min(self.box[2:] - self.box[:2]))

    @property
    def roll(self) -> float:
        """By how many degrees the face is turned clockwise, -180 to 180; 0: the eyes are level and above the mouth."""
        across = self.landmarks[1] - self.landmarks[0]
        return math.degrees(math.atan2(float(across[1]), float(across[0])))

    def enlarged(self, times: float) -> DetectedFace:
        """The same face in the photo enlarged by this factor."""
        if times == 1:
            return self
        factor = np.float32(times)
        return replace(self, box=self.box * factor, landmarks=self.landmarks * factor)

    def clipped(self, height: int, width: int) -> DetectedFace:
        """The same face with its box inside a photo of this size."""
        limits = np.array([width, height, width, height], dtype=np.float32)
        return replace(self, box=np.clip(self.box, 0, limits))


def face_at(landmarks: NDArray[np.float32], height: int, width: int) -> DetectedFace:
    """The face whose five landmarks (5, 2) are known, in a photo of this size: its box spans them, its score is 1.

    Raises:
        PhotoRefused: ``no_face`` when they span nothing of the photo.
    """
    box = np.clip([landmarks.min(axis=0), landmarks.max(axis=0)], 0, [width, height]).astype(np.float32).reshape(4)
    face = DetectedFace(box=box, landmarks=landmarks.astype(np.float32), score=1.0)
    if not face.area > 0:  # not "<=": NaN landmarks have no area either
        raise PhotoRefused(
            "no_face", f"The landmarks given for the photo lie outside its {width} x {height} pixels, or on one line."
        )
    return face


def most_prominent(faces: Sequence[DetectedFace], height: int, width: int) -> int:
    """Index of the most prominent face: large and near the centre."""
    return max(range(len(faces)), key=lambda i: prominence(faces[i], height, width))


def prominence(face: DetectedFace, height: int, width: int) -> float:
    """How large and near the centre a face is, in square pixels; at most its area.

    The measure is insightface's own default: area minus twice the squared distance of the box's centre from the
    photo's centre.
    """
    offset = (face.box[:2] + face.box[2:]) / 2 - np.array([width / 2, height / 2])
    return face.area - 2.0 * float(offset @ offset)


def largest_first(faces: Sequence[DetectedFace]) -> list[DetectedFace]:
    """Faces by the area of their boxes."""
    return sorted(faces, key=lambda face: -face.area)
