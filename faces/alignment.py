"""A face cut out of a photo: by five landmarks to the 112x112 crop that ArcFace's models know, or by its box.

The transform of landmarks is the least-squares similarity of Umeyama (IEEE TPAMI 13(4), 1991) onto the five reference
points that insightface publishes; a test holds it to insightface's own ``norm_crop``.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faces.image.decode import RGB
from faces.opencv import cv2

SIZE = 112
"""Side of an aligned crop in pixels."""

REFERENCE: NDArray[np.float64] = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""The five landmarks of an aligned crop: x, y in pixels (insightface, ``arcface_dst``)."""


def similarity_transform(landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """The 2x3 matrix that takes five (x, y) landmarks nearest to :data:`REFERENCE`; no reflection.

    In the plane the optimum has a closed form: with both point sets centred and read as complex numbers it is
    <source, target> / <source, source>.
    """
    source = np.asarray(landmarks, dtype=np.float64).reshape(5, 2)
    source_mean, target_mean = source.mean(axis=0), REFERENCE.mean(axis=0)
    a, b = (source - source_mean).T
    u, v = (REFERENCE - target_mean).T
    spread = float((a * a + b * b).sum())
    if not np.isfinite(spread) or spread < 1e-9:
        raise ValueError("five landmarks that are one point have no direction")
    cosine, sine = float((a * u + b * v).sum()) / spread, float((a * v - b * u).sum()) / spread
    rotation = np.array([[cosine, -sine], [sine, cosine]])
    return np.hstack([rotation, (target_mean - rotation @ source_mean)[:, None]])


def cut_box(pixels: RGB, box: NDArray[np.floating], size: int, margin: float) -> RGB:
    """Cut a box (x1, y1, x2, y2) out of a photo and stretch it to (size, size, 3), as facenet-pytorch does.

    The box grows by ``margin`` pixels of the result, half on either side, within the photo; its corners are rounded
    towards zero. It is scaled by Pillow's bilinear filter, which uses every pixel when it shrinks.
    """
    x1, y1, x2, y2 = (float(value) for value in box)
    wider, higher = (margin * side / (size - margin) / 2 for side in (x2 - x1, y2 - y1))
    left, top = int(max(x1 - wider, 0)), int(max(y1 - higher, 0))
    right, bottom = int(min(x2 + wider, pixels.shape[1])), int(min(y2 + higher, pixels.shape[0]))
    whole = (left, top, max(right, left + 1), max(bottom, top + 1))
    return np.asarray(Image.fromarray(pixels).crop(whole).resize((size, size), Image.Resampling.BILINEAR))


def align(pixels: RGB, landmarks: NDArray[np.floating]) -> RGB:
    """Cut the 112x112 aligned crop out of a photo: RGB uint8 in, RGB uint8 (112, 112, 3) out, black outside.

    A face of more than twice as many pixels is shrunk first by averaging: a crop that takes one pixel of many has the
    noise of one.
    """
    transform = similarity_transform(landmarks)
    times = int(1 / math.hypot(transform[0, 0], transform[1, 0]))
    if times >= 2:
        pixels, transform = _shrunk(pixels, transform, times)
    return np.asarray(cv2.warpAffine(pixels, transform, (SIZE, SIZE), borderValue=(0, 0, 0)), dtype=np.uint8)


def _shrunk(pixels: RGB, transform: NDArray[np.float64], times: int) -> tuple[RGB, NDArray[np.float64]]:
    """The part of a photo that a transform to a crop needs, with ``times`` fewer pixels per side, and its transform."""
    turn, shift = transform[:, :2], transform[:, 2]
    corners = (np.array([[0, 0], [SIZE, 0], [0, SIZE], [SIZE, SIZE]]) - shift) @ np.linalg.inv(turn).T
    height, width = pixels.shape[:2]
    left, top = (int(edge) for edge in np.clip(np.floor(corners.min(axis=0)) - times, 0, [width - 1, height - 1]))
    right, bottom = (
        int(edge) for edge in np.clip(np.ceil(corners.max(axis=0)) + times, [left + 1, top + 1], [width, height])
    )
    part = pixels[top:bottom, left:right]
    size = (max(1, (right - left) // times), max(1, (bottom - top) // times))
    across, down = part.shape[1] / size[0], part.shape[0] / size[1]
    # A pixel's centre lies at half a pixel: a point x of the photo is at (x - left + 0.5) / across - 0.5 of the part.
    scaled = turn * np.array([across, down])
    origin = turn @ np.array([left + across / 2 - 0.5, top + down / 2 - 0.5]) + shift
    shrunk = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return shrunk, np.hstack([scaled, origin[:, None]])
