"""Arms and hands, posed by the angles of their joints.

Lengths are in half face widths, as everywhere on a person; the arms are a little short, as the heads are large.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from . import colour
from .body import Placer
from .canvas import Canvas
from .colour import Colour
from .geometry import Points, path
from .identity import Identity
from .look import Look

UPPER, FORE, HAND = 2.5, 2.25, 1.1
"""Lengths of the upper arm, the forearm and the hand."""

HIPS = 5.0
"""How far the hips are below the shoulders."""

Hand = Literal["flat", "open", "fist", "point", "pen"]
"""How a hand is held: fingers together, spread, closed, the first one stretched, around a pen."""

Layer = Literal["behind", "before", "on_desk"]
"""Where an arm is drawn: behind head and torso, before them, or before them and over the desk."""


@dataclass(frozen=True)
class Arm:
    """One arm. Angles are in radians in the plane of the picture: 0 hangs down, pi / 2 points away from the body's
    middle, pi straight up; negative ones cross the body.

    `upper`, `fore` and `hand` are the directions of the upper arm, the forearm and the hand; `upper_seen` and
    `fore_seen` the shares of their lengths that are seen, as they point towards the viewer or away.
    """

    upper: float
    fore: float
    hand: float
    upper_seen: float = 1.0
    fore_seen: float = 1.0
    held: Hand = "flat"
    layer: Layer = "before"


def shoulder(who: Identity, side: int) -> Points:
    """Return where the shoulder's joint is, (1, 2); `side` is -1 (image left) or +1."""
    half = 1.38 + 0.9 * (who.shape.neck - 0.42)
    return path((side * half, who.shape.chin_y + 1.12))


def hip(who: Identity, side: int) -> Points:
    """Return where the hip's joint is, (1, 2)."""
    return path((side * 1.15, who.shape.chin_y + 1.12 + HIPS))


def joints(who: Identity, arm: Arm, side: int) -> Points:
    """Return shoulder, elbow, wrist and the hand's end of an arm, (4, 2), in half face widths of the body."""
    points = [shoulder(who, side)[0]]
    for angle, length in (
        (arm.upper, UPPER * arm.upper_seen),
        (arm.fore, FORE * arm.fore_seen),
        (arm.hand, HAND * (0.55 + 0.45 * arm.fore_seen)),
    ):
        points.append(points[-1] + length * np.array((side * math.sin(angle), math.cos(angle))))
    return np.array(points)


def reaching(
    who: Identity, side: int, wrist: tuple[float, float], seen: tuple[float, float], elbow_out: bool
) -> tuple[float, float, float, float]:
    """Return the angles of upper arm and forearm, and the shares seen, of an arm whose wrist is at a point.

    `wrist` is in half face widths, x away from the body's middle on this arm's side; `seen` what is wished for, which
    is changed where the point is too far or too near. Of the two bends `elbow_out` takes the one farther out,
    else the lower one.
    """
    start = shoulder(who, side)[0] * (side, 1)
    across, down = wrist[0] - float(start[0]), wrist[1] - float(start[1])
    distance = max(math.hypot(across, down), 0.05)
    first, second = UPPER * seen[0], FORE * seen[1]
    if distance > 0.995 * (first + second):
        grow = distance / (0.995 * (first + second))
        first, second = first * grow, second * grow
    if distance < 1.05 * abs(first - second):
        first = second = (first + second) / 2
    towards = math.atan2(across, down)
    bend = math.acos(max(-1.0, min(1.0, (first**2 + distance**2 - second**2) / (2 * first * distance))))

    def where(upper: float) -> tuple[float, float]:
        x, y = first * math.sin(upper), first * math.cos(upper)
        return (x, y) if elbow_out else (y, x)

    upper = max((towards + bend, towards - bend), key=where)
    fore = math.atan2(across - first * math.sin(upper), down - first * math.cos(upper))
    return upper, fore, first / UPPER, second / FORE


