"""Draws the frames of a script, and says where each face is in them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..draw import Posture, between
from ..draw.background import draw_background
from ..draw.colour import scale
from ..draw.figure import KEYPOINTS, locate_face, locate_keypoints
from ..make_class import DESK as WOOD
from .script import FACING_PITCH, FACING_YAW, Role, Script
from .sprites import Sprite, Sprites, look_of


@dataclass(frozen=True)
class Seen:
    """A face or a raised hand in a frame: whose, its box in pixels (x1, y1, x2, y2), whether the face looks at the
    camera, and which share of the box is covered, by one's own arms, too.
    """

    part: Literal["face", "hand"]
    name: str
    box: tuple[float, float, float, float]
    facing: bool
    covered: float


@dataclass
class _Part:
    """A face or hand of the frame that is being drawn, and how much of it shows so far."""

    part: Literal["face", "hand"]
    name: str
    box: tuple[float, float, float, float]
    facing: bool
    shown: float = 1.0


class Camera:
    """Draws frames of a script."""

    def __init__(self, script: Script) -> None:
        """Start with nothing drawn."""
        self._script = script
        self._sprites = Sprites()

    def frames(self, fps: float) -> Iterator[NDArray[np.uint8]]:
        """Yield all frames (H, W, 3), uint8, RGB, in order."""
        for number in range(self.count(fps)):
            yield np.asarray(self.draw(number / fps)[0])

    def count(self, fps: float) -> int:
        """Return how many frames the film has."""
        return math.floor(self._script.duration_s * fps)

    def draw(self, at_s: float, where: bool = False) -> tuple[Image.Image, list[Seen]]:
        """Return the frame of a moment, and where faces and raised hands are in it if asked for."""
        frame, found = self._wall.copy(), list[_Part]()
        rows = len(self._script.desks)
        for row in range(-1, rows + 1):
            own = [role for role in self._script.roles if role.row == row and role.where(at_s) is not None]
            own.sort(key=lambda role: -(role.where(at_s)[2] ** 2))  # type: ignore[index]  # who walks is behind
            laid = []
            for role in own:
                laid += self._put_person(frame, role, at_s, found, where)
            if 0 <= row < rows:
                strip, top = self._desks[row]
                frame.paste(strip, (0, top))
            for sprite, at in laid:
                _put(frame, sprite, at, found)
        return frame, [Seen(each.part, each.name, each.box, each.facing, round(1 - each.shown, 3)) for each in found]

    def _put_person(
        self, frame: Image.Image, role: Role, at_s: float, found: list[_Part], where: bool
    ) -> list[tuple[Sprite, tuple[int, int]]]:
        """Draw a person; the arms that lie on the desk are returned, with where to draw them."""
        place = role.where(at_s)
        assert place is not None
        at = (round(place[0]), round(place[1]))
        head, postures = role.head(at_s, place[2]), role.posture(at_s)
        behind = self._sprites.arms(role, postures, "behind")
        before = self._sprites.arms(role, postures, "before")
        on_desk = self._sprites.arms(role, postures, "on_desk")
        if behind is not None:
            _put(frame, behind, at, found)
        _put(frame, self._sprites.trunk(role, head), at, found)
        if where:
            box = locate_face(role.who, look_of(role, head), at, role.face_width).box
            if 0 <= (box[0] + box[2]) / 2 < self._script.width:
                facing = abs(head.yaw) <= FACING_YAW and abs(head.pitch) <= FACING_PITCH
                found.append(_Part("face", role.name, box, facing))
        if before is not None:
            _put(frame, before, at, found)
        if where:
            found += [_Part("hand", role.name, box, False) for box in _raised_hands(role, at, postures)]
        return [] if on_desk is None else [(on_desk, at)]

    @cached_property
    def _wall(self) -> Image.Image:
        room = self._script.room
        wall = draw_background(room.background, room.background_seed, self._script.width, self._script.height)
        return Image.fromarray(np.asarray(np.clip(wall, 0, 1) * 255, dtype=np.uint8))

    @cached_property
    def _desks(self) -> list[tuple[Image.Image, int]]:
        """The rows of desks, with how far each is from the picture's top."""
        desks = []
        for desk in self._script.desks:
            top, bottom = round(desk.top), round(desk.bottom)
            strip = Image.new("RGB", (self._script.width, max(1, bottom - top)), scale(WOOD, 0.72))
            strip.paste(WOOD, (0, 0, self._script.width, max(2, (bottom - top) // 5)))
            desks.append((strip, top))
        return desks


def _raised_hands(
    role: Role, at: tuple[int, int], postures: tuple[Posture, Posture, float]
) -> list[tuple[float, float, float, float]]:
    """Return the boxes of the hands whose wrist is above the nose, in an act in which hands are raised."""
    posture = between(*postures)
    if not postures[1].raised:
        return []
    points = locate_keypoints(role.who, role.look, posture, at, role.face_width)
    half, nose = 0.3 * role.face_width, points[KEYPOINTS.index("nose"), 1]
    wrists = [points[KEYPOINTS.index(f"{side}_wrist")] for side in ("left", "right")]
    return [(x - half, y - 1.6 * half, x + half, y + 0.4 * half) for x, y, _ in wrists if y < nose]


def _put(frame: Image.Image, sprite: Sprite, at: tuple[int, int], found: list[_Part]) -> None:
    """Draw a part of a person whose point between the eyes is `at`; it hides what it covers of faces and hands."""
    x, y = at[0] + sprite.corner[0], at[1] + sprite.corner[1]
    frame.paste(sprite.colours, (x, y), sprite.alpha)
    for face in found:
        left, top, right, bottom = (round(edge) for edge in face.box)
        part = sprite.alpha.crop((left - x, top - y, right - x, bottom - y))
        if part.getbbox() is not None:
            face.shown *= 1 - float(np.asarray(part, dtype=np.float32).mean()) / 255
