"""Hair of the head and of the face."""

from __future__ import annotations

import numpy as np

from . import colour
from .canvas import Canvas
from .geometry import Points, Pose, mirrored, path, silhouette, spline, width_at
from .identity import Identity

_LONG = {"bob": 0.95, "long": 2.1, "wavy": 2.0, "curly_long": 1.5, "braids": 0.5, "ponytail": 0.4, "bun": 0.3}
_BUMPY = ("curly", "afro", "curly_long")


def _bumps(curve: Points, centre: Points, size: float, waves: float) -> Points:
    """Return a curve (N, 2) pushed in and out around `centre`, as curls do."""
    t = np.linspace(0, 1, len(curve))
    away = curve - centre
    return centre + away * (1 + size * np.abs(np.sin(np.pi * waves * t)))[:, None]


def _crown(who: Identity, pose: Pose, half: Points, low: float) -> Points:
    """Return the outer edge of the hair (N, 2), from the left side at height `low` over the crown."""
    hair = who.hair
    volume = {"afro": 0.42, "buzz": 0.035, "curly": 0.12, "quiff": 0.08}.get(hair.style, 0.0) + hair.volume * (
        0.12 if hair.style == "buzz" else 0.8
    )
    top = half[half[:, 1] <= low]
    right, left = silhouette(top, pose)
    side = (0.3 if hair.style == "afro" else 0.012 if hair.style == "buzz" else hair.side) * pose.unit
    rise = np.clip(-top[:, 1] / 1.2, 0, 1)[:, None] ** 1.2
    up = pose.flat(np.array([0.0]), np.array([-1.0])) - pose.flat(np.zeros(1), np.zeros(1))
    across = pose.flat(np.array([1.0]), np.array([0.0])) - pose.flat(np.zeros(1), np.zeros(1))
    wide = np.sqrt(np.clip(top[:, :1] / max(float(top[:, 0].max()), 0.1), 0, 1))
    right = right + up * volume * rise + across / pose.unit * side * wide
    left = left + up * volume * rise - across / pose.unit * side * wide
    return np.vstack([left[::-1], right[1:]])


def draw_back_hair(canvas: Canvas, who: Identity, pose: Pose, half: Points) -> None:
    """Draw the hair that hangs behind the head."""
    hair = who.hair
    dark = colour.scale(hair.colour, 0.72)
    if hair.style not in _LONG:
        if hair.style not in ("bald", "buzz"):
            canvas.polygon(_crown(who, pose, half, 0.1), dark)
        return
    bottom = _LONG[hair.style] * (0.85 + 0.3 * hair.length)
    crown = _crown(who, pose, half, -0.2)
    flare = {"bob": 0.18, "curly_long": 0.5, "wavy": 0.26, "long": 0.1}.get(hair.style, 0.0)
    edge = width_at(half, 0.0) + hair.side
    waves = 0.05 + 0.05 * hair.curl if hair.style == "wavy" else 0.0
    y = np.linspace(0.0, bottom, 16)
    x = edge + flare * np.sin(np.clip(y / max(bottom, 0.1), 0, 1) * 2.2) + waves * np.sin(y * 7)
    if hair.style in ("ponytail", "bun", "braids"):
        x = edge * (1 - 0.45 * (y / bottom) ** 2)
    shift = -0.25 * np.sin(pose.yaw)
    right, left = pose.flat(shift + x, y), pose.flat(shift - x, y)
    low_x = np.linspace(1, -1, 9)[1:-1]
    low = pose.flat(shift + x[-1] * low_x, bottom + 0.22 * x[-1] * (1 - low_x**2))
    shape = np.vstack([crown, right, low, left[::-1]])
    if hair.style in _BUMPY:
        shape = _bumps(shape, shape.mean(0), 0.06 + 0.03 * hair.curl, 30)
    canvas.polygon(shape, dark)
    if hair.style == "bun":
        knot = pose.flat(np.array([0.1 - 0.5 * np.sin(pose.yaw)]), np.array([who.shape.crown_y - 0.2 - hair.volume]))[0]
        canvas.dot(knot[0], knot[1], (0.3 + 0.12 * hair.length) * pose.unit, colour.scale(hair.colour, 0.86))
    if hair.style == "ponytail":
        side = 1.0 if hair.part > 0 else -1.0
        tail = spline(path((side * 0.5, -1.1), (side * 1.25, -0.9), (side * 1.4, 0.3),
                           (side * 1.15, 1.3 + hair.length * 0.5),
                           (side * 1.0, 0.4), (side * 0.8, -0.3)), 5)  # fmt: skip
        canvas.polygon(pose.flat(tail[:, 0] - 0.5 * np.sin(pose.yaw), tail[:, 1]), colour.scale(hair.colour, 0.82))


