"""The raised hands of faces that are followed through a film or before a camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from faces.image.decode import RGB
from faces.image.jpeg_copy import jpeg_copy
from faces.opencv import cv2
from faces.pose.keypoints import Box, Keypoints
from faces.pose.neighbourhood import Crop, cut
from faces.pose.raised_hands import Raise, RaiseRule, RaiseTracker
from faces.pose.reader import PoseReader

_CELL, _STILL = 8, 6.0
"""A crop is as it was when no cell of so many pixels per side changed by more levels: a hand takes half a cell."""

_NEAR = 0.1
"""A face that moved by less, in sides of its box, may be where it was: a detector's boxes tremble."""

_THUMBNAIL = 224


class FollowedRaise(NamedTuple):
    """A raise of a followed face.

    Attributes:
        track: number of the face.
        from_s, to_s: as :class:`faces.pose.raised_hands.Raise`.
        thumbnail: the person when it was sure, JPEG; empty unless asked for.
    """

    track: int
    from_s: float
    to_s: float
    thumbnail: bytes


@dataclass(slots=True)
class _Followed:
    """What is known of one face: the last crop that was looked at, its cells and what was found in it."""

    tracker: RaiseTracker
    crop: Crop | None = None
    cells: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0, 3), np.float32))
    keypoints: Keypoints | None = None
    thumbnail: bytes = b""


class FollowedHands:
    """Looks for raised hands below followed faces. To be used by one thread at a time.

    The model is run where something changed since the last look.
    """

    def __init__(self, reader: PoseReader, rule: RaiseRule | None = None, thumbnails: bool = False) -> None:
        """Look with a pose pack, by a rule; with ``thumbnails`` each raise keeps a picture of the person."""
        self._reader, self._rule, self._thumbnails = reader, rule or RaiseRule(), thumbnails
        self._followed: dict[int, _Followed] = {}
        self._ended: list[FollowedRaise] = []

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
        found = self._keypoints(pixels, [self._of(track) for track in tracks], boxes)
        seen = dict(zip(tracks, found, strict=True))
        for track, followed in list(self._followed.items()):
            self._note(track, followed, at_s, pixels, seen.get(track))

    def current(self) -> list[FollowedRaise]:
        """The raises that go on, each once it is sure to be one."""
        return [
            FollowedRaise(track, each.from_s, each.to_s, followed.thumbnail)
            for track, followed in self._followed.items()
            if (each := followed.tracker.current) is not None
        ]

    def raises(self) -> list[FollowedRaise]:
        """Every raise so far, those that go on too, in order of their beginning."""
        return sorted([*self._ended, *self.current()], key=lambda each: (each.from_s, each.track))

    def _of(self, track: int) -> _Followed:
        return self._followed.setdefault(track, _Followed(RaiseTracker(self._rule)))

    def _keypoints(self, pixels: RGB, people: Sequence[_Followed], boxes: NDArray[np.float32]) -> list[Keypoints]:
        """What each person shows; the model looks only at those where something changed."""
        changed: list[tuple[_Followed, Crop]] = []
        for followed, (x1, y1, x2, y2) in zip(people, boxes.tolist(), strict=True):
            face: Box = (x1, y1, x2, y2)
            if not self._is_still(pixels, followed, face):
                changed.append((followed, self._reader.cut(pixels, face)))
        found = self._reader.find([crop for _, crop in changed])
        for (followed, crop), keypoints in zip(changed, found, strict=True):
            followed.crop, followed.cells, followed.keypoints = crop, _cells(crop.pixels), keypoints
        return [each.keypoints for each in people if each.keypoints is not None]

    def _is_still(self, pixels: RGB, followed: _Followed, face: Box) -> bool:
        """Whether the last crop of a person would look now as it did."""
        if followed.crop is None or followed.keypoints is None:
            return False
        moved = np.abs(np.subtract(face, followed.crop.face)).max()
        if moved > _NEAR * followed.keypoints.face_side:
            return False
        now = self._reader.cut(pixels, followed.crop.face)
        return float(np.abs(_cells(now.pixels) - followed.cells).max()) <= _STILL

    def _note(self, track: int, followed: _Followed, at_s: float, pixels: RGB, keypoints: Keypoints | None) -> None:
        was = followed.tracker.current
        ended = followed.tracker.see(at_s, keypoints)
        if ended is not None:
            self._keep(track, followed, ended)
        elif keypoints is not None and was is None and followed.tracker.current is not None and self._thumbnails:
            followed.thumbnail = jpeg_copy(cut(pixels, keypoints.face, _THUMBNAIL, _THUMBNAIL).pixels)
        if keypoints is None and followed.tracker.is_idle:
            del self._followed[track]

    def _keep(self, track: int, followed: _Followed, ended: Raise) -> None:
        self._ended.append(FollowedRaise(track, ended.from_s, ended.to_s, followed.thumbnail))
        followed.thumbnail = b""


def _cells(pixels: RGB) -> NDArray[np.float32]:
    """The mean levels of a crop's cells, float32 (rows, columns, 3)."""
    rows, columns = pixels.shape[0] // _CELL, pixels.shape[1] // _CELL
    return np.asarray(cv2.resize(pixels, (columns, rows), interpolation=cv2.INTER_AREA), dtype=np.float32)
