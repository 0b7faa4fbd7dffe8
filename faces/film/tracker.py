"""Tracks: faces that are followed from frame to frame, each with the best views of it so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from faces.film.tracks import continued, distances
from faces.film.views import BestViews, TrackView
from faces.image.decode import RGB
from faces.liveness.values import LivenessScore
from faces.reading import AlignedFace

Embed = Callable[[Sequence[AlignedFace]], NDArray[np.float32]]
"""Templates of aligned faces, float32 (n, d) unit rows."""

Judge = Callable[[Sequence[AlignedFace]], Sequence[LivenessScore | None]]
"""How live aligned faces look, in their order."""


def unjudged(faces: Sequence[AlignedFace]) -> Sequence[LivenessScore | None]:
    """A :data:`Judge` where liveness is not asked."""
    return [None] * len(faces)


GAP_S = 3.0
"""A track ends when its face was not found for longer."""
_OF_BEST = 0.25
"""Views of a track that are worse than this part of its best one are not embedded."""
_LEAST, _LEAST_ALONE = 0.01, 0.2
"""A track without a view of this quality shows no face that could be told from another; the greater number is for one
that was seen only once, which may be no face."""

Look = tuple[float, NDArray[np.float32]]
"""When a face was seen, and its box, float32 (4,)."""


@dataclass(eq=False)
class Track:
    """A face that is followed.

    Attributes:
        number: of the track among all of a film or camera.
        looks: when and where it was seen.
        best: its best views.
    """

    number: int
    looks: list[Look] = field(default_factory=list)
    best: BestViews = field(default_factory=BestViews)

    @property
    def last(self) -> Look:
        """When and where its face was last seen."""
        return self.looks[-1]

    def worth_embedding(self) -> list[TrackView]:
        """The views that say whose face it is, in order of time; none when no one could tell."""
        best = max(view.shown.quality for view in self.best.views)
        if best < (_LEAST if len(self.looks) > 1 else _LEAST_ALONE):
            return []
        return [view for view in self.best.views if view.shown.quality >= _OF_BEST * best]


class Tracker:
    """Follows faces through frames that come in order. Not safe to use from several threads.

    Attributes:
        open: the tracks that may go on.
    """

    def __init__(self) -> None:
        self.open: list[Track] = []
        self._next = 0

    def see(self, at_s: float, pixels: RGB, faces: Sequence[AlignedFace]) -> tuple[list[Track], list[Track]]:
        """Take in the faces of a frame: the track of each, and the tracks that have ended."""
        ended = [track for track in self.open if at_s - track.last[0] > GAP_S]
        self.open = [track for track in self.open if track not in ended]
        boxes = np.array([face.face.box for face in faces], dtype=np.float32).reshape(-1, 4)
        before = np.array([track.last[1] for track in self.open], dtype=np.float32).reshape(-1, 4)
        unseen = np.array([at_s - track.last[0] for track in self.open])
        given, unclear = continued(distances(before, unseen, boxes))
        known = [self.open[given[place]] if place in given else None for place in range(len(faces))]
        ended += [self.open[place] for place in unclear]
        self.open = [track for place, track in enumerate(self.open) if place not in unclear]
        tracks = []
        for face, box, found in zip(faces, boxes, known, strict=True):
            track = found or self._begun()
            track.looks.append((at_s, box))
            track.best.offer(at_s, face, pixels)
            tracks.append(track)
        return tracks, ended

    def end(self) -> list[Track]:
        """End all tracks: those that were open."""
        ended, self.open = self.open, []
        return ended

    def _begun(self) -> Track:
        track = Track(self._next)
        self._next += 1
        self.open.append(track)
        return track
