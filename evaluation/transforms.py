"""Photos changed as cameras and people change them: turned, blurred, dark, far away, worn over; at several levels.

Every transform gives the changed photo, and where the person's face is in it. The same photo and level give the same
bytes.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from evaluation import occlusion
from evaluation.composites import Box
from faces.detection.detected_face import DetectedFace
from faces.image.decode import RGB
from faces.opencv import cv2
from presente.errors import InvalidInput

AS_IT_IS = "as it is"
"""The level of a photo that is not changed."""

VERSION = 1
"""Raised when a transform changes: cached templates of changed photos are stale then."""

_QUALITY = 95
"""JPEG quality of changed photos, except where the quality is what is changed."""

_MARGIN = 0.1
"""Margin of a close-up, as a share of the longer side of the face's box."""

_NOISE = 2.0
"""Standard deviation of a dark photo's noise, in grey levels."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A changed photo, a JPEG; and a square about as large as the person's face, where the face now is."""

    content: bytes
    face: Box


@dataclass(frozen=True, slots=True)
class _Picture:
    """Pixels, the matrix float64 (2, 3) that takes points of the photo there, and the JPEG quality to keep them at."""

    pixels: RGB
    moved: NDArray[np.float64]
    quality: int = _QUALITY


@dataclass(frozen=True, slots=True)
class Transform:
    """One way of changing photos.

    Attributes:
        name: its name.
        unit: what its levels are.
        levels: those that are tried unless others are asked for, weakest first.
        bounds: the least and the greatest level; None where levels are words.
        change: the changed picture of a photo, the person's face in it, and a level.
    """

    name: str
    unit: str
    levels: Sequence[str]
    bounds: tuple[float, float] | None
    change: Callable[[RGB, DetectedFace, str], _Picture]

    def apply(self, pixels: RGB, face: DetectedFace, level: str) -> Changed:
        """Change a photo, uint8 (h, w, 3); the array stays as it is."""
        picture = self.change(pixels, face, level)
        stream = io.BytesIO()
        Image.fromarray(picture.pixels).save(stream, "JPEG", quality=picture.quality)
        x, y = picture.moved @ np.array([*(face.box[:2] + face.box[2:]) / 2, 1.0])
        half = math.sqrt(face.area * abs(np.linalg.det(picture.moved[:, :2]))) / 2
        return Changed(stream.getvalue(), (x - half, y - half, x + half, y + half))

    def checked(self, level: str) -> str:
        """A level, if it is one.

        Raises:
            InvalidInput: ``invalid_level``.
        """
        if self.bounds is None:
            known, wanted = level in self.levels, f"Give {', '.join(self.levels)}."
        else:
            least, most = self.bounds
            wanted = f"Give a number from {least:g} to {most:g} ({self.unit})."
            try:
                known = least <= float(level) <= most
            except ValueError:
                known = False
        if not known:
            raise InvalidInput("invalid_level", f"{level!r} is no level of {self.name}.", wanted)
        return level


def chosen(texts: Sequence[str]) -> list[tuple[Transform, list[str]]]:
    """Transforms with their levels, each once, from texts like ``blur`` or ``turned=90,180``; all when there are none.

    Raises:
        InvalidInput: ``unknown_transform``, ``invalid_level``.
    """
    found: dict[str, dict[str, None]] = {}
    for text in texts or TRANSFORMS:
        name, _, levels = text.partition("=")
        if name not in TRANSFORMS:
            raise InvalidInput("unknown_transform", f"{name!r} is no transform.", f"Give {', '.join(TRANSFORMS)}.")
        transform = TRANSFORMS[name]
        asked = [transform.checked(level) for level in levels.split(",")] if levels else list(transform.levels)
        found.setdefault(name, {}).update(dict.fromkeys(asked))
    return [(TRANSFORMS[name], list(levels)) for name, levels in found.items()]


def _unmoved(pixels: RGB, quality: int = _QUALITY) -> _Picture:
    return _Picture(pixels, np.eye(2, 3), quality)


def _turned(pixels: RGB, _: DetectedFace, level: str) -> _Picture:
    """The whole photo, turned clockwise, with corners of its mean colour."""
    degrees = float(level)
    height, width = pixels.shape[:2]
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    new_width = round(abs(width * cos) + abs(height * sin))
    new_height = round(abs(width * sin) + abs(height * cos))
    turn = np.array([[cos, -sin], [sin, cos]])
    shift = np.array([new_width, new_height]) / 2 - turn @ np.array([width, height]) / 2
    moved = np.hstack([turn, shift[:, None]])
    if degrees % 90 == 0:
        return _Picture(np.ascontiguousarray(np.rot90(pixels, -round(degrees / 90))), moved)
    colour = tuple(round(float(mean)) for mean in pixels.mean(axis=(0, 1)))
    turned = cv2.warpAffine(
        pixels,
        moved,
        (new_width, new_height),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=colour,
    )
    return _Picture(np.asarray(turned, dtype=np.uint8), moved)


