"""The part of a picture in which a face's body is looked for, and its pixels as a pose model takes them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faces.image.decode import RGB
from faces.opencv import cv2
from faces.pose.keypoints import Box, longer_side

ABOVE, BELOW = 2.75, 4.25
"""How far the part reaches above and below the middle of the face, in longer sides of its box. A straight raised arm
ends 1.5 to 2.5 of them above it, the hips are about 4 below. The width follows from the model's input."""


@dataclass(frozen=True, slots=True)
class Crop:
    """A part of a picture, scaled to a model's input; what lies outside the picture is black.

    Attributes:
        pixels: uint8 (height, width, 3), RGB.
        left, top: where the input's upper left corner lies in the picture.
        scale: pixels of the picture per pixel of the input.
        face: the box around which it was cut.
    """

    pixels: RGB
    left: float
    top: float
    scale: float
    face: Box

    def to_picture(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Points of the input, float32 (n, 2), as points of the picture."""
        return np.asarray(points * self.scale + np.array([self.left, self.top]), dtype=np.float32)


def cut(pixels: RGB, face: Box, height: int, width: int) -> Crop:
    """The neighbourhood of a face in an RGB uint8 (h, w, 3) picture, as an input of so many pixels."""
    side = longer_side(face)
    scale = (ABOVE + BELOW) * side / height
    left, top = (face[0] + face[2]) / 2 - scale * width / 2, (face[1] + face[3]) / 2 - ABOVE * side
    x1, x2 = _inside(left - scale, left + scale * (width + 1), pixels.shape[1])
    y1, y2 = _inside(top - scale, top + scale * (height + 1), pixels.shape[0])
    if x1 >= x2 or y1 >= y2:
        return Crop(np.zeros((height, width, 3), dtype=np.uint8), left, top, scale, face)
    # A warp blends four pixels only. So blocks of whole pixels are averaged before, which is quick.
    block = max(1, min(int(scale), x2 - x1, y2 - y1))
    columns, rows = (x2 - x1) // block, (y2 - y1) // block
    part = pixels[y1 : y1 + rows * block, x1 : x1 + columns * block]
    if block > 1:
        part = np.asarray(cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    step = scale / block
    back = np.array([[step, 0, (left - x1) / block + step / 2 - 0.5], [0, step, (top - y1) / block + step / 2 - 0.5]])
    warped = cv2.warpAffine(part, back, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return Crop(np.asarray(warped, dtype=np.uint8), left, top, scale, face)


def _inside(first: float, last: float, length: int) -> tuple[int, int]:
    """The whole pixels of a side of the picture that a part touches."""
    return max(0, math.floor(first)), min(length, math.ceil(last))
