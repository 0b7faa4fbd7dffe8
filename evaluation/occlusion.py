"""Things drawn over a face, placed by its five landmarks: glasses, sunglasses, a medical mask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from faces.image.decode import RGB
from faces.opencv import cv2

_FRAME, _LENS, _CLOTH, _FOLD = (25, 25, 28), (18, 18, 22), (172, 203, 222), (140, 172, 194)
_FIXED_POINT = 4
"""Bits behind the point of the coordinates that OpenCV draws at."""

# The masks' outlines: across in distances between the eyes, from the middle of the face; down in distances from the
# eyes to the mouth, from the eyes. The nose's tip lies about half way down, the chin at 1.7.
_NOSE_COVERED = ((0, 0.3), (0.45, 0.52), (1.0, 0.45), (0.95, 1.25), (0.6, 1.7), (0, 1.85))
_NOSE_FREE = ((0, 0.78), (0.5, 0.78), (0.98, 0.7), (0.95, 1.25), (0.6, 1.7), (0, 1.85))


class FaceAxes:
    """The directions of a face in a photo: across, from eye to eye, and down, from the eyes to the mouth."""

    def __init__(self, landmarks: NDArray[np.float32]) -> None:
        """``landmarks``: float32 (5, 2), as :class:`faces.detection.detected_face.DetectedFace` has them."""
        left_eye, right_eye, _, left_mouth, right_mouth = landmarks.astype(np.float64)
        self.eyes = (left_eye, right_eye)
        self.middle = (left_eye + right_eye) / 2
        self.across = right_eye - left_eye
        self.down = (left_mouth + right_mouth) / 2 - self.middle

    @property
    def width(self) -> float:
        """The distance between the eyes in pixels."""
        return max(1.0, float(np.hypot(*self.across)))

    @property
    def roll(self) -> float:
        """The angle of the line from eye to eye, degrees clockwise."""
        return float(np.degrees(np.arctan2(self.across[1], self.across[0])))

    def points(self, outline: Sequence[tuple[float, float]]) -> NDArray[np.float64]:
        """Points of the photo, float64 (n, 2), of an outline in this face's directions."""
        return np.array([self.middle + x * self.across + y * self.down for x, y in outline])


def draw(kind: str, photo: RGB, landmarks: NDArray[np.float32]) -> None:
    """Draw ``glasses``, ``sunglasses``, ``mask`` or ``mask_below_nose`` over a face, in place."""
    axes = FaceAxes(landmarks)
    if kind in ("glasses", "sunglasses"):
        _draw_glasses(photo, axes, dark=kind == "sunglasses")
    else:
        _draw_mask(photo, axes, _NOSE_COVERED if kind == "mask" else _NOSE_FREE)


def _draw_glasses(photo: RGB, axes: FaceAxes, dark: bool) -> None:
    width = axes.width
    thick = max(1, round(0.07 * width))
    half = (round(0.4 * width), round(0.3 * width))
    for eye in axes.eyes:
        middle = (round(float(eye[0])), round(float(eye[1])))
        if dark:
            cv2.ellipse(photo, middle, half, axes.roll, 0, 360, _LENS, -1, cv2.LINE_AA)
        cv2.ellipse(photo, middle, half, axes.roll, 0, 360, _FRAME, thick, cv2.LINE_AA)
    for side in (-1, 1):
        _line(photo, axes.points(((0.85 * side, -0.02), (1.25 * side, -0.12))), _FRAME, thick)
    _line(photo, axes.points(((-0.13, -0.06), (0.13, -0.06))), _FRAME, thick)


def _draw_mask(photo: RGB, axes: FaceAxes, half: Sequence[tuple[float, float]]) -> None:
    outline = [*half, *((-x, y) for x, y in reversed(half) if x)]
    _fill(photo, axes.points(outline), _CLOTH)
    thick = max(1, round(0.025 * axes.width))
    edge = half[2][0]
    for down in (1.0, 1.2, 1.4):
        _line(photo, axes.points(((-0.8 * edge, down), (0.8 * edge, down))), _FOLD, thick)
    for side in (-1, 1):
        _line(photo, axes.points(((edge * side, half[2][1]), (1.4 * side, 0.1))), _CLOTH, thick)


def _fill(photo: RGB, points: NDArray[np.float64], colour: tuple[int, int, int]) -> None:
    cv2.fillPoly(photo, [_fixed(points)], colour, cv2.LINE_AA, _FIXED_POINT)


def _line(photo: RGB, points: NDArray[np.float64], colour: tuple[int, int, int], thick: int) -> None:
    cv2.polylines(photo, [_fixed(points)], False, colour, thick, cv2.LINE_AA, _FIXED_POINT)


def _fixed(points: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.asarray(np.round(points * 2**_FIXED_POINT), dtype=np.int32)
