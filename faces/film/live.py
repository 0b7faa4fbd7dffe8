"""Faces before a camera: of whom there is enough to decide by, while they are there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faces.embedder import EmbeddedFace
from faces.film.tracker import Embed, Judge, Track, Tracker, unjudged
from faces.film.views import ONE_FACE, fused, one_face
from faces.image.decode import RGB
from faces.liveness.evidence import evidence_of
from faces.reading import AlignedFace

_FIRST_LOOKS, _MORE_OFTEN, _SETTLED = 3, 2, 8
"""A face is decided by when it was seen so often; then when it was seen so many times as often, and so on, and when it
goes. One that is settled is looked at again more seldom, in case that somebody else sits there by then."""


@dataclass(frozen=True, slots=True)
class LiveFace:
    """Someone before a camera who can be decided now.

    Attributes:
        track: number of the track.
        face: where it was seen last, with one template of its best views so far, and how live these look together.
    """

    track: int
    face: EmbeddedFace


@dataclass
class _Followed:
    """What is known of an open track: its last face, after how many looks it is due next, and was decided last."""

    aligned: AlignedFace
    due: int = _FIRST_LOOKS
    decided: int = 0
    is_settled: bool = False


class LiveFaces:
    """Follows faces before one camera. Not safe to use from several threads."""

    def __init__(self, embed: Embed, same: float, judge: Judge = unjudged) -> None:
        """Follow faces; see :class:`faces.film.following.FaceFollower`."""
        self._embed, self._same, self._judge = embed, same, judge
        self._tracker = Tracker()
        self._followed: dict[int, _Followed] = {}

    def see(self, at_s: float, pixels: RGB, faces: Sequence[AlignedFace]) -> tuple[list[int], list[LiveFace]]:
        """Take in the faces of a frame: the number of the track of each, and who can be decided now."""
        tracks, ended = self._tracker.see(at_s, pixels, faces)
        for track, face in zip(tracks, faces, strict=True):
            self._followed.setdefault(track.number, _Followed(face)).aligned = face
        ripe = [each for track in ended if (each := self._at_its_end(track)) is not None]
        ripe += [each for track in tracks if self._is_due(track) and (each := self._decidable(track)) is not None]
        return [track.number for track in tracks], ripe

    def settle(self, track: int) -> None:
        """It is known whose face a track is."""
        if track in self._followed:
            followed = self._followed[track]
            followed.is_settled, followed.due = True, _SETTLED * followed.decided

    def _is_due(self, track: Track) -> bool:
        return len(track.looks) >= self._followed[track.number].due

    def _at_its_end(self, track: Track) -> LiveFace | None:
        """A track that has ended and is not settled, if it was seen more often than when it was last decided."""
        followed = self._followed[track.number]
        more = not followed.is_settled and len(track.looks) > followed.decided
        found = self._decidable(track) if more else None
        del self._followed[track.number]
        return found

    def _decidable(self, track: Track) -> LiveFace | None:
        followed = self._followed[track.number]
        followed.decided, followed.due = len(track.looks), _MORE_OFTEN * len(track.looks)
        views = track.worth_embedding()
        if not views:
            return None
        vectors: NDArray[np.float32] = self._embed([view.aligned for view in views])
        last = next(group for group in one_face(vectors, ONE_FACE * self._same) if len(views) - 1 in group)
        template = fused(vectors[last], [views[place].shown.quality for place in last])
        liveness = evidence_of(self._judge([views[place].aligned for place in last]))
        seen = followed.aligned
        return LiveFace(
            track.number, EmbeddedFace(seen.face, seen.quality, template, liveness=liveness, picture=seen.picture)
        )
