"""Faces followed through a film: tracks from frame to frame, and appearances: tracks that are one face.

A track is embedded once, when it ends, from its best views. A view that is unlike the others ends up on its own: the
track had passed from one person to another. A track then joins the appearance that it resembles as much as two photos
of one person do, unless both were seen at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from faces.film.tracker import GAP_S, Embed, Judge, Look, Track, Tracker, unjudged
from faces.film.tracks import distances, joined, overlap
from faces.film.values import FilmAppearance, FilmView
from faces.film.views import ONE_FACE, TrackView, fused, one_face
from faces.image.decode import RGB
from faces.reading import AlignedFace

_MOST_VIEWS = 5
"""Views that an appearance keeps, the best."""
_CLOSE_BY, _BETWEEN = 0.6, 0.3
"""The part of that likeness that is enough for a track that begins soon after, and near, where another one ended; and
for one that does so on both sides of it: someone sat there, and looked away."""
_FASTER = 3.0
"""How many times faster a face may move there than within a track."""
_MOST_PIECES = 4000
"""Pieces that are compared with each other, those that were seen most often: memory grows with the square."""
_PIECE_S = 10.0
"""Spans of an appearance that are nearer to each other are one."""


@dataclass(eq=False)
class _Piece:
    """What is one face for certain: a track, or the part of one."""

    track: int
    views: list[FilmView]
    vectors: NDArray[np.float32]
    spans: list[tuple[float, float]]
    looks: list[Look]

    def vector(self) -> NDArray[np.float32]:
        return fused(self.vectors, [view.quality for view in self.views])


class FaceFollower:
    """Follows faces through the frames of one film, in order. Not safe to use from several threads."""

    def __init__(self, embed: Embed, same: float, judge: Judge = unjudged) -> None:
        """Follow faces.

        Args:
            embed: makes templates.
            same: the cosine from which two templates are taken for one person's.
            judge: says how live the views look that are embedded.
        """
        self._embed, self._judge = embed, judge
        self._same = same
        self._tracker = Tracker()
        self._pieces: list[_Piece] = []

    def see(self, at_s: float, pixels: RGB, faces: Sequence[AlignedFace]) -> list[int]:
        """Take in the faces of a frame; the number of the track of each."""
        tracks, ended = self._tracker.see(at_s, pixels, faces)
        self._keep(ended)
        return [track.number for track in tracks]

    def finish(self) -> tuple[tuple[FilmAppearance, ...], Callable[[int, float], int | None]]:
        """End all tracks: the appearances in order of first sight, and what says which one a track was at a time."""
        self._keep(self._tracker.end())
        groups = self._linked()
        groups.sort(key=lambda group: min(piece.spans[0][0] for piece in group))
        appearances = tuple(_appearance(group) for group in groups)

        def whose(track: int, at_s: float) -> int | None:
            for number, group in enumerate(groups):
                for piece in group:
                    if piece.track == track and any(start <= at_s <= end for start, end in piece.spans):
                        return number
            return None

        return appearances, whose

    def _keep(self, ended: Sequence[Track]) -> None:
        for track in ended:
            if views := track.worth_embedding():
                self._pieces += self._divided(track, views)

    def _divided(self, track: Track, views: Sequence[TrackView]) -> list[_Piece]:
        """The pieces of a track, a new one wherever its views begin to show another face."""
        vectors = self._embed([view.aligned for view in views])
        scores = self._judge([view.aligned for view in views])
        judged = [replace(view.shown, liveness=score) for view, score in zip(views, scores, strict=True)]
        groups = one_face(vectors, ONE_FACE * self._same)
        face_of = {place: face for face, group in enumerate(groups) for place in group}
        order = [face_of[place] for place in range(len(views))]
        nearest = _nearest_views([at_s for at_s, _ in track.looks], [view.shown.at_s for view in views], order)
        pieces = []
        for _, run in groupby(zip(track.looks, nearest, strict=True), key=lambda entry: face_of[entry[1]]):
            looks, places = zip(*run, strict=True)
            shown = sorted(set(places))
            spans = list(joined([(at_s, at_s) for at_s, _ in looks], GAP_S))
            views_of = [judged[each] for each in shown]
            pieces.append(_Piece(track.number, views_of, vectors[shown], spans, list(looks)))
        return pieces

    def _linked(self) -> list[list[_Piece]]:
        """The pieces in groups of one face each: the two most alike that may be one are joined, until none are."""
        self._pieces.sort(key=lambda piece: -len(piece.looks))
        del self._pieces[_MOST_PIECES:]
        groups = [[piece] for piece in self._pieces]
        if not groups:
            return []
        sums = np.array([piece.vector() * len(piece.looks) ** 0.5 for piece in self._pieces], dtype=np.float32)
        apart, follows = _seen_at_once(self._pieces), _follows(self._pieces)
        units = _units(sums)
        surplus = np.where(apart, -np.inf, units @ units.T - self._same * _needed(follows, follows.T))
        while True:
            one, other = (int(place) for place in np.unravel_index(int(surplus.argmax()), surplus.shape))
            if not surplus[one, other] >= 0:
                break
            groups[one] += groups[other]
            groups[other] = []
            sums[one] += sums[other]
            apart[one] |= apart[other]
            apart[:, one] = apart[one]
            follows[one] |= follows[other]
            follows[:, one] |= follows[:, other]
            surplus[other], surplus[:, other] = -np.inf, -np.inf
            lost = apart[one] | np.array([not group for group in groups])
            alike = _units(sums) @ _units(sums[one : one + 1])[0]
            row = np.where(lost, -np.inf, alike - self._same * _needed(follows[one], follows[:, one]))
            surplus[one], surplus[:, one] = row, row
        return [group for group in groups if group]


def _nearest_views(looks: Sequence[float], views: Sequence[float], faces: Sequence[int]) -> list[int]:
    """The view that each look of a track belongs to: the nearest in time.

    Views of another face than those before and after them, which are one face, show somebody who passed in front: only
    looks from the first to the last of them belong to them.

    Args:
        looks: when the track was seen.
        views: when its views are, in order.
        faces: of which face each view is.
    """
    times = np.array(views)
    runs = [[place for place, _ in run] for _, run in groupby(enumerate(faces), key=lambda entry: entry[1])]
    passing = [
        run for before, run, after in zip(runs, runs[1:], runs[2:], strict=False) if faces[before[0]] == faces[after[0]]
    ]
    found = []
    for at_s in looks:
        far = np.abs(times - at_s)
        for run in passing:
            if not times[run[0]] <= at_s <= times[run[-1]]:
                far[run] = np.inf
        found.append(int(far.argmin()))
    return found


def _units(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def _needed(before: NDArray[np.bool_], after: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The part of the usual likeness that is needed where one goes on with another, before it or after it, or both."""
    return np.where(before & after, _BETWEEN, np.where(before | after, _CLOSE_BY, 1.0))


