"""One person with arms, from the hips or the desk up, with where the joints are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from .arms import Arm, draw_arm, hip, joints
from .body import body_placer
from .canvas import SUPERSAMPLE, Canvas
from .geometry import Points, Pose, outline, path, width_at
from .identity import Identity
from .light import light_field
from .look import Look
from .person import Truth, draw_head_and_body, face_truth
from .posture import Posture

KEYPOINTS = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)
"""COCO's names and order; left is the person's own, at the right of the picture of who looks at us."""

ABSENT, HIDDEN, VISIBLE = 0.0, 1.0, 2.0
"""A keypoint that is outside the picture or below the desk; one behind something; one that is seen."""

Floats = NDArray[np.float32]
_ORDER = ("behind", "trunk", "before", "on_desk")
_OWNERS = ("trunk",) * 5 + ("left", "right") * 3 + ("trunk",) * 6
"""Which part each keypoint is on."""

_EDGE = 0.5
"""The alpha from which something hides what is behind it."""


@dataclass(frozen=True)
class Plane:
    """Part of a picture: colour (H, W, 3) premultiplied by alpha (H, W, 1), float32 in 0..1."""

    colour: Floats
    alpha: Floats

    def over(self, behind: Plane) -> Plane:
        """Return this plane drawn over another."""
        through = 1 - self.alpha
        return Plane(self.colour + behind.colour * through, self.alpha + behind.alpha * through)


@dataclass(frozen=True)
class _Part:
    """The trunk with the head, or an arm."""

    layer: str
    name: str
    plane: Plane


@dataclass(frozen=True)
class Figure:
    """A drawn person with arms.

    `body` is everything but the arms that lie on the desk, which are `on_desk`, drawn after the desk; None when there
    are none. `keypoints` (17, 3), float64, are x and y in pixels and the visibility, in the order of KEYPOINTS;
    knees and ankles are absent. `above_desk` (17,) are the keypoints that a desk before the person does not hide.
    """

    body: Plane
    on_desk: Plane | None
    truth: Truth
    keypoints: NDArray[np.float64]
    above_desk: NDArray[np.bool_]

    def whole(self) -> Plane:
        """Return all of the person, without a desk."""
        return self.body if self.on_desk is None else self.on_desk.over(self.body)


def draw_figure(
    who: Identity, look: Look, posture: Posture, centre: tuple[float, float], face_width: float, size: tuple[int, int]
) -> Figure:
    """Draw `who` with arms on a transparent picture of `size` (width, height).

    `centre` is where the middle between the eyes falls, in pixels, and `face_width` the width of the face.
    """
    arms = [
        _Part(arm.layer, name, draw_one_arm(who, look, arm, side, posture.sleeve, centre, face_width, size))
        for name, arm, side in (("right", posture.right, -1), ("left", posture.left, 1))
    ]
    parts = sorted(
        [_Part("trunk", "trunk", draw_trunk(who, look, centre, face_width, size)), *arms],
        key=lambda part: _ORDER.index(part.layer),
    )
    points = locate_keypoints(who, look, posture, centre, face_width)
    for place, name in enumerate(_OWNERS):
        own = next(number for number, part in enumerate(parts) if part.name == name)
        if "shoulder" in KEYPOINTS[place]:  # where an arm behind leaves the trunk is seen on the trunk
            own = max(own, next(number for number, part in enumerate(parts) if part.name == "trunk"))
        for later in parts[own + 1 :]:
            hide(points[place : place + 1], later.plane.alpha)
    leave_out(points, *size)
    laid = [part.name for part in parts if part.layer == "on_desk"]
    return Figure(
        _stack([part.plane for part in parts if part.layer != "on_desk"]),
        _stack([part.plane for part in parts if part.layer == "on_desk"]) if laid else None,
        locate_face(who, look, centre, face_width),
        points,
        np.array([name in laid for name in _OWNERS]),
    )


def draw_trunk(
    who: Identity, look: Look, centre: tuple[float, float], face_width: float, size: tuple[int, int]
) -> Plane:
    """Draw all of a person but the arms; see `draw_figure`."""
    pose = _pose(look, centre, face_width)
    canvas = Canvas(*size)
    draw_head_and_body(canvas, who, look, pose, outline(who.shape))
    flat, alpha = canvas.finish()
    return Plane(flat * light_field(who, look, pose, *size), alpha)


def draw_one_arm(
    who: Identity,
    look: Look,
    arm: Arm,
    side: int,
    sleeve: float,
    centre: tuple[float, float],
    face_width: float,
    size: tuple[int, int],
) -> Plane:
    """Draw one arm of a person, at `side` -1 (image left) or +1; see `draw_figure` and `draw_arm`."""
    pose = _pose(look, centre, face_width)
    canvas = Canvas(*size)
    draw_arm(canvas, who, look, arm, side, sleeve, body_placer(pose))
    flat, alpha = canvas.finish()
    return Plane(flat * light_field(who, look, pose, *size, spots=False), alpha)


def locate_face(who: Identity, look: Look, centre: tuple[float, float], face_width: float) -> Truth:
    """Return where the face is of a person who is drawn so."""
    return face_truth(who, look, _pose(look, centre, face_width), outline(who.shape))


def _pose(look: Look, centre: tuple[float, float], face_width: float) -> Pose:
    """Return the head's pose on a canvas."""
    scale = SUPERSAMPLE * face_width / 2
    return Pose(look.yaw, look.pitch, look.roll, centre[0] * SUPERSAMPLE, centre[1] * SUPERSAMPLE, scale)


