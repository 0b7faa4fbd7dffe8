"""The similarity that brings five landmarks to their places in a 112 x 112 crop."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""The ArcFace template (5, 2): eyes, nose, mouth corners, in pixels of a 112 x 112 crop."""


def similarity(points: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the least-squares similarity (2, 3) from `points` (5, 2) to `target` (5, 2).

    A similarity [[a, -b, c], [b, a, d]] is linear in a, b, c, d, so plain least squares finds it.
    """
    x, y = points[:, 0], points[:, 1]
    one, zero = np.ones_like(x), np.zeros_like(x)
    rows = np.vstack([np.stack([x, -y, one, zero], 1), np.stack([y, x, zero, one], 1)])
    a, b, c, d = np.linalg.lstsq(rows, target.T.ravel(), rcond=None)[0]
    return np.array([[a, -b, c], [b, a, d]])


def jitter(points: NDArray[np.float64], rng: np.random.Generator, share: float) -> NDArray[np.float64]:
    """Return landmarks moved as a detector errs: `share` of the face's size, per point and as a whole."""
    size = float(np.hypot(*(points[0] - points[4])))
    centre = points.mean(0)
    turn, grow = rng.normal(0, 1.2 * share), 1 + rng.normal(0, 1.2 * share)
    spin = grow * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    moved = (points - centre) @ spin.T + centre + rng.normal(0, 0.6 * share * size, 2)
    return np.asarray(moved + rng.normal(0, share * size, points.shape))