def _follows(pieces: Sequence[_Piece]) -> NDArray[np.bool_]:
    """Whether the second piece begins soon after, and near, where the first one ends: bool (n, n)."""
    first, last = (np.array([piece.looks[place][0] for piece in pieces]) for place in (0, -1))
    gaps = first[None, :] - last[:, None]
    found = np.zeros(gaps.shape, dtype=bool)
    for one, other in np.argwhere((gaps > 0) & (gaps <= GAP_S)).tolist():
        begins, ends = pieces[other].looks[0][1][None, :], pieces[one].looks[-1][1][None, :]
        found[one, other] = np.isfinite(distances(ends, gaps[one : one + 1, other], begins, _FASTER)).all()
    return found


def _seen_at_once(pieces: Sequence[_Piece]) -> NDArray[np.bool_]:
    """Which pieces were seen at once, so that they are two faces: bool (n, n)."""
    first = np.array([piece.spans[0][0] for piece in pieces])
    last = np.array([piece.spans[-1][1] for piece in pieces])
    apart = (first[:, None] <= last) & (first <= last[:, None])  # each with itself, too
    for one, other in np.argwhere(np.triu(apart, 1)).tolist():
        apart[one, other] = apart[other, one] = overlap(pieces[one].spans, pieces[other].spans)
    return apart


def _appearance(pieces: Sequence[_Piece]) -> FilmAppearance:
    entries = [(view, vector) for piece in pieces for view, vector in zip(piece.views, piece.vectors, strict=True)]
    entries.sort(key=lambda entry: -entry[0].quality)
    kept = entries[:_MOST_VIEWS]
    views = tuple(view for view, _ in kept)
    vector = fused(np.array([vector for _, vector in kept], dtype=np.float32), [view.quality for view in views])
    spans = joined([span for piece in pieces for span in piece.spans], _PIECE_S)
    return FilmAppearance(vector, views, spans, sum(len(piece.looks) for piece in pieces))
