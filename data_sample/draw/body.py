"""Neck, shoulders and clothes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from . import colour
from .canvas import Canvas
from .geometry import Points, Pose, mirrored, path, spline
from .identity import Identity
from .look import Look

Placer = Callable[[Points], Points]
"""Places points (N, 2) of a body, in half face widths from between the eyes, on the canvas."""


def _still(pose: Pose) -> Pose:
    """Return the pose of the body, which follows the head only a little."""
    lean = 0.25 * pose.roll
    x = pose.origin_x - pose.unit * 1.3 * np.sin(pose.roll) * 0.75
    return Pose(0.0, 0.0, lean, float(x), pose.origin_y, pose.unit)


def body_placer(pose: Pose) -> Placer:
    """Return what places the body's points under a head of this pose."""
    return _placer(_still(pose))


def draw_body(canvas: Canvas, who: Identity, look: Look, pose: Pose) -> None:
    """Draw neck and torso; the torso runs out of the bottom of the picture."""
    still = _still(pose)
    neck = who.shape.neck
    y = who.shape.chin_y + 0.3
    wide = 1.75 + 0.9 * (neck - 0.42)
    right = [(0, y + 0.1), (neck + 0.15, y + 0.02), (wide - 0.18, y + 0.4), (wide + 0.1, y + 0.95)]
    right += [(wide + 0.3, y + 2.4), (wide + 0.5, y + 10)]
    shoulders = spline(mirrored(*right), 5)
    put = _placer(still)
    if look.clothes == "hoodie":
        hood = spline(mirrored((0, y - 0.42), (neck + 0.2, y - 0.3), (neck + 0.5, y + 0.3)), 5)
        canvas.polygon(put(hood), colour.scale(look.cloth_colour, 0.7))
    canvas.polygon(put(shoulders), look.cloth_colour)
    if look.clothes == "striped":
        edge = path(*right)
        for top in np.arange(y + 0.5, y + 10, 0.4):
            half, low_half = np.interp((top, top + 0.16), edge[:, 1], edge[:, 0]) - 0.02
            band = path((-half, top), (half, top), (low_half, top + 0.16), (-low_half, top + 0.16))
            canvas.polygon(put(band), look.under_colour)
    _draw_neck(canvas, who, pose, put, y)
    _draw_collar(canvas, who, look, pose, put, y)


def _placer(still: Pose) -> Placer:
    """Return a function that places body points (N, 2) on the canvas."""

    def put(points: Points) -> Points:
        return still.flat(points[:, 0], points[:, 1])

    return put


def _draw_neck(canvas: Canvas, who: Identity, pose: Pose, put: Placer, y: float) -> None:
    """Draw the neck from under the jaw to the collar at height `y`."""
    neck = who.shape.neck
    ends = np.array([-neck, neck])
    top = pose.project(ends * 0.95, np.full(2, 0.75), np.full(2, -0.1))
    low = put(
        path(
            (neck * 1.05, y + 0.1),
            (neck * 0.6, y + 0.34),
            (0, y + 0.42),
            (-neck * 0.6, y + 0.34),
            (-neck * 1.05, y + 0.1),
        )
    )
    canvas.polygon(np.vstack([top, low]), colour.scale(who.skin, 0.88))


def _draw_collar(canvas: Canvas, who: Identity, look: Look, pose: Pose, put: Placer, y: float) -> None:
    """Draw what the clothes have around the neck at height `y`."""
    neck, cloth, unit = who.shape.neck, look.cloth_colour, pose.unit
    shade = colour.scale(cloth, 0.76)
    if look.clothes in ("round", "striped"):
        ring = spline(
            path(
                (-neck - 0.12, y),
                (-neck * 0.62, y + 0.36),
                (0, y + 0.45),
                (neck * 0.62, y + 0.36),
                (neck + 0.12, y),
            ),
            5,
        )
        canvas.line(put(ring), shade, unit * 0.09)
    elif look.clothes == "v_neck":
        canvas.polygon(put(path((-neck, y + 0.05), (0, y + 0.95), (neck, y + 0.05))), colour.scale(who.skin, 0.93))
        canvas.line(put(path((-neck - 0.1, y), (0, y + 0.98), (neck + 0.1, y))), shade, unit * 0.09)
    elif look.clothes == "hoodie":
        for side in (-1, 1):
            cord = path((side * neck * 0.7, y + 0.35), (side * neck * 0.62, y + 1.1))
            canvas.line(put(cord), look.under_colour, unit * 0.06)
    else:
        inside = look.under_colour if look.clothes == "jacket" else cloth
        if look.clothes == "jacket":
            canvas.polygon(put(path((-neck - 0.1, y), (0, y + 2.4), (neck + 0.1, y))), inside)
            canvas.polygon(
                put(path((-neck * 0.6, y + 0.1), (0, y + 0.55), (neck * 0.6, y + 0.1))),
                colour.scale(who.skin, 0.93),
            )
        for side in (-1, 1):
            flap = path(
                (side * (neck + 0.14), y - 0.12),
                (side * 0.02, y + 0.42),
                (side * (neck * 0.5 + 0.2), y + 0.72),
                (side * (neck + 0.3), y + 0.2),
            )
            canvas.polygon(put(flap), colour.mix(inside, (255, 255, 255), 0.14))
            canvas.line(put(flap), colour.scale(inside, 0.7), unit * 0.025)
        if look.clothes == "shirt":
            canvas.line(put(path((0, y + 0.45), (0, y + 3))), shade, unit * 0.03)
