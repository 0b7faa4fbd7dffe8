"""Skin marks: freckles, moles, folds, wrinkles, dimples, and the ears."""

from __future__ import annotations

import numpy as np

from . import colour
from .canvas import Canvas, stroke_colour
from .geometry import Points, Pose, ellipse, path, spline, width_at
from .identity import Identity
from .look import Look


def draw_ear(canvas: Canvas, who: Identity, pose: Pose, half: Points, side: int) -> None:
    """Draw one ear at the side of the head."""
    size, out = who.shape.ear_size, who.shape.ear_out
    edge = width_at(half, 0.15)
    y0 = 0.16
    shape = path((edge - 0.06, y0 - size), (edge + out, y0 - size * 1.05), (edge + out + 0.07, y0 - size * 0.5),
                 (edge + out * 0.8 + 0.03, y0 + size * 0.2), (edge + out * 0.4, y0 + size),
                 (edge - 0.08, y0 + size * 0.9))  # fmt: skip
    curve = spline(shape, 4)
    flat = np.full(len(curve), -0.06)
    canvas.polygon(pose.project(side * curve[:, 0], curve[:, 1], flat), colour.scale(who.skin, 0.95))
    inner = curve[3:-5] * (1, 0.72) + (-0.035, y0 * 0.28)
    points = pose.project(side * inner[:, 0], inner[:, 1], flat[3:-5])
    canvas.line(points, stroke_colour(who.skin, 0.72, 0.05), pose.unit * 0.02)


def draw_marks(canvas: Canvas, who: Identity, pose: Pose) -> None:
    """Draw freckles and moles."""
    spot = colour.mix(colour.scale(who.skin, 0.82), (166, 98, 62), 0.25)
    if who.marks.freckles:
        places = np.array(who.marks.freckles)
        for (x, y), radius in zip(pose.face(places[:, :2]), places[:, 2], strict=True):
            canvas.dot(x, y, max(0.5, radius * pose.unit), spot)
    if who.marks.moles:
        places = np.array(who.marks.moles)
        for (x, y), radius in zip(pose.face(places[:, :2]), places[:, 2], strict=True):
            canvas.dot(x, y, max(0.6, radius * pose.unit), stroke_colour(who.skin, 0.38, 0.08))


def draw_lines(canvas: Canvas, who: Identity, look: Look, pose: Pose) -> None:
    """Draw the lines of age and expression."""
    marks, mid, unit = who.marks, who.middle, pose.unit
    strength = marks.folds * 0.8 + 0.35 * max(0.0, look.smile)
    for side in (-1, 1):
        if strength > 0.25:
            fold = path((side * (mid.nose_width + 0.05), mid.nose_y - 0.04),
                        (side * (mid.mouth_width + 0.1), mid.mouth_y - 0.14),
                        (side * (mid.mouth_width + 0.13), mid.mouth_y + 0.02))  # fmt: skip
            canvas.line(pose.face(spline(fold, 6)), colour.scale(who.skin, 1 - 0.2 * min(1.0, strength)), unit * 0.024)
        if marks.dimples and look.smile > 0.15:
            x = side * (mid.mouth_width * 1.2 + 0.12)
            dimple = path((x, mid.mouth_y - 0.12), (x + side * 0.025, mid.mouth_y - 0.07), (x, mid.mouth_y - 0.01))
            canvas.line(pose.face(spline(dimple, 4)), colour.scale(who.skin, 0.74), unit * 0.026)
        if who.eyes.bags > 0.25:
            x = side * who.eyes.spacing
            w = who.eyes.width * 0.8
            y = who.eyes.height + 0.05
            bag = spline(path((x - w, y), (x, y + 0.05), (x + w, y)), 6)
            canvas.line(pose.face(bag), colour.scale(who.skin, 1 - 0.17 * who.eyes.bags), unit * 0.02)
        if marks.wrinkles > 0.2:
            x = side * (who.eyes.spacing + who.eyes.width + 0.09)
            for dy in (-0.04, 0.03):
                foot = path((x, dy * 0.5), (x + side * 0.1, dy * 2.2))
                canvas.line(pose.face(foot), colour.scale(who.skin, 0.84), unit * 0.016)
    if marks.wrinkles > 0.3:
        for k in range(1 + round(2 * marks.wrinkles)):
            y = who.shape.hairline_y + 0.14 + 0.085 * k
            crease = spline(path((-0.36, y + 0.01), (0.0, y - 0.015), (0.36, y + 0.01)), 6)
            canvas.line(pose.face(crease), colour.scale(who.skin, 0.86), unit * 0.016)
    if marks.cleft:
        y = who.shape.chin_y
        canvas.line(pose.face(path((0, y - 0.16), (0, y - 0.07)), 0.1), colour.scale(who.skin, 0.8), unit * 0.024)


def draw_glasses(canvas: Canvas, who: Identity, look: Look, pose: Pose) -> None:
    """Draw the frame of the glasses."""
    if look.glasses is None:
        return
    kind, unit = look.glasses, pose.unit
    width = {"wire": 0.024, "heavy": 0.066}.get(kind, 0.04) * unit
    spacing = who.eyes.spacing * 0.5 + 0.2
    for side in (-1, 1):
        if kind in ("round", "wire"):
            rim = ellipse(side * spacing, 0.03, 0.27, 0.25, 26)
        else:
            lift = 0.06 if kind == "cat" else 0.0
            rim = spline(path((side * (spacing - 0.26), -0.14), (side * spacing, -0.18 - lift * 0.5),
                              (side * (spacing + 0.29), -0.15 - lift), (side * (spacing + 0.25), 0.16),
                              (side * spacing, 0.22), (side * (spacing - 0.22), 0.16),
                              (side * (spacing - 0.26), -0.14)), 4)  # fmt: skip
        placed = pose.face(rim, 0.12)
        canvas.line(np.vstack([placed, placed[:2]]), look.glasses_colour, width)
        hinge = pose.face(path((side * (spacing + 0.26), -0.08)), 0.12)
        arm = np.vstack([hinge, pose.project(np.array([side * 0.98]), np.array([-0.06]), np.array([-0.05]))])
        canvas.line(arm, look.glasses_colour, width)
    bridge = spline(path((-(spacing - 0.26), -0.02), (0.0, -0.07), (spacing - 0.26, -0.02)), 5)
    canvas.line(pose.face(bridge, 0.14), look.glasses_colour, width)
