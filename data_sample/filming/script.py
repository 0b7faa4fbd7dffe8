"""What happens in a film: who comes, where they sit, what they do when. Times are seconds of the film."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np

from ..draw import Identity, Look, Posture, between
from ..draw.arms import joints

MOVING_S = 0.5
"""How long arms take from a posture to another."""

TURNING_S = 0.4
"""How long a head takes to turn away, or back."""

STANDING = 1.9
"""How much higher the eyes of a person who stands are, in face widths."""

FACING_YAW, FACING_PITCH = 0.6, 0.4
"""Up to these angles a face is said to look at the camera."""

_WALKING_YAW = 0.7


@dataclass(frozen=True)
class Waypoint:
    """Where a person is at a moment: `x` in pixels, `lift` 1 standing, 0 seated."""

    at_s: float
    x: float
    lift: float


@dataclass(frozen=True)
class Act:
    """Something that a person does for a while: a posture, or turning the head to `yaw` and `pitch`, or both."""

    kind: str
    from_s: float
    to_s: float
    posture: Posture | None = None
    yaw: float | None = None
    pitch: float | None = None

    @property
    def away(self) -> bool:
        """Whether the face is turned away from the camera."""
        return abs(self.yaw or 0.0) > FACING_YAW or abs(self.pitch or 0.0) > FACING_PITCH


@dataclass(frozen=True)
class Span:
    """From when to when something is so."""

    from_s: float
    to_s: float


@dataclass(frozen=True)
class Head:
    """How a head is held: angles in radians as in `Look`, and whether the eyes are shut for a moment."""

    yaw: float
    pitch: float
    blinks: bool


@dataclass(frozen=True)
class Role:
    """One person of a film.

    `matricula` is None for strangers; `name` is unique in the film. `row` counts the desks' rows from behind; people
    with the number of rows pass before all desks. `y` is the height of the eyes when seated, in pixels, `rest` is
    what the arms do otherwise, `walking` while the person stands. Each path is a stay, from its first waypoint to its
    last one.
    """

    name: str
    matricula: str | None
    who: Identity
    look: Look
    row: int
    y: float
    face_width: float
    rest: Posture
    walking: Posture
    paths: tuple[tuple[Waypoint, ...], ...]
    acts: tuple[Act, ...] = ()
    sways: tuple[float, ...] = field(default=(0.0, 0.0, 0.0, 0.0))

    def where(self, at_s: float) -> tuple[float, float, float] | None:
        """Return x and y of the eyes in pixels, and the direction of walking (-1, 0, 1); None when not there."""
        path = self._path(at_s)
        if path is None:
            return None
        times = [point.at_s for point in path]
        x = float(np.interp(at_s, times, [point.x for point in path]))
        lift = self._lift(at_s)
        after = min(max(bisect_right(times, at_s), 1), len(path) - 1)
        step = path[after].x - path[after - 1].x
        y = self.y - STANDING * self.face_width * lift
        if abs(step) > 1:
            return x, y - 0.05 * self.face_width * abs(math.sin(11 * at_s)), math.copysign(1, step)
        a, b, c, d = self.sways
        x += 0.05 * self.face_width * (math.sin(0.7 * at_s + a) + math.sin(1.9 * at_s + b))
        return x, y + 0.025 * self.face_width * (math.sin(0.9 * at_s + c) + math.sin(2.3 * at_s + d)), 0.0

    def _path(self, at_s: float) -> tuple[Waypoint, ...] | None:
        return next((path for path in self.paths if path[0].at_s <= at_s <= path[-1].at_s), None)

    def _lift(self, at_s: float) -> float:
        """Return how far the person stands, 0..1."""
        path = self._path(at_s) or ()
        return float(np.interp(at_s, [point.at_s for point in path], [point.lift for point in path])) if path else 0.0

    def head(self, at_s: float, walking: float) -> Head:
        """Return how the head is held, walking to a side or not."""
        a, b, c, d = self.sways
        yaw = 0.2 * math.sin(0.55 * at_s + b) + 0.1 * math.sin(1.7 * at_s + c)
        pitch = 0.05 + 0.09 * math.sin(0.8 * at_s + d)
        if walking:
            yaw = walking * _WALKING_YAW
        act, share = self._turned(at_s)
        if act is not None:
            yaw += share * ((yaw if act.yaw is None else act.yaw) - yaw)
            pitch += share * ((pitch if act.pitch is None else act.pitch) - pitch)
        return Head(yaw, pitch, math.sin(1.3 * at_s + a) > 0.985)

    def _turned(self, at_s: float) -> tuple[Act | None, float]:
        """Return the act that turns the head, and how far it has turned it, 0..1."""
        for act in self.acts:
            if act.from_s <= at_s <= act.to_s and (act.yaw is not None or act.pitch is not None):
                return act, min(1.0, (at_s - act.from_s) / TURNING_S, (act.to_s - at_s) / TURNING_S)
        return None, 0.0

    def posture(self, at_s: float) -> tuple[Posture, Posture, float]:
        """Return the posture that the arms come from, the one they go to, and how far they are, 0..1."""
        for act in self.acts:
            if act.posture is not None and act.from_s <= at_s <= act.to_s:
                return self.rest, act.posture, _eased(min(at_s - act.from_s, act.to_s - at_s) / MOVING_S)
        return self.rest, self.walking, self._lift(at_s)

    @cached_property
    def raises(self) -> tuple[Span, ...]:
        """From when to when a wrist is above the nose in an act in which a hand is raised."""
        return tuple(self._raised(act) for act in self.acts if act.posture is not None and act.posture.raised)

    def _raised(self, act: Act) -> Span:
        assert act.posture is not None
        steps = np.linspace(0, 1, 26)
        up = next(step for step in steps if self._wrist_is_up(between(self.rest, act.posture, _eased(float(step)))))
        return Span(act.from_s + float(up) * MOVING_S, act.to_s - float(up) * MOVING_S)

    def _wrist_is_up(self, posture: Posture) -> bool:
        nose = self.who.middle.nose_y
        return any(joints(self.who, arm, side)[2, 1] < nose for arm, side in ((posture.right, -1), (posture.left, 1)))


@dataclass(frozen=True)
class DeskRow:
    """A row of desks across the picture, in pixels from its top."""

    top: float
    bottom: float


@dataclass(frozen=True)
class Script:
    """A whole film: its size in pixels, its length, its room, and its people, those behind first.

    `roster` are the matriculas of the class that is filmed, those who do not come included. Who is first seen after
    `late_after_s` is late.
    """

    width: int
    height: int
    duration_s: float
    seed: int
    clase: str
    roster: tuple[str, ...]
    late_after_s: float
    room: Look
    desks: tuple[DeskRow, ...]
    roles: tuple[Role, ...]

    def seen(self, role: Role) -> list[Span]:
        """Return from when to when the middle of a person's face is inside the picture."""
        spans = []
        for path in role.paths:
            inside = [self._inside(first, last) for first, last in pairwise(path)]
            spans += [span for span in inside if span is not None]
        joined: list[Span] = []
        for span in spans:
            if joined and span.from_s - joined[-1].to_s < 1e-6:
                joined[-1] = Span(joined[-1].from_s, span.to_s)
            else:
                joined.append(span)
        return [Span(span.from_s, min(span.to_s, self.duration_s)) for span in joined if span.from_s < self.duration_s]

    def _inside(self, first: Waypoint, last: Waypoint) -> Span | None:
        """Return when between two waypoints x is inside the picture."""
        if last.x == first.x:
            return Span(first.at_s, last.at_s) if 0 <= first.x < self.width else None
        ends = sorted((edge - first.x) / (last.x - first.x) for edge in (0, self.width))
        low, high = max(0.0, ends[0]), min(1.0, ends[1])
        if low >= high:
            return None
        length = last.at_s - first.at_s
        return Span(first.at_s + low * length, first.at_s + high * length)


def _eased(share: float) -> float:
    """Return a share of a movement, slow at both ends."""
    share = min(1.0, max(0.0, share))
    return share * share * (3 - 2 * share)
