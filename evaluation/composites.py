"""Class photos made of portraits: faces of a chosen size, cut out of photos and pasted in rows on a drawn room.

The same seed makes the same photo. No more than one portrait is decoded at a time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faces.image.decode import RGB
from faces.opencv import cv2
from presente.errors import InvalidInput

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels."""

_MARGINS = (0.8, 0.6, 0.4, 0.25)
"""What is cut out around a face, as shares of its box's longer side: the widest that shows no other face."""

_FEATHER = 0.35
"""Share of that margin over which a cutout blends into the room."""

_LONGER = 1.35
"""The longer side of a face's box as a multiple of its shorter side, about."""

_STRAY = 0.15
"""How far a face may be from the middle of its cell, as a share of the room that is left there."""

_BAND = 128
"""Rows of pixels that are worked on at once: a whole photo of floats takes hundreds of megabytes."""


@dataclass(frozen=True, slots=True)
class Cutout:
    """The part of a portrait that is pasted: the part's box, and in it that of the person's face."""

    part: Box
    face: Box


@dataclass(frozen=True, slots=True)
class Place:
    """Where a face stands in a class photo: its middle, and the shorter side of its box, in pixels."""

    x: float
    y: float
    size: float


def cutout(face: Box, others: Sequence[Box], width: int, height: int) -> Cutout | None:
    """What to cut out of a portrait of this size around a face; None when another face is too near."""
    side = max(face[2] - face[0], face[3] - face[1])
    for margin in _MARGINS:
        reach = margin * side
        part = (
            max(0.0, face[0] - reach),
            max(0.0, face[1] - reach),
            min(float(width), face[2] + reach),
            min(float(height), face[3] + reach),
        )
        if not any(_overlap(part, other) for other in others):
            return Cutout(part, face)
    return None


def places(sizes: Sequence[float], width: int, height: int, rows: int | None, seed: int) -> list[Place]:
    """Places in rows for faces of these sizes, the smallest behind; in the order of the sizes.

    Args:
        sizes: of the faces, in pixels.
        width: of the photo.
        height: likewise.
        rows: number of rows; None: as many as spread the faces evenly.
        seed: of where in its cell a face stands.

    Raises:
        InvalidInput: ``faces_do_not_fit``.
    """
    chance = np.random.default_rng([0xC1A5, seed])
    count = len(sizes)
    rows = min(count, rows or max(1, round(math.sqrt(count * height / width))))
    columns = math.ceil(count / rows)
    cell_width, cell_height = width / columns, height / rows
    room = _LONGER * (1 + 2 * _MARGINS[-1]) * max(sizes)
    if room > min(cell_width, cell_height):
        raise InvalidInput(
            "faces_do_not_fit",
            f"{count} faces of up to {max(sizes):.0f} pixels do not fit into {rows} rows of a photo of "
            f"{width} x {height} pixels.",
            "Ask for fewer or smaller faces, another number of rows, or a larger photo.",
        )
    found: dict[int, Place] = {}
    for number, face in enumerate(sorted(range(count), key=lambda face: sizes[face])):
        row, column = divmod(number, columns)
        in_row = min(columns, count - row * columns)
        x = (column + 0.5 + (columns - in_row) / 2) * cell_width
        y = (row + 0.5) * cell_height
        x += chance.uniform(-_STRAY, _STRAY) * (cell_width - room)
        y += chance.uniform(-_STRAY, _STRAY) * (cell_height - room)
        found[face] = Place(x, y, sizes[face])
    return [found[face] for face in range(count)]


