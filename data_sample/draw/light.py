"""Light on a drawn person: one smooth field that multiplies the flat colours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .canvas import SUPERSAMPLE
from .geometry import Pose, surface
from .identity import Identity
from .look import Look

_STEP = 4
"""The field is worked out at one point in _STEP x _STEP pixels and enlarged."""

_SPOT_COLUMNS = 7


def _spots(who: Identity, look: Look) -> NDArray[np.float64]:
    """Return soft spots (N, 7): head x, y, radius x, radius y, and log change of red, green, blue."""
    eyes, mid, marks = who.eyes, who.middle, who.marks
    rows: list[tuple[float, ...]] = []
    grey = (1.0, 1.0, 1.0)
    warm = (0.85, 1.05, 1.1)

    def spot(x: float, y: float, rx: float, ry: float, amount: float, tint: tuple[float, ...] = grey) -> None:
        rows.append((x, y, rx, ry, *(amount * t for t in tint)))

    brow = -eyes.brow_gap * 0.5
    for side in (-1.0, 1.0):
        spot(side * eyes.spacing * 0.92, brow, 0.26, 0.15, -0.1 - 0.22 * eyes.depth, warm)
        spot(side * 0.15, -0.02, 0.1, 0.14, -0.06 - 0.1 * eyes.depth, warm)
        spot(side * eyes.spacing, 0.2, 0.2, 0.07, -0.12 * eyes.bags, warm)
        spot(side * 0.6, 0.38 - 0.05 * look.smile, 0.2, 0.17, 0.06 + 0.06 * who.shape.cheekbone)
        spot(side * 0.58, 0.45, 0.26, 0.2, -0.13 * marks.blush, (-0.1, 1.0, 0.8))
        spot(side * 0.68, 0.82, 0.2, 0.2, -0.05 - 0.16 * who.shape.cheekbone, warm)
        spot(side * (mid.mouth_width + 0.07), mid.mouth_y - 0.03, 0.07, 0.09, -0.1, warm)
    spot(0.0, who.shape.hairline_y + 0.12, 0.5, 0.14, -0.06, warm)
    spot(0.0, -0.42, 0.42, 0.2, 0.07)
    spot(0.0, mid.nose_y + 0.1, mid.nose_width * 0.9, 0.06, -0.2, warm)
    spot(0.0, mid.mouth_y + mid.lower_lip + 0.1, 0.2, 0.055, -0.17, warm)
    spot(0.0, who.shape.chin_y - 0.16, 0.17, 0.1, 0.07)
    spot(0.0, mid.nose_y * 0.5, mid.bridge + 0.02, 0.22, 0.09)
    spot(0.0, mid.nose_y - 0.08, 0.07 + 0.04 * mid.tip, 0.06, 0.14)
    if mid.philtrum > 0.4:
        spot(0.0, 0.5 * (mid.nose_y + mid.mouth_y), 0.04, 0.07, -0.12 * mid.philtrum, warm)
    return np.array(rows)


def _spot_field(
    who: Identity, look: Look, pose: Pose, xs: NDArray[np.float64], ys: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return the log change of colour (h, w, 3) that the spots make."""
    spots = _spots(who, look)
    lift = np.where(np.abs(spots[:, 0]) < 0.05, 0.15, 0.0)
    lift[-3:] = who.middle.nose_out * 0.8
    at = pose.project(spots[:, 0], spots[:, 1], surface(spots[:, 0], spots[:, 1]) + lift) / SUPERSAMPLE
    unit = pose.unit / SUPERSAMPLE
    gx = np.exp(-0.5 * ((xs[None] - at[:, :1]) / (spots[:, 2:3] * unit)) ** 2)
    gy = np.exp(-0.5 * ((ys[None] - at[:, 1:]) / (spots[:, 3:4] * unit)) ** 2)
    weighted = gx[:, :, None] * spots[:, None, 4:_SPOT_COLUMNS]
    field: NDArray[np.float32] = np.tensordot(gy.T, weighted, axes=1).astype(np.float32)
    return field


def _neck_shadow(who: Identity, pose: Pose, xs: NDArray[np.float64], ys: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log change (h, w) of the shadow that the head throws on the neck."""
    chin = pose.project(np.zeros(1), np.full(1, who.shape.chin_y), np.full(1, 0.25))[0] / SUPERSAMPLE
    unit = pose.unit / SUPERSAMPLE
    bow = chin[1] - 0.3 * unit * np.minimum(np.abs(xs - chin[0]) / (0.6 * unit), 1.3)[None] ** 2
    depth = ys[:, None] - bow
    near = np.exp(-0.5 * ((xs - chin[0]) / (0.75 * unit)) ** 2)[None]
    return np.asarray(
        -0.5 * near * np.clip(depth / (0.06 * unit), 0, 1) * np.exp(-np.maximum(depth, 0) / (0.28 * unit))
    )


def light_field(
    who: Identity, look: Look, pose: Pose, width: int, height: int, spots: bool = True
) -> NDArray[np.float32]:
    """Return the field (height, width, 3), float32, that multiplies a person's flat colours.

    Without `spots` it has no light and shadow of the face and neck: for what is before them.
    """
    xs = (np.arange(-(-width // _STEP), dtype=np.float64) + 0.5) * _STEP
    ys = (np.arange(-(-height // _STEP), dtype=np.float64) + 0.5) * _STEP
    unit = pose.unit / SUPERSAMPLE
    nx = (xs[None] - pose.origin_x / SUPERSAMPLE) / (1.12 * unit) + 0.0 * ys[:, None]
    ny = (ys[:, None] - pose.origin_y / SUPERSAMPLE - 0.1 * unit) / (1.55 * unit) + 0.0 * xs[None]
    radius = np.maximum(np.hypot(nx, ny), 1e-6)
    squash = np.minimum(radius, 0.96) / radius
    nx, ny = nx * squash, ny * squash
    nz = np.sqrt(1 - nx**2 - ny**2)
    norm = np.sqrt(look.light_x**2 + look.light_y**2 + 1.0)
    facing = (nx * look.light_x + ny * look.light_y + nz) / norm
    log = look.contrast * (facing - 0.74)[:, :, None] * np.array([1.0, 1.08, 1.14]) * 1.25
    if spots:
        log = log + _spot_field(who, look, pose, xs, ys) + _neck_shadow(who, pose, xs, ys)[:, :, None]
    small = np.exp(log).astype(np.float32)
    grown = (len(xs) * _STEP, len(ys) * _STEP)
    planes = [Image.fromarray(small[:, :, c]).resize(grown, Image.Resampling.BILINEAR) for c in range(3)]
    return np.stack([np.asarray(p)[:height, :width] for p in planes], axis=2)
