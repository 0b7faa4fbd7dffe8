"""A supersampled RGBA canvas with the few strokes that faces need."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from .colour import Colour
from .geometry import Points

SUPERSAMPLE = 2
"""Canvas pixels per photo pixel, along each axis."""


class Canvas:
    """An RGBA image of `width` x `height` photo pixels, drawn at SUPERSAMPLE times that size."""

    def __init__(self, width: int, height: int) -> None:
        """Start with a canvas on which nothing is drawn."""
        self._image = Image.new("RGBA", (width * SUPERSAMPLE, height * SUPERSAMPLE), (0, 0, 0, 0))
        self._draw = ImageDraw.Draw(self._image)

    def polygon(self, points: Points, colour: Colour) -> None:
        """Fill a polygon of canvas points (N, 2)."""
        if len(points) >= 3:
            self._draw.polygon(points.ravel().tolist(), fill=(*colour, 255))

    def line(self, points: Points, colour: Colour, width: float) -> None:
        """Draw a polyline through canvas points (N, 2), `width` canvas pixels wide."""
        if width >= 0.45:
            flat = points.ravel().tolist()
            self._draw.line(flat, fill=(*colour, 255), width=max(1, round(width)), joint="curve")

    def dot(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """Fill a disc of canvas pixels."""
        self._draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(*colour, 255))

    def finish(
        self,
    ) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.float32]], np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
        """Return colour (H, W, 3) premultiplied by alpha and alpha (H, W, 1), float32 in 0..1."""
        small = self._image.reduce(SUPERSAMPLE)
        pixels = np.asarray(small, dtype=np.float32) * np.float32(1 / 255)
        alpha = pixels[:, :, 3:]
        return pixels[:, :, :3] * alpha, alpha


def stroke_colour(base: Colour, factor: float, red: float = 0.0) -> Colour:
    """Return a line colour: `base` darkened by `factor`, slightly reddened."""
    r, g, b = base
    return (min(255, round(r * factor * (1 + red))), round(g * factor), round(b * factor))
