"""Views: a part of a photo, turned and scaled, on the canvas that a detector takes; and the way back to the photo."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faces.image.decode import RGB
from faces.opencv import cv2

STRIDE = 32
"""The coarsest stride of the detectors: both sides of a canvas are multiples of this many pixels."""


@dataclass(frozen=True, slots=True)
class View:
    """A part of a photo as a detector sees it.

    Attributes:
        left, top, right, bottom: the part, in pixels of the photo.
        scale: pixels of the canvas per pixel of the photo.
        turns: clockwise quarter turns that the part is given before it is looked at.
        border: width of the black border on every side, as a fraction of the part's longest side; 0: the part lies in
            the canvas's top left corner, as insightface has it.
    """

    left: int
    top: int
    right: int
    bottom: int
    scale: float
    turns: int = 0
    border: float = 0.0

    @property
    def inner(self) -> tuple[int, int]:
        """Height and width of the scaled part, before it is turned."""
        return (
            max(1, round((self.bottom - self.top) * self.scale)),
            max(1, round((self.right - self.left) * self.scale)),
        )


@dataclass(frozen=True, slots=True)
class Canvas:
    """A detector's input for one view: its size, and where the view's corner lies in it (pixels)."""

    width: int
    height: int
    left: int
    top: int


def whole(height: int, width: int, max_side: int, border: float, turns: int = 0) -> View:
    """The whole photo, not upscaled, at most ``max_side`` on its longest side."""
    return View(0, 0, width, height, min(1.0, max_side / max(height, width)), turns, border)


def tiles(height: int, width: int, scale: float, tile_side: int, overlap: int, turns: int = 0) -> list[View]:
    """Views that together cover a photo at a scale.

    Each is at most ``tile_side`` pixels per side, and overlaps its neighbours by ``overlap`` pixels, of the canvas.
    """
    return [
        View(left, top, right, bottom, scale, turns)
        for top, bottom in _pieces(height, scale, tile_side, overlap)
        for left, right in _pieces(width, scale, tile_side, overlap)
    ]


def _pieces(length: int, scale: float, tile_side: int, overlap: int) -> list[tuple[int, int]]:
    """Equal pieces of a side of the photo, in its pixels."""
    whole_length = length * scale
    count = max(1, math.ceil((whole_length - overlap) / (tile_side - overlap)))
    step = (whole_length - overlap) / count
    return [
        (max(0, math.floor(number * step / scale)), min(length, math.ceil((number * step + step + overlap) / scale)))
        for number in range(count)
    ]


def plan_canvas(view: View) -> Canvas:
    """The smallest canvas with sides that are multiples of 32 which holds a view and its border."""
    inner_height, inner_width = view.inner[::-1] if view.turns % 2 else view.inner
    margin = math.ceil(view.border * max(inner_height, inner_width))
    height = math.ceil((inner_height + 2 * margin) / STRIDE) * STRIDE
    width = math.ceil((inner_width + 2 * margin) / STRIDE) * STRIDE
    if view.border == 0:
        return Canvas(width, height, 0, 0)
    return Canvas(width, height, (width - inner_width) // 2, (height - inner_height) // 2)


def paint(pixels: RGB, view: View, canvas: Canvas) -> RGB:
    """A new uint8 array (canvas.height, canvas.width, 3): the view on black."""
    part = pixels[view.top : view.bottom, view.left : view.right]
    height, width = view.inner
    # Above a half, a linear blend uses every pixel, too, and takes a tenth of the time.
    blend = cv2.INTER_LINEAR if view.scale >= 0.5 else cv2.INTER_AREA
    scaled = part if view.scale == 1.0 else cv2.resize(part, (width, height), interpolation=blend)
    turned = np.rot90(scaled, -view.turns)
    painted = np.zeros((canvas.height, canvas.width, 3), dtype=np.uint8)
    painted[canvas.top : canvas.top + turned.shape[0], canvas.left : canvas.left + turned.shape[1]] = turned
    return painted


def to_photo(points: NDArray[np.floating], view: View, canvas: Canvas) -> NDArray[np.float32]:
    """Points of the canvas, (..., 2) as x and y, to points of the photo, float32."""
    x, y = points[..., 0] - canvas.left, points[..., 1] - canvas.top
    height, width = view.inner
    turned_back = {0: (x, y), 1: (y, height - x), 2: (width - x, height - y), 3: (width - y, x)}[view.turns % 4]
    corner = np.array([view.left, view.top])
    return np.asarray(np.stack(turned_back, axis=-1) / view.scale + corner, dtype=np.float32)


def inner_edges(view: View, height: int, width: int) -> Sequence[tuple[int, float]]:
    """The view's edges that are not the photo's: the index into a box (x1, y1, x2, y2) that would touch it, and where
    it lies, in pixels of the photo."""
    edges = ((0, view.left, 0), (1, view.top, 0), (2, view.right, width), (3, view.bottom, height))
    return [(index, float(edge)) for index, edge, end in edges if edge != end]
