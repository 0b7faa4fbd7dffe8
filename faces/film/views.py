"""The best views of one track: few, good, and spread over its time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faces.alignment import cut_box
from faces.film.values import FilmView
from faces.image.decode import RGB
from faces.image.jpeg_copy import jpeg_copy
from faces.quality import Quality
from faces.reading import AlignedFace
from faces.surroundings import AROUND, Box, box_in, surroundings

MOST_VIEWS = 6
"""Views that a track keeps; so many are embedded at most."""
ONE_FACE = 0.5
"""Views of a track are of one face if their mean cosine is at least this part of that which makes two photos so."""
_APART_S = 1.0
"""Seconds of the parts of a track's time, at first: views of one part show the same."""
_THUMBNAIL = 128
"""Pixels per side of a thumbnail."""
_LARGE, _SHARP, _TURNED = 80.0, 60.0, 1.2
"""A face is not recognised better when it is larger (pixels) or sharper; it is hardly recognised when so far turned."""


@dataclass(frozen=True, slots=True, eq=False)
class TrackView:
    """A view of a track that may be embedded: the aligned face, and what is shown of it."""

    aligned: AlignedFace
    shown: FilmView


def view_quality(quality: Quality) -> float:
    """How good a view of a face is, 0 to 1: the product of what size, sharpness, pose and light give."""
    size = min(quality.size / _LARGE, 1.0)
    sharp = min(quality.sharpness / _SHARP, 1.0) ** 0.5
    frontal = max(0.0, 1.0 - abs(quality.yaw) / _TURNED)
    level = max(0.2, 1.0 - abs(quality.roll) / 60.0)
    light = max(0.2, 1.0 - abs(quality.brightness - 128.0) / 128.0)
    return float(size * sharp * frontal * level * light**0.5 * quality.detection_score)


class BestViews:
    """The views of a track that are worth to be embedded: the best one of each part of its time.

    The parts are a second long, and twice as long whenever there are too many. So a track is shown from its beginning
    to its end, in case that it passed to somebody else.
    """

    def __init__(self) -> None:
        self._by_part: dict[int, TrackView] = {}
        self._first_s: float | None = None
        self._part_s = _APART_S

    @property
    def views(self) -> list[TrackView]:
        """The views, in order of time."""
        return list(self._by_part.values())

    def offer(self, at_s: float, aligned: AlignedFace, pixels: RGB) -> None:
        """Take in a later view."""
        if self._first_s is None:
            self._first_s = at_s
        quality, part = view_quality(aligned.quality), int((at_s - self._first_s) / self._part_s)
        if part in self._by_part and self._by_part[part].shown.quality >= quality:
            return
        x1, y1, x2, y2 = (float(edge) for edge in aligned.face.box)
        picture = thumbnail(pixels, aligned.face.box)
        view = FilmView(at_s, (x1, y1, x2, y2), quality, picture, measured=aligned.quality)
        self._by_part[part] = TrackView(aligned, view)
        while len(self._by_part) > MOST_VIEWS:
            self._part_s *= 2
            halved: dict[int, TrackView] = {}
            for number, each in self._by_part.items():
                better = halved.setdefault(number // 2, each)
                if each.shown.quality > better.shown.quality:
                    halved[number // 2] = each
            self._by_part = halved


def thumbnail(pixels: RGB, box: NDArray[np.float32]) -> bytes:
    """A face and what is around it, JPEG, at most 128 pixels per side."""
    centre = (box[:2] + box[2:]) / 2
    half = _side(box) * (0.5 + AROUND)
    square = np.concatenate([centre - half, centre + half])
    return jpeg_copy(cut_box(pixels, square, _thumbnail_side(box), 0.0))


def box_in_thumbnail(box: NDArray[np.float32], height: int, width: int) -> Box:
    """Where the box of a face of a frame of (height, width) lies in its thumbnail."""
    size = _thumbnail_side(box)
    return box_in(box, surroundings(box, height, width), size, size)


def _side(box: NDArray[np.float32]) -> float:
    return max(1.0, float(max(box[2:] - box[:2])))


def _thumbnail_side(box: NDArray[np.float32]) -> int:
    return int(min(_THUMBNAIL, max(16.0, _side(box) * (1 + 2 * AROUND))))


def fused(vectors: NDArray[np.float32], qualities: Sequence[float]) -> NDArray[np.float32]:
    """One template of several views of a face, float32 (d,) of length 1: their mean, each weighted by its quality.

    Args:
        vectors: float32 (n, d) unit rows.
        qualities: of the views; those near 0 count a little, too.
    """
    weights = np.maximum(np.asarray(qualities, dtype=np.float32), 0.05)
    total = (vectors * weights[:, None]).sum(axis=0)
    return np.asarray(total / np.linalg.norm(total), dtype=np.float32)


def one_face(vectors: NDArray[np.float32], alike: float) -> list[list[int]]:
    """The views of a track by the face that they show, in groups; one group where the track followed one face.

    Groups whose vectors have at least the mean cosine ``alike`` are joined, the most alike first.

    Args:
        vectors: float32 (n, d) unit rows.
        alike: the mean cosine.
    """
    groups = [[number] for number in range(len(vectors))]
    cosines = vectors @ vectors.T
    while len(groups) > 1:
        best, pair = -2.0, (0, 0)
        for one in range(len(groups)):
            for other in range(one + 1, len(groups)):
                mean = float(cosines[np.ix_(groups[one], groups[other])].mean())
                if mean > best:
                    best, pair = mean, (one, other)
        if best < alike:
            break
        groups[pair[0]] += groups.pop(pair[1])
    return [sorted(group) for group in groups]
