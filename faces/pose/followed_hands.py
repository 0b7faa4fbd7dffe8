"""The raised hands of faces that are followed through a film or before a camera."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from faces.image.decode import RGB
from faces.pose.keypoints import Keypoints
from faces.pose.raised_hands import RaiseRule, RaiseTracker
from faces.pose.reader import PoseReader

_IDLE_S = 0.9
"""Whoever has no hand up is looked at once in so many seconds: in every second frame of a film."""


class FollowedRaise(NamedTuple):
    """A raise of a followed face.

    Attributes:
        track: number of the face.
        from_s, to_s: as :class:`faces.pose.raised_hands.Raise`.
    """

    track: int
    from_s: float
    to_s: float


@dataclass(slots=True)
class _Followed:
    """What is known of one face; ``looked_s``: when the model last looked at its body."""

    tracker: RaiseTracker
    looked_s: float = -math.inf


class FollowedHands:
    """Looks for raised hands below followed faces. To be used by one thread at a time.

    Whoever has no hand up is not looked at in every frame.
    """

    def __init__(self, reader: PoseReader, rule: RaiseRule | None = None) -> None:
        """Look with a pose pack, by a rule."""
        self._reader, self._rule = reader, rule or RaiseRule()
        self._followed: dict[int, _Followed] = {}
        self._ended: list[FollowedRaise] = []
        self._now = -math.inf

    def see(self, at_s: float, pixels: RGB, tracks: Sequence[int], boxes: NDArray[np.float32]) -> None:
        """Take in a frame.

        Args:
            at_s: when it is, in seconds.
            pixels: RGB uint8 (h, w, 3).
            tracks: whose the faces are that it shows, each number once.
            boxes: float32 (n, 4), their boxes in pixels.

        Raises:
            ValueError: the time is before that of the frame before.
        """
        if not at_s >= self._now:
            raise ValueError(f"a frame at {at_s} s comes after one at {self._now} s")
        self._now = at_s
        due = [
            (self._of(track), track, (x1, y1, x2, y2))
            for track, (x1, y1, x2, y2) in zip(tracks, boxes.tolist(), strict=True)
            if self._is_due(at_s, track)
        ]
        found = self._reader.keypoints(pixels, [face for _, _, face in due])
        for (followed, track, _), keypoints in zip(due, found, strict=True):
            followed.looked_s = at_s
            self._note(track, followed, at_s, keypoints)
        for track in self._followed.keys() - set(tracks):
            self._miss(track, at_s)

    def current(self) -> list[FollowedRaise]:
        """The raises that go on, each once it is sure to be one."""
        return [
            FollowedRaise(track, each.from_s, each.to_s)
            for track, followed in self._followed.items()
            if (each := followed.tracker.current) is not None
        ]

    def raises(self) -> list[FollowedRaise]:
        """Every raise so far, those that go on too, in order of their beginning."""
        return sorted([*self._ended, *self.current()], key=lambda each: (each.from_s, each.track))

    def _of(self, track: int) -> _Followed:
        return self._followed.setdefault(track, _Followed(RaiseTracker(self._rule)))

    def _is_due(self, at_s: float, track: int) -> bool:
        """Whether the model is to look at a body now."""
        followed = self._followed.get(track)
        return followed is None or not followed.tracker.is_idle or at_s - followed.looked_s >= _IDLE_S

    def _note(self, track: int, followed: _Followed, at_s: float, keypoints: Keypoints | None) -> None:
        ended = followed.tracker.see(at_s, keypoints)
        if ended is not None:
            self._ended.append(FollowedRaise(track, ended.from_s, ended.to_s))

    def _miss(self, track: int, at_s: float) -> None:
        """A face that is not in the frame; it is forgotten when no hand of it is up."""
        followed = self._followed[track]
        self._note(track, followed, at_s, None)
        if followed.tracker.is_idle:
            del self._followed[track]