def empty_room(width: int, height: int, seed: int) -> RGB:
    """An empty classroom, uint8 (height, width, 3): a wall with a board above a floor, unevenly lit, with grain."""
    chance = np.random.default_rng([0x6009, seed])
    wall, floor = chance.integers(170, 215) + chance.integers(-12, 12, 3), chance.integers(95, 140, 3)
    photo = np.empty((height, width, 3), dtype=np.uint8)
    photo[:] = wall
    photo[round(0.72 * height) :] = floor
    left, right = (round(share * width) for share in (0.12, 0.88))
    top, bottom = (round(share * height) for share in (0.06, 0.4))
    photo[top:bottom, left:right] = chance.integers(45, 70) + chance.integers(0, 20, 3)
    light = cv2.resize(
        chance.normal(1, 0.06, (6, 8)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    for start in range(0, height, _BAND):
        band = photo[start : start + _BAND]
        grain = chance.normal(0, 2.5, (*band.shape[:2], 1)).astype(np.float32)
        band[:] = np.clip(band * light[start : start + _BAND, :, None] + grain, 0, 255).astype(np.uint8)
    return photo


def paste(photo: RGB, portrait: RGB, cut: Cutout, place: Place) -> Box:
    """Paste a cutout of a portrait into a photo, in place; the box of the face, which may be outside the photo."""
    left, top, right, bottom = (round(edge) for edge in cut.part)
    scale = place.size / min(cut.face[2] - cut.face[0], cut.face[3] - cut.face[1])
    size = (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
    blend = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    patch = cv2.resize(np.ascontiguousarray(portrait[top:bottom, left:right]), size, interpolation=blend)
    across, down = size[0] / (right - left), size[1] / (bottom - top)
    face = (
        (cut.face[0] - left) * across,
        (cut.face[1] - top) * down,
        (cut.face[2] - left) * across,
        (cut.face[3] - top) * down,
    )
    x0, y0 = round(place.x - (face[0] + face[2]) / 2), round(place.y - (face[1] + face[3]) / 2)
    height, width = photo.shape[:2]
    x1, y1, x2, y2 = max(0, x0), max(0, y0), min(width, x0 + size[0]), min(height, y0 + size[1])
    if x1 < x2 and y1 < y2:
        alpha = _soft_edge(size, face)[y1 - y0 : y2 - y0, x1 - x0 : x2 - x0, None]
        under = photo[y1:y2, x1:x2]
        over = patch[y1 - y0 : y2 - y0, x1 - x0 : x2 - x0]
        under[:] = np.round(alpha * over + (1 - alpha) * under).astype(np.uint8)
    return face[0] + x0, face[1] + y0, face[2] + x0, face[3] + y0


def _soft_edge(size: tuple[int, int], face: Box) -> NDArray[np.float32]:
    """How much of a patch shows, float32 (h, w): all of the face, and less and less towards the patch's edges."""
    x, y = np.arange(size[0], dtype=np.float32) + 0.5, np.arange(size[1], dtype=np.float32) + 0.5

    def ramp(at: NDArray[np.float32], first: float, last: float, end: int) -> NDArray[np.float32]:
        before, after = max(1.0, first * _FEATHER), max(1.0, (end - last) * _FEATHER)
        return np.asarray(np.clip(np.minimum(at / before, (end - at) / after), 0, 1), dtype=np.float32)

    return ramp(x, face[0], face[2], size[0])[None, :] * ramp(y, face[1], face[3], size[1])[:, None]


def share_of_union(a: Box, b: Box) -> float:
    """Intersection over union of two boxes."""
    both = _overlap(a, b)
    if not both:
        return 0.0
    return both / (_area(a) + _area(b) - both)


def _overlap(a: Box, b: Box) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def matched(truth: Sequence[Box], found: Sequence[Box], least: float) -> list[int | None]:
    """For each true box, the place of the found box that is it, or None; each found box is at most one true one.

    The pairs that share most of their union are matched first.
    """
    pairs = sorted(
        ((share_of_union(t, f), i, k) for i, t in enumerate(truth) for k, f in enumerate(found)),
        key=lambda pair: -pair[0],
    )
    result: list[int | None] = [None] * len(truth)
    taken: set[int] = set()
    for share, i, k in pairs:
        if share < least:
            break
        if result[i] is None and k not in taken:
            result[i] = k
            taken.add(k)
    return result
