"""A face with what is around it, cut out of a photo: a picture that a person knows the face by, and can enrol."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faces.image.decode import RGB
from faces.image.jpeg_copy import jpeg_copy
from faces.opencv import cv2

LONGEST_SIDE = 320
"""Pixels of the longer side of a picture, at most."""
AROUND = 0.5
"""Of the face's longer side, what a picture shows on each side of it: as much around the face as the face again."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class FacePicture:
    """A face and what is around it.

    Attributes:
        pixels: RGB uint8 (h, w, 3), upright, at most :data:`LONGEST_SIDE` per side; the caller's own.
        box: of the face in it, x1, y1, x2, y2 in pixels.
    """

    pixels: RGB
    box: Box

    def jpeg(self) -> bytes:
        """As a JPEG without metadata."""
        return jpeg_copy(self.pixels)


def surroundings(box: NDArray[np.float32], height: int, width: int) -> tuple[int, int, int, int]:
    """The part of a photo that a picture of a face shows: left, top, right, bottom in whole pixels, within the photo.

    Args:
        box: the face's, float32 (4,), in pixels of the photo.
        height, width: of the photo.
    """
    half = float(max(box[2:] - box[:2])) * (0.5 + AROUND)
    x, y = (float(value) for value in (box[:2] + box[2:]) / 2)
    left, top = (int(min(max(at - half, 0), longest - 1)) for at, longest in ((x, width), (y, height)))
    right, bottom = (int(min(max(at + half, 1), longest)) for at, longest in ((x, width), (y, height)))
    return left, top, max(right, left + 1), max(bottom, top + 1)


def box_in(box: NDArray[np.float32], part: tuple[int, int, int, int], height: int, width: int) -> Box:
    """Where the box of a face lies in a picture of (height, width) that shows a part of the photo; within it."""
    left, top, right, bottom = part
    scale = np.array([width / (right - left), height / (bottom - top)] * 2)
    x1, y1, x2, y2 = ((np.asarray(box, dtype=np.float64) - [left, top, left, top]) * scale).tolist()
    return max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height))


def picture_of(pixels: RGB, box: NDArray[np.float32], turns: int = 0) -> FacePicture:
    """The picture of a face of a photo.

    Args:
        pixels: RGB uint8 (h, w, 3), the photo.
        box: the face's, in its pixels.
        turns: clockwise quarter turns that make the face upright.
    """
    part = surroundings(box, *pixels.shape[:2])
    left, top, right, bottom = part
    cut: RGB = pixels[top:bottom, left:right]
    longest = max(cut.shape[:2])
    if longest > LONGEST_SIDE:
        height, width = (max(1, round(side * LONGEST_SIDE / longest)) for side in cut.shape[:2])
        cut = np.asarray(cv2.resize(cut, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    height, width = cut.shape[:2]
    place = box_in(box, part, height, width)
    for _ in range(turns % 4):  # a point (x, y) of a picture of height h is at (h - y, x) after a clockwise turn
        x1, y1, x2, y2 = place
        place = height - y2, x1, height - y1, x2
        height, width = width, height
    upright = np.array(np.rot90(cut, -turns), dtype=np.uint8, order="C")  # a copy: the photo's pixels are given back
    return FacePicture(upright, place)