def hide(keypoints: NDArray[np.float64], alpha: Floats, corner: tuple[int, int] = (0, 0)) -> None:
    """Mark, in place, visible keypoints (N, 3) as hidden where `alpha` (H, W, 1) covers them.

    `corner` is where the alpha's first pixel is, x and y.
    """
    height, width = alpha.shape[:2]
    across = np.floor(keypoints[:, 0]).astype(int) - corner[0]
    down = np.floor(keypoints[:, 1]).astype(int) - corner[1]
    inside = (across >= 0) & (across < width) & (down >= 0) & (down < height) & (keypoints[:, 2] == VISIBLE)
    covered = np.zeros(len(keypoints), dtype=bool)
    covered[inside] = alpha[down[inside], across[inside], 0] > _EDGE
    keypoints[covered, 2] = HIDDEN


def leave_out(keypoints: NDArray[np.float64], width: int, height: int) -> None:
    """Mark, in place, keypoints (N, 3) outside a picture as absent, and put absent ones at 0, 0, as COCO does."""
    x, y = keypoints[:, 0], keypoints[:, 1]
    keypoints[(x < 0) | (x >= width) | (y < 0) | (y >= height) | (keypoints[:, 2] == ABSENT)] = 0.0


def _stack(planes: Sequence[Plane]) -> Plane:
    """Return planes drawn over each other, the first one lowest."""
    return reduce(lambda below, plane: plane.over(below), planes)


def locate_keypoints(
    who: Identity, look: Look, posture: Posture, centre: tuple[float, float], face_width: float
) -> NDArray[np.float64]:
    """Return the keypoints (17, 3) of a person who is drawn so, whatever hides them; ears turned away are hidden."""
    pose, half = _pose(look, centre, face_width), outline(who.shape)
    put, face = body_placer(pose), face_truth(who, look, pose, half)
    right_eye, left_eye, nose = face.points[:3]
    ears = [_ear(who, pose, half, side) for side in (1, -1)]
    arms = {side: put(joints(who, arm, side)) / SUPERSAMPLE for arm, side in ((posture.left, 1), (posture.right, -1))}
    hips = [put(hip(who, side))[0] / SUPERSAMPLE for side in (1, -1)]
    places = [nose, left_eye, right_eye, *ears]
    places += [arms[side][joint] for joint in range(3) for side in (1, -1)]
    points = np.zeros((len(KEYPOINTS), 3))
    points[:13, :2] = [*places, *hips]
    points[:13, 2] = VISIBLE
    points[3, 2] = VISIBLE if _ear_is_drawn(look, 1) else HIDDEN
    points[4, 2] = VISIBLE if _ear_is_drawn(look, -1) else HIDDEN
    return points


def _ear_is_drawn(look: Look, side: int) -> bool:
    return -side * look.yaw >= -0.35


def _ear(who: Identity, pose: Pose, half: Points, side: int) -> Points:
    """Return the middle of an ear (2,), in pixels."""
    edge = path((side * (width_at(half, 0.15) + 0.5 * who.shape.ear_out), 0.12))
    return np.asarray(pose.project(edge[:, 0], edge[:, 1], np.full(1, -0.06))[0] / SUPERSAMPLE)