def draw_braids(canvas: Canvas, who: Identity, pose: Pose) -> None:
    """Draw two braids over the shoulders."""
    if who.hair.style != "braids":
        return
    for side in (-1, 1):
        for k in range(7):
            y = 0.55 + 0.24 * k
            x = side * (0.98 + 0.03 * k) - 0.15 * np.sin(pose.yaw)
            knot = pose.flat(np.array([x]), np.array([y]))[0]
            tone = 0.86 if k % 2 else 0.98
            canvas.dot(knot[0], knot[1], (0.19 - 0.012 * k) * pose.unit, colour.scale(who.hair.colour, tone))


def _hairline(who: Identity, half: Points) -> Points:
    """Return the front edge of the hair in face coordinates (N, 2), left side to right side."""
    hair, y = who.hair, who.shape.hairline_y
    temple = width_at(half, -0.35) * 0.97
    side = width_at(half, 0.1) * 1.01
    low = {"buzz": 0.0, "afro": 0.02}.get(hair.style, 0.12)
    corner = 0.66 * temple
    if hair.style == "bald":
        return np.zeros((0, 2))
    line = mirrored(
        (0.0, y + max(0.0, hair.peak)),
        (0.3, y + hair.peak * 0.3),
        (corner, y + 0.12 + max(0.0, -hair.peak)),
        (temple * 0.99, -0.3),
        (side, low),
    )
    brow = -who.eyes.brow_gap - 0.09
    part = hair.part
    if hair.fringe == "straight":
        line[2:7] = mirrored((0.0, brow - 0.01), (0.3, brow), (corner, brow + 0.03))
    elif hair.fringe == "side":
        flip = 1.0 if part >= 0 else -1.0
        line[2:7] = [(-corner, _tilt(y, brow, -flip)), (-0.3, _tilt(y, brow, -flip * 0.6)), (0.0, (y + brow) / 2),
                     (0.3, _tilt(y, brow, flip * 0.6)), (corner, _tilt(y, brow, flip))]  # fmt: skip
    elif hair.fringe == "curtain":
        line[2:7] = mirrored((0.0, y - 0.02), (0.36, y + 0.2), (corner, brow + 0.12))
        line[4, 0] = part * 0.4
    return line


def _tilt(high: float, low: float, where: float) -> float:
    """Return a height between `high` and `low` for `where` in -1..1."""
    return high + (low - high) * (0.5 + 0.5 * where)


def draw_front_hair(canvas: Canvas, who: Identity, pose: Pose, half: Points) -> None:
    """Draw the cap of hair over the forehead and its strands."""
    hair = who.hair
    if hair.style == "bald":
        return
    line = spline(_hairline(who, half), 6)
    if hair.fringe == "spiky":
        line = line + np.stack([np.zeros(len(line)), 0.07 * np.abs(np.sin(np.arange(len(line)) * 1.1))], 1)
    inner = pose.face(line, 0.03)
    crown = _crown(who, pose, half, 0.06)
    outer = _resample(crown, len(inner))
    if hair.style in _BUMPY:
        outer = _bumps(_resample(crown, 120), crown.mean(0), 0.05 + 0.03 * hair.curl, 16)
    base = hair.colour if hair.style != "buzz" else colour.mix(hair.colour, who.skin, 0.35)
    canvas.polygon(np.vstack([inner, outer[::-1]]), base)
    if hair.style != "buzz":
        _draw_strands(canvas, who, pose, inner, crown)


