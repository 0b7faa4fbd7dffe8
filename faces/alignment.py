"""A face cut out of a photo: by five landmarks to the 112x112 crop that ArcFace's models know, or by its box.

The transform of landmarks is the least-squares similarity of Umeyama (IEEE TPAMI 13(4), 1991) onto the five reference
points that insightface publishes; a test holds it to insightface's own ``norm_crop``.
"""

from __future__ import annotations

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
    """Cut the 112x112 aligned crop out of a photo: RGB uint8 in, RGB uint8 (112, 112, 3) out, black outside."""
    return np.asarray(
        cv2.warpAffine(pixels, similarity_transform(landmarks), (SIZE, SIZE), borderValue=(0, 0, 0)), dtype=np.uint8
    )
