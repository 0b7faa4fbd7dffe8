"""The part of a photo that a liveness model sees, as its pack declares it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from faces.alignment import SIZE, similarity_transform
from faces.detection.detected_face import DetectedFace
from faces.image.decode import RGB
from faces.liveness.description import CropRule
from faces.liveness.values import NotJudged
from faces.opencv import cv2


@dataclass(frozen=True, slots=True, eq=False)
class LivenessCrop:
    """What the models of a pack are given of one face.

    Attributes:
        pictures: uint8 (height, width, 3), RGB, one per model, in the pack's order; empty when the face cannot be
            judged.
        reason: why it cannot be; None when it can.
    """

    pictures: tuple[RGB, ...]
    reason: NotJudged | None = None


class _Part(NamedTuple):
    """A part of a photo in whole pixels, x and y of two corners; it may reach beyond the photo."""

    x1: int
    y1: int
    x2: int
    y2: int


def cut_part(pixels: RGB, face: DetectedFace, rule: CropRule, height: int, width: int) -> RGB | None:
    """What a model sees of a face.

    A photo that lies on its side is turned by quarters until the face is upright.

    Args:
        pixels: RGB uint8 (h, w, 3), the photo.
        face: a face in it.
        rule: which part.
        height, width: of the model's input.

    Returns:
        uint8 (height, width, 3); None when the photo shows too little around the face.
    """
    if rule.around == "landmarks":
        return _aligned(pixels, face, rule, height)
    sides = face.box[2:] - face.box[:2]
    if rule.around == "square":
        sides = np.full(2, sides.max())
    asked = float(rule.scale)
    middle = (face.box[:2] + face.box[2:]) / 2
    if rule.beyond == "shrink":
        room = np.array(pixels.shape[1::-1]) - 1
        scale = min(asked, float((room / sides).min()))
        if scale < rule.least_seen * asked:
            return None
        cut = _cut_inside(pixels, middle, sides * scale)
    else:
        part = _part(middle, sides * asked)
        if _inside(part, pixels) < rule.least_seen:
            return None
        cut = _cut_beyond(pixels, part, rule)
    upright = np.rot90(cut, round(face.roll / 90) % 4)
    return _resized(upright, height, width, rule)


def _cut_inside(pixels: RGB, middle: NDArray[np.floating], sides: NDArray[np.floating]) -> RGB:
    """A part that is no larger than the photo, moved into it."""
    room = np.array(pixels.shape[1::-1])
    low = np.clip(middle - sides / 2, 0, room - sides)
    x1, y1 = (int(value) for value in low)
    x2, y2 = (max(first + 1, int(value)) for first, value in zip((x1, y1), low + sides, strict=True))
    return pixels[y1:y2, x1:x2]


def _part(middle: NDArray[np.floating], sides: NDArray[np.floating]) -> _Part:
    low, size = np.floor(middle - sides / 2).astype(int), np.maximum(1, sides.astype(int))
    return _Part(*(int(value) for value in (*low, *(low + size))))


def _inside(part: _Part, pixels: RGB) -> float:
    """Which share of a part's area lies in the photo."""
    height, width = pixels.shape[:2]
    across = min(part.x2, width) - max(part.x1, 0)
    down = min(part.y2, height) - max(part.y1, 0)
    return float(max(0, across) * max(0, down) / ((part.x2 - part.x1) * (part.y2 - part.y1)))


def _cut_beyond(pixels: RGB, part: _Part, rule: CropRule) -> RGB:
    """A part with what lies beyond the photo filled from its edge."""
    height, width = pixels.shape[:2]
    inside = pixels[max(0, part.y1) : min(height, part.y2), max(0, part.x1) : min(width, part.x2)]
    missing = (max(0, -part.y1), max(0, part.y2 - height), max(0, -part.x1), max(0, part.x2 - width))
    if not any(missing):
        return inside
    kind = cv2.BORDER_REFLECT_101 if rule.beyond == "reflect" else cv2.BORDER_REPLICATE
    return np.asarray(cv2.copyMakeBorder(inside, *missing, kind), dtype=np.uint8)


def _resized(pixels: RGB, height: int, width: int, rule: CropRule) -> RGB:
    how = cv2.INTER_LINEAR
    if rule.resize == "area":
        enlarged = height > pixels.shape[0] or width > pixels.shape[1]
        how = cv2.INTER_LANCZOS4 if enlarged else cv2.INTER_AREA
    return np.asarray(cv2.resize(np.ascontiguousarray(pixels), (width, height), interpolation=how), dtype=np.uint8)


def _aligned(pixels: RGB, face: DetectedFace, rule: CropRule, side: int) -> RGB | None:
    """ArcFace's crop, so many times as large, by the face's landmarks."""
    smaller = side / (SIZE * rule.scale)
    transform = similarity_transform(face.landmarks) * smaller
    transform[:, 2] += (side - SIZE * smaller) / 2
    seen = cv2.warpAffine(np.ones(pixels.shape[:2], np.float32), transform, (side, side), flags=cv2.INTER_LINEAR)
    if float(np.mean(seen)) < rule.least_seen:
        return None
    warped = cv2.warpAffine(pixels, transform, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, dtype=np.uint8)
