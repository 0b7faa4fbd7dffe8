"""One person drawn on a canvas, with where their face is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .body import draw_body
from .canvas import SUPERSAMPLE, Canvas
from .features import draw_brow, draw_eye, draw_mouth, draw_nose, eye_centre, mouth_corners, nose_tip
from .geometry import Points, Pose, outline, path, silhouette
from .hair import draw_back_hair, draw_beard, draw_braids, draw_front_hair, draw_moustache
from .identity import Identity
from .light import light_field
from .look import Look
from .marks import draw_ear, draw_glasses, draw_lines, draw_marks


@dataclass(frozen=True)
class Truth:
    """Where a face is, in pixels of its picture.

    `box` is (x1, y1, x2, y2) from hairline to chin and cheek to cheek.  `points` are the eyes' centres,
    the nose's tip and the mouth's corners, left ones (in the image) first.
    """

    box: tuple[float, float, float, float]
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Sprite:
    """A drawn person: colour (H, W, 3) premultiplied by alpha (H, W, 1), float32 in 0..1."""

    colour: NDArray[np.float32]
    alpha: NDArray[np.float32]
    truth: Truth


def draw_person(
    who: Identity, look: Look, centre: tuple[float, float], face_width: float, size: tuple[int, int]
) -> Sprite:
    """Draw `who` on a transparent picture of `size` (width, height).

    `centre` is where the middle between the eyes falls, in pixels, and `face_width` the width of the face.
    """
    unit = face_width / 2
    pose = Pose(look.yaw, look.pitch, look.roll, centre[0] * SUPERSAMPLE, centre[1] * SUPERSAMPLE, unit * SUPERSAMPLE)
    half = outline(who.shape)
    canvas = Canvas(*size)
    draw_head_and_body(canvas, who, look, pose, half)
    flat, alpha = canvas.finish()
    lit = flat * light_field(who, look, pose, *size)
    return Sprite(lit, alpha, face_truth(who, look, pose, half))


def draw_head_and_body(canvas: Canvas, who: Identity, look: Look, pose: Pose, half: Points) -> None:
    """Draw everything of a person but the arms, back to front."""
    draw_back_hair(canvas, who, pose, half)
    draw_body(canvas, who, look, pose)
    for side in (-1, 1):
        if side * look.yaw >= -0.35:
            draw_ear(canvas, who, pose, half, -side)
    right, left = silhouette(half, pose)
    canvas.polygon(np.vstack([right, left[::-1]]), who.skin)
    draw_marks(canvas, who, pose)
    draw_lines(canvas, who, look, pose)
    draw_beard(canvas, who, pose, half)
    draw_mouth(canvas, who, look, pose)
    draw_moustache(canvas, who, pose)
    draw_nose(canvas, who, look, pose)
    for side in (-1, 1):
        draw_eye(canvas, who, look, pose, side)
        draw_brow(canvas, who, look, pose, side)
    draw_glasses(canvas, who, look, pose)
    draw_front_hair(canvas, who, pose, half)
    draw_braids(canvas, who, pose)


def face_truth(who: Identity, look: Look, pose: Pose, half: Points) -> Truth:
    """Return where the face is."""
    front = half[half[:, 1] >= who.shape.hairline_y]
    edge = np.vstack(silhouette(front, pose)) / SUPERSAMPLE
    (x1, y1), (x2, y2) = edge.min(0), edge.max(0)
    eyes = pose.face(path(eye_centre(who.eyes, -1), eye_centre(who.eyes, 1)))
    points = np.vstack([eyes, nose_tip(who, pose), mouth_corners(who, look, pose)]) / SUPERSAMPLE
    return Truth((float(x1), float(y1), float(x2), float(y2)), tuple((float(x), float(y)) for x, y in points))