def _close_up(pixels: RGB, face: DetectedFace, level: str) -> _Picture:
    """The face alone, with its margin, as large as the level says."""
    height, width = pixels.shape[:2]
    reach = _MARGIN * float(max(face.box[2:] - face.box[:2]))
    left, top = (max(0, math.floor(edge - reach)) for edge in face.box[:2])
    right, bottom = (min(end, math.ceil(edge + reach)) for edge, end in zip(face.box[2:], (width, height), strict=True))
    scale = float(level) / max(right - left, bottom - top)
    return _scaled(pixels[top:bottom, left:right], scale, (left, top))


def _scaled(pixels: RGB, scale: float, corner: tuple[int, int] = (0, 0)) -> _Picture:
    """A part of a photo, whose corner lies there, in another size."""
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    blend = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    resized = np.asarray(cv2.resize(np.ascontiguousarray(pixels), size, interpolation=blend), dtype=np.uint8)
    across, down = size[0] / pixels.shape[1], size[1] / pixels.shape[0]
    return _Picture(
        resized, np.array([[across, 0, -corner[0] * across], [0, down, -corner[1] * down]], dtype=np.float64)
    )


def _jpeg(pixels: RGB, _: DetectedFace, level: str) -> _Picture:
    return _unmoved(pixels, round(float(level)))


def _blurred(pixels: RGB, face: DetectedFace, level: str) -> _Picture:
    blurred = cv2.GaussianBlur(pixels, (0, 0), max(0.1, float(level) / 100 * face.side))
    return _unmoved(np.asarray(blurred, dtype=np.uint8))


def _dark(pixels: RGB, _: DetectedFace, level: str) -> _Picture:
    """Exposed by fewer stops: in linear light each halves what there is; and a sensor's noise."""
    values = np.linspace(0, 1, 256) ** 2.2 * 2.0 ** -float(level)
    curve = 255 * values ** (1 / 2.2)
    noise = np.random.default_rng(0xDA4C).normal(0, _NOISE, (*pixels.shape[:2], 1)).astype(np.float32)
    return _unmoved(np.clip(np.round(curve.astype(np.float32)[pixels] + noise), 0, 255).astype(np.uint8))


def _small(pixels: RGB, face: DetectedFace, level: str) -> _Picture:
    """The photo in fewer pixels, so that the face has as many as the level says; never in more."""
    return _scaled(pixels, min(1.0, float(level) / face.side))


def _enlarged(pixels: RGB, face: DetectedFace, level: str) -> _Picture:
    """The photo in fewer pixels, enlarged to its own size again."""
    small = _small(pixels, face, level).pixels
    enlarged = cv2.resize(small, (pixels.shape[1], pixels.shape[0]), interpolation=cv2.INTER_CUBIC)
    return _unmoved(np.asarray(enlarged, dtype=np.uint8))


def _covered(pixels: RGB, face: DetectedFace, level: str) -> _Picture:
    covered = pixels.copy()
    occlusion.draw(level, covered, face.landmarks)
    return _unmoved(covered)


_FACE_SIZES = ("80", "60", "40", "30", "24", "20", "16", "12")
_WORN = ("glasses", "sunglasses", "mask_below_nose", "mask")

TRANSFORMS: Mapping[str, Transform] = {
    each.name: each
    for each in (
        Transform("turned", "degrees clockwise", ("15", "30", "45", "90", "180", "270"), (0, 360), _turned),
        Transform(
            "close_up",
            "pixels of the longer side, the face with a margin of 10 %",
            ("640", "1200", "1600", "2400"),
            (64, 4000),
            _close_up,
        ),
        Transform("jpeg", "JPEG quality", ("90", "70", "50", "30", "20", "10"), (1, 100), _jpeg),
        Transform("blur", "sigma in % of the face's width", ("1", "2", "3", "4", "6", "8"), (0, 50), _blurred),
        Transform("dark", "stops of exposure less", ("1", "2", "3", "4", "5", "6"), (0, 12), _dark),
        Transform("small", "pixels of the face's shorter side", _FACE_SIZES, (4, 1000), _small),
        Transform("enlarged", "pixels of the face's shorter side before enlarging", _FACE_SIZES, (4, 1000), _enlarged),
        Transform("covered", "what is drawn over the face", _WORN, None, _covered),
    )
}
