"""Eyes, brows, nose and mouth."""

from __future__ import annotations

import numpy as np

from . import colour
from .canvas import Canvas, stroke_colour
from .geometry import Points, Pose, ellipse, path, spline, surface
from .identity import Eyes, Identity
from .look import Look

_U = np.linspace(-1, 1, 15)


def eye_centre(eyes: Eyes, side: int) -> tuple[float, float]:
    """Return the eye's centre (x, y) in head coordinates; `side` is -1 (image left) or +1."""
    return side * eyes.spacing, 0.0


def _lids(who: Identity, look: Look, side: int) -> tuple[Points, Points]:
    """Return upper and lower lid curves (15, 2) relative to the eye's centre, inner to outer corner."""
    eyes = who.eyes
    squeeze = 1.0 - 0.22 * max(0.0, look.smile)
    height = eyes.height * look.eye_open * squeeze
    skew = eyes.peak * (1 - _U**2)
    arc = 1 - np.abs(_U) ** eyes.roundness
    upper = -height * arc * (1 + 0.35 * skew * _U)
    lower = height * (0.62 + 0.08 * look.smile * -1) * (1 - np.abs(_U) ** 2.2)
    x = _U * eyes.width
    tilt = -eyes.tilt * x
    return np.stack([side * x, upper + tilt], 1), np.stack([side * x, lower + tilt], 1)


def _clipped(disc: Points, upper: Points, lower: Points) -> Points:
    """Return a disc (N, 2) held between two lid curves."""
    order = np.argsort(upper[:, 0])
    x = np.clip(disc[:, 0], upper[order[0], 0], upper[order[-1], 0])
    top = np.interp(x, upper[order, 0], upper[order, 1])
    low = np.interp(x, lower[order, 0], lower[order, 1])
    return np.stack([x, np.clip(disc[:, 1], top, low)], 1)


def draw_eye(canvas: Canvas, who: Identity, look: Look, pose: Pose, side: int) -> None:
    """Draw one eye with its lids and lashes."""
    eyes, unit = who.eyes, pose.unit
    centre = np.array(eye_centre(eyes, side))
    upper, lower = _lids(who, look, side)

    def put(points: Points) -> Points:
        return pose.face(points + centre)

    lid = stroke_colour(who.skin, 0.62, 0.05)
    crease = upper * (1.06, 1.0) - (0, 0.035 + 0.045 * eyes.crease)
    canvas.polygon(put(np.vstack([crease, upper[::-1]])), colour.scale(who.skin, 0.94 - 0.06 * eyes.depth))
    white = put(np.vstack([upper, lower[::-1]]))
    canvas.polygon(white, colour.mix((246, 243, 240), who.skin, 0.08))
    gaze = np.array([look.gaze_x * 0.35 * eyes.width, look.gaze_y * 0.2 * eyes.height])
    at = gaze - np.array([0.0, 0.12 * eyes.height])
    iris = _clipped(ellipse(at[0], at[1], eyes.iris, eyes.iris, 24), upper, lower)
    canvas.polygon(put(iris), colour.scale(eyes.iris_colour, 0.62))
    iris = _clipped(ellipse(at[0], at[1], eyes.iris * 0.84, eyes.iris * 0.84, 24), upper, lower)
    canvas.polygon(put(iris), eyes.iris_colour)
    pupil = _clipped(ellipse(at[0], at[1], eyes.iris * 0.45, eyes.iris * 0.45, 16), upper, lower)
    canvas.polygon(put(pupil), (18, 15, 16))
    glint = eyes.iris * 0.2
    spot = _clipped(ellipse(at[0] - 0.035, at[1] - 0.03, glint, glint, 10), upper, lower)
    canvas.polygon(put(spot), (250, 250, 252))
    lash = colour.mix((30, 22, 22), who.eyes.brow_colour, 0.3)
    canvas.line(put(lower), colour.mix(lid, who.skin, 0.35), unit * 0.014)
    canvas.line(put(crease), colour.mix(lid, who.skin, 0.65 - 0.5 * eyes.crease), unit * 0.015)
    canvas.line(put(upper), colour.mix(lash, lid, 0.35 * (1 - eyes.lashes)), unit * (0.024 + 0.022 * eyes.lashes))
    if eyes.lashes > 0.5:
        wing = upper[-1] + np.array([(0, 0), (side * 0.05, -0.035 * eyes.lashes)])
        canvas.line(put(wing), lash, unit * 0.022)


def draw_brow(canvas: Canvas, who: Identity, look: Look, pose: Pose, side: int) -> None:
    """Draw one brow as a tapering arch."""
    eyes = who.eyes
    s = np.linspace(0, 1, 12)
    inner = 0.62 * eyes.spacing - 0.12 + eyes.brow_offset
    length = eyes.brow_length + 0.24
    x = inner + s * length
    base = -eyes.brow_gap - 0.055 * look.brow_raise
    y = base - eyes.brow_arch * np.sin(np.pi * np.clip(s * 0.9 + 0.1, 0, 1)) - eyes.brow_tilt * (s - 0.4) * length
    y = y - 0.03 * look.brow_raise * (1 - s)
    thick = eyes.brow_thickness * np.minimum(1.0, 0.55 + 3.0 * s) * (1 - eyes.brow_taper * s**1.5)
    top = np.stack([side * x, y - thick / 2], 1)
    low = np.stack([side * x, y + thick / 2], 1)
    canvas.polygon(pose.face(np.vstack([top, low[::-1]])), eyes.brow_colour)
    middle = 0.5 * (top + low)
    canvas.line(pose.face(middle[1:9]), colour.scale(eyes.brow_colour, 0.8), pose.unit * eyes.brow_thickness * 0.3)


