"""The egg-shaped head in space and its projection onto the picture.

Head coordinates are in half face widths: x to the right of the image, y downwards from the line of
the eyes, z towards the viewer.  Picture coordinates are pixels of the (supersampled) canvas.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .identity import Shape

Points = NDArray[np.float64]
"""Points of shape (N, 2), float64."""

DEPTH = 0.95
"""Half depth of the front of the head."""


@dataclass(frozen=True)
class Pose:
    """A head placed in the picture: rotation angles in radians, origin and unit in pixels."""

    yaw: float
    pitch: float
    roll: float
    origin_x: float
    origin_y: float
    unit: float

    def project(self, x: NDArray[np.float64], y: NDArray[np.float64], z: NDArray[np.float64]) -> Points:
        """Project head points, given by coordinate arrays of shape (N,), to pixels (N, 2)."""
        cos, sin = math.cos(self.yaw), math.sin(self.yaw)
        across = x * cos + z * sin
        down = y * math.cos(self.pitch) + (z * cos - x * sin) * math.sin(self.pitch)
        return self.flat(across, down)

    def flat(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> Points:
        """Place points that are already seen from the front: roll, scale and shift only."""
        cos, sin = self.unit * math.cos(self.roll), self.unit * math.sin(self.roll)
        placed = np.empty((len(y), 2))
        placed[:, 0] = x * cos - y * sin + self.origin_x
        placed[:, 1] = x * sin + y * cos + self.origin_y
        return placed

    def face(self, points: Points, lift: float = 0.0) -> Points:
        """Project points (N, 2) of the face's surface, raised by `lift` towards the viewer."""
        x, y = points[:, 0], points[:, 1]
        return self.project(x, y, surface(x, y) + lift)


def surface(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the height z of the face's surface over (x, y); arrays of shape (N,)."""
    bulge = 1.0 - (x / 1.1) ** 2 - ((y - 0.1) / 1.75) ** 2
    return np.asarray(DEPTH * np.sqrt(np.maximum(bulge, 0.01)) - 0.12)


def spline(points: Points, steps: int = 8) -> Points:
    """Return a Catmull-Rom curve through `points` (N, 2), of (N - 1) * steps + 1 points."""
    padded = np.empty((len(points) + 2, 2))
    padded[1:-1] = points
    padded[0], padded[-1] = 2 * points[0] - points[1], 2 * points[-1] - points[-2]
    count = len(points) - 1
    windows = padded[np.arange(count)[:, None] + np.arange(4)]
    curve = np.empty((count * steps + 1, 2))
    curve[:-1] = (_basis(steps) @ windows).reshape(-1, 2)
    curve[-1] = points[-1]
    return curve


@lru_cache
def _basis(steps: int) -> NDArray[np.float64]:
    """Return the Catmull-Rom weights (steps, 4) of four neighbouring points."""
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    powers = np.hstack([t**0, t, t**2, t**3])
    weights = np.array([(0, 2, 0, 0), (-1, 0, 1, 0), (2, -5, 4, -1), (-1, 3, -3, 1)])
    return np.asarray(0.5 * powers @ weights)


def outline(shape: Shape) -> Points:
    """Return the right half of the head's outline (half width, y), crown to chin, shape (N, 2)."""
    jaw_y = 0.3 + 0.42 * shape.chin_y
    anchors = np.array(
        [
            (0.0, shape.crown_y),
            (0.5 * shape.forehead, shape.crown_y + 0.09),
            (0.9 * shape.forehead, shape.crown_y * 0.62),
            (0.5 + 0.5 * shape.forehead, shape.crown_y * 0.2),
            (shape.cheek, 0.34),
            (0.5 * (shape.cheek + shape.jaw) - 0.01, 0.5 * (0.34 + jaw_y) + 0.06),
            (shape.jaw, jaw_y),
            (0.5 * (shape.jaw + shape.chin_width), 0.5 * jaw_y + 0.5 * shape.chin_y - 0.015),
            (shape.chin_width, shape.chin_y - 0.05),
            (0.0, shape.chin_y),
        ]
    )
    return spline(anchors, 5)


def silhouette(half: Points, pose: Pose, grow: float = 1.0, lift: float = 0.0) -> tuple[Points, Points]:
    """Project the outline's right and left halves, each (N, 2), crown to chin.

    The head is about as deep as it is wide, so turning it hardly narrows its silhouette; the jaw sits
    in front of the head's axis and the crown behind it, which is what the turn moves.
    """
    width, y = half[:, 0] * grow, half[:, 1]
    seen = width * np.sqrt(np.cos(pose.yaw) ** 2 + (0.93 * np.sin(pose.yaw)) ** 2)
    ahead = 0.3 * np.clip(y, -1.0, 1.4) / 1.4
    centre = ahead * np.sin(pose.yaw)
    down = y * np.cos(pose.pitch) + ahead * np.cos(pose.yaw) * np.sin(pose.pitch) - lift
    return pose.flat(centre + seen, down), pose.flat(centre - seen, down)


def width_at(half: Points, y: float) -> float:
    """Return the half width of the head at height `y`."""
    return float(np.interp(y, half[:, 1], half[:, 0]))


def path(*points: tuple[float, float]) -> Points:
    """Return points as an array (N, 2)."""
    return np.array(points, dtype=np.float64)


def mirrored(*right: tuple[float, float]) -> Points:
    """Return a symmetric path (N, 2), left to right, given its right half from the middle outwards."""
    left = [(-x, y) for x, y in reversed(right) if x > 0]
    return path(*left, *right)


def ellipse(x: float, y: float, rx: float, ry: float, count: int = 20) -> Points:
    """Return the points (count, 2) of an ellipse."""
    return _circle(count) * (rx, ry) + (x, y)


@lru_cache
def _circle(count: int) -> Points:
    """Return `count` points (count, 2) of the unit circle."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)