def draw_arm(canvas: Canvas, who: Identity, look: Look, arm: Arm, side: int, sleeve: float, put: Placer) -> None:
    """Draw an arm; `sleeve` is the share of it that clothes cover, `put` places points of the body on the canvas."""
    start, elbow, wrist, end = joints(who, arm, side)
    tone = 0.86 if arm.layer == "behind" else 0.93
    cloth, skin = colour.scale(look.cloth_colour, tone), colour.scale(who.skin, 0.92 * tone + 0.06)
    edge = colour.scale(look.cloth_colour, 0.66)
    covered = sleeve * (UPPER + FORE)
    unit = float(np.hypot(*(put(path((1.0, 0.0))) - put(path((0.0, 0.0))))[0]))
    forearm = min(1.0, max(0.0, (covered - UPPER) / FORE))
    upper_arm = min(1.0, covered / UPPER)
    _limb(canvas, put, wrist, elbow, (0.24, 0.34), skin, colour.scale(skin, 0.74), unit)
    _hand(canvas, put, wrist, end, arm.held, side, skin, unit)
    if upper_arm < 1:
        _limb(canvas, put, elbow, start, (0.35, 0.46), skin, colour.scale(skin, 0.74), unit)
    if forearm > 0:
        _limb(canvas, put, elbow + forearm * (wrist - elbow), elbow, (0.31, 0.4), cloth, edge, unit)
    _limb(canvas, put, start + upper_arm * (elbow - start), start, (0.4, 0.52), cloth, edge, unit)
    if arm.held == "pen":
        _pen(canvas, put, end, side, unit)


def _limb(
    canvas: Canvas,
    put: Placer,
    last: Points,
    first: Points,
    radii: tuple[float, float],
    tone: Colour,
    edge: Colour,
    unit: float,
) -> None:
    """Draw one part of an arm from `first` to `last` (2,), round at both ends, with its outline."""
    for grow, shade in ((0.035, edge), (0.0, tone)):
        thin, thick = radii[0] + grow, radii[1] + grow
        along = last - first
        across = np.array((-along[1], along[0])) / max(float(np.hypot(*along)), 1e-6)
        corners = [first + thick * across, last + thin * across, last - thin * across, first - thick * across]
        canvas.polygon(put(np.array(corners)), shade)
        for centre, radius in ((first, thick), (last, thin)):
            x, y = put(centre[None])[0]
            canvas.dot(x, y, radius * unit, shade)


def _hand(
    canvas: Canvas, put: Placer, wrist: Points, end: Points, held: Hand, side: int, skin: Colour, unit: float
) -> None:
    """Draw a hand from the wrist to the ends of its fingers."""
    along = end - wrist
    across = side * np.array((along[1], -along[0]))
    dark = colour.scale(skin, 0.74)
    palm = wrist + 0.34 * along
    knuckles = wrist + 0.55 * along
    spread = {"flat": 0.16, "open": 0.34, "fist": 0.15, "point": 0.15, "pen": 0.15}[held]
    reach = {"flat": 1.0, "open": 1.0, "fist": 0.66, "point": 0.66, "pen": 0.74}[held]
    fingers = []
    for k in range(4):
        lean = (k - 1.5) / 1.5
        long = 1.0 if held == "point" and k == 0 else reach - 0.05 * abs(k - 1.2)
        fingers.append((knuckles + 0.2 * lean * across, wrist + long * along + spread * lean * across))
    thumb_end = wrist + (0.62 if held in ("flat", "open") else 0.5) * along
    thumb = (wrist + 0.2 * along, thumb_end - (0.5 if held == "open" else 0.36) * across)
    for grow, shade in ((0.07, dark), (0.0, skin)):
        x, y = put(palm[None])[0]
        canvas.dot(x, y, (0.3 + grow / 2) * unit, shade)
        for first, last in (*fingers, thumb):
            canvas.line(put(np.array((first, last))), shade, (0.17 + grow) * unit)
            x, y = put(last[None])[0]
            canvas.dot(x, y, (0.085 + grow / 2) * unit, shade)
    if held in ("flat", "fist", "pen"):
        for first, last in fingers[:3]:
            middle = np.array((first, last)) + 0.07 * across
            canvas.line(put(middle), dark, 0.03 * unit)


def _pen(canvas: Canvas, put: Placer, end: Points, side: int, unit: float) -> None:
    """Draw a pen in the hand, its upper end leaning outwards."""
    canvas.line(put(end + path((0.0, 0.12), (side * 0.35, -0.75))), (40, 52, 110), 0.09 * unit)