def _draw_strands(canvas: Canvas, who: Identity, pose: Pose, inner: Points, crown: Points) -> None:
    """Draw strands combed from the parting on the crown towards the hairline."""
    hair = who.hair
    root_at = 0.5 + 0.25 * hair.part
    root = crown[round(root_at * (len(crown) - 1))]
    count = 2 * hair.strands
    for k in range(count):
        f = (k + 0.5) / count
        end = inner[round((0.12 + 0.76 * f) * (len(inner) - 1))]
        edge = crown[round((0.4 * root_at + 0.6 * f) * (len(crown) - 1))]
        start = root + (0.1 + 0.06 * (k % 3)) * (end - root)
        push = 0.15 + 0.7 * abs(2 * f - 1)
        middle = 0.5 * (start + end) * (1 - push) + edge * push
        strand = spline(np.stack([start, middle, end + 0.08 * (middle - end)]), 6)
        tone = colour.scale(hair.colour, 0.78) if k % 2 else colour.mix(hair.colour, (205, 185, 165), 0.13)
        canvas.line(strand, tone, pose.unit * (0.018 + 0.01 * (k % 3)))


def _resample(curve: Points, count: int) -> Points:
    """Return `count` points evenly spaced along a curve (N, 2)."""
    step = np.hypot(*np.diff(curve, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(step)])
    where = np.linspace(0, along[-1], count)
    return np.stack([np.interp(where, along, curve[:, 0]), np.interp(where, along, curve[:, 1])], 1)


def draw_beard(canvas: Canvas, who: Identity, pose: Pose, half: Points) -> None:
    """Draw the beard that lies under the mouth and nose."""
    hair, mid = who.hair, who.middle
    if hair.beard in ("none", "moustache"):
        return
    soft = hair.beard == "stubble"
    tone = colour.mix(who.skin, hair.beard_colour, 0.15 if soft else 0.9)
    start = 0.1 + 0.4 * hair.beard_line if hair.beard != "goatee" else mid.mouth_y - 0.02
    jaw = half[half[:, 1] >= start]
    grow = 0.0 if soft else hair.beard_length
    if hair.beard == "goatee":
        y = who.shape.chin_y
        x = mid.mouth_width * (0.75 + 0.25 * hair.moustache)
        patch = path((-x, mid.mouth_y + 0.05), (-x * 0.9, y - 0.1), (0, y + grow), (x * 0.9, y - 0.1),
                     (x, mid.mouth_y + 0.05), (0, mid.mouth_y + 0.2))  # fmt: skip
        canvas.polygon(pose.face(spline(np.vstack([patch, patch[:1]]), 4)), tone)
        return
    fall = np.clip((jaw[:, 1] - start) / (who.shape.chin_y - start), 0, 1)
    shape = np.stack([jaw[:, 0] * (1 + 0.3 * grow * fall), jaw[:, 1] + grow * fall], 1)
    right, left = silhouette(shape, pose)
    inset = 0.24 if hair.beard == "chinstrap" else 0.0
    cheek = width_at(half, start)
    top = mid.mouth_y + 0.2 if inset else mid.nose_y + 0.1 + 0.12 * hair.beard_line
    lip = mid.mouth_width + 0.08
    edge = mirrored(
        (0, top + inset), (lip, top + 0.02 + inset), (cheek * 0.78, top + inset * 0.6), (cheek * 0.96, start)
    )
    inner = spline(edge, 5)
    canvas.polygon(np.vstack([left, right[::-1], pose.face(inner)[3:-3][::-1]]), tone)


def draw_moustache(canvas: Canvas, who: Identity, pose: Pose) -> None:
    """Draw the moustache, over the upper lip."""
    hair, mid = who.hair, who.middle
    if hair.beard in ("none", "chinstrap"):
        return
    if hair.beard in ("goatee", "stubble") and hair.moustache < 0.4:
        return
    strength = 0.14 if hair.beard == "stubble" else 0.92
    y, x = mid.nose_y + 0.07, mid.mouth_width * (0.8 + 0.35 * hair.moustache)
    low = mid.mouth_y - mid.upper_lip * 0.7
    droop = 0.08 * hair.moustache
    upper = ((0, y), (-x * 0.5, y + 0.03), (-x, low + droop))
    lower = ((-x * 0.45, low - 0.01), (0, low - 0.03), (x * 0.45, low - 0.01))
    curve = spline(path(*upper, *lower, (x, low + droop), (x * 0.5, y + 0.03), (0, y)), 4)
    canvas.polygon(pose.face(curve, 0.08), colour.mix(who.skin, hair.beard_colour, strength))
