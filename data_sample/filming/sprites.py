"""Drawn parts of people, each drawn once and used in every frame that needs it."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..draw import Look, Posture, between
from ..draw.arms import Arm, Layer
from ..draw.figure import Plane, draw_one_arm, draw_trunk
from .script import Head, Role

YAW_STEP, PITCH_STEP, ARM_STEPS = 0.12, 0.15, 5
"""Heads are drawn at angles that far apart, arms at so many places on their way from a posture to another."""

_BESIDE, _ABOVE, _BELOW = 3.6, 3.2, 5.4
"""How far a person goes from between the eyes, in face widths."""

_HEAD_BESIDE, _HEAD_ABOVE = 1.7, 1.6
_KEPT = 2500
"""Most parts in memory, some 40 kB each at 640 x 480."""


@dataclass(frozen=True)
class Sprite:
    """A part of a person: its colours, how much of them shows, and where its corner is from between the eyes."""

    colours: Image.Image
    alpha: Image.Image
    corner: tuple[int, int]


class Sprites:
    """Draws the parts of the people of one film."""

    def __init__(self) -> None:
        """Start with nothing drawn."""
        self._drawn: OrderedDict[Hashable, Sprite | None] = OrderedDict()

    def trunk(self, role: Role, head: Head) -> Sprite:
        """Return head and body of a person."""
        yaw, pitch = round(head.yaw / YAW_STEP), round(head.pitch / PITCH_STEP)
        sprite = self._kept(
            (role.name, yaw, pitch, head.blinks),
            lambda: _trunk(role, Head(yaw * YAW_STEP, pitch * PITCH_STEP, head.blinks)),
        )
        assert sprite is not None
        return sprite

    def arms(self, role: Role, postures: tuple[Posture, Posture, float], layer: Layer) -> Sprite | None:
        """Return the arms of a person that are on a layer; None when there are none."""
        first, second, share = postures
        step = round(share * ARM_STEPS)
        return self._kept(
            (role.name, first, second if step else None, step, layer),
            lambda: _arms(role, between(first, second, step / ARM_STEPS), layer),
        )

    def _kept(self, key: Hashable, draw: Callable[[], Sprite | None]) -> Sprite | None:
        if key in self._drawn:
            self._drawn.move_to_end(key)
            return self._drawn[key]
        sprite = self._drawn[key] = draw()
        if len(self._drawn) > _KEPT:
            self._drawn.popitem(last=False)
        return sprite


def look_of(role: Role, head: Head) -> Look:
    """Return a person's look with the head held so."""
    return dataclasses.replace(role.look, yaw=head.yaw, pitch=head.pitch, eye_open=0.15 if head.blinks else 1.0)


def _trunk(role: Role, head: Head) -> Sprite:
    face = role.face_width
    centre = (round(_HEAD_BESIDE * face), round(_HEAD_ABOVE * face))
    size = (2 * centre[0], centre[1] + round(_BELOW * face))
    sprite = _cut(draw_trunk(role.who, look_of(role, head), centre, face, size), centre)
    assert sprite is not None
    return sprite


def _arms(role: Role, posture: Posture, layer: Layer) -> Sprite | None:
    pairs: list[tuple[Arm, int]] = [(posture.right, -1), (posture.left, 1)]
    own = [(arm, side) for arm, side in pairs if arm.layer == layer]
    if not own:
        return None
    face = role.face_width
    centre = (round(_BESIDE * face), round(_ABOVE * face))
    size = (2 * centre[0], centre[1] + round(_BELOW * face))
    planes = [draw_one_arm(role.who, role.look, arm, side, posture.sleeve, centre, face, size) for arm, side in own]
    return _cut(planes[0] if len(planes) == 1 else planes[1].over(planes[0]), centre)


def _cut(plane: Plane, centre: tuple[int, int]) -> Sprite | None:
    """Return what shows of a plane whose `centre` is between the eyes; None when nothing does."""
    alpha = plane.alpha[:, :, 0]
    rows, columns = np.flatnonzero(alpha.max(1) > 0), np.flatnonzero(alpha.max(0) > 0)
    if not len(rows):
        return None
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    part = alpha[top:bottom, left:right]
    flat = plane.colour[top:bottom, left:right] / np.maximum(part, np.float32(1e-3))[:, :, None]
    corner = (int(left) - centre[0], int(top) - centre[1])
    return Sprite(Image.fromarray(_bytes(flat)), Image.fromarray(_bytes(part)), corner)


def _bytes(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    return np.asarray(np.clip(values, 0, 1) * 255 + 0.5, dtype=np.uint8)