def nose_tip(who: Identity, pose: Pose) -> Points:
    """Return the nose's tip in canvas pixels, shape (1, 2)."""
    return pose.face(path((0.0, who.middle.nose_y - 0.05)), who.middle.nose_out)


def draw_nose(canvas: Canvas, who: Identity, look: Look, pose: Pose) -> None:
    """Draw the nose: its shaded flank, wings, nostrils and base."""
    mid, unit = who.middle, pose.unit
    y, w, b = mid.nose_y, mid.nose_width, mid.bridge
    out = mid.nose_out
    dark, soft = stroke_colour(who.skin, 0.66, 0.04), colour.scale(who.skin, 0.9)
    away = -1 if look.light_x + 0.8 * look.yaw > 0 else 1
    ridge = spline(
        path((away * b * 0.5, -0.05), (away * b + mid.hook * 0.4 * away, y * 0.5), (away * w * 0.4, y - 0.06)),
        5,
    )
    rise = np.linspace(0.04, out, len(ridge)) + mid.hook * np.sin(np.linspace(0, np.pi, len(ridge)))
    inner = pose.project(ridge[:, 0], ridge[:, 1], _z(ridge) + rise)
    flank = spline(path((away * (b + 0.05), -0.02), (away * (b + 0.09), y * 0.55), (away * w, y - 0.02)), 5)
    canvas.polygon(np.vstack([inner, pose.face(flank)[::-1]]), soft)
    low = y + 0.03 + 0.03 * mid.tip
    base = spline(path((-w, y - 0.05), (-w * 0.86, y + 0.045), (-w * 0.4, y + 0.02), (0, low), (w * 0.4, y + 0.02),
                       (w * 0.86, y + 0.045), (w, y - 0.05)), 4)  # fmt: skip
    rise = out * 0.75 * (1 - (base[:, 0] / w) ** 2) + 0.05
    edge = pose.project(base[:, 0], base[:, 1], _z(base) + rise)
    for side in (-1, 1):
        hole = ellipse(side * w * 0.48, y + 0.012, w * 0.24, 0.022 + 0.03 * mid.nostril)
        canvas.polygon(pose.face(hole, out * 0.5), stroke_colour(who.skin, 0.4 + 0.2 * (1 - mid.nostril), 0.05))
        wing = spline(path((side * w * 0.8, y - 0.15), (side * w * 1.04, y - 0.06), (side * w * 0.9, y + 0.04)), 4)
        canvas.line(pose.face(wing, 0.05), dark, unit * 0.022)
    canvas.line(edge[3:-3], dark, unit * 0.022)


def _z(points: Points) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return surface(points[:, 0], points[:, 1])


def mouth_corners(who: Identity, look: Look, pose: Pose) -> Points:
    """Return left and right mouth corners in canvas pixels, shape (2, 2)."""
    x, y = _corner(who, look)
    return pose.face(path((-x, y), (x, y)), 0.05)


def _corner(who: Identity, look: Look) -> tuple[float, float]:
    mid = who.middle
    return mid.mouth_width * (1 + 0.16 * look.smile), mid.mouth_y - 0.085 * look.smile - mid.corner


def draw_mouth(canvas: Canvas, who: Identity, look: Look, pose: Pose) -> None:
    """Draw the lips, and teeth where the mouth is open."""
    mid, unit = who.middle, pose.unit
    x, corner_y = _corner(who, look)
    y = mid.mouth_y + 0.02 * look.smile
    gap = 0.19 * look.mouth_open
    thin = 1 - 0.25 * max(0.0, look.smile)
    upper, lower = mid.upper_lip * thin, mid.lower_lip * thin
    bow = 0.035 * mid.bow
    top = spline(path((-x, corner_y), (-x * 0.5, y - upper * 0.8), (-x * 0.16, y - upper - bow), (0, y - upper),
                      (x * 0.16, y - upper - bow), (x * 0.5, y - upper * 0.8), (x, corner_y)), 4)  # fmt: skip
    seam = spline(path((-x, corner_y), (-x * 0.5, y + 0.012), (0, y + 0.02), (x * 0.5, y + 0.012), (x, corner_y)), 6)
    seam2 = spline(path((-x, corner_y), (-x * 0.5, y + gap * 0.85), (0, y + 0.02 + gap), (x * 0.5, y + gap * 0.85),
                        (x, corner_y)), 6)  # fmt: skip
    low = spline(path((-x, corner_y), (-x * 0.55, y + gap + lower * 0.75), (0, y + gap + lower + 0.02),
                      (x * 0.55, y + gap + lower * 0.75), (x, corner_y)), 6)  # fmt: skip

    def put(points: Points) -> Points:
        return pose.face(points, 0.06)

    lip, line = mid.lip_colour, colour.scale(mid.lip_colour, 0.52)
    canvas.polygon(put(np.vstack([seam2, low[::-1]])), colour.mix(lip, (255, 200, 190), 0.1))
    if gap > 0.02:
        canvas.polygon(put(np.vstack([seam, seam2[::-1]])), (84, 28, 34))
        drop = min(gap * 0.6, 0.03 + 0.05 * mid.teeth)
        teeth = seam[4:-4] + np.array([0.0, drop])
        canvas.polygon(put(np.vstack([seam[4:-4], teeth[::-1]])), (244, 240, 232))
    canvas.polygon(put(np.vstack([top, seam[::-1]])), colour.scale(lip, 0.88))
    canvas.line(put(seam), line, unit * 0.026)
    for side in (-1, 1):
        tick = path((side * x * 0.97, corner_y), (side * (x + 0.03), corner_y - 0.02 * np.sign(look.smile)))
        canvas.line(put(tick), stroke_colour(who.skin, 0.6, 0.05), unit * 0.028)
